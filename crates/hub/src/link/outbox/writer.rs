//! The task that writes what the socket did not take at once.
//!
//! Out of the outbox come items in their order; blobs are read, and large calls encoded, when their turn comes. It
//! ends with the connection.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::frame::{PIECE_BYTES_MAX, PieceHead, encode_message, encode_piece};
use wire::link::FromHub;

use super::{Blob, Inner, Item, Outbox};
use crate::aside::aside;
use crate::clock::until;

/// How long an acknowledgement waits for company: far beyond the gap between two calls of a burst, and far below what
/// the bridge would need its memory back for.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(5);

impl Outbox {
    /// Of a connection, with its task.
    pub(crate) fn new(socket: OwnedWriteHalf) -> Arc<Self> {
        let outbox = Arc::new(Self {
            inner: Mutex::new(Inner {
                socket: Some(socket),
                waiting: VecDeque::new(),
                bytes: 0,
                acknowledgements: Vec::new(),
                left_out: VecDeque::new(),
                is_timed: false,
            }),
            filled: Notify::new(),
            drained: Notify::new(),
            leaves_out: Notify::new(),
            closed: CancellationToken::new(),
            blobs: OnceLock::new(),
        });
        tokio::spawn(write_waiting(Arc::clone(&outbox)));
        outbox
    }
}

/// Writes what the socket did not take at once.
async fn write_waiting(outbox: Arc<Outbox>) {
    let mut acknowledge_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = outbox.filled.notified() => {}
            () = until(acknowledge_at) => {
                acknowledge_at = None;
                outbox.send_acknowledgements();
            }
            () = outbox.closed.cancelled() => return,
        }
        loop {
            let (mut socket, item) = {
                let mut inner = outbox.lock();
                if inner.is_timed && acknowledge_at.is_none() {
                    acknowledge_at = Some(Instant::now() + ACKNOWLEDGE_WITHIN);
                }
                if inner.waiting.is_empty() {
                    break;
                }
                let Some(socket) = inner.socket.take() else {
                    break;
                };
                let Some(item) = inner.waiting.pop_front() else {
                    break;
                };
                (socket, item)
            };
            let bytes = item.bytes();
            let written = tokio::select! {
                written = write_item(&outbox, &mut socket, item) => written,
                () = outbox.closed.cancelled() => return,
            };
            let mut inner = outbox.lock();
            inner.bytes -= bytes;
            inner.socket = Some(socket);
            if written.is_err() {
                drop(inner);
                outbox.closed.cancel();
                return;
            }
        }
        outbox.drained.notify_waiters();
    }
}

async fn write_item(outbox: &Outbox, socket: &mut OwnedWriteHalf, item: Item) -> io::Result<()> {
    match item {
        Item::Bytes(bytes) => socket.write_all(&bytes).await,
        Item::Blob(blob) => write_blob(socket, &blob).await,
        Item::Call { call, bytes } => {
            for blob in aside(bytes, || outbox.blobs_in(&call.args)) {
                write_blob(socket, &blob).await?;
            }
            let id = call.id.clone();
            match aside(bytes, || encode_message(&FromHub::Call(call))) {
                Ok(frame) => socket.write_all(&frame).await,
                Err(error) => {
                    outbox.leave_out(id, error);
                    Ok(())
                }
            }
        }
    }
}

/// One that cannot be read is left out, and the bridge says so with the call: a link that ended here would end here
/// again.
async fn write_blob(socket: &mut OwnedWriteHalf, blob: &Blob) -> io::Result<()> {
    let Some((mut file, total)) = open(&blob.path).await else {
        tracing::warn!(blob = blob.name, "a blob cannot be read");
        return Ok(());
    };
    let mut offset = 0;
    loop {
        let wanted = usize::try_from(total - offset)
            .unwrap_or(usize::MAX)
            .min(PIECE_BYTES_MAX);
        let mut raw = vec![0; wanted];
        if file.read_exact(&mut raw).await.is_err() {
            tracing::warn!(blob = blob.name, "a blob cannot be read to its end");
            return Ok(());
        }
        let head = PieceHead {
            blob: blob.name.clone(),
            offset,
            total,
        };
        let frame = encode_piece(&head, &raw).map_err(io::Error::other)?;
        socket.write_all(&frame).await?;
        offset += raw.len() as u64;
        if offset >= total {
            return Ok(());
        }
    }
}

async fn open(path: &Path) -> Option<(tokio::fs::File, u64)> {
    let file = tokio::fs::File::open(path).await.ok()?;
    let total = file.metadata().await.ok()?.len();
    Some((file, total))
}
