CREATE TABLE batches(
    id TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    -- Ids in their order, as JSON.
    jobs TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Which of those jobs are still there.
CREATE TABLE batch_jobs(
    batch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (batch, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_jobs_of ON batch_jobs(seq);
CREATE TRIGGER jobs_leave_batches AFTER DELETE ON jobs BEGIN
    DELETE FROM batches WHERE id IN (SELECT batch FROM batch_jobs WHERE seq = old.seq)
        AND NOT EXISTS (SELECT 1 FROM batch_jobs AS other WHERE other.batch = batches.id AND other.seq <> old.seq);
    DELETE FROM batch_jobs WHERE seq = old.seq;
END;
