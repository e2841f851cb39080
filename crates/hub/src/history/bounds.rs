//! How large a thing of the history may be, and what stands in the place of what is larger.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wire::outcome::OutcomeBody;

use crate::call::Call;
use crate::json_size::{fits, take, weight_up_to};
use crate::limits;
use crate::shown::omitted_args;

/// What a call holds while it waits to be written down. What is large counts flat: the queue holds few of those.
pub(super) fn weight_of(call: &Call) -> usize {
    let args = call.given_args();
    let args = args.map_or(Some(0), |args| {
        weight_up_to(&args, limits::HISTORY_ARGS_BYTES_MAX)
    });
    let outcome = call.stage().outcome;
    let value = outcome.map_or(Some(0), |outcome| {
        let mut left = limits::HISTORY_VALUE_BYTES_MAX;
        let texts = outcome.output.stdout.len() + outcome.output.stderr.len();
        (take(&mut left, texts) && fits(&outcome.value, &mut left))
            .then(|| limits::HISTORY_VALUE_BYTES_MAX - left)
    });
    let flat = limits::HISTORY_LARGE_BYTES;
    CALL_BYTES + args.unwrap_or(flat) + value.unwrap_or(flat)
}

/// The memory of this run keeps what is small.
pub(super) fn forget_large_args(call: &Call) {
    let args = call.given_args().unwrap_or_default();
    if weight_up_to(&args, limits::HISTORY_ARGS_BYTES_MAX).is_none() {
        call.show_args(Some(Arc::new(omitted_args())));
    }
}

/// A call's names, ids and times, in bytes.
const CALL_BYTES: usize = 512;

/// An outcome of which nothing is too large; the same one when nothing is.
pub(super) fn bounded(outcome: &Arc<OutcomeBody>) -> Arc<OutcomeBody> {
    let mut left = limits::HISTORY_VALUE_BYTES_MAX;
    let value_fits = fits(&outcome.value, &mut left);
    let output = &outcome.output;
    let changes = &outcome.changes;
    let changed = changes.added.len() + changes.changed.len() + changes.removed.len();
    let mut left = limits::HISTORY_VALUE_BYTES_MAX;
    let details_fit = outcome.problem.as_ref().is_none_or(|problem| {
        let details = &problem.details;
        take(&mut left, problem.message.len())
            && details.values().all(|value| fits(value, &mut left))
    });
    if value_fits
        && details_fit
        && output.stdout.len() <= limits::HISTORY_TEXT_BYTES_MAX
        && output.stderr.len() <= limits::HISTORY_TEXT_BYTES_MAX
        && output.logs.len() <= limits::HISTORY_LOGS_MAX
        && output
            .logs
            .iter()
            .all(|log| log.text.len() <= limits::HISTORY_TEXT_BYTES_MAX)
        && changed <= limits::HISTORY_CHANGES_MAX
    {
        return Arc::clone(outcome);
    }
    Arc::new(cut(outcome, value_fits, details_fit))
}

fn cut(outcome: &OutcomeBody, value_fits: bool, details_fit: bool) -> OutcomeBody {
    let mut problem = outcome.problem.clone();
    if let Some(problem) = problem.as_mut().filter(|_| !details_fit) {
        problem.message = cut_text(&problem.message);
        *problem.details = Map::from_iter([("$omitted".to_owned(), omitted())]);
    }
    let logs = outcome.output.logs.iter().take(limits::HISTORY_LOGS_MAX);
    let logs = logs.map(|log| {
        let mut log = log.clone();
        log.text = cut_text(&log.text);
        log
    });
    let mut changes = wire::Changes {
        truncated: outcome.changes.truncated,
        cannot_undo: outcome.changes.cannot_undo.clone(),
        ..wire::Changes::default()
    };
    let mut room = limits::HISTORY_CHANGES_MAX;
    let mut left_out = 0;
    for (from, to) in [
        (&outcome.changes.added, &mut changes.added),
        (&outcome.changes.changed, &mut changes.changed),
        (&outcome.changes.removed, &mut changes.removed),
    ] {
        let some = from.len().min(room);
        room -= some;
        left_out += from.len() - some;
        to.extend_from_slice(&from[..some]);
    }
    if left_out > 0 {
        changes.truncated = Some(changes.truncated.unwrap_or(0) + left_out as u64);
    }
    OutcomeBody {
        value: if value_fits {
            outcome.value.clone()
        } else {
            json!({ "$omitted": omitted() })
        },
        output: wire::Output {
            stdout: cut_text(&outcome.output.stdout),
            stderr: cut_text(&outcome.output.stderr),
            logs: logs.collect(),
        },
        duration_ms: outcome.duration_ms,
        changes,
        memory: outcome.memory,
        problem,
    }
}

fn omitted() -> Value {
    json!({"why": format!("the history keeps values up to {} bytes", limits::HISTORY_VALUE_BYTES_MAX)})
}

/// The beginning of a long text, and that it was longer.
fn cut_text(text: &str) -> String {
    if text.len() <= limits::HISTORY_TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limits::HISTORY_TEXT_BYTES_MAX);
    format!(
        "{}\n… {} bytes in all; the history keeps {}\n",
        &text[..end],
        text.len(),
        limits::HISTORY_TEXT_BYTES_MAX
    )
}
