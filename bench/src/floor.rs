//! The floor: the least that a hub of this shape can do, and its responder.
//!
//! A request comes as JSON over HTTP, goes on as framed JSON over TCP to another process, and the
//! answer goes back the same way; JSON is parsed and printed on each hop. No names, no checks, no
//! token, no queue, no record. What Kapelle costs is what it costs beyond this.

use std::collections::HashMap;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use crate::fault::Fault;

/// Longest frame, in bytes: that of the bridge protocol.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The bare hub. Prints `{"http", "link"}`; takes calls once a responder has come to `link`.
///
/// # Errors
/// What the system says.
pub(crate) fn serve() -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let link = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!(
            "{}",
            json!({"http": http.local_addr()?, "link": link.local_addr()?})
        );
        let (stream, _) = link.accept().await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let floor = Arc::new(Floor {
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
            write: tokio::sync::Mutex::new(write),
        });
        tokio::spawn(hear(Arc::clone(&floor), read));
        let router = Router::new()
            .route("/v1/calls", post(call))
            .layer(DefaultBodyLimit::max(FRAME_BYTES_MAX))
            .with_state(floor);
        let http = http.tap_io(|stream| {
            stream.set_nodelay(true).ok();
        });
        Ok(axum::serve(http, router).await?)
    })
}

struct Floor {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    next: AtomicU64,
    write: tokio::sync::Mutex<OwnedWriteHalf>,
}

impl Floor {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Value>>> {
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn call(
    State(floor): State<Arc<Floor>>,
    Json(request): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let id = floor.next.fetch_add(1, Ordering::Relaxed);
    let (say, hear) = oneshot::channel();
    floor.waiting().insert(id, say);
    let bytes = frame(&json!({"id": id, "request": request}));
    floor
        .write
        .lock()
        .await
        .write_all(&bytes)
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    hear.await.map(Json).map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn hear(floor: Arc<Floor>, read: OwnedReadHalf) {
    let mut read = tokio::io::BufReader::with_capacity(64 * 1024, read);
    while let Ok(length) = read.read_u32().await {
        let mut payload = vec![0; (length as usize).min(FRAME_BYTES_MAX)];
        if read.read_exact(&mut payload).await.is_err() {
            break;
        }
        let Ok(reply) = serde_json::from_slice::<Value>(&payload) else {
            break;
        };
        let id = reply["id"].as_u64().unwrap_or_default();
        if let Some(say) = floor.waiting().remove(&id) {
            say.send(reply).ok();
        }
    }
    floor.waiting().clear();
}

/// Dials a hub and answers its frames, until it closes.
///
/// # Errors
/// What the system says, or a frame that is none.
pub(crate) fn respond(addr: SocketAddr) -> Result<(), Fault> {
    let stream = std::net::TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    let mut write = stream.try_clone()?;
    let mut read = BufReader::with_capacity(64 * 1024, stream);
    let mut payload = Vec::new();
    loop {
        let mut length = [0; 4];
        if read.read_exact(&mut length).is_err() {
            return Ok(());
        }
        payload.resize(
            (u32::from_be_bytes(length) as usize).min(FRAME_BYTES_MAX),
            0,
        );
        read.read_exact(&mut payload)?;
        let message: Value = serde_json::from_slice(&payload)?;
        let value = value_of(
            message["request"]["args"]["code"]
                .as_str()
                .unwrap_or_default(),
        );
        write.write_all(&frame(&json!({"id": message["id"], "value": value})))?;
    }
}

/// What the code would give, for the few codes that are measured.
pub(crate) fn value_of(code: &str) -> Value {
    match code
        .strip_prefix("'x' * ")
        .and_then(|count| count.parse().ok())
    {
        Some(count) => "x".repeat(count).into(),
        None => 2.into(),
    }
}

fn frame(message: &Value) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).expect("a JSON value prints");
    let length = u32::try_from(bytes.len() - 4).expect("frames stay far below 4 GiB");
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}
