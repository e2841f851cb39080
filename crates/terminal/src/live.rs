//! A call as it happens, on a terminal or in a log: output as it comes, progress beside it.
//!
//! With `--json` nothing is printed of the output, since the document has it.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use client::follow::Watcher;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use wire::call::CallView;
use wire::{LogRecord, Progress};

use crate::ago::short;
use crate::screen::{Out as _, Screen, Stream, one_line, set_message};
use crate::ui::{FAINT, Ui};

/// Steps of progress, in percent, that are told where no bar can be drawn.
const TOLD_EVERY_PERCENT: u64 = 10;

/// A call that starts within this was hardly kept waiting.
const TOLD_AFTER: Duration = Duration::from_millis(500);

/// A wait whose reason has changed is told again, but not more often than this.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Steps of a bar: finer than a terminal is wide.
pub const BAR_STEPS: u64 = 1000;

pub struct Live {
    ui: Ui,
    stdout: Printed,
    stderr: Printed,
    bar: Option<ProgressBar>,
    told_percent: u64,
    /// Events were missed; the rest is printed from the outcome.
    lagged: bool,
    /// Whether what the call prints is shown.
    shows_output: bool,
    waiting: Option<Waiting>,
}

/// Says whom the call waits for, unless it starts in a moment, and again when that has changed for a while;
/// dropped when it has started.
struct Waiting {
    note: Arc<Mutex<String>>,
    _started: mpsc::SyncSender<()>,
}

impl Waiting {
    fn new(ui: Ui, note: String) -> Self {
        let note = Arc::new(Mutex::new(note));
        let (started, start) = mpsc::sync_channel::<()>(1);
        let current = Arc::clone(&note);
        std::thread::spawn(move || {
            let mut told = String::new();
            let mut pause = TOLD_AFTER;
            while start.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                let note = current
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                if note != told {
                    ui.say(&note);
                    told = note;
                }
                pause = TOLD_AGAIN_AFTER;
            }
        });
        Self {
            note,
            _started: started,
        }
    }

    fn now(&self, note: String) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }
}

fn waiting_note(call: &CallView) -> Option<String> {
    let first = match call.position.unwrap_or(0) {
        0 => None,
        1 => Some("1 call ahead of it".to_owned()),
        several => Some(format!("{several} calls ahead of it")),
    };
    let runs = call.behind.as_ref().map(|behind| {
        let running = Duration::from_millis(behind.running_ms) + TOLD_AFTER;
        format!(
            "`{}` by {}, running for {}",
            behind.command,
            behind.caller,
            short(running)
        )
    });
    let whom = match (first, runs) {
        (None, None) => return None,
        (Some(one), None) | (None, Some(one)) => one,
        (Some(first), Some(runs)) => format!("{first} and {runs}"),
    };
    Some(format!("waiting on {} for {whom}", call.instance))
}

/// How much of a stream was printed.
struct Printed {
    to: Screen,
    bytes: usize,
    open_line: bool,
}

impl Printed {
    fn new(stream: Stream) -> Self {
        Self {
            to: Screen::new(stream),
            bytes: 0,
            open_line: false,
        }
    }

    fn print(&mut self, text: &str) {
        self.bytes += text.len();
        self.open_line = !text.ends_with('\n');
        // Who closed our output does not want to hear more; the call goes on.
        self.to.data(text).and_then(|()| self.to.flush()).ok();
    }
}

impl Live {
    pub fn new(ui: Ui) -> Self {
        Self {
            ui,
            stdout: Printed::new(Stream::Out),
            stderr: Printed::new(Stream::Err),
            bar: None,
            told_percent: 0,
            lagged: false,
            shows_output: !ui.json,
            waiting: None,
        }
    }

    /// Only progress, nothing of what the call prints.
    pub fn without_output(ui: Ui) -> Self {
        Self {
            shows_output: false,
            ..Self::new(ui)
        }
    }

    /// Prints what was not printed yet, and ends open lines.
    pub fn finish(&mut self, call: &CallView) {
        self.waiting = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if !self.shows_output {
            return;
        }
        if let Some(outcome) = &call.outcome {
            let rest = |whole: &str, stream: &Printed| {
                whole.get(stream.bytes..).unwrap_or_default().to_owned()
            };
            let out = rest(&outcome.output.stdout, &self.stdout);
            let err = rest(&outcome.output.stderr, &self.stderr);
            self.print("stdout", &out);
            self.print("stderr", &err);
        }
        if self.stdout.open_line {
            self.print("stdout", "\n");
        }
        if self.stderr.open_line {
            self.print("stderr", "\n");
        }
    }

    fn print(&mut self, stream: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let (stdout, stderr, ui) = (&mut self.stdout, &mut self.stderr, self.ui);
        let mut write = || match stream {
            "stdout" => stdout.print(text),
            "stderr" => stderr.print(text),
            _ => say_log(ui, text),
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn draw(&mut self, progress: &Progress) {
        let bar = self.bar.get_or_insert_with(new_bar);
        if let Some(fraction) = progress.fraction {
            bar.set_position(steps(fraction, BAR_STEPS));
        }
        set_message(bar, &progress.text);
    }

    fn tell(&mut self, progress: &Progress) {
        let Some(fraction) = progress.fraction else {
            return;
        };
        let percent = steps(fraction, 100);
        if percent >= self.told_percent + TOLD_EVERY_PERCENT {
            self.told_percent = percent - percent % TOLD_EVERY_PERCENT;
            self.ui.say(
                format_args!("{percent} %, {}", one_line(&progress.text))
                    .to_string()
                    .trim_end_matches([',', ' ']),
            );
        }
    }
}

impl Watcher for Live {
    fn queued(&mut self, call: &CallView) {
        match (waiting_note(call), &self.waiting) {
            (None, _) => self.waiting = None,
            (Some(note), Some(waiting)) => waiting.now(note),
            (Some(note), None) => self.waiting = Some(Waiting::new(self.ui, note)),
        }
    }

    fn started(&mut self) {
        self.waiting = None;
    }

    fn output(&mut self, stream: &str, text: &str) {
        if self.shows_output && !self.lagged {
            self.print(stream, text);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if self.ui.is_attended() {
            self.draw(progress);
        } else {
            self.tell(progress);
        }
    }

    fn lagged(&mut self) {
        self.lagged = true;
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed}  {wide_msg}")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to a small range"
)]
pub fn steps(fraction: f64, all: u64) -> u64 {
    (fraction.clamp(0.0, 1.0) * all as f64) as u64
}

/// A log record of the app; one that is no JSON as it is.
pub fn say_log(ui: Ui, text: &str) {
    for line in text.lines() {
        let read: Option<LogRecord> = serde_json::from_str::<Value>(line)
            .ok()
            .and_then(|record| serde_json::from_value(record).ok());
        match read {
            Some(record) => ui.say(format_args!(
                "{FAINT}{} {}{FAINT:#} {}",
                record.level,
                one_line(&record.source),
                one_line(&record.text)
            )),
            None => ui.say(line),
        }
    }
}
