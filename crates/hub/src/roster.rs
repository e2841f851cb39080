//! Which instances exist and how they are.
//!
//! An instance is made when a bridge proves itself or when the hub launches a process, and is
//! forgotten when it has left and nobody waits for it. Names are given here: the wished one if it is
//! free, else `app-2`, `app-3` …. A bridge that dials again keeps its name by its session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::time::Instant;
use wire::link::Announcement;
use wire::{AppId, Code, Event, InstanceName, InstanceState, InstanceView, Mode, Problem};

use crate::app::LaunchRequest;
use crate::call::{millis, rfc3339};
use crate::catalog::near_or_all;
use crate::conduct::HUB;
use crate::feed::bounded_changes;
use crate::hub::Inner as Hub;
use crate::jobs::{Offer, ProcessMark};
use crate::lane::{Lane, Records};
use crate::limits;

mod process;

pub(crate) use process::{age, birth, is_alive};

/// One running copy of an app.
pub(crate) struct Instance {
    pub(crate) name: InstanceName,
    pub(crate) app: AppId,
    /// The work that it was started for; only calls that name it are given to it.
    pub(crate) reserved_for: Option<String>,
    /// Whether it was launched confined: then only the bridge that knows the secret of its launch is it.
    pub(crate) confined: bool,
    pub(crate) lane: Arc<Lane>,
    facts: Mutex<Facts>,
}

/// What is known of an instance beside its lane.
#[derive(Clone)]
struct Facts {
    session: Option<String>,
    launch: Option<String>,
    pid: Option<u32>,
    version: Option<String>,
    bridge_version: Option<String>,
    mode: Mode,
    labels: Vec<String>,
    file: Option<String>,
    restarts: u32,
    /// What the bridge last said of its memory.
    rss_mb: Option<f64>,
    notice: Option<String>,
    said_bye: Option<String>,
    /// The state last told, and since when it is that.
    told: (InstanceState, OffsetDateTime),
    /// And when, by the clock that only runs.
    known: Option<(Snapshot, Instant)>,
}

/// What an app last said of itself.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub revision: u64,
    pub as_of: OffsetDateTime,
    pub age_ms: u64,
    pub connected: bool,
    pub state: Map<String, Value>,
}

/// All instances.
#[derive(Default)]
pub(crate) struct Roster {
    instances: Mutex<BTreeMap<InstanceName, Arc<Instance>>>,
}

impl Roster {
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
            Problem::new(
                Code::INSTANCE_UNKNOWN,
                format!("There is no instance `{name}`."),
            )
            .hint(near_or_all(name.as_str(), &names, "The instances are"))
        })
    }

    /// The instance of a bridge that has proved itself: an old one that is back, or a new one.
    pub(crate) fn join(&self, hub: &Hub, said: &Announcement) -> Result<Arc<Instance>, Problem> {
        let announced = hub
            .catalog
            .check_announced(&said.app, said.commands.clone())?;
        let app = said.app.clone();
        let mut instances = self.lock();
        // The mark is inherited by every process that the launched one starts: only the first that
        // shows it is meant, or the same process with a bridge that was loaded anew.
        let by_launch = |instance: &&Arc<Instance>| {
            let facts = instance.facts();
            let is_first = facts.session.is_none() || facts.pid == said.pid;
            said.launch.is_some() && facts.launch == said.launch && is_first
        };
        let by_session =
            |instance: &&Arc<Instance>| instance.facts().session.as_deref() == Some(&said.session);
        let open = || instances.values().filter(|instance| !instance.confined);
        let old = open()
            .find(by_session)
            .or_else(|| open().find(by_launch))
            .filter(|instance| instance.app == app)
            .cloned();
        if let Some(instance) = old {
            hub.catalog.announce(&app, &instance.name, announced);
            return Ok(instance);
        }
        let name = free_name(&mut instances, &app, said.name.as_ref())?;
        hub.catalog.announce(&app, &name, announced);
        let instance = Instance::new(&app, &name, said.mode, None, false, &hub.records);
        instances.insert(name, Arc::clone(&instance));
        Ok(instance)
    }

    /// The confined instance of a launch.
    pub(crate) fn confined(&self, launch: &str) -> Option<Arc<Instance>> {
        let is_it =
            |one: &&Arc<Instance>| one.confined && one.facts().launch.as_deref() == Some(launch);
        self.lock().values().find(is_it).cloned()
    }

    /// A place for an instance that the hub is about to launch.
    pub(crate) fn reserve(
        &self,
        records: &Records,
        app: &AppId,
        wished: Option<&InstanceName>,
        launch: &str,
        request: &LaunchRequest,
    ) -> Result<Arc<Instance>, Problem> {
        let mut instances = self.lock();
        let name = free_name(&mut instances, app, wished)?;
        let reserved_for = request.reserved_for.clone();
        let confined = request.confined == Some(true);
        let instance = Instance::new(app, &name, request.mode, reserved_for, confined, records);
        instance.facts().launch = Some(launch.to_owned());
        instances.insert(name, Arc::clone(&instance));
        Ok(instance)
    }

    /// Forgets this instance; another one that has its name by now stays.
    pub(crate) fn forget(&self, hub: &Hub, instance: &Arc<Instance>) {
        let mut instances = self.lock();
        if instances
            .get(&instance.name)
            .is_some_and(|known| Arc::ptr_eq(known, instance))
        {
            instances.remove(&instance.name);
            hub.catalog.leave(&instance.app, &instance.name);
        }
    }

    /// A link has ended: finds out whether the process is gone too, and tells the lane.
    pub(crate) fn link_ended(&self, hub: &Arc<Hub>, instance: &Arc<Instance>) {
        instance.tell_if_changed(hub);
        if instance.lane.is_up() {
            // Another link of the same bridge has taken over.
            return;
        }
        let bye = instance.facts().said_bye.take();
        if hub.supervisor.owns(&instance.name) {
            // The supervisor sees the end of its processes, and decides about a restart.
            return;
        }
        if let Some(reason) = bye {
            let why = Problem::new(
                Code::INTERRUPTED,
                format!("`{}` has left: {reason}.", instance.name),
            );
            instance.lane.gone(&why, false);
            self.forget(hub, instance);
            instance.tell_if_changed(hub);
            return;
        }
        tokio::spawn(process::watch_lost(Arc::clone(hub), Arc::clone(instance)));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Arc<Instance>>> {
        self.instances
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What is to be said of a bridge that is not of this build: one that is installed in its program.
fn notice(said: &Announcement, hub: &Hub) -> Option<String> {
    let entry = hub.catalog.app(&said.app).ok()?;
    let app = entry.app.as_ref()?;
    let ours = app.bridge_version()?;
    let theirs = said
        .bridge_version
        .as_deref()
        .unwrap_or("of unknown version");
    if theirs == ours {
        return None;
    }
    let fix = app
        .update_hint()
        .map_or_else(String::new, |fix| format!(" Update it: {fix}"));
    Some(format!(
        "Its bridge is {theirs}, this hub's is {ours}.{fix}"
    ))
}

/// The wished name if nobody holds it, else the next free one of the app. Instances that are gone
/// make room.
fn free_name(
    instances: &mut BTreeMap<InstanceName, Arc<Instance>>,
    app: &AppId,
    wished: Option<&InstanceName>,
) -> Result<InstanceName, Problem> {
    let usable =
        |name: &&InstanceName| wire::id::is_plain_name(name.as_str()) && name.as_str() != HUB;
    if let Some(wished) = wished.filter(usable) {
        let free = instances.get(wished).is_none_or(|old| old.is_gone());
        if free {
            return Ok(wished.clone());
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
            wire::Step::Stop {
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

impl Instance {
    fn new(
        app: &AppId,
        name: &InstanceName,
        mode: Mode,
        reserved_for: Option<String>,
        confined: bool,
        records: &Records,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.clone(),
            app: app.clone(),
            reserved_for,
            confined,
            lane: Lane::new(app.clone(), name.clone(), records.clone()),
            facts: Mutex::new(Facts {
                session: None,
                launch: None,
                pid: None,
                version: None,
                bridge_version: None,
                mode,
                labels: Vec::new(),
                file: None,
                restarts: 0,
                rss_mb: None,
                notice: None,
                said_bye: None,
                told: (InstanceState::Starting, OffsetDateTime::now_utc()),
                known: None,
            }),
        })
    }

    pub(crate) fn connected(&self, said: &Announcement, hub: &Hub) {
        {
            let mut facts = self.facts();
            facts.session = Some(said.session.clone());
            facts.pid = said.pid;
            facts.version.clone_from(&said.version);
            facts.bridge_version.clone_from(&said.bridge_version);
            facts.mode = said.mode;
            facts.file.clone_from(&said.file);
            facts.rss_mb = None;
            facts.notice = notice(said, hub);
            facts.said_bye = None;
            if let Some(notice) = &facts.notice {
                tracing::warn!(instance = %self.name, notice, "an old bridge");
            }
        }
        self.tell_if_changed(hub);
        hub.supervisor.connected(&self.name);
    }

    pub(crate) fn set_state(&self, state: &Map<String, Value>, changes: Option<Value>, hub: &Hub) {
        let revision = state
            .get("revision")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        {
            let mut facts = self.facts();
            if let Some(file) = state.get("file") {
                let file = file.as_str().map(str::to_owned);
                if facts.file != file {
                    facts.file = file;
                    hub.records.jobs.instance_changed();
                }
            }
            let snapshot = Snapshot {
                revision,
                as_of: OffsetDateTime::now_utc(),
                age_ms: 0,
                connected: true,
                state: state.clone(),
            };
            facts.known = Some((snapshot, Instant::now()));
        }
        hub.feed.tell(|| Event::State {
            instance: self.name.clone(),
            revision,
            changes: changes.and_then(bounded_changes),
        });
    }

    /// What the app last said of itself, and how old that is.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        let connected = self.lane.is_up();
        let (mut known, told) = self.facts().known.clone()?;
        known.connected = connected;
        known.age_ms = millis(told.elapsed());
        Some(known)
    }

    pub(crate) fn view(&self, hub: &Hub) -> InstanceView {
        let lane = self.lane.view();
        let mut facts = self.facts();
        if facts.told.0 != lane.state {
            facts.told = (lane.state, OffsetDateTime::now_utc());
        }
        InstanceView {
            name: self.name.clone(),
            app: self.app.clone(),
            state: lane.state,
            why: lane.why,
            since: rfc3339(facts.told.1),
            pid: facts.pid,
            version: facts.version.clone(),
            bridge_version: facts.bridge_version.clone(),
            mode: facts.mode,
            labels: facts.labels.clone(),
            file: facts.file.clone(),
            started_by_hub: hub.supervisor.owns(&self.name),
            queued: lane.queued,
            running: lane.running,
            heard_ms_ago: lane.heard_ms_ago,
            restarts: facts.restarts,
            rss_mb: facts.rss_mb,
            limits: hub.supervisor.limits_of(&self.name, &hub.config),
            reserved_for: self.reserved_for.clone(),
            confined: self.confined,
            confinement: self.why_unconfined(facts.mode, hub),
            notice: facts.notice.clone(),
        }
    }

    /// Why it is not confined, when it is not.
    fn why_unconfined(&self, mode: Mode, hub: &Hub) -> Option<String> {
        match (self.confined, hub.supervisor.owns(&self.name)) {
            (true, _) => None,
            (false, true) => Some(hub.confinement.why_unconfined(mode)),
            (false, false) => Some("The hub did not start it.".to_owned()),
        }
    }

    /// What a confined bridge says of itself, without what it may not say: it is this instance and no other.
    ///
    /// # Errors
    /// `handshake_refused` when it says that it is of another app.
    pub(crate) fn vouch_for(&self, said: &mut Announcement) -> Result<(), Problem> {
        if said.app != self.app {
            return Err(Problem::new(
                Code::HANDSHAKE_REFUSED,
                format!("`{}` is a {} and no {}.", self.name, self.app, said.app),
            ));
        }
        let facts = self.facts();
        said.name = Some(self.name.clone());
        said.launch.clone_from(&facts.launch);
        said.pid = facts.pid;
        if said.mode == Mode::Gui {
            said.mode = facts.mode;
        }
        // Its app's commands are described here; others are nobody's.
        said.commands.clear();
        Ok(())
    }

    /// Tells the feed when the instance is in another state than it last told.
    pub(crate) fn tell_if_changed(&self, hub: &Hub) {
        let state = self.lane.view().state;
        {
            let mut facts = self.facts();
            if facts.told.0 == state {
                return;
            }
            facts.told = (state, OffsetDateTime::now_utc());
        }
        hub.feed.tell(|| Event::Instance {
            instance: Box::new(self.view(hub)),
        });
    }

    pub(crate) fn said_bye(&self, reason: &str) {
        self.facts().said_bye = Some(reason.to_owned());
    }

    /// What the bridge says of its memory.
    pub(crate) fn set_rss_mb(&self, rss_mb: f64) {
        self.facts().rss_mb = Some(rss_mb);
    }

    /// How much memory the process holds, in MB: as the system says or as its bridge last said, what is more.
    pub(crate) fn look_at_rss_mb(&self) -> Option<f64> {
        let (pid, said) = {
            let facts = self.facts();
            (facts.pid, facts.rss_mb)
        };
        let seen = pid.and_then(process::rss_mb);
        seen.into_iter().chain(said).reduce(f64::max)
    }

    /// Which process it is now; nothing before its first handshake.
    pub(crate) fn process(&self) -> Option<ProcessMark> {
        let facts = self.facts();
        Some(ProcessMark {
            session: facts.session.clone()?,
            pid: facts.pid,
            born: facts.pid.and_then(birth),
        })
    }

    /// What it has to offer to a job.
    pub(crate) fn offer(&self) -> Offer {
        let facts = self.facts();
        Offer {
            app: self.app.clone(),
            instance: self.name.clone(),
            version: facts.version.clone(),
            mode: facts.mode,
            labels: facts.labels.clone(),
            file: facts.file.clone(),
            is_reserved: self.reserved_for.is_some(),
        }
    }

    /// What it has open.
    pub(crate) fn file(&self) -> Option<String> {
        self.facts().file.clone()
    }

    pub(crate) fn set_labels(&self, labels: &[String]) {
        self.facts().labels = labels.to_vec();
    }

    /// Whether the bridge that was connected last was this one.
    pub(crate) fn is_of_session(&self, session: &str) -> bool {
        self.facts().session.as_deref() == Some(session)
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.facts().pid
    }

    pub(crate) fn set_pid(&self, pid: Option<u32>) {
        self.facts().pid = pid;
    }

    pub(crate) fn set_launch(&self, launch: &str) {
        let mut facts = self.facts();
        facts.launch = Some(launch.to_owned());
        facts.session = None;
        facts.rss_mb = None;
    }

    pub(crate) fn set_restarts(&self, restarts: u32) {
        self.facts().restarts = restarts;
    }

    fn is_gone(&self) -> bool {
        let state = self.lane.view().state;
        matches!(state, InstanceState::Disconnected | InstanceState::Failed)
            && !self.lane.accepts_calls()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
