//! What waits to be written to one WebSocket, and its last word.
//!
//! In come messages from the session, at once and without waiting; a task of its own writes them. Bounded
//! in messages and bytes: who reads too slowly for that is cut off with a close frame that says so, and
//! its calls go on. Events of the feed do not wait here: the session takes them from the feed's window
//! only while there is room.
//!
//! ```text
//! open ─ close: what waits, then the last word ─> closed
//!   └─── over the bound: only the last word ────────┘
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::connection::OVER_ITS_SHARE;
use crate::limits;

/// Longest reason in a close frame, in bytes; RFC 6455 has no room for more.
const REASON_BYTES_MAX: usize = 123;

/// The last word of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Close {
    pub(crate) const NORMAL: u16 = 1000;
    /// The hub stops.
    pub(crate) const GOING_AWAY: u16 = 1001;
    pub(crate) const MALFORMED: u16 = 1002;
    pub(crate) const TOO_BIG: u16 = 1009;
    /// There is no place for one more.
    pub(crate) const FULL: u16 = 1013;
    /// No token, a false one, or one that was taken back.
    pub(crate) const UNAUTHENTICATED: u16 = 4401;
    /// No hello, or no sign of life, in time.
    pub(crate) const LATE: u16 = 4408;
    /// It reads too slowly.
    pub(crate) const SLOW: u16 = 4429;

    pub(crate) fn new(code: u16, reason: &str) -> Self {
        let end = reason.floor_char_boundary(REASON_BYTES_MAX);
        Self {
            code,
            reason: reason[..end].to_owned(),
        }
    }

    pub(crate) fn is_for_what_cannot_be_read(&self) -> bool {
        matches!(self.code, Self::MALFORMED | Self::TOO_BIG | Self::FULL)
    }

    /// For what came and was no message.
    pub(crate) fn malformed(error: &axum::Error) -> Self {
        let text = error.to_string();
        if text.contains("too long") {
            let reason = format!(
                "a message over {} bytes; send large values as blobs, in pieces",
                limits::WS_MESSAGE_BYTES_MAX
            );
            return Self::new(Self::TOO_BIG, &reason);
        }
        if text.contains(OVER_ITS_SHARE) {
            let reason =
                "too many bytes of messages are in flight; send large values as blobs, in pieces";
            return Self::new(Self::FULL, reason);
        }
        Self::new(Self::MALFORMED, &text)
    }
}

#[derive(Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    filled: Notify,
    written: Notify,
    /// Nothing can be written any more, or only the last word.
    over: CancellationToken,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Message>,
    bytes: usize,
    last_word_said: bool,
}

impl Outbox {
    /// Over the bound it closes the connection.
    pub(crate) fn push(&self, message: Message) {
        let mut inner = self.lock();
        if inner.last_word_said {
            return;
        }
        let bytes = length(&message);
        let is_over = inner.waiting.len() >= limits::WS_WAITING_MESSAGES_MAX
            || (inner.bytes + bytes > limits::WS_WAITING_BYTES_MAX && !inner.waiting.is_empty());
        if is_over {
            let reason = format!(
                "slow reader: {} messages with {} bytes are waiting; its calls carry on",
                inner.waiting.len(),
                inner.bytes
            );
            drop(inner);
            return self.cut_off(&Close::new(Close::SLOW, &reason));
        }
        inner.bytes += bytes;
        inner.waiting.push_back(message);
        drop(inner);
        self.filled.notify_one();
    }

    /// Writes what waits, then the last word.
    pub(crate) fn close(&self, close: &Close) {
        let mut inner = self.lock();
        if !std::mem::replace(&mut inner.last_word_said, true) {
            inner.waiting.push_back(last_word(close));
        }
        drop(inner);
        self.filled.notify_one();
    }

    /// The last word at once; what waits is dropped.
    pub(crate) fn cut_off(&self, close: &Close) {
        let mut inner = self.lock();
        inner.waiting.clear();
        inner.bytes = 0;
        drop(inner);
        self.close(close);
        self.over.cancel();
    }

    /// Whether more may be brought that could as well wait elsewhere.
    pub(crate) fn has_room(&self) -> bool {
        let inner = self.lock();
        inner.waiting.len() < limits::WS_ROOM_MESSAGES && inner.bytes < limits::WS_ROOM_BYTES
    }

    /// Resolves when there is room.
    pub(crate) async fn room(&self) {
        loop {
            let written = self.written.notified();
            if self.has_room() {
                return;
            }
            written.await;
        }
    }

    /// Resolves when nothing more can be written.
    pub(crate) async fn over(&self) {
        self.over.cancelled().await;
    }

    fn next(&self) -> Option<Message> {
        let mut inner = self.lock();
        let message = inner.waiting.pop_front()?;
        inner.bytes = inner.bytes.saturating_sub(length(&message));
        Some(message)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Writes what waits until the last word is said or the connection is gone. Gives whether it was said.
pub(crate) async fn write(outbox: Arc<Outbox>, mut sink: SplitSink<WebSocket, Message>) -> bool {
    loop {
        let Some(message) = outbox.next() else {
            outbox.filled.notified().await;
            continue;
        };
        let is_last = matches!(message, Message::Close(_));
        // Many small messages that wait go out in one piece.
        let sent = if is_last || outbox.lock().waiting.is_empty() {
            sink.send(message).await
        } else {
            sink.feed(message).await
        };
        outbox.written.notify_waiters();
        if is_last || sent.is_err() {
            outbox.over.cancel();
            return sent.is_ok();
        }
    }
}

fn last_word(close: &Close) -> Message {
    Message::Close(Some(CloseFrame {
        code: close.code,
        reason: close.reason.clone().into(),
    }))
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
