//! Jobs as people read them at the terminal: a table of many, all of one, a line for each that was changed.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use terminal::ago::{ago, short_ms};
use terminal::answer::Answer;
use terminal::ids::Short;
use terminal::pretty::Pretty;
use terminal::screen::{Out, PLAIN, Style, one_line};
use terminal::table::{Cell, Table};
use terminal::ui::{BAD, CAREFUL, FAINT, GOOD, HEADING, Ui};
use wire::{JobPage, JobStatus, JobView};

use crate::subject::about;

pub(super) struct Listed {
    pub(super) document: Value,
    pub(super) page: JobPage,
}

impl Answer for Listed {
    fn json(&self) -> Value {
        self.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        if self.page.jobs.is_empty() {
            return Ok(());
        }
        let mut table = Table::new([
            "ASKED", "JOB", "APP", "COMMAND", "SUBJECT", "CALLER", "PRIORITY", "STATUS", "TRY",
            "TOOK", "WHY",
        ]);
        let short = Short::of(self.page.jobs.iter().map(|job| job.call_id.as_str()));
        for job in &self.page.jobs {
            let on = job
                .instance
                .as_ref()
                .map_or(job.app.as_str(), |name| name.as_str());
            let tries = (job.attempt > 1).then(|| job.attempt.to_string());
            table.row([
                ago(&job.asked_at).into(),
                short.show(job.call_id.as_str()).into(),
                on.into(),
                job.command.as_str().into(),
                job.subject.as_deref().unwrap_or_default().into(),
                job.caller.as_str().into(),
                job.priority.to_string().into(),
                Cell::styled(job.status.as_str(), style_of(job.status)),
                tries.unwrap_or_default().into(),
                job.duration_ms.map(short_ms).unwrap_or_default().into(),
                why(job).into(),
            ]);
        }
        table.write(out)
    }

    fn remarks(&self, ui: Ui) {
        let counts: Vec<String> = self
            .page
            .counts
            .iter()
            .map(|(status, count)| format!("{count} {}", status.as_str()))
            .collect();
        let counts = match counts.is_empty() {
            true => "no jobs".to_owned(),
            false => counts.join(", "),
        };
        ui.say(format_args!("{FAINT}{counts}{FAINT:#}"));
        for queue in &self.page.queues {
            if queue.paused || queue.draining {
                let how = if queue.paused { "paused" } else { "draining" };
                ui.warn(format_args!(
                    "the queue of {0} is {how}; to resume it: kapelle jobs resume {0}",
                    queue.app
                ));
            }
        }
        if let Some(cursor) = &self.page.next_cursor {
            ui.say(format_args!("{FAINT}more: --cursor {cursor}{FAINT:#}"));
        }
    }
}

pub(super) fn write_one(out: &mut dyn Out, job: &JobView) -> io::Result<()> {
    writeln!(
        out,
        "{HEADING}{}{HEADING:#}{} by {} on {}, {}: {}",
        job.command,
        about(job.subject.as_deref()),
        job.caller,
        job.instance
            .as_ref()
            .map_or(job.app.as_str(), |name| name.as_str()),
        ago(&job.asked_at),
        words_of(job)
    )?;
    let line = |out: &mut dyn Write, name: &str, text: Option<String>| match text {
        Some(text) => writeln!(out, "{FAINT}{name}{FAINT:#} {}", one_line(&text)),
        None => Ok(()),
    };
    line(out, "priority", Some(job.priority.to_string()))?;
    line(out, "position", job.position.map(|place| place.to_string()))?;
    line(out, "not before", job.not_before.clone())?;
    line(out, "deadline", job.deadline.clone())?;
    line(out, "retries", job.retry.map(|retry| retry.max.to_string()))?;
    line(out, "key", job.idempotency_key.clone())?;
    let after: Vec<&str> = job.after.iter().map(|id| id.as_str()).collect();
    line(
        out,
        "after",
        Some(after.join(", ")).filter(|all| !all.is_empty()),
    )?;
    let all: Vec<String> = job
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    line(
        out,
        "labels",
        Some(all.join(" ")).filter(|all| !all.is_empty()),
    )?;
    line(
        out,
        "select",
        job.select.as_ref().map(|select| json!(select).to_string()),
    )?;
    line(out, "durability", Some(job.durability.as_str().to_owned()))?;
    line(
        out,
        "arguments",
        job.args
            .as_ref()
            .map(|args: &Map<String, Value>| json!(args).to_string()),
    )?;
    for attempt in job.attempts.iter().flatten() {
        let problem = attempt
            .problem
            .as_ref()
            .map(|problem| format!(": {}", one_line(&problem.message)));
        writeln!(
            out,
            "{FAINT}attempt {}{FAINT:#} {} on {}, {}{}",
            attempt.attempt,
            attempt.status.as_str(),
            attempt.instance,
            ago(&attempt.started_at),
            problem.unwrap_or_default()
        )?;
    }
    if let Some(problem) = &job.problem {
        writeln!(out, "{}: {}", problem.code, one_line(&problem.message))?;
        if let Some(hint) = &problem.hint {
            writeln!(out, "hint: {}", one_line(hint))?;
        }
    }
    for text in job
        .output
        .iter()
        .flat_map(|output| [&output.stdout, &output.stderr])
    {
        if !text.is_empty() {
            out.data(&format!("{}\n", text.trim_end_matches('\n')))?;
        }
    }
    match &job.value {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) => out.data(&format!("{text}\n")),
        Some(value) => writeln!(out, "{}", Pretty(value)),
    }
}

/// `queued: waiting until an instance is free`
pub(super) fn words_of(job: &JobView) -> String {
    let style = style_of(job.status);
    let reason = why(job);
    let reason = if reason.is_empty() {
        reason
    } else {
        format!(": {reason}")
    };
    format!("{style}{}{style:#}{reason}", job.status.as_str())
}

fn why(job: &JobView) -> String {
    let progress = job
        .progress
        .as_ref()
        .filter(|_| !job.status.is_end())
        .map(|progress| {
            let part = progress
                .fraction
                .map(|part| format!("{:.0} %, ", part * 100.0));
            format!("{}{}", part.unwrap_or_default(), progress.text)
        });
    let problem = job.problem.as_ref().map(|problem| problem.code.to_string());
    // `cancelled` says it all.
    let problem = problem.filter(|code| code != job.status.as_str());
    // The answer to a change does not say why a job waits.
    let is_held = job.paused && job.status == JobStatus::Queued;
    let held = is_held.then(|| "it is paused".to_owned());
    let why = job.why.clone().or(progress).or(problem).or(held);
    one_line(&why.unwrap_or_default()).into_owned()
}

fn style_of(status: JobStatus) -> Style {
    match status {
        JobStatus::Succeeded => GOOD,
        JobStatus::Queued | JobStatus::Leased | JobStatus::Running => PLAIN,
        JobStatus::Cancelled => CAREFUL,
        _ => BAD,
    }
}
