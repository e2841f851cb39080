//! One connection to the HTTP port: whose it is, whether it has a place, and how long it may be silent.
//!
//! In comes whoever connects, as a stranger; with the first request that shows a token the connection is its
//! caller's and moves from the strangers' places to the caller's. So nobody without a token can take a place from
//! somebody with one, and a part of all places is kept for those who administer. At a bound the connection that has
//! been idle longest makes room; one with a request under way is never taken. What is asked over it is not looked at here.
//!
//! ```text
//! stranger ─ a request with a token ─> proved      idle ─ first byte ─> head ─ whole ─> busy ─ answered ─> idle
//!    └── shown out ──────┴── idle for long                                       └─ upgrade ─> upgraded
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hub::callers::{Caller, Scope};
use hub::shares::{Bound, Full, Share, Shares};
use hub::strangers::{Stranger, Strangers};
use tokio::time::Instant;
use wire::{Code, Problem};

use crate::limits;

mod io;

pub(crate) use io::{Io, OVER_ITS_SHARE};

/// All connections of a door.
pub(crate) struct Connections {
    strangers: Arc<Strangers>,
    places: Arc<Shares>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Arc<Connection>>,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Of callers, in all.
    pub connections: usize,
    /// Of one caller that does not administer.
    pub connections_each: usize,
    /// Of all, kept for those who administer.
    pub connections_kept: usize,
    /// That have not shown a token.
    pub strangers: usize,
}

impl Default for Room {
    /// As many as the bounds say and this process has descriptors for.
    fn default() -> Self {
        let share_of = hub::descriptors::share_of;
        Self {
            connections: share_of(limits::CONNECTIONS_MAX),
            connections_each: share_of(limits::CALLER_CONNECTIONS_MAX),
            connections_kept: share_of(limits::CONNECTIONS_KEPT),
            strangers: share_of(limits::STRANGERS_MAX),
        }
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// It waits for a request.
    Idle,
    /// A request's head is coming.
    Head,
    /// A request is under way, to the end of its answer.
    Busy,
    /// It is no HTTP any more.
    Upgraded,
}

pub(crate) struct Connection {
    all: Arc<Connections>,
    number: u64,
    began: Instant,
    phase: AtomicU8,
    /// Since when it is in that phase, in microseconds after it began.
    since_us: AtomicU64,
    is_proved: AtomicBool,
    /// It stays open and is told what happens.
    is_stream: AtomicBool,
    stranger: Mutex<Option<Stranger>>,
    /// Its caller's place.
    place: Mutex<Option<Share>>,
    is_out: AtomicBool,
    waker: AtomicWaker,
    /// When it is upgraded: bytes of a message that is not whole yet, and the part of them that counts.
    unheard: AtomicU64,
    in_flight: Mutex<Option<Share>>,
}

impl Connections {
    pub(crate) fn new(room: Room) -> Arc<Self> {
        Arc::new(Self {
            strangers: Strangers::new(room.strangers),
            places: Shares::new(Bound {
                all: room.connections as u64,
                each: room.connections_each as u64,
                kept: room.connections_kept as u64,
            }),
            open: Mutex::default(),
        })
    }

    /// A place for one more, as soon as there is one.
    pub(crate) async fn admit(self: &Arc<Self>) -> Arc<Connection> {
        let stranger = self.strangers.admit().await;
        let mut open = lock(&self.open);
        let number = open.next;
        open.next += 1;
        let connection = Arc::new(Connection {
            all: Arc::clone(self),
            number,
            began: Instant::now(),
            phase: AtomicU8::new(Phase::Idle as u8),
            since_us: AtomicU64::new(0),
            is_proved: AtomicBool::new(false),
            is_stream: AtomicBool::new(false),
            stranger: Mutex::new(Some(stranger)),
            place: Mutex::new(None),
            is_out: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            unheard: AtomicU64::new(0),
            in_flight: Mutex::new(None),
        });
        open.all.insert(number, Arc::clone(&connection));
        connection
    }

    /// A place of this caller's; an idle connection makes room if there is none.
    fn place(&self, caller: &Caller) -> Result<Share, Problem> {
        let full = match self.places.take(caller, 1) {
            Ok(share) => return Ok(share),
            Err(full) => full,
        };
        if !self.make_room(caller, full) {
            return Err(no_place(full, &self.places.bound()));
        }
        // Somebody else may have been quicker.
        self.places
            .take(caller, 1)
            .map_err(|full| no_place(full, &self.places.bound()))
    }

    /// Shows out the connection that has been idle longest: of this caller, or, when all are at their bound together, of
    /// anybody else; never one of those who administer for one who does not.
    fn make_room(&self, caller: &Caller, full: Full) -> bool {
        let administers = caller.scopes.has(Scope::Admin);
        let may_go = |place: &Share| {
            let is_others = full == Full::All && (administers || !place.administers());
            *place.caller() == caller.id || is_others
        };
        let open = lock(&self.open);
        let idle = open.all.values().filter(|one| {
            one.is_proved.load(Ordering::Acquire)
                && one.phase() == Phase::Idle
                && lock(&one.place).as_ref().is_some_and(may_go)
        });
        let longest = idle.min_by_key(|one| one.since()).cloned();
        drop(open);
        let Some(longest) = longest else { return false };
        lock(&longest.place).take();
        longest.is_out.store(true, Ordering::Release);
        longest.waker.wake();
        true
    }
}

impl Connection {
    /// Somebody has shown a token over it. From then on it is the first such caller's.
    ///
    /// # Errors
    /// `rate_limited` when there is no place for one more.
    pub(crate) fn prove(&self, caller: &Caller) -> Result<(), Problem> {
        if self.is_proved.load(Ordering::Acquire) {
            return Ok(());
        }
        let place = self.all.place(caller)?;
        *lock(&self.place) = Some(place);
        self.is_proved.store(true, Ordering::Release);
        lock(&self.stranger).take();
        Ok(())
    }

    /// A request has come whole, as far as its head.
    pub(crate) fn head_came(&self) {
        self.enter(Phase::Busy);
        if !self.is_proved.load(Ordering::Acquire)
            && let Some(stranger) = &*lock(&self.stranger)
        {
            stranger.is_heard();
        }
    }

    /// The answer is out, or in the system's hands.
    pub(crate) fn is_answered(&self) {
        if self.phase() == Phase::Busy {
            self.enter(Phase::Idle);
        }
    }

    /// From now on other rules count: those of who took it over.
    pub(crate) fn is_upgraded(&self) {
        self.enter(Phase::Upgraded);
        self.tells_events();
    }

    /// From now on it is told what happens, for as long as it is open.
    pub(crate) fn tells_events(&self) {
        self.is_stream.store(true, Ordering::Release);
    }

    /// From now on messages come over it whose bytes count in `share` until they are whole. Before that, while nobody
    /// has shown a token, only a small one can come.
    pub(crate) fn carries(&self, share: Share) {
        *lock(&self.in_flight) = Some(share);
    }

    /// A message has come whole.
    pub(crate) fn message_came(&self) {
        if self.unheard.swap(0, Ordering::AcqRel) > limits::BODY_SMALL_BYTES
            && let Some(share) = &mut *lock(&self.in_flight)
        {
            share.clear();
        }
    }

    /// Bytes have come. `false` when there is no room for more of this message.
    fn hears(&self, bytes: u64) -> bool {
        match self.phase() {
            Phase::Idle => self.enter(Phase::Head),
            Phase::Head | Phase::Busy => {}
            Phase::Upgraded => {
                let unheard = self.unheard.fetch_add(bytes, Ordering::AcqRel) + bytes;
                if unheard > limits::BODY_SMALL_BYTES {
                    let due = match unheard - bytes > limits::BODY_SMALL_BYTES {
                        true => bytes,
                        false => unheard,
                    };
                    return lock(&self.in_flight)
                        .as_mut()
                        .is_some_and(|share| share.grow(due).is_ok());
                }
            }
        }
        true
    }

    /// Until when something must come, if there is such a time.
    fn deadline(&self) -> Option<Instant> {
        let patience = match self.phase() {
            Phase::Busy | Phase::Upgraded => return None,
            Phase::Head => limits::HEAD_TIMEOUT,
            Phase::Idle if self.is_proved.load(Ordering::Acquire) => limits::IDLE_MAX,
            Phase::Idle => limits::HEAD_TIMEOUT,
        };
        Some(self.since() + patience)
    }

    /// Whether it must go to make room. Wakes the last who asked.
    fn poll_out(&self, context: &Context<'_>) -> Poll<()> {
        if !self.is_proved.load(Ordering::Acquire)
            && let Some(stranger) = &*lock(&self.stranger)
        {
            return stranger.poll_shown_out(context);
        }
        self.waker.register(context.waker());
        match self.is_out.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn is_closed(&self) {
        lock(&self.all.open).all.remove(&self.number);
        lock(&self.stranger).take();
        lock(&self.place).take();
        lock(&self.in_flight).take();
    }

    fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.since_us.store(since, Ordering::Release);
        self.phase.store(phase as u8, Ordering::Release);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Upgraded,
        }
    }

    fn since(&self) -> Instant {
        self.began + Duration::from_micros(self.since_us.load(Ordering::Acquire))
    }
}

fn no_place(full: Full, bound: &Bound) -> Problem {
    let (whose, count) = match full {
        Full::Own => ("This caller has", bound.each),
        Full::All => ("All callers together have", bound.all - bound.kept),
    };
    Problem::new(
        Code::RATE_LIMITED,
        format!("{whose} {count} connections open, each with a request in progress."),
    )
    .hint(
        "Close some, or use fewer: one connection can carry any number of requests, one after \
     another.",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn upgraded() -> Arc<Connection> {
        let connections = Connections::new(Room {
            connections: 4,
            connections_each: 4,
            connections_kept: 0,
            strangers: 4,
        });
        let connection = connections.admit().await;
        connection.head_came();
        connection.is_upgraded();
        connection
    }

    #[tokio::test]
    async fn messages_that_are_not_whole_count_until_they_are() {
        const SMALL: u64 = limits::BODY_SMALL_BYTES;
        let bytes = Shares::new(Bound {
            all: 10 * SMALL,
            each: 10 * SMALL,
            kept: 0,
        });
        let owner = Caller::owner();
        let (one, other) = (upgraded().await, upgraded().await);
        for connection in [&one, &other] {
            connection.carries(bytes.nothing(&owner));
            assert!(connection.hears(SMALL), "a small one is free");
            connection.message_came();
        }
        assert!(one.hears(6 * SMALL) && one.hears(SMALL));
        assert!(other.hears(2 * SMALL));
        assert!(!other.hears(2 * SMALL), "there is no room for both");
        one.message_came();
        assert!(other.hears(2 * SMALL));
        other.is_closed();
        assert!(bytes.take(&owner, 10 * SMALL).is_ok(), "all is given back");
    }

    #[tokio::test]
    async fn who_has_shown_no_token_says_only_little() {
        let stranger = upgraded().await;
        assert!(stranger.hears(limits::BODY_SMALL_BYTES));
        assert!(!stranger.hears(1));
    }
}
