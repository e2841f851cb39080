//! Jobs that are changed, cancelled or tried again, and queues that are held back.
//!
//! In come a caller's wishes; out goes the job as it stands when the store has the change. What an
//! instance has already can only be cancelled.

use std::sync::Arc;

use serde_json::{Map, Value};
use wire::Step;
use wire::job::{JobChange as Wanted, Place, QueueChange, QueueView};
use wire::{CallId, Code, JobStatus, JobView, Problem};

use super::ask::{args_in_bounds, labels_in_bounds, priority_in_bounds, retry_in_bounds};
use super::record::{Notes, Open, attempt_id, millis_of, now_millis};
use super::{Jobs, ends, hand};
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::conduct::HUB;
use crate::hub::Inner as Hub;
use crate::policy;
use crate::secrets::Marked;
use crate::store::{Job, JobChange, JobWrite, Parts, QueueState, Stored};

/// Arguments that a job is given instead of its own.
pub(crate) struct Checked {
    pub(crate) args: Arc<Map<String, Value>>,
    pub(crate) marked: Arc<Marked>,
    /// Whether the command may run twice with them.
    pub(crate) repeatable: bool,
}

impl Jobs {
    /// Wants a job to end. Nothing when it is not open; gives its front without waiting for the end.
    pub(crate) fn cancel(self: &Arc<Self>, hub: &Arc<Hub>, id: &CallId) -> Option<Arc<Call>> {
        let front = self.front(id)?;
        let id = &front.id;
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
                self.finish(hub, id, &attempt, Box::new(outcome), super::Ran::Maybe);
            }
            Some((attempt, instance, None)) => {
                // When the lane has it not yet, whoever brings it there sees that it is cancelled.
                if instance.as_ref().is_some_and(|name| name.as_str() == HUB) {
                    hub.conductors.cancel(&attempt);
                } else if let Some(found) = instance.and_then(|name| hand::lane_of(hub, &name)) {
                    found.lane.cancel(&attempt);
                }
            }
        }
        Some(front)
    }

    /// Changes what was asked of a job, where it stands, or has it tried again.
    pub(crate) async fn change(
        self: &Arc<Self>,
        caller: &Caller,
        id: &CallId,
        wanted: Wanted,
        check: impl Fn(&Job, &Wanted) -> Result<Option<Checked>, Problem>,
    ) -> Result<JobView, Problem> {
        self.may_change(caller, id).await?;
        if let Some(priority) = wanted.priority {
            priority_in_bounds(priority)?;
        }
        if let Some(labels) = &wanted.labels {
            labels_in_bounds(labels)?;
        }
        retry_in_bounds(wanted.retry)?;
        match wanted.status {
            None => {}
            Some(JobStatus::Queued) => return self.requeue(id, wanted, check).await,
            Some(_) => {
                return Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    "`status` can only be set to `queued`, which runs an ended job again.",
                )
                .hint(wire::hint![
                    "To cancel it: ",
                    Step::CancelJob { call: id.clone() }
                ]));
            }
        }
        let job = self.without_args(id).await?;
        let checked = check(&job, &wanted)?;
        self.may_keep(checked.as_ref())?;
        let (stored, moved) = self.apply(id, &wanted, checked)?;
        for one in moved {
            one.await?;
        }
        stored.await?;
        let room = self.lock();
        self.wake.notify_one();
        match room.open.get(id) {
            Some(open) => Ok(self.of_open(open)),
            None => Err(unknown(id)),
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

    fn may_keep(&self, checked: Option<&Checked>) -> Result<(), Problem> {
        let Some(checked) = checked else {
            return Ok(());
        };
        args_in_bounds(&checked.args)?;
        self.holds_no_secret(&checked.marked, &checked.args)
    }

    /// One's own jobs can be changed by everybody, others' with the scope `admin`.
    async fn may_change(&self, caller: &Caller, id: &CallId) -> Result<(), Problem> {
        let job = self.without_args(id).await?;
        if job.caller == caller.name {
            return Ok(());
        }
        policy::require(caller, Scope::Admin, || {
            "change somebody else's job".to_owned()
        })
    }

    pub(super) async fn without_args(&self, id: &CallId) -> Result<Job, Problem> {
        if let Some(open) = self.lock().open.get(id) {
            return Ok(open.job.clone());
        }
        let found = self.kept.store.job(id, Parts::NONE).await?;
        found.ok_or_else(|| unknown(id))
    }

    fn apply(
        &self,
        id: &CallId,
        wanted: &Wanted,
        checked: Option<Checked>,
    ) -> Result<(Stored, Vec<Stored>), Problem> {
        let mut room = self.lock();
        let room = &mut *room;
        let claimed = room.order.is_claimed(id);
        let open = room
            .open
            .get_mut(id)
            .ok_or_else(|| not_open(id, "has ended"))?;
        let labels_only = Wanted {
            labels: wanted.labels.clone(),
            ..Wanted::default()
        };
        if (claimed || open.cancelled) && *wanted != labels_only {
            return Err(not_open(
                id,
                "is with an instance, or on its way there or out",
            ));
        }
        let mut notes = open.notes.clone();
        times(&mut notes, wanted)?;
        notes.retry = wanted.retry.or(notes.retry);
        notes.repeatable = checked
            .as_ref()
            .map_or(notes.repeatable, |one| one.repeatable);
        let args = checked.map(|one| one.args);
        let (mut priority, mut place) =
            (wanted.priority.unwrap_or(open.job.priority), open.job.place);
        let mut moved = Vec::new();
        match &wanted.place {
            None => {}
            Some(Place::First) => place = room.order.place_first(),
            Some(Place::Last) => place = room.order.place_last(),
            Some(Place::Before(other)) => {
                (place, moved) = before(room, id, other, &mut priority, &mut notes)?;
            }
        }
        let store = Arc::clone(&self.kept.store);
        let now = now_millis();
        let mut stored = Vec::new();
        for (other, place) in moved {
            room.order.set_place(&other, place, now);
            if let Some(open) = room.open.get_mut(&other) {
                open.job.place = place;
            }
            let change = JobChange {
                place: Some(place),
                ..JobChange::of(&other)
            };
            let write = JobWrite::Change(Box::new(change));
            stored.push(store.write(vec![write], wire::Durability::Journal));
        }
        let Some(open) = room.open.get_mut(id) else {
            return Err(unknown(id));
        };
        open.notes = notes;
        (open.job.priority, open.job.place) = (priority, place);
        open.job.paused = wanted.paused.unwrap_or(open.job.paused);
        if let Some(labels) = &wanted.labels {
            open.job.labels.clone_from(labels);
        }
        open.job.request = open.notes.to_map();
        let change = JobChange {
            priority: Some(priority),
            place: Some(place),
            paused: Some(open.job.paused),
            labels: wanted.labels.clone(),
            request: Some(Arc::clone(&open.job.request)),
            args,
            ..JobChange::of(id)
        };
        if !claimed && let Some(old) = room.order.take(id) {
            room.order.add(open.entry(old.after), now);
        }
        self.look_again();
        self.tell(room, id);
        let durability = room
            .open
            .get(id)
            .map_or(wire::Durability::Fsync, |open| open.job.durability);
        let write = JobWrite::Change(Box::new(change));
        Ok((store.write(vec![write], durability), stored))
    }

    /// An ended job is queued again, with what is changed of it.
    async fn requeue(
        self: &Arc<Self>,
        id: &CallId,
        wanted: Wanted,
        check: impl Fn(&Job, &Wanted) -> Result<Option<Checked>, Problem>,
    ) -> Result<JobView, Problem> {
        if self.lock().open.contains_key(id) {
            return Err(not_open(id, "has not ended, so it cannot be tried again"));
        }
        let mut job = self.without_args(id).await?;
        let checked = check(&job, &wanted)?;
        self.may_keep(checked.as_ref())?;
        let mut notes = Notes::of(&job);
        notes.repeatable = checked
            .as_ref()
            .map_or(notes.repeatable, |one| one.repeatable);
        let args = checked.map(|one| one.args);
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
            args,
            ..JobChange::of(id)
        };
        let write = JobWrite::Change(Box::new(change));
        self.kept.store.write(vec![write], job.durability).await?;
        self.forget_front(id);
        let mut room = self.lock();
        let room = &mut *room;
        let open = Open::new(job);
        let told = self.of_open(&open);
        room.order.add(open.entry(Vec::new()), now_millis());
        room.open.insert(id.clone(), open);
        self.look_again();
        self.tell(room, id);
        self.wake.notify_one();
        Ok(told)
    }

    /// The ended call of a job that begins anew: who asks now gets the new front.
    fn forget_front(&self, id: &CallId) {
        if let Some(old) = self.kept.journal.get(id) {
            tracing::debug!(job = %old.id, "a job begins anew");
        }
    }
}

/// A place just before another job, with its priority and turn.
fn before(
    room: &super::Room,
    id: &CallId,
    other: &CallId,
    priority: &mut u8,
    notes: &mut Notes,
) -> Result<(i64, Vec<(CallId, i64)>), Problem> {
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
    *priority = before.priority;
    notes.turn_of = Some(before.turn_of);
    Ok((before.place, moved))
}

fn times(notes: &mut Notes, wanted: &Wanted) -> Result<(), Problem> {
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

pub(super) fn unknown(id: &CallId) -> Problem {
    Problem::new(Code::JOB_UNKNOWN, format!("There is no job `{id}`."))
        .hint(wire::hint!["List the jobs: ", Step::jobs()])
}

fn not_open(id: &CallId, why: &str) -> Problem {
    Problem::new(Code::JOB_NOT_OPEN, format!("{id} {why}.")).hint(wire::hint![
        "See its status: ",
        Step::Job { call: id.clone() },
        "; run it again once it has ended: ",
        Step::RetryJob { call: id.clone() },
    ])
}
