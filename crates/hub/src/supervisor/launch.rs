//! A process is made: prepared by its app, given its environment and its log, written down as ours.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::Step;
use wire::{Code, InstanceName, Problem};

use super::confined::{self, Walls};
use super::run_file::{RunFile, run_file};
use super::{Supervisor, stop};
use crate::app::{App, Launch, LaunchRequest};
use crate::home::{create_private, write_private};
use crate::hub::Inner as Hub;
use crate::limits;
use crate::places;
use crate::roster::{Instance, birth};

impl Supervisor {
    pub(super) async fn launch(
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
                Problem::new(Code::INTERNAL, "The start could not be prepared.")
            })??;
        let walls = match request.confined {
            Some(true) => Some(Walls::of(hub, launch_id)?),
            _ => None,
        };
        // Once the launch is settled: of the process before this one nothing is left.
        confined::forget(hub, self.set_walls(&instance.name, walls.clone()));
        let files = self.files_of(&instance.name, request);
        let mut child = spawn(
            hub,
            &instance.name,
            launch_id,
            &launch,
            walls.as_ref(),
            &files,
        )
        .await?;
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
            walls,
        };
        let text = serde_json::to_vec_pretty(&run).unwrap_or_default();
        if let Err(error) = write_private(&run_file(hub, &instance.name), &text) {
            tracing::warn!(%error, instance = %instance.name, "the run file cannot be written; after a restart the hub will not know this process as its own");
        }
        Ok(child)
    }

    /// Gives what was kept before.
    pub(super) fn set_walls(&self, name: &InstanceName, walls: Option<Walls>) -> Option<Walls> {
        let mut all = self.lock();
        let owned = all.get_mut(name)?;
        std::mem::replace(&mut owned.walls, walls)
    }

    /// What it opens now, and what it was first started with: a recovery copy still looks for what lay beside the file.
    fn files_of(&self, name: &InstanceName, request: &LaunchRequest) -> Vec<PathBuf> {
        let first = self
            .lock()
            .get(name)
            .and_then(|owned| owned.request.file.clone());
        request.file.clone().into_iter().chain(first).collect()
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
}

pub(super) fn stopped_meanwhile(name: &InstanceName) -> Problem {
    Problem::new(
        Code::START_FAILED,
        format!("`{name}` was stopped before it connected."),
    )
    .hint("If that was not intended, start it again.")
}

pub(super) fn start_failed(hub: &Hub, name: &InstanceName, what: &str) -> Problem {
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
        "The details show the end of its output; all of it is in {}.",
        log.display()
    ))
    .detail("log", log.display().to_string())
    .detail("output", tail.join("\n"))
}

async fn spawn(
    hub: &Hub,
    name: &InstanceName,
    launch_id: &str,
    launch: &Launch,
    walls: Option<&Walls>,
    files: &[PathBuf],
) -> Result<Child, Problem> {
    let log = log_file(hub, name);
    keep_older_logs(&log);
    let cannot = |what: &str, error: &std::io::Error| {
        Problem::new(Code::START_FAILED, format!("{what}: {error}.")).hint(wire::hint![
            "Look for the cause: ",
            Step::terminal("doctor")
        ])
    };
    let out = create_private(&log)
        .map_err(|e| cannot(&format!("{} cannot be written", log.display()), &e))?;
    let err = out
        .try_clone()
        .map_err(|e| cannot("The log cannot be shared", &e))?;
    let folders = serde_json::to_string(&places::folders(hub)).unwrap_or_default();
    let env = [
        ("KAPELLE_HOME", hub.home.root().into()),
        ("KAPELLE_LAUNCH", launch_id.into()),
        ("KAPELLE_NAME", name.as_str().into()),
        ("KAPELLE_FOLDERS", folders.into()),
    ];
    let (mut command, plan) = match walls {
        Some(walls) => {
            let env = env.into_iter().map(|(key, value)| {
                let value = OsString::into_string(value).unwrap_or_default();
                (key.to_owned(), value)
            });
            let (command, plan) =
                confined::launcher(hub, name, walls, launch, files, env.collect())?;
            (command, Some(plan))
        }
        None => {
            let mut command = Command::new(&launch.program);
            command
                .args(&launch.args)
                .envs(launch.env.iter().map(|(key, value)| (key, value)))
                .envs(env)
                .stdin(Stdio::null());
            (command, None)
        }
    };
    command
        .stdout(out)
        .stderr(err)
        // It outlives a hub that is killed: its calls go on and are asked for again.
        .kill_on_drop(false);
    // A group of its own: Ctrl-C in the hub's terminal is not for it, and its children can be ended with it.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        cannot(
            &format!("{} cannot be started", launch.program.display()),
            &error,
        )
    })?;
    if let (Some(plan), Some(mut stdin)) = (plan, child.stdin.take()) {
        // A launcher that does not take it has ended, and its log says why.
        stdin.write_all(plan.as_bytes()).await.ok();
    }
    Ok(child)
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
