//! A confined process of ours: what it is given, and what becomes of it when this is not the hub that started it.
//!
//! Its walls are those of its start. A hub that comes later tells it where it is now; one whose configuration allows less, or
//! that listens elsewhere than the walls let it dial, has it leave (with a recovery copy) and starts it again behind walls of
//! today.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use wire::{Code, InstanceName, Problem};

use super::own::Supervisor;
use super::stop;
use crate::confine::plan::Plan;
use crate::confine::walls::Walls;
use crate::confine::{link_file, rules};
use crate::home::cannot;
use crate::launch::Launch;
use crate::limits;

/// Folders of the home that callers may use by those names, made before a confined process could miss them.
const PUBLIC: [&str; 3] = ["files", "renders", "screenshots"];

impl Supervisor {
    pub(super) fn walls_of(&self, launch: &str) -> Result<Walls, Problem> {
        let address = self.confinement.address().ok_or_else(|| {
            Problem::new(
                Code::START_FAILED,
                "The hub is not accepting bridges yet, and a confined one needs its address.",
            )
        })?;
        Ok(Walls::new(launch, &self.config.files.roots, address))
    }

    /// Tells the confined processes of an earlier hub where this one is; those whose walls are not of today are
    /// replaced. What others have left is removed.
    pub(crate) fn renew_confined(&self, address: SocketAddr) {
        let mut all: Vec<(InstanceName, Option<u32>, Option<Walls>)> = Vec::new();
        for instance in self.roster.all() {
            if let Some(owned) = &*instance.owned()
                && owned.request.confined == Some(true)
            {
                all.push((instance.name.clone(), owned.pid, owned.walls.clone()));
            }
        }
        let mut kept = Vec::new();
        for (name, pid, walls) in all {
            let fits = |walls: &Walls| walls.fit(&self.config.files.roots, address);
            let told = walls
                .as_ref()
                .filter(|walls| fits(walls))
                .is_some_and(|walls| {
                    link_file::renew(&self.home, &walls.launch, &self.bridge_token, address).is_ok()
                });
            kept.extend(walls.map(|walls| walls.launch));
            if !told {
                tracing::warn!(instance = %name, "its confinement is out of date: it is asked to \
                 exit and restarted");
                tokio::spawn(leave(pid));
            }
        }
        link_file::keep_only(&self.home, &kept);
    }

    /// The launcher, and the plan for its stdin.
    pub(super) fn launcher(
        &self,
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
        let kapelle = self.confinement.launcher().map_err(refused)?;
        // This very binary, also when another one has come to its place meanwhile.
        let kapelle = if cfg!(target_os = "linux") {
            Path::new("/proc/self/exe")
        } else {
            kapelle
        };
        let plan = self.plan(name, walls, launch, files, env)?;
        let line = serde_json::to_string(&plan)
            .map_err(|error| refused(format!("one of its paths is not plain text ({error})")))?;
        let mut command = Command::new(kapelle);
        command.arg("confined").stdin(Stdio::piped());
        Ok((command, format!("{line}\n")))
    }

    fn plan(
        &self,
        name: &InstanceName,
        walls: &Walls,
        launch: &Launch,
        files: &[PathBuf],
        env: Vec<(String, String)>,
    ) -> Result<Plan, Problem> {
        // By name, also where the person has made links of them.
        let public = PUBLIC.iter().map(|part| self.home.private_dir(part));
        let public = public.collect::<Result<Vec<_>, _>>()?;
        let recovery = self.home.private_dir(&format!("recovery/{name}"))?;
        let folder = self
            .home
            .private_dir(&format!("run/confined/{}", walls.launch))?;
        let address = SocketAddr::from(([127, 0, 0, 1], walls.port()));
        let link = link_file::make(&self.home, &walls.launch, &self.bridge_token, address)
            .map_err(|error| cannot(&folder, "be given its link file", &error))?;
        let programs = self.catalog.apps();
        let programs: Vec<PathBuf> = programs
            .iter()
            .map(|app| self.home.join(app.id.as_str()))
            .collect();
        let (mut write, read) = rules::public_of(self.home.root(), &programs);
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
                    format!("A confined program cannot take `{shown}`: it is not plain text."),
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
            home: self.home.root().to_owned(),
            programs,
            run: launch.places.clone(),
            read,
            write,
            link: Some(link),
            ports: vec![walls.port()],
        })
    }
}

/// Asks a process to leave by a signal, since it may not reach us; ends it when it does not.
async fn leave(pid: Option<u32>) {
    stop::ask(pid);
    if !stop::has_ended(pid, limits::LEAVE_TIMEOUT).await {
        stop::kill(pid);
    }
}
