//! A WebSocket client that sends what a test wants and reads what comes.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use testkit::capped;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::client::Client;

pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// How a connection ended: the code and the reason of its close frame.
pub(crate) type Closed = (u16, String);

impl Socket {
    /// Opens one with these headers; the HTTP status when it is no upgrade.
    pub(crate) async fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, u16> {
        Self::open_at(address, "/v1/ws", headers).await
    }

    /// The same at another path.
    pub(crate) async fn open_at(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, u16> {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Small, so that a test need not send much before a reader counts as slow.
        socket.set_recv_buffer_size(16 * 1024).ok();
        let tcp = socket.connect(address).await.expect("the door is open");
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("an address");
        for (name, value) in headers {
            request.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).expect("a header"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        match tokio_tungstenite::client_async(request, tcp).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// One that has said hello with the client's token and was welcomed.
    pub(crate) async fn of(client: &Client) -> Self {
        let mut socket = Self::open(client.address, &[]).await.expect("an upgrade");
        let token = client.token.clone().expect("a client with a token");
        socket.send(&json!({"type": "hello", "token": token})).await;
        let welcome = socket.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        socket
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.stream
            .send(Message::text(text))
            .await
            .expect("it can be sent");
    }

    /// Does not wait until the hub has read it.
    pub(crate) async fn send_raw(&mut self, message: Message) -> bool {
        self.stream.send(message).await.is_ok()
    }

    pub(crate) async fn send_piece(&mut self, head: &Value, raw: &[u8]) {
        let head = head.to_string();
        let mut bytes = vec![1];
        bytes.extend_from_slice(&u16::try_from(head.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(raw);
        self.stream
            .send(Message::binary(bytes))
            .await
            .expect("it can be sent");
    }

    /// The next text frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.next_message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("a frame is JSON"),
            other => panic!("no text came but {other:?}"),
        }
    }

    /// The next text frame of that type; others are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Asks and gives the answer with the same id; what else comes is passed over.
    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        loop {
            let frame = self.next().await;
            if frame["id"] == message["id"] {
                return frame;
            }
        }
    }

    /// Asks in an envelope and gives the answer to that correlation id; what else comes is passed over.
    pub(crate) async fn ask_for(&mut self, correlation_id: &str, message: &Value) -> Value {
        self.send(message).await;
        loop {
            let told = self.next().await;
            if told["metadata"]["correlationId"] == correlation_id {
                return told;
            }
        }
    }

    /// Runs a call to its end: `outcome` or `problem`.
    pub(crate) async fn run(&mut self, call: &Value) -> Value {
        let mut message = call.clone();
        message["type"] = json!("call");
        message["id"] = json!("run");
        self.send(&message).await;
        loop {
            let frame = self.next().await;
            if frame["id"] == "run"
                && ["outcome", "problem", "checked"]
                    .iter()
                    .any(|kind| frame["type"] == *kind)
            {
                return frame;
            }
        }
    }

    /// The next piece of a blob: its head and its bytes.
    pub(crate) async fn next_piece(&mut self) -> (Value, Vec<u8>) {
        match self.next_message().await {
            Some(Message::Binary(bytes)) => {
                assert_eq!(bytes[0], 1);
                let length = usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
                let head = serde_json::from_slice(&bytes[3..3 + length]).expect("a head");
                (head, bytes[3 + length..].to_vec())
            }
            other => panic!("no bytes came but {other:?}"),
        }
    }

    /// Reads to the end; gives how the hub closed it, where it waited for a reader with that, and how many frames of
    /// text came before.
    pub(crate) async fn until_dropped(&mut self) -> (Option<Closed>, usize) {
        let mut frames = 0;
        loop {
            match capped("the end", self.stream.next()).await {
                Some(Ok(Message::Close(Some(close)))) => {
                    return (Some((close.code.into(), close.reason.to_string())), frames);
                }
                Some(Ok(Message::Text(_))) => frames += 1,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (None, frames),
            }
        }
    }

    /// Reads to the end; gives how the hub closed it, and the frames before that.
    pub(crate) async fn until_closed(&mut self) -> (Closed, Vec<Value>) {
        let mut before = Vec::new();
        loop {
            match self.next_message().await {
                Some(Message::Text(text)) => {
                    before.push(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Some(Message::Close(Some(close))) => {
                    return ((close.code.into(), close.reason.to_string()), before);
                }
                Some(Message::Binary(_)) => {}
                other => panic!("no close frame but {other:?} after {}", before.len()),
            }
        }
    }

    /// Reads until nothing more comes, however it ends; gives how many frames of text there were.
    pub(crate) async fn until_gone(&mut self) -> usize {
        let mut frames = 0;
        loop {
            match capped("the end", self.stream.next()).await {
                Some(Ok(Message::Text(_))) => frames += 1,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return frames,
            }
        }
    }

    async fn next_message(&mut self) -> Option<Message> {
        loop {
            match capped("a frame", self.stream.next()).await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(error)) => panic!("the connection broke: {error}"),
                None => return None,
            }
        }
    }
}
