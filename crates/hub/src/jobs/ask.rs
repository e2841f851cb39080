//! From an allowed call to a stored job.
//!
//! In comes a call that asks to be a job; out comes its front when the store has it, or the job that the
//! same caller stored under the same key before. The storing is a task of its own: a caller that goes away
//! meanwhile leaves no half a job.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use wire::job::{PRIORITY_DEFAULT, PRIORITY_MAX, Retry};
use wire::{CallId, CallRequest, CallerId, Code, Durability, Event, JobStatus, Problem};
use wire::{Opt, Step};

use super::order::Millis;
use super::record::{Notes, Open, Place, millis_of, now_millis};
use super::{Jobs, ended_front, front_of};
use crate::call::{Call, fresh_id};
use crate::conduct::HUB;
use crate::desk::CheckedCall;
use crate::history::weight_up_to;
use crate::limits;
use crate::prefix;
use crate::secrets::Marked;
use crate::shares::Full;
use crate::store::{Job, JobWrite, Key, Parts};

/// What a call asks for as a job, in bounds.
#[derive(Clone, Debug)]
pub(crate) struct JobWish {
    pub(crate) durability: Durability,
    priority: u8,
    not_before: Option<Millis>,
    deadline: Option<Millis>,
    pub(crate) retry: Option<Retry>,
    key: Option<String>,
    labels: BTreeMap<String, String>,
    pub(super) after: Vec<CallId>,
    timeout_ms: Option<u64>,
}

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

impl JobWish {
    /// What a request says of it; nothing when it is to be no job.
    pub(crate) fn of(request: &CallRequest) -> Result<Option<Self>, Problem> {
        let Some(durability) = request.durable else {
            return match request.first_word_of_a_job() {
                None => Ok(None),
                Some(word) => Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!("`{word}` is only for jobs, and this call is not one."),
                )
                .hint(wire::hint![
                    "Make it a job: add ",
                    Opt::Durable.with(true),
                    "."
                ])),
            };
        };
        let time = |name: &str, text: &Option<String>| {
            text.as_ref().map(|text| millis_of(name, text)).transpose()
        };
        let wish = Self {
            durability,
            priority: request.priority.unwrap_or(PRIORITY_DEFAULT),
            not_before: time("not_before", &request.not_before)?,
            deadline: time("deadline", &request.deadline)?,
            retry: request.retry,
            key: request.idempotency_key.clone(),
            labels: request.labels.clone(),
            after: request.after.clone(),
            timeout_ms: request.timeout_ms,
        };
        wish.in_bounds()?;
        Ok(Some(wish))
    }

    /// When it may run, and after which others.
    pub(crate) fn when(&self) -> Value {
        json!({"not_before": self.not_before, "deadline": self.deadline, "after": self.after})
    }

    fn in_bounds(&self) -> Result<(), Problem> {
        priority_in_bounds(self.priority)?;
        labels_in_bounds(&self.labels)?;
        retry_in_bounds(self.retry)?;
        if self.deadline.is_some_and(|at| at <= now_millis()) {
            return Err(invalid("`deadline` has passed already.".to_owned()));
        }
        if self.after.len() > limits::JOB_AFTER_MAX {
            return Err(invalid(format!(
                "`after` names {} jobs; {} is the most.",
                self.after.len(),
                limits::JOB_AFTER_MAX
            )));
        }
        let key = self.key.as_deref().unwrap_or("key");
        if key.is_empty() || key.len() > limits::WORD_BYTES_MAX {
            return Err(invalid(format!(
                "`idempotency_key` has 1 to {} bytes.",
                limits::WORD_BYTES_MAX
            )));
        }
        Ok(())
    }
}

pub(super) fn priority_in_bounds(priority: u8) -> Result<(), Problem> {
    if priority > PRIORITY_MAX {
        return Err(invalid(format!(
            "`priority` is from 0 to {PRIORITY_MAX}; {PRIORITY_MAX} is first."
        )));
    }
    Ok(())
}

pub(super) fn retry_in_bounds(retry: Option<Retry>) -> Result<(), Problem> {
    let retry = retry.unwrap_or_default();
    let backoff_max = crate::call::millis(limits::JOB_BACKOFF_MAX);
    if retry.max > limits::JOB_RETRIES_MAX || retry.backoff_ms.is_some_and(|ms| ms > backoff_max) {
        return Err(invalid(format!(
            "`retry.max` is at most {}, `retry.backoff_ms` at most {backoff_max}.",
            limits::JOB_RETRIES_MAX
        )));
    }
    Ok(())
}

pub(super) fn labels_in_bounds(labels: &BTreeMap<String, String>) -> Result<(), Problem> {
    let fits = |word: &String| word.len() <= limits::WORD_BYTES_MAX;
    let all_fit = labels
        .iter()
        .all(|(name, value)| !name.is_empty() && fits(name) && fits(value));
    if labels.len() > limits::JOB_LABELS_MAX || !all_fit {
        return Err(invalid(format!(
            "There are at most {} labels; their names and values have at most {} bytes.",
            limits::JOB_LABELS_MAX,
            limits::WORD_BYTES_MAX
        )));
    }
    Ok(())
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

fn invalid(message: String) -> Problem {
    Problem::new(Code::ARGUMENTS_INVALID, message)
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
    pub(crate) fn take(self: &Arc<Self>, call: CheckedCall) -> Result<Storing, Problem> {
        let Some(wish) = call.job.clone() else {
            return Err(Problem::new(Code::INTERNAL, "This call is not a job."));
        };
        let place = self.lock().order.place_last();
        let (answer, storing) = oneshot::channel();
        let jobs = Arc::clone(self);
        self.tasks.spawn(async move {
            let stored = jobs.put(&call, wish, place).await;
            // Whoever asked may have left.
            answer.send(stored).ok();
        });
        Ok(Storing(storing))
    }

    async fn put(
        self: &Arc<Self>,
        call: &CheckedCall,
        mut wish: JobWish,
        place: i64,
    ) -> Result<Queued, Problem> {
        wish.after = prefix::job_ids(&*self.kept.store, &call.caller, &wish.after).await?;
        let key = key_of(call, &wish);
        if let Some(key) = &key
            && let Some(known) = self.by_key(call, key).await?
        {
            return Ok(known);
        }
        let after = self.earlier(&wish.after).await?;
        let job = new_job(call, &wish, place, key.clone());
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
        let front = front_of(&mut open);
        room.order.add(open.entry(after), now_millis());
        room.open.insert(id.clone(), open);
        self.look_again();
        self.kept.feed.tell(|| Event::CallQueued {
            call: Box::new(front.view()),
        });
        self.tell(room, &id);
        self.wake.notify_one();
        Queued {
            call: front,
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
        let front = match self.front(&found.id) {
            Some(front) => front,
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
                ended_front(&whole.unwrap_or(found))
            }
        };
        Ok(Some(Queued {
            call: front,
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
pub(super) fn key_of(call: &CheckedCall, wish: &JobWish) -> Option<Key> {
    wish.key.as_ref().map(|text| Key {
        text: text.clone(),
        request_hash: request_hash(call, wish),
    })
}

pub(super) fn new_job(call: &CheckedCall, wish: &JobWish, place: i64, key: Option<Key>) -> Job {
    let instance = match call.is_run_by_hub() {
        true => Some(HUB.into()),
        false => call.instance.clone(),
    };
    let notes = Notes {
        correlation_id: call.correlation_id.clone(),
        instance: instance.clone(),
        select: call.select.clone(),
        timeout_ms: wish.timeout_ms,
        not_before: wish.not_before,
        deadline: wish.deadline,
        retry: wish.retry,
        after: wish.after.clone(),
        revision: call.revision,
        group: call.group.clone(),
        confirmed: Some(call.confirmed),
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
        durability: wish.durability,
        key,
        labels: wish.labels.clone(),
        request: notes.to_map(),
        args: None,
        status: JobStatus::Queued,
        priority: wish.priority,
        place,
        paused: false,
        attempt: 0,
        lease: None,
        end: None,
        outcome: None,
    }
}

/// Tells whether two requests ask for the same thing. How they wait does not matter.
fn request_hash(call: &CheckedCall, wish: &JobWish) -> String {
    let asked = json!({
        "app": call.app.id,
        "instance": call.instance,
        "select": call.select,
        "command": call.command.spec.name,
        "revision": call.revision,
        "priority": wish.priority,
        "not_before": wish.not_before,
        "deadline": wish.deadline,
        "retry": wish.retry,
        "labels": wish.labels,
        "after": wish.after,
        "timeout_ms": wish.timeout_ms,
    });
    let mut hasher = Sha256::new();
    hasher.update(asked.to_string());
    hasher.update(crate::policy::hash(&call.args));
    hex::encode(hasher.finalize())
}
