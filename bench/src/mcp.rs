//! `1+1` by MCP, the way an agent asks: the tool `code`, over HTTP and through `kapelle mcp` on stdio.
//!
//! The clients are of our own for the same reason as [`crate::http`]: what a client costs is in every
//! figure. They speak as much of the protocol as one tool call needs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::goals::{Figure, Goal};
use crate::http::Target;
use crate::kapelle::Hub;
use crate::stats::{Round, Summary, Times};

/// A round trip by MCP, p50 in milliseconds.
const ROUND_TRIP_MS: f64 = 1.5;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const WARM_UP: usize = 30;
/// The protocol of requests that stand alone, without a session.
const MODERN: &str = "2026-07-28";
/// The protocol of a session on stdio that most clients still open.
const LEGACY: &str = "2025-11-25";

/// # Errors
/// When a call fails or does not give 2.
pub(crate) fn measure(
    hub: &Hub,
    rounds: usize,
    calls: usize,
) -> Result<(Vec<Figure>, Vec<Goal>), Fault> {
    let mut http = OverHttp::new(&hub.target)?;
    let mut stdio = OverStdio::start(hub)?;
    let (mut by_http, mut by_stdio) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        by_http.push(round(calls, || http.call())?);
        by_stdio.push(round(calls, || stdio.call())?);
    }
    let (mut figures, mut goals) = (Vec::new(), Vec::new());
    for (way, rounds) in [("HTTP", by_http), ("stdio", by_stdio)] {
        let summary = Summary::of(&rounds);
        let name = format!("`1+1` in Blender by MCP over {way}");
        figures.push(Figure::new(format!("{name}, p99"), summary.p99_ms, "ms"));
        figures.push(Figure::new(
            format!("{name}, one client"),
            summary.calls_per_s,
            "calls/s",
        ));
        goals.push(Goal::at_most(
            format!("{name}, p50"),
            ROUND_TRIP_MS,
            summary.p50_ms,
            "ms",
        ));
    }
    Ok((figures, goals))
}

fn round(calls: usize, mut call: impl FnMut() -> Result<Value, Fault>) -> Result<Round, Fault> {
    for _ in 0..WARM_UP {
        call()?;
    }
    let mut times = Times::new();
    let begin = Instant::now();
    for _ in 0..calls {
        let start = Instant::now();
        let answer = call()?;
        times.add(start.elapsed());
        if answer["result"]["structuredContent"]["value"] != 2 {
            let mut text = answer.to_string();
            text.truncate(text.floor_char_boundary(400));
            return Err(format!("a call by MCP gave {text}").into());
        }
    }
    Ok(Round::new(&times, begin.elapsed()))
}

fn call_of(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": "code", "arguments": {"code": "1+1"}}})
}

/// One kept connection; each request stands alone.
struct OverHttp {
    reader: BufReader<TcpStream>,
    head: String,
    count: u64,
}

impl OverHttp {
    fn new(target: &Target) -> Result<Self, Fault> {
        let stream = TcpStream::connect(target.addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let token = target.token.as_deref().unwrap_or_default();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: {MODERN}\r\nmcp-method: tools/call\r\n\
             mcp-name: code\r\n",
            target.addr
        );
        Ok(Self {
            reader: BufReader::new(stream),
            head,
            count: 0,
        })
    }

    fn call(&mut self) -> Result<Value, Fault> {
        self.count += 1;
        let mut message = call_of(self.count);
        message["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = message.to_string();
        let request = format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len());
        self.reader.get_mut().write_all(request.as_bytes())?;
        let body = self.answer()?;
        // JSON, or the last event of a stream.
        let text = body
            .lines()
            .rev()
            .find_map(|line| {
                line.strip_prefix("data:")
                    .filter(|data| data.contains("result"))
            })
            .unwrap_or(&body);
        serde_json::from_str(text).map_err(|error| format!("{error}: {body}").into())
    }

    fn answer(&mut self) -> Result<String, Fault> {
        let (mut length, mut chunked, mut first) = (0, false, true);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if first && !line.starts_with("http/1.1 200") {
                return Err(format!("/mcp answers {}", line.trim()).into());
            }
            first = false;
            match line.trim().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                None if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = Vec::new();
        if !chunked {
            body.resize(length, 0);
            self.reader.read_exact(&mut body)?;
            return Ok(String::from_utf8(body)?);
        }
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            let at = body.len();
            body.resize(at + size + 2, 0);
            self.reader.read_exact(&mut body[at..])?;
            body.truncate(at + size);
            if size == 0 {
                return Ok(String::from_utf8(body)?);
            }
        }
    }

    fn line(&mut self) -> Result<String, Fault> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err("the hub closed the connection".into());
        }
        Ok(line)
    }
}

/// A `kapelle mcp`, as a client starts it.
struct OverStdio {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    count: u64,
}

impl OverStdio {
    fn start(hub: &Hub) -> Result<Self, Fault> {
        let mut command = Command::new(hub.program());
        hub.in_home(&mut command);
        let mut child = command
            .arg("mcp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("kapelle mcp has no pipes".into());
        };
        let mut this = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            count: 0,
        };
        this.say(&json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {
            "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}}))?;
        this.hear(&json!("hello"))?;
        this.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(this)
    }

    fn call(&mut self) -> Result<Value, Fault> {
        self.count += 1;
        self.say(&call_of(self.count))?;
        self.hear(&json!(self.count))
    }

    fn say(&mut self, message: &Value) -> Result<(), Fault> {
        Ok(self.stdin.write_all(format!("{message}\n").as_bytes())?)
    }

    fn hear(&mut self, id: &Value) -> Result<Value, Fault> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line)? == 0 {
                return Err("kapelle mcp has ended".into());
            }
            let message: Value = serde_json::from_str(&line)?;
            if message["id"] == *id {
                return Ok(message);
            }
        }
    }
}

impl Drop for OverStdio {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
