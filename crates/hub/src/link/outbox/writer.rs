//! The task that writes what the socket did not take at once.
//!
//! Out of the outbox come items in their order; blobs are read, and large calls encoded, when their turn comes. It
//! ends with the connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;
use wire::frame::{PIECE_BYTES_MAX, PieceHead, encode_piece};

use super::{Item, Outbox};

/// How long an acknowledgement waits for company: far beyond the gap between two calls of a burst, and far below what
/// the bridge would need its memory back for.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(5);

/// Writes what the socket did not take at once.
pub(super) async fn write_waiting(outbox: Arc<Outbox>) {
    let mut acknowledge_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = outbox.filled.notified() => {}
            () = crate::link::until(acknowledge_at) => {
                acknowledge_at = None;
                outbox.send_acknowledgements();
            }
            () = outbox.closed.cancelled() => return,
        }
        loop {
            let (socket, item) = {
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
                (socket, inner.waiting.pop_front())
            };
            let mut socket = socket;
            let written = tokio::select! {
                written = write_item(&mut socket, item.as_ref()) => written,
                () = outbox.closed.cancelled() => return,
            };
            let mut inner = outbox.lock();
            if let Some(Item::Bytes(bytes)) = &item {
                inner.bytes -= bytes.len();
            }
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

async fn open(path: &Path) -> Option<(tokio::fs::File, u64)> {
    let file = tokio::fs::File::open(path).await.ok()?;
    let total = file.metadata().await.ok()?.len();
    Some((file, total))
}

async fn write_item(socket: &mut OwnedWriteHalf, item: Option<&Item>) -> std::io::Result<()> {
    match item {
        None => Ok(()),
        Some(Item::Bytes(bytes)) => socket.write_all(bytes).await,
        Some(Item::Blob { name, path }) => {
            // One that cannot be read is left out, and the bridge says so with the call: a link that ended
            // here would end here again.
            let Some((mut file, total)) = open(path).await else {
                tracing::warn!(blob = name, "a blob cannot be read");
                return Ok(());
            };
            let mut offset = 0;
            loop {
                let wanted = usize::try_from(total - offset)
                    .unwrap_or(usize::MAX)
                    .min(PIECE_BYTES_MAX);
                let mut raw = vec![0; wanted];
                if file.read_exact(&mut raw).await.is_err() {
                    tracing::warn!(blob = name, "a blob cannot be read to its end");
                    return Ok(());
                }
                let head = PieceHead {
                    blob: name.clone(),
                    offset,
                    total,
                };
                let frame = encode_piece(&head, &raw).map_err(std::io::Error::other)?;
                socket.write_all(&frame).await?;
                offset += raw.len() as u64;
                if offset >= total {
                    return Ok(());
                }
            }
        }
    }
}
