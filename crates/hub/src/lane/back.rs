//! A bridge is back, or a new process is to come: what becomes of the calls from before.
//!
//! In comes what the bridge says it knows. Calls that it does not know are settled, calls that only
//! it knows are adopted, what it did not hear of (a cancel, a start) is caught up on. A call that
//! certainly has not arrived is handed over anew; nothing that the bridge has is sent again.

use std::sync::Arc;

use tokio::time::Instant;
use wire::link::{CancelReason, KnownCall};
use wire::{CallId, CallerId};

use super::ends;
use super::state::{Connection, InLane, Inner, Lane};
use crate::attempts::Resumed;
use crate::call::{Call, CallParts};
use crate::callers::Caller;
use crate::corridor::Ran;
use crate::driver::Known;
use crate::limits;
use crate::{looks, seal};

impl Lane {
    /// Brings both sides to the same view after a handshake.
    pub(super) fn settle_by(&self, inner: &mut Inner, known: &Known) {
        if known.complete {
            self.hand_over_anew(inner, known);
        }
        for id in inner.order.lost(known) {
            // A bridge that would know never saw what it does not know; of another nobody can say.
            let ran = match known.complete && !self.has_started(inner, &id) {
                true => Ran::No,
                false => Ran::Maybe,
            };
            self.settle_as(inner, &id, ends::unknown_to_bridge(&self.instance), ran);
        }
        self.adopt(inner, known);
        let still_wedged = |id: &CallId| known.running.iter().any(|call| call.id == *id);
        inner.wedged = inner
            .wedged
            .take()
            .filter(|wedged| still_wedged(&wedged.id));
        for call in &known.running {
            self.started(inner, &call.id);
        }
        self.withdraw_given_up(inner, known);
        self.tell_again(inner);
    }

    /// Calls that have not arrived at a bridge that would know. Frames arrive in order, so it is the first of
    /// them at which the link broke; one that does so again and again is given up.
    fn hand_over_anew(&self, inner: &mut Inner, known: &Known) {
        let missed = inner.order.take_back_missed(known);
        self.end_unwanted(inner);
        let first = missed.first().and_then(|id| inner.calls.get_mut(id));
        let Some(entry) = first else { return };
        entry.missed += 1;
        if entry.missed >= limits::MISSED_MAX {
            let id = entry.call.id.clone();
            self.settle(inner, &id, ends::never_arrived(&self.instance));
        }
    }

    /// Before calls are handed over anew: one that was cancelled and did not start is not to run.
    pub(super) fn end_unwanted(&self, inner: &mut Inner) {
        let mut unwanted = Vec::new();
        for (id, entry) in &mut inner.calls {
            if !inner.order.is_waiting(id) {
                continue;
            }
            entry.must_end = None;
            if entry.told.is_some() {
                unwanted.push(id.clone());
            }
        }
        for id in unwanted {
            self.settle(inner, &id, ends::cancelled_before_start());
        }
    }

    /// Calls that the bridge knows and this hub does not: it was restarted meanwhile.
    fn adopt(&self, inner: &mut Inner, known: &Known) {
        let running = known.running.iter().map(|call| (call, true));
        let others = known.queued.iter().map(|call| (call, false));
        let ended = known.ended.iter().map(|call| (call, true));
        for (known, started) in running.chain(others).chain(ended) {
            if inner.calls.contains_key(&known.id) || self.records.journal.get(&known.id).is_some()
            {
                continue;
            }
            let mut is_attempt = false;
            let call = match self.records.attempts.resume(&known.id, &self.instance) {
                Resumed::Attempt(call) => {
                    is_attempt = true;
                    call
                }
                Resumed::Stale => {
                    // Nobody wants it any more, and its outcome is only acknowledged.
                    if let Connection::Up(driver) = &inner.connection {
                        driver.cancel(&known.id, CancelReason::Cancelled);
                    }
                    continue;
                }
                Resumed::NoJob => Arc::new(self.remake(known)),
            };
            let mut must_end = None;
            if started {
                call.set_started();
                self.records.started(&call, &self.instance);
                let latest = Instant::now() + call.timeout + limits::ENDS_BY_ITSELF;
                must_end = Some(latest);
                self.arm(inner, latest);
            }
            let turn_of = (!is_attempt).then(|| call.caller.id.clone());
            inner.order.adopt(known.id.clone(), turn_of, started);
            if !is_attempt {
                self.records.journal.asked(&call);
            }
            let entry = InLane {
                call,
                is_attempt,
                bytes: 0,
                waits: None,
                must_end,
                told: None,
                missed: 0,
            };
            inner.calls.insert(known.id.clone(), entry);
        }
    }

    fn remake(&self, known: &KnownCall) -> Call {
        let owner = known.owner_id.clone();
        let note = known.mark.as_deref().map(seal::note);
        // What it may do is not known here.
        let (correlation_id, effect) = looks::kept(note)
            .map_or((None, wire::Effect::Write), |(id, effect)| {
                (Some(id), effect)
            });
        let parts = CallParts {
            correlation_id,
            effect,
            ..CallParts::unknown(
                self.app.clone(),
                self.instance.clone(),
                known.command.clone(),
                Caller::known_as(owner.unwrap_or_else(|| CallerId::of_name(&known.owner))),
            )
        };
        let call = Call::with_id(known.id.clone(), parts);
        // What was asked is not known here; the history may know it.
        call.show_args(None);
        call
    }

    /// Calls that were settled without the bridge and still wait there must not run any more.
    fn withdraw_given_up(&self, inner: &Inner, known: &Known) {
        let Connection::Up(driver) = &inner.connection else {
            return;
        };
        for call in &known.queued {
            if !inner.calls.contains_key(&call.id) {
                driver.cancel(&call.id, CancelReason::Cancelled);
            }
        }
    }

    /// A cancel that the bridge may not have heard is said again; whoever is over his time gets the
    /// usual moment to end.
    fn tell_again(&self, inner: &mut Inner) {
        let Connection::Up(driver) = &inner.connection else {
            return;
        };
        let now = Instant::now();
        let soon = now + limits::WEDGED_AFTER;
        let mut nearest = None;
        for (id, entry) in &mut inner.calls {
            if let Some(reason) = entry.told {
                driver.cancel(id, reason);
                entry.must_end = Some(soon);
            }
            if entry.must_end.is_some_and(|at| at < soon) {
                entry.must_end = Some(soon);
            }
            nearest = nearest.into_iter().chain(entry.must_end).min();
        }
        if let Some(at) = nearest {
            self.arm(inner, at);
        }
    }
}
