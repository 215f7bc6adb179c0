-- Conversations are cut into chunks when they are analysed, and no longer by a job of its own.
UPDATE jobs SET kind = 'analyze' WHERE kind = 'chunk';
