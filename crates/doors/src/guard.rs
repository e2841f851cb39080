//! Before anything else: does this request come from somebody who may come near at all?
//!
//! Three checks in this order, on every route: `Host` names this hub (a page that was rebound by DNS
//! does not), `Origin` is absent or this hub's own (another page's script has its own), and the token
//! is known. A body must say that it is JSON, which a page's simple form cannot.
//!
//! Instead of a token the dashboard's page shows its cookie: [`crate::proof`].

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, Method, Uri, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hub::callers::Caller;
use wire::{Code, Problem};

use crate::connection::Connection;
use crate::door::Door;
use crate::held::Held;
use crate::limits;
use crate::problem::Refused;
use crate::proof::{Proof, unauthenticated};

/// Host and Origin; for every route.
pub(crate) async fn nearness(State(door): State<Door>, request: Request, next: Next) -> Response {
    match near(&door, request.headers()).and_then(|()| address(request.uri())) {
        Ok(()) => next.run(request).await,
        Err(problem) => Refused(problem).into_response(),
    }
}

/// The token; for every route that needs one. Leaves the [`hub::callers::Caller`] as an extension.
pub(crate) async fn token(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let (caller, proof) = match proved(&door, &request) {
        Ok(proved) => proved,
        Err(problem) => return Refused(problem).into_response(),
    };
    let may_pass = place(request.extensions(), &caller)
        .and_then(|()| media_type(request.method(), request.uri().path(), request.headers()));
    if let Err(problem) = may_pass {
        return Refused(problem).into_response();
    }
    let held = Held::new(&door.hub, &caller, &proof);
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(proof);
    if is_blob(request.method(), request.uri().path()) {
        return held.through(next.run(request)).await;
    }
    held.through(door.bodies.pass(&caller, request, next)).await
}

/// The connection is this caller's from now on.
pub(crate) fn place(extensions: &Extensions, caller: &Caller) -> Result<(), Problem> {
    match extensions.get::<Arc<Connection>>() {
        Some(connection) => connection.prove(caller),
        None => Ok(()),
    }
}

/// Its body goes to disk as it comes.
fn is_blob(method: &Method, path: &str) -> bool {
    *method == Method::PUT && path == "/v1/blobs"
}

fn proved(door: &Door, request: &Request) -> Result<(Caller, Proof), Problem> {
    let proof = Proof::of(door.address, request.method(), request.headers())?;
    // Agents have tokens; what a page signed in for is not theirs.
    let proof = proof.filter(|proof| {
        matches!(proof, Proof::Token(_)) || request.uri().path().starts_with("/v1/")
    });
    let Some(proof) = proof else {
        return Err(unauthenticated(false));
    };
    let caller = proof.caller(&door.hub).ok_or_else(|| proof.unknown())?;
    Ok((caller, proof))
}

/// What is asked for is named, not sent along.
fn address(uri: &Uri) -> Result<(), Problem> {
    let bytes = uri
        .path_and_query()
        .map_or(0, |address| address.as_str().len());
    if bytes <= limits::ADDRESS_BYTES_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!(
            "The request's URL has {bytes} bytes; the most is {}.",
            limits::ADDRESS_BYTES_MAX
        ),
    ))
}

fn near(door: &Door, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !names_us(host, door.address) {
        return Err(Problem::new(
            Code::HOST_REFUSED,
            format!(
                "This hub does not answer requests for the host `{}`.",
                short(host)
            ),
        )
        .hint(format!("Use http://{}.", door.address)));
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let own = origin
        .strip_prefix("http://")
        .is_some_and(|host| names_us(host, door.address));
    if own {
        return Ok(());
    }
    Err(Problem::new(
        Code::ORIGIN_REFUSED,
        format!(
            "The request comes from a page of `{}`; only this hub's own page may send requests.",
            short(origin)
        ),
    )
    .hint("Use a program instead of a page on another site."))
}

/// Whether `host:port` is the address that this hub listens on, by number or as `localhost`.
pub(crate) fn names_us(host: &str, address: SocketAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    // Nothing else may stand in it: no user, nothing between a number in brackets and the port, no other way to write it.
    let is_our_port = match host.strip_prefix(authority.host()) {
        Some("") => address.port() == 80,
        Some(rest) => rest.strip_prefix(':') == Some(address.port().to_string().as_str()),
        None => false,
    };
    if !is_our_port {
        return false;
    }
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    match name.parse::<std::net::IpAddr>() {
        // Listening everywhere, every own address is right; which are ours cannot be rebound by a name.
        Ok(ip) => {
            ip == address.ip()
                || address.ip().is_unspecified()
                || (ip.is_loopback() && address.ip().is_loopback())
        }
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

pub(crate) fn media_type(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let has_body = matches!(*method, Method::POST | Method::PATCH)
        || (*method == Method::PUT && !is_blob(method, path));
    let is_empty = headers
        .get(header::CONTENT_LENGTH)
        .is_some_and(|length| length == "0");
    if !has_body || (is_empty && !headers.contains_key(header::CONTENT_TYPE)) {
        return Ok(());
    }
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(
        Code::MEDIA_TYPE_UNSUPPORTED,
        format!("The body's content type is `{}`.", short(given)),
    )
    .hint("Send JSON with `Content-Type: application/json`."))
}

/// A header's text may be long; a message quotes its beginning.
fn short(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    text.chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_answered() {
        let address: SocketAddr = "127.0.0.1:7420".parse().unwrap();
        for good in [
            "127.0.0.1:7420",
            "localhost:7420",
            "LOCALHOST:7420",
            "[::1]:7420",
        ] {
            assert!(names_us(good, address), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1",
            "evil.example:7420",
            "127.0.0.1:80",
            "localhost.evil.example:7420",
            "10.0.0.1:7420",
            "a b",
            "[::1]7420:7420",
            "evil.example@localhost:7420",
            "localhost:07420",
            "[::1]:+7420",
            "localhost:",
        ] {
            assert!(!names_us(bad, address), "{bad}");
        }
    }
}
