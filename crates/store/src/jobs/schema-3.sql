-- Whose a job is, by its token and not only by its name. Empty: from before tokens were told apart; the hub that opens
-- the file says whose those are.
ALTER TABLE jobs ADD COLUMN caller_id TEXT NOT NULL DEFAULT '';
UPDATE jobs SET caller_id = caller WHERE caller IN ('owner', 'dashboard') OR caller LIKE 'mcp:%';
CREATE INDEX jobs_of_nobody ON jobs(caller) WHERE caller_id = '';
DROP INDEX jobs_key;
CREATE UNIQUE INDEX jobs_key ON jobs(caller_id, caller, key) WHERE key IS NOT NULL;
ALTER TABLE batches ADD COLUMN caller_id TEXT NOT NULL DEFAULT '';
UPDATE batches SET caller_id = caller WHERE caller IN ('owner', 'dashboard') OR caller LIKE 'mcp:%';
