//! What SQLite says, as problems.

use std::path::Path;

use rusqlite::{Error, ErrorCode};
use wire::{Code, Problem};

/// A failed read or write.
pub(crate) fn failed(path: &Path, error: &Error) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => hub::home::disk_full(path),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            unusable(path, &format!("is damaged ({error})"))
        }
        _ => {
            tracing::error!(path = %path.display(), %error, "the store fails");
            Problem::new(
                Code::STORE_FAILED,
                format!("{} cannot be read or written: {error}.", path.display()),
            )
            .hint("Look at the disk and at the log of the hub; then try again.")
        }
    }
}

/// A file that is left as it is.
pub(crate) fn unusable(path: &Path, why: &str) -> Problem {
    let path = path.display();
    Problem::new(Code::STORE_UNUSABLE, format!("{path} {why}. It was left as it is.")).hint(format!(
        "Put a copy of it from a backup there, or begin anew without what it holds: mv {path} {path}.old"
    ))
}

pub(crate) fn newer(path: &Path, version: i64, known: usize) -> Problem {
    let path = path.display();
    Problem::new(
        Code::STORE_UNUSABLE,
        format!(
            "{path} was written by a newer Kapelle (its form is {version}; this one knows up to {known}). It was left as it is."
        ),
    )
    .hint(format!(
        "Run the newer Kapelle again, or begin anew without what the file holds: mv {path} {path}.newer"
    ))
}

pub(crate) fn busy(path: &Path) -> Problem {
    Problem::new(
        Code::STORE_BUSY,
        format!(
            "More waits to be stored than the disk of {} takes.",
            path.display()
        ),
    )
    .hint("Try again in a moment; nothing was stored.")
}

pub(crate) fn closed() -> Problem {
    Problem::new(
        Code::STORE_FAILED,
        "The store is closed: the hub is stopping.",
    )
    .hint("Start it again: kapelle serve")
}

/// A row that is not what this program wrote.
pub(crate) fn strange_row(what: &str, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(what, %error, "a stored row cannot be read");
    Problem::new(
        Code::STORE_FAILED,
        format!("A stored {what} cannot be read: {error}."),
    )
    .hint("Something else has written into the store; the log has more.")
}
