//! What is written of a job's attempt, and of its end.

use std::sync::Arc;

use time::OffsetDateTime;
use wire::{CallId, JobStatus, Outcome, Problem};

use super::record::Open;
use crate::secrets::Masking;
use crate::store::{Attempt, JobChange, JobEnd, JobWrite};

/// What is written when an attempt has ended.
pub(super) fn attempt_row(
    open: &Open,
    status: JobStatus,
    problem: Option<Problem>,
) -> Option<JobWrite> {
    let instance = open.job.lease.as_ref()?.instance.clone();
    let ended = status.is_end().then(OffsetDateTime::now_utc);
    let row = Attempt {
        number: open.job.attempt,
        instance,
        started_at: open.handed_at.unwrap_or_else(OffsetDateTime::now_utc),
        ended_at: ended,
        status,
        problem,
    };
    Some(JobWrite::Attempt(open.job.id.clone(), Box::new(row)))
}

/// The change that gives a job its end.
pub(super) fn end_change(
    masking: &Masking,
    id: &CallId,
    status: JobStatus,
    outcome: &Outcome,
) -> JobChange {
    let body = masking.outcome(&Arc::new(outcome.clone().into()));
    let end = JobEnd {
        at: OffsetDateTime::now_utc(),
        duration_ms: outcome.duration_ms,
        problem: body.problem.clone(),
    };
    JobChange {
        status: Some(status),
        lease: Some(None),
        end: Some(Some(end)),
        outcome: Some(Some(body)),
        ..JobChange::of(id)
    }
}
