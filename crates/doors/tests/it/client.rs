//! A client that sends what a test wants, byte for byte, and reads what comes.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::capped;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Somebody who asks; every request is a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send("POST", path, &json, body.to_string().as_bytes())
            .await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send("PATCH", path, &json, body.to_string().as_bytes())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &[u8]) -> Answer {
        self.send("PUT", path, &[], body).await
    }

    /// A request with its usual headers, unless `headers` says otherwise.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut bytes = self
            .head(method, path, headers, Some(body.len()))
            .into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes).await
    }

    /// The head of a request.
    pub(crate) fn head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        length: Option<usize>,
    ) -> String {
        let given = |name: &str| headers.iter().any(|(own, _)| *own == name);
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !given("host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        if let Some(token) = self.token.as_ref().filter(|_| !given("authorization")) {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(length) =
            length.filter(|_| !given("content-length") && !given("transfer-encoding"))
        {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }

    /// Sends bytes and reads to the end of the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut socket = TcpStream::connect(self.address)
            .await
            .expect("the door is open");
        let (mut reading, mut writing) = socket.split();
        let send = async {
            // The door may answer and close before it has read everything.
            writing.write_all(bytes).await.ok();
        };
        let mut all = Vec::new();
        let read = async {
            reading.read_to_end(&mut all).await.ok();
        };
        capped("an answer", async { tokio::join!(send, read) }).await;
        parse(&all)
    }

    /// Opens a stream; its events come by [`Events::next`].
    pub(crate) async fn events(&self, method: &str, path: &str, body: &str) -> Events {
        let headers = [
            ("accept", "text/event-stream"),
            ("content-type", "application/json"),
        ];
        self.stream(method, path, &headers, body).await
    }

    /// The same with headers of one's own.
    pub(crate) async fn stream(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Events {
        let length = (!body.is_empty()).then_some(body.len());
        let head = self.head(method, path, headers, length);
        let mut socket = TcpStream::connect(self.address)
            .await
            .expect("the door is open");
        socket
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .expect("it can be sent");
        let mut events = Events {
            socket,
            raw: Vec::new(),
            text: String::new(),
        };
        events.begin().await;
        events
    }
}

/// A stream of events.
pub(crate) struct Events {
    socket: TcpStream,
    /// Bytes of the chunked body that are not a whole chunk yet.
    raw: Vec<u8>,
    /// What the chunks hold, as far as it is no whole event yet.
    text: String,
}

impl Events {
    /// The next event, or nothing at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let line = |kind: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(kind));
                    found.map(|text| text.trim().to_owned())
                };
                // A comment keeps the connection open and says nothing; MCP begins with an id alone.
                let Some(data) = line("data:").filter(|data| !data.is_empty()) else {
                    continue;
                };
                let name = line("event:").unwrap_or_default();
                return Some((name, serde_json::from_str(&data).expect("data is JSON")));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// All that is left.
    pub(crate) async fn rest(&mut self) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }

    async fn begin(&mut self) {
        while find(&self.raw, b"\r\n\r\n").is_none() {
            assert!(self.read().await, "the head is whole");
        }
        let end = find(&self.raw, b"\r\n\r\n").expect("it was found");
        let head = String::from_utf8_lossy(&self.raw[..end]).to_lowercase();
        self.raw.drain(..end + 4);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
    }

    /// Takes one chunk more; false at the last one.
    async fn more(&mut self) -> bool {
        loop {
            if let Some((chunk, length)) = chunk(&self.raw) {
                let text = String::from_utf8_lossy(chunk).into_owned();
                self.raw.drain(..length);
                self.text.push_str(&text);
                return !text.is_empty();
            }
            if !self.read().await {
                return false;
            }
        }
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let count = capped("something of the stream", self.socket.read(&mut buffer)).await;
        let count = count.unwrap_or_default();
        self.raw.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer but {:?}", String::from_utf8_lossy(bytes));
    });
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &bytes[end + 4..];
    let is_chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked {
        unchunk(rest)
    } else {
        rest.to_vec()
    };
    Answer {
        status: status.expect("a status"),
        headers,
        body,
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some((part, length)) = chunk(rest) {
        body.extend_from_slice(part);
        rest = &rest[length..];
    }
    body
}

/// The first chunk, and the bytes that it takes with its frame.
fn chunk(raw: &[u8]) -> Option<(&[u8], usize)> {
    let line = find(raw, b"\r\n")?;
    let size = usize::from_str_radix(std::str::from_utf8(&raw[..line]).ok()?.trim(), 16).ok()?;
    let end = line + 2 + size;
    (raw.len() >= end + 2).then(|| (&raw[line + 2..end], end + 2))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}
