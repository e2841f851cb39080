-- What it was about, for lists; and the call that took back what it changed.
ALTER TABLE calls ADD COLUMN subject TEXT;
ALTER TABLE calls ADD COLUMN undone_by TEXT;
