//! The table of open WebSockets: how many there may be, whose they are, and the wait for their end.

use std::sync::Arc;

use hub::callers::Caller;
use hub::shares::{Bound, Share, Shares};
use tokio_util::task::TaskTracker;
use wire::{Code, Problem};

use crate::limits;

/// All open connections of a door.
#[derive(Clone)]
pub(crate) struct Sockets {
    places: Arc<Shares>,
    pub(crate) open: TaskTracker,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            places: Shares::new(Bound {
                all: limits::WS_SOCKETS_MAX,
                each: limits::WS_SOCKETS_MAX - limits::WS_SOCKETS_KEPT,
                kept: limits::WS_SOCKETS_KEPT,
            }),
            open: TaskTracker::new(),
        }
    }
}

impl Sockets {
    /// A place for one more of that caller's.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(crate) fn take(&self, caller: &Caller) -> Result<Share, Problem> {
        self.places.take(caller, 1).map_err(|_| {
            Problem::new(
                Code::RATE_LIMITED,
                format!(
                    "{} WebSockets are already open.",
                    limits::WS_SOCKETS_MAX - limits::WS_SOCKETS_KEPT
                ),
            )
            .hint("Close some, or use one connection for several tasks.")
        })
    }

    /// Waits until all have ended; after the hub's stop they end by themselves.
    pub(crate) async fn ended(&self) {
        self.open.close();
        self.open.wait().await;
    }
}
