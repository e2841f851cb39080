//! What a hub that comes later knows its processes by: a file for each in `run/instances/`.
//!
//! In comes what was launched; out come, after a hub was killed, the processes that still live. They are watched like
//! one's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wire::InstanceName;

use super::Supervisor;
use super::confined::Walls;
use super::watch::{self, Process};
use crate::app::LaunchRequest;
use crate::hub::Inner as Hub;
use crate::roster::{age, birth, is_alive};

/// `run/instances/NAME.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct RunFile {
    pub(super) name: InstanceName,
    pub(super) launch: String,
    pub(super) pid: u32,
    /// When the process was born, where the system tells.
    #[serde(default)]
    pub(super) born: Option<u64>,
    /// By the clock of the wall, for a hub that comes later and whose system does not say how old a process is.
    #[serde(default)]
    pub(super) launched: Option<SystemTime>,
    pub(super) request: LaunchRequest,
    /// Of a confined process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) walls: Option<Walls>,
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
            self.set_walls(&instance.name, run.walls);
            tracing::info!(instance = %instance.name, pid = run.pid, "runs since before this hub");
            let process = Process::Stranger(run.pid);
            tokio::spawn(watch::watch(Arc::clone(hub), instance, process, ours));
        }
    }
}

pub(super) fn run_file(hub: &Hub, name: &InstanceName) -> PathBuf {
    hub.home.join(&format!("run/instances/{name}.json"))
}

/// What a hub that comes later can read it can write again.
#[cfg(fuzzing)]
pub(crate) fn fuzzing_run_file(bytes: &[u8]) {
    if let Ok(run) = serde_json::from_slice::<RunFile>(bytes) {
        serde_json::to_vec(&run).expect("a run file is JSON");
    }
}
