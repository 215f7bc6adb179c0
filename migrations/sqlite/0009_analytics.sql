-- What analytics count, a narrow row beside each training record: the record itself is wide, and its lists and measures
-- are opaque to SQL.
CREATE TABLE record_facts (
    conversation_id    BLOB NOT NULL PRIMARY KEY REFERENCES conversations (id),
    tenant             TEXT NOT NULL,
    started_at         BIGINT NOT NULL,
    agent_id           TEXT NOT NULL,
    channel            TEXT NOT NULL,
    category           TEXT NOT NULL,
    language           TEXT NOT NULL,
    outcome            TEXT NOT NULL CHECK (outcome IN ('successful', 'unsuccessful', 'partial', 'unknown', 'excluded')),
    success_score      DOUBLE PRECISION NOT NULL,
    user_turns         BIGINT NOT NULL,
    agent_turns        BIGINT NOT NULL,
    talk_ratio         DOUBLE PRECISION NOT NULL,
    resolution         DOUBLE PRECISION NOT NULL,
    repetition         DOUBLE PRECISION NOT NULL,
    response_relevance DOUBLE PRECISION NOT NULL
);
CREATE INDEX record_facts_started ON record_facts (tenant, started_at);

-- The key phrases and intents of training records, one a row.
CREATE TABLE record_terms (
    conversation_id BLOB NOT NULL REFERENCES conversations (id),
    kind            TEXT NOT NULL CHECK (kind IN ('phrase', 'intent')),
    term            TEXT NOT NULL,
    tenant          TEXT NOT NULL,
    PRIMARY KEY (conversation_id, kind, term)
);
CREATE INDEX record_terms_term ON record_terms (tenant, kind, term);

CREATE INDEX conversations_started ON conversations (tenant, started_at);

INSERT INTO record_facts SELECT r.conversation_id, r.tenant, c.started_at, r.agent_id, c.channel, r.category, r.language,
    r.outcome, r.success_score, COALESCE(json_extract(r.quality, '$.user_turns'), 0),
    COALESCE(json_extract(r.quality, '$.agent_turns'), 0), COALESCE(json_extract(r.quality, '$.talk_ratio'), 0.0),
    COALESCE(json_extract(r.quality, '$.resolution'), 0.0), COALESCE(json_extract(r.quality, '$.repetition'), 0.0),
    COALESCE(json_extract(r.quality, '$.response_relevance'), 0.0)
    FROM training_records r JOIN conversations c ON c.id = r.conversation_id;
INSERT INTO record_terms (conversation_id, kind, term, tenant)
    SELECT DISTINCT r.conversation_id, 'phrase', j.value, r.tenant FROM training_records r, json_each(r.key_phrases) j;
INSERT INTO record_terms (conversation_id, kind, term, tenant)
    SELECT DISTINCT r.conversation_id, 'intent', j.value, r.tenant FROM training_records r, json_each(r.user_intents) j;
