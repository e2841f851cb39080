//! Batches for who asks after them later, by their id.
//!
//! In come batches that begin and end; out comes how one stands, step by step. Batches of jobs are in the store and
//! outlive the hub; those of other calls are here, in memory, as ids of their calls: what a call gave is the
//! journal's. Bounded by their steps: whoever has most of them forgets first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use wire::batch::{BatchOutcome, BatchStatus};
use wire::{BatchView, CallId, CallerId, Code, Problem};

use super::{Stage, status_of};
use crate::call::Call;
use crate::callers::Caller;
use crate::hub::Hub;
use crate::limits;
use crate::policy::{Seen, may_see};
use crate::recent::Recent;
use crate::shares::{Bound, Full, Share, Shares};
use crate::store::Like;

/// The batches of calls that are no jobs.
pub(crate) struct Batches {
    room: Mutex<Room>,
    places: Arc<Shares>,
}

impl Default for Batches {
    fn default() -> Self {
        Self {
            room: Mutex::default(),
            places: Shares::new(Bound::alike(
                limits::BATCHES_RUNNING_MAX,
                limits::BATCHES_RUNNING_ALL_MAX,
            )),
        }
    }
}

#[derive(Default)]
struct Room {
    running: HashMap<String, Running>,
    /// With their steps.
    ended: Recent<Ended>,
}

struct Running {
    caller: CallerId,
    /// Its part of what its caller may have running.
    _place: Share,
    stage: watch::Receiver<Stage>,
}

#[derive(Clone)]
struct Ended {
    id: String,
    caller: CallerId,
    status: BatchStatus,
    asked: Vec<Result<CallId, Problem>>,
    not_run: usize,
}

impl Batches {
    /// # Errors
    /// `queue_full` when too many run.
    pub(super) fn begin(
        &self,
        id: &str,
        caller: &CallerId,
        stage: watch::Receiver<Stage>,
    ) -> Result<(), Problem> {
        let place = self.places.take(caller, 1).map_err(|full| {
            let (count, of) = match full {
                Full::Own => (
                    limits::BATCHES_RUNNING_MAX,
                    format!("batches of `{}`", caller.name()),
                ),
                Full::All => (limits::BATCHES_RUNNING_ALL_MAX, "batches".to_owned()),
            };
            Problem::new(Code::QUEUE_FULL, format!("{count} {of} run already."))
                .hint("Wait for some of them.")
        })?;
        let one = Running {
            caller: caller.clone(),
            _place: place,
            stage,
        };
        self.lock().running.insert(id.to_owned(), one);
        Ok(())
    }

    /// It has ended: its calls are remembered by their ids from here on.
    pub(super) fn end(&self, id: &str) {
        let mut room = self.lock();
        let Some(Running { caller, stage, .. }) = room.running.remove(id) else {
            return;
        };
        let stage = stage.borrow().clone();
        let id_of = |asked: Result<Arc<Call>, Problem>| asked.map(|call| call.id.clone());
        let ended = Ended {
            id: id.to_owned(),
            caller,
            status: status_of(&stage),
            not_run: stage.not_run,
            asked: stage.asked.into_iter().map(id_of).collect(),
        };
        let (caller, steps) = (ended.caller.clone(), ended.asked.len());
        room.ended.push(&caller, ended, steps);
        let max = limits::BATCH_STEPS_KEPT_MAX;
        while room.ended.over(max, max).is_some() {}
    }

    /// Ids that begin so.
    pub(crate) fn like(&self, like: &Like) -> Vec<String> {
        let room = self.lock();
        let running = room.running.iter().map(|(id, one)| (id, &one.caller));
        let ended = room.ended.iter().map(|one| (&one.id, &one.caller));
        let fits = running.chain(ended).filter(|(id, caller)| {
            id.starts_with(&like.prefix) && like.caller.as_ref().is_none_or(|own| own == *caller)
        });
        fits.take(like.limit).map(|(id, _)| id.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Where a batch was found.
enum Found {
    Running(CallerId, Stage),
    Ended(Ended),
    Stored(CallerId, Vec<CallId>),
}

impl Found {
    fn caller(&self) -> &CallerId {
        match self {
            Self::Running(caller, _) | Self::Stored(caller, _) => caller,
            Self::Ended(ended) => &ended.caller,
        }
    }
}

impl Hub {
    /// How a batch stands, step by step. One's own needs no scope.
    ///
    /// # Errors
    /// `batch_unknown`, `forbidden` for others' without `read`, what the store says.
    pub async fn batch_view(&self, caller: &Caller, id: &str) -> Result<BatchView, Problem> {
        let id = &self.batch_id(caller, id).await?;
        let found = self.find_batch(id).await?;
        may_see(caller, Seen::Batch(found.caller()))?;
        match found {
            Found::Running(_, stage) => Ok(stage.view(self, caller, id)),
            Found::Stored(_, jobs) => self.stored_view(caller, id, jobs).await,
            Found::Ended(ended) => self.ended_view(caller, ended).await,
        }
    }

    async fn find_batch(&self, id: &str) -> Result<Found, Problem> {
        {
            let room = self.0.batches.lock();
            if let Some(running) = room.running.get(id) {
                let stage = running.stage.borrow().clone();
                return Ok(Found::Running(running.caller.clone(), stage));
            }
            if let Some(ended) = room.ended.iter().find(|ended| ended.id == id) {
                return Ok(Found::Ended(ended.clone()));
            }
        }
        let stored = self.0.stores.jobs.batch(id).await?;
        let batch = stored.ok_or_else(|| unknown(id))?;
        Ok(Found::Stored(batch.caller, batch.jobs))
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
                Err(_) => self.0.records.jobs.ended_call(&id).await,
            },
        };
        Ok(match found {
            Some(call) => BatchOutcome::Call(Box::new(self.view_for(caller, &call))),
            None => BatchOutcome::Forgotten { call_id: id },
        })
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
