-- Finished conversations as they were received, and what analysis found in them.
CREATE TABLE conversations (
    id                BLOB NOT NULL PRIMARY KEY,
    tenant            TEXT NOT NULL,
    external_id       TEXT NOT NULL,
    call_id           TEXT,
    caller_hash       TEXT,
    agent_id          TEXT NOT NULL,
    channel           TEXT NOT NULL,
    language          TEXT,
    category          TEXT,
    started_at        BIGINT NOT NULL,
    ended_at          BIGINT NOT NULL,
    outcome           TEXT CHECK (outcome IN ('successful', 'unsuccessful', 'partial', 'unknown', 'excluded')),
    satisfaction      BIGINT CHECK (satisfaction BETWEEN 1 AND 5),
    prompt_tokens     BIGINT,
    completion_tokens BIGINT,
    cost_usd          DOUBLE PRECISION,
    metadata          TEXT NOT NULL,
    content_hash      TEXT NOT NULL,
    burst_count       BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('received', 'processing', 'processed', 'failed')),
    failure           TEXT,
    received_at       BIGINT NOT NULL,
    processed_at      BIGINT
);
CREATE UNIQUE INDEX conversations_external ON conversations (tenant, external_id);
CREATE INDEX conversations_received ON conversations (tenant, received_at, id);
CREATE INDEX conversations_status ON conversations (tenant, status, received_at);

CREATE TABLE turns (
    conversation_id BLOB NOT NULL REFERENCES conversations (id),
    ordinal         BIGINT NOT NULL,
    tenant          TEXT NOT NULL,
    speaker         TEXT NOT NULL CHECK (speaker IN ('user', 'agent', 'system', 'tool')),
    text            TEXT NOT NULL,
    said_at         BIGINT,
    retrieval_id    BLOB,
    PRIMARY KEY (conversation_id, ordinal)
);

CREATE TABLE training_records (
    id                 BLOB NOT NULL PRIMARY KEY,
    tenant             TEXT NOT NULL,
    conversation_id    BLOB NOT NULL REFERENCES conversations (id),
    call_id            TEXT,
    agent_id           TEXT NOT NULL,
    summary            TEXT NOT NULL,
    key_phrases        TEXT NOT NULL,
    user_intents       TEXT NOT NULL,
    category           TEXT NOT NULL,
    outcome            TEXT NOT NULL CHECK (outcome IN ('successful', 'unsuccessful', 'partial', 'unknown', 'excluded')),
    outcome_source     TEXT NOT NULL CHECK (outcome_source IN ('caller', 'platform', 'judge', 'rule')),
    outcome_confidence DOUBLE PRECISION NOT NULL,
    success_score      DOUBLE PRECISION NOT NULL,
    quality            TEXT NOT NULL,
    reasons            TEXT NOT NULL,
    learning           TEXT NOT NULL,
    language           TEXT NOT NULL,
    pipeline_version   BIGINT NOT NULL,
    created_at         BIGINT NOT NULL
);
CREATE UNIQUE INDEX training_records_conversation ON training_records (conversation_id);
CREATE INDEX training_records_created ON training_records (tenant, created_at, id);
CREATE INDEX training_records_category ON training_records (tenant, category, created_at, id);

CREATE TABLE chunks (
    id              BLOB NOT NULL PRIMARY KEY,
    tenant          TEXT NOT NULL,
    conversation_id BLOB NOT NULL REFERENCES conversations (id),
    ordinal         BIGINT NOT NULL,
    first_turn      BIGINT NOT NULL,
    last_turn       BIGINT NOT NULL,
    text            TEXT NOT NULL
);
CREATE UNIQUE INDEX chunks_conversation ON chunks (conversation_id, tenant, ordinal);
CREATE INDEX chunks_tenant ON chunks (tenant, id);
