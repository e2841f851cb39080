//! The composition root: the one place where hub, doors and apps are put together.
//!
//! Everything else in this crate is a client of what starts here. The order matters: the home folder
//! is locked before anything in it is changed, both ports are open before `run/hub.json` names them, and
//! the line that says "ready" comes last.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use client::problems;
use doors::mcp::Addition;
use hub::Hub;
use hub::home::Home;
use serde_json::json;
use store::Store;
use terminal::screen;
use terminal::session::Session;
use terminal::ui::Ui;
use tokio::net::TcpListener;
use wire::{Code, Problem};

use crate::log;
use crate::signals::Signals;

/// Threads for the hub's tasks, at most: some ten thousand calls a second each.
const WORKERS_MAX: usize = 4;

/// How the hub is wanted.
pub(crate) struct Wanted {
    pub(crate) listen: SocketAddr,
    /// Where that port is taken, a free one.
    pub(crate) any_port: bool,
    /// What `/mcp` has beside the hub's own.
    pub(crate) addition: Option<Arc<dyn Addition>>,
}

/// Runs a hub in this process until it is told to stop.
///
/// # Errors
/// What keeps it from starting.
pub(crate) fn run(session: &Session, wanted: &Wanted) -> Result<(), Box<Problem>> {
    let home = Home::open(session.home.path())?;
    let _lock = home.lock_hub()?;
    let quota = log::write_logs(&home, session.ui);
    for path in home.mended() {
        tracing::warn!(path = %path.display(), "others could read it; it is private now");
    }
    hub::descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .thread_name("kapelle")
        .build()
        .map_err(|error| our_fault("the runtime cannot be started", &error))?;
    runtime.spawn(quota.tell());
    runtime.block_on(serve(home, wanted, session.ui))
}

/// Threads for the hub's tasks. A call is a chain of short steps: to hand each to another thread costs more than the step
/// (measured on two cores: 0.33 ms with one thread and 0.39 with two). Large messages are worked on aside (`hub::aside`).
fn workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 4).clamp(1, WORKERS_MAX)
}

async fn serve(home: Home, wanted: &Wanted, ui: Ui) -> Result<(), Box<Problem>> {
    let http = match bind(wanted.listen).await {
        Err(problem) if wanted.any_port => {
            ui.say(format_args!("{} Taking a free port.", problem.message));
            bind((wanted.listen.ip(), 0).into()).await?
        }
        bound => bound?,
    };
    // Bridges are told the address by the run file, so any port will do; they live on this machine.
    let bridges = bind_for_bridges(&home).await?;
    let store = with_room(&home, || Store::open(&home))?;
    let hub = Hub::new(home.clone(), apps::all(), store.stores())?;
    if let Ok(kapelle) = std::env::current_exe() {
        hub.use_launcher(kapelle);
    }
    let mut signals = Signals::listen();
    let ready = with_room(&home, || {
        announce(&home, &http, &bridges).map_err(|problem| *problem)
    })?;
    let bridge_door = tokio::spawn({
        let hub = hub.clone();
        async move { hub.serve_bridges(bridges).await }
    });
    let mut settings = doors::Settings::default();
    settings.mcp.addition.clone_from(&wanted.addition);
    let mut http_door = tokio::spawn(doors::serve_with(hub.clone(), http, settings));
    say_ready(ui, &ready);
    tracing::info!(url = %ready.url, "ready");
    let closed = tokio::select! {
        () = hub.stopping() => None,
        () = signals.next() => None,
        closed = &mut http_door => Some(closed),
    };
    if closed.is_none() && !ui.json {
        ui.say("stopping; Ctrl-C again leaves at once");
    }
    // From here on nobody should find this hub; the next one waits for the lock.
    std::fs::remove_file(home.hub_file()).ok();
    tokio::select! {
        () = hub.stop() => {}
        () = signals.next() => tracing::warn!("left before everything had stopped"),
    }
    let closed = match closed {
        Some(closed) => closed,
        None => http_door.await,
    };
    bridge_door.abort();
    // After the last outcome, so that nothing of this run is lost.
    store.close();
    tracing::info!("stopped");
    match closed {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(our_fault("the listener failed", &error)),
        Err(error) => Err(our_fault("the HTTP door broke", &error)),
    }
}

/// Does it, and once more with the room that was kept back, where the disk has none.
fn with_room<T>(home: &Home, start: impl Fn() -> Result<T, Problem>) -> Result<T, Box<Problem>> {
    match start() {
        // SQLite calls it a fault of the disk when there is no room for its index.
        Err(problem)
            if [Code::DISK_FULL, Code::STORE_FAILED].contains(&problem.code)
                && home.give_up_reserve() =>
        {
            Ok(start()?)
        }
        other => Ok(other?),
    }
}

/// What `run/hub.json` and the line on stdout say.
struct Ready {
    url: String,
    token_file: String,
}

/// Tells bridges and clients where this hub is.
fn announce(home: &Home, http: &TcpListener, bridges: &TcpListener) -> Result<Ready, Box<Problem>> {
    let address = |listener: &TcpListener| {
        listener
            .local_addr()
            .map_err(|error| our_fault("a listener has no address", &error))
    };
    // The owner's token is made here if this is the first start.
    let token_file = home.owner_token_file();
    home.secret(&token_file)?;
    let ready = Ready {
        url: format!("http://{}", address(http)?),
        token_file: token_file.display().to_string(),
    };
    let run = json!({
        "url": ready.url,
        "pid": std::process::id(),
        "bridge": address(bridges)?.to_string(),
        "token_file": ready.token_file,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let path = home.hub_file();
    home.write_hub_file(run.to_string().as_bytes())
        .map_err(|error| problems::file(&path, "cannot be written", &error))?;
    Ok(ready)
}

fn say_ready(ui: Ui, ready: &Ready) {
    let line = if ui.json {
        json!({"url": ready.url, "pid": std::process::id(), "token_file": ready.token_file})
            .to_string()
    } else {
        format!("hub ready at {} (token: {})", ready.url, ready.token_file)
    };
    let mut out = screen::out();
    // Who started us may not want to hear it.
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

/// Any port, but that of an earlier hub whose confined instances live: they may dial no other one.
async fn bind_for_bridges(home: &Home) -> Result<TcpListener, Box<Problem>> {
    if let Some(port) = hub::port_of_earlier(home.root()) {
        match bind((Ipv4Addr::LOCALHOST, port).into()).await {
            Ok(listener) => return Ok(listener),
            Err(problem) => tracing::warn!(%problem, "confined instances have to be started again"),
        }
    }
    bind((Ipv4Addr::LOCALHOST, 0).into()).await
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Box<Problem>> {
    TcpListener::bind(address).await.map_err(|error| {
        problems::new(
            Code::HUB_RUNNING,
            format!("The hub cannot listen on {address}: {error}."),
            "Choose another port; --listen 127.0.0.1:0 picks a free one.",
        )
    })
}

fn our_fault(what: &str, error: &dyn std::fmt::Display) -> Box<Problem> {
    problems::new(
        Code::INTERNAL,
        format!("The hub failed: {what}: {error}."),
        "This is a fault in Kapelle; please report it.",
    )
}
