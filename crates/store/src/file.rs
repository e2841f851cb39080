//! One file: made private, checked before anything in it is changed, brought to the newest form.
//!
//! In comes a path and the form of its tables; out comes a connection, or a problem that says what to do with
//! the file. A file that is broken, newer or of something else is never written to.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use hub::home::refuse_others;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use wire::Problem;

use crate::limits;
use crate::problems::{failed, newer, unusable};

/// "KAPE": what `file` and other programs know the files by.
pub(crate) const APPLICATION_ID: i64 = 0x4B41_5045;

/// The form of a file's tables.
pub(crate) struct Form {
    /// One step for each version, from the empty file on. A step that was released is never changed.
    pub(crate) steps: &'static [&'static str],
}

/// The connection that writes.
pub(crate) fn open(path: &Path, form: &Form) -> Result<Connection, Problem> {
    make_private(path)?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = check(path, &connection, form)?;
    prepare(&connection, version).map_err(|error| failed(path, &error))?;
    bring_up(&connection, form, version).map_err(|error| failed(path, &error))?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Problem> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Where SQLite writes first.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}

/// SQLite gives its log and index the mode of the file.
fn make_private(path: &Path) -> Result<(), Problem> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            refuse_others(path, 0o077, "chmod 600")
        }
        Err(error) => Err(hub::home::cannot(path, "be made", &error)),
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Problem> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))?;
    connection.set_prepared_statement_cache_capacity(limits::STATEMENTS);
    connection
        .busy_timeout(limits::BUSY_TIMEOUT)
        .map_err(|error| failed(path, &error))?;
    Ok(connection)
}

/// What is in the file, before anything is written. Gives its version.
fn check(path: &Path, connection: &Connection, form: &Form) -> Result<usize, Problem> {
    let ask = |sql: &str| -> Result<i64, Problem> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|error| match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => unusable(path, "is not a Kapelle store file"),
                _ => failed(path, &error),
            })
    };
    let version = ask("PRAGMA user_version")?;
    let tables = ask("SELECT count(*) FROM sqlite_schema")?;
    let application = ask("PRAGMA application_id")?;
    if version == 0 && tables == 0 && application == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(unusable(path, "is a database of something else"));
    }
    let known = usize::try_from(version)
        .ok()
        .filter(|version| *version <= form.steps.len())
        .ok_or_else(|| newer(path, version, form.steps.len()))?;
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if bytes <= limits::CHECKED_BYTES_MAX {
        let found: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| failed(path, &error))?;
        if found != "ok" {
            let found = found.lines().next().unwrap_or_default();
            return Err(unusable(path, &format!("is damaged ({found})")));
        }
    }
    Ok(known)
}

fn prepare(connection: &Connection, version: usize) -> rusqlite::Result<()> {
    if version == 0 {
        // Before the first table: a purge gives its room back to the disk. Later it would write, and a file is opened
        // where there is no room as well.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(
            mode,
            "the store has no write-ahead log; the disk does not allow it"
        );
    }
    connection.execute_batch(&format!(
        // The writer decides itself when the log goes into the file. No mmap: a fault of the disk would
        // end the process. What is forgotten is gone from the disk, not only from the tables.
        "PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {};
         PRAGMA synchronous = FULL;
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;",
        limits::LOG_BYTES
    ))
}

/// Each step whole or not at all.
fn bring_up(connection: &Connection, form: &Form, from: usize) -> rusqlite::Result<()> {
    for (at, step) in form.steps.iter().enumerate().skip(from) {
        let done = connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;\n{step}\nPRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {};\nCOMMIT;",
            at + 1
        ));
        if done.is_err() {
            connection.execute_batch("ROLLBACK").ok();
        }
        done?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
