//! The one clock of a lane: calls that are over their time, and a link that does not come back.
//!
//! It sleeps to the nearest deadline and is woken when a nearer one is set.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;
use wire::CallId;
use wire::link::CancelReason;

use super::ends;
use super::order::Place;
use super::state::{Connection, Inner, Lane};
use crate::limits;

/// Sleeps to the nearest deadline of a lane, for as long as the lane exists.
pub(super) async fn run_clock(lane: std::sync::Weak<Lane>, nearer: Arc<Notify>) {
    while let Some(next) = lane.upgrade().map(|lane| lane.tick()) {
        match next {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = nearer.notified() => {}
                }
            }
            None => nearer.notified().await,
        }
    }
}

impl Lane {
    pub(super) fn arm(&self, inner: &mut Inner, at: Instant) {
        if inner.clock.is_none_or(|clock| at < clock) {
            inner.clock = Some(at);
            self.nearer.notify_one();
        }
    }

    /// What the clock does: whoever is over his time. Gives the next deadline.
    fn tick(&self) -> Option<Instant> {
        let mut inner = self.lock();
        let now = Instant::now();
        let late: Vec<CallId> = inner
            .calls
            .values()
            .filter(|entry| entry.must_end.is_some_and(|at| at <= now))
            .map(|entry| entry.call.id.clone())
            .collect();
        if matches!(inner.connection, Connection::Up(_)) {
            for id in &late {
                self.over_time(&mut inner, id);
            }
        }
        if let Some(at) = silent_at(&inner)
            && at <= now
            && let Some(id) = inner.wedged.as_ref().map(|held| held.id.clone())
        {
            self.wedge(&mut inner, &id);
        }
        if let Connection::Down {
            since,
            restarting: false,
        } = inner.connection
            && now >= since + limits::RECONNECT_GRACE
        {
            let why = ends::link_lost(&self.instance);
            inner.connection = Connection::Lost(why.clone());
            self.lose_jobs(&mut inner);
            for id in inner.order.take_all() {
                self.settle(&mut inner, &id, ends::interrupted(&why));
            }
        }
        inner.clock = next_deadline(&inner, now);
        inner.clock
    }

    /// A call that its bridge should have ended by now.
    fn over_time(&self, inner: &mut Inner, id: &CallId) {
        match inner.order.place(id) {
            Some(Place::Started) => self.past_its_end(inner, id),
            // Told to end while it waited at the bridge, and the bridge does not even answer that:
            // something else holds it up. Whoever runs there is the one.
            Some(Place::Sent) => {
                let culprit = inner.order.running().cloned();
                self.settle(inner, id, ends::cancelled_before_start());
                if let (Some(culprit), None) = (culprit, &inner.wedged) {
                    tracing::info!(call = %culprit, "the bridge does not answer while this call runs");
                }
            }
            _ => {}
        }
    }

    /// A running call whose time is over: its bridge should end it by itself, and is told to if it has not. Who does
    /// not even do that then is held up, or does not keep to its time.
    fn past_its_end(&self, inner: &mut Inner, id: &CallId) {
        let now = Instant::now();
        let Some(entry) = inner.calls.get_mut(id) else {
            return;
        };
        if entry.told.is_some() {
            match inner.heard + limits::WEDGED_AFTER <= now {
                true => self.wedge(inner, id),
                false => self.overrun(inner, id),
            }
            return;
        }
        entry.told = Some(CancelReason::TimedOut);
        entry.must_end = Some(now + limits::WEDGED_AFTER);
        if let Connection::Up(driver) = &inner.connection {
            driver.cancel(id, CancelReason::TimedOut);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.nearer.notify_one();
    }
}

fn next_deadline(inner: &Inner, now: Instant) -> Option<Instant> {
    let calls = inner
        .calls
        .values()
        .filter_map(|entry| entry.must_end)
        .filter(|at| *at > now)
        .min();
    let grace = match inner.connection {
        Connection::Down {
            since,
            restarting: false,
        } => Some(since + limits::RECONNECT_GRACE),
        _ => None,
    };
    calls
        .into_iter()
        .chain(grace)
        .chain(silent_at(inner).filter(|at| *at > now))
        .min()
}

/// When a bridge that did not end a call, and talked, has said nothing for too long.
fn silent_at(inner: &Inner) -> Option<Instant> {
    let holds = inner.wedged.as_ref().is_some_and(|held| !held.said);
    let is_up = matches!(inner.connection, Connection::Up(_));
    (holds && is_up).then(|| inner.heard + limits::SILENCE_MAX)
}
