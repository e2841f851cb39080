//! The call that people wait for, of a job: its handle, open or ended.

use std::sync::Arc;

use serde_json::Value;
use wire::Outcome;

use super::ends;
use super::record::{Notes, Open};
use crate::call::{Call, CallParts};
use crate::callers::Caller;
use crate::store;

/// The handle of an open job; made when it is first wanted.
pub(super) fn handle_of(open: &mut Open) -> Arc<Call> {
    let job = &open.job;
    let notes = &open.notes;
    let handle = open
        .handle
        .get_or_insert_with(|| Arc::new(make_handle(job, notes)));
    Arc::clone(handle)
}

/// A call that stands for a job, as it is stored.
fn make_handle(job: &store::Job, notes: &Notes) -> Call {
    let parts = CallParts {
        correlation_id: notes.correlation_id.clone(),
        ..CallParts::unknown(
            job.app.clone(),
            job.instance.clone().unwrap_or_else(|| "".into()),
            job.command.clone(),
            // Only who it is is looked at: what it may do is looked up when it runs.
            Caller::known_as(job.caller.clone()),
        )
    };
    let handle = Call::with_id(job.id.clone(), parts)
        .about(notes.subject.clone())
        .handle_of_job(job.durability, job.asked_at);
    // The store has what was asked.
    handle.show_args(None);
    handle
}

/// The handle of a job that has ended.
pub(super) fn ended_handle(job: &store::Job) -> Arc<Call> {
    let handle = make_handle(job, &Notes::of(job));
    let body = job.outcome.as_deref().cloned();
    let problem = job.end.as_ref().and_then(|end| end.problem.clone());
    let outcome = Outcome {
        status: ends::call_status(job.status, problem.as_ref()),
        value: body.as_ref().map_or(Value::Null, |body| body.value.clone()),
        output: body
            .as_ref()
            .map(|body| body.output.clone())
            .unwrap_or_default(),
        duration_ms: job.end.as_ref().map_or(0.0, |end| end.duration_ms),
        changes: body
            .as_ref()
            .map(|body| body.changes.clone())
            .unwrap_or_default(),
        memory: body.as_ref().map(|body| body.memory).unwrap_or_default(),
        problem,
    };
    if job.attempt > 0 {
        handle.set_started();
    }
    handle.settle(outcome);
    Arc::new(handle)
}
