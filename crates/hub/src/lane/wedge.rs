//! A call that was told to end and does not: it sits in native code, and the whole instance with it.
//!
//! Everybody who waits is told now, and what has not started is withdrawn; the lane takes nothing until the call has
//! ended or the process is gone.

use tokio::time::Instant;
use wire::link::{CancelReason, KnownCall};
use wire::{CallId, Outcome, Status};

use super::{Connection, Inner, Lane, Wedged, ends};
use crate::jobs::Ran;

impl Lane {
    /// A call should have ended and does not: everybody who waits is told now.
    pub(super) fn wedge(&self, inner: &mut Inner, id: &CallId) {
        if inner.wedged.is_some() {
            return;
        }
        let by = inner.calls.get(id).map(|entry| KnownCall {
            id: id.clone(),
            command: entry.call.command.clone(),
            owner: entry.call.caller.name.to_string(),
            owner_id: Some(entry.call.caller.id.clone()),
            mark: None,
        });
        let told = inner.calls.get(id).and_then(|entry| entry.told);
        inner.wedged = Some(Wedged {
            id: id.clone(),
            since: Instant::now(),
            by,
        });
        let problem = ends::wedged_problem(&self.instance, id, std::time::Duration::ZERO);
        let status = match told {
            Some(CancelReason::Cancelled) => Status::Cancelled,
            _ => Status::TimedOut,
        };
        self.settle(inner, id, Outcome::without_value(status, problem.clone()));
        let (waiting, sent) = inner.order.take_unstarted();
        if let Connection::Up(driver) = &inner.connection {
            for id in &sent {
                driver.cancel(id, CancelReason::Cancelled);
            }
        }
        for id in waiting.iter().chain(&sent) {
            self.settle_as(inner, id, ends::held_up(&problem), Ran::No);
        }
        tracing::warn!(call = %id, instance = %self.instance, "wedged: native code holds the main thread");
    }
}
