//! Who wants to be told: events from lanes and roster to any number of listeners.
//!
//! Two ways out. A *listener* ([`Feed::listen`]) hears events as they come, from now on; it serves whoever follows calls
//! of his own, and looks at those for their outcomes: an event that waits for a listener holds none. A *subscription* ([`Feed::subscribe`]) reads the kept window
//! by topic, at its own pace, and can begin where an earlier one ended: the window is its queue, so that
//! a slow subscriber costs no memory of its own. Large values stand in the window as a note that says
//! where the whole is (`truncate`).
//!
//! Bounded: a listener that lags is told how many events it missed; a subscription that falls out of the
//! window is told so and begins anew from what is known. Nearly free when nobody cares: two atomic loads,
//! and the event is not even built.
//!
//! ```text
//!          first subscription                     nobody for FEED_KEPT_ALONE
//! not kept ─────────────────> kept (window grows) ─────────────────> not kept
//! ```

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use time::OffsetDateTime;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use wire::event::{Position, Why};
use wire::{Event, Told, Topic};

use crate::clock::rfc3339;
use crate::limits;
use crate::secrets::Masking;

mod bell;
mod truncate;

use bell::Bell;
pub(crate) use truncate::{bounded_changes, is_small};

/// The way from the rooms to the listeners.
pub struct Feed {
    /// Of this run of the hub; random.
    epoch: Arc<str>,
    sender: broadcast::Sender<Event>,
    /// Whether events go into the window; read without its lock on the way of every call.
    kept: AtomicBool,
    window: Mutex<Window>,
    /// For those who wait.
    bell: Arc<Bell>,
    masking: Option<Arc<Masking>>,
}

struct Window {
    told: VecDeque<Arc<KeptEvent>>,
    bytes: usize,
    newest: u64,
    subscriptions: usize,
    /// When the last subscription ended.
    alone_since: Instant,
}

/// An event of the window. Its text is written once, by the first who reads it, and shared by all others.
#[derive(Debug)]
pub struct KeptEvent {
    told: Told,
    json: OnceLock<Box<str>>,
    bytes: usize,
}

impl KeptEvent {
    /// The event at its place, as a JSON object.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| {
            // An event has no map whose keys are not texts; so this cannot fail.
            let text = serde_json::to_string(&self.told).unwrap_or_default();
            text.into_boxed_str()
        })
    }
}

impl Deref for KeptEvent {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.told
    }
}

/// The window has moved past a subscription: what it missed is not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FellBehind;

impl Feed {
    #[must_use]
    pub fn new(epoch: &str, masking: Option<Arc<Masking>>) -> Self {
        Self {
            masking,
            epoch: epoch.into(),
            sender: broadcast::Sender::new(limits::FEED_EVENTS_MAX),
            kept: AtomicBool::new(false),
            window: Mutex::new(Window {
                told: VecDeque::new(),
                bytes: 0,
                newest: 0,
                subscriptions: 0,
                alone_since: Instant::now(),
            }),
            bell: Arc::default(),
        }
    }

    pub fn tell(&self, event: impl FnOnce() -> Event) {
        let is_heard = self.sender.receiver_count() > 0;
        let is_kept = self.kept.load(Ordering::SeqCst);
        if !is_heard && !is_kept {
            return;
        }
        let event = event();
        if is_kept {
            self.keep(&event);
        }
        if is_heard {
            // It fails only when the last listener left meanwhile.
            self.sender.send(truncate::without_outcome(event)).ok();
        }
    }

    /// Wakes who waits, for as long as there is a feed.
    pub(crate) fn ring(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.bell).ring()
    }

    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// Subscribes from a position on, or from now on; then it says why, and the subscriber looks at
    /// what is known.
    #[must_use]
    pub fn subscribe(
        self: &Arc<Self>,
        topics: Vec<Topic>,
        since: Option<&Position>,
    ) -> (Subscription, Option<Why>) {
        let mut window = self.lock();
        window.subscriptions += 1;
        if !self.kept.swap(true, Ordering::SeqCst) {
            // What happened while nothing was kept has no number: one is left out, so that nobody
            // believes to have heard it.
            window.newest += 1;
            self.bell.tell(window.newest);
        }
        let (at, why) = match since {
            None => (window.newest, Some(Why::Start)),
            Some(since) if since.epoch != self.epoch => (window.newest, Some(Why::Epoch)),
            Some(since) if !window.reaches(since.seq) => (window.newest, Some(Why::Window)),
            Some(since) => (since.seq, None),
        };
        let subscription = Subscription {
            feed: Arc::clone(self),
            topics,
            at,
            rung: self.bell.hear(),
        };
        (subscription, why)
    }

    /// Where the feed stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.at(self.lock().newest)
    }

    fn at(&self, seq: u64) -> Position {
        Position {
            epoch: Arc::clone(&self.epoch),
            seq,
        }
    }

    fn keep(&self, event: &Event) {
        let (mut event, bytes) = truncate::truncated(event);
        if let Some(masking) = &self.masking {
            masking.event(&mut event);
        }
        let at = rfc3339(OffsetDateTime::now_utc());
        let mut window = self.lock();
        if window.subscriptions == 0 && window.alone_since.elapsed() > limits::FEED_KEPT_ALONE {
            window.told.clear();
            window.bytes = 0;
            self.kept.store(false, Ordering::SeqCst);
            return;
        }
        window.newest += 1;
        let told = Told {
            epoch: Arc::clone(&self.epoch),
            seq: window.newest,
            at,
            event,
        };
        window.push(KeptEvent {
            told,
            json: OnceLock::new(),
            // Held twice as soon as somebody reads it: as it is, for the topics, and as JSON, for all who read.
            bytes: 2 * bytes,
        });
        self.bell.tell(window.newest);
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Window {
    fn push(&mut self, kept: KeptEvent) {
        self.bytes += kept.bytes;
        self.told.push_back(Arc::new(kept));
        while self.told.len() > limits::FEED_WINDOW_EVENTS
            || (self.bytes > limits::FEED_WINDOW_BYTES && self.told.len() > 1)
        {
            if let Some(oldest) = self.told.pop_front() {
                self.bytes -= oldest.bytes;
            }
        }
    }

    /// Whether everything after that number is here.
    fn reaches(&self, seq: u64) -> bool {
        let oldest = self.told.front().map_or(self.newest + 1, |kept| kept.seq);
        seq <= self.newest && seq + 1 >= oldest
    }

    /// The events after that number; nothing when some of them are not here any more.
    fn after(&self, seq: u64) -> Option<impl Iterator<Item = &Arc<KeptEvent>>> {
        if !self.reaches(seq) {
            return None;
        }
        let count = usize::try_from(self.newest - seq).unwrap_or(usize::MAX);
        let first = self.told.len().saturating_sub(count);
        Some(self.told.range(first..))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.bell.end();
    }
}

/// A reader of the window.
pub struct Subscription {
    feed: Arc<Feed>,
    topics: Vec<Topic>,
    at: u64,
    rung: watch::Receiver<u64>,
}

impl Subscription {
    #[must_use]
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Up to where it has read.
    #[must_use]
    pub fn position(&self) -> Position {
        self.feed.at(self.at)
    }

    /// What is there of its topics, at most `max` events. Nothing when it has read all.
    ///
    /// # Errors
    /// When it fell behind the window; begin anew with [`Feed::subscribe`].
    pub fn take(&mut self, max: usize) -> Result<Vec<Arc<KeptEvent>>, FellBehind> {
        let mut found = Vec::new();
        while found.is_empty() && self.has_more() {
            self.look(max, &mut found)?;
        }
        Ok(found)
    }

    /// Whether there is something that it has not looked at.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.feed.bell.newest() > self.at
    }

    /// Whether the window has moved past it.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.feed.lock().reaches(self.at)
    }

    /// Resolves when there is something that it has not looked at.
    pub async fn news(&mut self) {
        let at = self.at;
        // The sender lives in the feed, which this holds.
        self.rung.wait_for(|rung| *rung > at).await.ok();
    }

    /// One look under the lock; short, because lanes wait for it.
    fn look(&mut self, max: usize, found: &mut Vec<Arc<KeptEvent>>) -> Result<(), FellBehind> {
        let window = self.feed.lock();
        let events = window.after(self.at).ok_or(FellBehind)?;
        for told in events.take(limits::FEED_LOOK_EVENTS) {
            if found.len() >= max {
                break;
            }
            self.at = told.seq;
            if self.topics.iter().any(|topic| told.event.is_of(topic)) {
                found.push(Arc::clone(told));
            }
        }
        Ok(())
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.bell.leave();
        let mut window = self.feed.lock();
        window.subscriptions -= 1;
        window.alone_since = Instant::now();
    }
}

#[cfg(test)]
mod tests;
