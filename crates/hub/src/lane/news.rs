//! What a bridge says, and what it means for the calls of the lane.
//!
//! In come the driver's events, each with the epoch of its connection: news from an old one is not heard. Out go ended
//! calls, events and acknowledgements.

use tokio::time::Instant;
use wire::link::{Beat, CancelReason};
use wire::{CallId, Event, Outcome, Status};

use super::ends;
use super::state::{Connection, Inner, Lane};
use crate::driver::DriverEvent;
use crate::limits;

impl Lane {
    pub(crate) fn news(&self, epoch: u64, event: DriverEvent) {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return;
        }
        inner.heard = Instant::now();
        match event {
            DriverEvent::Started(id) => self.started(&mut inner, &id),
            DriverEvent::Progress(id, progress) => {
                if let Some(entry) = inner.calls.get(&id) {
                    entry.call.set_progress(progress.clone());
                    self.records.feed.tell(|| Event::CallProgress {
                        call_id: entry.call.public_id().clone(),
                        progress,
                    });
                }
            }
            DriverEvent::Output { id, stream, text } => {
                // Of no other lane's, nor of one that nobody knows.
                if let Some(entry) = inner.calls.get(&id) {
                    self.records.feed.tell(|| Event::CallOutput {
                        call_id: entry.call.public_id().clone(),
                        stream,
                        text,
                    });
                }
            }
            DriverEvent::Outcome(id, outcome) => self.ended(&mut inner, &id, *outcome),
            DriverEvent::Beat(beat) => self.beat(&mut inner, &beat),
            DriverEvent::State(_) | DriverEvent::Bye(_) => {}
        }
    }

    /// The outcome of a job's attempt has been recorded.
    pub(crate) fn acknowledge(&self, id: &CallId) {
        if let Connection::Up(driver) = &self.lock().connection {
            driver.acknowledge(id);
        }
    }

    pub(super) fn started(&self, inner: &mut Inner, id: &CallId) {
        if !inner.order.started(id) {
            return;
        }
        let Some(entry) = inner.calls.get_mut(id) else {
            return;
        };
        entry.call.set_started();
        if entry.is_attempt {
            inner.turn.started(Instant::now());
        }
        let must_end = Instant::now() + entry.call.timeout + limits::ENDS_BY_ITSELF;
        entry.must_end = Some(entry.must_end.map_or(must_end, |at| at.min(must_end)));
        self.records.started(&entry.call, &self.instance);
        self.arm(inner, must_end);
        // Whoever held it up without a word is over, if its bridge begins the next one.
        if inner
            .wedged
            .as_ref()
            .is_some_and(|held| !held.said && held.id != *id)
        {
            inner.wedged = None;
        }
    }

    fn ended(&self, inner: &mut Inner, id: &CallId, mut outcome: Outcome) {
        if let Some(entry) = inner.calls.get(id)
            && entry.told == Some(CancelReason::TimedOut)
            && outcome.status == Status::Cancelled
        {
            ends::into_timed_out(&mut outcome);
        }
        // Nobody asked for it: the bridge ended the call because its program leaves (a signal, say).
        if let Some(entry) = inner.calls.get(id).filter(|entry| entry.told.is_none())
            && outcome.status == Status::Cancelled
        {
            match &inner.leaving {
                Some(why) => {
                    outcome.status = Status::Interrupted;
                    outcome.problem = Some(why.clone());
                }
                None => ends::into_interrupted(&mut outcome, entry.call.has_started()),
            }
        }
        if inner.wedged.as_ref().is_some_and(|wedged| wedged.id == *id) {
            inner.wedged = None;
            tracing::info!(call = %id, instance = %self.instance, "the wedged call has ended; the instance is free");
        }
        let is_attempt = inner.calls.get(id).map(|entry| entry.is_attempt);
        if is_attempt.is_some() {
            if let Some(entry) = inner.calls.get(id)
                && let Some(began) = entry.call.started_at()
            {
                inner.window.ended(began.elapsed());
            }
            self.settle(inner, id, outcome);
        } else {
            tracing::info!(call = %id, status = outcome.status.as_str(), "a late outcome of a call that was settled before");
        }
        // Only now: what was acknowledged must be recorded, and the caller need not wait for it. The outcome
        // of a job is not recorded yet; who records it says so.
        let is_recorded = match is_attempt {
            Some(is_attempt) => !is_attempt,
            None => !self.records.attempts.owes(id),
        };
        if let Connection::Up(driver) = &inner.connection
            && is_recorded
        {
            driver.acknowledge(id);
        }
        self.pump(inner);
        if inner.calls.is_empty() {
            self.records.attempts.lane_is_free();
        }
    }

    fn beat(&self, inner: &mut Inner, beat: &Beat) {
        let Some(running) = &beat.running else {
            if inner.wedged.take().is_some() {
                self.records.attempts.lane_is_free();
            }
            self.pump(inner);
            return;
        };
        if running.wedged {
            self.wedge(inner, &running.id.clone());
        } else if inner
            .wedged
            .as_ref()
            .is_some_and(|wedged| wedged.id != running.id)
        {
            inner.wedged = None;
            self.pump(inner);
        }
    }
}
