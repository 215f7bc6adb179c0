-- What is done again and again: work of the pipeline, and sessions that people put on a schedule. `work` has no list of
-- words here: kinds of jobs come and go, and the code reads them.
CREATE TABLE schedules (
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    work       TEXT NOT NULL,
    session_id UUID REFERENCES training_sessions (id),
    cron       TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    next_run   BIGINT,
    last_run   BIGINT,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX schedules_due ON schedules (next_run);
CREATE INDEX schedules_session ON schedules (session_id, tenant);

-- When it was given up that the conversation of an exposure comes; a late one takes that back.
ALTER TABLE exposures ADD COLUMN expired_at BIGINT;
CREATE INDEX exposures_waiting ON exposures (tenant, retrieval_id) WHERE used IS NULL AND expired_at IS NULL;
CREATE INDEX exposures_expired ON exposures (tenant, expired_at) WHERE expired_at IS NOT NULL;
CREATE INDEX entry_uses_retrieval ON entry_uses (retrieval_id, entry_id, tenant);
