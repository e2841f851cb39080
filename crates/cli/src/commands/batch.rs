use std::io::{self, Write};

use clap::{Args, ValueHint};
use serde_json::{Value, json};
use wire::batch::{BatchOutcome, BatchStatus};
use wire::problem::exit;
use wire::{BatchView, Problem};

use crate::answer::{Answer, Answered};
use crate::client::{Client, segment};
use crate::keyvalue::read_text;
use crate::session::{Session, typed};
use crate::ui::{BAD, FAINT, GOOD, Ui};
use crate::{outcome, problems};

/// Run several calls as one
///
/// FILE has a JSON array of calls, or one call on each line, as `POST /v1/calls` takes them:
/// `{"app": "blender", "command": "object.create", "args": {"kind": "cube"}}`. All are checked before the
/// first one runs; they run one after the other, and what they change in an app is one undo step there.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  kapelle batch scene.jsonl --on-error continue\n  jq -c '.[]' shots.json | kapelle batch - --job"
)]
pub struct Batch {
    /// A file with the calls; `-` reads it from stdin.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: String,
    /// After a call that does not succeed: run none of the others, or all of them.
    #[arg(long, value_name = "WHAT", value_parser = ["stop", "continue"], default_value = "stop")]
    pub on_error: String,
    /// Make jobs of them, stored together or not at all.
    #[arg(long)]
    pub job: bool,
    /// Ask and go: print the ids, and let it run.
    #[arg(long)]
    pub no_wait: bool,
}

impl Batch {
    pub(crate) fn run(self, session: &Session) -> Answered {
        // As they were written: the hub reads them as it reads any body, and says what is wrong with one.
        let request = json!({
            "calls": calls(&read_text(&self.file)?)?,
            "on_error": self.on_error,
            "wait": !self.no_wait,
            "durable": self.job,
        });
        let client = session.hub_or_start()?;
        shown(client.post_within("/v1/batches", &request, None)?)
    }
}

/// How a batch stands.
pub(crate) fn show(client: &Client, id: &str) -> Answered {
    let id = segment("id of a batch", id)?;
    shown(client.get(&format!("/v1/batches/{id}"))?)
}

fn shown(document: Value) -> Answered {
    let view: BatchView = typed(&document)?;
    Ok(Box::new(Ran { document, view }))
}

fn calls(text: &str) -> Result<Vec<Value>, Box<Problem>> {
    let wrong = |error: &dyn std::fmt::Display| {
        problems::usage(
            format!("The calls cannot be read: {error}."),
            "Write a JSON array of calls, or one call on each line.",
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

    fn people(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.view.outcomes {
            match one {
                BatchOutcome::Call(call) => {
                    let value = call.outcome.as_ref().map(|outcome| json!(outcome.value));
                    let value = value.filter(|value| !value.is_null());
                    writeln!(
                        out,
                        "{} {}  {}  {}",
                        call.call_id,
                        call.command,
                        outcome::status_words(call),
                        value.map(|value| value.to_string()).unwrap_or_default()
                    )?;
                }
                BatchOutcome::Forgotten { call_id } => {
                    writeln!(out, "{call_id} {FAINT}is not remembered any more{FAINT:#}")?;
                }
                BatchOutcome::Refused { problem } => {
                    writeln!(out, "{BAD}{}{BAD:#}: {}", problem.code, problem.message)?;
                }
            }
        }
        Ok(())
    }

    fn remarks(&self, ui: Ui) {
        if self.view.status == BatchStatus::Running {
            let id = &self.view.batch_id;
            ui.say(format_args!("it goes on: kapelle jobs show {id}"));
        }
        if self.view.waiting > 0 {
            ui.say(format_args!(
                "{} calls wait for those before",
                self.view.waiting
            ));
        }
        if self.view.not_run > 0 {
            ui.warn(format_args!("{} calls were not run", self.view.not_run));
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
