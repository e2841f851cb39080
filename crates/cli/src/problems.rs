//! The problems that the command line itself has, each with the next thing to do.

use std::fmt::Display;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};
use wire::{Code, Door, Hint, Problem};

pub(crate) const HOW_TO_START: &str =
    "Start one with `kapelle serve`, or start one together with a Blender: kapelle start blender";

/// The members of RFC 9457 around the problem: what HTTP answers too.
pub(crate) fn document(problem: &Problem) -> Value {
    let row = problem.code.row();
    let mut document = Map::new();
    document.insert("type".into(), "about:blank".into());
    document.insert("title".into(), row.meaning.into());
    document.insert("status".into(), row.http.into());
    document.insert("detail".into(), problem.message.clone().into());
    if let Value::Object(members) = json!(problem.clone().told_at(Door::Terminal)) {
        document.extend(members);
    }
    Value::Object(document)
}

pub(crate) fn no_hub(home: &Path) -> Box<Problem> {
    new(
        Code::HUB_UNREACHABLE,
        format!("No hub is running for the home folder {}.", home.display()),
        HOW_TO_START,
    )
}

pub(crate) fn hub_silent(url: &str, reason: impl Display) -> Box<Problem> {
    new(
        Code::HUB_UNREACHABLE,
        format!("The hub at {url} does not answer: {reason}."),
        "Look for the cause: kapelle doctor",
    )
}

pub(crate) fn hub_went_away(call: Option<&str>) -> Box<Problem> {
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

pub(crate) fn hub_did_not_start(reason: impl Display, log: &Path) -> Box<Problem> {
    new(
        Code::HUB_UNREACHABLE,
        format!("The hub could not start: {reason}"),
        format!(
            "Its log is {}; to see it live: kapelle serve",
            log.display()
        ),
    )
}

pub(crate) fn strange_answer(what: impl Display) -> Box<Problem> {
    new(
        Code::INTERNAL,
        format!("The hub's answer could not be understood: {what}."),
        "The hub may be of another version. To compare them: kapelle doctor",
    )
}

pub(crate) fn no_token(path: &Path, error: &io::Error) -> Box<Problem> {
    new(
        Code::UNAUTHENTICATED,
        format!("The token file {} cannot be read: {error}.", path.display()),
        "Set KAPELLE_TOKEN, or start the hub once so that it creates its token.",
    )
}

pub(crate) fn token_seen_by_others(path: &Path, mode: u32) -> Box<Problem> {
    new(
        Code::HOME_UNSAFE,
        format!(
            "{} can be read by other users (mode {mode:03o}) and is not used.",
            path.display()
        ),
        format!("Run: chmod 600 {}", path.display()),
    )
}

pub(crate) fn file(path: &Path, doing: &str, error: &io::Error) -> Box<Problem> {
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
pub(crate) fn usage(message: impl Into<String>, hint: impl Into<Hint>) -> Box<Problem> {
    new(Code::ARGUMENTS_INVALID, message, hint)
}

/// What clap says, in one sentence.
pub(crate) fn words(error: &clap::Error) -> Box<Problem> {
    let text = error.to_string();
    let message: Vec<&str> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.strip_prefix("error: ").unwrap_or(line).trim())
        .collect();
    usage(
        message.join(" "),
        "`kapelle --help` lists the verbs, `kapelle VERB --help` their options.",
    )
}

/// The name that was probably meant, and those that exist.
pub(crate) fn names_hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let listed = names.join(", ");
    match closest(wrong, &names) {
        _ if names.is_empty() => "There are none.".to_owned(),
        Some(near) => format!("Did you mean `{near}`? Possible names: {listed}"),
        None => format!("Possible names: {listed}"),
    }
}

/// Likeness under which a name is not worth suggesting (Jaro-Winkler, 0 to 1).
const LIKENESS_MIN: f64 = 0.8;

fn closest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), *name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

pub(crate) fn new(code: Code, message: impl Into<String>, hint: impl Into<Hint>) -> Box<Problem> {
    Box::new(Problem::new(code, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_all_are_listed() {
        let hint = names_hint("locaton", ["kind", "location"].into_iter());
        assert_eq!(
            hint,
            "Did you mean `location`? Possible names: kind, location"
        );
        assert_eq!(
            names_hint("zzz", ["kind"].into_iter()),
            "Possible names: kind"
        );
        assert_eq!(names_hint("zzz", [].into_iter()), "There are none.");
    }

    #[test]
    fn the_document_has_the_members_of_http() {
        let document = document(&no_hub(Path::new("/h")));
        assert_eq!(document["status"], 503);
        assert_eq!(document["code"], "hub_unreachable");
        assert_eq!(document["detail"], document["message"]);
        assert!(document["hint"].is_string() && document["title"].is_string());
    }
}
