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
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{Code, InstanceName, InstanceState, InstanceView, Problem};

use crate::app::{App, Launch, LaunchRequest};
use crate::conduct::HUB;
use crate::home::{create_private, random_hex, write_private};
use crate::hub::Inner as Hub;
use crate::limits;
use crate::roster::{Instance, age, birth, is_alive};

mod bounds;
mod stop;
mod watch;

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

/// `run/instances/NAME.json`.
#[derive(Serialize, Deserialize)]
struct RunFile {
    name: InstanceName,
    launch: String,
    pid: u32,
    /// When the process was born, where the system tells.
    #[serde(default)]
    born: Option<u64>,
    /// By the clock of the wall, for a hub that comes later and whose system does not say how old a process is.
    #[serde(default)]
    launched: Option<SystemTime>,
    request: LaunchRequest,
}

impl RunFile {
    /// When the process was launched, by the clock that only runs.
    fn launched_at(&self) -> Option<Instant> {
        // A wall's clock that was set back makes it young, not wrong.
        let by_wall = || Some(self.launched?.elapsed().unwrap_or_default());
        let age = age(self.pid).or_else(by_wall)?;
        Instant::now().checked_sub(age)
    }
}

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
        let request = bounds::settled(request, &hub.config)?;
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
                hub.roster.forget(&instance);
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
                hub.roster.forget(&instance);
                Err(problem)
            }
        }
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
                        format!("`{name}` is a running {}.", instance.app),
                    )
                    .hint("Choose another name."));
                }
                if usable {
                    return Ok(Place::Taken(instance));
                }
                hub.roster.forget(&instance);
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

    async fn launch(
        &self,
        hub: &Arc<Hub>,
        app: Arc<dyn App>,
        instance: &Instance,
        request: &LaunchRequest,
        launch_id: &str,
        ours: &CancellationToken,
    ) -> Result<Child, Problem> {
        let (home, wanted) = (hub.home.clone(), request.clone());
        let launch = tokio::task::spawn_blocking(move || app.launch(&home, &wanted))
            .await
            .map_err(|error| {
                tracing::error!(%error, "the launch of an app panicked");
                Problem::new(Code::INTERNAL, "The preparation of the start failed.")
            })??;
        let mut child = spawn(hub, &instance.name, launch_id, &launch)?;
        if !self.launched(&instance.name, child.id(), ours) {
            stop::kill(child.id());
            child.wait().await.ok();
            return Err(stopped_meanwhile(&instance.name));
        }
        instance.set_pid(child.id());
        let pid = child.id().unwrap_or_default();
        let run = RunFile {
            name: instance.name.clone(),
            launch: launch_id.to_owned(),
            pid,
            born: birth(pid),
            launched: Some(SystemTime::now()),
            request: request.clone(),
        };
        let text = serde_json::to_vec_pretty(&run).unwrap_or_default();
        if let Err(error) = write_private(&run_file(hub, &instance.name), &text) {
            tracing::warn!(%error, instance = %instance.name, "the run file cannot be written; after a restart the hub will not know this process as its own");
        }
        Ok(child)
    }

    /// `false` when it was stopped while it was being launched.
    fn launched(&self, name: &InstanceName, pid: Option<u32>, ours: &CancellationToken) -> bool {
        let mut all = self.lock();
        let Some(owned) = all.get_mut(name).filter(|_| !ours.is_cancelled()) else {
            return false;
        };
        owned.pid = pid;
        owned.launched = Some(Instant::now());
        owned.since = None;
        true
    }

    /// Finds the processes of a hub that was killed. Those that live are waited for.
    pub(crate) fn adopt(&self, hub: &Arc<Hub>) {
        let entries = std::fs::read_dir(hub.home.join("run/instances"))
            .into_iter()
            .flatten();
        for path in entries.flatten().map(|entry| entry.path()) {
            let run = std::fs::read(&path)
                .ok()
                .and_then(|b| serde_json::from_slice::<RunFile>(&b).ok());
            // A number is given again some day: the time of birth tells an old process from another one.
            let is_ours = |run: &RunFile| is_alive(run.pid) && run.born == birth(run.pid);
            let Some(run) = run.filter(is_ours) else {
                std::fs::remove_file(&path).ok();
                continue;
            };
            let reserved = hub.roster.reserve(
                &hub.records,
                &run.request.app,
                Some(&run.name),
                &run.launch,
                &run.request,
            );
            let Ok(instance) = reserved else { continue };
            instance.set_pid(Some(run.pid));
            instance.set_labels(&run.request.labels);
            let launched = run.launched_at();
            let ours = self.own(&instance.name, run.request, Some((run.pid, launched)));
            tracing::info!(instance = %instance.name, pid = run.pid, "runs since before this hub");
            let process = Process::Stranger(run.pid);
            tokio::spawn(watch::watch(Arc::clone(hub), instance, process, ours));
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
            all.remove(name);
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
            format!("The hub does not know how {} is started.", entry.title),
        )
        .hint("Start the program yourself; its bridge announces itself.")
    })
}

fn check_name(name: &InstanceName) -> Result<(), Problem> {
    if wire::id::is_plain_name(name.as_str()) && name.as_str() != HUB {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{name}` cannot be an instance's name."),
    )
    .hint("`hub` stands for the hub itself. Use letters, digits, `-`, `_` and `.`, at most 64, a letter or digit first."))
}

fn check_labels(labels: &[String]) -> Result<(), Problem> {
    let fits = |label: &String| wire::id::is_plain_name(label);
    if labels.len() <= limits::INSTANCE_LABELS_MAX && labels.iter().all(fits) {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!(
            "An instance has at most {} labels, each a plain word.",
            limits::INSTANCE_LABELS_MAX
        ),
    )
    .hint("Use letters, digits, `-`, `_` and `.`, at most 64, a letter or digit first."))
}

fn spawn(
    hub: &Hub,
    name: &InstanceName,
    launch_id: &str,
    launch: &Launch,
) -> Result<Child, Problem> {
    let log = log_file(hub, name);
    keep_older_logs(&log);
    let cannot = |what: &str, error: &std::io::Error| {
        Problem::new(Code::START_FAILED, format!("{what}: {error}."))
            .hint("`kapelle doctor` looks for what may be wrong.")
    };
    let out = create_private(&log)
        .map_err(|e| cannot(&format!("{} cannot be written", log.display()), &e))?;
    let err = out
        .try_clone()
        .map_err(|e| cannot("The log cannot be shared", &e))?;
    let roots = std::env::join_paths(&hub.config.files.roots).unwrap_or_default();
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .envs(launch.env.iter().map(|(key, value)| (key, value)))
        .env("KAPELLE_HOME", hub.home.root())
        .env("KAPELLE_LAUNCH", launch_id)
        .env("KAPELLE_NAME", name.as_str())
        .env("KAPELLE_ROOTS", roots)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        // It outlives a hub that is killed: its calls go on and are asked for again.
        .kill_on_drop(false);
    // A group of its own: Ctrl-C in the hub's terminal is not for it, and its children can be ended with it.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().map_err(|error| {
        cannot(
            &format!("{} cannot be started", launch.program.display()),
            &error,
        )
    })
}

fn stopped_meanwhile(name: &InstanceName) -> Problem {
    Problem::new(
        Code::START_FAILED,
        format!("`{name}` was stopped before it connected."),
    )
    .hint("Start it again if that was not meant.")
}

fn start_failed(hub: &Hub, name: &InstanceName, what: &str) -> Problem {
    let log = log_file(hub, name);
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let tail = &lines[lines.len().saturating_sub(limits::LOG_TAIL_LINES)..];
    Problem::new(
        Code::START_FAILED,
        format!("The program for `{name}` {what}."),
    )
    .hint(format!(
        "The end of its output is in the details, all of it in {}.",
        log.display()
    ))
    .detail("log", log.display().to_string())
    .detail("output", tail.join("\n"))
}

fn run_file(hub: &Hub, name: &InstanceName) -> PathBuf {
    hub.home.join(&format!("run/instances/{name}.json"))
}

fn log_file(hub: &Hub, name: &InstanceName) -> PathBuf {
    hub.home.join(&format!("logs/{name}.log"))
}

/// `x.log` becomes `x.log.1` and so on; the oldest goes.
fn keep_older_logs(log: &Path) {
    let numbered = |number: usize| {
        let mut path = log.as_os_str().to_owned();
        path.push(format!(".{number}"));
        PathBuf::from(path)
    };
    for number in (1..limits::INSTANCE_LOGS_MAX).rev() {
        std::fs::rename(numbered(number), numbered(number + 1)).ok();
    }
    std::fs::rename(log, numbered(1)).ok();
}

impl Supervisor {
    /// Stops one instance: asked first, killed only with `force` or when it does not leave.
    pub(crate) async fn stop(
        hub: &Arc<Hub>,
        name: &InstanceName,
        force: bool,
    ) -> Result<Stopped, Problem> {
        stop::stop(hub, name, force).await
    }
}

/// What a hub that comes later can read it can write again.
#[cfg(fuzzing)]
pub(crate) fn fuzzing_run_file(bytes: &[u8]) {
    if let Ok(run) = serde_json::from_slice::<RunFile>(bytes) {
        serde_json::to_vec(&run).expect("a run file is JSON");
    }
}
