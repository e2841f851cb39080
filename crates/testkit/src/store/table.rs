//! The jobs of [`super::MemoryStore`]: the plainest thing that keeps the promises of the trait. It is also the
//! model that the real store is compared with.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hub::store::{
    Attempt, Batch, Job, JobChange, JobWrite, JobsPage, JobsWanted, Parts, QueueState,
};
use wire::{AppId, CallId, CallerId, Code, Problem};

#[derive(Default)]
pub(super) struct Table {
    next: u64,
    /// By the order in which they came.
    rows: BTreeMap<u64, Job>,
    places: HashMap<CallId, u64>,
    attempts: BTreeMap<(CallId, u32), Attempt>,
    queues: BTreeMap<AppId, QueueState>,
    /// With the rows of their jobs that are still there.
    batches: BTreeMap<String, (Batch, BTreeSet<u64>)>,
}

/// How it was before a write.
enum Undo {
    Row(u64, Option<Box<Job>>),
    Attempt((CallId, u32), Option<Attempt>),
    Queue(AppId, Option<QueueState>),
    Batch(String),
}

impl Table {
    /// All of it, or nothing and why.
    pub(super) fn apply(&mut self, writes: &[JobWrite]) -> Result<(), Problem> {
        let mut undo = Vec::new();
        let outcome = writes
            .iter()
            .try_for_each(|write| self.apply_one(write, &mut undo));
        if outcome.is_err() {
            for step in undo.into_iter().rev() {
                self.take_back(step);
            }
        }
        outcome
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Job> {
        self.rows.values()
    }

    pub(super) fn get(&self, id: &CallId) -> Option<&Job> {
        self.rows.get(self.places.get(id)?)
    }

    pub(super) fn by_key(&self, caller: &CallerId, key: &str) -> Option<&Job> {
        self.rows.values().find(|job| {
            job.caller == *caller && job.key.as_ref().is_some_and(|own| own.text == key)
        })
    }

    pub(super) fn queues(&self) -> Vec<QueueState> {
        self.queues.values().cloned().collect()
    }

    pub(super) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.values().map(|(batch, _)| batch)
    }

    pub(super) fn batch(&self, id: &str) -> Option<Batch> {
        self.batches.get(id).map(|(batch, _)| batch.clone())
    }

    pub(super) fn attempts(&self, id: &CallId) -> Vec<Attempt> {
        let of_job = (id.clone(), 0)..=(id.clone(), u32::MAX);
        self.attempts
            .range(of_job)
            .map(|(_, one)| one.clone())
            .collect()
    }

    pub(super) fn list(&self, wanted: &JobsWanted) -> Result<JobsPage, Problem> {
        let before = match &wanted.cursor {
            None => u64::MAX,
            Some(cursor) => cursor.parse().map_err(|_| {
                Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!("`{cursor}` is not a cursor of this list."),
                )
                .hint(
                    "Use `next_cursor` from the previous page, or leave it out for the first \
                 page.",
                )
            })?,
        };
        let mut page = JobsPage::default();
        let mut last = before;
        for (place, job) in self
            .rows
            .range(..before)
            .rev()
            .filter(|(_, job)| fits(job, wanted))
        {
            if page.jobs.len() == wanted.limit {
                page.next_cursor = Some(last.to_string());
                break;
            }
            last = *place;
            page.jobs.push(with_parts(job, Parts::NONE));
        }
        Ok(page)
    }

    pub(super) fn forget(&mut self, goes: impl Fn(&Job) -> bool) -> u64 {
        let gone: Vec<u64> = self
            .rows
            .iter()
            .filter(|(_, job)| goes(job))
            .map(|(place, _)| *place)
            .collect();
        for place in &gone {
            if let Some(job) = self.rows.remove(place) {
                self.places.remove(&job.id);
                self.attempts.retain(|(id, _), _| *id != job.id);
            }
        }
        self.batches.retain(|_, (_, rows)| {
            rows.retain(|place| !gone.contains(place));
            !rows.is_empty()
        });
        gone.len() as u64
    }

    fn apply_one(&mut self, write: &JobWrite, undo: &mut Vec<Undo>) -> Result<(), Problem> {
        match write {
            JobWrite::Insert(job) => self.insert(job, undo),
            JobWrite::Change(change) => {
                let place = self.place(&change.id)?;
                let Some(job) = self.rows.get_mut(&place) else {
                    return Err(unknown(&change.id));
                };
                undo.push(Undo::Row(place, Some(Box::new(job.clone()))));
                changed(job, change);
                Ok(())
            }
            JobWrite::Attempt(id, attempt) => {
                self.place(id)?;
                let key = (id.clone(), attempt.number);
                let before = self.attempts.insert(key.clone(), Attempt::clone(attempt));
                undo.push(Undo::Attempt(key, before));
                Ok(())
            }
            JobWrite::Queue(state) => {
                let before = if state.paused || state.draining {
                    self.queues.insert(state.app.clone(), state.clone())
                } else {
                    self.queues.remove(&state.app)
                };
                undo.push(Undo::Queue(state.app.clone(), before));
                Ok(())
            }
            JobWrite::Batch(batch) => {
                if self.batches.contains_key(&batch.id) {
                    let message = format!("There is already a batch `{}`.", batch.id);
                    return Err(Problem::new(Code::NAME_TAKEN, message));
                }
                let rows = batch.jobs.iter().map(|job| self.place(job));
                let rows = rows.collect::<Result<_, _>>()?;
                self.batches
                    .insert(batch.id.clone(), (Batch::clone(batch), rows));
                undo.push(Undo::Batch(batch.id.clone()));
                Ok(())
            }
        }
    }

    fn insert(&mut self, job: &Job, undo: &mut Vec<Undo>) -> Result<(), Problem> {
        if self.places.contains_key(&job.id) {
            return Err(Problem::new(
                Code::NAME_TAKEN,
                format!("There is already a job `{}`.", job.id),
            ));
        }
        let key = job.key.as_ref();
        if let Some(other) = key.and_then(|key| self.by_key(&job.caller, &key.text)) {
            let message = format!("`{}` already has a job with this key.", job.caller.name());
            return Err(Problem::new(Code::JOB_KEY_TAKEN, message).of_call(&other.id));
        }
        self.next += 1;
        self.rows.insert(self.next, job.clone());
        self.places.insert(job.id.clone(), self.next);
        undo.push(Undo::Row(self.next, None));
        Ok(())
    }

    fn place(&self, id: &CallId) -> Result<u64, Problem> {
        self.places.get(id).copied().ok_or_else(|| unknown(id))
    }

    fn take_back(&mut self, step: Undo) {
        match step {
            Undo::Row(place, Some(job)) => {
                self.rows.insert(place, *job);
            }
            Undo::Row(place, None) => {
                if let Some(job) = self.rows.remove(&place) {
                    self.places.remove(&job.id);
                }
            }
            Undo::Attempt(key, before) => {
                put_back(&mut self.attempts, key, before);
            }
            Undo::Queue(app, before) => {
                put_back(&mut self.queues, app, before);
            }
            Undo::Batch(id) => {
                self.batches.remove(&id);
            }
        }
    }
}

/// A job as a reader gets it.
pub(super) fn with_parts(job: &Job, parts: Parts) -> Job {
    let mut job = job.clone();
    job.args = job.args.filter(|_| parts.args);
    job.outcome = job.outcome.filter(|_| parts.outcome);
    job
}

fn put_back<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(before) => map.insert(key, before),
        None => map.remove(&key),
    };
}

fn unknown(id: &CallId) -> Problem {
    Problem::new(Code::CALL_UNKNOWN, format!("No job `{id}` is stored."))
}

fn fits(job: &Job, wanted: &JobsWanted) -> bool {
    (wanted.statuses.is_empty() || wanted.statuses.contains(&job.status))
        && wanted.app.as_ref().is_none_or(|app| *app == job.app)
        && wanted
            .instance
            .as_ref()
            .is_none_or(|name| job.instance.as_ref() == Some(name))
        && wanted
            .caller
            .as_ref()
            .is_none_or(|caller| *caller == job.caller.name())
        && wanted.owner.as_ref().is_none_or(|id| *id == job.caller)
        && wanted
            .label
            .as_ref()
            .is_none_or(|(key, value)| job.labels.get(key) == Some(value))
}

fn changed(job: &mut Job, change: &JobChange) {
    fn set<T: Clone>(to: &mut T, from: Option<&T>) {
        if let Some(from) = from {
            *to = from.clone();
        }
    }
    set(&mut job.status, change.status.as_ref());
    set(&mut job.instance, change.instance.as_ref());
    set(&mut job.priority, change.priority.as_ref());
    set(&mut job.place, change.place.as_ref());
    set(&mut job.paused, change.paused.as_ref());
    set(&mut job.attempt, change.attempt.as_ref());
    set(&mut job.lease, change.lease.as_ref());
    set(&mut job.labels, change.labels.as_ref());
    set(&mut job.request, change.request.as_ref());
    set(&mut job.end, change.end.as_ref());
    set(&mut job.outcome, change.outcome.as_ref());
    if let Some(args) = &change.args {
        job.args = Some(args.clone());
    }
}
