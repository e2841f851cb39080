use std::io::{self, Write};

use clap::Args;
use serde_json::Value;
use wire::call::CallView;

use crate::ago::{ago, short_ms};
use crate::answer::{Answer, Answered, Shown};
use crate::client::{Client, segment};
use crate::outcome;
use crate::session::{Session, typed};
use crate::table::{Cell, Table};
use crate::ui::{FAINT, HEADING, Ui};

/// Show what was called, the newest first, or one call in full
#[derive(Args, Debug)]
pub struct History {
    /// One call.
    #[arg(value_name = "CALL_ID", conflicts_with_all = ["limit", "app", "instance", "status", "before"])]
    pub call: Option<String>,
    /// How many.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    pub limit: u32,
    /// Only of this app.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// Only on this instance.
    #[arg(long, short, value_name = "NAME")]
    pub instance: Option<String>,
    /// Only those that are or ended so.
    #[arg(long, value_name = "STATUS", value_parser = ["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "interrupted"])]
    pub status: Option<String>,
    /// Only those before this call.
    #[arg(long, value_name = "CALL_ID")]
    pub before: Option<String>,
}

impl History {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
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

    fn people(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new([
            "ASKED", "CALL", "INSTANCE", "COMMAND", "CALLER", "STATUS", "TOOK", "PROBLEM",
        ]);
        for call in &self.calls {
            let outcome = call.outcome.as_ref();
            let problem = outcome.and_then(|outcome| outcome.problem.as_ref());
            table.row([
                ago(&call.asked_at).into(),
                call.call_id.as_str().into(),
                call.instance.as_str().into(),
                call.command.as_str().into(),
                call.caller.as_str().into(),
                Cell::styled(call.status.as_str(), outcome::status_style(call.status)),
                outcome
                    .map(|outcome| short_ms(outcome.duration_ms))
                    .unwrap_or_default()
                    .into(),
                problem
                    .map(|problem| problem.code.as_str())
                    .unwrap_or_default()
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
            "no such call; "
        } else {
            ""
        };
        if let Some(since) = self.document["since"].as_str() {
            ui.say(format_args!(
                "{FAINT}{what}the hub remembers from {} on{FAINT:#}",
                ago(since)
            ));
        }
    }
}

fn one(client: &Client, id: &str) -> Answered {
    let document = client.get(&format!("/v1/calls/{}", segment("id of a call", id)?))?;
    let call: CallView = typed(&document)?;
    Ok(Shown::boxed(document, move |out| write_one(out, &call)))
}

fn write_one(out: &mut dyn Write, call: &CallView) -> io::Result<()> {
    writeln!(
        out,
        "{HEADING}{}{HEADING:#} of {} on {}, asked {}: {}",
        call.command,
        call.caller,
        call.instance,
        ago(&call.asked_at),
        outcome::status_words(call)
    )?;
    if let Some(progress) = &call.progress {
        let percent = progress
            .fraction
            .map(|fraction| format!("{:.0} % ", fraction * 100.0));
        writeln!(out, "{}{}", percent.unwrap_or_default(), progress.text)?;
    }
    outcome::write_output(out, call)?;
    if let Some(problem) = call
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.problem.as_ref())
    {
        writeln!(out, "{}: {}", problem.code, problem.message)?;
        if let Some(hint) = &problem.hint {
            writeln!(out, "hint: {hint}")?;
        }
    }
    outcome::write_value(out, call)
}
