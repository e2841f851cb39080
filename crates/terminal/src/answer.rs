//! What a verb comes to: one thing that can be shown to people and printed as JSON.
//!
//! A verb returns an [`Answer`], so that none can forget `--json`.

use std::io::{self, Write as _};

use serde_json::Value;
use wire::Problem;

use crate::screen::{self, Out};
use crate::ui::Ui;

pub type Answered = Result<Box<dyn Answer>, Box<Problem>>;

pub trait Answer {
    /// The one document of `--json`; null for a verb that has spoken by itself.
    fn json(&self) -> Value;

    /// For people, on stdout.
    ///
    /// # Errors
    /// When stdout is gone.
    fn text(&self, out: &mut dyn Out) -> io::Result<()>;

    /// For people, on stderr, after [`Answer::text`].
    fn remarks(&self, _ui: Ui) {}

    fn exit_code(&self) -> u8 {
        0
    }
}

/// Shows what a verb came to.
///
/// # Errors
/// When stdout cannot be written, unless its reader has just seen enough.
pub fn show(ui: Ui, answer: &dyn Answer) -> io::Result<()> {
    if ui.json {
        return match answer.json() {
            Value::Null => Ok(()),
            document => heard(screen::document(&document)),
        };
    }
    let mut out = screen::out();
    let written = heard(answer.text(&mut out).and_then(|()| out.flush()));
    answer.remarks(ui);
    written
}

/// A document and its form for people, for verbs that need no type of their own.
pub struct Shown<F> {
    document: Value,
    text: F,
}

/// The verb has spoken by itself.
pub struct Spoken;

impl Answer for Spoken {
    fn json(&self) -> Value {
        Value::Null
    }

    fn text(&self, _out: &mut dyn Out) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Fn(&mut dyn Out) -> io::Result<()> + 'static> Shown<F> {
    pub fn boxed(document: Value, text: F) -> Box<dyn Answer> {
        Box::new(Self { document, text })
    }
}

impl<F: Fn(&mut dyn Out) -> io::Result<()>> Answer for Shown<F> {
    fn json(&self) -> Value {
        self.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        (self.text)(out)
    }
}

/// The reader of a pipe may leave when it has seen enough; that is no failure.
fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
