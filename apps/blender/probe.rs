//! Who else listens on the ports of this field, and which dialect they speak.
//!
//! In comes a port of this machine; out goes what answered there. The question is harmless in every
//! dialect (a `ping`), and nothing is sent to a port where nobody listens. Other add-ons' clients that
//! reach the wrong one of these wait for ever; so people should see at a glance who is where.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

/// A port, and who is known to use it by default.
pub(super) const PORTS: &[(u16, &str)] = &[
    (7777, "Kapelle's direct mode"),
    (9876, "mcp-for-blender, Blender Lab's MCP add-on and others"),
    (6688, "blender-remote"),
    (8765, "blender-ai-mcp"),
    (9877, "Ableton MCP"),
    (11000, "AbletonOSC"),
    (9981, "TouchDesigner MCP"),
    (13316, "Unreal MCP"),
    (8188, "ComfyUI"),
];

/// A port of this machine answers at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// Add-ons look at their sockets every 50 ms to 1 s.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(1500);
/// Loading a bridge into a window that is busy drawing takes seconds.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What listens on a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "speaks", rename_all = "snake_case")]
pub(super) enum Dialect {
    /// Kapelle's direct mode.
    Direct,
    /// `{type, params}` as bare JSON; who it says it is, where it says so.
    Typed {
        name: Option<String>,
    },
    /// `{type: "execute", code}` with NUL behind it.
    Execute,
    Http,
    /// Listens, and answers nothing that it was asked.
    Unknown,
}

impl Dialect {
    /// For people.
    pub(super) fn says(&self) -> String {
        match self {
            Self::Direct => "Kapelle's direct mode".to_owned(),
            Self::Typed { name: Some(name) } => format!("{name} ({{type, params}} as bare JSON)"),
            Self::Typed { name: None } => {
                "an add-on such as blender-remote ({type, params} as bare JSON)".to_owned()
            }
            Self::Execute => "Blender Lab's MCP add-on (JSON with NUL)".to_owned(),
            Self::Http => "an HTTP server".to_owned(),
            Self::Unknown => "something that speaks none of the known dialects".to_owned(),
        }
    }

    /// Whether it runs code that loads our bridge.
    pub(super) fn is_adoptable(&self) -> bool {
        matches!(self, Self::Typed { .. } | Self::Execute)
    }
}

/// What listens there, if anything.
pub(super) fn look(port: u16) -> Option<Dialect> {
    connect(port)?;
    let pong = ask(port, b"{\"type\": \"ping\", \"params\": {}}");
    if let Some(told) = object(&pong) {
        if told["result"]["kapelle"].is_string() {
            return Some(Dialect::Direct);
        }
        return Some(Dialect::Typed {
            name: name_at(port),
        });
    }
    if pong.starts_with(b"HTTP/") {
        return Some(Dialect::Http);
    }
    let with_nul = ask(port, b"{\"type\": \"ping\"}\0");
    if with_nul.ends_with(b"\0") && object(&with_nul).is_some() {
        return Some(Dialect::Execute);
    }
    if ask(port, b"GET / HTTP/1.0\r\n\r\n").starts_with(b"HTTP/") {
        return Some(Dialect::Http);
    }
    Some(Dialect::Unknown)
}

/// Has the add-on there run code in its Blender. Gives what it answered.
pub(super) fn run(port: u16, dialect: &Dialect, code: &str) -> Option<Value> {
    let message = match dialect {
        Dialect::Execute => {
            serde_json::json!({"type": "execute", "code": code, "strict_json": false}).to_string()
                + "\0"
        }
        _ => serde_json::json!({"type": "execute_code", "params": {"code": code}}).to_string(),
    };
    object(&ask_for(port, message.as_bytes(), LOAD_TIMEOUT))
}

fn name_at(port: u16) -> Option<String> {
    let told = object(&ask(
        port,
        b"{\"type\": \"get_addon_info\", \"params\": {}}",
    ))?;
    let version = told["result"]["addon_version"].as_array().map(|parts| {
        let parts: Vec<String> = parts.iter().map(Value::to_string).collect();
        format!(" {}", parts.join("."))
    });
    let name = told["result"]["name"].as_str()?;
    Some(format!("{name}{}", version.unwrap_or_default()))
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(
        &SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        CONNECT_TIMEOUT,
    )
    .ok()?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT)).ok()?;
    Some(stream)
}

/// One message on a connection of its own, and the answer so far as it came: a whole object, the end, or
/// the end of the wait.
fn ask(port: u16, message: &[u8]) -> Vec<u8> {
    ask_for(port, message, ANSWER_TIMEOUT)
}

fn ask_for(port: u16, message: &[u8], within: Duration) -> Vec<u8> {
    let mut heard = Vec::new();
    let Some(mut stream) = connect(port) else {
        return heard;
    };
    if stream.write_all(message).is_err() {
        return heard;
    }
    let end = Instant::now() + within;
    let mut buffer = [0; 4096];
    while heard.len() < ANSWER_BYTES_MAX && object(&heard).is_none() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            break;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
        }
    }
    heard
}

pub(super) fn object(bytes: &[u8]) -> Option<Value> {
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, 0 | b'\n'))
        .map_or(0, |at| at + 1);
    serde_json::from_slice(&bytes[..end])
        .ok()
        .filter(Value::is_object)
}

/// For the fuzzer: what a neighbour answers is an object or nothing.
#[cfg(fuzzing)]
pub fn fuzzing(bytes: &[u8]) {
    assert!(object(bytes).is_none_or(|told| told.is_object()));
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A neighbour that answers each connection's first bytes by `reply`.
    fn neighbour(reply: fn(&[u8]) -> Option<&'static [u8]>) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let mut buffer = [0; 4096];
                    let Ok(count) = stream.read(&mut buffer) else {
                        return;
                    };
                    if let Some(answer) = reply(&buffer[..count]) {
                        stream.write_all(answer).ok();
                    } else {
                        // Waits for the other side to go, as a server does that has not understood.
                        std::io::copy(&mut stream, &mut std::io::sink()).ok();
                    }
                });
            }
        });
        port
    }

    #[test]
    fn nobody_is_nobody() {
        let port = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            listener.local_addr().unwrap().port()
        };
        assert_eq!(look(port), None);
    }

    #[test]
    fn each_dialect_is_told() {
        let typed = neighbour(|asked| {
            Some(if asked.windows(14).any(|w| w == b"get_addon_info") {
                br#"{"status": "success", "result": {"name": "MCP for Blender", "addon_version": [2, 2, 4]}}"#
            } else {
                br#"{"status": "success", "result": {"pong": true}}"#
            })
        });
        let name = Some("MCP for Blender 2.2.4".to_owned());
        assert_eq!(look(typed), Some(Dialect::Typed { name }));
        let nameless = neighbour(|_| Some(br#"{"status": "error", "message": "Unknown command"}"#));
        assert_eq!(look(nameless), Some(Dialect::Typed { name: None }));
        let direct =
            neighbour(|_| Some(br#"{"status": "success", "result": {"kapelle": "0.1.0"}}"#));
        assert_eq!(look(direct), Some(Dialect::Direct));
        let execute = neighbour(|asked| {
            asked
                .ends_with(b"\0")
                .then_some(b"{\"status\": \"error\", \"message\": \"?\"}\0".as_slice())
        });
        assert_eq!(look(execute), Some(Dialect::Execute));
        let http = neighbour(|_| Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        assert_eq!(look(http), Some(Dialect::Http));
        let patient_http = neighbour(|asked| {
            asked
                .starts_with(b"GET ")
                .then_some(b"HTTP/1.0 200 OK\r\n\r\n".as_slice())
        });
        assert_eq!(look(patient_http), Some(Dialect::Http));
    }

    #[test]
    fn what_says_nothing_is_unknown() {
        assert_eq!(look(neighbour(|_| None)), Some(Dialect::Unknown));
    }
}
