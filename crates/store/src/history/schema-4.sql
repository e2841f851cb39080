-- Whose call it was, by its token and not only by its name. Empty: from before tokens were told apart.
ALTER TABLE calls ADD COLUMN caller_id TEXT NOT NULL DEFAULT '';
