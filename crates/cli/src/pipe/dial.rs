//! The connection to the hub: one HTTP request that becomes a pipe.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use client::{Client, problems, segment};
use serde::Deserialize as _;
use serde_json::Value;
use wire::Problem;

/// A hub on this machine connects at once or not at all; another machine may take a moment.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The hub answers without asking anybody.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The head of the hub's answer, in bytes.
const HEAD_BYTES_MAX: u64 = 16 * 1024;
/// A refusal, in bytes.
const REFUSAL_BYTES_MAX: u64 = 64 * 1024;

/// Both ends of a connection that carries lines.
///
/// # Errors
/// What the hub refuses, or that it cannot be reached.
pub(super) fn open(
    client: &Client,
    app: Option<&str>,
) -> Result<(TcpStream, BufReader<TcpStream>), Box<Problem>> {
    let silent = |error: std::io::Error| problems::hub_silent(client.url(), error);
    let host = client.url().trim_start_matches("http://");
    let path = match app {
        Some(app) => format!("/mcp/stdio?app={}", segment("app", app)?),
        None => "/mcp/stdio".to_owned(),
    };
    let mut stream = connect(host).map_err(silent)?;
    stream.set_nodelay(true).map_err(silent)?;
    stream
        .set_read_timeout(Some(ANSWER_TIMEOUT))
        .map_err(silent)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        doors::mcp::UPGRADE,
        client.token().unwrap_or_default(),
    );
    stream.write_all(request.as_bytes()).map_err(silent)?;
    let mut reader = BufReader::new(stream.try_clone().map_err(silent)?);
    let head = head(&mut reader).map_err(silent)?;
    if head.split(' ').nth(1) != Some("101") {
        return Err(refusal(client, &head, &mut reader));
    }
    stream.set_read_timeout(None).map_err(silent)?;
    Ok((stream, reader))
}

fn connect(host: &str) -> std::io::Result<TcpStream> {
    let with_port = if host
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'))
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in with_port.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The status line and the headers.
fn head(reader: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut head = String::new();
    let mut limited = reader.take(HEAD_BYTES_MAX);
    loop {
        let length = limited.read_line(&mut head)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if head.ends_with("\r\n\r\n") {
            return Ok(head);
        }
    }
}

fn refusal(client: &Client, head: &str, reader: &mut BufReader<TcpStream>) -> Box<Problem> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let mut body = String::new();
    reader
        .take(length.unwrap_or(REFUSAL_BYTES_MAX).min(REFUSAL_BYTES_MAX))
        .read_to_string(&mut body)
        .ok();
    let said: Value = serde_json::from_str(&body).unwrap_or_default();
    Problem::deserialize(said)
        .map(Box::new)
        .unwrap_or_else(|_| {
            let status = head.lines().next().unwrap_or_default();
            problems::hub_silent(
                client.url(),
                format_args!("it does not support pipes ({status}); it may be an older version"),
            )
        })
}
