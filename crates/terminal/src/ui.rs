//! How a verb speaks: data on stdout, everything else on stderr, colour only where it can be seen.
//!
//! What a text may hold on its way out is the business of [`crate::screen`].

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::{Map, Value, json};
use wire::{Code, Door, Problem};

use crate::ids::Short;
use crate::options::{Color, Global};
use crate::screen::{self, Cleaner, Stream, one_line};

pub use crate::screen::{BAD, CAREFUL, FAINT, GOOD, HEADING, NAME};

/// Lines of a program's output that are shown below a problem: more are in its log.
const DETAIL_LINES_MAX: usize = 12;

/// How this process talks. Small, so that it travels by value.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    pub json: bool,
    quiet: bool,
}

impl Ui {
    pub fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        Self {
            json: global.json,
            quiet: global.quiet,
        }
    }

    pub fn json() -> Self {
        Self {
            json: true,
            quiet: false,
        }
    }

    /// Whether a person sits there who can be shown moving things and asked questions.
    pub fn is_attended(self) -> bool {
        !self.quiet && Stream::Err.is_terminal()
    }

    pub fn can_ask(self) -> bool {
        self.is_attended() && io::stdin().is_terminal()
    }

    /// A line about what happens, unless `--quiet`.
    pub fn say(self, text: impl Display) {
        if !self.quiet {
            self.line(text);
        }
    }

    pub fn warn(self, text: impl Display) {
        if !self.quiet {
            self.line(format_args!("{CAREFUL}warning{CAREFUL:#}: {text}"));
        }
    }

    pub fn hint(self, text: impl Display) {
        self.line(format_args!("{NAME}hint{NAME:#}: {text}"));
    }

    /// Text of the app or of a question, without an end of line of ours.
    pub fn text(self, text: &str) {
        let mut err = screen::err();
        err.write_all(text.as_bytes())
            .and_then(|()| err.flush())
            .ok();
    }

    pub fn show_problem(self, problem: &Problem) {
        if self.json {
            // Where stdout is gone the exit code is all that is left to tell it.
            screen::document(&problem_document(problem)).ok();
        } else {
            self.complain(problem);
        }
    }

    /// The problem in people's form, also under `--quiet`.
    pub fn complain(self, problem: &Problem) {
        self.line(format_args!(
            "{BAD}error{BAD:#}: {}",
            one_line(&problem.message)
        ));
        let output = problem.details.get("output").and_then(Value::as_str);
        let end = output.map(end_of).unwrap_or_default();
        if !end.is_empty() {
            self.line(format_args!("{NAME}details{NAME:#}:\n{end}"));
        }
        if let Some(hint) = hint_of(problem) {
            self.hint(one_line(&hint));
        }
    }

    fn line(self, text: impl Display) {
        // In one piece, as others may write to it too.
        self.text(&format!("{text}\n"));
    }
}

/// The hint as people read it: ids that it names are as short as they may be.
fn hint_of(problem: &Problem) -> Option<String> {
    let hint = problem.hint_at(Door::Terminal)?;
    let candidates = problem.details.get("candidates").and_then(Value::as_array);
    let Some(ids) = candidates.filter(|_| problem.code == Code::ID_AMBIGUOUS) else {
        return Some(hint);
    };
    let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
    let short = Short::of(ids.iter().copied());
    let shorten = |hint: String, id: &&str| hint.replace(*id, short.show(id));
    Some(ids.iter().fold(hint, shorten))
}

/// The last lines of what a program printed, set in so that none looks like a line of ours.
fn end_of(output: &str) -> String {
    let mut clean = String::with_capacity(output.len());
    Cleaner::default().clean(output, &mut clean);
    let lines = clean.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = lines.map(|line| format!("  {line}")).collect();
    lines[lines.len().saturating_sub(DETAIL_LINES_MAX)..].join("\n")
}

/// The members of RFC 9457 around the problem: what HTTP answers too.
fn problem_document(problem: &Problem) -> Value {
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

#[cfg(test)]
mod tests {
    use client::problems;

    use super::*;

    #[test]
    fn ids_that_may_be_meant_are_short() {
        let ids = [
            "call_01KBW3X9TQ1A00000000000000",
            "call_01KBW3X9TQ2B00000000000000",
        ];
        let problem = Problem::new(Code::ID_AMBIGUOUS, "`01KB` is the beginning of both.")
            .hint(format!("Type more of it. It could be: {}.", ids.join(", ")))
            .detail("candidates", ids);
        assert_eq!(
            hint_of(&problem).as_deref(),
            Some("Type more of it. It could be: 01KBW3X9TQ1A, 01KBW3X9TQ2B.")
        );
    }

    #[test]
    fn the_end_of_a_program_s_output_is_set_in_and_clean() {
        let output = "one\r\n\n\u{1b}[31mtwo\u{1b}[0m\n\u{1b}]0;title\u{7}three\n";
        assert_eq!(
            end_of(output),
            "  one\n  two\n  \u{241b}]0;title\u{2407}three"
        );
        let long: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        let end = end_of(&long.join("\n"));
        assert_eq!(end.lines().count(), DETAIL_LINES_MAX);
        assert!(end.starts_with("  88\n") && end.ends_with("  99"), "{end}");
        assert_eq!(end_of("\n\n"), "");
    }

    #[test]
    fn the_document_has_the_members_of_http() {
        let document =
            problem_document(&problems::no_hub(std::path::Path::new("/h"), "Start one."));
        assert_eq!(document["status"], 503);
        assert_eq!(document["code"], "hub_unreachable");
        assert_eq!(document["detail"], document["message"]);
        assert!(document["hint"].is_string() && document["title"].is_string());
    }
}
