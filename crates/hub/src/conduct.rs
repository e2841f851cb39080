//! Commands that the hub's side of an app runs itself (`runs = "hub"` in their description): work that needs
//! several instances, or none.
//!
//! In comes an allowed call; the app's [`App::conduct`] does the work with a [`CommandContext`](crate::command_context)
//! in its hand; out goes one outcome, by way of journal and feed, like that of any call. It holds no lane and no instance
//! while it runs. What it starts ends with it, what it asked for and did not wait for is cancelled. It decides nothing
//! about who may what: the walk of the desk did, and does again for each call that is asked from here, with the scopes of
//! the caller.
//!
//! ```text
//! taken ─> running ─> ended
//!             │ cancelled, out of time, the hub stops
//!             └──> told to end ─> ended, or given up after CONDUCT_END_MAX
//! ```

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Step;
use wire::{CallId, Code, Outcome, Output, Problem, Status};

use crate::app::App;
use crate::call::Call;
use crate::catalog::Catalog;
use crate::command_context::{Conducted, Context};
use crate::corridor::{CheckedCall, HUB, Ran};
use crate::limits;
use crate::records::Records;

/// The calls that the hub runs itself.
pub(crate) struct Conductors {
    catalog: Arc<Catalog>,
    records: Records,
    stopping: CancellationToken,
    contexts: OnceLock<Box<dyn Contexts>>,
    running: Mutex<HashMap<CallId, Running>>,
    tasks: TaskTracker,
}

/// Who makes the context of a call: it reaches all that a command may use.
pub(crate) trait Contexts: Send + Sync {
    /// Nothing when the hub is gone.
    fn open(&self, call: &Arc<Call>, ends: CancellationToken) -> Option<Arc<dyn Opened>>;
}

/// A context that was opened for one call, for who runs the call.
pub(crate) trait Opened: Send + Sync {
    fn context(self: Arc<Self>) -> Context;
    /// What it printed.
    fn output(&self) -> Output;
    /// Sees that nothing of it goes on when it has ended.
    fn leave_nothing(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

struct Running {
    call: Arc<Call>,
    ends: CancellationToken,
}

/// Why a call was told to end.
#[derive(Clone, Copy)]
enum Told {
    Cancelled,
    TimedOut,
    Stopping,
}

impl Conductors {
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        records: Records,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            catalog,
            records,
            stopping,
            contexts: OnceLock::new(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Names who makes the contexts, once.
    pub(crate) fn use_contexts(&self, contexts: Box<dyn Contexts>) {
        self.contexts.set(contexts).ok();
    }

    /// Takes the call and lets it run.
    ///
    /// # Errors
    /// `queue_full` when too many of the kind run, `not_supported` when the app's commands are only announced.
    pub(crate) fn start(self: &Arc<Self>, checked: &CheckedCall) -> Result<Arc<Call>, Problem> {
        let mut parts = checked.parts(HUB.into());
        // No app's file is looked at, and it waits for no other call.
        (parts.revision, parts.concurrent) = (None, true);
        let call = Arc::new(Call::new(parts).about(checked.subject.clone()));
        self.begin(&call)?;
        Ok(call)
    }

    /// Takes a call that is made, an attempt of a job too, and lets it run.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn begin(self: &Arc<Self>, call: &Arc<Call>) -> Result<(), Problem> {
        let app = self.app_of(call)?;
        let ends = CancellationToken::new();
        self.enter(call, &ends)?;
        let opened = self
            .contexts
            .get()
            .and_then(|contexts| contexts.open(call, ends.clone()));
        let Some(opened) = opened else {
            self.lock().remove(&call.id);
            return Err(Problem::new(
                Code::HUB_STOPPING,
                "The hub is shutting down.",
            ));
        };
        self.records.taken(call);
        let (conductors, call) = (Arc::clone(self), Arc::clone(call));
        self.tasks
            .spawn(async move { conductors.run(call, app, opened, ends).await });
        Ok(())
    }

    /// Tells a call to end; `false` when the hub does not run it (any more).
    pub(crate) fn cancel(&self, id: &CallId) -> bool {
        let running = self.lock();
        running.get(id).inspect(|one| one.ends.cancel()).is_some()
    }

    /// Tells all calls to end that fit.
    pub(crate) fn cancel_where(&self, fits: &dyn Fn(&Call) -> bool) {
        let running = self.lock();
        let fitting = running.values().filter(|one| fits(&one.call));
        fitting.for_each(|one| one.ends.cancel());
    }

    /// Waits until all have ended, which they are told by the hub's own stop.
    pub(crate) async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn app_of(&self, call: &Call) -> Result<Arc<dyn App>, Problem> {
        let entry = self.catalog.app(&call.app)?;
        entry.app.clone().ok_or_else(|| {
            Problem::new(
                Code::NOT_SUPPORTED,
                format!(
                    "The hub has no component of {} that could run `{}`.",
                    entry.title, call.command
                ),
            )
        })
    }

    /// A place among those that run.
    fn enter(&self, call: &Arc<Call>, ends: &CancellationToken) -> Result<(), Problem> {
        let mut running = self.lock();
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
        // Jobs have turns of their own.
        let own = running
            .values()
            .filter(|one| one.call.caller.id == call.caller.id && !one.call.is_attempt())
            .count();
        if !call.is_attempt() && own >= limits::CONDUCTED_PER_CALLER_MAX {
            return Err(Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "The hub is already running {own} commands of its own for `{}`.",
                    call.caller.name
                ),
            )
            .hint(
                "Wait for some of them, cancel some, or ask for jobs, which wait for their turn.",
            ));
        }
        let one = Running {
            call: Arc::clone(call),
            ends: ends.clone(),
        };
        running.insert(call.id.clone(), one);
        Ok(())
    }

    async fn run(
        &self,
        call: Arc<Call>,
        app: Arc<dyn App>,
        opened: Arc<dyn Opened>,
        ends: CancellationToken,
    ) {
        let began = tokio::time::Instant::now();
        call.set_started();
        self.records.started(&call, &HUB.into());
        // A task of its own: a fault in it is its own outcome and not the end of this one.
        let mut work = tokio::spawn(app.conduct(Arc::clone(&opened).context()));
        let told = tokio::select! {
            done = &mut work => Err(done),
            () = ends.cancelled() => Ok(Told::Cancelled),
            () = tokio::time::sleep(call.timeout) => Ok(Told::TimedOut),
            () = self.stopping.cancelled() => Ok(Told::Stopping),
        };
        let (told, done) = match told {
            // It may have heard first.
            Err(done) if self.stopping.is_cancelled() => (Some(Told::Stopping), Some(done)),
            Err(done) if ends.is_cancelled() => (Some(Told::Cancelled), Some(done)),
            Err(done) => (None, Some(done)),
            Ok(told) => {
                ends.cancel();
                (Some(told), ended_in_time(&mut work).await)
            }
        };
        let done = done.map(|done| done.unwrap_or_else(|error| fault(&call, &error)));
        opened.leave_nothing().await;
        let outcome = Outcome {
            output: opened.output(),
            duration_ms: began.elapsed().as_secs_f64() * 1e3,
            ..outcome(&call, told, done)
        };
        self.lock().remove(&call.id);
        self.records.settle(&call, outcome, Ran::Yes);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Running>> {
        self.running
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
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
    tracing::error!(call = %call.id, command = call.command, %error, "a command that the hub runs \
     failed");
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
