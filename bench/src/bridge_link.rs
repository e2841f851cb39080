//! The bench in the hub's place: one bridge, spoken to without a hub.
//!
//! What a call costs here is the bridge's part of it. A bridge that hears nothing for five seconds
//! takes its link for lost, so between two measurements a thread answers its beats ([`Kept`]).

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::Duration;

use serde_json::{Map, Value, json};
use wire::frame::encode_message;
use wire::link::{CallMessage, FromBridge, FromHub, MAGIC, PROTOCOL, Side};
use wire::{Effect, Outcome};

use crate::fault::Fault;
use crate::messages::{Messages, NONCE, prove};

/// How often a bridge beats: what the hub asks for.
const HEARTBEAT_MS: u64 = 500;
/// How often the beats of an idle bridge are looked at: well within the five seconds.
const LOOK: Duration = Duration::from_millis(250);
/// Longest wait for a message while a call runs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A home folder that leads bridges to this process.
pub(crate) struct Place {
    listener: TcpListener,
    home: PathBuf,
    secret: String,
}

impl Place {
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn new(home: &Path) -> Result<Self, Fault> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let secret = NONCE.repeat(2);
        for dir in ["run", "tokens"] {
            make_dir(&home.join(dir))?;
        }
        let addr = listener.local_addr()?.to_string();
        let run = json!({"url": "http://127.0.0.1:9", "pid": std::process::id(), "bridge": addr});
        write_private(&home.join("run/hub.json"), &run.to_string())?;
        write_private(&home.join("tokens/bridge"), &secret)?;
        Ok(Self {
            listener,
            home: home.to_owned(),
            secret,
        })
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Waits for a bridge and shakes hands.
    ///
    /// # Errors
    /// When none comes in time, or what comes is none.
    pub(crate) fn accept(self, within: Duration) -> Result<Kept, Fault> {
        let (say, hear) = mpsc::sync_channel(1);
        let Self {
            listener, secret, ..
        } = self;
        std::thread::spawn(move || {
            say.send(listener.accept()).ok();
        });
        let came = hear
            .recv_timeout(within)
            .map_err(|_| "no bridge came in time")?;
        let mut link = Link::new(came?.0)?;
        link.shake(&secret)?;
        Ok(Kept::new(link))
    }
}

/// A link whose beats are answered also while nobody measures.
pub(crate) struct Kept(Arc<Mutex<Link>>);

impl Kept {
    fn new(link: Link) -> Self {
        let link = Arc::new(Mutex::new(link));
        let weak = Arc::downgrade(&link);
        std::thread::spawn(move || {
            while let Some(link) = weak.upgrade() {
                if lock(&link).answer_beats().is_err() {
                    return;
                }
                drop(link);
                crate::machine::pause(LOOK);
            }
        });
        Self(link)
    }

    /// The link for a measurement; nobody else reads meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Link> {
        lock(&self.0)
    }
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One connection to a bridge, with the bench as its hub.
pub(crate) struct Link {
    messages: Messages,
    write: TcpStream,
    count: u64,
    /// Frames that the next call takes along, as a hub does it.
    acknowledgements: Vec<u8>,
}

impl Link {
    fn new(stream: TcpStream) -> Result<Self, Fault> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let write = stream.try_clone()?;
        Ok(Self {
            messages: Messages::new(stream),
            write,
            count: 0,
            acknowledgements: Vec::new(),
        })
    }

    fn shake(&mut self, secret: &str) -> Result<(), Fault> {
        let Some(FromBridge::Hello { nonce, .. }) = self.messages.next()? else {
            return Err("the bridge did not say hello".into());
        };
        self.send(&FromHub::Challenge {
            magic: MAGIC.to_owned(),
            protocol: PROTOCOL,
            nonce: NONCE.to_owned(),
            proof: prove(secret, Side::Hub, &nonce, NONCE),
        })?;
        let Some(FromBridge::Proof { .. }) = self.messages.next()? else {
            return Err("the bridge gave no proof".into());
        };
        self.send(&FromHub::Welcome {
            instance: "direct".into(),
            heartbeat_ms: HEARTBEAT_MS,
            direct: false,
            folders: wire::link::Folders::default(),
            confine: wire::link::Confine::default(),
        })
    }

    /// Runs code in the bridge; gives its value and its duration in milliseconds. To acknowledge the
    /// outcome is a step of its own, outside the time of the call.
    ///
    /// # Errors
    /// When the link is lost.
    pub(crate) fn run(&mut self, code: &str) -> Result<(Value, f64), Fault> {
        let id = self.ask(code)?;
        loop {
            match self.messages.next()?.ok_or("the bridge has left")? {
                FromBridge::Outcome { id: ended, outcome } if ended.as_str() == id => {
                    return value_of(*outcome);
                }
                FromBridge::Beat(_) => self.send(&FromHub::Beat)?,
                _ => {}
            }
        }
    }

    fn ask(&mut self, code: &str) -> Result<String, Fault> {
        self.count += 1;
        let id = format!("call_{}", self.count);
        let args = Map::from_iter([("code".to_owned(), code.into())]);
        self.send(&FromHub::Call(Box::new(CallMessage {
            id: id.as_str().into(),
            command: "code.run".to_owned(),
            args: args.into(),
            owner: "bench".into(),
            owner_id: None,
            scopes: ["read", "write", "destructive", "code", "admin"]
                .map(str::to_owned)
                .to_vec(),
            effect: Effect::Code,
            timeout_ms: Some(600_000),
            revision: None,
            group: None,
            mark: None,
        })))?;
        Ok(id)
    }

    /// Runs code so many times with a number of calls in flight, each acknowledged.
    ///
    /// # Errors
    /// When the link is lost or a call fails.
    pub(crate) fn run_many(
        &mut self,
        code: &str,
        in_flight: usize,
        calls: usize,
    ) -> Result<(), Fault> {
        let (mut sent, mut ended) = (0, 0);
        while ended < calls {
            while sent < calls && sent - ended < in_flight {
                self.ask(code)?;
                sent += 1;
            }
            match self.messages.next()?.ok_or("the bridge has left")? {
                FromBridge::Outcome { id, outcome } => {
                    value_of(*outcome)?;
                    self.acknowledge_later(id)?;
                    ended += 1;
                }
                FromBridge::Beat(_) => self.send(&FromHub::Beat)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells the bridge that the outcome of the last call has arrived: with the next call, as a hub tells it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub(crate) fn acknowledge(&mut self) -> Result<(), Fault> {
        let id = format!("call_{}", self.count);
        self.acknowledge_later(id.as_str().into())
    }

    fn acknowledge_later(&mut self, id: wire::CallId) -> Result<(), Fault> {
        let frame = encode_message(&FromHub::Ack { id })?;
        self.acknowledgements.extend_from_slice(&frame);
        Ok(())
    }

    fn answer_beats(&mut self) -> Result<(), Fault> {
        self.messages.stream().set_nonblocking(true)?;
        let heard = loop {
            match self.messages.next() {
                Ok(Some(FromBridge::Beat(_))) => self.send(&FromHub::Beat)?,
                Ok(Some(_)) => {}
                Ok(None) => break Err("the bridge has left".into()),
                Err(fault) => match fault.downcast_ref::<std::io::Error>() {
                    Some(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                    _ => break Err(fault),
                },
            }
        };
        self.messages.stream().set_nonblocking(false)?;
        heard
    }

    fn send(&mut self, message: &FromHub) -> Result<(), Fault> {
        let mut frames = std::mem::take(&mut self.acknowledgements);
        frames.extend_from_slice(&encode_message(message)?);
        Ok(self.write.write_all(&frames)?)
    }
}

/// The value and the duration in milliseconds of a call that must have succeeded.
fn value_of(outcome: Outcome) -> Result<(Value, f64), Fault> {
    match outcome.problem {
        None => Ok((outcome.value, outcome.duration_ms)),
        Some(problem) => Err(format!("the bridge failed: {problem}").into()),
    }
}

fn make_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.create(true).truncate(true).write(true).open(path)?;
    file.write_all(text.as_bytes())
}
