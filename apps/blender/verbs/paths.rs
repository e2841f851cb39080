//! Paths as a person types them, as the hub needs them: it runs in another folder.

use std::path::Path;

use client::problems;
use serde_json::Value;
use wire::Problem;

/// # Errors
/// When the current folder is gone.
pub(super) fn full(path: &Path) -> Result<Value, Box<Problem>> {
    let path = std::path::absolute(path)
        .map_err(|error| problems::file(path, "is not a usable path", &error))?;
    Ok(path.to_string_lossy().into())
}

/// As [`full`], but a bare word is a program on the PATH, which the hub looks for.
///
/// # Errors
/// As [`full`].
pub(super) fn full_or_bare(path: &Path) -> Result<Value, Box<Problem>> {
    if path.components().count() == 1 && !path.exists() {
        return Ok(path.to_string_lossy().into());
    }
    full(path)
}
