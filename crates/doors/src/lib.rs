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

    /// A JSON body, in bytes: one frame's worth; larger things are blobs.
    pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
    /// A text of a request outside a call's arguments, in bytes: the longest path of a file that systems take, and its
    /// escapes.
    pub const TEXT_BYTES_MAX: usize = 8 * 1024;
    /// All texts of a request together, outside arguments, in bytes: a batch of a thousand calls with their words.
    pub const TEXTS_BYTES_MAX: usize = 1024 * 1024;
    /// How deep a request may nest: what readers of JSON commonly take.
    pub const JSON_DEPTH_MAX: usize = 127;
    /// Values in one request, since each takes some 70 bytes however short it is written: a mesh of half a million
    /// points; larger things are blobs.
    pub const JSON_VALUES_MAX: usize = 2_000_000;
    /// The address of a request with its query, in bytes.
    pub const ADDRESS_BYTES_MAX: usize = 8 * 1024;
    /// How long `GET /v1/calls/{id}?wait_ms=` may wait: proxies and clients give up at a minute.
    pub const WAIT_MAX: Duration = Duration::from_secs(45);
    /// How long DELETE waits for the end that it asked for.
    pub const CANCEL_WAIT: Duration = Duration::from_secs(2);
    /// Calls in one page of the history.
    pub const HISTORY_MAX: usize = 1_000;
    /// Jobs in one page of a list that does not say how many.
    pub const JOBS_PAGE: usize = 50;
    /// A comment on a quiet event stream, so that proxies keep it open.
    pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
    /// A picture file that a page shows, in bytes: a large frame as PNG.
    pub const PICTURE_BYTES_MAX: u64 = 64 * 1024 * 1024;
    /// The body that signs a browser in, in bytes: a key is 64 letters.
    pub const SIGN_IN_BYTES_MAX: usize = 1024;
    /// Connections of callers at once: far above what one machine's callers need, half of the hub's descriptors.
    pub const CONNECTIONS_MAX: usize = 4_096;
    /// Connections of one caller that does not administer the hub: an installation with two thousand listeners that
    /// share a token, and their calls.
    pub const CALLER_CONNECTIONS_MAX: usize = 2_560;
    /// Of all connections, kept for those who administer the hub: no number of other tokens shuts its owner out.
    pub const CONNECTIONS_KEPT: usize = 512;
    /// Connections that have not shown a token yet; the oldest makes room. They have places of their own, so that
    /// strangers can take none from callers.
    pub const STRANGERS_MAX: usize = 512;
    /// How long the head of a request may take, and how long a connection that has shown no token may be idle: a
    /// client sends a head in one piece.
    pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a connection with a token may be idle between two requests: as browsers keep theirs.
    pub const IDLE_MAX: Duration = Duration::from_secs(300);
    /// The head of a request, in bytes, and what is read or written at a time: cookies of all that runs on this
    /// machine fit.
    pub const HEAD_BYTES_MAX: usize = 64 * 1024;
    /// How long the reader of an answer may take nothing of it.
    pub const READER_STALLED_MAX: Duration = Duration::from_secs(60);
    /// What the system takes of a stream of events for which its reader has made no room, in bytes: more would only
    /// wait there and grow old.
    pub const UNSENT_BYTES_MAX: u32 = 16 * 1024;
    /// How long is waited when the system gives no connection, for want of descriptors.
    pub const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
    /// How long a body may keep its reader waiting beside the time that its bytes earn it: a laptop's short sleep.
    pub const BODY_GRACE: Duration = Duration::from_secs(30);
    /// The slowest that a body may come after that, in bytes a second: far below any line.
    pub const BODY_BYTES_PER_SECOND_MIN: u64 = 16 * 1024;
    /// Up to this size, in bytes, a body is not counted among those in flight: a call with a page of code.
    pub const BODY_SMALL_BYTES: u64 = 64 * 1024;
    /// Bytes of larger bodies in flight of one caller that does not administer: two of the largest.
    pub const CALLER_BODIES_BYTES_MAX: u64 = 2 * BODY_BYTES_MAX as u64;
    /// The same of all callers together.
    pub const BODIES_BYTES_MAX: u64 = 8 * BODY_BYTES_MAX as u64;
    /// Of those, kept for those who administer the hub.
    pub const BODIES_BYTES_KEPT: u64 = 2 * BODY_BYTES_MAX as u64;
    /// How long open connections may take to end when the hub stops.
    pub const DRAIN: Duration = Duration::from_secs(2);
    /// How long the rest of a refused body is heard out, so that its sender gets the answer.
    pub const LINGER: Duration = Duration::from_secs(2);
    /// WebSockets at once: programs and pages of one machine, and an installation with two thousand listeners; about
    /// half of all connections, so that other doors stay open.
    pub const WS_SOCKETS_MAX: u64 = 2_304;
    /// Of those, kept for those who administer the hub, such as its owner's dashboard.
    pub const WS_SOCKETS_KEPT: u64 = 256;
    /// Read or written at a time over a WebSocket, in bytes: each has both from its beginning.
    pub const WS_BUFFER_BYTES: usize = 8 * 1024;
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
    /// Blobs on their way up over one WebSocket.
    pub const WS_UPLOADS_MAX: usize = 4;
    /// One piece of a blob on its way down, in bytes.
    pub const WS_PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;
    /// Messages that may wait for a reader: the answers to as many calls as may be under way.
    pub const WS_WAITING_MESSAGES_MAX: usize = 8_192;
    /// Bytes that may wait for a reader: two of the largest outcomes. One message always may.
    pub const WS_WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;
    /// Below so many waiting messages events are taken from the feed: a reader is never far behind what
    /// it has been sent.
    pub const WS_ROOM_MESSAGES: usize = 16;
    /// The same in bytes: with the buffer of its connection all that one that does not read holds.
    pub const WS_ROOM_BYTES: usize = 16 * 1024;
    /// How often a WebSocket is pinged and looked after.
    pub const WS_BEAT: Duration = Duration::from_secs(5);
    /// Silence after which a WebSocket is closed: a client answers each ping by itself.
    pub const WS_SILENCE_MAX: Duration = Duration::from_secs(60);
    /// How long the last word of a WebSocket may take to be heard.
    pub const WS_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long a WebSocket stays for the ends of its calls when the hub stops.
    pub const WS_STOP_WAIT: Duration = Duration::from_millis(1_500);
    /// Sessions of the older MCP at once; each costs some 60 kB, and most are never ended by their client.
    pub const MCP_SESSIONS_MAX: usize = 512;
    /// Of these, those that one caller has begun: clients that never end one do not push out those of others.
    pub const MCP_SESSIONS_OF_CALLER_MAX: usize = 256;
    /// How long an MCP session may be silent.
    pub const MCP_SESSION_IDLE_MAX: Duration = Duration::from_secs(300);
    /// Open pipes of `kapelle mcp`: one for each client that a person runs.
    pub const MCP_PIPES_MAX: u64 = 256;
    /// The same of one caller that does not administer the hub.
    pub const MCP_CALLER_PIPES_MAX: u64 = 64;
    /// Of all, kept for those who administer the hub.
    pub const MCP_PIPES_KEPT: u64 = 32;
    /// The key that seals what an MCP client carries between two rounds, in bytes.
    pub const SEAL_KEY_BYTES: usize = 32;
    /// How long a person may think about a confirmation; the hub's own limit is the same.
    pub const CONFIRM_WAIT: Duration = Duration::from_secs(300);
    /// Text of one printed stream in an MCP answer, in bytes; an agent reads it all.
    pub const ANSWER_OUTPUT_BYTES_MAX: usize = 8 * 1024;
    /// A value in an MCP answer as JSON, in bytes; the rest is fetched when it is wanted.
    pub const ANSWER_VALUE_BYTES_MAX: usize = 20 * 1024;
    /// Up to this size, in bytes, a part of an answer stands in its text and in its structured form.
    pub const ANSWER_TWICE_BYTES_MAX: usize = 4 * 1024;
    /// Names of changed things in an MCP answer, for each kind of change.
    pub const ANSWER_CHANGES_MAX: usize = 20;
    /// An image that is shown in an MCP answer, in bytes.
    pub const ANSWER_IMAGE_BYTES_MAX: u64 = 1024 * 1024;
    /// Images in one MCP answer.
    pub const ANSWER_IMAGES_MAX: usize = 4;
    /// A description of a tool or of the whole server, in bytes: clients cut there.
    pub const DESCRIPTION_BYTES_MAX: usize = 2_048;
    /// Progress goes to an MCP client at most this often.
    pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
    /// How long a slow MCP client may hold up a notification before it misses it.
    pub const NOTIFY_WAIT: Duration = Duration::from_secs(1);
    /// Resources that one older MCP session may watch.
    pub const WATCHED_MAX: usize = 256;
    /// A resource that is read whole, in bytes.
    pub const RESOURCE_BYTES_MAX: u64 = 16 * 1024 * 1024;
    /// A blob is written to disk in pieces of this size, in bytes; each upload holds two.
    pub const BLOB_WRITE_BYTES: usize = 1024 * 1024;
    /// A blob is read from disk in pieces of this size, in bytes; each reader holds one.
    pub const BLOB_READ_BYTES: usize = 256 * 1024;
    /// Blobs on their way up at once, over all doors.
    pub const UPLOADS_MAX: u64 = 64;
    /// The same of one caller that does not administer the hub.
    pub const CALLER_UPLOADS_MAX: u64 = 16;
    /// Of all, kept for those who administer the hub.
    pub const UPLOADS_KEPT: u64 = 16;
    /// How long an upload over a WebSocket may bring nothing before it is given up.
    pub const WS_UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(60);
}
