//! Who wants to be told: events from lanes and roster to any number of listeners.
//!
//! Bounded: a listener that lags is told how many events it missed, and looks again. When nobody
//! listens, events are not even built.

use tokio::sync::broadcast;
use wire::Event;

use crate::limits;

/// The way from the rooms to the listeners.
pub struct Feed {
    sender: broadcast::Sender<Event>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(limits::FEED_EVENTS_MAX),
        }
    }
}

impl Feed {
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if self.sender.receiver_count() > 0 {
            // It fails only when the last listener left meanwhile.
            self.sender.send(event()).ok();
        }
    }

    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}
