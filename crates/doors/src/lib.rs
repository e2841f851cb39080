//! The ways in: HTTP, its streams of events, WebSocket, the dashboard's page. Each file takes bytes, makes a call of them, asks the hub and gives bytes back.
//!
//! Doors don't decide: what a caller may do and what a call means is the hub's business, so that the
//! same call through any door has the same outcome. Who a caller is, and whether a browser's request
//! may come near, is checked in [`guard`] before anything else.

mod batches;
mod blobs;
mod bodies;
mod calls;
mod connection;
mod dashboard;
mod door;
mod envelope;
mod events;
mod follow;
mod forms;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod held;
mod http;
mod instances;
mod jobs;
mod linger;
mod listener;
pub mod mcp;
pub mod openapi;
mod page;
mod problem;
mod proof;
mod reading;
mod sockets;
mod stream;
mod texts;
mod tokens;
mod upload;
mod ws;

pub use connection::Room;
pub use http::{Settings, serve, serve_with};

/// Bounds of the doors, with unit and reason.
pub mod limits {
    use std::time::Duration;

    /// A JSON body, in bytes: as much as one frame holds; larger things are sent as blobs.
    pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
    /// A text in a request outside a call's arguments, in bytes: the longest file path that systems accept, with its
    /// escapes.
    pub const TEXT_BYTES_MAX: usize = 8 * 1024;
    /// All texts in a request outside arguments together, in bytes: enough for a batch of a thousand calls with their
    /// short texts.
    pub const TEXTS_BYTES_MAX: usize = 1024 * 1024;
    /// Levels of nesting in a request: as many as JSON parsers commonly accept.
    pub const JSON_DEPTH_MAX: usize = 127;
    /// Values in one request, because each takes some 70 bytes of memory however short it is written: enough for a mesh
    /// of half a million points; larger things are sent as blobs.
    pub const JSON_VALUES_MAX: usize = 2_000_000;
    /// The address of a request with its query, in bytes.
    pub const ADDRESS_BYTES_MAX: usize = 8 * 1024;
    /// How long `GET /v1/calls/{id}?wait_ms=` may wait: proxies and clients give up after a minute.
    pub const WAIT_MAX: Duration = Duration::from_secs(45);
    /// How long a DELETE waits for the end it requested.
    pub const CANCEL_WAIT: Duration = Duration::from_secs(2);
    /// Calls in one page of the history.
    pub const HISTORY_MAX: usize = 1_000;
    /// Jobs in one page of a list if the request does not say how many.
    pub const JOBS_PAGE: usize = 50;
    /// How often a comment is sent on a quiet event stream, so that proxies keep it open.
    pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
    /// A picture file that the dashboard shows, in bytes: a large frame as PNG.
    pub const PICTURE_BYTES_MAX: u64 = 64 * 1024 * 1024;
    /// The body of a browser's sign-in, in bytes: a key has 64 characters.
    pub const SIGN_IN_BYTES_MAX: usize = 1024;
    /// Connections of callers at a time: far more than the callers on one machine need, and half of the hub's file
    /// descriptors.
    pub const CONNECTIONS_MAX: usize = 4_096;
    /// Connections of one caller without `admin`: enough for an installation with two thousand listeners that share a
    /// token, and their calls.
    pub const CALLER_CONNECTIONS_MAX: usize = 2_560;
    /// Of all connections, reserved for callers with `admin`, so that no number of other tokens shuts the owner out.
    pub const CONNECTIONS_KEPT: usize = 512;
    /// Connections that have not shown a token yet; beyond it, the oldest is closed. They are counted separately, so
    /// that they take no places from callers.
    pub const STRANGERS_MAX: usize = 512;
    /// How long the head of a request may take, and how long a connection that has shown no token may be idle: clients
    /// send a head in one piece.
    pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a connection with a token may be idle between two requests: as long as browsers keep theirs open.
    pub const IDLE_MAX: Duration = Duration::from_secs(300);
    /// The head of a request, in bytes, and what is read or written at a time: enough for the cookies of everything
    /// that runs on this machine.
    pub const HEAD_BYTES_MAX: usize = 64 * 1024;
    /// How long a client may read nothing of its answer before the connection is closed.
    pub const READER_STALLED_MAX: Duration = Duration::from_secs(60);
    /// Bytes of an event stream that the system accepts before the client has room for them: more would only wait there
    /// and become outdated.
    pub const UNSENT_BYTES_MAX: u32 = 16 * 1024;
    /// How long the hub pauses when the system gives it no connection because file descriptors have run out.
    pub const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
    /// How long a body may keep its reader waiting, in addition to the time its bytes earn at the lowest rate: as long
    /// as a laptop's short sleep.
    pub const BODY_GRACE: Duration = Duration::from_secs(30);
    /// Lowest rate at which a body may arrive after that, in bytes per second: far below that of any network.
    pub const BODY_BYTES_PER_SECOND_MIN: u64 = 16 * 1024;
    /// Size in bytes up to which a body is not counted as in transit: a call with a page of code.
    pub const BODY_SMALL_BYTES: u64 = 64 * 1024;
    /// Bytes of larger bodies in transit of one caller without `admin`: two of the largest.
    pub const CALLER_BODIES_BYTES_MAX: u64 = 2 * BODY_BYTES_MAX as u64;
    /// The same for all callers together.
    pub const BODIES_BYTES_MAX: u64 = 8 * BODY_BYTES_MAX as u64;
    /// Of these, reserved for callers with `admin`.
    pub const BODIES_BYTES_KEPT: u64 = 2 * BODY_BYTES_MAX as u64;
    /// How long open connections may take to end when the hub stops.
    pub const DRAIN: Duration = Duration::from_secs(2);
    /// How long the rest of a refused body is still read, so that its sender gets the answer.
    pub const LINGER: Duration = Duration::from_secs(2);
    /// WebSockets at a time: enough for the programs and pages of one machine and an installation with two thousand
    /// listeners, and about half of all connections, so that other doors stay open.
    pub const WS_SOCKETS_MAX: u64 = 2_304;
    /// Of these, reserved for callers with `admin`, such as the owner's dashboard.
    pub const WS_SOCKETS_KEPT: u64 = 256;
    /// Bytes read or written at a time over a WebSocket: each one has both buffers from its beginning.
    pub const WS_BUFFER_BYTES: usize = 8 * 1024;
    /// From the upgrade to the token.
    pub const WS_HELLO_TIMEOUT: Duration = Duration::from_secs(5);
    /// One message to the hub, in bytes: an HTTP body and what is around it.
    pub const WS_MESSAGE_BYTES_MAX: usize = BODY_BYTES_MAX + 64 * 1024;
    /// Calls in progress whose ends are sent over one WebSocket: twice what a lane takes.
    pub const WS_CALLS_MAX: usize = 2_048;
    /// Subscriptions of one WebSocket; each can have many topics.
    pub const WS_SUBSCRIPTIONS_MAX: usize = 16;
    /// Answers of one WebSocket that wait for something, such as `get` with `wait_ms`.
    pub const WS_ANSWERS_MAX: usize = 256;
    /// Blobs being uploaded at a time over one WebSocket.
    pub const WS_UPLOADS_MAX: usize = 4;
    /// One piece of a downloaded blob, in bytes.
    pub const WS_PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;
    /// Messages that may wait for a slow client: the answers to as many calls as may be in progress.
    pub const WS_WAITING_MESSAGES_MAX: usize = 8_192;
    /// Bytes that may wait for a slow client: two of the largest outcomes. One message may always wait, whatever its
    /// size.
    pub const WS_WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;
    /// Events are taken from the feed only while fewer messages than this are waiting, so that a client is never far
    /// behind what was sent to it.
    pub const WS_ROOM_MESSAGES: usize = 16;
    /// The same in bytes: together with the buffer of its connection, all the memory that a client takes if it does not
    /// read.
    pub const WS_ROOM_BYTES: usize = 16 * 1024;
    /// How often a WebSocket is pinged and checked.
    pub const WS_BEAT: Duration = Duration::from_secs(5);
    /// Silence after which a WebSocket is closed: clients answer each ping automatically.
    pub const WS_SILENCE_MAX: Duration = Duration::from_secs(60);
    /// How long the closing of a WebSocket may take.
    pub const WS_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long a WebSocket stays open for the ends of its calls when the hub stops.
    pub const WS_STOP_WAIT: Duration = Duration::from_millis(1_500);
    /// Sessions of the older MCP at a time: each takes some 60 kB, and clients never end most of them.
    pub const MCP_SESSIONS_MAX: usize = 512;
    /// Of these, sessions of one caller, so that clients that never end a session do not push out those of others.
    pub const MCP_SESSIONS_OF_CALLER_MAX: usize = 256;
    /// How long an MCP session may be silent.
    pub const MCP_SESSION_IDLE_MAX: Duration = Duration::from_secs(300);
    /// Open pipes of `kapelle mcp`: one for each client that somebody runs.
    pub const MCP_PIPES_MAX: u64 = 256;
    /// The same for one caller without `admin`.
    pub const MCP_CALLER_PIPES_MAX: u64 = 64;
    /// Of all pipes, reserved for callers with `admin`.
    pub const MCP_PIPES_KEPT: u64 = 32;
    /// The key that seals what an MCP client carries from one round to the next, in bytes.
    pub const SEAL_KEY_BYTES: usize = 32;
    /// How long a person may think about a confirmation; the hub's own limit is the same.
    pub const CONFIRM_WAIT: Duration = Duration::from_secs(300);
    /// Text of one printed stream in an MCP answer, in bytes: an agent reads all of it.
    pub const ANSWER_OUTPUT_BYTES_MAX: usize = 8 * 1024;
    /// A value in an MCP answer as JSON, in bytes; the rest can be fetched on demand.
    pub const ANSWER_VALUE_BYTES_MAX: usize = 20 * 1024;
    /// Size in bytes up to which a part of an answer is in its text as well as in its structured form.
    pub const ANSWER_TWICE_BYTES_MAX: usize = 4 * 1024;
    /// Names of changed things in an MCP answer, for each kind of change.
    pub const ANSWER_CHANGES_MAX: usize = 20;
    /// An image shown in an MCP answer, in bytes.
    pub const ANSWER_IMAGE_BYTES_MAX: u64 = 1024 * 1024;
    /// Images in one MCP answer.
    pub const ANSWER_IMAGES_MAX: usize = 4;
    /// The description of a tool or of the whole server, in bytes: clients cut off the rest.
    pub const DESCRIPTION_BYTES_MAX: usize = 2_048;
    /// Shortest time between two progress notifications to an MCP client.
    pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
    /// How long a slow MCP client may delay a notification before the client misses it.
    pub const NOTIFY_WAIT: Duration = Duration::from_secs(1);
    /// Resources that one older MCP session may watch.
    pub const WATCHED_MAX: usize = 256;
    /// A resource that is read whole, in bytes: it is sent in one message.
    pub const RESOURCE_BYTES_MAX: u64 = 16 * 1024 * 1024;
    /// Size of the pieces in which a blob is written to disk, in bytes; each upload holds two.
    pub const BLOB_WRITE_BYTES: usize = 1024 * 1024;
    /// Size of the pieces in which a blob is read from disk, in bytes; each reader holds one.
    pub const BLOB_READ_BYTES: usize = 256 * 1024;
    /// Blobs being uploaded at a time, through all doors.
    pub const UPLOADS_MAX: u64 = 64;
    /// The same for one caller without `admin`.
    pub const CALLER_UPLOADS_MAX: u64 = 16;
    /// Of all uploads, reserved for callers with `admin`.
    pub const UPLOADS_KEPT: u64 = 16;
    /// How long an upload over a WebSocket may receive nothing before it is given up.
    pub const WS_UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(60);
}
