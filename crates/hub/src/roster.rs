//! Which instances exist.
//!
//! An instance is made when a bridge proves itself or when the hub launches a process, and is
//! forgotten when it has left and nobody waits for it. Names are given here: the wanted one if it is
//! free, else `app-2`, `app-3` …. A bridge that dials again keeps its name by its session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;
use wire::Step;
use wire::link::Announcement;
use wire::{AppId, Code, Hint, InstanceName, Problem};

use crate::catalog::near_or_all;
use crate::corridor::HUB;
use crate::instance::{Around, Beginning, Instance};
use crate::launch::LaunchRequest;
use crate::limits;
use crate::process::is_alive;

/// All instances.
pub(crate) struct Roster {
    instances: Mutex<BTreeMap<InstanceName, Arc<Instance>>>,
    around: Arc<Around>,
}

impl Roster {
    pub(crate) fn new(around: Around) -> Self {
        Self {
            instances: Mutex::default(),
            around: Arc::new(around),
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Instance>> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn of_app(&self, app: &AppId) -> Vec<Arc<Instance>> {
        self.lock()
            .values()
            .filter(|instance| instance.app == *app)
            .cloned()
            .collect()
    }

    pub(crate) fn find(&self, name: &InstanceName) -> Option<Arc<Instance>> {
        self.lock().get(name).cloned()
    }

    /// # Errors
    /// `instance_unknown`, with the names that exist.
    pub(crate) fn named(&self, name: &InstanceName) -> Result<Arc<Instance>, Problem> {
        let instances = self.lock();
        instances.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = instances.keys().map(InstanceName::as_str).collect();
            let hint = match names.is_empty() {
                true => self.none_runs(),
                false => near_or_all(name.as_str(), &names, "The instances are").into(),
            };
            Problem::new(
                Code::INSTANCE_UNKNOWN,
                format!("There is no instance `{name}`."),
            )
            .hint(hint)
        })
    }

    /// How to get an instance where there is none.
    fn none_runs(&self) -> Hint {
        let mut apps = self.around.catalog.apps().into_iter();
        match apps.find(|app| app.startable().is_ok()) {
            Some(app) => wire::hint!["None is running. To start one: ", Step::start(&app.id)],
            None => {
                "None is running. Start the program itself; its bridge then connects to the hub."
                    .into()
            }
        }
    }

    /// The instance of a bridge that has proved itself: an old one that is back, or a new one.
    pub(crate) fn join(&self, said: &Announcement) -> Result<Arc<Instance>, Problem> {
        let catalog = &self.around.catalog;
        let announced = catalog.check_announced(&said.app, said.commands.clone())?;
        let app = said.app.clone();
        let mut instances = self.lock();
        let by_launch = |instance: &&Arc<Instance>| {
            let launch = said.launch.as_deref();
            launch.is_some_and(|launch| instance.is_of_launch(launch, said.pid))
        };
        let by_session = |instance: &&Arc<Instance>| instance.is_of_session(&said.session);
        let open = || instances.values().filter(|instance| !instance.confined);
        let old = open()
            .find(by_session)
            .or_else(|| open().find(by_launch))
            .filter(|instance| instance.app == app)
            .cloned();
        if let Some(instance) = old {
            instance.returns();
            catalog.announce(&app, &instance.name, announced);
            return Ok(instance);
        }
        let name = free_name(&mut instances, &app, said.name.as_ref())?;
        catalog.announce(&app, &name, announced);
        let begins = Beginning {
            app,
            name: name.clone(),
            mode: said.mode,
            reserved_for: None,
            confined: false,
            launch: None,
        };
        let instance = Instance::new(begins, &self.around);
        instances.insert(name, Arc::clone(&instance));
        Ok(instance)
    }

    /// The confined instance of a launch.
    pub(crate) fn confined(&self, launch: &str) -> Option<Arc<Instance>> {
        let is_it = |one: &&Arc<Instance>| one.confined && one.has_launch(launch);
        self.lock().values().find(is_it).cloned()
    }

    /// A place for an instance that the hub is about to launch.
    pub(crate) fn reserve(
        &self,
        wanted: Option<&InstanceName>,
        launch: &str,
        request: &LaunchRequest,
    ) -> Result<Arc<Instance>, Problem> {
        let mut instances = self.lock();
        let name = free_name(&mut instances, &request.app, wanted)?;
        let begins = Beginning {
            app: request.app.clone(),
            name: name.clone(),
            mode: request.mode,
            reserved_for: request.reserved_for.clone(),
            confined: request.confined == Some(true),
            launch: Some(launch.to_owned()),
        };
        let instance = Instance::new(begins, &self.around);
        instances.insert(name, Arc::clone(&instance));
        Ok(instance)
    }

    /// Forgets this instance; another one that has its name by now stays.
    pub(crate) fn forget(&self, instance: &Arc<Instance>) {
        let mut instances = self.lock();
        if instances
            .get(&instance.name)
            .is_some_and(|known| Arc::ptr_eq(known, instance))
        {
            instances.remove(&instance.name);
            self.around.catalog.leave(&instance.app, &instance.name);
        }
    }

    /// A link has ended: finds out whether the process is gone too, and tells the lane.
    pub(crate) fn link_ended(self: &Arc<Self>, instance: &Arc<Instance>) {
        instance.tell_if_changed();
        if instance.lane.is_up() {
            // Another link of the same bridge has taken over.
            return;
        }
        let bye = instance.take_bye();
        if instance.is_owned() {
            // The supervisor sees the end of its processes, and decides about a restart.
            return;
        }
        if let Some(reason) = bye {
            let why = Problem::new(
                Code::INTERRUPTED,
                format!("`{}` has left: {reason}.", instance.name),
            );
            instance.lane.gone(&why, false);
            self.forget(instance);
            instance.tell_if_changed();
            return;
        }
        let (roster, instance) = (Arc::clone(self), Arc::clone(instance));
        let returned = instance.times_returned();
        tokio::spawn(async move { roster.watch_lost(&instance, returned).await });
    }

    /// After a lost link: the bridge dials again, or its process turns out to be gone, or the grace ends.
    async fn watch_lost(&self, instance: &Arc<Instance>, returned: u64) {
        let until = Instant::now() + limits::RECONNECT_GRACE;
        let mut look = tokio::time::interval(limits::PROCESS_LOOK);
        while Instant::now() < until {
            look.tick().await;
            if instance.lane.is_up() {
                return;
            }
            if instance.pid().is_some_and(|pid| !is_alive(pid)) {
                let why = Problem::new(
                    Code::INTERRUPTED,
                    format!("The process of `{}` has ended.", instance.name),
                )
                .hint(wire::hint![
                    "Start it again: ",
                    Step::start_again(&instance.app, &instance.name),
                ]);
                instance.lane.gone(&why, false);
                break;
            }
        }
        self.leave(instance, returned);
        instance.tell_if_changed();
    }

    /// A lost instance takes along what it announced; should it dial again after all, it announces all of it again. Under
    /// the lock that joining holds: what its next bridge, or another instance of its name, has announced by now stays.
    fn leave(&self, instance: &Arc<Instance>, returned: u64) {
        let instances = self.lock();
        let known = instances.get(&instance.name);
        if known.is_some_and(|known| Arc::ptr_eq(known, instance))
            && instance.times_returned() == returned
            && !instance.lane.is_up()
        {
            self.around.catalog.leave(&instance.app, &instance.name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Arc<Instance>>> {
        self.instances
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The wanted name if nobody holds it, else the next free one of the app. Instances that are gone
/// make room.
fn free_name(
    instances: &mut BTreeMap<InstanceName, Arc<Instance>>,
    app: &AppId,
    wanted: Option<&InstanceName>,
) -> Result<InstanceName, Problem> {
    let usable =
        |name: &&InstanceName| wire::id::is_plain_name(name.as_str()) && name.as_str() != HUB;
    if let Some(wanted) = wanted.filter(usable) {
        let free = instances.get(wanted).is_none_or(|old| old.is_gone());
        if free {
            return Ok(wanted.clone());
        }
    }
    if instances.len() >= limits::INSTANCES_MAX {
        instances.retain(|_, instance| !instance.is_gone());
    }
    if instances.len() >= limits::INSTANCES_MAX {
        return Err(Problem::new(
            Code::QUEUE_FULL,
            format!(
                "{} instances are connected, which is the most there can be.",
                instances.len()
            ),
        )
        .hint(wire::hint![
            "Stop some: ",
            Step::Stop {
                instance: None,
                force: false
            },
        ]));
    }
    let numbered = (2u32..).map(|number| InstanceName::from(format!("{app}-{number}")));
    std::iter::once(InstanceName::new(app.as_str()))
        .chain(numbered)
        .find(|name| instances.get(name).is_none_or(|old| old.is_gone()))
        .ok_or_else(|| Problem::new(Code::INTERNAL, "There is no free name."))
}
