//! A bare connection to the bridge port: frames if one wants, any bytes if not.

use std::net::SocketAddr;

use hmac::{Hmac, Mac as _};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use wire::frame::{Decoder, Frame, encode_message};
use wire::link::{Side, proof_text};

use crate::wait::capped;

/// One connection.
pub struct Socket {
    pub(crate) reading: Reading,
    pub(crate) writing: OwnedWriteHalf,
}

/// Frames as they come.
pub(crate) struct Reading {
    half: OwnedReadHalf,
    decoder: Decoder,
    buffer: Vec<u8>,
}

/// What the hub said to a stranger before it closed the connection.
#[derive(Debug, Default)]
pub struct Said {
    /// Every byte, as text.
    pub text: String,
    /// The messages in it, as far as it was frames.
    pub messages: Vec<Value>,
}

impl Said {
    /// The code and message of the `refused` that came last, or nothing.
    #[must_use]
    pub fn refusal(&self) -> Option<(String, String)> {
        let last = self.messages.last().filter(|last| last["t"] == "refused")?;
        let text = |key: &str| last["problem"][key].as_str().unwrap_or_default().to_owned();
        Some((text("code"), text("message")))
    }
}

impl Socket {
    /// # Panics
    /// When nobody listens.
    pub async fn dial(addr: SocketAddr) -> Self {
        Self::try_dial(addr).await.expect("the bridge port is open")
    }

    /// # Errors
    /// When nobody listens.
    pub async fn try_dial(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true).ok();
        let (half, writing) = stream.into_split();
        let reading = Reading {
            half,
            decoder: Decoder::new(),
            buffer: vec![0; 64 * 1024],
        };
        Ok(Self { reading, writing })
    }

    /// Sends bytes as they are; an end of the connection is found by reading.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.writing.write_all(bytes).await.ok();
    }

    /// Sends one message as a frame.
    ///
    /// # Panics
    /// When it cannot be encoded: a fault of the test.
    pub async fn send(&mut self, message: &impl Serialize) {
        let bytes = encode_message(message).expect("a message of a test fits in a frame");
        self.send_bytes(&bytes).await;
    }

    /// Says that nothing more comes, and goes on reading.
    pub async fn end_writing(&mut self) {
        self.writing.shutdown().await.ok();
    }

    /// The next message; nothing when the connection has ended.
    ///
    /// # Panics
    /// When nothing comes within the cap, or what comes is no message.
    pub async fn message(&mut self) -> Option<Value> {
        match capped("a message", self.reading.frame()).await {
            None => None,
            Some(Frame::Message(value)) => Some(value),
            Some(Frame::Piece(piece)) => panic!("a blob piece came: {:?}", piece.head),
        }
    }

    /// Everything that the hub says until it closes the connection.
    ///
    /// # Panics
    /// When it does not close within the cap.
    pub async fn until_closed(mut self) -> Said {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let read = async {
            while let Ok(count) = self.reading.half.read(&mut chunk).await {
                if count == 0 {
                    break;
                }
                bytes.extend_from_slice(&chunk[..count]);
            }
        };
        capped("the hub closes the connection", read).await;
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        let mut said = Said {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            ..Said::default()
        };
        while let Ok(Some(Frame::Message(message))) = decoder.next_frame() {
            said.messages.push(message);
        }
        said
    }
}

impl Reading {
    /// The next frame; nothing when the connection has ended or the hub sent nonsense.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().ok()? {
                return Some(frame);
            }
            match self.half.read(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(&self.buffer[..count]),
            }
        }
    }
}

/// What a bridge shows to prove that it knows the secret.
#[must_use]
pub fn bridge_proof(secret: &str, bridge_nonce: &str, hub_nonce: &str) -> String {
    prove(secret, &proof_text(Side::Bridge, bridge_nonce, hub_nonce))
}

/// What the hub must show.
#[must_use]
pub fn hub_proof(secret: &str, bridge_nonce: &str, hub_nonce: &str) -> String {
    prove(secret, &proof_text(Side::Hub, bridge_nonce, hub_nonce))
}

fn prove(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("an HMAC takes a key of any length");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
