-- What was asked on each turn, and what was shown for it.
CREATE TABLE retrievals (
    id               UUID NOT NULL PRIMARY KEY,
    tenant           TEXT NOT NULL,
    conversation_ref TEXT,
    turn             BIGINT,
    utterance        TEXT NOT NULL,
    language         TEXT,
    model            TEXT NOT NULL,
    abstained        BOOLEAN NOT NULL,
    reason           TEXT,
    top_similarity   DOUBLE PRECISION,
    total_us         BIGINT NOT NULL,
    created_at       BIGINT NOT NULL
);
CREATE INDEX retrievals_conversation ON retrievals (tenant, conversation_ref);
CREATE INDEX retrievals_created ON retrievals (tenant, created_at, id);

CREATE TABLE exposures (
    retrieval_id UUID NOT NULL REFERENCES retrievals (id),
    rank         BIGINT NOT NULL,
    tenant       TEXT NOT NULL,
    entry_id     UUID NOT NULL,
    exemplar_id  UUID,
    score        DOUBLE PRECISION NOT NULL,
    similarity   DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (retrieval_id, rank)
);
CREATE INDEX exposures_entry ON exposures (entry_id);
