//! Which processes are this hub's own, and what it needs to start and end them.
//!
//! What is kept of each stands with its instance ([`Owned`]). Here it becomes ours and stops being ours.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{InstanceName, Problem};

use super::bounds::limits_of;
use crate::app::App;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::confine::walls::Walls;
use crate::confine::{Confinement, link_file};
use crate::home::Home;
use crate::instance::{Instance, Owned};
use crate::launch::LaunchRequest;
use crate::roster::Roster;

/// Starts, watches and ends the processes of this hub.
pub(crate) struct Supervisor {
    pub(super) roster: Arc<Roster>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) home: Home,
    pub(super) config: Arc<Config>,
    pub(super) confinement: Arc<Confinement>,
    pub(super) bridge_token: String,
    pub(super) stopping: CancellationToken,
    /// Held while a start finds its place, and while the traces of an end are removed.
    pub(super) starts: Mutex<()>,
}

/// What the supervisor is given.
pub(crate) struct Means {
    pub(crate) roster: Arc<Roster>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) home: Home,
    pub(crate) config: Arc<Config>,
    pub(crate) confinement: Arc<Confinement>,
    pub(crate) bridge_token: String,
    pub(crate) stopping: CancellationToken,
}

impl Supervisor {
    pub(crate) fn new(means: Means) -> Self {
        Self {
            roster: means.roster,
            catalog: means.catalog,
            home: means.home,
            config: means.config,
            confinement: means.confinement,
            bridge_token: means.bridge_token,
            stopping: means.stopping,
            starts: Mutex::new(()),
        }
    }

    pub(crate) fn owned_names(&self) -> Vec<InstanceName> {
        let all = self.roster.all().into_iter();
        all.filter(|instance| instance.is_owned())
            .map(|instance| instance.name.clone())
            .collect()
    }

    /// Whether a process of an earlier hub has not dialled again yet.
    pub(crate) fn waits_for_adopted(&self) -> bool {
        self.roster.all().iter().any(|instance| {
            let adopted = instance.owned().as_ref().is_some_and(|one| one.adopted);
            adopted && !instance.lane.is_up()
        })
    }

    /// The process of an instance is ours from here on. `adopted`: it is that of a hub before this one.
    pub(super) fn own(
        &self,
        instance: &Instance,
        request: LaunchRequest,
        adopted: Option<(u32, Option<Instant>)>,
    ) -> CancellationToken {
        let bounds = limits_of(&request, &self.config);
        let owned = Owned::new(request, bounds, adopted);
        let ours = owned.ours.clone();
        *instance.owned() = Some(owned);
        ours
    }

    /// It is ours no more, and so are its traces; nothing when somebody else has seen to it.
    pub(super) fn disown(&self, instance: &Instance, ours: &CancellationToken) {
        let _no_start_meanwhile = self
            .starts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if ours.is_cancelled() {
            return;
        }
        ours.cancel();
        let owned = instance.owned().take();
        self.forget_walls(owned.and_then(|owned| owned.walls));
        std::fs::remove_file(self.run_file(&instance.name)).ok();
    }

    /// Removes what a launch had to itself.
    pub(super) fn forget_walls(&self, walls: Option<Walls>) {
        let Some(walls) = walls else { return };
        let home = self.home.clone();
        tokio::task::spawn_blocking(move || link_file::remove(&home, &walls.launch));
    }

    pub(super) fn run_file(&self, name: &InstanceName) -> PathBuf {
        self.home.join(&format!("run/instances/{name}.json"))
    }

    pub(super) fn log_file(&self, name: &InstanceName) -> PathBuf {
        self.home.join(&format!("logs/{name}.log"))
    }

    pub(super) fn app_of(&self, request: &LaunchRequest) -> Result<Arc<dyn App>, Problem> {
        self.catalog.app(&request.app)?.startable()
    }
}
