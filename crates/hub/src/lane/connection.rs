//! Link and process come and go: what becomes of the calls then.
//!
//! A lost link alone ends nothing, the bridge dials again; a process that is gone ends what it had. What both sides
//! make of each other after a handshake is in [`super::back`].

use std::sync::Arc;

use tokio::time::Instant;
use wire::link::CancelReason;
use wire::{CallId, Problem};

use super::ends;
use super::state::{Connection, Inner, Lane};
use crate::corridor::Ran;
use crate::driver::{Driver, Known};
use crate::limits;

impl Lane {
    /// A bridge has connected. Gives the epoch that its news must carry.
    pub(crate) fn up(&self, driver: Arc<dyn Driver>, known: &Known) -> u64 {
        let mut inner = self.lock();
        inner.epoch += 1;
        inner.heard = Instant::now();
        inner.connection = Connection::Up(driver);
        self.settle_by(&mut inner, known);
        self.pump(&mut inner);
        self.records.attempts.lane_is_free();
        inner.epoch
    }

    /// Part of something has come over the link of that epoch: a large message takes its time.
    pub(crate) fn hear(&self, epoch: u64) {
        let mut inner = self.lock();
        if inner.epoch == epoch {
            inner.heard = Instant::now();
        }
    }

    /// The link of that epoch is gone.
    pub(crate) fn down(&self, epoch: u64) {
        let mut inner = self.lock();
        if inner.epoch != epoch || !matches!(inner.connection, Connection::Up(_)) {
            return;
        }
        let now = Instant::now();
        inner.connection = Connection::Down {
            since: now,
            restarting: false,
        };
        self.arm(&mut inner, now + limits::RECONNECT_GRACE);
        self.went_down.notify_waiters();
    }

    /// Waits until all that came over the link has been heard and it has ended; `false` when it did
    /// not end in time.
    pub(crate) async fn until_down(&self, within: std::time::Duration) -> bool {
        let down = async {
            loop {
                let went_down = self.went_down.notified();
                if !self.is_up() {
                    return;
                }
                went_down.await;
            }
        };
        tokio::time::timeout(within, down).await.is_ok()
    }

    /// The process is gone. With `restarting`, calls that did not start wait for the next one.
    pub(crate) fn gone(&self, why: &Problem, restarting: bool) {
        let mut inner = self.lock();
        // While the link was up, what the process said last may not have been heard.
        let heard_out = !matches!(inner.connection, Connection::Up(_));
        inner.epoch += 1;
        inner.wedged = None;
        (inner.leaving, inner.stopped) = (None, None);
        self.give_back_jobs(&mut inner, why, heard_out);
        let ended = if restarting {
            inner.connection = Connection::Down {
                since: Instant::now(),
                restarting: true,
            };
            let ended = inner.order.take_back_unstarted();
            self.end_unwanted(&mut inner);
            ended
        } else {
            inner.connection = Connection::Lost(why.clone());
            inner.order.take_all()
        };
        for id in ended {
            let told = inner.calls.get(&id).and_then(|entry| entry.told);
            let outcome = match told {
                Some(CancelReason::Cancelled) => ends::cancelled_with(why),
                _ => ends::interrupted(why),
            };
            let outcome = Self::with_time(&inner, &id, outcome);
            self.settle(&mut inner, &id, outcome);
        }
    }

    /// Ends everything that is not running on, because the hub stops. What the bridge has goes on there.
    pub(crate) fn close(&self, why: &Problem) {
        let mut inner = self.lock();
        inner.connection = Connection::Lost(why.clone());
        self.lose_jobs(&mut inner);
        for id in inner.order.take_all() {
            self.settle(&mut inner, &id, ends::interrupted(why));
        }
    }

    /// The process is about to be asked to leave: calls that the app ends now, end because of this.
    pub(crate) fn leaves_because(&self, why: &Problem) {
        self.lock().leaving = Some(why.clone());
    }

    /// The process is about to be stopped: its link will not be lost but ended.
    pub(crate) fn stops_because(&self, why: &Problem) {
        self.lock().stopped = Some(why.clone());
    }

    /// Asks the app to leave. `false` when it is not connected.
    pub(crate) fn ask_to_leave(&self) -> bool {
        let inner = self.lock();
        if let Connection::Up(driver) = &inner.connection {
            driver.stop();
            return true;
        }
        false
    }

    /// Whether news of that epoch would be heard.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        self.lock().epoch == epoch
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.lock().connection, Connection::Up(_))
    }

    /// Before a process is given up: jobs that it has are decided about apart from calls.
    fn give_back_jobs(&self, inner: &mut Inner, why: &Problem, heard_out: bool) {
        for id in jobs_in(inner) {
            let ran = match self.has_started(inner, &id) {
                true => Ran::Yes,
                false if heard_out => Ran::No,
                false => Ran::Maybe,
            };
            self.settle_as(inner, &id, ends::interrupted(why), ran);
        }
    }

    /// The process may live on with them; what becomes of them is decided when it is heard of again.
    pub(super) fn lose_jobs(&self, inner: &mut Inner) {
        for id in jobs_in(inner) {
            inner.order.end(&id);
            if inner.calls.remove(&id).is_some() {
                inner.turn.ended(Instant::now());
                self.records.attempts.lost(&id);
            }
        }
    }
}

/// The attempts of jobs in a lane.
fn jobs_in(inner: &Inner) -> Vec<CallId> {
    let attempts = inner.calls.values().filter(|entry| entry.is_attempt);
    attempts.map(|entry| entry.call.id.clone()).collect()
}
