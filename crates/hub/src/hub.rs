//! The hub as its doors see it: every room behind one handle.
//!
//! Doors and the terminal call these methods and nothing else. Methods that change anything take a
//! [`Caller`] and check its scopes.
//!
//! Here are the rooms and how they are put together; the methods stand by what they are about.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::{Code, Event, Position, Problem, Resync, Topic};

use crate::app::App;
use crate::batch::Batches;
use crate::blobs::Blobs;
use crate::call::Call;
use crate::callers::{Caller, Callers};
use crate::catalog::Catalog;
use crate::conduct::{self, Conductors};
use crate::config::Config;
use crate::confine::Confinement;
use crate::feed::{Feed, Subscription};
use crate::history::History;
use crate::home::{Home, random_hex};
use crate::jobs::{Jobs, Kept};
use crate::journal::{Journal, Memory};
use crate::lane::Records;
use crate::limits;
use crate::pictures::Pictures;
use crate::policy::Policy;
use crate::room::Room;
use crate::roster::Roster;
use crate::seal::Seal;
use crate::secrets::Masking;
use crate::sessions::Sessions;
use crate::shares::{Bound, Shares};
use crate::snapshot;
use crate::store::Stores;
use crate::supervisor::Supervisor;

mod apps;
mod calls;
mod instances;
mod jobs;
mod life;
mod people;
mod rights;

/// A running hub. Clones are handles to the same one.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) home: Home,
    pub(crate) config: Config,
    pub(crate) confinement: Confinement,
    pub(crate) callers: Arc<Callers>,
    pub(crate) sessions: Sessions,
    pub(crate) bridge_token: String,
    /// Places of large announcements whose proof has not been seen.
    pub(crate) large_announcements: Semaphore,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) policy: Policy,
    pub(crate) batches: Batches,
    pub(crate) roster: Roster,
    pub(crate) supervisor: Supervisor,
    pub(crate) conductors: Conductors,
    pub(crate) records: Records,
    pub(crate) feed: Arc<Feed>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) pictures: Pictures,
    pub(crate) masking: Arc<Masking>,
    pub(crate) stores: Stores,
    pub(crate) room: Room,
    pub(crate) stopping: CancellationToken,
    /// The end of all links, after the last word on them.
    pub(crate) closing: CancellationToken,
    /// Turns with every bridge that has connected.
    pub(crate) joined: Notify,
    started: Instant,
    links: TaskTracker,
}

impl Hub {
    /// A hub in a home folder, with these apps and what earlier hubs stored. It listens to nothing yet.
    ///
    /// # Errors
    /// `home_unsafe` and the like, or a description that cannot be used.
    pub fn new(home: Home, apps: Vec<Arc<dyn App>>, stores: Stores) -> Result<Self, Problem> {
        let config = Config::read(&home)?;
        let callers = Arc::new(Callers::open(&home)?);
        let bridge_token = home.secret(&home.bridge_token_file())?;
        let masking = Arc::new(Masking::new(Arc::clone(&callers), bridge_token.clone()));
        let feed = Arc::new(Feed::new(&random_hex(8)?, Some(Arc::clone(&masking))));
        let blobs = Arc::new(Blobs::open(home.join("blobs")));
        let journal: Arc<dyn Journal> = Arc::new(Memory::default());
        let history = Arc::new(History::open(
            Arc::clone(&stores.history),
            Arc::clone(&masking),
            Arc::clone(&blobs),
            config.history.keep_days > 0,
        )?);
        let kept = Kept {
            store: Arc::clone(&stores.jobs),
            journal: Arc::clone(&journal),
            history: Arc::clone(&history),
            masking: Arc::clone(&masking),
            feed: Arc::clone(&feed),
        };
        let jobs = Jobs::open(kept, callers.ids())?;
        let catalog = Arc::new(Catalog::new(apps)?);
        let inner = Inner {
            config,
            confinement: Confinement::look(),
            callers,
            sessions: Sessions::open(&home),
            bridge_token,
            large_announcements: Semaphore::new(limits::LARGE_ANNOUNCEMENTS_MAX),
            catalog: Arc::clone(&catalog),
            policy: Policy::default(),
            batches: Batches::default(),
            roster: Roster::default(),
            supervisor: Supervisor::default(),
            conductors: Conductors::default(),
            records: Records {
                catalog,
                journal,
                history,
                feed: Arc::clone(&feed),
                jobs: Arc::new(jobs),
                waiting: Shares::new(Bound::alike(
                    limits::WAITING_BYTES_MAX,
                    limits::WAITING_ALL_BYTES_MAX,
                )),
                seal: Seal::open(&home)?,
            },
            feed,
            blobs,
            pictures: Pictures::default(),
            masking,
            stores,
            room: Room::default(),
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            joined: Notify::new(),
            started: Instant::now(),
            links: TaskTracker::new(),
            home,
        };
        let hub = Self(Arc::new(inner));
        hub.0.supervisor.adopt(&hub.0);
        tokio::spawn(hub.0.feed.ring());
        tokio::spawn(Jobs::run(Arc::downgrade(&hub.0)));
        tokio::spawn(Self::keep_bounds(Arc::downgrade(&hub.0)));
        tokio::spawn(Self::keep_times(Arc::downgrade(&hub.0)));
        tokio::spawn(Room::keep_looking(Arc::downgrade(&hub.0)));
        Ok(hub)
    }

    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.feed.listen()
    }

    /// Hears events by topic, from a position on or from now on. With the subscription comes what is
    /// known, unless it resumes where an earlier one ended.
    ///
    /// # Errors
    /// `forbidden` for others' calls and states without `read`, `call_unknown`, `arguments_invalid`.
    pub fn subscribe(
        &self,
        caller: &Caller,
        topics: Vec<Topic>,
        since: Option<&Position>,
    ) -> Result<(Subscription, Option<Resync>), Problem> {
        snapshot::may_hear(self, caller, &topics)?;
        let (subscription, why) = self.0.feed.subscribe(topics, since);
        let resync = why.map(|why| snapshot::known(self, caller, &subscription, why));
        Ok((subscription, resync))
    }

    /// Where the feed stands now.
    #[must_use]
    pub fn feed_position(&self) -> Position {
        self.0.feed.position()
    }

    #[must_use]
    pub fn blobs(&self) -> Arc<Blobs> {
        Arc::clone(&self.0.blobs)
    }
}

impl Inner {
    /// Tells a call to end, whoever runs it.
    pub(crate) fn cancel_call(&self, call: &Call) {
        let instance = call.instance();
        if instance.as_str() == conduct::HUB && self.conductors.cancel(&call.id) {
            return;
        }
        if let Some(instance) = self.roster.find(&instance) {
            instance.lane.cancel(&call.id);
        }
    }

    pub(crate) fn refuse_when_stopping(&self) -> Result<(), Problem> {
        if self.stopping.is_cancelled() {
            return Err(
                Problem::new(Code::HUB_STOPPING, "The hub is shutting down.").hint(wire::hint![
                    "Start it again: ",
                    wire::Step::terminal("serve")
                ]),
            );
        }
        Ok(())
    }
}
