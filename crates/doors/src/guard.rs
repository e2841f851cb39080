//! Before anything else: does this request come from somebody who may come near at all?
//!
//! Three checks in this order, on every route: `Host` names this hub (a page that was rebound by DNS
//! does not), `Origin` is absent or this hub's own (another page's script has its own), and the token
//! is known. A body must say that it is JSON, which a page's simple form cannot.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use wire::{Code, Problem};

use crate::http::Door;
use crate::problem::Refused;

/// Host and Origin; for every route.
pub(crate) async fn nearness(State(door): State<Door>, request: Request, next: Next) -> Response {
    match near(&door, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => Refused(problem).into_response(),
    }
}

/// The token; for every route that needs one. Leaves the [`hub::callers::Caller`] as an extension.
pub(crate) async fn token(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let bearer = bearer(request.headers());
    let Some(caller) = bearer.and_then(|bearer| door.hub.authenticate(bearer)) else {
        return Refused(unauthenticated(bearer.is_some())).into_response();
    };
    if let Err(problem) = media_type(request.method(), request.uri().path(), request.headers()) {
        return Refused(problem).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The bearer token of a request, if it carries one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value
        .strip_prefix("Bearer ")
        .or_else(|| value.strip_prefix("bearer "))
}

/// For a request without a token that this hub knows.
pub(crate) fn unauthenticated(carries_one: bool) -> Problem {
    let what = if carries_one {
        "The token is not known to this hub."
    } else {
        "The request carries no token."
    };
    Problem::new(Code::UNAUTHENTICATED, what).hint(
        "Send `Authorization: Bearer TOKEN`; `kapelle token` shows where the owner's token is.",
    )
}

fn near(door: &Door, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !names_us(host, door.address) {
        return Err(Problem::new(
            Code::HOST_REFUSED,
            format!("This hub does not answer to the host `{}`.", short(host)),
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
            "A page of `{}` asked; only pages of this hub may.",
            short(origin)
        ),
    )
    .hint("Use a program instead of a page of another site."))
}

/// Whether `host:port` is the address that this hub listens on, by number or as `localhost`.
pub(crate) fn names_us(host: &str, address: SocketAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let port = authority.port_u16().unwrap_or(80);
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    if port != address.port() {
        return false;
    }
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

fn media_type(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let has_body = matches!(*method, Method::POST | Method::PATCH)
        || (*method == Method::PUT && path != "/v1/blobs");
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
        format!("The body is said to be `{}`.", short(given)),
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
        ] {
            assert!(!names_us(bad, address), "{bad}");
        }
    }
}
