-- Entries that were taken over from elsewhere: what they were then, so that taking them over again changes only what
-- changed there and no person has changed here.
CREATE TABLE imported_entries (
    entry_id     BLOB NOT NULL PRIMARY KEY REFERENCES knowledge_entries (id),
    tenant       TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    version      BIGINT NOT NULL,
    imported_at  BIGINT NOT NULL
);
