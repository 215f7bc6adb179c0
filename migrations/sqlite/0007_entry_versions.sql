-- What people did to the knowledge base: the rate that they gave, what learning must leave as it is, and every version.
ALTER TABLE knowledge_entries ADD COLUMN prior_rate DOUBLE PRECISION;
ALTER TABLE knowledge_entries ADD COLUMN curated_title BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE knowledge_entries ADD COLUMN curated_content BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE knowledge_entries ADD COLUMN curated_phrases BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE knowledge_entries ADD COLUMN curated_status BOOLEAN NOT NULL DEFAULT FALSE;

-- An entry as it was after each step. The words of one that quotes conversations go when such a conversation is erased;
-- who did what and when stays.
CREATE TABLE entry_versions (
    entry_id    BLOB NOT NULL REFERENCES knowledge_entries (id),
    version     BIGINT NOT NULL,
    tenant      TEXT NOT NULL,
    step        TEXT NOT NULL CHECK (step IN ('created', 'learned', 'edited', 'retired', 'restored')),
    quotes      BOOLEAN NOT NULL,
    snapshot    TEXT,
    editor_key  BLOB,
    editor_name TEXT,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (entry_id, version)
);
