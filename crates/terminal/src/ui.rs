//! How a verb speaks: data on stdout, everything else on stderr, colour only where it can be seen.
//!
//! What a text may hold on its way out is the business of [`crate::screen`].

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::{Map, Value, json};
use wire::{Door, Problem};

use crate::options::{Color, Global};
use crate::screen::{self, Stream, one_line};

pub use crate::screen::{BAD, CAREFUL, FAINT, GOOD, HEADING, NAME};

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
        if let Some(hint) = problem.hint_at(Door::Terminal) {
            self.hint(one_line(&hint));
        }
    }

    fn line(self, text: impl Display) {
        // In one piece, as others may write to it too.
        self.text(&format!("{text}\n"));
    }
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
    fn the_document_has_the_members_of_http() {
        let document =
            problem_document(&problems::no_hub(std::path::Path::new("/h"), "Start one."));
        assert_eq!(document["status"], 503);
        assert_eq!(document["code"], "hub_unreachable");
        assert_eq!(document["detail"], document["message"]);
        assert!(document["hint"].is_string() && document["title"].is_string());
    }
}
