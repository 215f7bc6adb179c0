-- For what every erasure forgets in gaps, and for the hourly look for conversations that have come since.
CREATE INDEX gap_retrievals_resolved ON gap_retrievals (conversation_id, tenant) WHERE conversation_id IS NOT NULL;
CREATE INDEX gap_retrievals_unresolved ON gap_retrievals (tenant, gap_id)
    WHERE conversation_id IS NULL AND gap_id IS NOT NULL;
