-- What days add up to: one row for all of it, one for each agent, category, language and channel, and one for each
-- combination of them (`slice`). A day is told by its first moment and the first behind it. `sums` can be computed again
-- from the rows at any time.
CREATE TABLE metric_rollups (
    tenant   TEXT NOT NULL,
    slice    TEXT NOT NULL CHECK (slice IN ('total', 'agent', 'category', 'language', 'channel', 'cross')),
    low      BIGINT NOT NULL,
    number   BIGINT NOT NULL,
    high     BIGINT NOT NULL,
    agent_id TEXT,
    category TEXT,
    language TEXT,
    channel  TEXT,
    sums     TEXT NOT NULL,
    PRIMARY KEY (tenant, slice, low, number)
);

-- What has changed since: an hour (counted from the epoch), and the conversation whose retrievals lie in other hours. A row
-- for every transaction, never updated, so that writers do not wait for each other and a mark is taken away only by who
-- has seen it.
CREATE TABLE metric_marks (
    id               BLOB NOT NULL DEFAULT (randomblob(16)) PRIMARY KEY,
    tenant           TEXT NOT NULL,
    hour             BIGINT NOT NULL,
    conversation_ref TEXT
);
CREATE INDEX metric_marks_tenant ON metric_marks (tenant);

-- How often a tenant's days were rolled up: two runs at once would overwrite each other.
CREATE TABLE metric_runs (
    tenant TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

-- Entries are counted from the rows, by this alone.
CREATE INDEX knowledge_entries_counted ON knowledge_entries (tenant, created_at, category, language);
