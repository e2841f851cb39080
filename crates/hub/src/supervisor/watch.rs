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
use wire::{Code, InstanceName, Mode, Problem};

use super::bounds::{self, Over};
use super::{Supervisor, app_of, stop};
use crate::app::LaunchRequest;
use crate::home::random_hex;
use crate::hub::Inner as Hub;
use crate::limits;
use crate::recovery;
use crate::roster::{Instance, is_alive};

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

/// Waits for the end of a process, over and over, until it is not started again.
pub(super) async fn watch(
    hub: Arc<Hub>,
    instance: Arc<Instance>,
    mut process: Process,
    ours: CancellationToken,
) {
    let mut first = true;
    // The copy that it was last started from: one that dies again before it keeps another has that work.
    let mut copy = None;
    loop {
        let over = tokio::select! {
            how = ended(&hub, &instance, &mut process, first) => Err(how),
            over = bounds::over(&hub, &instance) => Ok(over),
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
                tracing::warn!(instance = %instance.name, problem = %why, "its memory is over");
                stop::kill(process.pid());
                process.ended().await;
                why
            }
            Ok(Over::Time(why)) => {
                tracing::info!(instance = %instance.name, problem = %why, "its time is over");
                instance.lane.leaves_because(&why);
                stop::end_because(&hub, &instance, false, &why).await;
                process.ended().await;
                return;
            }
        };
        let dead = instance.pid();
        // What it said last is in the socket still: whether a call had started, above all.
        instance.lane.until_down(limits::LAST_WORDS_TIMEOUT).await;
        let (mut request, delay, restarts) = match hub.supervisor.after_end(&instance.name, &ours) {
            Next::Nothing => return,
            Next::GiveUp => {
                let why = given_up(why, &hub, &instance);
                return leave(&hub, &instance, &why, &ours);
            }
            Next::Again(request, delay, restarts) => (request, delay, restarts),
        };
        instance.lane.gone(&comes_back(why), true);
        instance.set_restarts(restarts);
        instance.tell_if_changed(&hub);
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = ours.cancelled() => return,
            () = hub.stopping.cancelled() => return,
        }
        copy = recovery::newest(&hub.home, &instance.name, dead)
            .or(copy)
            .filter(|path| path.is_file());
        if copy.is_some() {
            request.file.clone_from(&copy);
        }
        match relaunch(&hub, &instance, &request, &ours).await {
            Ok(child) => process = Process::Child(child),
            Err(problem) => return leave(&hub, &instance, &problem, &ours),
        }
    }
}

fn comes_back(why: Problem) -> Problem {
    why.hint_also(wire::hint![
        "It is being started again, from its newest recovery copy if there is one. Look at its state before you repeat the call: ",
        Step::State,
    ])
}

fn leave(hub: &Hub, instance: &Instance, why: &Problem, ours: &CancellationToken) {
    instance.lane.gone(why, false);
    hub.supervisor.disown(hub, &instance.name, ours);
    instance.tell_if_changed(hub);
}

/// How a process ended, for people. One that does not connect in time is ended; at the first start
/// who asked for it waits and decides, and the process of an earlier hub is left alone.
async fn ended(hub: &Hub, instance: &Instance, process: &mut Process, first: bool) -> String {
    let late = hub.supervisor.late(&instance.name);
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
    instance.tell_if_changed(hub);
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
                "how is not known, another hub started it".to_owned()
            }
        }
    }
}

impl Supervisor {
    /// Resolves when the process that lives now should have connected and has not; never, when it has.
    fn late(&self, name: &InstanceName) -> impl Future<Output = ()> + use<> {
        let waiter = self
            .lock()
            .get(name)
            .filter(|owned| owned.since.is_none())
            .map(|owned| owned.connected.subscribe());
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

    fn after_end(&self, name: &InstanceName, ours: &CancellationToken) -> Next {
        let mut all = self.lock();
        let Some(owned) = all.get_mut(name).filter(|_| !ours.is_cancelled()) else {
            return Next::Nothing;
        };
        let lived = owned.adopted || *owned.connected.borrow() > 0;
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
}

fn given_up(why: Problem, hub: &Hub, instance: &Instance) -> Problem {
    let again = wire::hint![
        "Start it again: ",
        Step::start_again(&instance.app, &instance.name),
    ];
    let owned = hub.supervisor.lock();
    match owned.get(&instance.name) {
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
    hub: &Arc<Hub>,
    instance: &Arc<Instance>,
    request: &LaunchRequest,
    ours: &CancellationToken,
) -> Result<Child, Problem> {
    let app = app_of(hub, request)?;
    let launch_id = random_hex(16)?;
    instance.set_launch(&launch_id);
    hub.supervisor
        .launch(hub, app, instance, request, &launch_id, ours)
        .await
}
