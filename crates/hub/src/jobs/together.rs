//! Several jobs that are stored together or not at all: a batch.
//!
//! In come calls that ask to be jobs; out come their handles when the store has all of them, and which jobs they are.
//! One that its caller stored before under the same key takes its place among them and is not stored again.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::oneshot;
use wire::{CallId, Code, Durability, Problem};

use super::ask::{key_of, new_job};
use super::record::Place;
use super::state::Jobs;
use crate::call::Call;
use crate::callers::Caller;
use crate::corridor::AllowedCall;
use crate::limits;
use crate::store::{Batch, Job, JobWrite};

/// One of them.
enum Step {
    /// Stored before, under its key.
    Known(Arc<Call>),
    /// With the jobs that it waits for.
    New(Box<Job>, Vec<CallId>),
}

impl Step {
    fn id(&self) -> &CallId {
        match self {
            Self::Known(call) => &call.id,
            Self::New(job, _) => &job.id,
        }
    }

    fn waits_for(&self) -> &[CallId] {
        match self {
            Self::Known(_) => &[],
            Self::New(_, after) => after,
        }
    }
}

impl Jobs {
    /// Has them stored under the batch's id; with `one_after_the_other` each waits for the success of the one before.
    ///
    /// # Errors
    /// `job_key_taken`, `arguments_invalid` when one would come after a job that did not succeed, what the store says.
    pub(crate) async fn take_all(
        self: &Arc<Self>,
        id: &str,
        caller: &Caller,
        calls: Vec<AllowedCall>,
        one_after_the_other: bool,
    ) -> Result<Vec<Arc<Call>>, Problem> {
        let (answer, stored) = oneshot::channel();
        let jobs = Arc::clone(self);
        let batch = Batch {
            id: id.to_owned(),
            caller: caller.id.clone(),
            asked_at: OffsetDateTime::now_utc(),
            jobs: Vec::new(),
        };
        // A task of its own: a caller that goes away leaves no half a batch.
        self.tasks.spawn(async move {
            let stored = jobs.put_all(batch, &calls, one_after_the_other).await;
            answer.send(stored).ok();
        });
        stored.await.unwrap_or_else(|_| {
            Err(Problem::new(
                Code::HUB_STOPPING,
                "The hub stopped before the jobs were stored.",
            )
            .hint(wire::hint![
                "Try again once it is back. So that nothing runs twice, give each call ",
                wire::Opt::IdempotencyKey,
                ".",
            ]))
        })
    }

    async fn put_all(
        self: &Arc<Self>,
        mut batch: Batch,
        calls: &[AllowedCall],
        one_after_the_other: bool,
    ) -> Result<Vec<Arc<Call>>, Problem> {
        let mut races = 0;
        let (steps, mut places) = loop {
            let steps = self.steps(calls, one_after_the_other).await?;
            let places = self.places_for(calls, &steps)?;
            batch.jobs = steps.iter().map(|step| step.id().clone()).collect();
            match self.write_all(&batch, calls, &steps).await {
                Ok(()) => break (steps, places),
                // Somebody was quicker with one of the keys: the next look finds his job.
                Err(problem)
                    if problem.code == Code::JOB_KEY_TAKEN
                        && races < limits::BATCH_KEY_RACES_MAX =>
                {
                    races += 1;
                }
                Err(problem) => return Err(problem),
            }
        };
        let waited_for: Vec<CallId> = steps.iter().flat_map(Step::waits_for).cloned().collect();
        // The last one first: none may begin and end before those that wait for it are there.
        let handles = steps.into_iter().rev().map(|step| match step {
            Step::Known(call) => call,
            Step::New(job, after) => {
                let place = places.pop().unwrap_or_else(|| self.place_of_stored(&job));
                self.enter_with(*job, place, after).call
            }
        });
        let mut handles: Vec<Arc<Call>> = handles.collect();
        handles.reverse();
        self.look_at_ended(&waited_for);
        Ok(handles)
    }

    /// For those that are new, in their order.
    fn places_for(&self, calls: &[AllowedCall], steps: &[Step]) -> Result<Vec<Place>, Problem> {
        let new = calls
            .iter()
            .zip(steps)
            .filter_map(|(call, step)| match step {
                Step::Known(_) => None,
                Step::New(job, _) => {
                    Some(self.place_for(&job.caller, Some(&call.checked().args), &job.request))
                }
            });
        new.collect()
    }

    async fn steps(
        &self,
        calls: &[AllowedCall],
        one_after_the_other: bool,
    ) -> Result<Vec<Step>, Problem> {
        let mut steps: Vec<Step> = Vec::with_capacity(calls.len());
        for (at, call) in calls.iter().enumerate() {
            let step = self
                .step(call, steps.last().filter(|_| one_after_the_other))
                .await
                .map_err(|problem| problem.detail("call", at))?;
            steps.push(step);
        }
        Ok(steps)
    }

    async fn step(&self, call: &AllowedCall, before: Option<&Step>) -> Result<Step, Problem> {
        let Some(mut spec) = call.checked().job.clone() else {
            return Err(Problem::new(Code::INTERNAL, "This call is not a job."));
        };
        // Of what its caller asked; what the batch adds is not his.
        let key = key_of(call.checked(), &spec);
        if let Some(key) = &key
            && let Some(known) = self.by_key(call.checked(), key).await?
        {
            return Ok(Step::Known(known.call));
        }
        let mut after = self.earlier(&spec.after).await?;
        if let Some(before) = before {
            spec.after.push(before.id().clone());
            match before {
                Step::New(job, _) => after.push(job.id.clone()),
                Step::Known(known) => after.extend(self.after_known(known).await?),
            }
        }
        let place = self.lock().order.place_last();
        Ok(Step::New(Box::new(new_job(call, &spec, place, key)), after))
    }

    async fn after_known(&self, known: &Call) -> Result<Vec<CallId>, Problem> {
        self.earlier(std::slice::from_ref(&known.id))
            .await
            .map_err(|problem| match problem.code == Code::ARGUMENTS_INVALID {
                true => Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!(
                        "It would have to wait for {}, the job with the previous call's key, which did not succeed.",
                        known.id
                    ),
                )
                .hint(wire::hint![
                    "Fix the cause and run that job again: ",
                    wire::Step::RetryJob {
                        call: known.id.clone()
                    },
                    "; or go on after failures: ",
                    wire::Opt::OnError.with("continue"),
                    ".",
                ]),
                false => problem,
            })
    }

    async fn write_all(
        &self,
        batch: &Batch,
        calls: &[AllowedCall],
        steps: &[Step],
    ) -> Result<(), Problem> {
        let mut writes = Vec::with_capacity(steps.len() + 1);
        let mut durability = Durability::Journal;
        for (call, step) in calls.iter().zip(steps) {
            let Step::New(job, _) = step else { continue };
            durability = durability.max(job.durability);
            writes.push(JobWrite::Insert(Box::new(Job {
                args: Some(Arc::new(call.checked().args.clone())),
                ..Job::clone(job)
            })));
        }
        writes.push(JobWrite::Batch(Box::new(batch.clone())));
        self.kept.store.write(writes, durability).await
    }
}
