-- What was asked and not known, clustered. What users said stands in the retrievals; a title or a draft is quoted here, and
-- goes with its conversation.
CREATE TABLE gaps (
    id                 BLOB NOT NULL PRIMARY KEY,
    tenant             TEXT NOT NULL,
    language           TEXT NOT NULL,
    title              TEXT NOT NULL,
    search_text        TEXT NOT NULL,
    category           TEXT,
    status             TEXT NOT NULL CHECK (status IN ('open', 'accepted', 'dismissed')),
    volume             BIGINT NOT NULL,
    volume_after       BIGINT NOT NULL,
    conversations      BIGINT NOT NULL,
    judged             BIGINT NOT NULL,
    failures           DOUBLE PRECISION NOT NULL,
    cost_usd           DOUBLE PRECISION,
    score_milli        BIGINT NOT NULL,
    draft              TEXT,
    draft_conversation BLOB,
    draft_turn         BIGINT,
    entry_id           BLOB,
    reason             TEXT,
    decided_key        BLOB,
    decided_name       TEXT,
    decided_at         BIGINT,
    first_seen         BIGINT NOT NULL,
    last_seen          BIGINT NOT NULL
);
CREATE INDEX gaps_score ON gaps (tenant, score_milli, id);

-- The retrievals that were looked at, each once; without a gap: small talk. Without a foreign key to the retrievals and
-- conversations, which retention removes.
CREATE TABLE gap_retrievals (
    retrieval_id     BLOB NOT NULL PRIMARY KEY,
    tenant           TEXT NOT NULL,
    gap_id           BLOB REFERENCES gaps (id),
    conversation_ref TEXT,
    conversation_id  BLOB,
    asked_at         BIGINT NOT NULL
);
CREATE INDEX gap_retrievals_gap ON gap_retrievals (gap_id, tenant, asked_at);
CREATE INDEX gap_retrievals_conversation ON gap_retrievals (tenant, conversation_ref);

-- Entries whose success fell are cases, too, each since a moment. SQLite cannot change a CHECK: the table is made anew.
CREATE TABLE new_cases (
    id              BLOB NOT NULL PRIMARY KEY,
    tenant          TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('near_duplicate', 'contradiction', 'quarantined', 'suspect')),
    entry_id        BLOB NOT NULL REFERENCES knowledge_entries (id),
    other_id        BLOB REFERENCES knowledge_entries (id),
    detail          TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    decision        TEXT CHECK (decision IN ('merge', 'keep_entry', 'keep_other', 'keep_both', 'approve', 'reject')),
    decision_reason TEXT,
    decided_key     BLOB,
    decided_name    TEXT,
    decided_at      BIGINT,
    decision_undo   TEXT,
    since           BIGINT
);
INSERT INTO new_cases SELECT id, tenant, kind, entry_id, other_id, detail, created_at, decision, decision_reason,
    decided_key, decided_name, decided_at, decision_undo, NULL FROM cases;
DROP TABLE cases;
ALTER TABLE new_cases RENAME TO cases;
CREATE INDEX cases_created ON cases (tenant, created_at, id);
CREATE INDEX cases_entry ON cases (entry_id, tenant);
CREATE INDEX cases_other ON cases (other_id, tenant);
