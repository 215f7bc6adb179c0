-- How conversations ended, as each source told it, under the caller's id of the conversation: it may still be running.
CREATE TABLE outcomes (
    tenant           TEXT NOT NULL,
    conversation_ref TEXT NOT NULL,
    source           TEXT NOT NULL CHECK (source IN ('caller', 'platform', 'judge', 'rule')),
    outcome          TEXT NOT NULL CHECK (outcome IN ('successful', 'unsuccessful', 'partial', 'unknown', 'excluded')),
    satisfaction     BIGINT CHECK (satisfaction BETWEEN 1 AND 5),
    confidence       DOUBLE PRECISION NOT NULL,
    told_at          BIGINT NOT NULL,
    PRIMARY KEY (tenant, conversation_ref, source)
);

-- Entries that were shown and then said. Without a foreign key: like evidence, uses outlive the conversation.
CREATE TABLE entry_uses (
    tenant           TEXT NOT NULL,
    entry_id         BLOB NOT NULL,
    use_key          TEXT NOT NULL,
    source           TEXT NOT NULL CHECK (source IN ('conversation', 'caller')),
    retrieval_id     BLOB,
    conversation_ref TEXT,
    success          DOUBLE PRECISION,
    used_at          BIGINT NOT NULL,
    PRIMARY KEY (tenant, entry_id, use_key)
);
CREATE INDEX entry_uses_conversation ON entry_uses (tenant, conversation_ref);
CREATE INDEX entry_uses_used ON entry_uses (tenant, used_at);

-- What became of an exposure: NULL while its conversation has not come.
ALTER TABLE exposures ADD COLUMN used BOOLEAN;
