use std::io;

use clap::{Args, ValueHint};
use client::{Client, problems, segment, typed};
use serde_json::{Map, Value, json};
use terminal::answer::{Answer, Answered};
use terminal::ids::{self, Short};
use terminal::outcome;
use terminal::screen::{Out, one_line};
use terminal::session::Session;
use terminal::ui::{BAD, FAINT, GOOD, Ui};
use wire::batch::{BatchOutcome, BatchStatus};
use wire::problem::exit;
use wire::{BatchView, CallView, Door, Problem};

use crate::built_in;
use crate::keyvalue::read_text;
use crate::subject::about;

/// A value that is shown beside its call; a longer one is in the history.
const VALUE_CHARS_MAX: usize = 60;

const STOP: &str = "stop";

#[derive(Args, Debug)]
#[command(
    about = ABOUT,
    long_about = long_about(),
    after_help = "Example:\n  kapelle batch scene.jsonl --on-error continue\n  jq -c '.[]' shots.json | kapelle batch - --job"
)]
pub struct Batch {
    /// The file with the calls; `-` for stdin.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: String,
    /// What to do with the remaining calls when one does not succeed.
    #[arg(long, value_name = "WHAT", value_parser = [STOP, "continue"], default_value = STOP)]
    pub on_error: String,
    /// Make them jobs, stored all together or not at all.
    #[arg(long)]
    pub job: bool,
    /// Print the ids and return without waiting for the end.
    #[arg(long)]
    pub no_wait: bool,
}

const ABOUT: &str = "Run several calls as one";

fn long_about() -> String {
    let call = built_in::lines("batch").join("");
    let form = match call.as_str() {
        "" => String::new(),
        call => format!(": `{call}`"),
    };
    format!(
        "{ABOUT}\n\nFILE holds a JSON array of calls, or one call per line, in the form that `POST /v1/calls` takes{form}; \
         or the body of `POST /v1/batches`. \
         All are checked before the first one runs. They run one after the other, and their changes in an app become a \
         single undo step."
    )
}

impl Batch {
    pub(crate) fn run(self, session: &Session) -> Answered {
        // As they were written: the hub reads them as it reads any body, and says what is wrong with one.
        let mut request = body(&read_text(&self.file)?)?;
        for (name, own, is_said) in [
            ("on_error", json!(self.on_error), self.on_error != STOP),
            ("wait", json!(!self.no_wait), self.no_wait),
            ("durable", json!(self.job), self.job),
        ] {
            if is_said || !request.contains_key(name) {
                request.insert(name.to_owned(), own);
            }
        }
        let client = session.hub_or_start()?;
        shown(client.post_within("/v1/batches", &request, None)?)
    }
}

/// How a batch stands.
pub(crate) fn show(client: &Client, id: &str) -> Answered {
    let id = segment("batch id", id)?;
    shown(client.get(&format!("/v1/batches/{id}"))?)
}

/// Cancels what is open of a batch, the last call first: so none begins meanwhile. Gives each call with its line.
pub(crate) fn cancel(client: &Client, id: &str) -> Result<Vec<(Value, String)>, Box<Problem>> {
    let path = format!("/v1/batches/{}", segment("batch id", id)?);
    let batch: BatchView = typed(&client.get(&path)?)?;
    let mut cancelled = Vec::with_capacity(batch.outcomes.len());
    for one in batch.outcomes.into_iter().rev() {
        let BatchOutcome::Call(call) = one else {
            continue;
        };
        let document = match call.status.is_end() {
            true => json!(call),
            false => client.cancel(&call.call_id)?,
        };
        let call: CallView = typed(&document)?;
        let id = ids::short(call.call_id.as_str());
        cancelled.push((document, format!("{id}: {}", outcome::status_words(&call))));
    }
    cancelled.reverse();
    Ok(cancelled)
}

fn shown(document: Value) -> Answered {
    let view: BatchView = typed(&document)?;
    Ok(Box::new(Ran { document, view }))
}

/// The body of the request: as it was written, or around the calls.
fn body(text: &str) -> Result<Map<String, Value>, Box<Problem>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(body)) if body.contains_key("calls") => Ok(body),
        _ => Ok(Map::from_iter([("calls".to_owned(), calls(text)?.into())])),
    }
}

fn calls(text: &str) -> Result<Vec<Value>, Box<Problem>> {
    let wrong = |error: &dyn std::fmt::Display| {
        problems::usage(
            format!("The calls cannot be read: {error}."),
            "Write a JSON array of calls, one call per line, or the body of `POST /v1/batches`.",
        )
    };
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| wrong(&error));
    }
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line)
                .map_err(|error| wrong(&format_args!("line {}: {error}", at + 1)))
        })
        .collect()
}

struct Ran {
    document: Value,
    view: BatchView,
}

impl Answer for Ran {
    fn json(&self) -> Value {
        self.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        let ids = self.view.outcomes.iter().filter_map(|one| match one {
            BatchOutcome::Call(call) => Some(call.call_id.as_str()),
            BatchOutcome::Forgotten { call_id } => Some(call_id.as_str()),
            BatchOutcome::Refused { .. } => None,
        });
        let short = Short::of(ids);
        for one in &self.view.outcomes {
            match one {
                BatchOutcome::Call(call) => write_call(out, &short, call)?,
                BatchOutcome::Forgotten { call_id } => {
                    let id = short.show(call_id.as_str());
                    writeln!(out, "{id}  {FAINT}no longer in the history{FAINT:#}")?;
                }
                BatchOutcome::Refused { problem } => {
                    writeln!(out, "{BAD}refused{BAD:#}")?;
                    write_problem(out, problem)?;
                }
            }
        }
        Ok(())
    }

    fn remarks(&self, ui: Ui) {
        if self.view.status == BatchStatus::Running {
            let id = &self.view.batch_id;
            ui.say(format_args!(
                "still running; see it with kapelle jobs show {}",
                ids::short(id)
            ));
        }
        match self.view.waiting {
            0 => {}
            1 => ui.say("1 call is waiting for the ones before"),
            many => ui.say(format_args!("{many} calls are waiting for the ones before")),
        }
        match self.view.not_run {
            0 => {}
            1 => ui.warn("1 call did not run"),
            many => ui.warn(format_args!("{many} calls did not run")),
        }
        if self.view.status == BatchStatus::Succeeded {
            ui.say(format_args!("{GOOD}all succeeded{GOOD:#}"));
        }
    }

    fn exit_code(&self) -> u8 {
        match self.view.status {
            BatchStatus::Failed => exit::FAILED,
            _ => 0,
        }
    }
}

/// One line for a call that worked, with a short value; below it why one did not.
fn write_call(out: &mut dyn Out, short: &Short, call: &CallView) -> io::Result<()> {
    let outcome = call.outcome.as_ref();
    let value = outcome.and_then(|outcome| match &outcome.value {
        Value::String(text) if !text.contains('\n') => Some(text.clone()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    });
    let value = value.filter(|text| text.chars().count() <= VALUE_CHARS_MAX);
    writeln!(
        out,
        "{}  {}{}  {}{}",
        short.show(call.call_id.as_str()),
        call.command,
        about(call.subject.as_deref()),
        outcome::status_words(call),
        value.map_or_else(String::new, |value| format!(": {value}"))
    )?;
    match outcome.and_then(|outcome| outcome.problem.as_ref()) {
        Some(problem) => write_problem(out, problem),
        None => Ok(()),
    }
}

fn write_problem(out: &mut dyn Out, problem: &Problem) -> io::Result<()> {
    writeln!(out, "  {}: {}", problem.code, one_line(&problem.message))?;
    match problem.hint_at(Door::Terminal) {
        Some(hint) => writeln!(out, "  {FAINT}{}{FAINT:#}", one_line(&hint)),
        None => Ok(()),
    }
}
