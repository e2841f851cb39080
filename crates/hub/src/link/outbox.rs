//! What goes to a bridge, in order: written at once when the socket takes it, else by a task.
//!
//! Bounded in bytes; a bridge that does not read for so long is cut off (its calls are not lost: they
//! are settled when it is back). Blobs are read from disk, and large calls written out as JSON, only when their turn
//! comes, by the task: whoever hands over a call holds its lane, and nobody is to wait there for megabytes.
//! Acknowledgements wait a moment for a message that takes them along: nobody waits for them, and each alone would wake the bridge's
//! threads once more for every call.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wire::CallId;
use wire::frame::{FrameError, encode_message};
use wire::link::{CallMessage, CancelReason, FromHub};

use crate::blobs::{Blobs, blob_names};
use crate::driver::Driver;
use crate::limits;

mod writer;

/// Bytes that may wait for one bridge: the window's calls at their largest would be more, but a
/// bridge that is so far behind does not read at all.
const WAITING_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Bytes of acknowledgements that are not waited with.
const ACKNOWLEDGE_BYTES_MAX: usize = 16 * 1024;

pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    filled: Notify,
    drained: Notify,
    leaves_out: Notify,
    closed: CancellationToken,
    blobs: OnceLock<Arc<Blobs>>,
}

struct Inner {
    /// `None` while the task writes.
    socket: Option<OwnedWriteHalf>,
    waiting: VecDeque<Item>,
    bytes: usize,
    /// Frames that wait for company.
    acknowledgements: Vec<u8>,
    /// Calls that are no message, and why.
    left_out: VecDeque<(CallId, FrameError)>,
    /// Whether the task knows that there are some.
    is_timed: bool,
}

enum Item {
    Bytes(Vec<u8>),
    /// A blob of a small call.
    Blob(Blob),
    /// A large call, with its blobs.
    Call {
        call: Box<CallMessage>,
        bytes: usize,
    },
}

struct Blob {
    name: String,
    path: PathBuf,
}

impl Item {
    /// What it holds in memory while it waits.
    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Blob(_) => 0,
            Self::Call { bytes, .. } => *bytes,
        }
    }
}

impl Outbox {
    /// From when on blobs can be sent.
    pub(crate) fn use_blobs(&self, blobs: Arc<Blobs>) {
        self.blobs.set(blobs).ok();
    }

    pub(crate) fn send(&self, message: &FromHub) {
        match encode_message(message) {
            Ok(bytes) => self.send_raw(bytes),
            Err(error) => tracing::error!(%error, "a message to a bridge cannot be encoded"),
        }
    }

    pub(crate) fn send_raw(&self, bytes: Vec<u8>) {
        let mut inner = self.lock();
        let sent = if inner.acknowledgements.is_empty() {
            self.put(&mut inner, bytes)
        } else {
            let mut first = std::mem::take(&mut inner.acknowledgements);
            if bytes.len() <= ACKNOWLEDGE_BYTES_MAX {
                first.extend_from_slice(&bytes);
                self.put(&mut inner, first)
            } else {
                let first = self.put(&mut inner, first);
                // In any case: it waits behind the first one where that has to wait.
                self.put(&mut inner, bytes) && first
            }
        };
        drop(inner);
        if !sent {
            self.filled.notify_one();
        }
    }

    /// False when something waits for the task, or the connection is of no use.
    fn put(&self, inner: &mut Inner, mut bytes: Vec<u8>) -> bool {
        if inner.waiting.is_empty()
            && let Some(socket) = &inner.socket
        {
            match socket.try_write(&bytes) {
                Ok(count) if count == bytes.len() => return true,
                Ok(count) => drop(bytes.drain(..count)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.closed.cancel();
                    return false;
                }
            }
        }
        self.wait(inner, Item::Bytes(bytes));
        false
    }

    /// Leaves it to the task, in its order.
    fn wait(&self, inner: &mut Inner, item: Item) {
        inner.bytes += item.bytes();
        if inner.bytes > WAITING_BYTES_MAX {
            self.closed.cancel();
        } else {
            inner.waiting.push_back(item);
        }
    }

    /// Sends acknowledgements that found no company.
    fn send_acknowledgements(&self) {
        let mut inner = self.lock();
        inner.is_timed = false;
        let alone = std::mem::take(&mut inner.acknowledgements);
        if !alone.is_empty() {
            self.put(&mut inner, alone);
        }
    }

    /// Waits until all is written or the connection is gone; then closes.
    pub(crate) async fn finish(&self) {
        self.send_acknowledgements();
        self.filled.notify_one();
        loop {
            let drained = self.drained.notified();
            {
                let inner = self.lock();
                if inner.waiting.is_empty() && inner.socket.is_some() {
                    break;
                }
            }
            tokio::select! {
                () = drained => {}
                () = self.closed.cancelled() => break,
                () = tokio::time::sleep(limits::HANDSHAKE_TIMEOUT) => break,
            }
        }
        let socket = self.lock().socket.take();
        if let Some(mut socket) = socket {
            socket.shutdown().await.ok();
        }
        self.closed.cancel();
    }

    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Resolves when nothing more can be sent.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// The next call that could not be sent, because it is larger than a message may be.
    pub(crate) async fn left_out(&self) -> (CallId, FrameError) {
        loop {
            let leaves_out = self.leaves_out.notified();
            if let Some(left_out) = self.lock().left_out.pop_front() {
                return left_out;
            }
            leaves_out.await;
        }
    }

    fn leave_out(&self, id: CallId, why: FrameError) {
        self.lock().left_out.push_back((id, why));
        self.leaves_out.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The blobs that arguments refer to. One that is not there any more is none: the bridge says so, with the
    /// call's id.
    fn blobs_in(&self, args: &Map<String, Value>) -> Vec<Blob> {
        let Some(blobs) = self.blobs.get() else {
            return Vec::new();
        };
        let mut names = Vec::new();
        args.values()
            .for_each(|value| blob_names(value, &mut names));
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .take(limits::CALL_BLOBS_MAX)
            .filter_map(|name| {
                let path = blobs.path(&name).ok()?;
                Some(Blob { name, path })
            })
            .collect()
    }
}

impl Driver for Outbox {
    fn start(&self, call: CallMessage, bytes: usize) {
        let call = Box::new(call);
        if bytes >= limits::LARGE_MESSAGE_BYTES {
            let mut inner = self.lock();
            let first = std::mem::take(&mut inner.acknowledgements);
            if !first.is_empty() {
                self.put(&mut inner, first);
            }
            self.wait(&mut inner, Item::Call { call, bytes });
        } else {
            let blobs = self.blobs_in(&call.args);
            if blobs.is_empty() {
                return self.send(&FromHub::Call(call));
            }
            self.lock()
                .waiting
                .extend(blobs.into_iter().map(Item::Blob));
            self.send(&FromHub::Call(call));
        }
        self.filled.notify_one();
    }

    fn cancel(&self, id: &CallId, reason: CancelReason) {
        self.send(&FromHub::Cancel {
            id: id.clone(),
            reason,
        });
    }

    fn acknowledge(&self, id: &CallId) {
        let Ok(frame) = encode_message(&FromHub::Ack { id: id.clone() }) else {
            return;
        };
        let mut inner = self.lock();
        inner.acknowledgements.extend_from_slice(&frame);
        let is_much = inner.acknowledgements.len() > ACKNOWLEDGE_BYTES_MAX;
        let was_timed = std::mem::replace(&mut inner.is_timed, true);
        drop(inner);
        if is_much {
            self.send_acknowledgements();
            self.filled.notify_one();
        } else if !was_timed {
            self.filled.notify_one();
        }
    }

    fn stop(&self) {
        self.send(&FromHub::Stop);
    }
}

#[cfg(test)]
mod tests;
