//! Ends that do not come from the app, and their words.

use std::time::Duration;

use crate::limits;
use wire::Step;
use wire::link::CancelReason;
use wire::{CallId, Code, InstanceName, Outcome, Problem, Status};

pub(super) fn cancelled_before_start() -> Outcome {
    let problem = Problem::new(
        Code::CANCELLED,
        "The call was cancelled before it started. Nothing ran.",
    );
    Outcome::without_value(Status::Cancelled, problem)
}

pub(super) fn interrupted(why: &Problem) -> Outcome {
    Outcome::without_value(Status::Interrupted, why.clone())
}

/// A call that was told to end, and whose process was gone before it did.
pub(super) fn cancelled_with(why: &Problem) -> Outcome {
    let message = format!("The call was cancelled. {}", why.message);
    Outcome::without_value(Status::Cancelled, Problem::new(Code::CANCELLED, message))
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
        format!("`{instance}` reconnected but no longer knows this call."),
    )
    .hint(wire::hint![
        "Check what it did before you repeat the call: ",
        Step::State,
    ]);
    Outcome::without_value(Status::Interrupted, problem)
}

pub(super) fn never_arrived(instance: &InstanceName) -> Outcome {
    let mut problem = Problem::new(
        Code::INTERRUPTED,
        format!(
            "The connection to `{instance}` broke {} times before this call arrived. It was given up and has not run.",
            limits::MISSED_MAX
        ),
    )
    .hint(wire::hint![
        "Try again. If it breaks the connection again, its arguments may be too large: ",
        Step::StoreBlob,
        ".",
    ]);
    problem.retryable = true;
    Outcome::without_value(Status::Interrupted, problem)
}

pub(super) fn link_lost(instance: &InstanceName) -> Problem {
    Problem::new(
        Code::INTERRUPTED,
        format!("The connection to `{instance}` was lost and did not come back."),
    )
    .hint(wire::hint![
        "See whether the program is still running: ",
        Step::Status,
    ])
}

/// For the caller of a call that its bridge was told to end, and did not.
pub(super) fn not_ended(
    instance: &InstanceName,
    told: Option<CancelReason>,
    limit: Duration,
) -> Outcome {
    let (status, code, why) = match told {
        Some(CancelReason::Cancelled) => (
            Status::Cancelled,
            Code::CANCELLED,
            "The call was cancelled".to_owned(),
        ),
        _ => (
            Status::TimedOut,
            Code::TIMED_OUT,
            format!(
                "The call exceeded its time limit of {} s",
                limit.as_secs_f64()
            ),
        ),
    };
    let problem = Problem::new(
        code,
        format!("{why}. `{instance}` was told to end it but has not; it may still be running."),
    )
    .hint(wire::hint![
        "Later calls wait until it ends: ",
        Step::Status,
    ]);
    Outcome::without_value(status, problem)
}

/// A bridge that ends calls only when it is told to says `cancelled` of one whose time was over.
pub(super) fn into_timed_out(outcome: &mut Outcome) {
    outcome.status = Status::TimedOut;
    if let Some(problem) = &mut outcome.problem {
        problem.code = Code::TIMED_OUT;
    }
}

/// For callers whose calls did not start, because another one holds the instance.
pub(super) fn held_up(problem: &Problem) -> Outcome {
    Outcome::without_value(Status::Interrupted, problem.clone())
}

pub(super) fn wedged_problem(instance: &InstanceName, id: &CallId, since: Duration) -> Problem {
    Problem::new(
        Code::INSTANCE_WEDGED,
        format!(
            "`{instance}` is stuck: call {id} was told to stop but is in native code that Python cannot interrupt."
        ),
    )
    .hint(wire::hint![
        "Try again when that code returns (see ",
        Step::Status,
        "), use another instance, or end the process: ",
        Step::force_stop(instance),
    ])
    .detail("held_by", id.as_str())
    .detail("wedged_ms", u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
