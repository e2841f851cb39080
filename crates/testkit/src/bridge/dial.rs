//! Dialling: who the bridge says it is, and the handshake.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use wire::frame::Frame;
use wire::link::{Announcement, CallMessage, FromBridge, FromHub, KnownCalls, MAGIC, PROTOCOL};
use wire::{CommandSpec, InstanceName, Mode, Problem};

use super::run;
use super::state::{Answer, Core, Heard, Manners, WORK_MAX};
use crate::asking::{APP, BRIDGE_VERSION};
use crate::hub::TestHub;
use crate::socket::{Socket, bridge_proof, hub_proof};

/// Who dials, and how it behaves.
#[derive(Clone)]
pub struct Dial {
    addr: SocketAddr,
    token: String,
    protocol: u32,
    said: Announcement,
    known: Option<KnownCalls>,
    complete: bool,
    pub(super) manners: Manners,
}

/// Why there is no link.
#[derive(Debug)]
pub enum Refused {
    /// The hub said so.
    Problem(Box<Problem>),
    /// Nobody listens, or the connection was closed without a word.
    Closed,
    /// The hub did not prove that it knows the secret.
    HubUnproven,
}

impl Refused {
    /// # Panics
    /// When the hub gave no reason.
    #[must_use]
    pub fn problem(self) -> Problem {
        match self {
            Self::Problem(problem) => *problem,
            other => panic!("refused without a reason: {other:?}"),
        }
    }
}

impl Dial {
    /// A toy that dials this hub.
    #[must_use]
    pub fn new(hub: &TestHub) -> Self {
        Self::with(hub.addr, hub.bridge_token())
    }

    #[must_use]
    pub fn with(addr: SocketAddr, token: String) -> Self {
        let said = Announcement {
            app: APP.into(),
            session: fresh_hex(),
            name: None,
            launch: None,
            version: Some("1.2.3".to_owned()),
            bridge_version: Some(BRIDGE_VERSION.to_owned()),
            pid: Some(std::process::id()),
            mode: Mode::Background,
            file: None,
            host: serde_json::Map::new(),
            commands: Vec::new(),
            calls: KnownCalls::default(),
        };
        Self {
            addr,
            token,
            protocol: PROTOCOL,
            said,
            known: None,
            complete: false,
            manners: Manners::default(),
        }
    }

    /// Says that it knows all that ever reached it.
    #[must_use]
    pub fn complete(mut self) -> Self {
        self.complete = true;
        self
    }

    pub(super) fn to(&mut self, addr: SocketAddr) {
        self.addr = addr;
    }

    pub(super) fn name_is(&mut self, name: &InstanceName) {
        self.said.name = Some(name.clone());
    }

    #[must_use]
    pub fn app(mut self, app: &str) -> Self {
        self.said.app = app.into();
        self
    }

    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.said.name = Some(name.into());
        self
    }

    #[must_use]
    pub fn bridge_version(mut self, version: &str) -> Self {
        self.said.bridge_version = Some(version.to_owned());
        self
    }

    #[must_use]
    pub fn launch(mut self, launch: &str) -> Self {
        self.said.launch = Some(launch.to_owned());
        self
    }

    #[must_use]
    pub fn file(mut self, file: &str) -> Self {
        self.said.file = Some(file.to_owned());
        self
    }

    #[must_use]
    pub fn pid(mut self, pid: u32) -> Self {
        self.said.pid = Some(pid);
        self
    }

    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.said.mode = mode;
        self
    }

    #[must_use]
    pub fn commands(mut self, commands: Vec<CommandSpec>) -> Self {
        self.said.commands = commands;
        self
    }

    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    #[must_use]
    pub fn protocol(mut self, protocol: u32) -> Self {
        self.protocol = protocol;
        self
    }

    /// Says that it knows these calls, whatever it remembers.
    #[must_use]
    pub fn known(mut self, known: KnownCalls) -> Self {
        self.known = Some(known);
        self
    }

    #[must_use]
    pub fn manners(mut self, manners: Manners) -> Self {
        self.manners = manners;
        self
    }
}

pub(super) fn new_core(
    answer: Box<Answer>,
    manners: Manners,
) -> (Arc<Core>, mpsc::Receiver<CallMessage>) {
    let (work, receiver) = mpsc::channel(WORK_MAX);
    let core = Core {
        answer,
        manners,
        link: tokio::sync::Mutex::new(None),
        tasks: Mutex::new(Vec::new()),
        heard: Mutex::new(Heard::default()),
        changed: watch::Sender::new(0),
        frozen: watch::Sender::new(false),
        work,
    };
    (Arc::new(core), receiver)
}

/// The handshake, and the tasks of a link that has passed it.
pub(super) async fn link(core: &Arc<Core>, dial: &Dial) -> Result<InstanceName, Refused> {
    let mut socket = Socket::try_dial(dial.addr)
        .await
        .map_err(|_| Refused::Closed)?;
    let nonce = fresh_hex();
    socket
        .send(&FromBridge::Hello {
            magic: MAGIC.to_owned(),
            protocol: dial.protocol,
            nonce: nonce.clone(),
            launch: None,
        })
        .await;
    let (hub_nonce, proof) = match from_hub(&mut socket).await? {
        FromHub::Challenge { nonce, proof, .. } => (nonce, proof),
        other => panic!("a challenge was due, and {other:?} came"),
    };
    let mut announcement = dial.said.clone();
    announcement.calls = dial.known.clone().unwrap_or_else(|| core.heard().known());
    announcement.calls.complete |= dial.complete;
    socket
        .send(&FromBridge::Proof {
            proof: bridge_proof(&dial.token, &nonce, &hub_nonce),
            announcement: Box::new(announcement),
        })
        .await;
    let (instance, heartbeat_ms) = match from_hub(&mut socket).await? {
        FromHub::Welcome {
            instance,
            heartbeat_ms,
            ..
        } => (instance, heartbeat_ms),
        other => panic!("a welcome was due, and {other:?} came"),
    };
    // A real bridge looks at this before it shows its own proof; here a false one is let through so
    // far that the hub's refusal of it can be seen.
    if proof != hub_proof(&dial.token, &nonce, &hub_nonce) {
        return Err(Refused::HubUnproven);
    }
    *core.link.lock().await = Some(socket.writing);
    core.note(|heard| {
        heard.linked = true;
        (heard.beats, heard.beats_sent) = (0, 0);
        heard.refused = None;
    });
    let reader = tokio::spawn(run::read(Arc::clone(core), socket.reading));
    let mut tasks = vec![reader];
    if core.manners.beats {
        let every = Duration::from_millis(heartbeat_ms);
        tasks.push(tokio::spawn(run::beat(Arc::clone(core), every)));
    }
    core.tasks
        .lock()
        .expect("no test panics while it looks")
        .extend(tasks);
    Ok(instance)
}

async fn from_hub(socket: &mut Socket) -> Result<FromHub, Refused> {
    match crate::capped("an answer in the handshake", socket.reading.frame()).await {
        None => Err(Refused::Closed),
        Some(Frame::Piece(_)) => panic!("a blob piece in a handshake"),
        Some(Frame::Message(value)) => match serde_json::from_value(value) {
            Ok(FromHub::Refused { problem }) => Err(Refused::Problem(problem)),
            Ok(message) => Ok(message),
            Err(error) => panic!("the hub's message is not of the protocol: {error}"),
        },
    }
}

/// 32 hexadecimal digits that no other session of this process has, nor most likely of another.
fn fresh_hex() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let digit = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", digit(), digit())
}
