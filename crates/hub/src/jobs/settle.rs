//! What came of an attempt: decided, stored, then told, then acknowledged to the bridge, in this order.
//!
//! Each end is a task of its own, so that a slow disk under one does not hold up the others. What becomes of a job is
//! [`super::ends`]'s to decide.

use std::sync::Arc;

use time::OffsetDateTime;
use wire::{CallId, Event, JobStatus, Outcome};

use super::ends::{self, Next};
use super::handles::handle_of;
use super::reach::Reach;
use super::record::job_of;
use super::rows::{attempt_row, end_change};
use super::state::{Jobs, Room};
use crate::clock::now_millis;
use crate::corridor::Ran;
use crate::limits;
use crate::store::{JobChange, JobWrite, Stored};

impl Jobs {
    pub(super) fn note_started(&self, attempt: &CallId) {
        let (id, number) = job_of(attempt);
        let mut room = self.lock();
        let Some(open) = room.open.get_mut(&id) else {
            return;
        };
        if open.job.attempt != number || open.job.status != JobStatus::Leased {
            return;
        }
        open.job.status = JobStatus::Running;
        let change = JobChange {
            status: Some(JobStatus::Running),
            ..JobChange::of(&id)
        };
        let change = JobWrite::Change(Box::new(change));
        let row = attempt_row(open, JobStatus::Running, None);
        // Nobody waits for it: after a crash leased and running are decided about alike.
        let writes = std::iter::once(change).chain(row).collect();
        drop(self.kept.store.write(writes, wire::Durability::Journal));
        self.tell(&room, &id);
    }

    pub(super) fn note_ended(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        attempt: &CallId,
        outcome: Outcome,
        ran: Ran,
    ) {
        let (id, number) = job_of(attempt);
        let known = self
            .lock()
            .open
            .get(&id)
            .is_some_and(|open| open.job.attempt == number);
        if !known {
            self.lock().owed.remove(attempt);
            return;
        }
        self.finish(reach, &id, attempt, Box::new(outcome), ran);
    }

    /// An attempt is over: decides, and has it stored.
    pub(super) fn finish(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        id: &CallId,
        attempt: &CallId,
        outcome: Box<Outcome>,
        ran: Ran,
    ) {
        let cancelled = self.free(id, attempt);
        let next = {
            let room = self.lock();
            let Some(open) = room.open.get(id) else {
                return;
            };
            ends::next(&open.notes, cancelled, &outcome, ran)
        };
        self.keep(reach, id, attempt, *outcome, next);
    }

    /// A job that no instance has ends. It is told when the store has it.
    pub(super) fn end_unclaimed(self: &Arc<Self>, id: &CallId, outcome: Outcome) {
        let Some(stored) = self.write_unclaimed_end(id, &outcome) else {
            return;
        };
        let (jobs, id) = (Arc::clone(self), id.clone());
        self.tasks.spawn(async move {
            let mut stored = stored;
            while let Err(problem) = stored.await {
                tracing::warn!(job = %id, %problem, "the outcome of a job is not stored yet");
                tokio::time::sleep(limits::JOB_STORE_AGAIN).await;
                match jobs.write_unclaimed_end(&id, &outcome) {
                    Some(again) => stored = again,
                    None => return,
                }
            }
            jobs.ended_for_good(&id, outcome.status.into(), outcome);
        });
    }

    /// The instance of a job has nothing of it any more. Whether somebody wants it to end.
    pub(super) fn free(&self, id: &CallId, attempt: &CallId) -> bool {
        let mut room = self.lock();
        room.owed.insert(attempt.clone());
        room.taken.retain(|_, job| job != id);
        room.by_hub.remove(id);
        room.unsettled.remove(id);
        self.wake.notify_one();
        room.open.get(id).is_some_and(|open| open.cancelled)
    }

    /// Has the store keep what came of an attempt, however long that takes, and then tells.
    pub(super) fn keep(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        id: &CallId,
        attempt: &CallId,
        outcome: Outcome,
        next: Next,
    ) {
        let (jobs, reach) = (Arc::clone(self), Arc::clone(reach));
        let (id, attempt) = (id.clone(), attempt.clone());
        // Handed over here, so that writes are in the order of what happened.
        let first = jobs.write_end(&id, &outcome, &next);
        self.tasks.spawn(async move {
            let mut stored = first;
            loop {
                let Some(write) = stored else { return };
                match write.await {
                    Ok(()) => break,
                    Err(problem) => {
                        tracing::warn!(job = %id, %problem, "the outcome of an attempt is not \
                         stored yet");
                    }
                }
                tokio::time::sleep(limits::JOB_STORE_AGAIN).await;
                stored = jobs.write_end(&id, &outcome, &next);
            }
            jobs.stored(&reach, &id, &attempt, outcome, next);
        });
    }

    fn write_end(&self, id: &CallId, outcome: &Outcome, next: &Next) -> Option<Stored> {
        let mut room = self.lock();
        let open = room.open.get_mut(id)?;
        let status = JobStatus::from(outcome.status);
        let masking = &self.kept.masking;
        let mut problem = outcome.problem.clone();
        if let Some(problem) = &mut problem {
            masking.problem(problem);
        }
        let row = attempt_row(open, status, problem);
        let mut notes = open.notes.clone();
        let change = match next {
            Next::End(JobStatus::Dead) => {
                notes.why = Some(ends::why_dead(&notes, outcome));
                JobChange {
                    request: Some(notes.to_map()),
                    ..end_change(masking, id, JobStatus::Dead, outcome)
                }
            }
            Next::End(status) => end_change(masking, id, *status, outcome),
            Next::Again {
                after_ms,
                retries,
                crashes,
            } => {
                notes.again_at = Some(now_millis() + after_ms);
                (notes.retries, notes.crashes) = (*retries, *crashes);
                JobChange {
                    status: Some(JobStatus::Queued),
                    instance: Some(notes.instance.clone()),
                    lease: Some(None),
                    request: Some(notes.to_map()),
                    ..JobChange::of(id)
                }
            }
        };
        open.notes = notes;
        let writes = std::iter::once(JobWrite::Change(Box::new(change))).chain(row);
        Some(self.kept.store.write(writes.collect(), open.job.durability))
    }

    /// The store has what came of an attempt: everybody may know it, and the bridge may forget it.
    fn stored(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        id: &CallId,
        attempt: &CallId,
        outcome: Outcome,
        next: Next,
    ) {
        let instance = {
            let mut room = self.lock();
            room.owed.remove(attempt);
            let lease = room.open.get(id).and_then(|open| open.job.lease.clone());
            lease.map(|lease| lease.instance)
        };
        match next {
            Next::End(status) => self.ended_for_good(id, status, outcome),
            Next::Again { .. } => self.again(id),
        }
        if let Some(instance) = instance.and_then(|name| reach.roster.find(&name)) {
            instance.lane.acknowledge(attempt);
        }
        self.wake.notify_one();
    }

    fn again(&self, id: &CallId) {
        let mut room = self.lock();
        let room = &mut *room;
        let Some(open) = room.open.get_mut(id) else {
            return;
        };
        open.job.status = JobStatus::Queued;
        open.job.lease = None;
        open.job.instance.clone_from(&open.notes.instance);
        if let Some(handle) = &open.handle {
            handle.set_queued();
        }
        let earliest = open.notes.earliest();
        room.order.give_back(id, earliest, now_millis());
        self.tell(room, id);
    }

    /// From here on no instance gets it, whatever the store says.
    fn write_unclaimed_end(&self, id: &CallId, outcome: &Outcome) -> Option<Stored> {
        let mut room = self.lock();
        if room.order.is_claimed(id) {
            return None;
        }
        room.order.hold(id);
        let durability = room.open.get(id)?.job.durability;
        let change = end_change(&self.kept.masking, id, outcome.status.into(), outcome);
        let write = JobWrite::Change(Box::new(change));
        Some(self.kept.store.write(vec![write], durability))
    }

    /// It is stored that a job has ended: those who wait are told, and those that come after it.
    fn ended_for_good(self: &Arc<Self>, id: &CallId, status: JobStatus, outcome: Outcome) {
        let followers = {
            let mut room = self.lock();
            let room = &mut *room;
            let Some(open) = room.open.get_mut(id) else {
                return;
            };
            open.job.status = status;
            open.job.lease = None;
            let end = crate::store::JobEnd {
                at: OffsetDateTime::now_utc(),
                duration_ms: outcome.duration_ms,
                problem: outcome.problem.clone(),
            };
            open.job.end = Some(end);
            let handle = handle_of(open);
            self.tell(room, id);
            if open_never_ran(room, id) {
                self.kept.journal.asked(&handle);
            }
            if handle.settle(outcome) {
                self.kept.journal.ended(&handle);
                self.kept.history.ended(&handle);
                self.kept.feed.tell(|| Event::CallEnded {
                    call: Box::new(handle.view()),
                });
            }
            room.open.remove(id);
            room.order.take(id);
            if status == JobStatus::Succeeded {
                room.order.succeeded(id, now_millis());
                Vec::new()
            } else {
                room.order.followers(id)
            }
        };
        for follower in followers {
            self.end_unclaimed(&follower, ends::after_failed(id, status));
        }
        self.wake.notify_one();
    }
}

fn open_never_ran(room: &Room, id: &CallId) -> bool {
    room.open.get(id).is_some_and(|open| open.job.attempt == 0)
}
