//! The floor of the fan-out: the least that a hub can do which tells WebSocket subscribers of events.
//!
//! Events come as framed JSON over TCP; each is printed once as the event that the hub would tell, and goes through
//! one `broadcast` channel to a task for each subscriber, which sends it. No names, no topics, no window to resume
//! from, no bound for who reads slowly but the channel's.

use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::fault::Fault;

/// Events that a subscriber may be behind: more than a measurement sends at once.
const BEHIND_MAX: usize = 1_024;
/// Longest frame, in bytes: that of the bridge protocol.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Prints `{"http", "link"}`; tells subscribers what comes at `link`.
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
        let events = broadcast::Sender::new(BEHIND_MAX);
        tokio::spawn(hear(link, events.clone()));
        let router = Router::new().route("/v1/ws", get(open)).with_state(events);
        let http = http.tap_io(|stream| {
            stream.set_nodelay(true).ok();
        });
        Ok(axum::serve(http, router).await?)
    })
}

async fn hear(link: TcpListener, events: broadcast::Sender<Utf8Bytes>) -> std::io::Result<()> {
    let (stream, _) = link.accept().await?;
    let mut read = tokio::io::BufReader::with_capacity(64 * 1024, stream);
    let mut payload = Vec::new();
    for seq in 1_u64.. {
        let length = read.read_u32().await? as usize;
        payload.resize(length.min(FRAME_BYTES_MAX), 0);
        read.read_exact(&mut payload).await?;
        let message: Value = serde_json::from_slice(&payload)?;
        let event = json!({
            "type": "event",
            "id": 1,
            "epoch": "0123456789abcdef",
            "seq": seq,
            "at": crate::machine::now(),
            "event": "state",
            "instance": "echo",
            "revision": message["state"]["revision"],
        });
        // Nobody may be there yet.
        events.send(event.to_string().into()).ok();
    }
    Ok(())
}

async fn open(
    State(events): State<broadcast::Sender<Utf8Bytes>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| tell(socket, events.subscribe()))
}

async fn tell(mut socket: WebSocket, mut events: broadcast::Receiver<Utf8Bytes>) {
    let hello = json!({"type": "subscribed"}).to_string();
    if socket.send(Message::Text(hello.into())).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            event = events.recv() => {
                let Ok(event) = event else { return };
                if socket.send(Message::Text(event)).await.is_err() {
                    return;
                }
            }
            // Pings are answered by being read.
            heard = socket.recv() => if !matches!(heard, Some(Ok(_))) {
                return;
            },
        }
    }
}
