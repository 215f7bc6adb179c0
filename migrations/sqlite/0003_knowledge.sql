-- What was learned. Evidence and exemplars name conversations without a foreign key: retention removes conversations
-- and keeps what was learned from them; only erasure removes both.
CREATE TABLE knowledge_entries (
    id               BLOB NOT NULL PRIMARY KEY,
    tenant           TEXT NOT NULL,
    knowledge_type   TEXT NOT NULL CHECK (knowledge_type IN ('faq', 'response_pattern', 'objection_handling')),
    category         TEXT NOT NULL,
    intent           TEXT,
    title            TEXT NOT NULL,
    content          TEXT NOT NULL,
    search_text      TEXT NOT NULL,
    language         TEXT NOT NULL,
    status           TEXT NOT NULL CHECK (status IN ('candidate', 'quarantined', 'shadow', 'live', 'suspect', 'retired')),
    status_reason    TEXT,
    origin           TEXT NOT NULL CHECK (origin IN ('learned', 'curator', 'import')),
    alpha            DOUBLE PRECISION NOT NULL,
    beta             DOUBLE PRECISION NOT NULL,
    uses             BIGINT NOT NULL,
    evidence_count   BIGINT NOT NULL,
    pipeline_version BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE INDEX knowledge_entries_created ON knowledge_entries (tenant, created_at, id);
CREATE INDEX knowledge_entries_status ON knowledge_entries (tenant, status, knowledge_type);

CREATE TABLE exemplars (
    id              BLOB NOT NULL PRIMARY KEY,
    tenant          TEXT NOT NULL,
    entry_id        BLOB NOT NULL REFERENCES knowledge_entries (id),
    text            TEXT NOT NULL,
    language        TEXT NOT NULL,
    conversation_id BLOB,
    turn            BIGINT,
    created_at      BIGINT NOT NULL
);
-- The tenant stands second: foreign keys look for the entry alone, queries for both, and SQLite takes the index of which
-- it can use more columns.
CREATE INDEX exemplars_entry ON exemplars (entry_id, tenant, created_at);
CREATE INDEX exemplars_tenant ON exemplars (tenant, id);

-- Every place where an exemplar was said: erasing one conversation keeps what another one said too.
CREATE TABLE exemplar_sources (
    exemplar_id     BLOB NOT NULL REFERENCES exemplars (id),
    conversation_id BLOB NOT NULL,
    turn            BIGINT NOT NULL,
    tenant          TEXT NOT NULL,
    PRIMARY KEY (exemplar_id, conversation_id, turn)
);
CREATE INDEX exemplar_sources_conversation ON exemplar_sources (conversation_id, tenant);

CREATE TABLE evidence (
    entry_id        BLOB NOT NULL REFERENCES knowledge_entries (id),
    conversation_id BLOB NOT NULL,
    answer_turn     BIGINT NOT NULL,
    tenant          TEXT NOT NULL,
    question_turn   BIGINT NOT NULL,
    caller          TEXT NOT NULL,
    success_score   DOUBLE PRECISION NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('successful', 'unsuccessful', 'partial', 'unknown', 'excluded')),
    PRIMARY KEY (entry_id, conversation_id, answer_turn)
);
CREATE INDEX evidence_conversation ON evidence (conversation_id, tenant);

CREATE TABLE cases (
    id         BLOB NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('near_duplicate', 'contradiction', 'quarantined')),
    entry_id   BLOB NOT NULL REFERENCES knowledge_entries (id),
    other_id   BLOB REFERENCES knowledge_entries (id),
    detail     TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX cases_created ON cases (tenant, created_at, id);
CREATE INDEX cases_entry ON cases (entry_id, tenant);
CREATE INDEX cases_other ON cases (other_id, tenant);
