//! A listener that answers HTTP as a test says: for the client's own behaviour, where the real hub would
//! only be in the way. One connection, one request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::environment::Environment;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /v1/calls?x=1`
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) enum Reply {
    Json(u16, Value),
    /// Events at once, then more when the test sends them; the connection ends when the sender is gone.
    Stream(Vec<Told>, Option<Receiver<Told>>),
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

pub(crate) struct FakeHub {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeHub {
    /// Answers `/healthz` by itself; everything else is asked of `answer`, and wants the token.
    pub(crate) fn start(
        environment: &Environment,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_in_health(environment, &json!({}), answer)
    }

    /// The same, with something else about its health.
    pub(crate) fn start_in_health(
        environment: &Environment,
        health: &Value,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let mut healthy = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id(), "uptime_ms": 61_000});
        let members = healthy.as_object_mut().unwrap();
        members.extend(health.as_object().unwrap().clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let token_file = environment.write("home/tokens/owner", TOKEN);
        let run = json!({"url": url, "pid": std::process::id(), "bridge": "127.0.0.1:1", "token_file": token_file});
        environment.write("home/run/hub.json", &run.to_string());
        let (seen, answer): (_, Arc<Answer>) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                let health = healthy.clone();
                std::thread::spawn(move || serve(stream.unwrap(), &health, &seen, &*answer));
            }
        });
        Self { url, requests }
    }

    /// What was asked, without `/healthz`.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// What the commands of a role are called.
const NAMES: [(&str, &str); 5] = [
    ("code", "code.run"),
    ("undo", "history.undo"),
    ("redo", "history.redo"),
    ("revert", "history.revert"),
    ("open", "file.open"),
];

fn serve(mut stream: TcpStream, health: &Value, seen: &Mutex<Vec<Request>>, answer: &Answer) {
    let Some(request) = read(&stream) else {
        return;
    };
    if request.line == "GET /healthz" {
        return send_json(&mut stream, 200, health);
    }
    if let Some((_, role)) = request.line.split_once("/commands?role=") {
        let name = NAMES.iter().find(|(known, _)| *known == role);
        let (_, name) = name.expect("a role that the terminal asks for");
        return send_json(&mut stream, 200, &json!({"commands": [{"name": name}]}));
    }
    let bearer = format!("authorization: bearer {TOKEN}");
    let reply = if request.head.to_lowercase().contains(&bearer) {
        seen.lock().unwrap().push(request.clone());
        answer(&request)
    } else {
        Reply::Json(
            401,
            problem("unauthenticated", "There is no valid token.", None),
        )
    };
    match reply {
        Reply::Json(status, document) => send_json(&mut stream, status, &document),
        Reply::Stream(events, more) => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hello\n\n";
            stream.write_all(head.as_bytes()).unwrap();
            for (name, data) in events.into_iter().chain(more.into_iter().flatten()) {
                write!(stream, "event: {name}\ndata: {data}\n\n").unwrap();
            }
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let first = lines.first()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let head = lines.join("\n");
    let lower = head.to_lowercase();
    let mut body = Vec::new();
    if let Some(length) = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
    {
        body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
    } else if lower.contains("transfer-encoding: chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut piece = vec![0; size + 2];
            reader.read_exact(&mut piece).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&piece[..size]);
        }
    }
    Some(Request {
        line: first,
        head,
        body,
    })
}

fn send_json(stream: &mut TcpStream, status: u16, document: &Value) {
    let body = document.to_string();
    let kind = if status < 400 {
        "application/json"
    } else {
        "application/problem+json"
    };
    let length = body.len();
    // The client may have left.
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok();
}

pub(crate) fn problem(code: &str, message: &str, hint: Option<&str>) -> Value {
    json!({
        "type": "about:blank", "title": code, "status": 400, "detail": message, "code": code, "message": message,
        "hint": hint, "severity": "error", "retryable": false, "details": {}
    })
}

/// A call that waits or runs.
pub(crate) fn call(status: &str) -> Value {
    json!({
        "call_id": "call_01J", "correlation_id": null, "app": "toy-app", "instance": "toy-app", "command": "code.run",
        "caller": "owner", "status": status, "asked_at": "2030-01-01T00:00:00Z"
    })
}

/// A call that ended.
pub(crate) fn ended(status: &str, value: Value) -> Value {
    let mut call = call(status);
    let outcome = json!({
        "value": value, "output": {"stdout": "", "stderr": "", "logs": []}, "duration_ms": 2.5,
        "changes": {"added": [], "changed": [], "removed": []}, "memory": {"rss_mb": 100.0, "delta_mb": 0.0}
    });
    call.as_object_mut()
        .unwrap()
        .extend(outcome.as_object().unwrap().clone());
    call
}

/// An event by its name.
pub(crate) type Told = (&'static str, Value);

pub(crate) fn later() -> (Sender<Told>, Receiver<Told>) {
    channel()
}
