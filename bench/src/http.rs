//! The one HTTP client of all measurements: blocking, one connection, keep-alive, no more than needed.
//!
//! Of our own because what the client costs is in every figure: a general client's pools and timers
//! would make the hub look closer to the floor than it is. It understands what axum answers to a
//! small JSON request: a status line, `content-length`, a body.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::fault::Fault;

/// Longest answer, in bytes: 5 MB of a string and its JSON around it, many times over.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest wait for an answer; the longest call that is measured takes 5 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Read at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// A connection to a hub.
pub(crate) struct Client {
    stream: TcpStream,
    head: String,
    /// As long as it ever had to be; its first `filled` bytes are the answer so far.
    buffer: Vec<u8>,
    filled: usize,
    request: Vec<u8>,
    /// Bytes sent and received, heads included.
    moved: usize,
}

/// Where a hub is and what it wants to see.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) token: Option<String>,
}

impl Client {
    /// # Errors
    /// When nobody listens there.
    pub(crate) fn new(target: &Target) -> Result<Self, Fault> {
        let stream = TcpStream::connect(target.addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        let mut head = format!("host: {}\r\n", target.addr);
        if let Some(token) = &target.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        Ok(Self {
            stream,
            head,
            buffer: Vec::new(),
            filled: 0,
            request: Vec::new(),
            moved: 0,
        })
    }

    /// # Errors
    /// When the answer is not `2xx` with JSON.
    pub(crate) fn get(&mut self, path: &str) -> Result<Value, Fault> {
        self.send("GET", path, "application/json", b"")?;
        Ok(serde_json::from_slice(&self.answer()?)?)
    }

    /// Bytes that this connection has carried so far, both ways.
    pub(crate) fn bytes_moved(&self) -> usize {
        self.moved
    }

    /// Runs a command of Blender; gives the whole outcome.
    ///
    /// # Errors
    /// When it does not succeed.
    pub(crate) fn call(&mut self, command: &str, args: &Value) -> Result<Value, Fault> {
        let request = serde_json::json!({"app": "blender", "command": command, "args": args});
        let outcome = self.post("/v1/calls", &request)?;
        if outcome["status"] == "succeeded" {
            return Ok(outcome);
        }
        Err(format!("{command}: {}", outcome["problem"]).into())
    }

    /// Stores bytes.
    ///
    /// # Errors
    /// When the answer is not `2xx` with JSON.
    pub(crate) fn put(&mut self, path: &str, body: &[u8]) -> Result<Value, Fault> {
        self.send("PUT", path, "application/octet-stream", body)?;
        Ok(serde_json::from_slice(&self.answer()?)?)
    }

    /// Fetches bytes.
    ///
    /// # Errors
    /// When the answer is not `2xx`.
    pub(crate) fn bytes(&mut self, path: &str) -> Result<Vec<u8>, Fault> {
        self.send("GET", path, "application/octet-stream", b"")?;
        self.answer()
    }

    /// # Errors
    /// When the answer is not `2xx` with JSON.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value, Fault> {
        let body = serde_json::to_vec(body)?;
        self.send("POST", path, "application/json", &body)?;
        Ok(serde_json::from_slice(&self.answer()?)?)
    }

    fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<(), Fault> {
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\n{}content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            self.head,
            body.len()
        )?;
        // One write: two small ones would cost a second packet.
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request)?;
        self.moved += self.request.len();
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<u8>, Fault> {
        self.filled = 0;
        let head_end = loop {
            self.read(READ_BYTES)?;
            if let Some(at) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..head_end])?;
        let status = status_of(head).ok_or("the answer is no HTTP")?;
        let length = length_of(head).ok_or("the answer has no content-length")?;
        if length > ANSWER_BYTES_MAX {
            return Err(format!("the answer has {length} bytes").into());
        }
        let end = head_end + length;
        while self.filled < end {
            self.read(end - self.filled)?;
        }
        let body = &self.buffer[head_end..end];
        if (200..300).contains(&status) {
            self.moved += end;
            return Ok(body.to_vec());
        }
        Err(format!("HTTP {status}: {}", String::from_utf8_lossy(body)).into())
    }

    /// Reads what is there, into room for at least so many bytes.
    fn read(&mut self, room: usize) -> Result<(), Fault> {
        if self.buffer.len() < self.filled + room {
            self.buffer.resize(self.filled + room, 0);
        }
        let count = self.stream.read(&mut self.buffer[self.filled..])?;
        self.filled += count;
        if count == 0 {
            return Err("the hub closed the connection".into());
        }
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn status_of(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn length_of(head: &str) -> Option<usize> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_understood() {
        let head =
            "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n";
        assert_eq!((status_of(head), length_of(head)), (Some(202), Some(17)));
        assert_eq!(status_of("SSH-2.0"), None);
        assert_eq!(length_of("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
