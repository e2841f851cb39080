//! Batches for who asks after them later, by their id.
//!
//! In come batches that begin and end; out comes how one stands, step by step. Batches of jobs are in the store and
//! outlive the hub; those of other calls are here, in memory, as ids of their calls: what a call gave is the
//! journal's. Bounded by their steps: whoever has most of them forgets first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use wire::batch::BatchStatus;
use wire::{CallId, CallerId, Code, Problem};

use super::stage::{Stage, status_of};
use crate::call::Call;
use crate::limits;
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
pub(crate) struct Ended {
    pub(crate) id: String,
    pub(crate) caller: CallerId,
    pub(crate) status: BatchStatus,
    pub(crate) asked: Vec<Result<CallId, Problem>>,
    pub(crate) not_run: usize,
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
            Problem::new(
                Code::QUEUE_FULL,
                format!("{count} {of} are already running."),
            )
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

    /// Where one stands that is not in the store.
    pub(crate) fn find(&self, id: &str) -> Option<Found> {
        let room = self.lock();
        if let Some(running) = room.running.get(id) {
            let stage = running.stage.borrow().clone();
            return Some(Found::Running(running.caller.clone(), stage));
        }
        let ended = room.ended.iter().find(|ended| ended.id == id);
        ended.cloned().map(Found::Ended)
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
pub(crate) enum Found {
    Running(CallerId, Stage),
    Ended(Ended),
    Stored(CallerId, Vec<CallId>),
}

impl Found {
    pub(crate) fn caller(&self) -> &CallerId {
        match self {
            Self::Running(caller, _) | Self::Stored(caller, _) => caller,
            Self::Ended(ended) => &ended.caller,
        }
    }
}
