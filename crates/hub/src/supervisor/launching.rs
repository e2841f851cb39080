//! A process is made: prepared by its app, given its environment and its log, written down as ours.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use wire::Step;
use wire::{Code, InstanceName, Mode, Problem};

use super::own::Supervisor;
use super::run_file::RunFile;
use super::stop;
use crate::app::App;
use crate::confine::walls::Walls;
use crate::file_access::FileAccess;
use crate::home::{create_private, write_private};
use crate::instance::Instance;
use crate::launch::{Display, Launch, LaunchRequest};
use crate::limits;
use crate::process::birth;

impl Supervisor {
    pub(super) async fn launch(
        &self,
        app: Arc<dyn App>,
        instance: &Instance,
        request: &LaunchRequest,
        launch_id: &str,
        ours: &CancellationToken,
    ) -> Result<Child, Problem> {
        let (home, wanted) = (self.home.clone(), request.clone());
        let launch = tokio::task::spawn_blocking(move || app.launch(&home, &wanted))
            .await
            .map_err(|error| {
                tracing::error!(%error, "the launch of an app panicked");
                Problem::new(Code::INTERNAL, "The start could not be prepared.")
            })??;
        let walls = match request.confined {
            Some(true) => Some(self.walls_of(launch_id)?),
            _ => None,
        };
        // Once the launch is settled: of the process before this one nothing is left.
        self.forget_walls(self.set_walls(instance, walls.clone()));
        let owned_files = instance.owned().as_ref().map(|owned| owned.files(request));
        let files = owned_files.unwrap_or_default();
        let mut child = self
            .spawn(&instance.name, launch_id, &launch, walls.as_ref(), &files)
            .await?;
        if !launched(instance, child.id(), ours) {
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
        if let Err(error) = write_private(&self.run_file(&instance.name), &text) {
            tracing::warn!(%error, instance = %instance.name, "the run file cannot be written; \
             after a restart the hub will not recognise this process as its own");
        }
        Ok(child)
    }

    /// Gives what was kept before.
    pub(super) fn set_walls(&self, instance: &Instance, walls: Option<Walls>) -> Option<Walls> {
        let mut owned = instance.owned();
        std::mem::replace(&mut owned.as_mut()?.walls, walls)
    }

    async fn spawn(
        &self,
        name: &InstanceName,
        launch_id: &str,
        launch: &Launch,
        walls: Option<&Walls>,
        files: &[PathBuf],
    ) -> Result<Child, Problem> {
        let log = self.log_file(name);
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
        let access = FileAccess {
            home: &self.home,
            roots: &self.config.files.roots,
            catalog: &self.catalog,
        };
        let folders = serde_json::to_string(&access.folders()).unwrap_or_default();
        let env = [
            ("KAPELLE_HOME", self.home.root().into()),
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
                let (command, plan) = self.launcher(name, walls, launch, files, env.collect())?;
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
}

/// `false` when it was stopped while it was being launched.
fn launched(instance: &Instance, pid: Option<u32>, ours: &CancellationToken) -> bool {
    let mut owned = instance.owned();
    let Some(owned) = owned.as_mut().filter(|_| !ours.is_cancelled()) else {
        return false;
    };
    owned.launched(pid);
    true
}

pub(super) fn stopped_meanwhile(name: &InstanceName) -> Problem {
    Problem::new(
        Code::START_FAILED,
        format!("`{name}` was stopped before it connected."),
    )
    .hint("If that was not intended, start it again.")
}

pub(super) fn start_failed(
    log: &Path,
    name: &InstanceName,
    request: &LaunchRequest,
    what: &str,
) -> Problem {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let tail = &lines[lines.len().saturating_sub(limits::LOG_TAIL_LINES)..];
    let display = request.display.clone().or_else(Display::of_this_process);
    let window = match display.map(|display| display.names().join(" and ")) {
        Some(names) if request.mode == Mode::Gui && !names.is_empty() => {
            format!(", whose window was to open on {names},")
        }
        _ => String::new(),
    };
    Problem::new(
        Code::START_FAILED,
        format!("The program for `{name}`{window} {what}."),
    )
    .hint(format!(
        "The details show the end of its output; all of it is in {}.",
        log.display()
    ))
    .detail("log", log.display().to_string())
    .detail("output", tail.join("\n"))
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
