//! Processes that this hub started: launched, watched, started again when they die, stopped.
//!
//! In comes a launch request; out comes a connected instance, or a problem with the end of its log.
//! Every launched process has a file in `run/instances/`, so that a hub that was killed knows its own
//! again when they dial. Only these are ever killed; a program with a window is not restarted.
//!
//! ```text
//! launched ─ handshake ─> lives ─ dies ─> waits (back-off) ─> launched
//!     └─ exits or too late ─> failed        └─ too often ─> failed
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{Code, InstanceName, InstanceState, InstanceView, Problem};

use crate::app::{App, LaunchRequest};
use crate::conduct::HUB;
use crate::home::random_hex;
use crate::hub::Inner as Hub;
use crate::limits;
use crate::roster::Instance;

mod bounds;
mod confined;
mod launch;
mod run_file;
mod stop;
mod watch;

use confined::Walls;
pub use confined::port_of_earlier;
use launch::{start_failed, stopped_meanwhile};
#[cfg(fuzzing)]
pub(crate) use run_file::fuzzing_run_file;
use run_file::run_file;
pub use stop::Stopped;
use watch::Process;

/// The processes of this hub, by the name of their instance.
#[derive(Default)]
pub(crate) struct Supervisor {
    owned: Mutex<HashMap<InstanceName, Owned>>,
    /// Held while a start finds its place.
    starts: Mutex<()>,
}

/// Where a start leads to.
enum Place {
    /// It runs already, or is just being started.
    Taken(Arc<Instance>),
    /// A place of its own, and the mark that it is ours.
    New(Arc<Instance>, CancellationToken),
}

struct Owned {
    request: LaunchRequest,
    /// Of the process that lives now, when it is confined.
    walls: Option<Walls>,
    stopping: bool,
    /// Started by a hub before this one.
    adopted: bool,
    restarts: u32,
    /// When the process that lives now was launched, by the clock that only runs.
    launched: Option<Instant>,
    /// The process that was launched; its children are in its group.
    pid: Option<u32>,
    /// When the process that lives now connected.
    since: Option<Instant>,
    /// Turns with every handshake.
    connected: Counter,
    /// Cancelled when this is owned no more: the name may be another one's by then.
    ours: CancellationToken,
}

type Counter = tokio::sync::watch::Sender<u64>;

impl Supervisor {
    pub(crate) fn owns(&self, name: &InstanceName) -> bool {
        self.lock().contains_key(name)
    }

    pub(crate) fn owned_names(&self) -> Vec<InstanceName> {
        self.lock().keys().cloned().collect()
    }

    /// Whether a process of an earlier hub has not dialled again yet.
    pub(crate) fn waits_for_adopted(&self, hub: &Hub) -> bool {
        let names: Vec<InstanceName> = self
            .lock()
            .iter()
            .filter(|(_, o)| o.adopted)
            .map(|(name, _)| name.clone())
            .collect();
        names.iter().any(|name| {
            hub.roster
                .find(name)
                .is_some_and(|found| !found.lane.is_up())
        })
    }

    /// A handshake of that instance.
    pub(crate) fn connected(&self, name: &InstanceName) {
        if let Some(owned) = self.lock().get_mut(name) {
            owned.since = Some(Instant::now());
            owned.connected.send_modify(|count| *count += 1);
        }
    }

    /// Starts a copy and waits for its handshake. A name that runs already is answered as it is.
    pub(crate) async fn start(
        &self,
        hub: &Arc<Hub>,
        request: LaunchRequest,
    ) -> Result<(InstanceView, bool), Problem> {
        let app = app_of(hub, &request)?;
        bounds::check(&request, &hub.config)?;
        check_labels(&request.labels)?;
        let launch_id = random_hex(16)?;
        let (instance, ours) = match self.place(hub, &request, &launch_id)? {
            Place::Taken(instance) => {
                let view = self.when_connected(hub, &instance).await?;
                return Ok((view, false));
            }
            Place::New(instance, ours) => (instance, ours),
        };
        let child = self
            .launch(hub, app, &instance, &request, &launch_id, &ours)
            .await;
        let child = match child {
            Ok(child) => child,
            Err(problem) => {
                self.disown(hub, &instance.name, &ours);
                hub.roster.forget(hub, &instance);
                return Err(problem);
            }
        };
        tokio::spawn(watch::watch(
            Arc::clone(hub),
            Arc::clone(&instance),
            Process::Child(child),
            ours,
        ));
        match self.when_connected(hub, &instance).await {
            Ok(view) => Ok((view, true)),
            Err(problem) => {
                stop::end(hub, &instance, true).await;
                hub.roster.forget(hub, &instance);
                Err(problem)
            }
        }
    }

    /// Stops one instance: asked first, killed only with `force` or when it does not leave.
    pub(crate) async fn stop(
        hub: &Arc<Hub>,
        name: &InstanceName,
        force: bool,
    ) -> Result<Stopped, Problem> {
        stop::stop(hub, name, force).await
    }

    /// The instance that runs under the wished name already, or a new one's place. One start after the
    /// other: two that wish the same name at once must meet at one instance.
    fn place(
        &self,
        hub: &Arc<Hub>,
        request: &LaunchRequest,
        launch_id: &str,
    ) -> Result<Place, Problem> {
        let _one_at_a_time = self
            .starts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(name) = &request.name {
            check_name(name)?;
            if let Some(instance) = hub.roster.find(name) {
                let usable = !matches!(
                    instance.view(hub).state,
                    InstanceState::Disconnected | InstanceState::Failed
                );
                if usable && instance.app != request.app {
                    return Err(Problem::new(
                        Code::NAME_TAKEN,
                        format!(
                            "`{name}` is already the name of a running {}.",
                            instance.app
                        ),
                    )
                    .hint("Choose another name."));
                }
                if usable {
                    return Ok(Place::Taken(instance));
                }
                hub.roster.forget(hub, &instance);
            }
        }
        let instance = hub.roster.reserve(
            &hub.records,
            &request.app,
            request.name.as_ref(),
            launch_id,
            request,
        )?;
        instance.set_labels(&request.labels);
        let ours = self.own(&instance.name, request.clone(), None);
        Ok(Place::New(instance, ours))
    }

    /// Waits for the handshake of an instance that was launched.
    async fn when_connected(
        &self,
        hub: &Arc<Hub>,
        instance: &Arc<Instance>,
    ) -> Result<InstanceView, Problem> {
        let waiter = self
            .lock()
            .get(&instance.name)
            .map(|owned| owned.connected.subscribe());
        if instance.lane.is_up() {
            return Ok(instance.view(hub));
        }
        let Some(mut waiter) = waiter else {
            return Err(stopped_meanwhile(&instance.name));
        };
        let came = tokio::time::timeout(limits::START_TIMEOUT, waiter.changed()).await;
        match came {
            Ok(Ok(())) => Ok(instance.view(hub)),
            // The sender is dropped when the process ended before it connected.
            Ok(Err(_)) => Err(start_failed(
                hub,
                &instance.name,
                "ended before it connected",
            )),
            Err(_) => Err(start_failed(
                hub,
                &instance.name,
                &format!(
                    "did not connect within {} s",
                    limits::START_TIMEOUT.as_secs()
                ),
            )),
        }
    }

    /// `adopted`: the process of a hub before this one.
    fn own(
        &self,
        name: &InstanceName,
        request: LaunchRequest,
        adopted: Option<(u32, Option<Instant>)>,
    ) -> CancellationToken {
        let ours = CancellationToken::new();
        let owned = Owned {
            request,
            walls: None,
            stopping: false,
            adopted: adopted.is_some(),
            restarts: 0,
            pid: adopted.map(|(pid, _)| pid),
            launched: adopted.and_then(|(_, launched)| launched),
            since: None,
            connected: Counter::new(0),
            ours: ours.clone(),
        };
        if let Some(before) = self.lock().insert(name.clone(), owned) {
            // It is just leaving: whoever sees it off must not take this one away.
            before.ours.cancel();
        }
        ours
    }

    fn disown(&self, hub: &Hub, name: &InstanceName, ours: &CancellationToken) {
        let mut all = self.lock();
        if !ours.is_cancelled() {
            ours.cancel();
            let walls = all.remove(name).and_then(|owned| owned.walls);
            confined::forget(hub, walls);
            std::fs::remove_file(run_file(hub, name)).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceName, Owned>> {
        self.owned
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn app_of(hub: &Hub, request: &LaunchRequest) -> Result<Arc<dyn App>, Problem> {
    let entry = hub.catalog.app(&request.app)?;
    entry.app.clone().ok_or_else(|| {
        Problem::new(
            Code::NOT_SUPPORTED,
            format!("The hub cannot start {}.", entry.title),
        )
        .hint("Start the program yourself; its bridge then connects by itself.")
    })
}

fn check_name(name: &InstanceName) -> Result<(), Problem> {
    if wire::id::is_plain_name(name.as_str()) && name.as_str() != HUB {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{name}` is not a valid instance name."),
    )
    .hint("Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit. `hub` is taken: it means the hub itself."))
}

fn check_labels(labels: &[String]) -> Result<(), Problem> {
    let fits = |label: &String| wire::id::is_plain_name(label);
    if labels.len() <= limits::INSTANCE_LABELS_MAX && labels.iter().all(fits) {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!(
            "An instance can have up to {} labels, each a single word.",
            limits::INSTANCE_LABELS_MAX
        ),
    )
    .hint("Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit."))
}
