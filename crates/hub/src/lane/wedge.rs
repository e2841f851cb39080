//! A call that was told to end and does not: it sits in native code, and the whole instance with it.
//!
//! Everybody who waits is told now, and what has not started is withdrawn; the lane takes nothing until the call has
//! ended or the process is gone.

use tokio::time::Instant;
use wire::link::{CancelReason, KnownCall};
use wire::{CallId, Outcome, Status};

use super::ends;
use super::state::{Connection, Inner, Lane, Wedged};
use crate::corridor::Ran;

impl Lane {
    /// A call should have ended and does not, and its bridge says that it cannot, or says nothing any more: everybody
    /// who waits is told now.
    pub(super) fn wedge(&self, inner: &mut Inner, id: &CallId) {
        if inner.wedged.as_ref().is_some_and(|wedged| wedged.said) {
            return;
        }
        let told = self.hold(inner, id, true);
        let problem = ends::wedged_problem(&self.instance, id, std::time::Duration::ZERO);
        let status = match told {
            Some(CancelReason::Cancelled) => Status::Cancelled,
            _ => Status::TimedOut,
        };
        let outcome = Outcome::without_value(status, problem.clone());
        let outcome = Self::with_time(inner, id, outcome);
        self.settle(inner, id, outcome);
        let (waiting, sent) = inner.order.take_unstarted();
        if let Connection::Up(driver) = &inner.connection {
            for id in &sent {
                driver.cancel(id, CancelReason::Cancelled);
            }
        }
        for id in waiting.iter().chain(&sent) {
            self.settle_as(inner, id, ends::held_up(&problem), Ran::No);
        }
        tracing::warn!(call = %id, instance = %self.instance, "wedged: native code is holding the \
         main thread");
    }

    /// The same where the bridge goes on to talk and does not say that anything is wrong: it does not keep to its
    /// time. Its caller is told; those behind it wait until it is over.
    pub(super) fn overrun(&self, inner: &mut Inner, id: &CallId) {
        if inner.wedged.is_some() {
            return;
        }
        let told = self.hold(inner, id, false);
        let limit = inner.calls.get(id).map(|entry| entry.call.timeout);
        let outcome = ends::not_ended(&self.instance, told, limit.unwrap_or_default());
        let outcome = Self::with_time(inner, id, outcome);
        self.settle(inner, id, outcome);
        tracing::warn!(call = %id, instance = %self.instance, "its bridge was told to end it but \
         has not");
    }

    /// Notes who holds the lane; gives why it was told to end.
    fn hold(&self, inner: &mut Inner, id: &CallId, said: bool) -> Option<CancelReason> {
        let before = inner.wedged.take().filter(|wedged| wedged.id == *id);
        let by = inner.calls.get(id).map(|entry| KnownCall {
            id: id.clone(),
            command: entry.call.command.clone(),
            owner: entry.call.caller.name.to_string(),
            owner_id: Some(entry.call.caller.id.clone()),
            mark: None,
        });
        inner.wedged = Some(Wedged {
            id: id.clone(),
            since: before.as_ref().map_or_else(Instant::now, |one| one.since),
            said,
            by: by.or(before.and_then(|one| one.by)),
        });
        inner.calls.get(id).and_then(|entry| entry.told)
    }
}
