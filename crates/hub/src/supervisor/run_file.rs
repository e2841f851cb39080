//! What a hub that comes later knows its processes by: a file for each in `run/instances/`.
//!
//! In comes what was launched; out come, after a hub was killed, the processes that it had.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;
use wire::InstanceName;

use crate::confine::walls::Walls;
use crate::launch::LaunchRequest;
use crate::process::{age, birth, is_alive};

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
    pub(super) fn launched_at(&self) -> Option<Instant> {
        // A wall's clock that was set back makes it young, not wrong.
        let by_wall = || Some(self.launched?.elapsed().unwrap_or_default());
        let age = age(self.pid).or_else(by_wall)?;
        Instant::now().checked_sub(age)
    }

    /// A number is given again some day: the time of birth tells an old process from another one.
    pub(super) fn lives(&self) -> bool {
        is_alive(self.pid) && self.born == birth(self.pid)
    }
}

/// The runs that a hub before this one has left, with their files; one that cannot be read is none.
pub(super) fn left_by_earlier(
    home: &Path,
    gather: impl Fn(&mut Map<String, Value>),
) -> Vec<(PathBuf, Option<RunFile>)> {
    let entries = std::fs::read_dir(home.join("run/instances"))
        .into_iter()
        .flatten();
    let of = |path: PathBuf| {
        let bytes = std::fs::read(&path).ok();
        (path, bytes.and_then(|bytes| read(&bytes, &gather)))
    };
    entries.flatten().map(|entry| of(entry.path())).collect()
}

fn read(bytes: &[u8], gather: impl Fn(&mut Map<String, Value>)) -> Option<RunFile> {
    let mut run: Value = serde_json::from_slice(bytes).ok()?;
    // An earlier version had the app's options beside the other members.
    if let Some(request) = run.get_mut("request").and_then(Value::as_object_mut) {
        gather(request);
    }
    serde_json::from_value(run).ok()
}

/// The port on which confined processes of an earlier hub still dial, if there are any.
#[must_use]
pub fn port_of_earlier(home: &Path) -> Option<u16> {
    let runs = left_by_earlier(home, |_| {}).into_iter();
    runs.filter_map(|(_, run)| run)
        .filter(|run| is_alive(run.pid))
        .find_map(|run| Some(run.walls?.port()))
}

/// What a hub that comes later can read it can write again.
#[cfg(fuzzing)]
pub(crate) fn fuzzing_run_file(bytes: &[u8]) {
    if let Ok(run) = serde_json::from_slice::<RunFile>(bytes) {
        serde_json::to_vec(&run).expect("a run file is JSON");
    }
}
