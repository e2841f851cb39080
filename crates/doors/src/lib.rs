//! The ways in. Each file takes bytes, makes a call of them, asks the hub and gives bytes back.
//!
//! Doors don't decide: what a caller may do and what a call means is the hub's business, so that the
//! same call through any door has the same outcome. Who a caller is, and whether a browser's request
//! may come near, is checked in [`guard`] before anything else.

mod blobs;
mod calls;
mod guard;
mod http;
mod instances;
mod linger;
pub mod openapi;
mod problem;
mod stream;
mod tokens;

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
    /// A blob is written to disk in pieces of this size, in bytes.
    pub const BLOB_READ_BYTES: usize = 1024 * 1024;
}
