//! Apps, their commands, and their instances over HTTP.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use bytes::Bytes;
use hub::Hub;
use hub::callers::Caller;
use hub::launch::LaunchRequest;
use hub::policy::{Seen, may_see};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::{AppId, CallRequest, Code, InstanceName, Problem};

use crate::calls;
use crate::door::Door;
use crate::forms::{Install, PartOfState};
use crate::problem::Answer;
use crate::reading::{query_of, read, read_after};

pub(crate) async fn apps(State(door): State<Door>) -> Json<Value> {
    let apps: Vec<Value> = door
        .hub
        .apps()
        .into_iter()
        .map(|(app, instances)| {
            json!({
                "app": app.id,
                "title": app.title,
                "commands": app.commands().count(),
                "instances": instances,
                "announced": app.announced,
                "options": app.startable().ok().map(|app| app.launch_options()),
                "installs": app.app.as_ref().is_some_and(|app| app.installs()),
            })
        })
        .collect();
    Json(json!({ "apps": apps }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandsQuery {
    role: Option<String>,
}

/// `GET /v1/apps/{app}/commands`: all, or those that have a role.
pub(crate) async fn commands(
    State(door): State<Door>,
    Path(app): Path<String>,
    query: Result<Query<CommandsQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let CommandsQuery { role } = query_of(query)?;
    let app = AppId::from(app);
    let commands = match role {
        Some(role) => door.hub.commands_for(&app, &role)?,
        None => door.hub.commands(&app)?,
    };
    Ok(Json(json!({ "commands": commands })).into_response())
}

pub(crate) async fn command(
    State(door): State<Door>,
    Path((app, name)): Path<(String, String)>,
) -> Answer {
    Ok(Json(door.hub.command(&AppId::from(app), &name)?).into_response())
}

/// `GET /v1/apps/{app}/programs`
pub(crate) async fn programs(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(app): Path<String>,
) -> Answer {
    let programs = door.hub.programs(&caller, &AppId::from(app)).await?;
    Ok(Json(json!({ "programs": programs })).into_response())
}

/// `POST /v1/apps/{app}/programs`
pub(crate) async fn install(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(app): Path<String>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let Install { program } = read(body)?;
    let app = AppId::from(app);
    let seen = door.hub.install(&caller, &app, &program).await?;
    let told =
        json!({"program": program, "version": seen.version, "bridge_version": seen.bridge_version});
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

/// `GET /v1/find?q=`
pub(crate) async fn find(
    State(door): State<Door>,
    query: Result<Query<FindQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let FindQuery { q, app, limit } = query_of(query)?;
    let app = app.map(AppId::from);
    let limit = limit.unwrap_or(hub::find::HITS_DEFAULT);
    let found = door.hub.find(&q, app.as_ref(), limit)?;
    Ok(Json(json!({ "query": q, "found": found })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindQuery {
    q: String,
    app: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
) -> Json<Value> {
    let mut told = json!({ "instances": door.hub.instances_for(&caller) });
    if let Some(why) = door.hub.why_unconfined() {
        told["confinement"] = why.into();
    }
    Json(told)
}

pub(crate) async fn show(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    Ok(Json(door.hub.instance_for(&caller, &InstanceName::from(name))?).into_response())
}

pub(crate) async fn start(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let request: LaunchRequest = read_after(body, |given| door.hub.gather_options(given))?;
    let (instance, is_new) = door.hub.start_instance(&caller, request).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(instance)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopQuery {
    #[serde(default)]
    force: bool,
}

pub(crate) async fn stop(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    query: Result<Query<StopQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let force = query_of(query)?.force;
    let name = InstanceName::from(name);
    let how = door.hub.stop_instance(&caller, &name, force).await?;
    Ok(Json(json!({"stopped": name, "how": how})).into_response())
}

pub(crate) async fn state(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    may_see(&caller, Seen::State)?;
    let told = state_of(&door.hub, &InstanceName::from(name))?;
    Ok(Json(told).into_response())
}

/// What the hub last knew of an instance.
pub(crate) fn state_of(hub: &Hub, name: &InstanceName) -> Result<Value, Problem> {
    let known = hub.instance_state(name)?;
    Ok(json!({
        "instance": name,
        "revision": known.revision,
        "as_of": hub::clock::rfc3339(known.as_of),
        "age_ms": known.age_ms,
        "connected": known.connected,
        "state": known.state,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateQuery {
    confirm: Option<String>,
}

/// `PATCH /v1/instances/{name}/state`: the bridge's own command, where it offers one.
pub(crate) async fn update_state(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    query: Result<Query<UpdateQuery>, axum::extract::rejection::QueryRejection>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let confirm = query_of(query)?.confirm;
    let name = InstanceName::from(name);
    let PartOfState(wanted) = read(body)?;
    let app = door.hub.instance(&name)?.app;
    if door.hub.command(&app, UPDATE).is_err() {
        let message = format!("`{app}` has no `{UPDATE}`, so its state can only be read here.");
        let hint = format!("To change it, use its commands: GET /v1/apps/{app}/commands");
        return Err(Problem::new(Code::NOT_SUPPORTED, message).hint(hint).into());
    }
    let args = serde_json::Map::from_iter([("state".to_owned(), Value::Object(wanted))]);
    let request = CallRequest {
        instance: Some(name),
        confirm,
        ..CallRequest::new(app, UPDATE, args)
    };
    calls::run(&door, &caller, request, None).await
}

/// The command by which a bridge takes a part of its state.
const UPDATE: &str = "state.update";

/// `GET /v1/instances/{name}/picture`
pub(crate) async fn picture(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    let picture = door.hub.picture(&caller, &InstanceName::from(name)).await?;
    Ok(Json(json!({ "picture": picture })).into_response())
}

pub(crate) async fn recovery(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    may_see(&caller, Seen::Copies)?;
    Ok(Json(json!({ "copies": door.hub.recovery_copies() })).into_response())
}
