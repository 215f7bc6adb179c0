-- Every entry that was ever written for a gap, also when the gap was opened again since: its exemplars are what users said,
-- and go with their conversations.
CREATE TABLE gap_entries (
    gap_id   BLOB NOT NULL REFERENCES gaps (id),
    entry_id BLOB NOT NULL REFERENCES knowledge_entries (id),
    tenant   TEXT NOT NULL,
    PRIMARY KEY (gap_id, entry_id)
);
CREATE INDEX gap_entries_entry ON gap_entries (entry_id, tenant);
INSERT INTO gap_entries SELECT g.id, e.id, g.tenant FROM gaps g JOIN knowledge_entries e ON e.id = g.entry_id;

-- The conversation of a retrieval that no agent named a conversation for.
CREATE INDEX turns_retrieval ON turns (retrieval_id) WHERE retrieval_id IS NOT NULL;
