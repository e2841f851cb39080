//! A lane as it stands: its calls, its connection, who holds it; and how a call leaves it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;
use wire::link::{CancelReason, KnownCall};
use wire::{AppId, CallId, InstanceName, Outcome, Problem};

use super::order::Order;
use super::turn::Turn;
use super::window::Window;
use crate::call::Call;
use crate::corridor::Ran;
use crate::driver::Driver;
use crate::records::Records;
use crate::shares::{Share, Shares};

/// The lane of one instance.
pub(crate) struct Lane {
    pub(super) app: AppId,
    pub(super) instance: InstanceName,
    pub(super) records: Records,
    /// Who has how many calls waiting here.
    pub(super) places: Arc<Shares>,
    pub(super) inner: Mutex<Inner>,
    /// Wakes the clock when a nearer deadline was set.
    pub(super) nearer: Arc<Notify>,
    /// Wakes who waits for the end of the link.
    pub(super) went_down: Notify,
}

pub(super) struct Inner {
    pub(super) order: Order,
    pub(super) calls: HashMap<CallId, InLane>,
    pub(super) connection: Connection,
    /// Grows with every connection, so that news from an old one is known as such.
    pub(super) epoch: u64,
    pub(super) heard: Instant,
    pub(super) wedged: Option<Wedged>,
    /// Why the process was asked to leave: what its calls are told that end now.
    pub(super) leaving: Option<Problem>,
    /// Why it is being stopped: what is told of its link when that ends.
    pub(super) stopped: Option<Problem>,
    pub(super) turn: Turn,
    pub(super) window: Window,
    /// The deadline that the clock sleeps to.
    pub(super) clock: Option<Instant>,
}

pub(super) struct InLane {
    pub(super) call: Arc<Call>,
    /// Of a job: what becomes of it is not decided here.
    pub(super) is_attempt: bool,
    /// Roughly what its arguments are.
    pub(super) bytes: usize,
    /// Its part of what its caller may have waiting; given back when it is handed over.
    pub(super) waits: Option<Waits>,
    /// When it must have ended; set when it starts and when it is told to end.
    pub(super) must_end: Option<Instant>,
    pub(super) told: Option<CancelReason>,
    /// How often the link broke when it was the next to arrive.
    pub(super) missed: u8,
}

/// What a waiting call takes of its caller's part: a place in this lane, and bytes in all of them.
pub(super) struct Waits {
    pub(super) _place: Share,
    pub(super) _bytes: Share,
}

/// A call that was told to end and goes on. While it does the lane takes nothing.
pub(super) struct Wedged {
    pub(super) id: CallId,
    pub(super) since: Instant,
    /// Whether the bridge says that native code holds it, or says nothing at all any more. Else it is one that does not
    /// end calls in time, and nobody knows why: those behind it wait.
    pub(super) said: bool,
    pub(super) by: Option<KnownCall>,
}

pub(super) enum Connection {
    /// Launched, never connected.
    Starting,
    Up(Arc<dyn Driver>),
    /// Waits for the bridge to dial again, or (`restarting`) for a new process.
    Down {
        since: Instant,
        restarting: bool,
    },
    /// Nobody will come back by himself.
    Lost(Problem),
}

impl Lane {
    pub(super) fn settle(&self, inner: &mut Inner, id: &CallId, outcome: Outcome) {
        let ran = match self.has_started(inner, id) {
            true => Ran::Yes,
            false => Ran::No,
        };
        self.settle_as(inner, id, outcome, ran);
    }

    /// As [`Self::settle`], by somebody who knows more of whether it ran.
    pub(super) fn settle_as(&self, inner: &mut Inner, id: &CallId, outcome: Outcome, ran: Ran) {
        inner.order.end(id);
        let Some(entry) = inner.calls.remove(id) else {
            return;
        };
        if entry.is_attempt {
            inner.turn.ended(Instant::now());
        }
        self.records.settle(&entry.call, outcome, ran);
    }

    /// How long a call ran, for an end that its app does not tell.
    pub(super) fn with_time(inner: &Inner, id: &CallId, mut outcome: Outcome) -> Outcome {
        let entry = inner.calls.get(id);
        let began = entry.and_then(|entry| entry.call.started_at());
        outcome.duration_ms = began.map_or(0.0, |began| began.elapsed().as_secs_f64() * 1e3);
        outcome
    }

    pub(super) fn has_started(&self, inner: &Inner, id: &CallId) -> bool {
        let entry = inner.calls.get(id);
        entry.is_some_and(|entry| entry.call.has_started())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
