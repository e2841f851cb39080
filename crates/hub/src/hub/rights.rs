//! What ends when rights end: a token is taken back, narrowed, or its time is over.
//!
//! In comes whose rights have changed; out go the ends of what that caller has under way and may not do any more: calls
//! in lanes, commands of the hub's own, jobs that wait. What is asked later looks its rights up by itself (batches, and
//! jobs when they are handed over); what stays open at a door hears of the change ([`Hub::rights_changes`]).

use std::sync::{Arc, Weak};

use time::OffsetDateTime;
use tokio::sync::watch;
use wire::{CallerId, Effect};

use super::{Hub, Inner};
use crate::callers::{self, Scope};
use crate::clock::sleep;
use crate::limits;

impl Hub {
    /// Turns whenever somebody may have fewer rights than before.
    #[must_use]
    pub fn rights_changes(&self) -> watch::Receiver<u64> {
        self.0.callers.changes()
    }

    /// Whether that caller's token is still one.
    #[must_use]
    pub fn is_known(&self, caller: &CallerId) -> bool {
        self.0.callers.known(caller).is_some()
    }

    /// Ends what tokens leave behind whose time is over, for as long as the hub lives.
    pub(super) async fn keep_times(inner: Weak<Inner>) {
        let mut seen = Vec::new();
        while let Some(hub) = inner.upgrade() {
            let mut changes = hub.callers.changes();
            let stopping = hub.stopping.clone();
            let (over, next) = hub.callers.over();
            for id in over.iter().filter(|id| !seen.contains(*id)) {
                hub.rights_ended(id);
            }
            seen = over;
            drop(hub);
            let wait = next.map(|at| (at - OffsetDateTime::now_utc()).unsigned_abs());
            // The wall's clock may be set, and nothing tells of it.
            let wait = wait.map(|wait| wait.min(limits::TOKEN_CLOCK_LOOK));
            tokio::select! {
                () = sleep(wait) => {}
                _ = changes.changed() => {}
                () = stopping.cancelled() => return,
            }
        }
    }
}

impl Inner {
    /// That caller may do less than before, or nothing at all.
    pub(super) fn rights_ended(self: &Arc<Self>, id: &CallerId) {
        let page = callers::Caller::known_as(id.clone()).as_dashboard().id;
        for id in [id.clone(), page] {
            let today = self.callers.known(&id);
            let may = |effect: Effect| {
                let scope = Scope::from(effect);
                today.as_ref().is_some_and(|today| today.scopes.has(scope))
            };
            let why = match today {
                Some(_) => callers::narrowed(&id.name()),
                None => callers::revoked(&id.name()),
            };
            let is_out = |call: &crate::call::Call| call.caller.id == id && !may(call.effect);
            if today.is_none() {
                self.jobs.end_all_of(&self.reach, &id, &why);
            }
            for instance in self.roster.all() {
                instance.lane.end_where(&is_out, &why);
            }
            self.conductors.cancel_where(&is_out);
        }
        self.callers.tell_changed();
    }
}
