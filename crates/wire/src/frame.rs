//! Bytes of the bridge protocol, without I/O: an incremental decoder and an encoder.
//!
//! In come bytes as they arrive, in any pieces; out come [`Frame`]s, or one [`FrameError`], after
//! which the stream must be closed: it is never resynchronised. What a message means is the business
//! of [`crate::link`]. The format is in `docs/reference/bridge-protocol.md`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest payload, in bytes: both sides hold one message in memory; larger things are sent as blobs.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest raw part of a blob piece, in bytes: short enough that a heartbeat fits between two pieces in time.
pub const PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;

const LENGTH_BYTES: usize = 4;
const BLOB_MARK: u8 = 1;

/// What a payload is.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A JSON object with a `t`.
    Message(Value),
    /// A piece of a blob.
    Piece(Piece),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub head: PieceHead,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceHead {
    /// `sha256:` and 64 hexadecimal digits.
    pub blob: String,
    pub offset: u64,
    pub total: u64,
}

/// What was wrong with the bytes, as a sentence for the other side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error(
        "this port is for bridges, and an HTTP request arrived; the address for HTTP is `url` in \
         run/hub.json"
    )]
    Http,
    #[error(
        "bare JSON arrived; this port takes frames: a length of four bytes, then JSON \
         (docs/reference/bridge-protocol.md)"
    )]
    BareJson,
    #[error("a frame of {0} bytes exceeds the limit of {1}; send large values as blobs")]
    TooLong(u64, usize),
    #[error("an empty frame has no meaning")]
    Empty,
    #[error("the payload is neither a JSON object nor a blob piece")]
    Unknown,
    #[error("the payload is not valid JSON: {0}")]
    Json(String),
    #[error("the message has no `t` to say what it is")]
    NoType,
    #[error("the blob piece is malformed: {0}")]
    Piece(String),
}

/// Takes bytes in any pieces and gives whole frames.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    at: usize,
    bytes_max: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: Vec::new(),
            at: 0,
            bytes_max: FRAME_BYTES_MAX,
        }
    }

    /// From the next frame on, at most this many bytes of payload (and never more than
    /// [`FRAME_BYTES_MAX`]): who has proved nothing gets less room.
    pub fn allow(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max.min(FRAME_BYTES_MAX);
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// When what came is no frame; the stream is of no use after that.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buffer[self.at..];
        let Some(head) = rest.first_chunk::<LENGTH_BYTES>() else {
            return foreign_start(rest).map_or(Ok(None), Err);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > self.bytes_max {
            let too_long = FrameError::TooLong(length as u64, self.bytes_max);
            return Err(foreign_start(rest).unwrap_or(too_long));
        }
        if length == 0 {
            return Err(FrameError::Empty);
        }
        let Some(payload) = rest.get(LENGTH_BYTES..LENGTH_BYTES + length) else {
            return Ok(None);
        };
        let frame = decode_payload(payload)?;
        self.at += LENGTH_BYTES + length;
        Ok(Some(frame))
    }

    /// Bytes that the next frame will be made of, if it is whole.
    #[must_use]
    pub fn due(&self) -> usize {
        let rest = &self.buffer[self.at..];
        let length = rest.first_chunk::<LENGTH_BYTES>();
        let length = length.map_or(0, |head| u32::from_be_bytes(*head) as usize);
        if rest.len() >= LENGTH_BYTES.saturating_add(length) {
            length
        } else {
            0
        }
    }

    /// What has come of the next frame's payload. Also of one that is longer than allowed: whoever refuses it may look
    /// at its beginning first, and allow more.
    #[must_use]
    pub fn begun(&self) -> &[u8] {
        self.buffer
            .get(self.at + LENGTH_BYTES..)
            .unwrap_or_default()
    }

    /// Whether bytes of an unfinished frame wait.
    #[must_use]
    pub fn is_mid_frame(&self) -> bool {
        self.at < self.buffer.len()
    }

    fn compact(&mut self) {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            // A large message must not hold its memory for good.
            if self.buffer.capacity() > KEPT_CAPACITY_BYTES {
                self.buffer.shrink_to(KEPT_CAPACITY_BYTES);
            }
        } else if self.at > 0 {
            self.buffer.drain(..self.at);
        }
        self.at = 0;
    }
}

/// Buffer kept between frames, in bytes: enough for ordinary messages.
const KEPT_CAPACITY_BYTES: usize = 256 * 1024;

/// Names a dialect that people send here by mistake, from its first bytes.
fn foreign_start(bytes: &[u8]) -> Option<FrameError> {
    const METHODS: [&[u8]; 7] = [
        b"GET ", b"POST", b"PUT ", b"HEAD", b"OPTI", b"DELE", b"PATC",
    ];
    if bytes.first() == Some(&b'{') {
        return Some(FrameError::BareJson);
    }
    // Not before all four are here, so that the answer does not depend on how the bytes were split.
    let method = bytes
        .get(..LENGTH_BYTES)
        .is_some_and(|start| METHODS.contains(&start));
    method.then_some(FrameError::Http)
}

fn decode_payload(payload: &[u8]) -> Result<Frame, FrameError> {
    match payload.first() {
        Some(b'{') => {
            let value: Value = serde_json::from_slice(payload)
                .map_err(|error| FrameError::Json(error.to_string()))?;
            if value.get("t").is_some_and(Value::is_string) {
                Ok(Frame::Message(value))
            } else {
                Err(FrameError::NoType)
            }
        }
        Some(&BLOB_MARK) => decode_piece(&payload[1..]).map(Frame::Piece),
        _ => Err(FrameError::Unknown),
    }
}

fn decode_piece(rest: &[u8]) -> Result<Piece, FrameError> {
    let bad = |reason: &str| FrameError::Piece(reason.to_owned());
    let (length, rest) = rest
        .split_first_chunk::<2>()
        .ok_or_else(|| bad("it has no head"))?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (head, bytes) = rest
        .split_at_checked(length)
        .ok_or_else(|| bad("its head is cut off"))?;
    let head: PieceHead = serde_json::from_slice(head).map_err(|error| bad(&error.to_string()))?;
    if bytes.len() > PIECE_BYTES_MAX {
        return Err(bad("it exceeds the limit for a piece"));
    }
    let end = head.offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| end > head.total) {
        return Err(bad("it extends beyond the end of the blob"));
    }
    Ok(Piece {
        head,
        bytes: bytes.to_vec(),
    })
}

/// One message as a frame.
///
/// # Errors
/// [`FrameError::TooLong`] when the JSON is over the limit.
pub fn encode_message(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut bytes, message)
        .map_err(|error| FrameError::Json(error.to_string()))?;
    seal(bytes)
}

/// One piece of a blob as a frame.
///
/// # Errors
/// When the piece is over the limit.
pub fn encode_piece(head: &PieceHead, raw: &[u8]) -> Result<Vec<u8>, FrameError> {
    let head = serde_json::to_vec(head).map_err(|error| FrameError::Json(error.to_string()))?;
    let head_length = u16::try_from(head.len())
        .map_err(|_| FrameError::Piece("its head exceeds the limit".to_owned()))?;
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + 3 + head.len() + raw.len());
    bytes.extend_from_slice(&[0; LENGTH_BYTES]);
    bytes.push(BLOB_MARK);
    bytes.extend_from_slice(&head_length.to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(raw);
    seal(bytes)
}

fn seal(mut bytes: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    let length = bytes.len() - LENGTH_BYTES;
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(length as u64, FRAME_BYTES_MAX));
    }
    let length =
        u32::try_from(length).map_err(|_| FrameError::TooLong(length as u64, FRAME_BYTES_MAX))?;
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests;
