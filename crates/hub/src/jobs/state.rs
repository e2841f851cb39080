//! All jobs of a hub as they stand in memory, under one short lock.
//!
//! What happens to them is in the rooms beside this one; here is what those share: the queue, the open jobs, the news that
//! waits for the next turn, and how everybody is told of a change.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use wire::{AppId, CallId, Event, InstanceName, Outcome};

use super::handles::handle_of;
use super::order::{Millis, Order};
use super::record::{Open, job_of};
use super::unsettled::Unsettled;
use crate::call::Call;
use crate::corridor::Ran;
use crate::feed::Feed;
use crate::history::History;
use crate::journal::Journal;
use crate::limits;
use crate::secrets::Masking;
use crate::shares::{Bound, Shares};
use crate::store::JobStore;

/// What lanes tell of attempts.
pub(super) enum News {
    Started(CallId),
    Ended(CallId, Box<Outcome>, Ran),
    /// Its lane was given up, and its process may live on with it.
    Lost(CallId),
}

/// Where the jobs' room writes down and tells.
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) history: Arc<History>,
    pub(crate) masking: Arc<Masking>,
    pub(crate) feed: Arc<Feed>,
}

/// All jobs of a reach.
pub(crate) struct Jobs {
    pub(super) kept: Kept,
    pub(super) room: Mutex<Room>,
    pub(super) wake: Notify,
    /// Some job could run: lanes tell when they are free.
    pub(super) wanted: AtomicBool,
    pub(super) tasks: TaskTracker,
    /// A change of some job has ended: others may wait for their turn.
    pub(super) changed: Notify,
    /// Who has how many jobs open, and how much they hold.
    pub(super) places: Arc<Shares>,
    pub(super) bytes: Arc<Shares>,
    /// Held while a job is placed before another.
    pub(super) placing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct Room {
    pub(super) order: Order,
    pub(super) open: HashMap<CallId, Open>,
    pub(super) draining: HashSet<AppId>,
    /// At most two for each attempt under way, of which an instance has one.
    pub(super) news: Vec<News>,
    /// Attempts whose outcome is not stored yet.
    pub(super) owed: HashSet<CallId>,
    /// Who has an attempt, or is about to.
    pub(super) taken: HashMap<InstanceName, CallId>,
    /// Those that the hub itself runs, or is about to.
    pub(super) by_hub: HashSet<CallId>,
    /// Jobs that a process was given and that nobody has heard of since.
    pub(super) unsettled: HashMap<CallId, Unsettled>,
    /// Jobs whose change is being made.
    pub(super) changing: HashSet<CallId>,
    /// What the wall's clock was at the last turn.
    pub(super) seen: Millis,
}

impl Room {
    /// Looks at the wall's clock. When it was set back, what was put off is put off by no more than it was.
    pub(super) fn see(&mut self, now: Millis) {
        let was_set_back = now < std::mem::replace(&mut self.seen, now);
        if !was_set_back {
            return;
        }
        for (id, open) in &mut self.open {
            if open.notes.keep_near(now) && !self.order.is_claimed(id) {
                self.order.give_back(id, open.notes.earliest(), now);
            }
        }
    }
}

impl Jobs {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            room: Mutex::default(),
            wake: Notify::new(),
            wanted: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            changed: Notify::new(),
            places: Shares::new(Bound::alike(
                limits::JOBS_OPEN_MAX,
                limits::JOBS_OPEN_ALL_MAX,
            )),
            bytes: Shares::new(Bound::alike(
                limits::JOBS_BYTES_MAX,
                limits::JOBS_ALL_BYTES_MAX,
            )),
            placing: tokio::sync::Mutex::default(),
        }
    }

    /// The call that people wait for, of a job that has not ended.
    pub(crate) fn handle(&self, id: &CallId) -> Option<Arc<Call>> {
        let (id, _) = job_of(id);
        let mut room = self.lock();
        room.open.get_mut(&id).map(handle_of)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Room> {
        self.room
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Says how a job stands now to those who listen.
    pub(super) fn tell(&self, room: &Room, id: &CallId) {
        if let Some(open) = room.open.get(id) {
            self.kept.feed.tell(|| Event::Job {
                job: Box::new(self.of_open(open)),
            });
        }
    }

    /// Something may run now that could not before: the next turn looks.
    pub(super) fn look_again(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }
}
