//! Ends that do not come from the app, and their words.

use std::time::Duration;

use crate::limits;
use wire::{CallId, Code, InstanceName, Outcome, Problem, Status};

pub(super) fn cancelled_before_start() -> Outcome {
    let problem = Problem::new(
        Code::CANCELLED,
        "The call was cancelled before it started; nothing ran.",
    );
    Outcome::without_value(Status::Cancelled, problem)
}

pub(super) fn interrupted(why: &Problem) -> Outcome {
    Outcome::without_value(Status::Interrupted, why.clone())
}

/// A call that its bridge ended without being asked to; what it had printed and changed stays told.
/// One that had not begun may simply be asked again.
pub(super) fn into_interrupted(outcome: &mut Outcome, had_started: bool) {
    outcome.status = Status::Interrupted;
    if let Some(problem) = &mut outcome.problem {
        problem.code = if had_started {
            Code::INTERRUPTED
        } else {
            Code::INSTANCE_NOT_CONNECTED
        };
        problem.retryable = !had_started;
    }
}

pub(super) fn unknown_to_bridge(instance: &InstanceName) -> Outcome {
    let problem = Problem::new(
        Code::INTERRUPTED,
        format!("`{instance}` came back and does not know this call any more."),
    )
    .hint("Look at what it did before you ask again: kapelle state");
    Outcome::without_value(Status::Interrupted, problem)
}

pub(super) fn never_arrived(instance: &InstanceName) -> Outcome {
    let mut problem = Problem::new(
        Code::INTERRUPTED,
        format!(
            "The link to `{instance}` broke {} times before this call had arrived; it was given up and has not run.",
            limits::MISSED_MAX
        ),
    )
    .hint("Ask again; if it breaks the link again, send large arguments as blobs or by path.");
    problem.retryable = true;
    Outcome::without_value(Status::Interrupted, problem)
}

pub(super) fn link_lost(instance: &InstanceName) -> Problem {
    Problem::new(
        Code::INTERRUPTED,
        format!("The link to `{instance}` was lost and did not come back."),
    )
    .hint("See whether the program still runs: kapelle status")
}

/// For callers whose calls did not start, because another one holds the instance.
pub(super) fn held_up(problem: &Problem) -> Outcome {
    Outcome::without_value(Status::Interrupted, problem.clone())
}

pub(super) fn wedged_problem(instance: &InstanceName, id: &CallId, since: Duration) -> Problem {
    Problem::new(
        Code::INSTANCE_WEDGED,
        format!(
            "`{instance}` is held up: call {id} was told to end and sits in native code that Python cannot interrupt."
        ),
    )
    .hint(format!(
        "Ask again when that code returns (kapelle status shows it), use another instance, or end the process: kapelle stop {instance} --force"
    ))
    .detail("held_by", id.as_str())
    .detail("wedged_ms", u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
