//! Signing in to the dashboard: one-time links, the cookie that they become, and signing out.
//!
//! In comes the owner's request for a link, or the secret of a link from the page; out goes an address whose
//! secret stands behind `#`, where no server and no log sees it, or a cookie that no script can read. Which requests
//! the cookie is good for is [`guard`]'s question, who it stands for is the hub's.

use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hub::callers::Caller;
use hub::limits::{LINK_LIFE, SESSION_LIFE};
use serde_json::{Value, json};
use wire::{Code, Problem};

use crate::door::Door;
use crate::forms::SignIn;
use crate::guard;
use crate::limits;
use crate::problem::Answer;
use crate::proof::{self, Proof};
use crate::reading::read;

/// `POST /v1/dashboard/links`
pub(crate) async fn make_link(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Answer {
    let key = door.hub.make_link(&caller)?;
    // The name that the asker reaches this hub by; it was checked.
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map_or_else(|| door.address.to_string(), str::to_owned);
    let made = json!({
        "url": format!("http://{host}/#key={key}"),
        "expires_in_s": LINK_LIFE.as_secs(),
    });
    Ok((StatusCode::CREATED, unkept(), Json(made)).into_response())
}

/// `POST /v1/dashboard/session`. Only the page itself may.
pub(crate) async fn sign_in(State(door): State<Door>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    proof::own_page(&parts.method, &parts.headers)?;
    guard::media_type(&parts.method, parts.uri.path(), &parts.headers)?;
    let body = Limited::new(body, limits::SIGN_IN_BYTES_MAX)
        .collect()
        .await;
    let body = body.map_err(|_| {
        Problem::new(Code::BODY_TOO_LARGE, "The key is too long.")
            .detail("limit_bytes", limits::SIGN_IN_BYTES_MAX)
    })?;
    let SignIn { key } = read(Ok::<Bytes, BytesRejection>(body.to_bytes()))?;
    let (secret, caller) = door.hub.open_session(&key)?;
    tracing::info!(caller = %caller.name, "a browser has signed in");
    let cookie = cookie(&door, &secret, SESSION_LIFE.as_secs())?;
    let headers = [(header::SET_COOKIE, cookie)];
    Ok((
        StatusCode::CREATED,
        headers,
        unkept(),
        Json(told(&door, &caller)),
    )
        .into_response())
}

/// `GET /v1/dashboard/session`: who asks here, and what the page must know to write calls for elsewhere.
pub(crate) async fn who(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
) -> Response {
    (unkept(), Json(told(&door, &caller))).into_response()
}

/// `DELETE /v1/dashboard/session`
pub(crate) async fn sign_out(
    State(door): State<Door>,
    Extension(proof): Extension<Proof>,
) -> Answer {
    let Proof::Session(secret) = proof else {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "This request uses a token, so there is no session to end.",
        )
        .hint("To revoke a token: DELETE /v1/tokens/{name}.")
        .into());
    };
    door.hub.end_session(&secret)?;
    let headers = [(header::SET_COOKIE, cookie(&door, "", 0)?)];
    Ok((headers, unkept(), Json(json!({"signed_out": true}))).into_response())
}

fn told(door: &Door, caller: &Caller) -> Value {
    let home = door.hub.home();
    json!({
        "caller": caller.name,
        "scopes": caller.scopes.names().collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "token_file": home.owner_token_file(),
    })
}

fn cookie(door: &Door, secret: &str, life_s: u64) -> Result<HeaderValue, Problem> {
    let name = proof::cookie_name(door.address);
    let text = format!("{name}={secret}; Max-Age={life_s}; Path=/; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).map_err(|error| {
        tracing::error!(%error, "no cookie");
        Problem::new(Code::INTERNAL, "The session cannot be written as a cookie.")
    })
}

/// No copy of such an answer may lie anywhere.
fn unkept() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
