-- What was asked and not known, clustered. What users said stands in the retrievals; a title or a draft is quoted here, and
-- goes with its conversation.
CREATE TABLE gaps (
    id                 UUID NOT NULL PRIMARY KEY,
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
    draft_conversation UUID,
    draft_turn         BIGINT,
    entry_id           UUID,
    reason             TEXT,
    decided_key        UUID,
    decided_name       TEXT,
    decided_at         BIGINT,
    first_seen         BIGINT NOT NULL,
    last_seen          BIGINT NOT NULL
);
CREATE INDEX gaps_score ON gaps (tenant, score_milli, id);

-- The retrievals that were looked at, each once; without a gap: small talk. Without a foreign key to the retrievals and
-- conversations, which retention removes.
CREATE TABLE gap_retrievals (
    retrieval_id     UUID NOT NULL PRIMARY KEY,
    tenant           TEXT NOT NULL,
    gap_id           UUID REFERENCES gaps (id),
    conversation_ref TEXT,
    conversation_id  UUID,
    asked_at         BIGINT NOT NULL
);
CREATE INDEX gap_retrievals_gap ON gap_retrievals (gap_id, tenant, asked_at);
CREATE INDEX gap_retrievals_conversation ON gap_retrievals (tenant, conversation_ref);

-- Entries whose success fell are cases, too, each since a moment.
ALTER TABLE cases DROP CONSTRAINT cases_kind_check;
ALTER TABLE cases ADD CONSTRAINT cases_kind_check
    CHECK (kind IN ('near_duplicate', 'contradiction', 'quarantined', 'suspect'));
ALTER TABLE cases ADD COLUMN since BIGINT;
