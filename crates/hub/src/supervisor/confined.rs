//! A confined process of ours: what it is given, and what becomes of it when this is not the hub that started it.
//!
//! Its walls are those of its start. A hub that comes later tells it where it is now; one whose configuration allows less, or
//! that listens elsewhere than the walls let it dial, has it leave (with a recovery copy) and starts it again behind walls of
//! today.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use wire::{Code, InstanceName, Problem};

use super::{Supervisor, stop};
use crate::app::Launch;
use crate::confine::plan::Plan;
use crate::confine::{link_file, rules};
use crate::hub::Inner as Hub;
use crate::limits;

/// Folders of the home that callers may use by those names, made before a confined process could miss them.
const PUBLIC: [&str; 3] = ["files", "renders", "screenshots"];

/// What was open to a confined process when it was launched, as far as that may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walls {
    pub(super) launch: String,
    /// `[files] roots` of that time.
    roots: Vec<PathBuf>,
    /// Where it may dial.
    port: u16,
}

impl Walls {
    pub(super) fn of(hub: &Hub, launch: &str) -> Result<Self, Problem> {
        let address = hub.confinement.address().ok_or_else(|| {
            Problem::new(
                Code::START_FAILED,
                "The hub serves no bridges yet, and a confined one must know where.",
            )
        })?;
        Ok(Self {
            launch: launch.to_owned(),
            roots: hub.config.files.roots.clone(),
            port: address.port(),
        })
    }

    /// Whether they allow no more than this, and enough to dial.
    fn fit(&self, roots: &[PathBuf], hub: SocketAddr) -> bool {
        let inside = |root: &PathBuf| roots.iter().any(|allowed| root.starts_with(allowed));
        self.port == hub.port() && self.roots.iter().all(inside)
    }
}

/// The launcher, and the plan for its stdin.
pub(super) fn launcher(
    hub: &Hub,
    name: &InstanceName,
    walls: &Walls,
    launch: &Launch,
    files: &[PathBuf],
    env: Vec<(String, String)>,
) -> Result<(Command, String), Problem> {
    let refused = |why: String| {
        Problem::new(
            Code::NOT_SUPPORTED,
            format!("`{name}` cannot be confined: {why}. It was not started."),
        )
        .hint(wire::hint![
            "See what this system can do: ",
            wire::Step::terminal("doctor"),
        ])
    };
    let kapelle = hub.confinement.launcher().map_err(refused)?;
    // This very binary, also when another one has come to its place meanwhile.
    let kapelle = if cfg!(target_os = "linux") {
        Path::new("/proc/self/exe")
    } else {
        kapelle
    };
    let plan = plan(hub, name, walls, launch, files, env)?;
    let line = serde_json::to_string(&plan)
        .map_err(|error| refused(format!("one of its paths is no plain text ({error})")))?;
    let mut command = Command::new(kapelle);
    command.arg("confined").stdin(Stdio::piped());
    Ok((command, format!("{line}\n")))
}

fn plan(
    hub: &Hub,
    name: &InstanceName,
    walls: &Walls,
    launch: &Launch,
    files: &[PathBuf],
    env: Vec<(String, String)>,
) -> Result<Plan, Problem> {
    // By name, also where the person has made links of them.
    let public = PUBLIC.iter().map(|part| hub.home.private_dir(part));
    let public = public.collect::<Result<Vec<_>, _>>()?;
    let recovery = hub.home.private_dir(&format!("recovery/{name}"))?;
    let folder = hub
        .home
        .private_dir(&format!("run/confined/{}", walls.launch))?;
    let address = SocketAddr::from(([127, 0, 0, 1], walls.port));
    let link = link_file::make(&hub.home, &walls.launch, &hub.bridge_token, address)
        .map_err(|error| crate::home::cannot(&folder, "be given its link file", &error))?;
    let programs = hub.catalog.apps();
    let programs: Vec<PathBuf> = programs
        .iter()
        .map(|app| hub.home.join(app.id.as_str()))
        .collect();
    let (mut write, read) = rules::public_of(hub.home.root(), &programs);
    write.push(recovery);
    write.extend(public);
    write.extend(walls.roots.iter().cloned());
    write.extend(
        files
            .iter()
            .filter_map(|file| Some(file.parent()?.to_owned())),
    );
    let text = |text: &std::ffi::OsStr| {
        text.to_str().map(str::to_owned).ok_or_else(|| {
            let shown = text.to_string_lossy();
            Problem::new(
                Code::START_FAILED,
                format!("A confined program takes no `{shown}`: it is no plain text."),
            )
        })
    };
    let args = launch
        .args
        .iter()
        .map(|arg| text(arg))
        .collect::<Result<_, _>>()?;
    let mut all_env = std::collections::BTreeMap::new();
    for (key, value) in &launch.env {
        all_env.insert(key.clone(), text(value)?);
    }
    all_env.extend(env);
    Ok(Plan {
        program: launch.program.clone(),
        args,
        env: all_env,
        folder,
        home: hub.home.root().to_owned(),
        programs,
        run: launch.places.clone(),
        read,
        write,
        link: Some(link),
        ports: vec![walls.port],
    })
}

impl Supervisor {
    /// Tells the confined processes of an earlier hub where this one is; those whose walls are not of today are
    /// replaced. What others have left is removed.
    pub(crate) fn renew_confined(&self, hub: &Arc<Hub>, address: SocketAddr) {
        let all: Vec<(InstanceName, Option<u32>, Option<Walls>)> = self
            .lock()
            .iter()
            .filter(|(_, owned)| owned.request.confined == Some(true))
            .map(|(name, owned)| (name.clone(), owned.pid, owned.walls.clone()))
            .collect();
        let mut kept = Vec::new();
        for (name, pid, walls) in all {
            let fits = |walls: &Walls| walls.fit(&hub.config.files.roots, address);
            let told = walls
                .as_ref()
                .filter(|walls| fits(walls))
                .is_some_and(|walls| {
                    link_file::renew(&hub.home, &walls.launch, &hub.bridge_token, address).is_ok()
                });
            kept.extend(walls.map(|walls| walls.launch));
            if !told {
                tracing::warn!(instance = %name, "its walls are not of today: it is asked to leave and started again");
                tokio::spawn(leave(pid));
            }
        }
        link_file::keep_only(&hub.home, &kept);
    }
}

/// Asks a process to leave by a signal, since it may not reach us; ends it when it does not.
async fn leave(pid: Option<u32>) {
    stop::ask(pid);
    if !stop::has_ended(pid, limits::LEAVE_TIMEOUT).await {
        stop::kill(pid);
    }
}

/// Removes what a launch had to itself.
pub(super) fn forget(hub: &Hub, walls: Option<Walls>) {
    let Some(walls) = walls else { return };
    let home = hub.home.clone();
    tokio::task::spawn_blocking(move || link_file::remove(&home, &walls.launch));
}

/// The port on which confined processes of an earlier hub still dial, if there are any.
#[must_use]
pub fn port_of_earlier(home: &Path) -> Option<u16> {
    let entries = std::fs::read_dir(home.join("run/instances")).ok()?;
    let runs = entries.flatten().filter_map(|entry| {
        let bytes = std::fs::read(entry.path()).ok()?;
        serde_json::from_slice::<super::run_file::RunFile>(&bytes).ok()
    });
    runs.filter(|run| crate::roster::is_alive(run.pid))
        .find_map(|run| Some(run.walls?.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_fit_as_long_as_nothing_more_is_open_than_is_allowed() {
        let hub: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let walls = Walls {
            launch: "a".to_owned(),
            roots: vec!["/data/one".into(), "/data/two".into()],
            port: 4000,
        };
        let roots = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert!(walls.fit(&roots(&["/data/one", "/data/two"]), hub));
        assert!(walls.fit(&roots(&["/data"]), hub));
        assert!(!walls.fit(&roots(&["/data/one"]), hub));
        assert!(!walls.fit(&roots(&["/data/one", "/data/twofold"]), hub));
        assert!(!walls.fit(&roots(&[]), hub));
        assert!(!walls.fit(&roots(&["/data"]), "127.0.0.1:4001".parse().unwrap()));
    }
}
