//! The hub as its doors see it: every room behind one handle.
//!
//! Doors and the terminal call these methods and nothing else. Methods that change anything take a
//! [`Caller`] and check its scopes.
//!
//! Here are the rooms and how they are put together; the methods stand by what they are about.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Problem;

use crate::app::App;
use crate::attempts::Attempts;
use crate::batch::Batches;
use crate::blobs::Blobs;
use crate::callers::Callers;
use crate::catalog::Catalog;
use crate::conduct::Conductors;
use crate::config::Config;
use crate::confine::Confinement;
use crate::desk::Desk;
use crate::disk_space::DiskSpace;
use crate::feed::Feed;
use crate::history::History;
use crate::home::{Home, random_hex};
use crate::instance::Around;
use crate::jobs::{Jobs, Kept, Reach};
use crate::journal::{Journal, Memory};
use crate::limits;
use crate::link::Links;
use crate::pictures::Pictures;
use crate::policy::Policy;
use crate::records::Records;
use crate::roster::Roster;
use crate::seal::Seal;
use crate::secrets::Masking;
use crate::sessions::Sessions;
use crate::shares::{Bound, Shares};
use crate::store::Stores;
use crate::supervisor::{Means, Supervisor};
use crate::tickets::Tickets;

mod apps;
mod auth;
mod batches;
mod calls;
mod command_context;
mod events;
mod history_query;
mod ids;
mod instances;
mod jobs;
mod lifecycle;
mod rights;

pub use history_query::{Forgotten, Remembered};

/// A running hub. Clones are handles to the same one.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    home: Home,
    config: Arc<Config>,
    confinement: Arc<Confinement>,
    callers: Arc<Callers>,
    sessions: Sessions,
    catalog: Arc<Catalog>,
    tickets: Arc<Tickets>,
    batches: Arc<Batches>,
    roster: Arc<Roster>,
    supervisor: Arc<Supervisor>,
    conductors: Arc<Conductors>,
    jobs: Arc<Jobs>,
    reach: Arc<Reach>,
    records: Records,
    feed: Arc<Feed>,
    blobs: Arc<Blobs>,
    pictures: Pictures,
    masking: Arc<Masking>,
    stores: Stores,
    disk_space: Arc<DiskSpace>,
    stopping: CancellationToken,
    started: Instant,
    links: Arc<Links>,
    link_tasks: TaskTracker,
}

impl Hub {
    /// A hub in a home folder, with these apps and what earlier hubs stored. It listens to nothing yet.
    ///
    /// # Errors
    /// `home_unsafe` and the like, or a description that cannot be used.
    pub fn new(home: Home, apps: Vec<Arc<dyn App>>, stores: Stores) -> Result<Self, Problem> {
        let hub = Self(Arc::new(Inner::put_together(home, apps, stores)?));
        let inner = &hub.0;
        hub.open_contexts();
        inner.supervisor.adopt();
        tokio::spawn(inner.feed.ring());
        tokio::spawn(Arc::clone(&inner.jobs).run(Arc::downgrade(&inner.reach)));
        tokio::spawn(Self::keep_bounds(Arc::downgrade(inner)));
        tokio::spawn(Self::keep_times(Arc::downgrade(inner)));
        tokio::spawn(DiskSpace::keep_looking(
            Arc::downgrade(&inner.disk_space),
            inner.home.clone(),
            inner.stopping.clone(),
        ));
        Ok(hub)
    }

    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    #[must_use]
    pub fn blobs(&self) -> Arc<Blobs> {
        Arc::clone(&self.0.blobs)
    }
}

impl Inner {
    /// Every room, the lower ones first: each is given what it needs and no more.
    fn put_together(home: Home, apps: Vec<Arc<dyn App>>, stores: Stores) -> Result<Self, Problem> {
        let config = Arc::new(Config::read(&home)?);
        let callers = Arc::new(Callers::open(&home)?);
        let bridge_token = home.secret(&home.bridge_token_file())?;
        let masking = Arc::new(Masking::new(Arc::clone(&callers), bridge_token.clone()));
        let feed = Arc::new(Feed::new(&random_hex(8)?, Some(Arc::clone(&masking))));
        let blobs = Arc::new(Blobs::open(home.join("blobs")));
        let catalog = Arc::new(Catalog::new(apps)?);
        let confinement = Arc::new(Confinement::look());
        let policy = Arc::new(Policy::default());
        let stopping = CancellationToken::new();
        let history = Arc::new(History::open(
            Arc::clone(&stores.history),
            Arc::clone(&masking),
            Arc::clone(&blobs),
            config.history.keep_days > 0,
        )?);
        let (records, jobs) =
            written_down(&home, &catalog, &stores, history, &callers, &masking, &feed)?;
        let roster = Arc::new(Roster::new(Around {
            records: records.clone(),
            catalog: Arc::clone(&catalog),
            confinement: Arc::clone(&confinement),
        }));
        let supervisor = Arc::new(Supervisor::new(Means {
            roster: Arc::clone(&roster),
            catalog: Arc::clone(&catalog),
            home: home.clone(),
            config: Arc::clone(&config),
            confinement: Arc::clone(&confinement),
            bridge_token: bridge_token.clone(),
            stopping: stopping.clone(),
        }));
        let conductors = Arc::new(Conductors::new(
            Arc::clone(&catalog),
            records.clone(),
            stopping.clone(),
        ));
        let reach = Arc::new(Reach {
            callers: Arc::clone(&callers),
            catalog: Arc::clone(&catalog),
            roster: Arc::clone(&roster),
            conductors: Arc::clone(&conductors),
            policy: Arc::clone(&policy),
            stopping: stopping.clone(),
        });
        let desk = Desk {
            catalog: Arc::clone(&catalog),
            roster: Arc::clone(&roster),
            policy,
            jobs: Arc::clone(&jobs),
            masking: Arc::clone(&masking),
            blobs: Arc::clone(&blobs),
        };
        let tickets = Arc::new(Tickets {
            desk,
            conductors: Arc::clone(&conductors),
            records: records.clone(),
            stopping: stopping.clone(),
        });
        let links = Arc::new(Links {
            roster: Arc::clone(&roster),
            catalog: Arc::clone(&catalog),
            jobs: Arc::clone(&jobs),
            records: records.clone(),
            blobs: Arc::clone(&blobs),
            home: home.clone(),
            config: Arc::clone(&config),
            confinement: Arc::clone(&confinement),
            bridge_token,
            large_announcements: Semaphore::new(limits::LARGE_ANNOUNCEMENTS_MAX),
            joined: Notify::new(),
            closing: CancellationToken::new(),
        });
        Ok(Self {
            sessions: Sessions::open(&home),
            home,
            config,
            confinement,
            callers,
            catalog,
            tickets,
            batches: Arc::default(),
            roster,
            supervisor,
            conductors,
            jobs,
            reach,
            records,
            feed,
            blobs,
            pictures: Pictures::default(),
            masking,
            stores,
            disk_space: Arc::default(),
            stopping,
            started: Instant::now(),
            links,
            link_tasks: TaskTracker::new(),
        })
    }
}

/// Where calls and jobs are written down.
fn written_down(
    home: &Home,
    catalog: &Arc<Catalog>,
    stores: &Stores,
    history: Arc<History>,
    callers: &Callers,
    masking: &Arc<Masking>,
    feed: &Arc<Feed>,
) -> Result<(Records, Arc<Jobs>), Problem> {
    let journal: Arc<dyn Journal> = Arc::new(Memory::default());
    let kept = Kept {
        store: Arc::clone(&stores.jobs),
        journal: Arc::clone(&journal),
        history: Arc::clone(&history),
        masking: Arc::clone(masking),
        feed: Arc::clone(feed),
    };
    let jobs = Arc::new(Jobs::open(kept, callers.ids())?);
    let records = Records {
        catalog: Arc::clone(catalog),
        journal,
        history,
        feed: Arc::clone(feed),
        attempts: Arc::clone(&jobs) as Arc<dyn Attempts>,
        waiting: Shares::new(Bound::alike(
            limits::WAITING_BYTES_MAX,
            limits::WAITING_ALL_BYTES_MAX,
        )),
        seal: Seal::open(home)?,
    };
    Ok((records, jobs))
}
