//! The ways in: HTTP, its streams of events, WebSocket. Each file takes bytes, makes a call of them, asks the hub and gives bytes back.
//!
//! Doors don't decide: what a caller may do and what a call means is the hub's business, so that the
//! same call through any door has the same outcome. Who a caller is, and whether a browser's request
//! may come near, is checked in [`guard`] before anything else.

mod blobs;
mod calls;
mod events;
mod follow;
mod guard;
mod http;
mod instances;
mod linger;
pub mod openapi;
mod problem;
mod stream;
mod tokens;
mod ws;

pub use http::{router, serve};

/// Bounds of the doors, with unit and reason.
pub mod limits {
    use std::time::Duration;

    /// A JSON body, in bytes: one frame's worth; larger things are blobs.
    pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
    /// How long `GET /v1/calls/{id}?wait_ms=` may wait: proxies and clients give up at a minute.
    pub const WAIT_MAX: Duration = Duration::from_secs(45);
    /// How long DELETE waits for the end that it asked for.
    pub const CANCEL_WAIT: Duration = Duration::from_secs(2);
    /// Calls in one page of the history.
    pub const HISTORY_MAX: usize = 1_000;
    /// A comment on a quiet event stream, so that proxies keep it open.
    pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
    /// Connections at once: far above what one machine's callers need, below its descriptors.
    pub const CONNECTIONS_MAX: usize = 4_096;
    /// How long open connections may take to end when the hub stops.
    pub const DRAIN: Duration = Duration::from_secs(2);
    /// How long the rest of a refused body is heard out, so that its sender gets the answer.
    pub const LINGER: Duration = Duration::from_secs(2);
    /// WebSockets at once: programs and pages of one machine.
    pub const WS_SOCKETS_MAX: usize = 256;
    /// WebSockets that have not shown a token yet: strangers cannot fill memory.
    pub const WS_STRANGERS_MAX: usize = 32;
    /// From the upgrade to the token.
    pub const WS_HELLO_TIMEOUT: Duration = Duration::from_secs(5);
    /// One message to the hub, in bytes: a body of HTTP and what stands around it.
    pub const WS_MESSAGE_BYTES_MAX: usize = BODY_BYTES_MAX + 64 * 1024;
    /// Calls under way whose ends one WebSocket is told: twice what a lane takes.
    pub const WS_CALLS_MAX: usize = 2_048;
    /// Subscriptions of one WebSocket; each can have many topics.
    pub const WS_SUBSCRIPTIONS_MAX: usize = 16;
    /// Answers of one WebSocket that wait for something, such as `get` with `wait_ms`.
    pub const WS_ANSWERS_MAX: usize = 256;
    /// Blobs on their way up over one WebSocket; each has a thread that writes it.
    pub const WS_UPLOADS_MAX: usize = 4;
    /// One piece of a blob on its way down, in bytes.
    pub const WS_PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;
    /// Messages that may wait for a reader: the answers to as many calls as may be under way.
    pub const WS_WAITING_MESSAGES_MAX: usize = 8_192;
    /// Bytes that may wait for a reader: two of the largest outcomes. One message always may.
    pub const WS_WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;
    /// Below so many waiting messages events are taken from the feed: a reader is never far behind what
    /// it has been sent.
    pub const WS_ROOM_MESSAGES: usize = 256;
    /// The same in bytes.
    pub const WS_ROOM_BYTES: usize = 1024 * 1024;
    /// How often a WebSocket is pinged and looked after.
    pub const WS_BEAT: Duration = Duration::from_secs(5);
    /// Silence after which a WebSocket is closed: a client answers each ping by itself.
    pub const WS_SILENCE_MAX: Duration = Duration::from_secs(60);
    /// How long the last word of a WebSocket may take to be heard.
    pub const WS_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long a WebSocket stays for the ends of its calls when the hub stops.
    pub const WS_STOP_WAIT: Duration = Duration::from_millis(1_500);
    /// A blob is written to disk in pieces of this size, in bytes.
    pub const BLOB_READ_BYTES: usize = 1024 * 1024;
}
