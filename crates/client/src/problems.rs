//! The problems that a client itself has, each with the next thing to do.

use std::fmt::Display;
use std::io;
use std::path::Path;

use wire::{Code, Hint, Problem};

pub fn no_hub(home: &Path, how_to_start: impl Into<Hint>) -> Box<Problem> {
    new(
        Code::HUB_UNREACHABLE,
        format!("No hub is running for the home folder {}.", home.display()),
        how_to_start,
    )
}

pub fn hub_silent(url: &str, reason: impl Display) -> Box<Problem> {
    new(
        Code::HUB_UNREACHABLE,
        format!("The hub at {url} does not answer: {reason}."),
        "Look for the cause: kapelle doctor",
    )
}

pub fn hub_went_away(call: Option<&str>) -> Box<Problem> {
    let hint = match call {
        Some(id) => format!(
            "The app may have carried on. Once a hub is running again, see the outcome: kapelle history {id}"
        ),
        None => {
            "Once a hub is running again, see what became of the call: kapelle history".to_owned()
        }
    };
    new(
        Code::HUB_UNREACHABLE,
        "The hub stopped before the call ended.",
        hint,
    )
}

pub fn hub_did_not_start(reason: impl Display, log: &Path) -> Box<Problem> {
    new(
        Code::HUB_UNREACHABLE,
        format!("The hub could not start: {reason}"),
        format!(
            "Its log is {}; to see it live: kapelle serve",
            log.display()
        ),
    )
}

pub fn strange_answer(what: impl Display) -> Box<Problem> {
    new(
        Code::INTERNAL,
        format!("The hub's answer could not be understood: {what}."),
        "The hub may be of another version. To compare them: kapelle doctor",
    )
}

pub fn no_token(path: &Path, error: &io::Error) -> Box<Problem> {
    new(
        Code::UNAUTHENTICATED,
        format!("The token file {} cannot be read: {error}.", path.display()),
        "Set KAPELLE_TOKEN, or start the hub once so that it creates its token.",
    )
}

pub fn token_seen_by_others(path: &Path, mode: u32) -> Box<Problem> {
    new(
        Code::HOME_UNSAFE,
        format!(
            "{} can be read by other users (mode {mode:03o}) and is not used.",
            path.display()
        ),
        format!("Run: chmod 600 {}", path.display()),
    )
}

pub fn file(path: &Path, doing: &str, error: &io::Error) -> Box<Problem> {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::FILE_NOT_FOUND,
        io::ErrorKind::StorageFull => Code::DISK_FULL,
        _ => Code::CALL_FAILED,
    };
    Box::new(Problem::new(
        code,
        format!("{} {doing}: {error}.", path.display()),
    ))
}

/// Words or arguments that cannot be used.
pub fn usage(message: impl Into<String>, hint: impl Into<Hint>) -> Box<Problem> {
    new(Code::ARGUMENTS_INVALID, message, hint)
}

pub fn new(code: Code, message: impl Into<String>, hint: impl Into<Hint>) -> Box<Problem> {
    Box::new(Problem::new(code, message).hint(hint))
}
