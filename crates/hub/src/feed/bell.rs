//! Wakes who waits for the feed.
//!
//! In come the numbers of events, from lanes under their locks: to them it is one store and one wake, however many wait.
//! A task of its own wakes the readers: at once where nothing came for a while, and else with a pause that
//! grows with their number, in which events gather. So a thousand readers cost the calls beside
//! them no more than a few do, and each is told many events at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::limits;

#[derive(Default)]
pub(super) struct Bell {
    newest: AtomicU64,
    readers: AtomicUsize,
    is_over: AtomicBool,
    told: Notify,
    /// The newest number of which readers were told.
    rung: watch::Sender<u64>,
}

impl Bell {
    /// There is an event with that number.
    pub(super) fn tell(&self, newest: u64) {
        self.newest.store(newest, Ordering::Release);
        self.told.notify_one();
    }

    /// The newest number, whether it was rung or not.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// One reader more.
    pub(super) fn hear(&self) -> watch::Receiver<u64> {
        self.readers.fetch_add(1, Ordering::Relaxed);
        self.rung.subscribe()
    }

    /// One reader less.
    pub(super) fn leave(&self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Nothing comes any more.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.told.notify_one();
    }

    /// Rings for as long as something can come.
    pub(super) async fn ring(self: Arc<Self>) {
        loop {
            self.told.notified().await;
            if self.is_over.load(Ordering::Acquire) {
                return;
            }
            self.rung.send_replace(self.newest());
            let pause = pause(self.readers.load(Ordering::Relaxed));
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Nothing for a few readers: a timer is no finer than a millisecond.
fn pause(readers: usize) -> Duration {
    let readers = u32::try_from(readers).unwrap_or(u32::MAX);
    let pause = limits::FEED_READER_PAUSE.saturating_mul(readers);
    match pause < Duration::from_millis(1) {
        true => Duration::ZERO,
        false => pause.min(limits::FEED_PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use wire::{Event, Topic};

    use super::super::Feed;
    use super::*;

    fn state(revision: u64) -> Event {
        Event::State {
            instance: "toy".into(),
            revision,
            changes: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_readers_are_told_at_once_and_many_in_batches() {
        let feed = Arc::new(Feed::new("run", None));
        tokio::spawn(feed.ring());
        let (mut one, _) = feed.subscribe(vec![Topic::State], None);
        let began = Instant::now();
        for revision in 0..20 {
            feed.tell(|| state(revision));
            one.news().await;
            assert_eq!(one.take(100).unwrap().len(), 1);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        let others: Vec<_> = (0..400)
            .map(|_| feed.subscribe(vec![Topic::State], None))
            .collect();
        feed.tell(|| state(100));
        one.news().await;
        assert_eq!(one.take(100).unwrap().len(), 1);
        assert_eq!(began.elapsed(), Duration::ZERO, "it was quiet before");
        for revision in 0..20 {
            feed.tell(|| state(revision));
        }
        assert!(one.has_more(), "who looks finds it without being told");
        one.news().await;
        assert_eq!(one.take(100).unwrap().len(), 20);
        assert!(began.elapsed() >= 400 * limits::FEED_READER_PAUSE);
        drop(others);
        assert!(pause(1_000_000) <= limits::FEED_PAUSE_MAX);
    }
}
