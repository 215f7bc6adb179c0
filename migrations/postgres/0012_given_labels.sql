-- Labels that were given with a request: they win over what analysis finds, also when it is done anew.
CREATE TABLE given_labels (
    conversation_id UUID NOT NULL PRIMARY KEY REFERENCES conversations (id),
    tenant          TEXT NOT NULL,
    call_id         TEXT,
    category        TEXT,
    intents         JSONB NOT NULL,
    given_at        BIGINT NOT NULL
);
