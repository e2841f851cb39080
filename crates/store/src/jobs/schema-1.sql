-- Arguments and outcomes lie apart: a change of a row writes the whole row again.
CREATE TABLE jobs(
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    app TEXT NOT NULL,
    instance TEXT,
    command TEXT NOT NULL,
    caller TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    durability TEXT NOT NULL,
    key TEXT,
    request_hash TEXT,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    place INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_instance TEXT,
    lease_process TEXT,
    ended_at INTEGER,
    duration_ms REAL,
    problem TEXT,
    labels TEXT NOT NULL,
    request TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_key ON jobs(caller, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_status ON jobs(status);
CREATE INDEX jobs_app ON jobs(app, status);
CREATE INDEX jobs_caller ON jobs(caller, status);
CREATE INDEX jobs_instance ON jobs(instance, status) WHERE instance IS NOT NULL;
CREATE INDEX jobs_ended ON jobs(ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE args(seq INTEGER PRIMARY KEY, args TEXT NOT NULL) STRICT;
CREATE TABLE outcomes(seq INTEGER PRIMARY KEY, outcome TEXT NOT NULL) STRICT;
CREATE TABLE labels(
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, value, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_of ON labels(seq);
CREATE TABLE attempts(
    seq INTEGER NOT NULL,
    number INTEGER NOT NULL,
    instance TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    status TEXT NOT NULL,
    problem TEXT,
    PRIMARY KEY (seq, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE queues(
    app TEXT PRIMARY KEY,
    paused INTEGER NOT NULL,
    draining INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Counting 100,000 rows takes milliseconds; this takes none.
CREATE TABLE counts(
    app TEXT NOT NULL,
    status TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (app, status)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_come AFTER INSERT ON jobs BEGIN
    INSERT INTO counts VALUES (new.app, new.status, 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_turn AFTER UPDATE OF status ON jobs WHEN old.status <> new.status BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE app = old.app AND status = old.status;
    INSERT INTO counts VALUES (new.app, new.status, 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_go AFTER DELETE ON jobs BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE app = old.app AND status = old.status;
    DELETE FROM args WHERE seq = old.seq;
    DELETE FROM outcomes WHERE seq = old.seq;
    DELETE FROM labels WHERE seq = old.seq;
    DELETE FROM attempts WHERE seq = old.seq;
END;
