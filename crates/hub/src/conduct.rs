//! Commands that the hub's side of an app runs itself (`runs = "hub"` in their description): work that needs
//! several instances, or none.
//!
//! In comes an allowed call; the app's [`App::conduct`](crate::app::App::conduct) does the work with a
//! [`Podium`] in its hand; out goes one outcome, by way of journal and feed, like that of any call. It holds no
//! lane and no instance while it runs. What it starts ends with it, what it asked for and did not wait for is
//! cancelled. It decides nothing about who may what: the walk of the desk did, and does again for each call that
//! is asked from here, with the scopes of the caller.
//!
//! ```text
//! taken ─> running ─> ended
//!             │ cancelled, out of time, the hub stops
//!             └──> told to end ─> ended, or given up after CONDUCT_END_MAX
//! ```

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::{CallId, Code, InstanceName, Outcome, Problem, Status};
use wire::{Opt, Step};

use crate::call::{Call, CallParts};
use crate::desk::AllowedCall;
use crate::hub::Inner as Hub;
use crate::jobs::Ran;
use crate::limits;

mod podium;

pub use podium::Podium;

/// The name that stands for the hub where the instance of a call is told.
pub const HUB: &str = "hub";

/// The work of one call.
pub type Conducting = Pin<Box<dyn Future<Output = Conducted> + Send>>;

/// What came of it. With a problem the call has failed (or was cancelled, when that was asked for); a value may
/// stand beside it.
#[derive(Debug)]
pub struct Conducted {
    pub value: Value,
    pub problem: Option<Problem>,
}

impl From<Result<Value, Problem>> for Conducted {
    fn from(result: Result<Value, Problem>) -> Self {
        match result {
            Ok(value) => Self {
                value,
                problem: None,
            },
            Err(problem) => Self {
                value: Value::Null,
                problem: Some(problem),
            },
        }
    }
}

/// The calls that the hub runs itself.
#[derive(Default)]
pub(crate) struct Conductors {
    running: Mutex<HashMap<CallId, CancellationToken>>,
    tasks: TaskTracker,
}

/// Why a call was told to end.
#[derive(Clone, Copy)]
enum Told {
    Cancelled,
    TimedOut,
    Stopping,
}

impl Conductors {
    /// Tells a call to end; `false` when the hub does not run it (any more).
    pub(crate) fn cancel(&self, id: &CallId) -> bool {
        let running = self.lock();
        running.get(id).inspect(|token| token.cancel()).is_some()
    }

    /// Waits until all have ended, which they are told by the hub's own stop.
    pub(crate) async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, CancellationToken>> {
        self.running
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Refuses an instance where none is needed.
pub(crate) fn needs_no_instance(
    command: &str,
    instance: Option<&InstanceName>,
) -> Result<(), Problem> {
    match instance {
        Some(name) if name.as_str() != HUB => Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`{command}` runs on the hub itself, not on `{name}`."),
        )
        .hint(wire::hint!["Leave out ", Opt::Instance, "."])),
        _ => Ok(()),
    }
}

/// Takes the call and lets it run.
///
/// # Errors
/// `queue_full` when too many of the kind run, `not_supported` when the app's commands are only announced.
pub(crate) fn start(hub: &Arc<Hub>, allowed: &AllowedCall) -> Result<Arc<Call>, Problem> {
    let checked = allowed.checked();
    let call = Call::new(CallParts {
        correlation_id: checked.correlation_id.clone(),
        parent_id: checked.parent_id.clone(),
        app: checked.app.id.clone(),
        instance: HUB.into(),
        command: checked.command.spec.name.clone(),
        effect: checked.command.spec.effect,
        concurrent: true,
        caller: checked.caller.clone(),
        timeout: checked.timeout,
        args: Arc::new(checked.args.clone()),
        marked: Arc::clone(&checked.command.marked),
        revision: None,
        group: checked.group.clone(),
    });
    let call = Arc::new(call.about(checked.subject.clone()));
    begin(hub, &call)?;
    Ok(call)
}

/// Takes a call that is made, an attempt of a job too, and lets it run.
///
/// # Errors
/// As [`start`].
pub(crate) fn begin(hub: &Arc<Hub>, call: &Arc<Call>) -> Result<(), Problem> {
    let entry = hub.catalog.app(&call.app)?;
    let app = entry.app.clone().ok_or_else(|| {
        Problem::new(
            Code::NOT_SUPPORTED,
            format!(
                "The hub has no part of {} that could run `{}`.",
                entry.title, call.command
            ),
        )
    })?;
    let ends = CancellationToken::new();
    {
        let mut running = hub.conductors.lock();
        if running.len() >= limits::CONDUCTED_MAX {
            return Err(Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "The hub is already running {} commands of its own.",
                    running.len()
                ),
            )
            .hint(wire::hint![
                "Wait for some to end, or cancel some: ",
                Step::history_of("running"),
            ]));
        }
        running.insert(call.id.clone(), ends.clone());
    }
    hub.records.taken(call);
    let podium = Podium::new(hub, call, (*call.args()).clone(), ends);
    let conductors = hub.conductors.tasks.clone();
    conductors.spawn(run(Arc::clone(hub), Arc::clone(call), app, podium));
    Ok(())
}

async fn run(hub: Arc<Hub>, call: Arc<Call>, app: Arc<dyn crate::app::App>, podium: Podium) {
    let began = tokio::time::Instant::now();
    call.set_started();
    hub.records.started(&call, &HUB.into());
    let ends = podium.ends.clone();
    // A task of its own: a fault in it is its own outcome and not the end of this one.
    let mut work = tokio::spawn(app.conduct(podium.clone()));
    let told = tokio::select! {
        done = &mut work => Err(done),
        () = ends.cancelled() => Ok(Told::Cancelled),
        () = tokio::time::sleep(call.timeout) => Ok(Told::TimedOut),
        () = hub.stopping.cancelled() => Ok(Told::Stopping),
    };
    let (told, done) = match told {
        // It may have heard first.
        Err(done) if hub.stopping.is_cancelled() => (Some(Told::Stopping), Some(done)),
        Err(done) if ends.is_cancelled() => (Some(Told::Cancelled), Some(done)),
        Err(done) => (None, Some(done)),
        Ok(told) => {
            ends.cancel();
            (Some(told), ended_in_time(&mut work).await)
        }
    };
    let done = done.map(|done| done.unwrap_or_else(|error| fault(&call, &error)));
    podium.leave_nothing().await;
    let outcome = Outcome {
        output: podium.output(),
        duration_ms: began.elapsed().as_secs_f64() * 1e3,
        ..outcome(&call, told, done)
    };
    hub.conductors.lock().remove(&call.id);
    hub.records.settle(&call, outcome, Ran::Yes);
}

/// What it came to after it was told to end; nothing when it did not hear.
async fn ended_in_time(
    work: &mut JoinHandle<Conducted>,
) -> Option<Result<Conducted, tokio::task::JoinError>> {
    let done = tokio::time::timeout(limits::CONDUCT_END_MAX, &mut *work)
        .await
        .ok();
    if done.is_none() {
        work.abort();
    }
    done
}

fn fault(call: &Call, error: &tokio::task::JoinError) -> Conducted {
    tracing::error!(call = %call.id, command = call.command, %error, "a command of the hub's own broke");
    Err(Problem::new(
        Code::INTERNAL,
        format!("`{}` failed because of a fault in Kapelle.", call.command),
    ))
    .into()
}

fn outcome(call: &Call, told: Option<Told>, done: Option<Conducted>) -> Outcome {
    let (value, problem) = match done {
        Some(done) => (done.value, done.problem),
        None => (
            Value::Null,
            Some(Problem::new(
                Code::CANCELLED,
                format!(
                    "`{}` was told to stop, did not respond, and was given up.",
                    call.command
                ),
            )),
        ),
    };
    let Some(problem) = problem else {
        // It was done when it was told.
        let mut outcome =
            Outcome::without_value(Status::Succeeded, Problem::new(Code::INTERNAL, ""));
        outcome.problem = None;
        outcome.value = value;
        return outcome;
    };
    let (status, problem) = match told {
        None => (Status::Failed, problem),
        Some(Told::Cancelled) => (Status::Cancelled, problem),
        Some(Told::TimedOut) => (
            Status::TimedOut,
            Problem {
                code: Code::TIMED_OUT,
                message: format!(
                    "`{}` reached its time limit of {} s. {}",
                    call.command,
                    call.timeout.as_secs(),
                    problem.message
                ),
                ..problem
            },
        ),
        Some(Told::Stopping) => (
            Status::Interrupted,
            Problem {
                code: Code::HUB_STOPPING,
                message: format!("The hub was stopped. {}", problem.message),
                retryable: true,
                ..problem
            },
        ),
    };
    let mut outcome = Outcome::without_value(status, problem).in_line();
    outcome.value = value;
    outcome
}
