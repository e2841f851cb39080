//! Jobs that are changed where they stand, and queues that are held back.
//!
//! In come a caller's changes; out goes the job as it stands when the store has the change. What an
//! instance has already can only be cancelled. While a change is being stored the job is frozen: no instance gets it,
//! so what runs is what the job's record says. Changes of one job are made one after the other, each in a task of its
//! own, so that a caller who leaves meanwhile leaves nothing half done. Ended jobs that are tried again are
//! [`super::again`]'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;
use wire::Step;
use wire::job::{JobChange as Wanted, Place, QueueChange, QueueView};
use wire::{CallId, Code, JobStatus, JobView, Problem};

use super::may::Allowed;
use super::problems::{not_open, unknown};
use super::reach::Reach;
use super::record::Notes;
use super::state::{Jobs, Room};
use crate::callers::Caller;
use crate::clock::{millis_of, now_millis};
use crate::corridor::{labels_in_bounds, priority_in_bounds, retry_in_bounds};
use crate::store::{Job, JobChange, JobWrite, Parts, QueueState};

/// A change that is being stored.
struct Draft {
    notes: Notes,
    priority: Option<u8>,
    place: Option<i64>,
    paused: Option<bool>,
    labels: Option<BTreeMap<String, String>>,
    /// Others that make room for it.
    moved: Vec<(CallId, i64)>,
}

/// The turn of one change of a job; the next one waits for its end.
pub(super) struct Turn<'a> {
    jobs: &'a Jobs,
    id: CallId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.jobs.lock().changing.remove(&self.id);
        self.jobs.changed.notify_waiters();
    }
}

impl Jobs {
    /// Changes what was asked of a job, where it stands, or has it tried again.
    pub(crate) async fn change(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        caller: &Caller,
        id: &CallId,
        wanted: Wanted,
    ) -> Result<JobView, Problem> {
        in_bounds(id, &wanted)?;
        let (answer, changed) = oneshot::channel();
        let (jobs, reach, caller) = (Arc::clone(self), Arc::clone(reach), caller.clone());
        let id = id.clone();
        self.tasks.spawn(async move {
            let changed = jobs.change_in_turn(&reach, &caller, &id, wanted).await;
            // Whoever asked may have left.
            answer.send(changed).ok();
        });
        changed.await.unwrap_or_else(|_| {
            let stopped = "The hub stopped before the change was stored.";
            Err(Problem::new(Code::HUB_STOPPING, stopped).hint(
                "Check the job once the hub is \
             back.",
            ))
        })
    }

    async fn change_in_turn(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        caller: &Caller,
        id: &CallId,
        wanted: Wanted,
    ) -> Result<JobView, Problem> {
        let _turn = self.turn_to_change(id).await;
        let job = self.without_args(id).await?;
        let allowed = self.may_change(reach, caller, &job, &wanted).await?;
        if wanted.status.is_some() {
            return self.requeue(job, wanted, allowed).await;
        }
        // Places are given one at a time: each depends on where the others stand.
        let _placing = match &wanted.place {
            Some(Place::Before(_)) => Some(self.placing.lock().await),
            _ => None,
        };
        self.edit(id, &wanted, allowed).await
    }

    /// Waits until nobody else changes that job.
    pub(super) async fn turn_to_change(&self, id: &CallId) -> Turn<'_> {
        loop {
            let freed = self.changed.notified();
            tokio::pin!(freed);
            // From here on no notice is missed.
            freed.as_mut().enable();
            if self.lock().changing.insert(id.clone()) {
                return Turn {
                    jobs: self,
                    id: id.clone(),
                };
            }
            freed.await;
        }
    }

    async fn edit(
        &self,
        id: &CallId,
        wanted: &Wanted,
        allowed: Allowed,
    ) -> Result<JobView, Problem> {
        let (draft, stored) = {
            let mut room = self.lock();
            let (draft, writes) = draft(&mut room, id, wanted, allowed)?;
            let durability = room
                .open
                .get(id)
                .map_or(wire::Durability::Fsync, |open| open.job.durability);
            // Under the lock: whatever is written of the job later is behind it.
            (draft, self.kept.store.write(writes, durability))
        };
        let stored = stored.await;
        let mut room = self.lock();
        let now = now_millis();
        if let Err(problem) = stored {
            room.order.thaw(id, now);
            self.look_again();
            return Err(problem);
        }
        let is_leaving = room.order.is_leaving(id);
        apply(&mut room, id, draft, now);
        self.look_again();
        self.tell(&room, id);
        match room.open.get(id) {
            Some(open) if !is_leaving => Ok(self.of_open(open)),
            _ => Err(not_open(id, "ended while it was being changed")),
        }
    }

    /// Pauses or drains the queue of an app, or opens it again.
    pub(crate) async fn change_queue(&self, wanted: &QueueChange) -> Result<QueueView, Problem> {
        let (stored, queue) = {
            let mut room = self.lock();
            let paused = wanted
                .paused
                .unwrap_or_else(|| room.order.is_app_paused(&wanted.app));
            let draining = wanted
                .drain
                .unwrap_or_else(|| room.draining.contains(&wanted.app));
            room.order.pause_app(&wanted.app, paused);
            if draining {
                room.draining.insert(wanted.app.clone());
            } else {
                room.draining.remove(&wanted.app);
            }
            let queue = QueueView {
                app: wanted.app.clone(),
                paused,
                draining,
            };
            let state = QueueState {
                app: wanted.app.clone(),
                paused,
                draining,
            };
            let write = JobWrite::Queue(state);
            let stored = self.kept.store.write(vec![write], wire::Durability::Fsync);
            (stored, queue)
        };
        stored.await?;
        self.wake.notify_one();
        Ok(queue)
    }

    pub(super) async fn without_args(&self, id: &CallId) -> Result<Job, Problem> {
        if let Some(open) = self.lock().open.get(id) {
            return Ok(open.job.clone());
        }
        let found = self.kept.store.job(id, Parts::NONE).await?;
        found.ok_or_else(|| unknown(id))
    }
}

fn in_bounds(id: &CallId, wanted: &Wanted) -> Result<(), Problem> {
    if let Some(priority) = wanted.priority {
        priority_in_bounds(priority)?;
    }
    if let Some(labels) = &wanted.labels {
        labels_in_bounds(labels)?;
    }
    retry_in_bounds(wanted.retry)?;
    match wanted.status {
        None | Some(JobStatus::Queued) => Ok(()),
        Some(_) => Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "`status` can only be set to `queued`, which runs an ended job again.",
        )
        .hint(wire::hint![
            "To end it: ",
            wire::Step::CancelJob { call: id.clone() },
        ])),
    }
}

/// What is to be stored; the job is frozen from here on, if more than its labels change.
fn draft(
    room: &mut Room,
    id: &CallId,
    wanted: &Wanted,
    allowed: Allowed,
) -> Result<(Draft, Vec<JobWrite>), Problem> {
    let is_busy = room.order.is_claimed(id) || room.order.is_leaving(id);
    let open = room.open.get(id).ok_or_else(|| not_open(id, "has ended"))?;
    let labels_only = *wanted
        == Wanted {
            labels: wanted.labels.clone(),
            confirm: wanted.confirm.clone(),
            ..Wanted::default()
        };
    if (is_busy || open.cancelled) && !labels_only {
        return Err(not_open(
            id,
            "is on an instance, or on its way there or back",
        ));
    }
    let mut draft = Draft {
        notes: open.notes.clone(),
        priority: wanted.priority,
        place: None,
        paused: wanted.paused,
        labels: wanted.labels.clone(),
        moved: Vec::new(),
    };
    times(&mut draft.notes, wanted)?;
    draft.notes.retry = wanted.retry.or(draft.notes.retry);
    draft.notes.repeatable = allowed.repeatable.unwrap_or(draft.notes.repeatable);
    draft.notes.subject = allowed.subject.unwrap_or(draft.notes.subject);
    draft.notes.confirmed = allowed.confirmed.or(draft.notes.confirmed);
    match &wanted.place {
        None => {}
        Some(Place::First) => draft.place = Some(room.order.place_first()),
        Some(Place::Last) => draft.place = Some(room.order.place_last()),
        Some(Place::Before(other)) => before(room, id, other, &mut draft)?,
    }
    if !labels_only {
        room.order.freeze(id);
    }
    let moved = draft.moved.iter().map(|(other, place)| JobChange {
        place: Some(*place),
        ..JobChange::of(other)
    });
    let own = JobChange {
        priority: draft.priority,
        place: draft.place,
        paused: draft.paused,
        labels: draft.labels.clone(),
        request: (!labels_only).then(|| draft.notes.to_map()),
        args: allowed.args,
        ..JobChange::of(id)
    };
    let writes = moved.chain([own]);
    let writes = writes.map(|change| JobWrite::Change(Box::new(change)));
    let writes = writes.collect();
    Ok((draft, writes))
}

/// The change is stored: from here on the job is what it says.
fn apply(room: &mut Room, id: &CallId, draft: Draft, now: super::order::Millis) {
    for (other, place) in draft.moved {
        room.order.set_place(&other, place, now);
        if let Some(open) = room.open.get_mut(&other) {
            open.job.place = place;
        }
    }
    let is_claimed = room.order.is_claimed(id);
    let Some(open) = room.open.get_mut(id) else {
        return;
    };
    if let Some(labels) = draft.labels {
        open.job.labels = labels;
    }
    if is_claimed {
        return;
    }
    open.notes = draft.notes;
    open.job.priority = draft.priority.unwrap_or(open.job.priority);
    open.job.place = draft.place.unwrap_or(open.job.place);
    open.job.paused = draft.paused.unwrap_or(open.job.paused);
    open.job.request = open.notes.to_map();
    room.order.change(open.entry(Vec::new()), now);
}

/// A place just before another job, with its priority and turn.
fn before(room: &Room, id: &CallId, other: &CallId, draft: &mut Draft) -> Result<(), Problem> {
    let target = room.open.get(other).ok_or_else(|| unknown(other))?;
    let own_app = room.open.get(id).map(|open| &open.job.app);
    if other == id || room.order.is_claimed(other) || own_app != Some(&target.job.app) {
        return Err(Problem::new(
            Code::JOB_NOT_OPEN,
            format!(
                "{other} is not waiting in the same queue, so nothing can be placed before it."
            ),
        )
        .hint(wire::hint![
            "See the queue in order: ",
            Step::Jobs {
                in_queue_order: true
            },
        ]));
    }
    let (before, moved) = room.order.place_before(other).ok_or_else(|| {
        Problem::new(
            Code::QUEUE_FULL,
            format!("There is no more room before {other}."),
        )
        .hint("Move it to `first` or `last` instead.")
    })?;
    (draft.place, draft.priority) = (Some(before.place), Some(before.priority));
    draft.notes.turn_of = Some(before.turn_of);
    draft.moved = moved;
    Ok(())
}

pub(super) fn times(notes: &mut Notes, wanted: &Wanted) -> Result<(), Problem> {
    let read = |name: &str, text: &str| match text {
        "" => Ok(None),
        text => millis_of(name, text).map(Some),
    };
    if let Some(text) = &wanted.not_before {
        notes.not_before = read("not_before", text)?;
        notes.again_at = None;
    }
    if let Some(text) = &wanted.deadline {
        notes.deadline = read("deadline", text)?;
    }
    Ok(())
}
