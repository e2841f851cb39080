//! A call on its way: what was asked, who waits for it, how far it is.
//!
//! The lane settles a call once; everybody else only looks or waits. Dropping a wait changes nothing.
//! A job has a call that people wait for, its *handle*, and one more for each attempt, which is in a lane.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;
use wire::instance::Behind;
use wire::link::Group;
use wire::outcome::OutcomeBody;
use wire::{
    AppId, CallId, CallView, CommandSpec, Durability, Effect, InstanceName, Outcome, Progress,
    Status,
};

use crate::callers::Caller;
use crate::clock::{millis, rfc3339};
use crate::limits;
use crate::secrets::{Marked, Masking};
use crate::store::CallRecord;

/// One call, from the ticket to long after its outcome.
pub struct Call {
    pub id: CallId,
    pub correlation_id: Option<String>,
    pub parent_id: Option<CallId>,
    pub app: AppId,
    /// Empty for a job that no instance has been chosen for.
    instance: Mutex<InstanceName>,
    pub command: String,
    pub effect: Effect,
    pub concurrent: bool,
    pub caller: Caller,
    pub timeout: Duration,
    pub asked_at: OffsetDateTime,
    /// What it is about, for lists.
    pub subject: Option<String>,
    /// How durable the job is whose handle this is.
    pub durability: Option<Durability>,
    pub(crate) revision: Option<u64>,
    pub(crate) group: Option<Group>,
    /// Of an attempt: the handle of its job.
    handle: Option<Arc<Self>>,
    pub(crate) marked: Arc<Marked>,
    args: Mutex<Args>,
    stage: watch::Sender<Stage>,
}

/// What was asked: as it was given until the history has written it down, then as it may be shown.
#[derive(Default)]
struct Args {
    given: Option<Arc<Map<String, Value>>>,
    shown: Option<Arc<Map<String, Value>>>,
}

/// Where a call stands.
#[derive(Clone, Debug)]
pub struct Stage {
    pub status: Status,
    /// Set when it has run or may have run. A call that ended without it never did.
    pub started: Option<Instant>,
    pub progress: Option<Progress>,
    pub outcome: Option<Arc<OutcomeBody>>,
    /// The call that took back what it changed.
    pub undone_by: Option<CallId>,
}

/// What a call is made of.
pub struct CallParts {
    pub correlation_id: Option<String>,
    pub parent_id: Option<CallId>,
    pub app: AppId,
    pub instance: InstanceName,
    pub command: String,
    pub effect: Effect,
    pub concurrent: bool,
    pub caller: Caller,
    pub timeout: Duration,
    pub args: Arc<Map<String, Value>>,
    /// Which of the arguments are secret.
    pub marked: Arc<Marked>,
    pub revision: Option<u64>,
    pub group: Option<Group>,
}

impl CallParts {
    /// Of a call whose command is described.
    pub(crate) fn described(
        app: AppId,
        instance: InstanceName,
        spec: &CommandSpec,
        marked: &Arc<Marked>,
        caller: Caller,
        timeout: Duration,
        args: Arc<Map<String, Value>>,
    ) -> Self {
        Self {
            effect: spec.effect,
            concurrent: spec.concurrent,
            timeout,
            args,
            marked: Arc::clone(marked),
            ..Self::unknown(app, instance, spec.name.clone(), caller)
        }
    }

    /// Of a call of which no more is known than who runs it for whom: it may have changed something, and may last.
    pub(crate) fn unknown(
        app: AppId,
        instance: InstanceName,
        command: String,
        caller: Caller,
    ) -> Self {
        Self {
            correlation_id: None,
            parent_id: None,
            app,
            instance,
            command,
            effect: Effect::Write,
            concurrent: false,
            caller,
            timeout: limits::CALL_TIMEOUT_MAX,
            args: Arc::default(),
            marked: Arc::default(),
            revision: None,
            group: None,
        }
    }
}

impl Call {
    #[must_use]
    pub fn new(parts: CallParts) -> Self {
        Self::made(fresh_id(), OffsetDateTime::now_utc(), parts)
    }

    /// For a call that a bridge still knows and this hub does not.
    #[must_use]
    pub fn with_id(id: CallId, parts: CallParts) -> Self {
        let asked_at = asked_at(&id).unwrap_or_else(OffsetDateTime::now_utc);
        Self::made(id, asked_at, parts)
    }

    fn made(id: CallId, asked_at: OffsetDateTime, parts: CallParts) -> Self {
        let stage = Stage {
            status: Status::Queued,
            started: None,
            progress: None,
            outcome: None,
            undone_by: None,
        };
        Self {
            id,
            correlation_id: parts.correlation_id,
            parent_id: parts.parent_id,
            app: parts.app,
            instance: Mutex::new(parts.instance),
            command: parts.command,
            effect: parts.effect,
            concurrent: parts.concurrent,
            caller: parts.caller,
            timeout: parts.timeout,
            asked_at,
            subject: None,
            durability: None,
            revision: parts.revision,
            group: parts.group,
            handle: None,
            marked: parts.marked,
            args: Mutex::new(Args {
                given: Some(parts.args),
                shown: None,
            }),
            stage: watch::Sender::new(stage),
        }
    }

    /// A call of an earlier run of the hub, as the history has it.
    #[must_use]
    pub fn remembered(record: CallRecord) -> Self {
        let view = record.view;
        let stage = Stage {
            status: view.status,
            started: None,
            progress: None,
            outcome: view.outcome,
            undone_by: view.undone_by,
        };
        let caller = Caller::known_as(record.caller);
        Self {
            id: view.call_id,
            correlation_id: view.correlation_id,
            parent_id: view.parent_id,
            app: view.app,
            instance: Mutex::new(view.instance),
            command: view.command,
            effect: record.effect,
            concurrent: false,
            caller,
            timeout: Duration::ZERO,
            asked_at: record.asked_at,
            subject: view.subject,
            durability: view.durability,
            revision: None,
            group: None,
            handle: None,
            marked: Arc::default(),
            args: Mutex::new(Args {
                given: None,
                shown: view.args,
            }),
            stage: watch::Sender::new(stage),
        }
    }

    /// With what it is about.
    #[must_use]
    pub(crate) fn about(mut self, subject: Option<String>) -> Self {
        self.subject = subject;
        self
    }

    /// The handle of a job that was asked for then.
    pub(crate) fn handle_of_job(
        mut self,
        durability: Durability,
        asked_at: OffsetDateTime,
    ) -> Self {
        self.durability = Some(durability);
        self.asked_at = asked_at;
        self
    }

    /// An attempt of a job.
    pub(crate) fn attempt_of(mut self, handle: &Arc<Self>) -> Self {
        self.asked_at = handle.asked_at;
        self.handle = Some(Arc::clone(handle));
        self
    }

    /// Whether this is an attempt of a job.
    pub(crate) fn is_attempt(&self) -> bool {
        self.handle.is_some()
    }

    /// The id that the world knows it by.
    pub(crate) fn public_id(&self) -> &CallId {
        self.handle.as_ref().map_or(&self.id, |handle| &handle.id)
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
        self.started_at().is_some()
    }

    pub(crate) fn started_at(&self) -> Option<Instant> {
        self.stage.borrow().started
    }

    /// Where it stands, from now on.
    #[must_use]
    pub fn stages(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
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
            parent_id: self.parent_id.clone(),
            app: self.app.clone(),
            instance: self.instance(),
            durability: self.durability,
            command: self.command.clone(),
            subject: self.subject.clone(),
            caller: self.caller.name.to_string(),
            status: stage.status,
            undone_by: stage.undone_by,
            asked_at: rfc3339(self.asked_at),
            args: None,
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
            subject: self
                .handle
                .as_ref()
                .map_or_else(|| self.subject.clone(), |handle| handle.subject.clone()),
            caller: self.caller.name.to_string(),
            running_ms: started.map_or(0, |at| millis(at.elapsed())),
        }
    }

    /// As they were given; for who runs the call.
    pub(crate) fn args(&self) -> Arc<Map<String, Value>> {
        self.given_args().unwrap_or_default()
    }

    /// As they were given, if they are still known.
    pub(crate) fn given_args(&self) -> Option<Arc<Map<String, Value>>> {
        self.lock_args().given.clone()
    }

    /// As everybody may see them, if they are known.
    pub(crate) fn shown_args(&self, masking: &Masking) -> Option<Arc<Map<String, Value>>> {
        let (given, shown) = {
            let args = self.lock_args();
            (args.given.clone(), args.shown.clone())
        };
        shown.or_else(|| Some(crate::shown::shown(masking, &self.marked, &*given?)))
    }

    /// From now on only what may be shown is kept.
    pub(crate) fn show_args(&self, shown: Option<Arc<Map<String, Value>>>) {
        *self.lock_args() = Args { given: None, shown };
    }

    pub(crate) fn set_started(&self) {
        self.stage.send_modify(|stage| {
            stage.status = Status::Running;
            stage.started.get_or_insert_with(Instant::now);
        });
        if let Some(handle) = &self.handle {
            handle.set_started();
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
        if let Some(handle) = &self.handle {
            handle.set_progress(progress.clone());
        }
        self.stage
            .send_modify(|stage| stage.progress = Some(progress));
    }

    /// Gives the call its end. `false` when it had one already: then nothing changes.
    pub(crate) fn settle(&self, outcome: Outcome) -> bool {
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

    /// Notes who took back what it changed; nobody: it stands again.
    pub(crate) fn set_undone_by(&self, by: Option<CallId>) {
        self.stage.send_modify(|stage| stage.undone_by = by);
    }

    fn lock_instance(&self) -> MutexGuard<'_, InstanceName> {
        self.instance
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock_args(&self) -> MutexGuard<'_, Args> {
        self.args
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An id that sorts after all that this hub gave before, also within one millisecond.
pub(crate) fn fresh_id() -> CallId {
    static LAST: Mutex<ulid::Ulid> = Mutex::new(ulid::Ulid::nil());
    let mut last = LAST
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    *last = after(*last, ulid::Ulid::new());
    CallId::from(format!("call_{last}"))
}

/// The next id. Within one millisecond it lies a random step above the last one: ids of one moment are told apart
/// by their first few characters, so that a prefix of one stays short.
fn after(last: ulid::Ulid, new: ulid::Ulid) -> ulid::Ulid {
    /// Room for some 250 steps in a millisecond; then the next one is borrowed.
    const STEP: u128 = (1 << 73) - 1;
    const RANDOM: u128 = (1 << 80) - 1;
    if new.timestamp_ms() > last.timestamp_ms() {
        // The upper half is for the steps.
        return ulid::Ulid::from_parts(new.timestamp_ms(), new.random() >> 1);
    }
    let next = last.random() + 1 + (new.random() & STEP);
    match next > RANDOM {
        true => ulid::Ulid::from_parts(last.timestamp_ms() + 1, new.random() >> 1),
        false => ulid::Ulid::from_parts(last.timestamp_ms(), next),
    }
}

/// The time that an id of ours carries.
fn asked_at(id: &CallId) -> Option<OffsetDateTime> {
    let id = ulid::Ulid::from_string(id.as_str().strip_prefix("call_")?).ok()?;
    let nanos = i128::from(id.timestamp_ms()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_those_of_one_moment_differ_soon() {
        let mut last = ulid::Ulid::nil();
        let moment = ulid::Ulid::from_parts(1_000, 0);
        let ids: Vec<String> = (0..2_000)
            .map(|_| {
                let new = ulid::Ulid::from_parts(1_000, ulid::Ulid::new().random());
                last = after(last, new);
                last.to_string()
            })
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let shared = |pair: &[String]| {
            let both = pair[0].bytes().zip(pair[1].bytes());
            both.take_while(|(one, other)| one == other).count()
        };
        // The time takes ten characters; the steps are so large that three or four more are enough, nearly always.
        let mut shared: Vec<usize> = ids.windows(2).map(shared).collect();
        shared.sort_unstable();
        assert!(shared[shared.len() / 2] <= 13, "{shared:?}");
        // More than a millisecond has room for borrow from the next ones.
        assert!(last.timestamp_ms() < moment.timestamp_ms() + 100);
    }
}
