//! The walk of a call, tested from the outside: a real hub, bridges over real TCP that misbehave on
//! purpose, real processes. One module for each promise.

extern crate kapelle_hub as hub;

mod batches;
mod blobs;
mod cancelling;
mod choosing;
mod conducting;
mod direct_calls;
mod ends;
mod feed;
mod handshake;
mod history;
mod job_edits;
mod jobs;
mod jobs_after_crashes;
mod journal;
mod links;
mod order;
mod policy;
mod process_limits;
mod restart;
mod rights;
mod stopping;
mod strangers;
mod supervising;
mod turns;
mod wedged;

use testkit::TestHub;
use tokio::sync::broadcast::Receiver;
use wire::{CallId, Event};

/// How often each call ended, by what the feed told.
struct Ends(Receiver<Event>);

impl Ends {
    fn of(hub: &TestHub) -> Self {
        Self(hub.hub.listen())
    }

    /// Ids of all `CallEnded` so far.
    fn take(&mut self) -> Vec<CallId> {
        std::iter::from_fn(|| {
            loop {
                match self.0.try_recv() {
                    Ok(Event::CallEnded { call }) => return Some(call.call_id),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        })
        .collect()
    }
}
