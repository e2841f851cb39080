//! Jobs: calls that are stored before they are acknowledged and that outlive every process.
//!
//! In come allowed calls that ask to be jobs, news of attempts from the lanes, bridges that are back; out
//! go attempts to free lanes, outcomes to those who wait, writes to the store. Which job is next is
//! [`order`]'s question; the [`crate::store`] is the truth after a crash. The room decides when an
//! instance is free, what becomes of a job whose attempt ended ([`ends`]), and of those that a hub before
//! this one had handed over ([`recover`]).
//!
//! What holds it together, in the order of one job's life:
//! 1. It is acknowledged when the store has it.
//! 2. `leased`, with instance and process, is stored before the lane gets the attempt.
//! 3. Its outcome is stored before anybody is told, and only then may the bridge forget it.
//! 4. A change of it is stored before an instance can get it, so its record says what runs.
//!
//! An attempt is an ordinary call in a lane, with an id of its own ([`record::attempt_id`]); its *handle* is
//! the call that people wait for. Locks: a lane's lock may be held when this room's is taken, never the
//! other way round.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use wire::{CallerId, Problem};

use crate::clock::{now_millis, sleep};
use crate::limits;

mod again;
mod ask;
mod cancel;
mod change;
mod ends;
mod hand;
mod handles;
mod lanes;
mod may;
pub mod order;
mod problems;
mod reach;
mod record;
mod recover;
mod rows;
mod settle;
mod state;
mod together;
mod unsettled;
mod view;

pub use ask::{Queued, Storing};
pub(crate) use reach::Reach;
pub(crate) use state::{Jobs, Kept};
pub use view::JobsAsked;

use state::News;
use unsettled::Unsettled;

impl Jobs {
    /// The jobs of a store, as a hub before this one left them; `known`: the callers of all tokens.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) fn open(kept: Kept, known: Vec<CallerId>) -> Result<Self, Problem> {
        let jobs = Self::new(kept);
        jobs.recover(known)?;
        Ok(jobs)
    }

    /// Hands jobs to free lanes and sees to what becomes of them, for as long as the hub lives.
    pub(crate) async fn run(self: Arc<Self>, reach: Weak<Reach>) {
        self.look_at_earlier().await;
        loop {
            let wait = match reach.upgrade() {
                Some(reach) => self.turn(&reach),
                None => return,
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// One look at everything. Gives when the next is due.
    fn turn(self: &Arc<Self>, reach: &Arc<Reach>) -> Option<Duration> {
        let news = std::mem::take(&mut self.lock().news);
        for one in news {
            self.hear(reach, one);
        }
        let now = now_millis();
        let late = {
            let mut room = self.lock();
            room.see(now);
            room.order.tick(now)
        };
        for id in late {
            self.end_unclaimed(&id, ends::deadline_passed(&id));
        }
        self.look_at_unsettled();
        let turn = match reach.stopping.is_cancelled() {
            false => self.hand_out(reach),
            true => None,
        };
        let room = self.lock();
        let due = room.order.next_time();
        let due = due.map(|at| Duration::from_millis(at.saturating_sub(now).max(1)));
        let due = due.map(|wait| wait.min(limits::JOB_CLOCK_LOOK));
        let look = (!room.unsettled.is_empty()).then_some(limits::PROCESS_LOOK);
        let turn = turn.map(|at| at.saturating_duration_since(Instant::now()));
        due.into_iter().chain(look).chain(turn).min()
    }

    fn hear(self: &Arc<Self>, reach: &Arc<Reach>, news: News) {
        match news {
            News::Started(attempt) => self.note_started(&attempt),
            News::Ended(attempt, outcome, ran) => self.note_ended(reach, &attempt, *outcome, ran),
            News::Lost(attempt) => {
                let (id, _) = record::job_of(&attempt);
                let mut room = self.lock();
                if let Some(open) = room.open.get(&id) {
                    let unsettled = Unsettled::of(open);
                    room.unsettled.insert(id, unsettled);
                }
            }
        }
    }

    /// Waits until what has ended is stored, so that the hub can leave.
    pub(crate) async fn settle_all(self: &Arc<Self>, reach: &Arc<Reach>) {
        let news = std::mem::take(&mut self.lock().news);
        for one in news {
            self.hear(reach, one);
        }
        self.tasks.close();
        tokio::time::timeout(limits::JOBS_SETTLE_TIMEOUT, self.tasks.wait())
            .await
            .ok();
    }
}
