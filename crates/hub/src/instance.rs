//! One running copy of an app: what is known of it, the lane of its calls, and, when the hub started its process, what
//! the supervisor keeps of that.
//!
//! In come what its bridge says and what happens to its process; out go its view, its state and the feed's events. Which
//! instances there are is [`crate::roster`]'s, when a process is started and ended [`crate::supervisor`]'s.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::time::Instant;
use wire::link::Announcement;
use wire::{AppId, Code, Event, InstanceName, InstanceState, InstanceView, Mode, Problem};

use crate::catalog::Catalog;
use crate::clock::{millis, rfc3339};
use crate::confine::Confinement;
use crate::feed::bounded_changes;
use crate::jobs::order::Offer;
use crate::lane::Lane;
use crate::process::{self, ProcessMark};
use crate::records::Records;

mod owned;

pub(crate) use owned::{Limits, Owned};

/// What every instance needs of the hub.
pub(crate) struct Around {
    pub(crate) records: Records,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) confinement: Arc<Confinement>,
}

/// What an instance is from its beginning.
pub(crate) struct Beginning {
    pub(crate) app: AppId,
    pub(crate) name: InstanceName,
    pub(crate) mode: Mode,
    pub(crate) reserved_for: Option<String>,
    pub(crate) confined: bool,
    pub(crate) launch: Option<String>,
}

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
    /// How often a bridge has come back to it: who waits for one does not clear away what the next one brought.
    returns: AtomicU64,
    /// When the hub started its process.
    owned: Mutex<Option<Owned>>,
    around: Arc<Around>,
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

impl Instance {
    pub(crate) fn new(begins: Beginning, around: &Arc<Around>) -> Arc<Self> {
        let lane = Lane::new(
            begins.app.clone(),
            begins.name.clone(),
            around.records.clone(),
        );
        Arc::new(Self {
            name: begins.name,
            app: begins.app,
            reserved_for: begins.reserved_for,
            confined: begins.confined,
            lane,
            facts: Mutex::new(Facts {
                session: None,
                launch: begins.launch,
                pid: None,
                version: None,
                bridge_version: None,
                mode: begins.mode,
                labels: Vec::new(),
                file: None,
                restarts: 0,
                rss_mb: None,
                notice: None,
                said_bye: None,
                told: (InstanceState::Starting, OffsetDateTime::now_utc()),
                known: None,
            }),
            returns: AtomicU64::new(0),
            owned: Mutex::default(),
            around: Arc::clone(around),
        })
    }

    /// A bridge that proved itself as this instance's is about to be its link.
    pub(crate) fn returns(&self) {
        self.returns.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn times_returned(&self) -> u64 {
        self.returns.load(Ordering::SeqCst)
    }

    pub(crate) fn connected(&self, said: &Announcement) {
        {
            let mut facts = self.facts();
            facts.session = Some(said.session.clone());
            facts.pid = said.pid;
            facts.version.clone_from(&said.version);
            facts.bridge_version.clone_from(&said.bridge_version);
            facts.mode = said.mode;
            facts.file.clone_from(&said.file);
            facts.rss_mb = None;
            facts.notice = notice(said, &self.around.catalog);
            facts.said_bye = None;
            if let Some(notice) = &facts.notice {
                tracing::warn!(instance = %self.name, notice, "an old bridge");
            }
        }
        self.tell_if_changed();
        if let Some(owned) = &mut *self.owned() {
            owned.connected();
        }
    }

    pub(crate) fn set_state(&self, state: &Map<String, Value>, changes: Option<Value>) {
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
                    self.around.records.attempts.instance_changed();
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
        self.around.records.feed.tell(|| Event::State {
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

    pub(crate) fn view(&self) -> InstanceView {
        let lane = self.lane.view();
        let (is_owned, limits) = match &*self.owned() {
            Some(owned) => (true, owned.limits()),
            None => (false, None),
        };
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
            started_by_hub: is_owned,
            queued: lane.queued,
            running: lane.running,
            heard_ms_ago: lane.heard_ms_ago,
            restarts: facts.restarts,
            rss_mb: facts.rss_mb,
            limits,
            reserved_for: self.reserved_for.clone(),
            confined: self.confined,
            confinement: self.why_unconfined(facts.mode, is_owned),
            notice: facts.notice.clone(),
        }
    }

    /// Why it is not confined, when it is not.
    fn why_unconfined(&self, mode: Mode, is_owned: bool) -> Option<String> {
        match (self.confined, is_owned) {
            (true, _) => None,
            (false, true) => Some(self.around.confinement.why_unconfined(mode)),
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
                format!(
                    "`{}` is an instance of {}, not of {}.",
                    self.name, self.app, said.app
                ),
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
    pub(crate) fn tell_if_changed(&self) {
        let state = self.lane.view().state;
        {
            let mut facts = self.facts();
            if facts.told.0 == state {
                return;
            }
            facts.told = (state, OffsetDateTime::now_utc());
        }
        self.around.records.feed.tell(|| Event::Instance {
            instance: Box::new(self.view()),
        });
    }

    /// What it said when it left, once.
    pub(crate) fn take_bye(&self) -> Option<String> {
        self.facts().said_bye.take()
    }

    /// Whether this is the process of that launch, as far as the mark tells: every process that the launched one starts
    /// inherits it, so only the first that shows it is meant, or the same process with a bridge that was loaded anew.
    pub(crate) fn is_of_launch(&self, launch: &str, pid: Option<u32>) -> bool {
        let facts = self.facts();
        let is_first = facts.session.is_none() || facts.pid == pid;
        is_first && facts.launch.as_deref() == Some(launch)
    }

    /// Whether it was launched under that mark.
    pub(crate) fn has_launch(&self, launch: &str) -> bool {
        self.facts().launch.as_deref() == Some(launch)
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
            born: facts.pid.and_then(process::birth),
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

    pub(crate) fn is_gone(&self) -> bool {
        let state = self.lane.view().state;
        matches!(state, InstanceState::Disconnected | InstanceState::Failed)
            && !self.lane.accepts_calls()
    }

    /// What is kept of its process, when the hub started it.
    pub(crate) fn owned(&self) -> MutexGuard<'_, Option<Owned>> {
        self.owned
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether the hub started its process.
    pub(crate) fn is_owned(&self) -> bool {
        self.owned().is_some()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What is to be said of a bridge that is not of this build: one that is installed in its program.
fn notice(said: &Announcement, catalog: &Catalog) -> Option<String> {
    let entry = catalog.app(&said.app).ok()?;
    let app = entry.app.as_ref()?;
    let ours = app.bridge_version()?;
    let theirs = said
        .bridge_version
        .as_deref()
        .unwrap_or("of an unknown version");
    if theirs == ours {
        return None;
    }
    let fix = app
        .update_hint()
        .map_or_else(String::new, |fix| format!(" To update it: {fix}"));
    Some(format!(
        "Its bridge is version {theirs}; this hub's is {ours}.{fix}"
    ))
}
