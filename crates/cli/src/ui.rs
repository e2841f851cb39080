//! The terminal: data on stdout, everything else on stderr, colour only where it can be seen.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use wire::{Door, Problem};

use crate::answer::Answer;
use crate::args::{Color, Global};
use crate::problems;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const CAREFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();

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
        !self.quiet && io::stderr().is_terminal()
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

    /// Text of the app or of a question, as it is.
    pub(crate) fn raw(self, text: &str) {
        let mut err = anstream::stderr().lock();
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
                document => heard(print_document(&document)),
            };
        }
        let mut out = anstream::stdout().lock();
        let written = heard(answer.people(&mut out).and_then(|()| out.flush()));
        drop(out);
        answer.remarks(self);
        written
    }

    pub(crate) fn show_problem(self, problem: &Problem) {
        if self.json {
            // Where stdout is gone the exit code is all that is left to tell it.
            print_document(&problems::document(problem)).ok();
        } else {
            self.complain(problem);
        }
    }

    /// The problem in people's form, also under `--quiet`.
    pub(crate) fn complain(self, problem: &Problem) {
        self.line(format_args!("{BAD}error{BAD:#}: {}", problem.message));
        if let Some(hint) = problem.hint_at(Door::Terminal) {
            self.hint(hint);
        }
    }

    fn line(self, text: impl Display) {
        writeln!(anstream::stderr().lock(), "{text}").ok();
    }
}

fn print_document(document: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        serde_json::to_writer_pretty(&mut out, document)?;
    } else {
        serde_json::to_writer(&mut out, document)?;
    }
    out.write_all(b"\n")?;
    out.flush()
}

/// The reader of a pipe may leave when it has seen enough; that is no failure.
fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
