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
            .hint("Check the disk and the hub's log, then try again.")
        }
    }
}

/// A file that is left as it is.
pub(crate) fn unusable(path: &Path, why: &str) -> Problem {
    let (path, word) = (path.display(), word_of(path));
    Problem::new(
        Code::STORE_UNUSABLE,
        format!("{path} {why}. It was left unchanged."),
    )
    .hint(format!(
        "Restore it from a backup, or start afresh without its contents: mv {word} {word}.old"
    ))
}

pub(crate) fn newer(path: &Path, version: i64, known: usize) -> Problem {
    let (path, word) = (path.display(), word_of(path));
    Problem::new(
        Code::STORE_UNUSABLE,
        format!(
            "{path} was written by a newer Kapelle (format {version}; this one reads up to {known}). It was left unchanged."
        ),
    )
    .hint(format!(
        "Use the newer Kapelle, or start afresh without the file's contents: mv {word} {word}.newer"
    ))
}

/// As a shell takes it for one word.
fn word_of(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

pub(crate) fn busy(path: &Path) -> Problem {
    Problem::new(
        Code::STORE_BUSY,
        format!(
            "The disk of {} cannot keep up with what is waiting to be stored.",
            path.display()
        ),
    )
    .hint("Nothing was stored. Try again in a moment.")
}

pub(crate) fn closed() -> Problem {
    Problem::new(
        Code::STORE_FAILED,
        "The store is closed: the hub is stopping.",
    )
    .hint(wire::hint![
        "Start it again: ",
        wire::Step::terminal("serve")
    ])
}

/// A row that is not what this program wrote.
pub(crate) fn strange_row(what: &str, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(what, %error, "a stored row cannot be read");
    Problem::new(
        Code::STORE_FAILED,
        format!("A stored {what} cannot be read: {error}."),
    )
    .hint("Another program may have written to the store; the log says more.")
}
