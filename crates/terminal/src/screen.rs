//! The one way to the terminal: what goes there is text, whatever it was made of.
//!
//! In come texts, many of them foreign: names in a scene, problems, what a call printed, a path. Out go lines in
//! which nothing steers a terminal: no escape sequence, no other control character (C1 and the lone carriage
//! return included), nothing that turns the direction of reading. Colours are ours alone: a [`Style`] is written
//! as a mark that becomes a sequence behind the filter, so that no text can bring its own.
//!
//! What a call returns or prints is data. Into a pipe or a file it goes as it is ([`Out::data`]); on a terminal
//! it is cleaned like all else. JSON is escaped instead of cleaned and means the same ([`json_text`]).
//!
//! It is the only module that may touch stdout and stderr; clippy.toml refuses them everywhere else.
#![expect(
    clippy::disallowed_methods,
    reason = "the one room that writes to the terminal"
)]

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::io::{self, IsTerminal as _, Write};

use anstyle::AnsiColor;
use indicatif::ProgressBar;
use serde_json::Value;

/// Kept of a line that does not end, in bytes: then it is written as it is, and goes on.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Stands for what is not shown and has no picture of its own.
const UNSHOWN: char = char::REPLACEMENT_CHARACTER;

/// Ends a style. This and the next few are noncharacters, which Unicode keeps for uses like this inside a program;
/// a foreign text that has one is at most coloured.
const MARK_END: char = '\u{FDD0}';

/// How a text looks; `{style}` begins it and `{style:#}` ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style(Option<char>);

pub const PLAIN: Style = Style(None);
pub const HEADING: Style = Style(Some('\u{FDD1}'));
pub const FAINT: Style = Style(Some('\u{FDD2}'));
pub const GOOD: Style = Style(Some('\u{FDD3}'));
pub const CAREFUL: Style = Style(Some('\u{FDD4}'));
pub const BAD: Style = Style(Some('\u{FDD5}'));
pub const NAME: Style = Style(Some('\u{FDD6}'));

impl Display for Style {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(_) if f.alternate() => write!(f, "{MARK_END}"),
            Some(mark) => write!(f, "{mark}"),
        }
    }
}

/// What a mark becomes on a terminal with colours.
fn sequence(mark: char) -> Option<anstyle::Style> {
    Some(match Style(Some(mark)) {
        HEADING => anstyle::Style::new().bold(),
        FAINT => anstyle::Style::new().dimmed(),
        GOOD => AnsiColor::Green.on_default(),
        CAREFUL => AnsiColor::Yellow.on_default(),
        BAD => AnsiColor::Red.on_default().bold(),
        NAME => AnsiColor::Cyan.on_default(),
        _ => return None,
    })
}

/// The text without marks, as a stream without colours has it. For tests.
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| *c != MARK_END && sequence(*c).is_none())
        .collect()
}

/// What stands on a terminal in place of that character; nothing if the character itself may.
fn instead_of(c: char) -> Option<Option<char>> {
    Some(match c {
        '\n' | '\t' => return None,
        // The pictures of control characters.
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32),
        '\x7f' => Some('\u{2421}'),
        // C1, line and paragraph separators, embeddings, overrides and isolates of the direction.
        '\u{80}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => Some(UNSHOWN),
        // Marks of the direction change the place of a sign or two, and names in some scripts have them.
        '\u{200e}' | '\u{200f}' | '\u{61c}' => None,
        _ => return None,
    })
}

/// A foreign text as one line: ends of lines are shown and not made, so that a name cannot look like a line of ours.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let is_fine = |c: char| c != '\n' && c != '\t' && instead_of(c).is_none();
    if text.chars().all(is_fine) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for c in text.trim_end_matches(['\r', '\n']).chars() {
        match c {
            '\n' | '\t' => line.push(' '),
            _ => line.extend(instead_of(c).unwrap_or(Some(c))),
        }
    }
    Cow::Owned(line)
}

/// Shows a foreign text beside a bar.
pub fn set_message(bar: &ProgressBar, text: &str) {
    bar.set_message(one_line(text).into_owned());
}

/// JSON that a terminal may be shown: the characters that steer it stand only in strings, and there as `\u009b`.
/// It means the same.
pub fn json_text(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| instead_of(c).is_some() || (c.is_control() && c != '\n');
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_escaped(c) {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// Cleans a stream of text piece by piece.
#[derive(Debug, Default)]
pub struct Cleaner {
    /// The last piece ended in a carriage return, which was written as the end of a line.
    had_return: bool,
}

impl Cleaner {
    /// Appends the text as it may be shown. Sequences that only set colours are left out, as programs that print
    /// them mean nothing else by them; all others become visible, so that none can hide what follows it.
    pub fn clean(&mut self, text: &str, to: &mut String) {
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let had_return = std::mem::take(&mut self.had_return);
            match c {
                '\n' if had_return => {}
                '\r' => {
                    // Alone it would let what follows overwrite what is there.
                    self.had_return = true;
                    to.push('\n');
                }
                '\x1b' => match after_colour(rest.as_str()) {
                    Some(after) => rest = after.chars(),
                    None => to.push('\u{241b}'),
                },
                MARK_END => to.push_str("\x1b[0m"),
                c => match (sequence(c), instead_of(c)) {
                    (Some(style), _) => to.push_str(&style.render().to_string()),
                    (None, Some(instead)) => to.extend(instead),
                    (None, None) => to.push(c),
                },
            }
        }
    }
}

/// What follows `[1;31m`, if the text begins so.
fn after_colour(text: &str) -> Option<&str> {
    text.strip_prefix('[')?
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';' || c == ':')
        .strip_prefix('m')
}

/// Where answers for people go.
pub trait Out: Write {
    /// What a call returned or printed: as it is, unless it goes to a terminal.
    ///
    /// # Errors
    /// When the stream is gone.
    fn data(&mut self, text: &str) -> io::Result<()>;
}

/// A stream of ours behind the filter.
pub struct Screen {
    stream: Stream,
    cleaner: Cleaner,
    /// Bytes of a line that has not ended.
    open: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

impl Stream {
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Out => io::stdout().is_terminal(),
            Self::Err => io::stderr().is_terminal(),
        }
    }

    /// A text as it may be shown, with the colours that the stream takes.
    fn write(self, text: &str) -> io::Result<()> {
        match self {
            Self::Out => anstream::stdout().lock().write_all(text.as_bytes()),
            Self::Err => anstream::stderr().lock().write_all(text.as_bytes()),
        }
    }

    fn write_as_it_is(self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Out => io::stdout().lock().write_all(bytes),
            Self::Err => io::stderr().lock().write_all(bytes),
        }
    }

    fn flush(self) -> io::Result<()> {
        match self {
            Self::Out => io::stdout().flush(),
            Self::Err => io::stderr().flush(),
        }
    }
}

pub fn out() -> Screen {
    Screen::new(Stream::Out)
}

pub fn err() -> Screen {
    Screen::new(Stream::Err)
}

impl Screen {
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            cleaner: Cleaner::default(),
            open: Vec::new(),
        }
    }

    /// Writes the first bytes of what is open.
    fn show(&mut self, bytes: usize) -> io::Result<()> {
        let ready: Vec<u8> = self.open.drain(..bytes).collect();
        let mut text = String::with_capacity(ready.len());
        self.cleaner
            .clean(&String::from_utf8_lossy(&ready), &mut text);
        self.stream.write(&text)
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open.extend_from_slice(bytes);
        if let Some(end) = self.open.iter().rposition(|byte| *byte == b'\n') {
            self.show(end + 1)?;
        } else if self.open.len() > LINE_BYTES_MAX {
            self.show(whole_letters(&self.open))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.show(whole_letters(&self.open))?;
        self.stream.flush()
    }
}

impl Out for Screen {
    fn data(&mut self, text: &str) -> io::Result<()> {
        if self.stream.is_terminal() {
            return self.write_all(text.as_bytes());
        }
        self.flush()?;
        self.stream.write_as_it_is(text.as_bytes())
    }
}

/// How many bytes are left when a letter that has only begun is left out.
fn whole_letters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// One JSON document; on a terminal it is set out in lines.
///
/// # Errors
/// When stdout is gone.
pub fn document(document: &Value) -> io::Result<()> {
    if Stream::Out.is_terminal() {
        return json_line(&serde_json::to_string_pretty(document)?);
    }
    json_line(&document.to_string())
}

/// One document on one line, for those that follow something.
///
/// # Errors
/// When stdout is gone.
pub fn document_line(document: &Value) -> io::Result<()> {
    json_line(&document.to_string())
}

fn json_line(json: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(json_text(json).as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Bytes that somebody wants in a pipe or a file; never to a terminal.
///
/// # Errors
/// When they cannot be read, or stdout is gone.
pub fn bytes(from: &mut impl io::Read) -> io::Result<()> {
    let mut out = io::stdout();
    if out.is_terminal() {
        return Err(io::Error::other("it is a terminal"));
    }
    io::copy(from, &mut out).and_then(|_| out.flush())
}

/// Bytes of a protocol for the program that started us; a person who starts it sees them as they are made.
///
/// # Errors
/// When stdout is gone.
pub fn protocol(bytes: &[u8]) -> io::Result<()> {
    let shown = match std::str::from_utf8(bytes) {
        Ok(text) if Stream::Out.is_terminal() => json_text(text),
        _ => {
            Stream::Out.write_as_it_is(bytes)?;
            return Stream::Out.flush();
        }
    };
    Stream::Out.write_as_it_is(shown.as_bytes())?;
    Stream::Out.flush()
}

/// Where the log goes, whose lines are cleaned field by field and whose colours are its own.
pub fn log() -> io::Stderr {
    io::stderr()
}

/// Help, which is ours as it stands, and words that clap did not take, which it quotes: those are cleaned, and keep no
/// colour but ours.
pub fn clap(error: &clap::Error) {
    let text = error.render();
    // A closed pipe is no failure of ours, and there is nobody left to tell.
    if !error.use_stderr() {
        let written = Stream::Out.write(&text.ansi().to_string());
        written.and_then(|()| Stream::Out.flush()).ok();
        return;
    }
    let text = text.to_string();
    let mut err = err();
    let written = match text.strip_prefix("error: ") {
        Some(why) => write!(err, "{BAD}error{BAD:#}: {why}"),
        None => write!(err, "{text}"),
    };
    written.and_then(|()| err.flush()).ok();
}

/// What broke, where a panic is told: its words may have foreign ones in them.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::capture();
        let mut err = err();
        writeln!(err, "{panic}").ok();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            writeln!(err, "{trace}").ok();
        }
    }));
}

/// Nothing steers a terminal, however a text comes in pieces; JSON means the same.
#[cfg(fuzzing)]
pub fn fuzzing(data: &[u8]) {
    let Some((&step, data)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(data);
    let (mut whole, mut pieces) = (String::new(), String::new());
    Cleaner::default().clean(&text, &mut whole);
    let mut cleaner = Cleaner::default();
    // As it is written: line by line, and long lines in pieces that no sequence spans.
    for line in text.split_inclusive('\n') {
        cleaner.clean(line, &mut pieces);
    }
    assert_eq!(whole, pieces);
    let steers = |c: char| c != '\x1b' && instead_of(c).is_some();
    let line = one_line(&text);
    for shown in [whole.as_str(), &line] {
        assert!(!shown.contains(steers), "{shown:?}");
        let mut rest = shown;
        while let Some((_, after)) = rest.split_once('\x1b') {
            rest = after_colour(after).expect("only colours");
        }
    }
    assert!(!line.contains(['\n', '\t', '\x1b']));
    let letters = whole_letters(&data[..data.len().min(usize::from(step))]);
    assert!(letters <= data.len());
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        let json = value.to_string();
        let shown = json_text(&json);
        assert!(!shown.contains(|c: char| instead_of(c).is_some()));
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
    }
}

#[cfg(test)]
mod tests;
