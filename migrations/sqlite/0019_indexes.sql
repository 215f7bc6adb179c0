-- Lists and distributions of a tenant with a million exposures behind it: what filters, counts and groups is in an index, so
-- that the wide rows are read for one page alone. Each index takes the place of a narrower one that began alike.
DROP INDEX conversations_received;
CREATE INDEX conversations_received ON conversations (tenant, received_at, id, status, agent_id, channel, started_at,
    outcome, category, language);
DROP INDEX conversations_status;
CREATE INDEX conversations_status ON conversations (tenant, status, received_at, id);

DROP INDEX training_records_created;
CREATE INDEX training_records_created ON training_records (tenant, created_at, id, category, outcome, language, agent_id,
    success_score);

-- In the order in which analytics group, with all that they add up.
CREATE INDEX record_facts_groups ON record_facts (tenant, outcome, category, language, channel, started_at, agent_id,
    success_score, user_turns, agent_turns, talk_ratio, resolution, repetition, response_relevance, conversation_id);
DROP INDEX record_facts_started;
CREATE INDEX record_facts_started ON record_facts (tenant, started_at, outcome, success_score);

DROP INDEX experiment_assignments_arm;
CREATE INDEX experiment_assignments_arm ON experiment_assignments (experiment_id, arm, conversation_ref, conversation_id,
    tenant);

-- The tenant stands behind, so that no look-up of a tenant's few unfinished jobs takes one of these and walks through all
-- that it ever had.
CREATE INDEX jobs_state_created ON jobs (state, tenant, created_at, id);
CREATE INDEX jobs_kind_state ON jobs (kind, state, tenant, created_at);
