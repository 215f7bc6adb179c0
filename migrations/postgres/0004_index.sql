-- What the vector index holds. A generation is shared by all tenants, so it alone has no tenant.
CREATE TABLE generations (
    name       TEXT NOT NULL PRIMARY KEY,
    model      TEXT NOT NULL,
    dimension  BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- A row is here exactly when that point was upserted and flushed in that generation with its present payload.
CREATE TABLE index_marks (
    generation TEXT NOT NULL REFERENCES generations (name),
    collection TEXT NOT NULL CHECK (collection IN ('exemplars', 'chunks')),
    point_id   UUID NOT NULL,
    tenant     TEXT NOT NULL,
    PRIMARY KEY (generation, collection, point_id)
);
CREATE INDEX index_marks_point ON index_marks (point_id);

-- Points that must leave every generation; written by the transaction that erases their text.
CREATE TABLE erased_points (
    collection TEXT NOT NULL CHECK (collection IN ('exemplars', 'chunks')),
    point_id   UUID NOT NULL,
    tenant     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (collection, point_id)
);
CREATE INDEX erased_points_tenant ON erased_points (tenant, created_at);
