//! What `run` and `code` share: asking for a call, living with it, and showing its outcome.
//!
//! A call of one instance is followed as it happens; one for all instances (`*`) and one that is not
//! waited for are plain requests.

use std::io;
use std::time::Duration;

use clap::Args;
use client::follow::{self, Ended, follow};
use client::{Client, problems, segment, typed};
use serde_json::{Map, Value};
use wire::call::{CallView, Wait};
use wire::{CallRequest, Code, JobStatus, JobView, Problem};

use crate::answer::{Answer, Answered, Shown};
use crate::interrupt::{Interrupt, Target};
use crate::job_options::JobOptions;
use crate::live::Live;
use crate::outcome;
use crate::pretty::Pretty;
use crate::screen::{Out, one_line};
use crate::session::Session;
use crate::ui::Ui;

/// Every instance of the app.
const ALL: &str = "*";

/// Options of verbs that make a call.
#[derive(Args, Debug, Default)]
pub struct CallOptions {
    /// The instance, or `*` for all [default: the only one, or the one named like its app]
    #[arg(long, short, value_name = "NAME")]
    pub instance: Option<String>,
    /// Stop the call after it has run for this many seconds [default: the command's own limit, else 120].
    #[arg(long, short, value_name = "SECS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Print the call's id and return without waiting for the end.
    #[arg(long)]
    pub no_wait: bool,
    /// Check everything without running it.
    #[arg(long, conflicts_with = "no_wait")]
    pub check: bool,
    /// Agree where a person must confirm.
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub job: JobOptions,
}

/// The name of the command that has a role in an app.
///
/// # Errors
/// `not_supported`, with the roles that the app has.
pub fn command_for(client: &Client, app: &str, role: &str) -> Result<String, Box<Problem>> {
    let app = segment("app", app)?;
    let found = client.get(&format!("/v1/apps/{app}/commands?role={role}"))?;
    typed(&found["commands"][0]["name"])
}

pub fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds >= 0.001)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be a number of seconds above 0, for example 2.5".to_owned())
}

/// Makes the call.
///
/// # Errors
/// The problem when nothing ran. A call that ran is an answer, however it ended.
pub fn call(
    session: &Session,
    client: &Client,
    options: &CallOptions,
    app: &str,
    command: &str,
    args: Map<String, Value>,
) -> Answered {
    let ui = session.ui;
    let mut request = CallRequest {
        instance: options.instance.as_deref().map(Into::into),
        timeout_ms: options
            .timeout
            .map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        wait: Wait::Forever(!options.no_wait),
        check_only: options.check,
        ..CallRequest::new(app.into(), command, args)
    };
    options.job.put_into(&mut request);
    let way = if options.check || options.no_wait {
        Way::Plain
    } else if options.instance.as_deref() == Some(ALL) {
        let mark = format!(
            "cli-{}-{:x}",
            std::process::id(),
            time::OffsetDateTime::now_utc().unix_timestamp_nanos()
        );
        request.correlation_id = Some(mark.clone());
        Interrupt::arm(client, ui, Target::Correlated(mark))?;
        Way::All
    } else {
        Way::One(Interrupt::arm(client, ui, Target::Unknown)?)
    };
    match way.go(client, ui, &request) {
        Err(problem) if problem.code == Code::CONFIRMATION_REQUIRED => {
            request.confirm = Some(confirm(ui, options.yes, problem)?);
            way.go(client, ui, &request)
        }
        other => other,
    }
}

enum Way {
    /// Nothing to wait for.
    Plain,
    One(Interrupt),
    /// Ctrl-C finds the calls by their mark.
    All,
}

impl Way {
    fn go(&self, client: &Client, ui: Ui, request: &CallRequest) -> Answered {
        match self {
            Self::Plain => {
                let document = client.post("/v1/calls", request)?;
                Ok(if request.check_only {
                    checked(document)
                } else {
                    asked(document)
                })
            }
            Self::One(interrupt) => {
                let mut live = Live::new(ui);
                let ended = follow(client, request, &mut interrupt.around(&mut live))?;
                live.finish(&ended.call);
                Ok(Box::new(OneEnded { ended }))
            }
            Self::All => {
                let document = client.post_within("/v1/calls", request, None)?;
                let calls: Vec<CallView> = typed(&document["outcomes"])?;
                Ok(Box::new(AllEnded { document, calls }))
            }
        }
    }
}

/// Follows a job to its end; Ctrl-C leaves it alone.
///
/// # Errors
/// When there is no such job, or the hub went away.
pub fn follow_job(session: &Session, id: &str) -> Answered {
    let ui = session.ui;
    let client = session.hub()?;
    let path = format!("/v1/calls/{}/events", segment("job id", id)?);
    let mut live = Live::new(ui);
    let ended = follow::rest(client.events(&path, None)?, &mut live)?;
    live.finish(&ended.call);
    let job: JobView = typed(&client.get(&format!("/v1/jobs/{id}"))?)?;
    Ok(Box::new(JobEnded {
        ended,
        status: job.status,
    }))
}

struct JobEnded {
    ended: Ended,
    status: JobStatus,
}

impl Answer for JobEnded {
    fn json(&self) -> Value {
        self.ended.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        outcome::write_value(out, &self.ended.call)
    }

    fn remarks(&self, ui: Ui) {
        outcome::remark(ui, &self.ended.call);
    }

    fn exit_code(&self) -> u8 {
        outcome::exit_code_of_job(self.status)
    }
}

/// The `confirm` value, when a person says yes.
pub fn confirm(ui: Ui, yes: bool, problem: Box<Problem>) -> Result<String, Box<Problem>> {
    let Some(value) = problem.details.get("confirm").and_then(Value::as_str) else {
        return Err(problem);
    };
    if yes {
        return Ok(value.to_owned());
    }
    if !ui.can_ask() {
        return Err(Box::new(
            problem
                .clone()
                .hint("Add --yes to agree, or run it on a terminal and be asked."),
        ));
    }
    ui.text(&format!("{} Go on? [y/N] ", one_line(&problem.message)));
    let mut line = String::new();
    io::stdin().read_line(&mut line).ok();
    if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(value.to_owned());
    }
    Err(problems::new(
        Code::CONFIRMATION_REQUIRED,
        "Nothing ran.",
        "Answer `y` to go on, or add --yes.",
    ))
}

fn asked(document: Value) -> Box<dyn Answer> {
    let ids: Vec<String> = document["outcomes"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([&document])
        .filter_map(|call| call["call_id"].as_str().map(str::to_owned))
        .collect();
    Shown::boxed(document, move |out| {
        ids.iter().try_for_each(|id| writeln!(out, "{id}"))
    })
}

fn checked(document: Value) -> Box<dyn Answer> {
    let instances = document["instance"].as_array().into_iter().flatten();
    let instances: Vec<&str> = instances.filter_map(Value::as_str).collect();
    let line = format!(
        "{} would run on {} ({})",
        document["command"].as_str().unwrap_or_default(),
        instances.join(", "),
        document["effect"].as_str().unwrap_or_default(),
    );
    let args = document["args"].clone();
    Shown::boxed(document, move |out| {
        writeln!(out, "{line}")?;
        writeln!(out, "{}", Pretty(&args))
    })
}

struct OneEnded {
    ended: Ended,
}

impl Answer for OneEnded {
    fn json(&self) -> Value {
        self.ended.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        outcome::write_value(out, &self.ended.call)
    }

    fn remarks(&self, ui: Ui) {
        outcome::remark(ui, &self.ended.call);
    }

    fn exit_code(&self) -> u8 {
        outcome::exit_code(&self.ended.call)
    }
}

struct AllEnded {
    document: Value,
    calls: Vec<CallView>,
}

impl Answer for AllEnded {
    fn json(&self) -> Value {
        self.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        for call in &self.calls {
            let style = crate::ui::HEADING;
            writeln!(
                out,
                "{style}{}{style:#}  {}",
                call.instance,
                outcome::status_words(call)
            )?;
            outcome::write_output(out, call)?;
            outcome::write_value(out, call)?;
        }
        Ok(())
    }

    fn remarks(&self, ui: Ui) {
        for call in &self.calls {
            outcome::remark(ui, call);
        }
    }

    fn exit_code(&self) -> u8 {
        self.calls
            .iter()
            .map(outcome::exit_code)
            .find(|code| *code != 0)
            .unwrap_or(0)
    }
}
