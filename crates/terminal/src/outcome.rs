//! How an ended call looks to people, and which exit code it has.

use std::io;

use serde_json::Value;
use wire::call::CallView;
use wire::problem::exit;
use wire::{Changes, Item, JobStatus, Problem, Status};

use crate::ago::short_ms;
use crate::pretty::Pretty;
use crate::screen::{Out, PLAIN, Style, one_line};
use crate::ui::{BAD, CAREFUL, FAINT, GOOD, Ui};

/// How many names of each kind of change are told.
const NAMES_TOLD_MAX: usize = 6;

/// The value: a text as it is, other things as JSON, nothing for none.
pub fn write_value(out: &mut dyn Out, call: &CallView) -> io::Result<()> {
    match call.outcome.as_ref().map(|outcome| &outcome.value) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) => out.data(&format!("{text}\n")),
        Some(other) => writeln!(out, "{}", Pretty(other)),
    }
}

/// What it printed, for calls that nobody followed.
pub fn write_output(out: &mut dyn Out, call: &CallView) -> io::Result<()> {
    let Some(outcome) = &call.outcome else {
        return Ok(());
    };
    for text in [&outcome.output.stdout, &outcome.output.stderr] {
        if !text.is_empty() {
            out.data(&format!("{}\n", text.trim_end_matches('\n')))?;
        }
    }
    Ok(())
}

/// What is worth knowing beside the value.
pub fn remark(ui: Ui, call: &CallView) {
    let Some(outcome) = &call.outcome else {
        return;
    };
    if let Some(problem) = &outcome.problem {
        complain(ui, problem);
    } else if call.status != Status::Succeeded {
        ui.complain(&Problem::new(
            wire::Code::CALL_FAILED,
            format!("The call is {}.", call.status.as_str()),
        ));
    }
    if !outcome.changes.is_empty() {
        ui.say(format_args!(
            "{FAINT}{}{FAINT:#}",
            changes_line(&outcome.changes)
        ));
    }
}

/// The problem, with the traceback before it when there is one.
fn complain(ui: Ui, problem: &Problem) {
    if let Some(traceback) = problem.details.get("traceback").and_then(Value::as_str) {
        ui.text(&format!("{}\n", traceback.trim_end()));
    }
    ui.complain(problem);
}

/// `added object Cube, material Red; changed scene Scene`
pub fn changes_line(changes: &Changes) -> String {
    let parts = [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
    ];
    let mut line: Vec<String> = parts
        .iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(did, items)| format!("{did} {}", names(items)))
        .collect();
    if let Some(more) = changes.truncated {
        line.push(format!("{more} more changes"));
    }
    line.join("; ")
}

fn names(items: &[Item]) -> String {
    let mut told = String::new();
    let mut kind = "";
    for item in items.iter().take(NAMES_TOLD_MAX) {
        if !told.is_empty() {
            told.push_str(", ");
        }
        // What has no name, such as a file that was never saved, is told by its kind alone.
        let name = one_line(&item.name);
        if item.kind != kind || name.is_empty() {
            kind = &item.kind;
            told.push_str(&one_line(kind));
            if !name.is_empty() {
                told.push(' ');
            }
        }
        told.push_str(&name);
    }
    if items.len() > NAMES_TOLD_MAX {
        told.push_str(&format!(" and {} more", items.len() - NAMES_TOLD_MAX));
    }
    told
}

/// `succeeded in 12 ms`, in the status's colour.
pub fn status_words(call: &CallView) -> String {
    let style = status_style(call.status);
    let status = call.status.as_str().replace('_', " ");
    match &call.outcome {
        Some(outcome) => format!(
            "{style}{status}{style:#} in {}",
            short_ms(outcome.duration_ms)
        ),
        None => format!("{style}{status}{style:#}"),
    }
}

pub fn status_style(status: Status) -> Style {
    match status {
        Status::Succeeded => GOOD,
        Status::Failed => BAD,
        Status::TimedOut | Status::Cancelled | Status::Interrupted => CAREFUL,
        Status::Queued | Status::Running => PLAIN,
    }
}

pub fn exit_code(call: &CallView) -> u8 {
    let own = call
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.problem.as_ref())
        .map(Problem::exit_code);
    match call.status {
        Status::Succeeded | Status::Queued | Status::Running => 0,
        Status::Failed => own.unwrap_or(exit::FAILED),
        Status::TimedOut | Status::Cancelled | Status::Interrupted => exit::ENDED,
    }
}

/// The exit code of a job that was followed to its end.
pub fn exit_code_of_job(status: JobStatus) -> u8 {
    match status {
        JobStatus::Succeeded => 0,
        JobStatus::Failed | JobStatus::Dead => exit::FAILED,
        _ => exit::ENDED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_shortly() {
        let item = |kind: &str, name: &str| Item {
            kind: kind.into(),
            name: name.into(),
        };
        let changes = Changes {
            added: vec![
                item("object", "Cube"),
                item("object", "Ball"),
                item("material", "Red"),
            ],
            changed: (0..8).map(|n| item("object", &n.to_string())).collect(),
            removed: Vec::new(),
            truncated: Some(3),
            cannot_undo: None,
        };
        assert_eq!(
            changes_line(&changes),
            "added object Cube, Ball, material Red; changed object 0, 1, 2, 3, 4, 5 and 2 more; 3 more changes"
        );
        let changes = Changes {
            changed: vec![item("file", ""), item("scene", "Scene")],
            ..Changes::default()
        };
        assert_eq!(changes_line(&changes), "changed file, scene Scene");
    }
}
