//! Batches as doors see them: begun, looked at, found again by their id.

use std::sync::Arc;

use wire::batch::{BatchOutcome, BatchStatus};
use wire::{BatchRequest, BatchView, CallId, Code, Problem};

use super::Hub;
use crate::batch::{self, Batch, Ended, Found, Means, Stage, status_of};
use crate::callers::Caller;
use crate::policy::{Seen, may_see};

impl Batch {
    /// How it stands, for who asked for it.
    #[must_use]
    pub fn view(&self, hub: &Hub, caller: &Caller) -> BatchView {
        let stage = self.stage.borrow().clone();
        hub.stage_view(caller, stage, &self.id)
    }
}

impl Hub {
    /// Several calls as one; see [`crate::batch`].
    ///
    /// # Errors
    /// When nothing ran: which call was wrong, in `details.call`, and why.
    pub async fn batch(&self, caller: &Caller, request: BatchRequest) -> Result<Batch, Problem> {
        self.0.tickets.refuse_when_stopping()?;
        let means = Means {
            tickets: Arc::clone(&self.0.tickets),
            batches: Arc::clone(&self.0.batches),
            callers: Arc::clone(&self.0.callers),
        };
        batch::begin(means, caller, request).await
    }

    /// How a batch stands, step by step. One's own needs no scope.
    ///
    /// # Errors
    /// `batch_unknown`, `forbidden` for others' without `read`, what the store says.
    pub async fn batch_view(&self, caller: &Caller, id: &str) -> Result<BatchView, Problem> {
        let id = &self.batch_id(caller, id).await?;
        let found = self.find_batch(id).await?;
        may_see(caller, Seen::Batch(found.caller()))?;
        match found {
            Found::Running(_, stage) => Ok(self.stage_view(caller, stage, id)),
            Found::Stored(_, jobs) => self.stored_view(caller, id, jobs).await,
            Found::Ended(ended) => self.ended_view(caller, ended).await,
        }
    }

    async fn ended_view(&self, caller: &Caller, ended: Ended) -> Result<BatchView, Problem> {
        let mut outcomes = Vec::with_capacity(ended.asked.len());
        for asked in ended.asked {
            outcomes.push(match asked {
                Ok(id) => self.outcome_of(caller, id).await?,
                Err(problem) => BatchOutcome::Refused { problem },
            });
        }
        Ok(BatchView {
            batch_id: ended.id,
            status: ended.status,
            outcomes,
            waiting: 0,
            not_run: ended.not_run,
        })
    }

    async fn stored_view(
        &self,
        caller: &Caller,
        id: &str,
        jobs: Vec<CallId>,
    ) -> Result<BatchView, Problem> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            outcomes.push(self.outcome_of(caller, job).await?);
        }
        let statuses = || {
            outcomes.iter().filter_map(|one| match one {
                BatchOutcome::Call(call) => Some(call.status),
                _ => None,
            })
        };
        let status = match () {
            () if statuses().any(|status| !status.is_end()) => BatchStatus::Running,
            () if statuses().all(|status| status == wire::Status::Succeeded) => {
                BatchStatus::Succeeded
            }
            () => BatchStatus::Failed,
        };
        Ok(BatchView {
            batch_id: id.to_owned(),
            status,
            outcomes,
            waiting: 0,
            not_run: 0,
        })
    }

    /// A call of a batch, wherever it is remembered.
    async fn outcome_of(&self, caller: &Caller, id: CallId) -> Result<BatchOutcome, Problem> {
        let found = match self.past_call(&id).await? {
            Some(call) => Some(call),
            None => match self.call(&id) {
                Ok(call) => Some(call),
                Err(_) => self.0.jobs.ended_call(&id).await,
            },
        };
        Ok(match found {
            Some(call) => BatchOutcome::Call(Box::new(self.view_for(caller, &call))),
            None => BatchOutcome::Forgotten { call_id: id },
        })
    }

    async fn find_batch(&self, id: &str) -> Result<Found, Problem> {
        if let Some(found) = self.0.batches.find(id) {
            return Ok(found);
        }
        let stored = self.0.stores.jobs.batch(id).await?;
        let batch = stored.ok_or_else(|| unknown(id))?;
        Ok(Found::Stored(batch.caller, batch.jobs))
    }

    fn stage_view(&self, caller: &Caller, stage: Stage, id: &str) -> BatchView {
        let status = status_of(&stage);
        let outcomes = stage.asked.into_iter().map(|asked| match asked {
            Ok(call) => BatchOutcome::Call(Box::new(self.view_for(caller, &call))),
            Err(problem) => BatchOutcome::Refused { problem },
        });
        BatchView {
            batch_id: id.to_owned(),
            status,
            outcomes: outcomes.collect(),
            waiting: stage.waiting,
            not_run: stage.not_run,
        }
    }
}

fn unknown(id: &str) -> Problem {
    Problem::new(
        Code::BATCH_UNKNOWN,
        format!("There is no batch `{id}`."),
    )
    .hint(wire::hint![
        "A batch of jobs is kept as long as its jobs, any other until the hub stops. Its calls stay in the history: ",
        wire::Step::history(),
    ])
}
