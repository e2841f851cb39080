//! From an allowed call to a stored job.
//!
//! In comes a call that asks to be a job; out comes its handle when the store has it, or the job that the
//! same caller stored under the same key before. The storing is a task of its own: a caller that goes away
//! meanwhile leaves no half a job.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use wire::{CallId, CallerId, Code, Event, JobStatus, Problem};
use wire::{Opt, Step};

use super::handles::{ended_handle, handle_of};
use super::record::{Notes, Open, Place};
use super::state::Jobs;
use crate::call::{Call, fresh_id};
use crate::clock::now_millis;
use crate::corridor::{AllowedCall, CheckedCall, HUB, JobSpec};
use crate::id_prefix;
use crate::json_size::weight_up_to;
use crate::limits;
use crate::question;
use crate::secrets::Marked;
use crate::shares::Full;
use crate::store::{Job, JobWrite, Key, Parts};

/// A job that is being stored.
#[derive(Debug)]
pub struct Storing(oneshot::Receiver<Result<Queued, Problem>>);

/// A job that is stored.
#[derive(Clone)]
pub struct Queued {
    /// What people wait for.
    pub call: Arc<Call>,
    /// It was stored by an earlier request with the same key.
    pub again: bool,
}

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queued").field("id", &self.call.id).finish()
    }
}

impl Storing {
    /// Waits for the store.
    ///
    /// # Errors
    /// What kept it from being stored: `job_key_taken`, `disk_full`, `store_busy` …
    pub async fn stored(self) -> Result<Queued, Problem> {
        self.0.await.unwrap_or_else(|_| {
            Err(Problem::new(
                Code::HUB_STOPPING,
                "The hub stopped before the job was stored.",
            )
            .hint(wire::hint![
                "Try again once it is back. So that nothing runs twice, give it ",
                Opt::IdempotencyKey,
                ".",
            ]))
        })
    }
}

/// The arguments of a job are stored, so they are bounded more narrowly than a call's.
pub(super) fn args_in_bounds(args: &Map<String, Value>) -> Result<(), Problem> {
    let bytes = serde_json::to_vec(args).map_or(0, |text| text.len());
    if bytes > limits::JOB_ARGS_BYTES_MAX {
        return Err(Problem::new(
            Code::BODY_TOO_LARGE,
            format!(
                "The arguments are {bytes} bytes as JSON; a job can have up to {}.",
                limits::JOB_ARGS_BYTES_MAX
            ),
        )
        .hint(wire::hint!["For a large value, ", Step::StoreBlob, "."]));
    }
    Ok(())
}

impl Jobs {
    /// Whether it would be taken now.
    pub(crate) fn takes(&self, call: &CheckedCall) -> Result<(), Problem> {
        self.holds_no_secret(&call.command.marked, &call.args)?;
        args_in_bounds(&call.args)?;
        let room = self.lock();
        if room.draining.contains(&call.app.id) {
            return Err(Problem::new(
                Code::QUEUE_DRAINING,
                format!(
                    "The queue of {} is draining and takes no new jobs.",
                    call.app.id
                ),
            )
            .hint(wire::hint![
                "Open it again: ",
                Step::ResumeQueue {
                    app: call.app.id.clone()
                },
            ]));
        }
        Ok(())
    }

    /// A job's part of what its caller may have open.
    ///
    /// # Errors
    /// `queue_full`.
    pub(super) fn place_for(
        &self,
        caller: &CallerId,
        args: Option<&Map<String, Value>>,
        request: &Map<String, Value>,
    ) -> Result<Place, Problem> {
        let full = |full: Full, own: String, all: String| {
            let what = match full {
                Full::Own => format!("`{}` has {own} already.", caller.name()),
                Full::All => format!("There are {all} already."),
            };
            Problem::new(Code::QUEUE_FULL, what).hint(wire::hint![
                "Wait for some to end, or cancel some: ",
                Step::jobs()
            ])
        };
        let one = self.places.take(caller, 1).map_err(|which| {
            let jobs = |count: usize| format!("{count} open jobs");
            full(
                which,
                jobs(limits::JOBS_OPEN_MAX),
                jobs(limits::JOBS_OPEN_ALL_MAX),
            )
        })?;
        let bytes = self
            .bytes
            .take(caller, weight(args, request))
            .map_err(|which| {
                let held = |bytes: usize| format!("open jobs that hold {} MB", bytes / 1_000_000);
                full(
                    which,
                    held(limits::JOBS_BYTES_MAX),
                    held(limits::JOBS_ALL_BYTES_MAX),
                )
            })?;
        Ok(Place {
            _one: one,
            _bytes: bytes,
        })
    }

    /// The same for a job that is stored already.
    pub(super) fn place_of_stored(&self, job: &Job) -> Place {
        Place {
            _one: self.places.take_anyway(&job.caller, 1),
            _bytes: self
                .bytes
                .take_anyway(&job.caller, weight(None, &job.request)),
        }
    }

    /// What is stored must run later as it was asked, so it cannot be stored without its secrets.
    pub(super) fn holds_no_secret(
        &self,
        marked: &Marked,
        args: &Map<String, Value>,
    ) -> Result<(), Problem> {
        let found = self.kept.masking.found(marked, args);
        if found.is_empty() {
            return Ok(());
        }
        Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "The arguments contain a secret ({}), and jobs are stored on disk.",
                found.join(", ")
            ),
        )
        .hint(wire::hint![
            "Make it a plain call, without ",
            Opt::Durable,
            ", or have the app read the secret from where it is kept."
        ]))
    }

    /// Has it stored.
    pub(crate) fn take(self: &Arc<Self>, call: AllowedCall) -> Result<Storing, Problem> {
        let Some(spec) = call.checked().job.clone() else {
            return Err(Problem::new(Code::INTERNAL, "This call is not a job."));
        };
        let place = self.lock().order.place_last();
        let (answer, storing) = oneshot::channel();
        let jobs = Arc::clone(self);
        self.tasks.spawn(async move {
            let stored = jobs.put(&call, spec, place).await;
            // Whoever asked may have left.
            answer.send(stored).ok();
        });
        Ok(Storing(storing))
    }

    async fn put(
        self: &Arc<Self>,
        allowed: &AllowedCall,
        mut spec: JobSpec,
        place: i64,
    ) -> Result<Queued, Problem> {
        let call = allowed.checked();
        spec.after = id_prefix::job_ids(&*self.kept.store, &call.caller, &spec.after).await?;
        let key = key_of(call, &spec);
        if let Some(key) = &key
            && let Some(known) = self.by_key(call, key).await?
        {
            return Ok(known);
        }
        let after = self.earlier(&spec.after).await?;
        let job = new_job(allowed, &spec, place, key.clone());
        let args = Arc::new(call.args.clone());
        let row = Job {
            args: Some(args),
            ..job.clone()
        };
        let share = self.place_for(&job.caller, row.args.as_deref(), &job.request)?;
        let stored = self
            .kept
            .store
            .write(vec![JobWrite::Insert(Box::new(row))], job.durability)
            .await;
        if let Err(problem) = stored {
            // Somebody was quicker with the same key.
            if problem.code == Code::JOB_KEY_TAKEN
                && let Some(key) = &key
                && let Some(known) = self.by_key(call, key).await?
            {
                return Ok(known);
            }
            return Err(problem);
        }
        Ok(self.enter(job, share, after))
    }

    /// The job is stored: it is in the queue from here on.
    fn enter(self: &Arc<Self>, job: Job, place: Place, after: Vec<CallId>) -> Queued {
        let queued = self.enter_with(job, place, after.clone());
        self.look_at_ended(&after);
        queued
    }

    /// Jobs that others wait for, which are in the queue by now: how one ended that has since it was looked at is
    /// seen to.
    pub(super) fn look_at_ended(self: &Arc<Self>, after: &[CallId]) {
        let some_ended = {
            let room = self.lock();
            after.iter().any(|earlier| !room.open.contains_key(earlier))
        };
        if some_ended {
            let jobs = Arc::clone(self);
            self.tasks
                .spawn(async move { jobs.look_at_earlier().await });
        }
    }

    pub(super) fn enter_with(
        self: &Arc<Self>,
        job: Job,
        place: Place,
        after: Vec<CallId>,
    ) -> Queued {
        let id = job.id.clone();
        let mut room = self.lock();
        let room = &mut *room;
        let mut open = Open::new(job, place);
        let handle = handle_of(&mut open);
        room.order.add(open.entry(after), now_millis());
        room.open.insert(id.clone(), open);
        self.look_again();
        self.kept.feed.tell(|| Event::CallQueued {
            call: Box::new(handle.view()),
        });
        self.tell(room, &id);
        self.wake.notify_one();
        Queued {
            call: handle,
            again: false,
        }
    }

    /// The jobs among these that have not ended; the others must have succeeded.
    pub(super) async fn earlier(&self, after: &[CallId]) -> Result<Vec<CallId>, Problem> {
        let ended: Vec<CallId> = {
            let room = self.lock();
            after
                .iter()
                .filter(|id| !room.open.contains_key(*id))
                .cloned()
                .collect()
        };
        if ended.is_empty() {
            return Ok(after.to_vec());
        }
        let jobs = self.kept.store.jobs(ended.clone(), Parts::NONE).await?;
        for id in &ended {
            let Some(job) = jobs.iter().find(|job| job.id == *id) else {
                return Err(Problem::new(
                    Code::JOB_UNKNOWN,
                    format!("`after` names {id}, but there is no such job."),
                )
                .hint(wire::hint![
                    "A job can only wait for other jobs: ",
                    Step::jobs()
                ]));
            };
            if job.status.is_end() && job.status != JobStatus::Succeeded {
                return Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!(
                        "`after` names {id}, which ended `{}`, so this job would never run.",
                        job.status.as_str()
                    ),
                )
                .hint(wire::hint![
                    "Fix the cause and run that job again: ",
                    Step::RetryJob { call: id.clone() },
                ]));
            }
        }
        let succeeded = |id: &CallId| {
            jobs.iter()
                .any(|job| job.id == *id && job.status == JobStatus::Succeeded)
        };
        Ok(after.iter().filter(|id| !succeeded(id)).cloned().collect())
    }

    /// What the caller stored under that key before.
    pub(super) async fn by_key(
        &self,
        call: &CheckedCall,
        key: &Key,
    ) -> Result<Option<Queued>, Problem> {
        let store = &self.kept.store;
        let Some(found) = store.by_key(&call.caller.id, &key.text).await? else {
            return Ok(None);
        };
        let same = found
            .key
            .as_ref()
            .is_some_and(|own| own.request_hash == key.request_hash);
        if !same {
            return Err(Problem::new(
                Code::JOB_KEY_TAKEN,
                format!(
                    "`{}` has already used the key `{}` for a different job.",
                    call.caller.name, key.text
                ),
            )
            .hint(wire::hint![
                "Use another key. The job with this one: ",
                Step::Job {
                    call: found.id.clone()
                },
            ])
            .of_call(&found.id));
        }
        let handle = match self.handle(&found.id) {
            Some(handle) => handle,
            None => {
                let whole = store
                    .job(
                        &found.id,
                        Parts {
                            args: false,
                            outcome: true,
                        },
                    )
                    .await?;
                ended_handle(&whole.unwrap_or(found))
            }
        };
        Ok(Some(Queued {
            call: handle,
            again: true,
        }))
    }
}

/// Roughly what a job holds, in memory and on the disk.
fn weight(args: Option<&Map<String, Value>>, request: &Map<String, Value>) -> u64 {
    let of = |map: &Map<String, Value>| {
        let max = limits::JOBS_BYTES_MAX;
        weight_up_to(map, max).unwrap_or(max)
    };
    (limits::JOB_BYTES + args.map_or(0, of) + of(request)) as u64
}

/// The caller's own name for it, with what tells whether it is asked for again.
pub(super) fn key_of(call: &CheckedCall, spec: &JobSpec) -> Option<Key> {
    spec.key.as_ref().map(|text| Key {
        text: text.clone(),
        request_hash: request_hash(call, spec),
    })
}

pub(super) fn new_job(allowed: &AllowedCall, spec: &JobSpec, place: i64, key: Option<Key>) -> Job {
    let call = allowed.checked();
    let instance = match call.is_run_by_hub() {
        true => Some(HUB.into()),
        false => call.instance.clone(),
    };
    let notes = Notes {
        correlation_id: call.correlation_id.clone(),
        instance: instance.clone(),
        select: call.select.clone(),
        timeout_ms: spec.timeout_ms,
        not_before: spec.not_before,
        deadline: spec.deadline,
        retry: spec.retry,
        after: spec.after.clone(),
        revision: call.revision,
        group: call.origin.group.clone(),
        confirmed: Some(allowed.is_confirmed()),
        subject: call.subject.clone(),
        repeatable: call.command.spec.repeatable.with(&call.args),
        ..Notes::default()
    };
    Job {
        id: fresh_id(),
        app: call.app.id.clone(),
        instance,
        command: call.command.spec.name.clone(),
        caller: call.caller.id.clone(),
        asked_at: OffsetDateTime::now_utc(),
        durability: spec.durability,
        key,
        labels: spec.labels.clone(),
        request: notes.to_map(),
        args: None,
        status: JobStatus::Queued,
        priority: spec.priority,
        place,
        paused: false,
        attempt: 0,
        lease: None,
        end: None,
        outcome: None,
    }
}

/// Tells whether two requests ask for the same thing. How they wait does not matter.
fn request_hash(call: &CheckedCall, spec: &JobSpec) -> String {
    let asked = json!({
        "app": call.app.id,
        "instance": call.instance,
        "select": call.select,
        "command": call.command.spec.name,
        "revision": call.revision,
        "priority": spec.priority,
        "not_before": spec.not_before,
        "deadline": spec.deadline,
        "retry": spec.retry,
        "labels": spec.labels,
        "after": spec.after,
        "timeout_ms": spec.timeout_ms,
    });
    let mut hasher = Sha256::new();
    hasher.update(asked.to_string());
    hasher.update(question::hash_of(&call.args));
    hex::encode(hasher.finalize())
}
