-- The queue. A job commits with the rows that it is about.
CREATE TABLE jobs (
    id           BLOB NOT NULL PRIMARY KEY,
    tenant       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    dedupe_key   TEXT,
    priority     BIGINT NOT NULL,
    run_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    lease_holder TEXT,
    lease_end    BIGINT,
    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'dead', 'cancelled')),
    last_error   TEXT,
    trace_id     TEXT,
    created_at   BIGINT NOT NULL,
    finished_at  BIGINT
);
CREATE UNIQUE INDEX jobs_unfinished ON jobs (tenant, kind, dedupe_key) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_claim ON jobs (state, kind, priority DESC, run_at, id);
CREATE INDEX jobs_due ON jobs (state, run_at);
CREATE INDEX jobs_lease ON jobs (state, lease_end);
CREATE INDEX jobs_finished ON jobs (finished_at);
