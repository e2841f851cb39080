CREATE TABLE calls(
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    asked_at INTEGER NOT NULL,
    app TEXT NOT NULL,
    instance TEXT NOT NULL,
    command TEXT NOT NULL,
    caller TEXT NOT NULL,
    correlation_id TEXT,
    effect TEXT NOT NULL,
    status TEXT NOT NULL,
    args TEXT,
    args_blob TEXT,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX calls_asked ON calls(asked_at);
CREATE INDEX calls_app ON calls(app, id);
CREATE INDEX calls_instance ON calls(instance, id);
-- Most calls succeed; the others are looked for.
CREATE INDEX calls_status ON calls(status, id) WHERE status <> 'succeeded';
CREATE INDEX calls_blob ON calls(args_blob) WHERE args_blob IS NOT NULL;
-- `since`: from when on every call is here, in milliseconds.
CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
