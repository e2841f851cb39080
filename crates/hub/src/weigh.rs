//! Roughly the bytes that something holds in memory: all of it, so that what is kept can be bounded.
//!
//! In comes a call, an outcome, a value; out comes a number. It is for what stays; how large a thing may be is its
//! room's business.

use serde_json::{Map, Value};
use wire::outcome::OutcomeBody;
use wire::{Changes, Output, Problem};

use crate::call::Call;

/// A call's ids, times and places in tables, in bytes.
const CALL_BYTES: usize = 768;
/// An outcome's own members.
const OUTCOME_BYTES: usize = 512;
/// A value's own place, and what the allocator adds to its text or its list.
const VALUE_BYTES: usize = 72;
/// An item of a list of texts.
const ITEM_BYTES: usize = 96;

/// A call as it is kept when it has ended, beside its arguments.
pub(crate) fn of_call(call: &Call) -> usize {
    let words = call.correlation_id.as_deref().map_or(0, str::len)
        + call.command.len()
        + call.app.as_str().len()
        + call.caller.name.as_str().len();
    let outcome = call
        .stage()
        .outcome
        .map_or(0, |outcome| of_outcome(&outcome));
    CALL_BYTES + words + outcome
}

pub(crate) fn of_outcome(outcome: &OutcomeBody) -> usize {
    let OutcomeBody {
        value,
        output,
        duration_ms: _,
        changes,
        memory: _,
        problem,
    } = outcome;
    let problem = problem.as_ref().map_or(0, of_problem);
    OUTCOME_BYTES + of_value(value) + of_output(output) + of_changes(changes) + problem
}

pub(crate) fn of_map(map: &Map<String, Value>) -> usize {
    let of_member = |(name, value): (&String, &Value)| VALUE_BYTES + name.len() + of_value(value);
    map.iter().map(of_member).sum()
}

fn of_value(value: &Value) -> usize {
    let held = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(of_value).sum(),
        Value::Object(map) => of_map(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    VALUE_BYTES + held
}

fn of_output(output: &Output) -> usize {
    let logs = output.logs.iter();
    let logs = logs.map(|log| ITEM_BYTES + log.level.len() + log.source.len() + log.text.len());
    output.stdout.len() + output.stderr.len() + logs.sum::<usize>()
}

fn of_changes(changes: &Changes) -> usize {
    let all = [&changes.added, &changes.changed, &changes.removed];
    let items = all.into_iter().flatten();
    items
        .map(|item| ITEM_BYTES + item.kind.len() + item.name.len())
        .sum()
}

fn of_problem(problem: &Problem) -> usize {
    let hint = problem.hint.as_deref().map_or(0, str::len);
    let parts = problem.hint_parts.iter().map(|part| match part {
        wire::hint::Part::Text(text) => ITEM_BYTES + text.len(),
        wire::hint::Part::Step(_) => 2 * ITEM_BYTES,
        wire::hint::Part::Unknown(value) => ITEM_BYTES + of_value(value),
    });
    OUTCOME_BYTES + problem.message.len() + hint + parts.sum::<usize>() + of_map(&problem.details)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wire::outcome::LogRecord;
    use wire::{Code, Outcome, Status};

    use super::*;

    #[test]
    fn nothing_of_an_outcome_weighs_nothing() {
        const LONG: usize = 100_000;
        let long = || "x".repeat(LONG);
        let empty = || {
            let mut outcome =
                Outcome::without_value(Status::Succeeded, Problem::new(Code::INTERNAL, ""));
            outcome.problem = None;
            outcome
        };
        let item = |kind: String, name: String| wire::outcome::Item { kind, name };
        let log = |level: String, source: String, text: String| LogRecord {
            level,
            source,
            text,
        };
        type Fill<'a> = Box<dyn Fn(&mut Outcome) + 'a>;
        let parts: Vec<Fill<'_>> = vec![
            Box::new(|o| o.value = json!(long())),
            Box::new(|o| o.value = json!([[{"a": long()}]])),
            Box::new(|o| o.value = json!({(long()): 1})),
            Box::new(|o| o.value = json!(vec![0; LONG / 10])),
            Box::new(|o| o.output.stdout = long()),
            Box::new(|o| o.output.stderr = long()),
            Box::new(|o| o.output.logs = vec![log(long(), String::new(), String::new())]),
            Box::new(|o| o.output.logs = vec![log(String::new(), long(), String::new())]),
            Box::new(|o| o.output.logs = vec![log(String::new(), String::new(), long())]),
            Box::new(|o| o.changes.added = vec![item(long(), String::new())]),
            Box::new(|o| o.changes.changed = vec![item(String::new(), long())]),
            Box::new(|o| o.changes.removed = vec![item(String::new(), String::new()); LONG / 90]),
            Box::new(|o| o.problem = Some(Problem::new(Code::INTERNAL, long()))),
            Box::new(|o| o.problem = Some(Problem::new(Code::INTERNAL, "").hint(long()))),
            Box::new(|o| o.problem = Some(Problem::new(Code::INTERNAL, "").detail("a", long()))),
        ];
        for (number, fill) in parts.iter().enumerate() {
            let mut outcome = empty();
            fill(&mut outcome);
            let bytes = of_outcome(&outcome.into());
            assert!(bytes >= LONG, "part {number}: {bytes}");
        }
        assert!(of_outcome(&empty().into()) < 2_000);
    }
}
