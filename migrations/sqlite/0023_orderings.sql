-- Lists are searched and ordered. What is searched is kept in lower case beside it, as the rows that are written from now on
-- have it; of those that are there, SQL lower-cases what it can.
ALTER TABLE training_records ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE training_records SET search_text = LOWER(summary || char(10) || COALESCE(
    (SELECT group_concat(j.value, char(10)) FROM json_each(training_records.key_phrases) j), '')
    || char(10) || COALESCE((SELECT c.external_id FROM conversations c WHERE c.id = training_records.conversation_id), '')
    || char(10) || COALESCE(call_id, ''));
ALTER TABLE training_sessions ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE training_sessions SET search_text = LOWER(name);
ALTER TABLE experiments ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE experiments SET search_text = LOWER(name);
ALTER TABLE cases ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE cases SET search_text = LOWER(detail);
ALTER TABLE api_keys ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE api_keys SET search_text = LOWER(name);

-- For lists that can be long; the orders by a rate are those of the statements, word for word.
CREATE INDEX training_records_score ON training_records (tenant, (CAST(success_score * 1000000000 AS BIGINT)), id);
CREATE INDEX knowledge_entries_updated ON knowledge_entries (tenant, updated_at, id);
CREATE INDEX knowledge_entries_uses ON knowledge_entries (tenant, uses, id);
CREATE INDEX knowledge_entries_rate ON knowledge_entries
    (tenant, (CAST(alpha / (alpha + beta) * 1000000000 AS BIGINT)), id);
DROP INDEX conversations_started;
CREATE INDEX conversations_started ON conversations (tenant, started_at, id);
