//! The echo bridge: speaks the real bridge protocol and answers at once, in Rust.
//!
//! With it the hub alone is measured, without Python or Blender. It does what the protocol asks of a
//! bridge (proof, `started` written before the outcome, beats from a thread of their own) and nothing
//! else: it keeps no outcomes and does not come back.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};
use wire::frame::encode_message;
use wire::link::{
    Announcement, Beat, CallMessage, FromBridge, FromHub, KnownCalls, MAGIC, PROTOCOL, Side,
};
use wire::{Mode, Outcome, Status};

use crate::fault::Fault;
use crate::floor::value_of;
use crate::messages::{Messages, NONCE, prove};

/// Dials the hub of `KAPELLE_HOME` and answers its calls until it closes or says `stop`.
///
/// # Errors
/// What was wrong with the home folder, the connection or the handshake.
pub(crate) fn run() -> Result<(), Fault> {
    let home = PathBuf::from(std::env::var_os("KAPELLE_HOME").ok_or("KAPELLE_HOME is not set")?);
    let mut bridge = Bridge::dial(&home)?;
    while let Some(message) = bridge.messages.next::<FromHub>()? {
        match message {
            FromHub::Call(call) => answer(&bridge.write, &call)?,
            FromHub::Stop => return Ok(()),
            FromHub::Refused { problem } => return Err(problem.message.into()),
            _ => {}
        }
    }
    Ok(())
}

/// A link to a hub that has welcomed it, with beats of its own.
pub(crate) struct Bridge {
    messages: Messages,
    write: Arc<Mutex<TcpStream>>,
}

impl Bridge {
    /// Dials the hub of a home.
    ///
    /// # Errors
    /// What was wrong with the home folder, the connection or the handshake.
    pub(crate) fn dial(home: &Path) -> Result<Self, Fault> {
        let run: Value = serde_json::from_slice(&std::fs::read(home.join("run/hub.json"))?)?;
        let secret = std::fs::read_to_string(home.join("tokens/bridge"))?;
        let stream =
            TcpStream::connect(run["bridge"].as_str().ok_or("the hub has no bridge port")?)?;
        stream.set_nodelay(true)?;
        let write = Arc::new(Mutex::new(stream.try_clone()?));
        let mut messages = Messages::new(stream);
        let heartbeat = shake(&mut messages, &write, secret.trim())?;
        std::thread::spawn({
            let write = Arc::clone(&write);
            move || {
                while send(&write, &FromBridge::Beat(Beat::default())).is_ok() {
                    crate::machine::pause(heartbeat);
                }
            }
        });
        Ok(Self { messages, write })
    }

    /// # Errors
    /// When the hub has closed the link.
    pub(crate) fn send(&self, message: &FromBridge) -> Result<(), Fault> {
        send(&self.write, message)
    }
}

fn answer(write: &Mutex<TcpStream>, call: &CallMessage) -> Result<(), Fault> {
    // Two writes, as the protocol asks: a real call runs in between.
    send(
        write,
        &FromBridge::Started {
            id: call.id.clone(),
        },
    )?;
    let code = call
        .args
        .get("code")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let outcome = Outcome {
        status: Status::Succeeded,
        value: value_of(code),
        output: wire::outcome::Output::default(),
        duration_ms: 0.001,
        changes: wire::outcome::Changes::default(),
        memory: wire::outcome::Memory {
            rss_mb: Some(1.0),
            delta_mb: Some(0.0),
        },
        problem: None,
    };
    send(
        write,
        &FromBridge::Outcome {
            id: call.id.clone(),
            outcome: Box::new(outcome),
        },
    )
}

fn shake(
    messages: &mut Messages,
    write: &Mutex<TcpStream>,
    secret: &str,
) -> Result<Duration, Fault> {
    send(
        write,
        &FromBridge::Hello {
            magic: MAGIC.to_owned(),
            protocol: PROTOCOL,
            nonce: NONCE.to_owned(),
            launch: None,
        },
    )?;
    let Some(FromHub::Challenge { nonce, proof, .. }) = messages.next()? else {
        return Err("the hub gave no challenge".into());
    };
    if proof != prove(secret, Side::Hub, NONCE, &nonce) {
        return Err("the hub did not prove that it knows the secret".into());
    }
    let announcement = Announcement {
        // The same app as the real thing, so that a call walks through the same checks.
        app: "blender".into(),
        session: NONCE.to_owned(),
        name: Some("echo".into()),
        launch: None,
        version: None,
        bridge_version: None,
        pid: Some(std::process::id()),
        mode: Mode::Background,
        file: None,
        host: Map::new(),
        commands: Vec::new(),
        calls: KnownCalls::default(),
    };
    let proof = prove(secret, Side::Bridge, NONCE, &nonce);
    send(
        write,
        &FromBridge::Proof {
            proof,
            announcement: Box::new(announcement),
        },
    )?;
    match messages.next()? {
        Some(FromHub::Welcome { heartbeat_ms, .. }) => Ok(Duration::from_millis(heartbeat_ms)),
        other => Err(format!("the hub did not welcome the echo bridge: {other:?}").into()),
    }
}

fn send(write: &Mutex<TcpStream>, message: &FromBridge) -> Result<(), Fault> {
    let bytes = encode_message(message)?;
    let mut write = write.lock().map_err(|_| "a thread died while it wrote")?;
    Ok(write.write_all(&bytes)?)
}
