use std::io;

use clap::{Args, Subcommand};
use client::{Client, problems, segment, typed};
use serde_json::Value;
use terminal::ago::{ago, short_ms};
use terminal::answer::{Answer, Answered, Shown};
use terminal::ids::Short;
use terminal::screen::{Out, json_text, one_line};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::{FAINT, HEADING, Ui};
use terminal::{amount, outcome};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::call::CallView;

use crate::subject::about;

/// Show past calls, newest first, or one call in full
///
/// This includes calls from before the hub was last started. Secrets are shown as [masked].
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct History {
    #[command(subcommand)]
    pub what: Option<What>,
    /// One call, by its id or the beginning of it.
    #[arg(value_name = "CALL_ID", conflicts_with_all = ["limit", "app", "instance", "status", "before"])]
    pub call: Option<String>,
    /// How many calls.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    pub limit: u32,
    /// Only calls to this app.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// Only calls to this instance.
    #[arg(long, short, value_name = "NAME")]
    pub instance: Option<String>,
    /// Only calls with this status.
    #[arg(long, value_name = "STATUS", value_parser = ["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "interrupted"])]
    pub status: Option<String>,
    /// Only calls before this one.
    #[arg(long, value_name = "CALL_ID")]
    pub before: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum What {
    /// Delete ended calls and jobs for good
    Purge(Purge),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Purge {
    /// Those older than this, for example 30d.
    #[arg(long, value_name = "TIME", value_parser = amount::seconds)]
    older_than: Option<u64>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Purge {
    fn run(self, client: &Client) -> Answered {
        let before = match self.older_than {
            None => None,
            Some(seconds) => Some(ago_by(seconds)?),
        };
        let query = match &before {
            Some(before) => ("before", before.as_str()),
            None => ("all", "true"),
        };
        let document = client.delete_with("/v1/calls", &[query], PURGE_TIMEOUT)?;
        let count = |what: &str| document[what].as_u64().unwrap_or(0);
        let (calls, jobs) = (count("calls"), count("jobs"));
        Ok(Shown::boxed(document, move |out| {
            writeln!(out, "deleted: {calls} calls, {jobs} jobs")
        }))
    }
}

/// A large history is taken away in steps; a slow disk may take a while for all of them.
const PURGE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

fn ago_by(seconds: u64) -> Result<String, Box<wire::Problem>> {
    let too_long = || {
        problems::usage(
            "Nothing is that old.".to_owned(),
            "Write a time such as 30d or 12h.",
        )
    };
    let ago = i64::try_from(seconds).map_err(|_| too_long())?;
    let before = OffsetDateTime::now_utc().checked_sub(time::Duration::seconds(ago));
    before
        .and_then(|before| before.format(&Rfc3339).ok())
        .ok_or_else(too_long)
}

impl History {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
        if let Some(What::Purge(purge)) = self.what {
            return purge.run(&client);
        }
        if let Some(id) = &self.call {
            return one(&client, id);
        }
        let mut query = vec![("limit", self.limit.to_string())];
        let filters = [
            ("app", self.app),
            ("instance", self.instance),
            ("status", self.status),
            ("before", self.before),
        ];
        query.extend(
            filters
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        let document = client.get_with("/v1/calls", &query)?;
        Ok(Box::new(Calls {
            calls: typed(&document["calls"])?,
            document,
        }))
    }
}

struct Calls {
    document: Value,
    calls: Vec<CallView>,
}

impl Answer for Calls {
    fn json(&self) -> Value {
        self.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        let mut table = Table::new([
            "ASKED", "CALL", "INSTANCE", "COMMAND", "SUBJECT", "CALLER", "STATUS", "TOOK", "",
        ]);
        let short = Short::of(self.calls.iter().map(|call| call.call_id.as_str()));
        for call in &self.calls {
            let outcome = call.outcome.as_ref();
            let problem = outcome.and_then(|outcome| outcome.problem.as_ref());
            table.row([
                ago(&call.asked_at).into(),
                short.show(call.call_id.as_str()).into(),
                call.instance.as_str().into(),
                call.command.as_str().into(),
                call.subject.as_deref().unwrap_or_default().into(),
                call.caller.as_str().into(),
                Cell::styled(call.status.as_str(), outcome::status_style(call.status)),
                outcome
                    .map(|outcome| short_ms(outcome.duration_ms))
                    .unwrap_or_default()
                    .into(),
                match (problem, &call.undone_by) {
                    (Some(problem), _) => problem.code.as_str(),
                    (None, Some(_)) => "undone",
                    (None, None) => "",
                }
                .into(),
            ]);
        }
        if self.calls.is_empty() {
            Ok(())
        } else {
            table.write(out)
        }
    }

    fn remarks(&self, ui: Ui) {
        let what = if self.calls.is_empty() {
            "no such calls; "
        } else {
            ""
        };
        if let Some(since) = self.document["since"].as_str() {
            ui.say(format_args!(
                "{FAINT}{what}the history began {}{FAINT:#}",
                ago(since)
            ));
        }
        if let Some(left_out) = self.document["left_out"]
            .as_u64()
            .filter(|count| *count > 0)
        {
            ui.warn(format_args!(
                "{left_out} calls since the hub started could not be stored"
            ));
        }
    }
}

fn one(client: &Client, id: &str) -> Answered {
    let document = client.get(&format!("/v1/calls/{}", segment("call id", id)?))?;
    let call: CallView = typed(&document)?;
    Ok(Shown::boxed(document, move |out| write_one(out, &call)))
}

fn write_one(out: &mut dyn Out, call: &CallView) -> io::Result<()> {
    writeln!(
        out,
        "{HEADING}{}{HEADING:#}{} by {} on {}, {}: {}",
        call.command,
        about(call.subject.as_deref()),
        call.caller,
        call.instance,
        ago(&call.asked_at),
        outcome::status_words(call)
    )?;
    writeln!(out, "{FAINT}call{FAINT:#} {}", call.call_id)?;
    if let Some(args) = call.args.as_ref().filter(|args| !args.is_empty()) {
        let args = serde_json::json!(args).to_string();
        writeln!(out, "{FAINT}arguments{FAINT:#} {}", json_text(&args))?;
    }
    if let Some(progress) = &call.progress {
        let percent = progress
            .fraction
            .map(|fraction| format!("{:.0} %, ", fraction * 100.0));
        writeln!(
            out,
            "{}{}",
            percent.unwrap_or_default(),
            one_line(&progress.text)
        )?;
    }
    write_changes(out, call)?;
    outcome::write_output(out, call)?;
    if let Some(problem) = call
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.problem.as_ref())
    {
        writeln!(out, "{}: {}", problem.code, one_line(&problem.message))?;
        if let Some(hint) = &problem.hint {
            writeln!(out, "hint: {}", one_line(hint))?;
        }
    }
    outcome::write_value(out, call)
}

/// What it changed, and whether that still stands.
fn write_changes(out: &mut dyn Out, call: &CallView) -> io::Result<()> {
    let changes = call.outcome.as_ref().map(|outcome| &outcome.changes);
    let Some(changes) = changes.filter(|changes| !changes.is_empty()) else {
        return Ok(());
    };
    writeln!(
        out,
        "{FAINT}changes{FAINT:#} {}",
        outcome::changes_line(changes)
    )?;
    match &call.undone_by {
        Some(by) => writeln!(out, "{FAINT}undone by{FAINT:#} {by}"),
        None => Ok(()),
    }
}
