//! Calls over HTTP: ask, look, wait, cancel, history.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use bytes::Bytes;
use hub::Asked;
use hub::call::Call;
use hub::callers::Caller;
use hub::policy::{Seen, may_see};
use hub::store::CallsWanted;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::call::Wait;
use wire::{CallRequest, CallView, Code, Problem, Status};

use crate::door::Door;
use crate::follow::Follower;
use crate::problem::{Answer, Refused};
use crate::reading::{query_of, read};
use crate::{follow, limits, stream};

/// `POST /v1/calls`
pub(crate) async fn ask(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let request: CallRequest = read(body)?;
    let wants_stream = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    // Before the call can tell anything, so that nothing is missed.
    let follower = wants_stream.then(|| {
        let mut follower = Follower::new(door.hub.clone(), caller.clone());
        follower.listen();
        follower
    });
    run(&door, &caller, request, follower).await
}

/// Asks the hub and waits as the request says, or streams to the follower.
pub(crate) async fn run(
    door: &Door,
    caller: &Caller,
    request: CallRequest,
    follower: Option<Follower>,
) -> Answer {
    let wait = request.wait;
    let asked = door.hub.ask(caller, request)?;
    let asked = match asked {
        Asked::Job(storing) => Asked::One(storing.stored().await?.call),
        other => other,
    };
    match (asked, follower) {
        // It was waited for above.
        (Asked::Job(_), _) => Err(Problem::new(Code::INTERNAL, "A job was not stored.").into()),
        (Asked::Checked(checked), _) => Ok(Json(checked).into_response()),
        (Asked::One(call), Some(follower)) => Ok(stream::events(follower, &[call])),
        (Asked::All(calls), Some(follower)) => Ok(stream::events(follower, &calls)),
        (Asked::One(call), None) => {
            let ended = waited(&call, wait).await;
            answer(door, caller, &call, ended)
        }
        (Asked::All(calls), None) => {
            let mut all_ended = true;
            for call in &calls {
                all_ended &= waited(call, wait).await;
            }
            let view = |call| door.hub.view_for(caller, call);
            let views: Vec<CallView> = calls.iter().map(|call| view(call)).collect();
            let status = if all_ended {
                StatusCode::OK
            } else {
                StatusCode::ACCEPTED
            };
            Ok((status, Json(json!({"outcomes": views}))).into_response())
        }
    }
}

/// `GET /v1/calls/{id}?wait_ms=`
pub(crate) async fn show(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Result<Query<ShowQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let query = query_of(query)?;
    let id = door.hub.call_id(&caller, &id).await?;
    let call = door.hub.find_call(&id).await?;
    may_see(&caller, Seen::Call(&call))?;
    let wait = Duration::from_millis(query.wait_ms.unwrap_or(0)).min(limits::WAIT_MAX);
    call.ended(Some(wait)).await;
    Ok(Json(door.hub.view_with_args_for(&caller, &call)).into_response())
}

/// `DELETE /v1/calls/{id}`
pub(crate) async fn cancel(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = door.hub.call_id(&caller, &id).await?;
    let call = door.hub.cancel(&caller, &id)?;
    call.ended(Some(limits::CANCEL_WAIT)).await;
    Ok(Json(door.hub.view_for(&caller, &call)).into_response())
}

/// `GET /v1/calls`
pub(crate) async fn history(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<HistoryQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    may_see(&caller, Seen::History)?;
    let query = query_of(query)?;
    let before = match &query.before {
        Some(before) => Some(door.hub.call_id(&caller, before).await?),
        None => None,
    };
    let wanted = CallsWanted {
        limit: query.limit.unwrap_or(50).min(limits::HISTORY_MAX),
        app: query.app.map(Into::into),
        instance: query.instance.map(Into::into),
        status: query.status,
        before,
    };
    let remembered = door.hub.remembered(&wanted).await?;
    let calls = remembered.calls.iter();
    let calls: Vec<CallView> = calls.map(|call| door.hub.masked_view(call)).collect();
    Ok(Json(json!({
        "since": hub::clock::rfc3339(remembered.since),
        "left_out": remembered.left_out,
        "calls": calls,
    }))
    .into_response())
}

/// `DELETE /v1/calls?before=` or `?all=true`
pub(crate) async fn purge(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<PurgeQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let query = query_of(query)?;
    let before = match (query.before, query.all) {
        (Some(before), false) => Some(time_of(&before)?),
        (None, true) => None,
        _ => {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                "Say what to forget: either `before` or `all`.",
            )
            .hint("For example ?before=2030-01-01T00:00:00Z, or ?all=true.")
            .into());
        }
    };
    let forgotten = door.hub.purge_history(&caller, before).await?;
    Ok(Json(forgotten).into_response())
}

fn time_of(text: &str) -> Result<OffsetDateTime, Problem> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`{text}` is not a valid time: {error}."),
        )
        .hint("Write it like 2030-01-01T00:00:00Z.")
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowQuery {
    wait_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurgeQuery {
    before: Option<String>,
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    limit: Option<usize>,
    app: Option<String>,
    instance: Option<String>,
    status: Option<Status>,
    before: Option<String>,
}

/// Whether it ended in the time that the caller waits.
pub(crate) async fn waited(call: &Arc<Call>, wait: Wait) -> bool {
    match wait {
        Wait::Forever(true) => call.ended(None).await,
        Wait::Forever(false) => call.status().is_end(),
        Wait::Milliseconds(limit) => call.ended(Some(Duration::from_millis(limit))).await,
    }
}

/// 200 when it ran; a problem when it ended without having run; 202 when it goes on.
fn answer(door: &Door, caller: &Caller, call: &Arc<Call>, ended: bool) -> Answer {
    if !ended {
        let view = door.hub.view_for(caller, call);
        return Ok((StatusCode::ACCEPTED, Json(view)).into_response());
    }
    match follow::ended(&door.hub, caller, call) {
        Ok(view) => {
            let bytes = hub::weight(view.outcome.as_deref());
            Ok(hub::aside(bytes, || Json(view).into_response()))
        }
        Err(problem) => Err(Refused(*problem)),
    }
}
