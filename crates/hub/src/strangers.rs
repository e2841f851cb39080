//! Connections that have not proved anything yet: places of their own, so that they can never take those of the others.
//!
//! In comes somebody who has connected; out comes a place. When all are taken, the stranger that has been there
//! longest is shown out, one that has said nothing before one that has. Each has its turn first: whoever
//! knows a token shows it within that time, and so gets in beside any flood of others; while all are in their
//! turn, whoever comes waits for the first that ends (in the order of coming: the system's queue of
//! connections keeps it). What a proof is, its door knows.
//!
//! ```text
//! admitted ─ heard ─ proved (the place is given back)
//!     └────────┴──── shown out, when another one needs the place
//! ```

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::limits;

/// The places of one door.
pub struct Strangers {
    places: usize,
    turn: Duration,
    seats: Mutex<Seats>,
    left: Notify,
}

#[derive(Default)]
struct Seats {
    next: u64,
    /// By the order of coming.
    silent: BTreeMap<u64, Arc<Seat>>,
    heard: BTreeMap<u64, Arc<Seat>>,
}

struct Seat {
    since: Instant,
    is_out: AtomicBool,
    waker: AtomicWaker,
}

/// One of them. Its place is free when this is dropped.
pub struct Stranger {
    strangers: Arc<Strangers>,
    number: u64,
    seat: Arc<Seat>,
}

impl Strangers {
    #[must_use]
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places: places.max(1),
            turn: limits::STRANGER_TURN,
            seats: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// A place, as soon as there is one. One at a time may wait for it: its door's loop.
    pub async fn admit(self: &Arc<Self>) -> Stranger {
        loop {
            let left = self.left.notified();
            match self.try_admit() {
                Ok(stranger) => return stranger,
                Err(first_turn_ends) => tokio::select! {
                    () = left => {}
                    () = sleep_until(first_turn_ends) => {}
                },
            }
        }
    }

    /// Or when the first turn ends.
    fn try_admit(self: &Arc<Self>) -> Result<Stranger, Instant> {
        let now = Instant::now();
        let mut seats = self.lock();
        if seats.silent.len() + seats.heard.len() >= self.places {
            let is_over = |seat: &Arc<Seat>| seat.since + self.turn <= now;
            let oldest = |seats: &BTreeMap<u64, Arc<Seat>>| seats.values().next().cloned();
            let silent = oldest(&seats.silent);
            let heard = oldest(&seats.heard);
            let out = if silent.as_ref().is_some_and(is_over) {
                seats.silent.pop_first()
            } else if heard.as_ref().is_some_and(is_over) {
                seats.heard.pop_first()
            } else {
                let first = silent.into_iter().chain(heard).map(|seat| seat.since).min();
                return Err(first.unwrap_or(now) + self.turn);
            };
            if let Some((_, seat)) = out {
                seat.is_out.store(true, Ordering::Release);
                seat.waker.wake();
            }
        }
        let number = seats.next;
        seats.next += 1;
        let seat = Arc::new(Seat {
            since: now,
            is_out: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        seats.silent.insert(number, Arc::clone(&seat));
        drop(seats);
        Ok(Stranger {
            strangers: Arc::clone(self),
            number,
            seat,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// It has said something of the form that its door expects; no proof yet.
    pub fn is_heard(&self) {
        let mut seats = self.strangers.lock();
        if let Some(seat) = seats.silent.remove(&self.number) {
            seats.heard.insert(self.number, seat);
        }
    }

    /// Whether another one has its place. Wakes the last who asked.
    pub fn poll_shown_out(&self, context: &Context<'_>) -> Poll<()> {
        self.seat.waker.register(context.waker());
        match self.seat.is_out.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Resolves when another one has its place.
    pub async fn shown_out(&self) {
        poll_fn(|context| self.poll_shown_out(context)).await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut seats = self.strangers.lock();
        seats.silent.remove(&self.number);
        seats.heard.remove(&self.number);
        drop(seats);
        self.strangers.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn is_out(stranger: &Stranger) -> bool {
        let context = Context::from_waker(Waker::noop());
        stranger.poll_shown_out(&context).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_goes_first_and_the_silent_before_those_that_spoke() {
        let strangers = Strangers::new(3);
        let first = strangers.admit().await;
        let second = strangers.admit().await;
        let third = strangers.admit().await;
        first.is_heard();
        tokio::time::sleep(limits::STRANGER_TURN).await;
        let fourth = strangers.admit().await;
        assert!(is_out(&second), "the oldest that has said nothing");
        let fifth = strangers.admit().await;
        assert!(is_out(&third) && !is_out(&first));
        let sixth = strangers.admit().await;
        assert!(
            is_out(&first) && !is_out(&fourth) && !is_out(&fifth),
            "only it had had its turn"
        );
        drop(sixth);
        let seventh = strangers.admit().await;
        assert!(!is_out(&fourth), "a place that was left is taken first");
        second.shown_out().await;
        drop(seventh);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_shown_out_before_its_turn_is_over() {
        let strangers = Strangers::new(2);
        let began = Instant::now();
        let mut inside = Vec::new();
        for _ in 0..10 {
            inside.push(strangers.admit().await);
        }
        // Two at a time.
        assert_eq!(began.elapsed(), limits::STRANGER_TURN * 4);
        assert_eq!(
            inside.iter().filter(|stranger| !is_out(stranger)).count(),
            2
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_let_in_when_somebody_leaves() {
        let strangers = Strangers::new(1);
        let inside = strangers.admit().await;
        let (_, second) = tokio::join!(async { drop(inside) }, strangers.admit());
        assert!(!is_out(&second));
    }
}
