//! Ended jobs that are tried again, with what is changed of them.
//!
//! In comes a job that has ended, in the turn of its change ([`super::change`]); out goes the job as it waits again, when
//! the store has it so.

use std::sync::Arc;

use wire::job::{JobChange as Wanted, Place};
use wire::{JobStatus, JobView, Problem};

use super::change::times;
use super::may::Allowed;
use super::problems::not_open;
use super::record::{Notes, Open};
use super::state::Jobs;
use crate::clock::now_millis;
use crate::store::{Job, JobChange, JobWrite};

impl Jobs {
    pub(super) async fn requeue(
        self: &Arc<Self>,
        mut job: Job,
        wanted: Wanted,
        allowed: Allowed,
    ) -> Result<JobView, Problem> {
        let id = job.id.clone();
        if self.lock().open.contains_key(&id) || !job.status.is_end() {
            return Err(not_open(&id, "has not ended, so it cannot be run again"));
        }
        let mut notes = Notes::of(&job);
        notes.repeatable = allowed.repeatable.unwrap_or(notes.repeatable);
        notes.subject = allowed.subject.unwrap_or(notes.subject);
        notes.confirmed = allowed.confirmed.or(notes.confirmed);
        times(&mut notes, &wanted)?;
        notes.deadline = notes.deadline.filter(|at| *at > now_millis());
        notes.retry = wanted.retry.or(notes.retry);
        (notes.retries, notes.crashes) = (0, 0);
        (notes.again_at, notes.why) = (None, None);
        job.priority = wanted.priority.unwrap_or(job.priority);
        job.paused = wanted.paused.unwrap_or_default();
        job.labels = wanted.labels.unwrap_or(job.labels);
        job.status = JobStatus::Queued;
        job.instance.clone_from(&notes.instance);
        (job.lease, job.end, job.outcome) = (None, None, None);
        job.request = notes.to_map();
        job.place = {
            let mut room = self.lock();
            match wanted.place {
                Some(Place::First) => room.order.place_first(),
                _ => room.order.place_last(),
            }
        };
        let change = JobChange {
            status: Some(JobStatus::Queued),
            instance: Some(job.instance.clone()),
            priority: Some(job.priority),
            place: Some(job.place),
            paused: Some(job.paused),
            labels: Some(job.labels.clone()),
            request: Some(Arc::clone(&job.request)),
            lease: Some(None),
            end: Some(None),
            outcome: Some(None),
            args: allowed.args,
            ..JobChange::of(&id)
        };
        let place = self.place_for(&job.caller, change.args.as_deref(), &job.request)?;
        let write = JobWrite::Change(Box::new(change));
        self.kept.store.write(vec![write], job.durability).await?;
        let mut room = self.lock();
        let room = &mut *room;
        let open = Open::new(job, place);
        let told = self.of_open(&open);
        room.order.add(open.entry(Vec::new()), now_millis());
        room.open.insert(id.clone(), open);
        self.look_again();
        self.tell(room, &id);
        Ok(told)
    }
}
