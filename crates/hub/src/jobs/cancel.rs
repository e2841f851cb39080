//! Jobs that somebody wants to end, wherever they are.
//!
//! In comes the id of a job; out goes its handle, without waiting for the end. Who may is the hub's to say.

use std::sync::Arc;

use wire::{CallId, CallerId, Outcome, Problem, Status};

use super::ends;
use super::reach::Reach;
use super::record::attempt_id;
use super::state::Jobs;
use crate::call::Call;
use crate::corridor::{HUB, Ran};

impl Jobs {
    /// That caller is none any more, so none of its jobs can run: those that wait end at once, with these words.
    pub(crate) fn end_all_of(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        caller: &CallerId,
        why: &Problem,
    ) {
        let (waiting, claimed): (Vec<CallId>, Vec<CallId>) = {
            let room = self.lock();
            let open = room.open.values().filter(|open| open.job.caller == *caller);
            open.map(|open| open.job.id.clone())
                .partition(|id| !room.order.is_claimed(id))
        };
        for id in waiting {
            let outcome = Outcome::without_value(Status::Cancelled, why.clone());
            self.end_unclaimed(&id, outcome);
        }
        for id in claimed {
            self.cancel(reach, &id);
        }
    }

    /// Wants a job to end. Nothing when it is not open; gives its handle without waiting for the end.
    pub(crate) fn cancel(self: &Arc<Self>, reach: &Arc<Reach>, id: &CallId) -> Option<Arc<Call>> {
        let handle = self.handle(id)?;
        let id = &handle.id;
        let claimed = {
            let mut room = self.lock();
            let room = &mut *room;
            let claimed = room.order.is_claimed(id);
            let open = room.open.get_mut(id)?;
            open.cancelled = true;
            let attempt = attempt_id(id, open.job.attempt);
            let instance = open.job.lease.as_ref().map(|lease| lease.instance.clone());
            if room.unsettled.remove(id).is_some() {
                // Nobody can be told; should it be heard of again, it is told then.
                let outcome = ends::cancelled_unheard();
                drop(instance);
                Some((attempt, None, Some(outcome)))
            } else {
                claimed.then_some((attempt, instance, None))
            }
        };
        match claimed {
            None => self.end_unclaimed(id, ends::cancelled()),
            Some((attempt, _, Some(outcome))) => {
                self.finish(reach, id, &attempt, Box::new(outcome), Ran::Maybe);
            }
            Some((attempt, instance, None)) => {
                // When the lane has it not yet, whoever brings it there sees that it is cancelled.
                if instance.as_ref().is_some_and(|name| name.as_str() == HUB) {
                    reach.conductors.cancel(&attempt);
                } else if let Some(found) = instance.and_then(|name| reach.roster.find(&name)) {
                    found.lane.cancel(&attempt);
                }
            }
        }
        Some(handle)
    }
}
