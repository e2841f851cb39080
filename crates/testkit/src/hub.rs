//! A hub in the test's own process: a temporary home, a real bridge port, the owner as the caller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hub::app::App;
use hub::call::Call;
use hub::callers::{Caller, Scope, Scopes, TokenView};
use hub::home::{Home, write_private};
use hub::launch::LaunchRequest;
use hub::{Asked, Hub};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wire::{
    CallId, CallRequest, CallView, CallerId, InstanceName, InstanceState, InstanceView, JobStatus,
    JobView, Problem, Status,
};

use crate::asking::{job, request};
use crate::store::MemoryStore;
use crate::wait::capped;

/// A running hub. Dropped, it is gone like a killed process; [`TestHub::stop`] stops it in good order.
pub struct TestHub {
    pub hub: Hub,
    /// Where bridges dial.
    pub addr: SocketAddr,
    home: Arc<TempDir>,
    serving: tokio::task::JoinHandle<()>,
    /// Its own, when it is to be killed with all its tasks.
    runtime: Option<Runtime>,
}

impl TestHub {
    pub async fn start_with(apps: Vec<Arc<dyn App>>) -> Self {
        let home = new_home();
        let (hub, addr, serving) = open(&home, apps).await;
        Self {
            hub,
            addr,
            home,
            serving,
            runtime: None,
        }
    }

    /// A hub on a runtime of its own, so that [`TestHub::kill`] can end it like `kill -9`.
    pub async fn start_killable(apps: Vec<Arc<dyn App>>) -> Self {
        Self::killable_in(new_home(), apps).await
    }

    /// A hub in the home of an earlier one.
    pub async fn killable_in(home: Arc<TempDir>, apps: Vec<Arc<dyn App>>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let inside = Arc::clone(&home);
        let opened = runtime
            .spawn(async move { open(&inside, apps).await })
            .await;
        let (hub, addr, serving) = opened.expect("the hub opens");
        Self {
            hub,
            addr,
            home,
            serving,
            runtime: Some(runtime),
        }
    }

    /// Starts an instance as the owner, on the runtime of the hub, so that nothing of it outlives a kill.
    ///
    /// # Errors
    /// What the hub says.
    ///
    /// # Panics
    /// When the start panics.
    pub async fn start_instance(
        &self,
        wanted: LaunchRequest,
    ) -> Result<(InstanceView, bool), Problem> {
        let hub = self.hub.clone();
        let start = async move { hub.start_instance(&Caller::owner(), wanted).await };
        let started = match &self.runtime {
            Some(runtime) => runtime.spawn(start),
            None => tokio::spawn(start),
        };
        started.await.expect("the start does not panic")
    }

    /// Ends the hub without a word, as the end of its process would. Gives the home that is left.
    pub fn kill(self) -> Arc<TempDir> {
        assert!(
            self.runtime.is_some(),
            "only a hub of start_killable can be killed"
        );
        Arc::clone(&self.home)
    }

    /// Stops the hub in good order; gives the home that is left.
    pub async fn stop(self) -> Arc<TempDir> {
        self.hub.stop().await;
        Arc::clone(&self.home)
    }

    /// The folder that is `KAPELLE_HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.hub.home().root().to_owned()
    }

    /// What outlives this hub: the next one in the same home finds it again.
    #[must_use]
    pub fn store(&self) -> Arc<MemoryStore> {
        MemoryStore::of(&self.home())
    }

    /// The secret of bridges.
    ///
    /// # Panics
    /// When the home has none: a fault of the hub.
    #[must_use]
    pub fn bridge_token(&self) -> String {
        let home = self.hub.home();
        home.secret(&home.bridge_token_file())
            .expect("the hub made the token")
    }

    /// Makes a token; gives its caller.
    ///
    /// # Panics
    /// When there is one of that name already.
    #[must_use]
    pub fn token(&self, name: &str, scopes: &[Scope], asks: &[Scope]) -> Caller {
        let view = TokenView {
            name: name.into(),
            scopes: scopes.iter().copied().collect(),
            ask: asks.iter().copied().collect(),
            expires_at: None,
        };
        let secret = self.hub.create_token(&Caller::owner(), &view);
        let secret = secret.expect("the token is made");
        let caller = self.hub.authenticate(&secret);
        caller.expect("a fresh token is known")
    }

    /// Runs a toy command as the owner and waits for its end.
    ///
    /// # Panics
    /// When the hub refuses it, or it does not end within the cap.
    pub async fn run(&self, command: &str, args: Value) -> CallView {
        let call = self.ask(command, args);
        self.end_of(&call).await
    }

    /// Asks for a toy command as the owner; the call is under way.
    ///
    /// # Panics
    /// When the hub refuses it.
    #[must_use]
    pub fn ask(&self, command: &str, args: Value) -> Arc<Call> {
        self.try_ask(&Caller::owner(), request(command, args))
            .expect("the hub takes the call")
    }

    /// # Errors
    /// What the hub says when it takes no call.
    ///
    /// # Panics
    /// When the request is not for exactly one call.
    pub fn try_ask(&self, caller: &Caller, request: CallRequest) -> Result<Arc<Call>, Problem> {
        match self.hub.ask(caller, request)? {
            Asked::One(call) => Ok(call),
            Asked::All(calls) => panic!("{} calls where one was meant", calls.len()),
            Asked::Checked(checked) => panic!("only checked: {checked:?}"),
            Asked::Job(_) => panic!("a job where a call was meant"),
        }
    }

    /// Stores a toy command as a job of the owner's.
    ///
    /// # Panics
    /// When the hub does not take it.
    pub async fn job(&self, command: &str, args: Value) -> Arc<Call> {
        self.try_job(&Caller::owner(), job(command, args))
            .await
            .expect("the hub stores the job")
    }

    /// # Errors
    /// What the hub says when it takes no job.
    ///
    /// # Panics
    /// When the request asks for no job.
    pub async fn try_job(
        &self,
        caller: &Caller,
        request: CallRequest,
    ) -> Result<Arc<Call>, Problem> {
        match self.hub.ask(caller, request)? {
            Asked::Job(storing) => Ok(storing.stored().await?.call),
            _ => panic!("a call where a job was meant"),
        }
    }

    /// How a job stands, as the owner sees it.
    ///
    /// # Panics
    /// When it is not kept.
    pub async fn job_view(&self, id: &CallId) -> JobView {
        let shown = self.hub.job(&Caller::owner(), id).await;
        shown.expect("the job is kept")
    }

    /// Waits until a job is in that status.
    ///
    /// # Panics
    /// When it does not come to that within the cap.
    pub async fn until_job(&self, id: &CallId, status: JobStatus) -> JobView {
        // Every change of a job is an event; the look comes first, so that none is missed.
        let mut events = self.hub.listen();
        let wait = async {
            loop {
                let view = self.job_view(id).await;
                if view.status == status {
                    return view;
                }
                tokio::select! {
                    _ = events.recv() => {}
                    () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
                }
            }
        };
        capped(&format!("{id} is {}", status.as_str()), wait).await
    }

    /// # Panics
    /// When the call does not end within the cap.
    pub async fn end_of(&self, call: &Call) -> CallView {
        capped(
            &format!("the end of {} ({})", call.id, call.command),
            call.ended(None),
        )
        .await;
        self.hub.view(call)
    }

    /// Waits until a call has started.
    ///
    /// # Panics
    /// When it does not within the cap.
    pub async fn started(&self, call: &Call) {
        self.wait_for(&format!("{} starts", call.command), |_| {
            call.has_started().then_some(())
        })
        .await;
    }

    /// Waits until an instance is in a state.
    ///
    /// # Panics
    /// When it does not come to that within the cap.
    pub async fn until_state(&self, name: &InstanceName, state: InstanceState) {
        self.wait_for(&format!("{name} is {}", state.as_str()), |hub| {
            let now = hub.instance(name).ok().map(|view| view.state);
            (now == Some(state)).then_some(())
        })
        .await;
    }

    /// Looks at every event of the feed, and now and then besides for what has no event.
    ///
    /// # Panics
    /// When it does not come within the cap; `what` is in the message.
    pub async fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Hub) -> Option<T>) -> T {
        // States that follow from the clock (a silence, the end of a grace) have no event.
        const LOOK_MS: u64 = 20;
        let mut events = self.hub.listen();
        let wait = async {
            loop {
                if let Some(found) = look(&self.hub) {
                    return found;
                }
                tokio::select! {
                    _ = events.recv() => {}
                    () = tokio::time::sleep(std::time::Duration::from_millis(LOOK_MS)) => {}
                }
            }
        };
        capped(what, wait).await
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.serving.abort();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn new_home() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().expect("a temporary folder can be made"))
}

async fn open(
    home: &TempDir,
    apps: Vec<Arc<dyn App>>,
) -> (Hub, SocketAddr, tokio::task::JoinHandle<()>) {
    let home = Home::open(&home.path().join("home")).expect("a home can be made");
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let addr = listener
        .local_addr()
        .expect("a bound listener has an address");
    // What a hub before this one stored in this home.
    let store = MemoryStore::of(home.root());
    let hub = Hub::new(home, apps, store.stores()).expect("the hub opens");
    // What `kapelle serve` writes, as far as bridges read it.
    let text =
        json!({"url": "http://127.0.0.1:9", "pid": std::process::id(), "bridge": addr.to_string()});
    write_private(&hub.home().hub_file(), text.to_string().as_bytes())
        .expect("the home can be written");
    let serving = tokio::spawn({
        let hub = hub.clone();
        async move { hub.serve_bridges(listener).await }
    });
    (hub, addr, serving)
}

/// Somebody who is not the owner.
#[must_use]
pub fn caller(name: &str, scopes: &[Scope], asks: &[Scope]) -> Caller {
    Caller {
        scopes: scopes.iter().copied().collect::<Scopes>(),
        asks: asks.iter().copied().collect::<Scopes>(),
        ..Caller::known_as(CallerId::of_name(name))
    }
}

/// Short words for assertions on an ended call.
pub trait Ended {
    fn code(&self) -> &str;
    fn value(&self) -> &Value;
    fn is(&self, status: Status) -> bool;
}

impl Ended for CallView {
    fn code(&self) -> &str {
        self.outcome
            .as_ref()
            .and_then(|outcome| outcome.problem.as_ref())
            .map_or("", |problem| problem.code.as_str())
    }

    fn value(&self) -> &Value {
        self.outcome
            .as_ref()
            .map_or(&Value::Null, |outcome| &outcome.value)
    }

    fn is(&self, status: Status) -> bool {
        self.status == status
    }
}
