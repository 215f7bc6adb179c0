-- Experiments, and which conversation was in which arm of one.
CREATE TABLE experiments (
    id         BLOB NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('holdout', 'ranker', 'threshold', 'entry')),
    status     TEXT NOT NULL CHECK (status IN ('draft', 'running', 'stopped')),
    metric     TEXT NOT NULL CHECK (metric IN ('success_rate', 'satisfaction', 'cost', 'turns', 'duration')),
    arms       TEXT NOT NULL,
    filter     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    stopped_at BIGINT
);
CREATE INDEX experiments_created ON experiments (tenant, created_at, id);
CREATE INDEX experiments_status ON experiments (tenant, status);

-- A conversation as the agent named it: by the caller's id or by ours, which then stands beside it. It need not be there yet.
CREATE TABLE experiment_assignments (
    experiment_id    BLOB NOT NULL REFERENCES experiments (id),
    conversation_ref TEXT NOT NULL,
    conversation_id  BLOB,
    tenant           TEXT NOT NULL,
    arm              TEXT NOT NULL,
    assigned_at      BIGINT NOT NULL,
    PRIMARY KEY (experiment_id, conversation_ref)
);
CREATE INDEX experiment_assignments_conversation ON experiment_assignments (tenant, conversation_ref);
CREATE INDEX experiment_assignments_arm ON experiment_assignments (experiment_id, arm);
