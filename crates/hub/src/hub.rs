//! The hub as its doors see it: every room behind one handle.
//!
//! Doors and the terminal call these methods and nothing else. Methods that change anything take a
//! [`Caller`] and check its scopes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::job::{QueueChange, QueueView};
use wire::{
    AppId, BatchRequest, CallId, CallRequest, CallView, Code, CommandSpec, Event, InstanceName,
    InstanceView, JobChange, JobPage, JobView, Position, Problem, Resync, Topic,
};

use crate::app::{App, LaunchRequest, Program};
use crate::batch::{self, Batch, Batches};
use crate::blobs::Blobs;
use crate::call::Call;
use crate::callers::{Caller, Callers, Scope, TokenView};
use crate::catalog::{AppEntry, Catalog};
use crate::conduct::{self, Conductors};
use crate::config::Config;
use crate::desk::{self, Asked};
use crate::feed::{Feed, Subscription};
use crate::find::{self, Found};
use crate::history::History;
use crate::home::{Home, random_hex};
use crate::jobs::{self, Jobs, JobsAsked, Kept};
use crate::journal::{Journal, Memory, Wanted};
use crate::lane::Records;
use crate::limits;
use crate::pictures::{self, Picture, Pictures};
use crate::policy::{self, Policy};
use crate::recovery;
use crate::roster::{Roster, Snapshot};
use crate::secrets::Masking;
use crate::sessions::Sessions;
use crate::snapshot;
use crate::store::Stores;
use crate::supervisor::{Stopped, Supervisor};

/// A running hub. Clones are handles to the same one.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) home: Home,
    pub(crate) config: Config,
    pub(crate) callers: Arc<Callers>,
    pub(crate) sessions: Sessions,
    pub(crate) bridge_token: String,
    pub(crate) catalog: Catalog,
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
    pub(crate) stopping: CancellationToken,
    /// The end of all links, after the last word on them.
    pub(crate) closing: CancellationToken,
    /// Turns with every bridge that has connected.
    pub(crate) joined: Notify,
    started: Instant,
    links: TaskTracker,
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
                Problem::new(Code::HUB_STOPPING, "The hub is shutting down.")
                    .hint("Start it again: kapelle serve"),
            );
        }
        Ok(())
    }
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
        let jobs = Jobs::open(Kept {
            store: Arc::clone(&stores.jobs),
            journal: Arc::clone(&journal),
            history: Arc::clone(&history),
            masking: Arc::clone(&masking),
            feed: Arc::clone(&feed),
        })?;
        let inner = Inner {
            config,
            callers,
            sessions: Sessions::open(&home),
            bridge_token,
            catalog: Catalog::new(apps)?,
            policy: Policy::default(),
            batches: Batches::default(),
            roster: Roster::default(),
            supervisor: Supervisor::default(),
            conductors: Conductors::default(),
            records: Records {
                journal,
                history,
                feed: Arc::clone(&feed),
                jobs: Arc::new(jobs),
            },
            feed,
            blobs,
            pictures: Pictures::default(),
            masking,
            stores,
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            joined: Notify::new(),
            started: Instant::now(),
            links: TaskTracker::new(),
            home,
        };
        let hub = Self(Arc::new(inner));
        hub.0.supervisor.adopt(&hub.0);
        tokio::spawn(Jobs::run(Arc::downgrade(&hub.0)));
        tokio::spawn(Self::keep_bounds(Arc::downgrade(&hub.0)));
        Ok(hub)
    }

    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// Serves bridges that dial `listener`, until the hub stops.
    pub async fn serve_bridges(&self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(
            limits::HANDSHAKES_MAX + limits::INSTANCES_MAX,
        ));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.0.stopping.cancelled() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, say: wait a little instead of spinning.
                    tracing::warn!(%error, "a bridge cannot be accepted");
                    tokio::time::sleep(limits::PROCESS_LOOK).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                continue;
            };
            let hub = Arc::clone(&self.0);
            self.0.links.spawn(async move {
                crate::link::serve(hub, stream).await;
                drop(place);
            });
        }
    }

    #[must_use]
    pub fn authenticate(&self, bearer: &str) -> Option<Caller> {
        self.0.callers.authenticate(bearer)
    }

    /// The caller of a browser that is signed in.
    #[must_use]
    pub fn authenticate_session(&self, secret: &str) -> Option<Caller> {
        self.0.sessions.caller(&self.0.callers, secret)
    }

    /// The secret of a link to the dashboard, good once and for [`limits::LINK_LIFE`].
    ///
    /// # Errors
    /// `forbidden` without `admin`, and for a session, which makes no further ones.
    pub fn make_link(&self, caller: &Caller) -> Result<String, Problem> {
        policy::require(caller, Scope::Admin, || {
            "make a link to the dashboard".to_owned()
        })?;
        self.0.sessions.make_link(&self.0.callers, caller)
    }

    /// Signs a browser in by a link's secret. Gives the session's own.
    ///
    /// # Errors
    /// `unauthenticated` when the link is used up.
    pub fn open_session(&self, link: &str) -> Result<(String, Caller), Problem> {
        self.0.sessions.open_session(&self.0.callers, link)
    }

    /// Signs a browser out.
    ///
    /// # Errors
    /// What the disk says.
    pub fn end_session(&self, secret: &str) -> Result<(), Problem> {
        self.0.sessions.end(&self.0.callers, secret)
    }

    /// The walk of a call, up to where it is under way.
    ///
    /// # Errors
    /// When nothing ran: what was wrong, and what to do.
    pub fn ask(&self, caller: &Caller, request: CallRequest) -> Result<Asked, Problem> {
        desk::ask(&self.0, caller, request, None)
    }

    /// Several calls as one; see [`crate::batch`].
    ///
    /// # Errors
    /// When nothing ran: which call was wrong, in `details.call`, and why.
    pub async fn batch(&self, caller: &Caller, request: BatchRequest) -> Result<Batch, Problem> {
        self.0.refuse_when_stopping()?;
        batch::begin(&self.0, caller, request).await
    }

    /// A call by its id, from the lanes or the journal.
    ///
    /// # Errors
    /// `call_unknown`, saying since when the hub remembers.
    pub fn call(&self, id: &CallId) -> Result<Arc<Call>, Problem> {
        if let Some(front) = self.0.records.jobs.front(id) {
            return Ok(front);
        }
        self.0.records.journal.get(id).ok_or_else(|| {
            Problem::new(Code::CALL_UNKNOWN, format!("No call `{id}` is remembered.")).hint(
                format!(
                    "The hub remembers calls since {}: kapelle history",
                    crate::call::rfc3339(self.remembers_since())
                ),
            )
        })
    }

    /// As [`Self::call`], but shortly after the hub's start it waits for bridges that may still know the
    /// call from before: they dial again within a moment.
    ///
    /// # Errors
    /// `call_unknown`.
    pub async fn find_call(&self, id: &CallId) -> Result<Arc<Call>, Problem> {
        if let Some(past) = self.past_call(id).await? {
            return Ok(past);
        }
        loop {
            let joined = self.0.joined.notified();
            let mut found = self.call(id);
            if found.is_err()
                && let Some(ended) = self.0.records.jobs.ended_call(id).await
            {
                found = Ok(ended);
            }
            let grace = if self.0.supervisor.waits_for_adopted(&self.0) {
                limits::RECONNECT_GRACE
            } else {
                limits::RETURN_GRACE
            };
            let until = self.0.started + grace;
            if found.is_ok() || Instant::now() >= until {
                return found;
            }
            tokio::select! {
                () = joined => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// How a call stands now, with its place in the queue and what the app gave: for who asked. Doors show it by
    /// [`Self::view_for`].
    #[must_use]
    pub fn view(&self, call: &Call) -> CallView {
        let mut view = call.view();
        if call.durability.is_some() && view.status == wire::Status::Queued {
            view.position = self.0.records.jobs.place_of(&call.id);
            return view;
        }
        if view.status == wire::Status::Queued
            && let Some(instance) = self.0.roster.find(&call.instance())
        {
            (view.position, view.behind) = instance.lane.place_of(&call.id);
        }
        view
    }

    /// Cancels a call and gives it, without waiting for its end. One's own calls need no scope.
    ///
    /// # Errors
    /// `call_unknown`, `forbidden`.
    pub fn cancel(&self, caller: &Caller, id: &CallId) -> Result<Arc<Call>, Problem> {
        let call = self.call(id)?;
        if call.caller.name != caller.name {
            policy::require(caller, Scope::Admin, || {
                "cancel somebody else's call".to_owned()
            })?;
        }
        if let Some(front) = self.0.records.jobs.cancel(&self.0, id) {
            return Ok(front);
        }
        self.0.cancel_call(&call);
        Ok(call)
    }

    /// One job in whole. One's own need no scope.
    ///
    /// # Errors
    /// `job_unknown`, `forbidden` for others' without `read`.
    pub async fn job(&self, caller: &Caller, id: &CallId) -> Result<JobView, Problem> {
        let job = self.0.records.jobs.show(&self.0, id).await?;
        if job.caller != caller.name.as_str() {
            policy::require(caller, Scope::Read, || "see somebody else's job".to_owned())?;
        }
        Ok(job)
    }

    /// Jobs. Without the scope `read` only one's own.
    ///
    /// # Errors
    /// `not_supported` without a store, or what the store says.
    pub async fn jobs(&self, caller: &Caller, mut asked: JobsAsked) -> Result<JobPage, Problem> {
        if !caller.scopes.has(Scope::Read) {
            asked.caller = Some(caller.name.clone());
        }
        self.0.records.jobs.list(&self.0, asked).await
    }

    pub(crate) fn job_snapshot(&self) -> Vec<JobView> {
        self.0.records.jobs.snapshot(&self.0)
    }

    /// Changes what is asked of a job that waits, or has an ended one tried again. One's own need no scope
    /// beyond that of their command.
    ///
    /// # Errors
    /// `job_unknown`, `job_not_open`, `forbidden`, `arguments_invalid`.
    pub async fn change_job(
        &self,
        caller: &Caller,
        id: &CallId,
        wanted: JobChange,
    ) -> Result<JobView, Problem> {
        let check = |job: &crate::store::Job, wanted: &JobChange| {
            let touches = wanted.args.is_some() || wanted.status.is_some();
            if !touches {
                return Ok(None);
            }
            let command = Arc::clone(self.0.catalog.app(&job.app)?.command(&job.command)?);
            policy::require(caller, Scope::from(command.spec.effect), || {
                format!("run `{}`", command.spec.name)
            })?;
            let args = wanted
                .args
                .clone()
                .map(|args| command.check(args))
                .transpose()?;
            Ok(args.map(|args| jobs::Checked {
                repeatable: command.spec.repeatable.with(&args),
                marked: Arc::clone(&command.marked),
                args: Arc::new(args),
            }))
        };
        self.0.records.jobs.change(caller, id, wanted, check).await
    }

    /// Pauses or drains an app's queue, or opens it again.
    ///
    /// # Errors
    /// `forbidden` without `admin`, `app_unknown`.
    pub async fn change_queue(
        &self,
        caller: &Caller,
        wanted: QueueChange,
    ) -> Result<QueueView, Problem> {
        policy::require(caller, Scope::Admin, || {
            "hold back everybody's jobs".to_owned()
        })?;
        self.0.catalog.app(&wanted.app)?;
        self.0.records.jobs.change_queue(&wanted).await
    }

    /// Calls of this run of the hub, newest first, and from when on they are remembered.
    #[must_use]
    pub fn history(&self, wanted: &Wanted) -> (time::OffsetDateTime, Vec<Arc<Call>>) {
        (
            self.0.records.journal.since(),
            self.0.records.journal.history(wanted),
        )
    }

    #[must_use]
    pub fn apps(&self) -> Vec<(Arc<AppEntry>, Vec<InstanceName>)> {
        let names = |app: &AppId| {
            self.0
                .roster
                .of_app(app)
                .iter()
                .filter(|instance| instance.reserved_for.is_none())
                .map(|i| i.name.clone())
                .collect()
        };
        self.0
            .catalog
            .apps()
            .into_iter()
            .map(|app| (Arc::clone(&app), names(&app.id)))
            .collect()
    }

    /// # Errors
    /// `app_unknown`.
    pub fn commands(&self, app: &AppId) -> Result<Vec<CommandSpec>, Problem> {
        Ok(self
            .0
            .catalog
            .app(app)?
            .commands()
            .map(|command| command.spec.clone())
            .collect())
    }

    /// # Errors
    /// `app_unknown`, `command_unknown`.
    pub fn command(&self, app: &AppId, name: &str) -> Result<CommandSpec, Problem> {
        Ok(self.0.catalog.app(app)?.command(name)?.spec.clone())
    }

    /// Commands that fit somebody's words, best first, in the bounds of [`crate::find`].
    ///
    /// # Errors
    /// `app_unknown`.
    pub fn find(
        &self,
        query: &str,
        app: Option<&AppId>,
        limit: usize,
    ) -> Result<Vec<Found>, Problem> {
        let apps = match app {
            Some(app) => vec![self.0.catalog.app(app)?],
            None => self.0.catalog.apps(),
        };
        let hits = apps.iter().flat_map(|app| app.find(query)).collect();
        Ok(find::best(hits, limit))
    }

    /// Programs of this machine that the app's bridge can be installed in.
    ///
    /// # Errors
    /// `app_unknown`, `forbidden` without `admin`.
    pub async fn programs(&self, caller: &Caller, app: &AppId) -> Result<Vec<Program>, Problem> {
        policy::require(caller, Scope::Admin, || {
            "look for programs to install in".to_owned()
        })?;
        let entry = self.0.catalog.app(app)?;
        let home = self.0.home.clone();
        let look = move || entry.app.as_ref().map(|app| app.programs(&home));
        Ok(blocking(look).await?.unwrap_or_default())
    }

    /// Installs the app's bridge in one of [`Self::programs`], and sees that it reaches this hub.
    ///
    /// # Errors
    /// `app_unknown`, `forbidden` without `admin`, `not_found` for another program, what the app says.
    pub async fn install(
        &self,
        caller: &Caller,
        app: &AppId,
        program: &Path,
    ) -> Result<InstanceView, Problem> {
        let programs = self.programs(caller, app).await?;
        if !programs.iter().any(|one| one.program == program) {
            let names: Vec<String> = programs
                .iter()
                .map(|one| one.program.display().to_string())
                .collect();
            return Err(Problem::new(
                Code::FILE_NOT_FOUND,
                format!("{} is none of the programs found here.", program.display()),
            )
            .hint(format!("They are: {}.", names.join(", "))));
        }
        let entry = self.0.catalog.app(app)?;
        let hub = Arc::clone(&self.0);
        let program = program.to_owned();
        let install = move || {
            let mut look =
                |name: &InstanceName| hub.roster.find(name).map(|instance| instance.view(&hub));
            match &entry.app {
                Some(app) => app.install(&hub.home, &program, &mut look),
                None => Err(Problem::new(
                    Code::NOT_SUPPORTED,
                    format!("{} brings its own bridge.", entry.title),
                )),
            }
        };
        blocking(install).await?
    }

    #[must_use]
    pub fn instances(&self) -> Vec<InstanceView> {
        self.0
            .roster
            .all()
            .iter()
            .map(|instance| instance.view(&self.0))
            .collect()
    }

    /// # Errors
    /// `instance_unknown`.
    pub fn instance(&self, name: &InstanceName) -> Result<InstanceView, Problem> {
        Ok(self.0.roster.named(name)?.view(&self.0))
    }

    /// What the app last said of itself. Never asks the app.
    ///
    /// # Errors
    /// `instance_unknown`, or `not_found` when it has not said anything yet.
    pub fn instance_state(&self, name: &InstanceName) -> Result<Snapshot, Problem> {
        self.0.roster.named(name)?.snapshot().ok_or_else(|| {
            Problem::new(
                Code::INSTANCE_NOT_CONNECTED,
                format!("`{name}` has not told its state yet."),
            )
            .hint("Ask again when it is connected: kapelle status")
        })
    }

    /// The picture file that a call of the hub's own side, such as a render farm, made last.
    ///
    /// # Errors
    /// `not_supported` when it tells of none.
    pub fn picture_of_call(&self, call: &Call) -> Result<std::path::PathBuf, Problem> {
        pictures::made_by(&self.0, call)
    }

    /// A picture of what an instance shows, for somebody who looks at it now; see [`pictures`].
    ///
    /// # Errors
    /// `forbidden` without `read`, `instance_unknown`, `not_supported` when the app gives no pictures.
    pub async fn picture(
        &self,
        caller: &Caller,
        name: &InstanceName,
    ) -> Result<Option<Picture>, Problem> {
        policy::require(caller, Scope::Read, || {
            "see a picture of a program".to_owned()
        })?;
        pictures::look(&self.0, caller, name).await
    }

    /// Starts a copy of an app and waits for its bridge. `true` when it was not there before.
    ///
    /// # Errors
    /// `forbidden` (a program by path needs `admin`, anything else `write`), `start_failed` …
    pub async fn start_instance(
        &self,
        caller: &Caller,
        mut request: LaunchRequest,
    ) -> Result<(InstanceView, bool), Problem> {
        self.0.refuse_when_stopping()?;
        // Only a command that the hub runs has instances of its own.
        request.reserved_for = None;
        policy::require(caller, Scope::Write, || "start a program".to_owned())?;
        if request.program.is_some() || request.python.is_some() {
            policy::require(caller, Scope::Admin, || {
                "start a program by its path".to_owned()
            })?;
        }
        if request.file.is_some() || request.scripts {
            policy::require(caller, Scope::Code, || {
                "start a program with a file".to_owned()
            })?;
        }
        let hub = Arc::clone(&self.0);
        // A task of its own: a caller that goes away leaves no half-started program.
        let started = tokio::spawn(async move { hub.supervisor.start(&hub, request).await });
        started.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a start panicked");
            Err(Problem::new(
                Code::INTERNAL,
                "The start failed by a fault of the hub.",
            ))
        })
    }

    /// # Errors
    /// `instance_unknown`, `forbidden`.
    pub async fn stop_instance(
        &self,
        caller: &Caller,
        name: &InstanceName,
        force: bool,
    ) -> Result<Stopped, Problem> {
        policy::require(caller, Scope::Destructive, || "stop a program".to_owned())?;
        Supervisor::stop(&self.0, name, force).await
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

    #[must_use]
    pub fn recovery_copies(&self) -> Vec<recovery::Copy> {
        recovery::list(&self.0.home)
    }

    /// # Errors
    /// `forbidden` without `admin`.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<TokenView>, Problem> {
        policy::require(caller, Scope::Admin, || "see the tokens".to_owned())?;
        Ok(self.0.callers.list())
    }

    /// Makes a token; gives its secret, this once.
    ///
    /// # Errors
    /// `forbidden` without `admin`, `name_taken`, …
    pub fn create_token(&self, caller: &Caller, view: &TokenView) -> Result<String, Problem> {
        policy::require(caller, Scope::Admin, || "make a token".to_owned())?;
        self.0.callers.create(view)
    }

    /// # Errors
    /// `forbidden` without `admin`, `token_unknown`.
    pub fn revoke_token(&self, caller: &Caller, name: &str) -> Result<(), Problem> {
        policy::require(caller, Scope::Admin, || "revoke a token".to_owned())?;
        self.0.callers.revoke(name)
    }

    /// # Errors
    /// `forbidden` without `admin`.
    pub fn may_stop(&self, caller: &Caller) -> Result<(), Problem> {
        policy::require(caller, Scope::Admin, || "stop the hub".to_owned())
    }

    /// Resolves when somebody asked the hub to stop.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Asks the hub to stop: from now on it takes nothing new.
    pub fn begin_stop(&self) {
        self.0.stopping.cancel();
    }

    /// Stops: background instances that the hub started leave (with a recovery copy of unsaved work), every
    /// call has its outcome, links are closed.
    pub async fn stop(&self) {
        self.begin_stop();
        let names = self.0.supervisor.owned_names();
        let stops = names.into_iter().map(|name| {
            let hub = Arc::clone(&self.0);
            tokio::spawn(async move { Supervisor::stop(&hub, &name, false).await })
        });
        for stop in stops.collect::<Vec<_>>() {
            stop.await.ok();
        }
        self.0.conductors.end().await;
        let why = Problem::new(
            Code::HUB_STOPPING,
            "The hub was stopped while this call was under way.",
        )
        .hint(
            "A program that the hub did not start goes on with it; ask again when the hub is back.",
        );
        for instance in self.0.roster.all() {
            instance.lane.close(&why);
        }
        self.0.records.jobs.settle_all(&self.0).await;
        self.0.closing.cancel();
        self.0.links.close();
        tokio::time::timeout(Duration::from_millis(200), self.0.links.wait())
            .await
            .ok();
        if let Err(problem) = self.0.records.history.flush().await {
            tracing::warn!(%problem, "the end of the history is not stored");
        }
    }
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "what an app was asked for panicked");
        Problem::new(Code::INTERNAL, "The app's side of the hub failed.")
    })
}
