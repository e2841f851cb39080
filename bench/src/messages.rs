//! What the bench's own hub and its own bridge have in common: messages from a blocking socket, and the proof of a
//! handshake.

use std::io::Read as _;
use std::net::TcpStream;

use hmac::{Hmac, Mac as _};
use serde::de::DeserializeOwned;
use sha2::Sha256;
use wire::frame::{Decoder, Frame};
use wire::link::{Side, proof_text};

use crate::fault::Fault;

/// A nonce that is no secret here: both sides belong to the same run.
pub(crate) const NONCE: &str = "6b6170656c6c652d62656e63682d6e6f";

/// Read at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Messages from a blocking socket.
pub(crate) struct Messages {
    stream: TcpStream,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl Messages {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            decoder: Decoder::new(),
            buffer: vec![0; READ_BYTES],
        }
    }

    /// The next message, `None` when the other side has closed. Pieces of blobs are passed over.
    ///
    /// # Errors
    /// What the system says, also when a read takes longer than it may; or what is no message.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        loop {
            match self.decoder.next_frame()? {
                Some(Frame::Message(value)) => return Ok(Some(serde_json::from_value(value)?)),
                Some(Frame::Piece(_)) => {}
                None => match self.stream.read(&mut self.buffer)? {
                    0 => return Ok(None),
                    count => self.decoder.push(&self.buffer[..count]),
                },
            }
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// What a side shows to prove that it knows the secret.
pub(crate) fn prove(secret: &str, side: Side, bridge_nonce: &str, hub_nonce: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(proof_text(side, bridge_nonce, hub_nonce).as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
