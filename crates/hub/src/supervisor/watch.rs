//! Waits for the end of a process, and starts it again as long as that makes sense.
//!
//! One task for each owned name. It ends when the process is not started again, or when somebody else
//! has ended the ownership (a stop); then it touches nothing any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::process::Child;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::Step;
use wire::{Code, Mode, Problem};

use super::bounds::{self, Over};
use super::own::Supervisor;
use super::run_file::{self, RunFile};
use super::stop;
use crate::home::random_hex;
use crate::instance::Instance;
use crate::launch::LaunchRequest;
use crate::launch_options;
use crate::limits;
use crate::process::is_alive;
use crate::recovery;

/// A process to wait for: our child, or one of a hub that was killed.
pub(super) enum Process {
    Child(Child),
    Stranger(u32),
}

/// What is to be done about a process that ended.
enum Next {
    /// Somebody else has seen to it.
    Nothing,
    GiveUp,
    Again(Box<LaunchRequest>, Duration, u32),
}

impl Supervisor {
    /// Finds the processes of a hub that was killed. Those that live are waited for, and watched like one's own.
    pub(crate) fn adopt(self: &Arc<Self>) {
        let gather = |request: &mut _| launch_options::gather(&self.catalog, request);
        for (path, run) in run_file::left_by_earlier(self.home.root(), gather) {
            let Some(run) = run.filter(RunFile::lives) else {
                std::fs::remove_file(&path).ok();
                continue;
            };
            let reserved = self
                .roster
                .reserve(Some(&run.name), &run.launch, &run.request);
            let Ok(instance) = reserved else { continue };
            instance.set_pid(Some(run.pid));
            instance.set_labels(&run.request.labels);
            let launched = run.launched_at();
            let ours = self.own(&instance, run.request, Some((run.pid, launched)));
            self.set_walls(&instance, run.walls);
            tracing::info!(instance = %instance.name, pid = run.pid, "was started before this hub");
            let process = Process::Stranger(run.pid);
            tokio::spawn(watch(Arc::clone(self), instance, process, ours));
        }
    }
}

/// Waits for the end of a process, over and over, until it is not started again.
pub(super) async fn watch(
    supervisor: Arc<Supervisor>,
    instance: Arc<Instance>,
    mut process: Process,
    ours: CancellationToken,
) {
    let mut first = true;
    // The copy that it was last started from: one that dies again before it keeps another has that work.
    let mut copy = None;
    loop {
        let over = tokio::select! {
            how = ended(&instance, &mut process, first) => Err(how),
            over = bounds::over(&instance) => Ok(over),
        };
        first = false;
        let why = match over {
            Err(how) => {
                tracing::info!(instance = %instance.name, how, "the process ended");
                Problem::new(
                    Code::INTERRUPTED,
                    format!("The process of `{}` ended ({how}).", instance.name),
                )
            }
            Ok(Over::Memory(why)) => {
                tracing::warn!(instance = %instance.name, problem = %why, "it reached its memory \
                 limit");
                stop::kill(process.pid());
                process.ended().await;
                why
            }
            Ok(Over::Time(why)) => {
                tracing::info!(instance = %instance.name, problem = %why, "it reached its time \
                 limit");
                instance.lane.leaves_because(&why);
                supervisor.end_because(&instance, false, &why).await;
                process.ended().await;
                return;
            }
        };
        let dead = instance.pid();
        // What it said last is in the socket still: whether a call had started, above all.
        instance.lane.until_down(limits::LAST_WORDS_TIMEOUT).await;
        let (mut request, delay, restarts) = match after_end(&instance, &ours) {
            Next::Nothing => return,
            Next::GiveUp => {
                let why = given_up(why, &instance);
                return leave(&supervisor, &instance, &why, &ours);
            }
            Next::Again(request, delay, restarts) => (request, delay, restarts),
        };
        instance.lane.gone(&comes_back(why), true);
        instance.set_restarts(restarts);
        instance.tell_if_changed();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = ours.cancelled() => return,
            () = supervisor.stopping.cancelled() => return,
        }
        copy = recovery::newest(&supervisor.home, &instance.name, dead)
            .or(copy)
            .filter(|path| path.is_file());
        if copy.is_some() {
            request.file.clone_from(&copy);
        }
        match relaunch(&supervisor, &instance, &request, &ours).await {
            Ok(child) => process = Process::Child(child),
            Err(problem) => return leave(&supervisor, &instance, &problem, &ours),
        }
    }
}

fn comes_back(why: Problem) -> Problem {
    why.hint_also(wire::hint![
        "It is being started again, from its newest recovery copy if there is one. Look at its state before you repeat the call: ",
        Step::State,
    ])
}

fn leave(supervisor: &Supervisor, instance: &Instance, why: &Problem, ours: &CancellationToken) {
    instance.lane.gone(why, false);
    supervisor.disown(instance, ours);
    instance.tell_if_changed();
}

/// How a process ended, for people. One that does not connect in time is ended; at the first start
/// who asked for it waits and decides, and the process of an earlier hub is left alone.
async fn ended(instance: &Instance, process: &mut Process, first: bool) -> String {
    let late = late(instance);
    if first && matches!(process, Process::Child(_)) {
        return process.ended().await;
    }
    tokio::select! {
        how = process.ended() => return how,
        () = late => {}
    }
    let seconds = limits::START_TIMEOUT.as_secs();
    let what = format!("did not connect within {seconds} s");
    if let Process::Child(_) = process {
        stop::kill(process.pid());
        process.ended().await;
        return what;
    }
    let why = Problem::new(
        Code::INTERRUPTED,
        format!(
            "The program of `{}` {what}; it was started before this hub.",
            instance.name
        ),
    )
    .hint(wire::hint!["End it: ", Step::force_stop(&instance.name)]);
    instance.lane.gone(&why, false);
    instance.tell_if_changed();
    process.ended().await
}

impl Process {
    fn pid(&self) -> Option<u32> {
        match self {
            Self::Child(child) => child.id(),
            Self::Stranger(pid) => Some(*pid),
        }
    }

    /// How it ended, for people.
    async fn ended(&mut self) -> String {
        match self {
            Self::Child(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => format!("unknown: {error}"),
            },
            Self::Stranger(pid) => {
                let mut look = tokio::time::interval(limits::PROCESS_LOOK);
                while is_alive(*pid) {
                    look.tick().await;
                }
                "how is unknown, because another hub started it".to_owned()
            }
        }
    }
}

/// Resolves when the process that lives now should have connected and has not; never, when it has.
fn late(instance: &Instance) -> impl Future<Output = ()> + use<> {
    let waiter = instance
        .owned()
        .as_ref()
        .filter(|owned| owned.since.is_none())
        .map(|owned| owned.connects.subscribe());
    async move {
        let Some(mut waiter) = waiter else {
            return std::future::pending().await;
        };
        let came = tokio::time::timeout(limits::START_TIMEOUT, waiter.changed()).await;
        if came.is_ok() {
            std::future::pending::<()>().await;
        }
    }
}

fn after_end(instance: &Instance, ours: &CancellationToken) -> Next {
    let mut owned = instance.owned();
    let Some(owned) = owned.as_mut().filter(|_| !ours.is_cancelled()) else {
        return Next::Nothing;
    };
    let lived = owned.adopted || *owned.connects.borrow() > 0;
    if owned.stopping || owned.request.mode == Mode::Gui || !lived {
        return Next::GiveUp;
    }
    if owned
        .since
        .is_some_and(|since: Instant| since.elapsed() > limits::RESTART_FORGIVEN_AFTER)
    {
        owned.restarts = 0;
    }
    if owned.restarts >= limits::RESTARTS_MAX {
        return Next::GiveUp;
    }
    let delay = limits::RESTART_DELAY_MIN * 2u32.pow(owned.restarts.min(10));
    owned.restarts += 1;
    Next::Again(
        Box::new(owned.request.clone()),
        delay.min(limits::RESTART_DELAY_MAX),
        owned.restarts,
    )
}

fn given_up(why: Problem, instance: &Instance) -> Problem {
    let again = wire::hint![
        "Start it again: ",
        Step::start_again(&instance.app, &instance.name),
    ];
    match &*instance.owned() {
        Some(owned) if owned.restarts >= limits::RESTARTS_MAX => Problem::new(
            Code::START_FAILED,
            format!(
                "{} It has failed {} times in a row and is not restarted again.",
                why.message, owned.restarts
            ),
        )
        .hint(again),
        _ => why.hint(again),
    }
}

async fn relaunch(
    supervisor: &Supervisor,
    instance: &Instance,
    request: &LaunchRequest,
    ours: &CancellationToken,
) -> Result<Child, Problem> {
    let app = supervisor.app_of(request)?;
    let launch_id = random_hex(16)?;
    instance.set_launch(&launch_id);
    supervisor
        .launch(app, instance, request, &launch_id, ours)
        .await
}
