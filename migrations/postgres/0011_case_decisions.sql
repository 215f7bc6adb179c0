-- What a curator decided about a case, and what taking that back needs: ids and states, never words.
ALTER TABLE cases ADD COLUMN decision TEXT
    CHECK (decision IN ('merge', 'keep_entry', 'keep_other', 'keep_both', 'approve', 'reject'));
ALTER TABLE cases ADD COLUMN decision_reason TEXT;
ALTER TABLE cases ADD COLUMN decided_key UUID;
ALTER TABLE cases ADD COLUMN decided_name TEXT;
ALTER TABLE cases ADD COLUMN decided_at BIGINT;
ALTER TABLE cases ADD COLUMN decision_undo JSONB;

-- For the list of jobs. The tenant stands last, so that no look-up of a tenant's few unfinished jobs takes this index and
-- walks through all that it ever had.
CREATE INDEX jobs_created ON jobs (created_at, id, tenant);
