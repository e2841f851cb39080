//! A call on its way: what was asked, who waits for it, how far it is.
//!
//! The lane settles a call once; everybody else only looks or waits. Dropping a wait changes nothing.
//! A job has a call that people wait for, its *front*, and one more for each attempt, which is in a lane.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use tokio::time::Instant;
use wire::call::{Behind, OutcomeBody};
use wire::link::Group;
use wire::{
    AppId, CallId, CallView, Durability, Effect, InstanceName, Outcome, Progress, Status,
};

use crate::callers::Caller;

/// One call, from the ticket to long after its outcome.
pub struct Call {
    pub id: CallId,
    pub correlation_id: Option<String>,
    pub app: AppId,
    /// Empty for a job that no instance has been chosen for.
    instance: Mutex<InstanceName>,
    pub command: String,
    pub effect: Effect,
    pub concurrent: bool,
    pub caller: Caller,
    pub timeout: Duration,
    pub asked_at: OffsetDateTime,
    /// How durable the job is whose front this is.
    pub durability: Option<Durability>,
    pub(crate) revision: Option<u64>,
    pub(crate) group: Option<Group>,
    /// Of an attempt: the front of its job.
    front: Option<Arc<Call>>,
    /// Kept until it has started: a call that certainly did not is handed over again after a restart.
    args: Mutex<Arc<Map<String, Value>>>,
    stage: watch::Sender<Stage>,
}

/// Where a call stands.
#[derive(Clone, Debug)]
pub struct Stage {
    pub status: Status,
    /// Set when it has run or may have run. A call that ended without it never did.
    pub started: Option<Instant>,
    pub progress: Option<Progress>,
    pub outcome: Option<Arc<OutcomeBody>>,
}

/// What a call is made of.
pub struct CallParts {
    pub correlation_id: Option<String>,
    pub app: AppId,
    pub instance: InstanceName,
    pub command: String,
    pub effect: Effect,
    pub concurrent: bool,
    pub caller: Caller,
    pub timeout: Duration,
    pub args: Arc<Map<String, Value>>,
    pub revision: Option<u64>,
    pub group: Option<Group>,
}

impl Call {
    #[must_use]
    pub fn new(parts: CallParts) -> Self {
        Self::with_id(fresh_id(), parts)
    }

    /// For a call that a bridge still knows and this hub does not.
    #[must_use]
    pub fn with_id(id: CallId, parts: CallParts) -> Self {
        let stage = Stage {
            status: Status::Queued,
            started: None,
            progress: None,
            outcome: None,
        };
        Self {
            id,
            correlation_id: parts.correlation_id,
            app: parts.app,
            instance: Mutex::new(parts.instance),
            command: parts.command,
            effect: parts.effect,
            concurrent: parts.concurrent,
            caller: parts.caller,
            timeout: parts.timeout,
            asked_at: OffsetDateTime::now_utc(),
            durability: None,
            revision: parts.revision,
            group: parts.group,
            front: None,
            args: Mutex::new(parts.args),
            stage: watch::Sender::new(stage),
        }
    }

    /// The front of a job that was asked for then.
    pub(crate) fn front_of_job(mut self, durability: Durability, asked_at: OffsetDateTime) -> Self {
        self.durability = Some(durability);
        self.asked_at = asked_at;
        self
    }

    /// An attempt of a job.
    pub(crate) fn attempt_of(mut self, front: &Arc<Self>) -> Self {
        self.asked_at = front.asked_at;
        self.front = Some(Arc::clone(front));
        self
    }

    /// The job's front, when this is an attempt.
    pub(crate) fn front(&self) -> Option<&Arc<Self>> {
        self.front.as_ref()
    }

    /// The id that the world knows it by.
    pub(crate) fn public_id(&self) -> &CallId {
        self.front.as_ref().map_or(&self.id, |front| &front.id)
    }

    #[must_use]
    pub fn instance(&self) -> InstanceName {
        self.lock_instance().clone()
    }

    pub(crate) fn set_instance(&self, instance: &InstanceName) {
        *self.lock_instance() = instance.clone();
    }

    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage.borrow().clone()
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.stage.borrow().status
    }

    /// Whether its first instruction ran, as far as the hub knows.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.stage.borrow().started.is_some()
    }

    /// Waits for the end; `true` when it came in time.
    pub async fn ended(&self, within: Option<Duration>) -> bool {
        let mut stage = self.stage.subscribe();
        let end = async { stage.wait_for(|stage| stage.status.is_end()).await.is_ok() };
        match within {
            None => end.await,
            Some(within) => tokio::time::timeout(within, end).await.unwrap_or(false),
        }
    }

    /// How a door shows it; its place in the queue is added by who knows the lane.
    #[must_use]
    pub fn view(&self) -> CallView {
        let stage = self.stage();
        CallView {
            call_id: self.id.clone(),
            correlation_id: self.correlation_id.clone(),
            app: self.app.clone(),
            instance: self.instance(),
            durability: self.durability,
            command: self.command.clone(),
            caller: self.caller.name.to_string(),
            status: stage.status,
            asked_at: rfc3339(self.asked_at),
            position: None,
            behind: None,
            progress: stage.progress,
            outcome: stage.outcome,
        }
    }

    /// How others see it while it runs.
    #[must_use]
    pub fn as_behind(&self) -> Behind {
        let started = self.stage.borrow().started;
        Behind {
            call_id: self.public_id().clone(),
            command: self.command.clone(),
            caller: self.caller.name.to_string(),
            running_ms: started.map_or(0, |at| millis(at.elapsed())),
        }
    }

    pub(crate) fn args(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.lock_args())
    }

    pub(crate) fn set_started(&self) {
        self.forget_args();
        self.stage.send_modify(|stage| {
            stage.status = Status::Running;
            stage.started.get_or_insert_with(Instant::now);
        });
        if let Some(front) = &self.front {
            front.set_started();
        }
    }

    /// A job that is to be tried again.
    pub(crate) fn set_queued(&self) {
        self.stage.send_modify(|stage| {
            if !stage.status.is_end() {
                stage.status = Status::Queued;
                stage.progress = None;
            }
        });
    }

    pub(crate) fn set_progress(&self, progress: Progress) {
        if let Some(front) = &self.front {
            front.set_progress(progress.clone());
        }
        self.stage
            .send_modify(|stage| stage.progress = Some(progress));
    }

    /// Gives the call its end. `false` when it had one already: then nothing changes.
    pub(crate) fn settle(&self, outcome: Outcome) -> bool {
        self.forget_args();
        self.stage.send_if_modified(|stage| {
            if stage.status.is_end() {
                return false;
            }
            stage.status = outcome.status;
            let mut body = OutcomeBody::from(outcome);
            if let Some(problem) = &mut body.problem {
                problem.call_id = Some(self.id.clone());
            }
            stage.outcome = Some(Arc::new(body));
            true
        })
    }

    /// A call that has started is never sent again.
    fn forget_args(&self) {
        *self.lock_args() = Arc::default();
    }

    fn lock_instance(&self) -> MutexGuard<'_, InstanceName> {
        self.instance
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock_args(&self) -> MutexGuard<'_, Arc<Map<String, Value>>> {
        self.args
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An id that sorts after all that this hub gave before, also within one millisecond.
pub(crate) fn fresh_id() -> CallId {
    static LAST: Mutex<Option<ulid::Generator>> = Mutex::new(None);
    let mut last = LAST
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let next = last.get_or_insert_with(ulid::Generator::new).generate();
    // It fails only after 2^80 ids in one millisecond.
    CallId::from(format!(
        "call_{}",
        next.unwrap_or_else(|_| ulid::Ulid::new())
    ))
}

/// A time as the wire shows it.
#[must_use]
pub fn rfc3339(time: OffsetDateTime) -> String {
    let whole = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
