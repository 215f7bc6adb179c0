-- For what the end of every conversation looks up: uses by their key, and what was shown for one retrieval of an entry.
CREATE INDEX entry_uses_key ON entry_uses (tenant, use_key);
DROP INDEX exposures_entry;
CREATE INDEX exposures_entry ON exposures (entry_id, retrieval_id);
