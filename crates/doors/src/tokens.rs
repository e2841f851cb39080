//! Tokens over HTTP, for callers with the scope `admin`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use bytes::Bytes;
use hub::callers::{Caller, TokenChange, TokenView};
use serde_json::json;

use crate::door::Door;
use crate::problem::Answer;
use crate::reading::read;

pub(crate) async fn list(State(door): State<Door>, Extension(caller): Extension<Caller>) -> Answer {
    Ok(Json(json!({ "tokens": door.hub.tokens(&caller)? })).into_response())
}

pub(crate) async fn create(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let view: TokenView = read(body)?;
    let secret = door.hub.create_token(&caller, &view)?;
    let mut made =
        json!({"name": view.name, "token": secret, "scopes": view.scopes, "ask": view.ask});
    if let Some(at) = &view.expires_at {
        made["expires_at"] = json!(at);
    }
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// `PATCH /v1/tokens/{name}`
pub(crate) async fn change(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let wanted: TokenChange = read(body)?;
    let token = door.hub.change_token(&caller, &name, &wanted)?;
    Ok(Json(token).into_response())
}

pub(crate) async fn revoke(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    door.hub.revoke_token(&caller, &name)?;
    Ok(Json(json!({ "revoked": name })).into_response())
}
