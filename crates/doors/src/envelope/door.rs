//! `POST /v1/envelope`: one message, one answer; and the answers that need no conversation.

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hub::callers::{Caller, Scope};
use hub::policy::require;
use hub::{Asked, Hub};
use serde_json::{Value, json};
use wire::{CallId, CallRequest, Code, InstanceName, Problem};

use super::{Origin, Request, answer, ended, read};
use crate::calls::waited;
use crate::door::Door;
use crate::follow;
use crate::limits;
use crate::problem::Answer;
use crate::reading::body_of;

/// `POST /v1/envelope`
pub(crate) async fn ask(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer<Response> {
    let body = body_of(body)?;
    let asked = read(&body).and_then(|envelope| envelope.request(&door.hub));
    let (request, origin) = match asked {
        Ok(asked) => asked,
        Err(unread) => return Ok(refused(&unread.origin, &unread.problem)),
    };
    let told = match request {
        Request::Call(request) => call(&door.hub, &caller, *request, &origin).await,
        Request::Goodbye => Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "There is nothing to terminate: neither a call nor an instance is named.",
        )
        .hint("Name an instance as `metadata.target`, or a call as `payload.call_id`.")),
        Request::Beat => Ok((StatusCode::OK, answer("heartbeat", &origin, json!({})))),
        other => one(&door.hub, &caller, other)
            .await
            .map(|told| (StatusCode::OK, answer("result", &origin, told))),
    };
    Ok(match told {
        Ok((status, told)) => (status, Json(told)).into_response(),
        Err(problem) => refused(&origin, &problem),
    })
}

/// The answer to a request that is no call.
///
/// # Errors
/// As the same request over HTTP.
pub(crate) async fn one(hub: &Hub, caller: &Caller, request: Request) -> Result<Value, Problem> {
    match request {
        Request::Launch(launch) => {
            let (instance, is_new) = hub.start_instance(caller, *launch).await?;
            Ok(json!({"instance": instance, "new": is_new}))
        }
        Request::Instance(name) => Ok(json!({"instance": hub.instance(&name)?, "new": false})),
        Request::State(name) => state(hub, caller, &name),
        Request::Overview => Ok(overview(hub)),
        Request::Cancel(id) => cancel(hub, caller, &id).await,
        Request::Stop { name, force } => {
            let how = hub.stop_instance(caller, &name, force).await?;
            Ok(json!({"stopped": name, "how": how}))
        }
        Request::Welcome | Request::Call(_) | Request::Goodbye | Request::Beat => {
            Ok(welcome(hub, caller))
        }
    }
}

/// Who asks, and what there is.
pub(crate) fn welcome(hub: &Hub, caller: &Caller) -> Value {
    let mut told = crate::ws::welcome::welcome(hub, caller);
    if let (Some(told), Value::Object(seen)) = (told.as_object_mut(), overview(hub)) {
        told.extend(seen);
    }
    told
}

async fn call(
    hub: &Hub,
    caller: &Caller,
    request: CallRequest,
    origin: &Origin,
) -> Result<(StatusCode, Value), Problem> {
    let wait = request.wait;
    let asked = match hub.ask(caller, request)? {
        Asked::Job(storing) => Asked::One(storing.stored().await?.call),
        other => other,
    };
    match asked {
        Asked::Checked(checked) => Ok((StatusCode::OK, answer("result", origin, json!(checked)))),
        Asked::One(call) => {
            if !waited(&call, wait).await {
                let view = json!(hub.view_for(caller, &call));
                return Ok((StatusCode::ACCEPTED, answer("result", origin, view)));
            }
            let view = follow::ended(hub, caller, &call).map_err(|problem| *problem)?;
            Ok((StatusCode::OK, ended(origin, json!(view))))
        }
        Asked::All(calls) => {
            let mut status = StatusCode::OK;
            for call in &calls {
                if !waited(call, wait).await {
                    status = StatusCode::ACCEPTED;
                }
            }
            let views: Vec<_> = calls
                .iter()
                .map(|call| hub.view_for(caller, call))
                .collect();
            Ok((
                status,
                answer("result", origin, json!({ "outcomes": views })),
            ))
        }
        // It was waited for above.
        Asked::Job(_) => Err(Problem::new(Code::INTERNAL, "The job was not stored.")),
    }
}

async fn cancel(hub: &Hub, caller: &Caller, id: &CallId) -> Result<Value, Problem> {
    let id = hub.call_id(caller, id.as_str()).await?;
    let call = hub.cancel(caller, &id)?;
    call.ended(Some(limits::CANCEL_WAIT)).await;
    Ok(json!(hub.view_for(caller, &call)))
}

fn state(hub: &Hub, caller: &Caller, name: &InstanceName) -> Result<Value, Problem> {
    require(caller, Scope::Read, || {
        "see the state of a program".to_owned()
    })?;
    crate::instances::state_of(hub, name)
}

fn overview(hub: &Hub) -> Value {
    let apps = hub
        .apps()
        .into_iter()
        .map(|(app, names)| json!({"app": app.id, "title": app.title, "instances": names}));
    json!({"apps": apps.collect::<Vec<_>>(), "instances": hub.instances()})
}

fn refused(origin: &Origin, problem: &Problem) -> Response<Body> {
    let status =
        StatusCode::from_u16(problem.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(answer("error", origin, json!(problem)))).into_response()
}
