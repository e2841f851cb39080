//! The queue of one instance: takes allowed calls, hands them to the driver in order, settles each once.
//!
//! In come calls (from the desk), driver events (from the link), and what happens to the link and the
//! process; out go messages to the driver, settled calls, journal entries and events. The order itself
//! is [`order::Order`], a pure state machine; around it: how calls come in ([`taking`]), what the bridge says of
//! them ([`news`]), the link and the process ([`connection`], [`back`]), the clock, and the people who wait.
//! All of it happens under one short lock, in the task of whoever brings the news: no hand-over
//! between tasks on the way of a call. The lane owns the work; callers only wait.
//!
//! ```text
//!            up                    down
//! starting ─────> up ────────────────────────> down ──(grace, or the process is gone)──> lost
//!                  ▲                             │                                         │
//!                  └──────────── up ─────────────┴───────────────── up ────────────────────┘
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;
use wire::link::{CancelReason, KnownCall};
use wire::{AppId, CallId, InstanceName, Outcome, Problem};

use crate::call::Call;
use crate::driver::Driver;
use crate::jobs::Ran;
use crate::limits;
use crate::shares::{Bound, Share, Shares};

mod back;
mod clock;
mod connection;
mod ends;
mod news;
pub(crate) mod order;
mod records;
mod taking;
mod turn;
mod view;
mod wedge;
mod window;

use order::Order;
pub(crate) use records::Records;
pub(crate) use taking::too_heavy;
use turn::Turn;
use window::Window;

/// The lane of one instance.
pub(crate) struct Lane {
    app: AppId,
    instance: InstanceName,
    records: Records,
    /// Who has how many calls waiting here.
    places: Arc<Shares>,
    inner: Mutex<Inner>,
    /// Wakes the clock when a nearer deadline was set.
    nearer: Arc<Notify>,
    /// Wakes who waits for the end of the link.
    went_down: Notify,
}

struct Inner {
    order: Order,
    calls: HashMap<CallId, InLane>,
    connection: Connection,
    /// Grows with every connection, so that news from an old one is known as such.
    epoch: u64,
    heard: Instant,
    wedged: Option<Wedged>,
    /// Why the process was asked to leave: what its calls are told that end now.
    leaving: Option<Problem>,
    turn: Turn,
    window: Window,
    /// The deadline that the clock sleeps to.
    clock: Option<Instant>,
}

struct InLane {
    call: Arc<Call>,
    /// Roughly what its arguments are.
    bytes: usize,
    /// Its part of what its caller may have waiting; given back when it is handed over.
    waits: Option<Waits>,
    /// When it must have ended; set when it starts and when it is told to end.
    must_end: Option<Instant>,
    told: Option<CancelReason>,
    /// How often the link broke when it was the next to arrive.
    missed: u8,
}

/// What a waiting call takes of its caller's part: a place in this lane, and bytes in all of them.
struct Waits {
    _place: Share,
    _bytes: Share,
}

/// A call that was told to end and goes on. While it does the lane takes nothing.
struct Wedged {
    id: CallId,
    since: Instant,
    /// Whether the bridge says that native code holds it, or says nothing at all any more. Else it is one that does not
    /// end calls in time, and nobody knows why: those behind it wait.
    said: bool,
    by: Option<KnownCall>,
}

enum Connection {
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
    pub(crate) fn new(app: AppId, instance: InstanceName, records: Records) -> Arc<Self> {
        let lane = Arc::new(Self {
            app,
            instance,
            records,
            places: Shares::new(Bound::alike(
                limits::LANE_WAITING_MAX,
                limits::LANE_WAITING_ALL_MAX,
            )),
            inner: Mutex::new(Inner {
                order: Order::default(),
                calls: HashMap::new(),
                connection: Connection::Starting,
                epoch: 0,
                heard: Instant::now(),
                wedged: None,
                leaving: None,
                turn: Turn::default(),
                window: Window::default(),
                clock: None,
            }),
            nearer: Arc::new(Notify::new()),
            went_down: Notify::new(),
        });
        tokio::spawn(clock::run_clock(
            Arc::downgrade(&lane),
            Arc::clone(&lane.nearer),
        ));
        lane
    }

    fn settle(&self, inner: &mut Inner, id: &CallId, outcome: Outcome) {
        let ran = match self.has_started(inner, id) {
            true => Ran::Yes,
            false => Ran::No,
        };
        self.settle_as(inner, id, outcome, ran);
    }

    /// As [`Self::settle`], by somebody who knows more of whether it ran.
    fn settle_as(&self, inner: &mut Inner, id: &CallId, outcome: Outcome, ran: Ran) {
        inner.order.end(id);
        let Some(entry) = inner.calls.remove(id) else {
            return;
        };
        if entry.call.front().is_some() {
            inner.turn.ended(Instant::now());
        }
        self.records.settle(&entry.call, outcome, ran);
    }

    fn has_started(&self, inner: &Inner, id: &CallId) -> bool {
        let entry = inner.calls.get(id);
        entry.is_some_and(|entry| entry.call.has_started())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
