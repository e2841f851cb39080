//! Bytes in, frames out.

use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;
use wire::frame::{Decoder, Frame, FrameError};

use crate::aside::aside;
use crate::limits;

/// Read at a time, in bytes: one system call for many small messages, few for a large one.
const READ_BYTES: usize = 64 * 1024;

/// The reading half of a link.
pub(crate) struct Reader {
    read: OwnedReadHalf,
    decoder: Decoder,
    buffer: Vec<u8>,
}

/// Why there is no further frame.
pub(crate) enum Ended {
    Closed,
    Malformed(FrameError),
}

impl Reader {
    /// For somebody who has proved nothing yet.
    pub(super) fn new(read: OwnedReadHalf) -> Self {
        Self {
            read,
            decoder: Decoder::new(),
            buffer: vec![0; limits::STRANGER_READ_BYTES],
        }
    }

    /// Reads more at a time from here on.
    pub(super) fn widen(&mut self) {
        self.buffer.resize(READ_BYTES, 0);
    }

    /// From the next frame on, at most this many bytes.
    pub(crate) fn allow(&mut self, bytes_max: usize) {
        self.decoder.allow(bytes_max);
    }

    /// The next one; `part` is told of each part of it that has come.
    pub(crate) async fn frame(&mut self, part: impl Fn()) -> Result<Frame, Ended> {
        let mut has_part = false;
        loop {
            let decoder = &mut self.decoder;
            let frame = aside(decoder.due(), || decoder.next_frame());
            if let Some(frame) = frame.map_err(Ended::Malformed)? {
                return Ok(frame);
            }
            if has_part {
                part();
            }
            self.more().await?;
            has_part = true;
        }
    }

    /// Reads once.
    pub(super) async fn more(&mut self) -> Result<(), Ended> {
        match self.read.read(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(Ended::Closed),
            Ok(count) => {
                self.decoder.push(&self.buffer[..count]);
                Ok(())
            }
        }
    }

    /// What has come of the next frame.
    pub(crate) fn begun(&self) -> &[u8] {
        self.decoder.begun()
    }
}
