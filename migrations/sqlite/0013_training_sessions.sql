-- Work on many conversations that somebody started, and how far it is.
CREATE TABLE training_sessions (
    id          BLOB NOT NULL PRIMARY KEY,
    tenant      TEXT NOT NULL,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('process_new', 'relearn', 'refresh_metrics')),
    status      TEXT NOT NULL CHECK (status IN ('scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    run_at      BIGINT NOT NULL,
    cron        TEXT,
    selection   TEXT NOT NULL,
    done        BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    entries     BIGINT NOT NULL,
    exemplars   BIGINT NOT NULL,
    records     BIGINT NOT NULL,
    place       TEXT,
    walked      BOOLEAN NOT NULL,
    failure     TEXT,
    created_at  BIGINT NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT
);
CREATE INDEX training_sessions_created ON training_sessions (tenant, created_at, id);

-- The conversations that a session learns from. Without a foreign key to them: erasure does not rewrite what was done.
CREATE TABLE training_session_items (
    session_id      BLOB NOT NULL REFERENCES training_sessions (id),
    conversation_id BLOB NOT NULL,
    tenant          TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    error           TEXT,
    PRIMARY KEY (session_id, conversation_id)
);
CREATE INDEX training_session_items_conversation ON training_session_items (conversation_id, state);
CREATE INDEX training_session_items_state ON training_session_items (session_id, state);
