//! Events as the window keeps them: what is large is replaced by a note that says where the whole is.
//!
//! In comes an event of any size; out comes one of a few kB and about how many bytes it holds. A call's
//! value, output and problem stay whole in the journal, which has its own bound.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wire::outcome::OutcomeBody;
use wire::{CallId, CallView, Changes, Event};

use crate::limits;

/// What an event holds beside its texts, in bytes: names, ids, times.
const EVENT_BYTES: usize = 512;
/// What an item of a list holds beside its texts, in bytes.
const ITEM_BYTES: usize = 64;

/// The event for the window, and roughly its bytes.
pub(super) fn truncated(event: &Event) -> (Event, usize) {
    match event {
        Event::CallEnded { call } => {
            let mut call = call.clone();
            let bytes = truncate_outcome(&mut call) + words_of(&call);
            (Event::CallEnded { call }, EVENT_BYTES + bytes)
        }
        Event::CallOutput {
            call_id,
            stream,
            text,
        } => {
            let text = shortened(text, call_id);
            let bytes = EVENT_BYTES + text.len();
            let event = Event::CallOutput {
                call_id: call_id.clone(),
                stream: stream.clone(),
                text,
            };
            (event, bytes)
        }
        Event::CallProgress { call_id, progress } => {
            let mut progress = progress.clone();
            progress.text = shortened(&progress.text, call_id);
            let details = progress.details.as_ref().map_or(0, weight_of_map);
            let bytes = EVENT_BYTES + progress.text.len() + details;
            let event = Event::CallProgress {
                call_id: call_id.clone(),
                progress,
            };
            (event, bytes)
        }
        Event::State { changes, .. } => {
            let bytes = changes.as_ref().map_or(0, weight_of_map);
            (event.clone(), EVENT_BYTES + bytes)
        }
        Event::Job { job } => {
            // Its details can be a whole traceback; GET /v1/jobs/{id} has them.
            let mut job = job.clone();
            if let Some(problem) = &mut job.problem {
                problem.details.clear();
                problem.message = shortened(&problem.message, &job.call_id);
            }
            let words = job
                .labels
                .iter()
                .map(|(name, value)| name.len() + value.len());
            let bytes = EVENT_BYTES + words.sum::<usize>() + job.after.len() * ITEM_BYTES;
            (Event::Job { job }, bytes)
        }
        Event::CallQueued { call } => (event.clone(), EVENT_BYTES + words_of(call)),
        Event::CallStarted { .. } | Event::Instance { .. } => (event.clone(), EVENT_BYTES),
    }
}

/// The event for those who follow calls of their own and hold these anyway.
pub(super) fn without_outcome(mut event: Event) -> Event {
    if let Event::CallEnded { call } = &mut event {
        (call.outcome, call.args) = (None, None);
    }
    event
}

/// What a caller gave a call beside its arguments, and names that have no short form.
fn words_of(call: &CallView) -> usize {
    call.correlation_id.as_deref().map_or(0, str::len) + call.command.len() + call.caller.len()
}

/// Whether the details of a progress may travel with it.
pub(crate) fn is_small(details: &Map<String, Value>) -> bool {
    weight_of_map(details) <= limits::PROGRESS_DETAILS_BYTES_MAX
}

/// What a bridge says of a change of its state, if it is an object; a long list becomes a note.
pub(crate) fn bounded_changes(changes: Value) -> Option<Map<String, Value>> {
    let Value::Object(changes) = changes else {
        return None;
    };
    if weight_of_map(&changes) <= limits::STATE_CHANGES_BYTES_MAX {
        return Some(changes);
    }
    let mut note = Map::new();
    for key in ["since", "by"] {
        if let Some(value) = changes
            .get(key)
            .filter(|value| weight(value) <= EVENT_BYTES)
        {
            note.insert(key.to_owned(), value.clone());
        }
    }
    let count = |key: &str| {
        changes
            .get(key)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    let omitted =
        json!({"added": count("added"), "changed": count("changed"), "removed": count("removed")});
    note.insert("omitted".to_owned(), omitted);
    Some(note)
}

/// Gives the bytes that are left in it.
fn truncate_outcome(call: &mut CallView) -> usize {
    let Some(outcome) = &call.outcome else {
        return 0;
    };
    let bytes = weight_of_outcome(outcome);
    if bytes <= limits::FEED_VALUE_BYTES_MAX {
        return bytes;
    }
    let truncated = truncated_outcome(outcome, &call.call_id);
    let bytes = weight_of_outcome(&truncated);
    call.outcome = Some(Arc::new(truncated));
    bytes
}

/// Built piece by piece, so that nothing large is copied.
fn truncated_outcome(outcome: &OutcomeBody, id: &CallId) -> OutcomeBody {
    let mut problem = outcome.problem.clone();
    if let Some(problem) = &mut problem {
        if weight_of_map(&problem.details) > limits::FEED_VALUE_BYTES_MAX {
            let bytes = weight_of_map(&problem.details);
            *problem.details = Map::from_iter([("omitted".to_owned(), note(bytes, id))]);
        }
        problem.message = shortened(&problem.message, id);
        problem.hint = problem.hint.take().map(|hint| shortened(&hint, id));
    }
    let value = match weight(&outcome.value) {
        bytes if bytes > limits::FEED_VALUE_BYTES_MAX => json!({"$omitted": note(bytes, id)}),
        _ => outcome.value.clone(),
    };
    let logs = outcome.output.logs.iter().take(limits::FEED_LIST_MAX);
    let logs = logs.map(|log| {
        let mut log = log.clone();
        log.text = shortened(&log.text, id);
        log
    });
    OutcomeBody {
        value,
        output: wire::Output {
            stdout: shortened(&outcome.output.stdout, id),
            stderr: shortened(&outcome.output.stderr, id),
            logs: logs.collect(),
        },
        duration_ms: outcome.duration_ms,
        changes: truncated_changes(&outcome.changes),
        memory: outcome.memory,
        problem,
    }
}

fn truncated_changes(changes: &Changes) -> Changes {
    let some = |items: &[wire::Item]| items.iter().take(limits::FEED_LIST_MAX).cloned().collect();
    let over = |items: &[wire::Item]| items.len().saturating_sub(limits::FEED_LIST_MAX) as u64;
    let left_out = over(&changes.added) + over(&changes.changed) + over(&changes.removed);
    Changes {
        added: some(&changes.added),
        changed: some(&changes.changed),
        removed: some(&changes.removed),
        truncated: match changes.truncated.unwrap_or(0) + left_out {
            0 => None,
            count => Some(count),
        },
        cannot_undo: changes.cannot_undo.clone(),
    }
}

fn note(bytes: usize, id: &CallId) -> Value {
    json!({"bytes": bytes, "get": format!("/v1/calls/{id}")})
}

/// The beginning of a long text, and where the rest is.
fn shortened(text: &str, id: &CallId) -> String {
    if text.len() <= limits::FEED_TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limits::FEED_TEXT_BYTES_MAX);
    format!(
        "{}\n… {} bytes in all: GET /v1/calls/{id}\n",
        &text[..end],
        text.len()
    )
}

fn weight_of_outcome(outcome: &OutcomeBody) -> usize {
    let logs = &outcome.output.logs;
    let logs: usize = logs.iter().map(|log| ITEM_BYTES + log.text.len()).sum();
    let changes = &outcome.changes;
    let items = changes
        .added
        .iter()
        .chain(&changes.changed)
        .chain(&changes.removed);
    let items: usize = items
        .map(|item| ITEM_BYTES + item.kind.len() + item.name.len())
        .sum();
    let problem = outcome.problem.as_ref().map_or(0, |problem| {
        weight_of_map(&problem.details)
            + problem.message.len()
            + problem.hint.as_ref().map_or(0, String::len)
    });
    weight(&outcome.value)
        + outcome.output.stdout.len()
        + outcome.output.stderr.len()
        + logs
        + items
        + problem
}

fn weight_of_map(map: &Map<String, Value>) -> usize {
    map.iter()
        .map(|(key, value)| ITEM_BYTES + key.len() + weight(value))
        .sum()
}

/// Roughly the bytes that a value holds in memory.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 24 + text.len(),
        Value::Array(items) => 24 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => weight_of_map(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => 24,
    }
}
