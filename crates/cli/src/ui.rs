//! How a verb speaks: data on stdout, everything else on stderr, colour only where it can be seen.
//!
//! What a text may hold on its way out is the business of [`crate::terminal`].

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;
use wire::{Door, Problem};

use crate::answer::Answer;
use crate::args::{Color, Global};
use crate::problems;
use crate::terminal::{self, Stream, one_line};

pub(crate) use crate::terminal::{BAD, CAREFUL, FAINT, GOOD, HEADING, NAME};

/// How this process talks. Small, so that it travels by value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    quiet: bool,
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
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

    pub(crate) fn json() -> Self {
        Self {
            json: true,
            quiet: false,
        }
    }

    /// Whether a person sits there who can be shown moving things and asked questions.
    pub(crate) fn is_attended(self) -> bool {
        !self.quiet && Stream::Err.is_terminal()
    }

    pub(crate) fn can_ask(self) -> bool {
        self.is_attended() && io::stdin().is_terminal()
    }

    /// A line about what happens, unless `--quiet`.
    pub(crate) fn say(self, text: impl Display) {
        if !self.quiet {
            self.line(text);
        }
    }

    pub(crate) fn warn(self, text: impl Display) {
        if !self.quiet {
            self.line(format_args!("{CAREFUL}warning{CAREFUL:#}: {text}"));
        }
    }

    pub(crate) fn hint(self, text: impl Display) {
        self.line(format_args!("{NAME}hint{NAME:#}: {text}"));
    }

    /// Text of the app or of a question, without an end of line of ours.
    pub(crate) fn text(self, text: &str) {
        let mut err = terminal::err();
        err.write_all(text.as_bytes())
            .and_then(|()| err.flush())
            .ok();
    }

    /// # Errors
    /// When stdout cannot be written, unless its reader has just seen enough.
    pub(crate) fn show(self, answer: &dyn Answer) -> io::Result<()> {
        if self.json {
            return match answer.json() {
                Value::Null => Ok(()),
                document => heard(terminal::document(&document)),
            };
        }
        let mut out = terminal::out();
        let written = heard(answer.people(&mut out).and_then(|()| out.flush()));
        answer.remarks(self);
        written
    }

    pub(crate) fn show_problem(self, problem: &Problem) {
        if self.json {
            // Where stdout is gone the exit code is all that is left to tell it.
            terminal::document(&problems::document(problem)).ok();
        } else {
            self.complain(problem);
        }
    }

    /// The problem in people's form, also under `--quiet`.
    pub(crate) fn complain(self, problem: &Problem) {
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

/// The reader of a pipe may leave when it has seen enough; that is no failure.
fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
