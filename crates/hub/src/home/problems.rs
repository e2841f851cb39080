//! What is said of a path that cannot be used.

use std::path::Path;
use std::{fs, io};

use wire::{Code, Problem};

/// The problem of a path that cannot be used as it should be.
#[must_use]
pub fn cannot(path: &Path, what: &str, error: &io::Error) -> Problem {
    if is_disk_full(error) {
        return disk_full(path);
    }
    Problem::new(
        Code::HOME_UNSAFE,
        format!("{} cannot {what}: {error}.", path.display()),
    )
    .hint("Set KAPELLE_HOME to a folder of your own.")
}

/// Whether the file system said that it has no room.
#[must_use]
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The problem for [`is_disk_full`].
#[must_use]
pub fn disk_full(path: &Path) -> Problem {
    Problem::new(
        Code::DISK_FULL,
        format!("There is no room left for {}.", path.display()),
    )
    .hint("Free some space, or set KAPELLE_HOME to a folder on another disk.")
}

/// Refuses a file that others can use in ways that are forbidden here.
///
/// # Errors
/// `home_unsafe`, with the remedy.
#[cfg(unix)]
pub fn refuse_others(path: &Path, forbidden: u32, remedy: &str) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .map_err(|error| cannot(path, "be read", &error))?
        .permissions()
        .mode();
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(Problem::new(
        Code::HOME_UNSAFE,
        format!(
            "Other users can access {} (mode {:03o}).",
            path.display(),
            mode & 0o777
        ),
    )
    .hint(format!(
        "Run: {remedy} {}",
        shell_words::quote(&path.to_string_lossy())
    )))
}

/// The user's profile folder is private by its access list on Windows.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn refuse_others(_path: &Path, _forbidden: u32, _remedy: &str) -> Result<(), Problem> {
    Ok(())
}
