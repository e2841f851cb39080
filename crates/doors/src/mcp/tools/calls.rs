//! Tools about calls and copies that are there already: wait, cancel, start.

use std::time::Duration;

use hub::launch::LaunchRequest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wire::{AppId, CallId, Code, Mode, Problem};

use crate::limits;
use crate::mcp::answer;
use crate::mcp::asking::{Answered, Asking, Stop};
use crate::mcp::progress::Teller;
use crate::mcp::work;
use hub::policy::{Seen, may_see};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCall {
    call_id: CallId,
    timeout_ms: Option<u64>,
}

pub(crate) async fn wait(asking: &Asking<'_>) -> Answered {
    let said: OfCall = super::shelf::said(asking)?;
    let teller = Teller::of(asking);
    let hub = &asking.mcp.hub;
    let id = hub.call_id(&asking.caller, said.call_id.as_str()).await?;
    let call = hub.find_call(&id).await?;
    may_see(&asking.caller, Seen::Call(&call))?;
    let limit = said
        .timeout_ms
        .map_or(asking.mcp.pace.answer_within, Duration::from_millis);
    work::only_look(
        asking,
        &call,
        limit.min(asking.mcp.pace.answer_within),
        teller,
    )
    .await;
    let view = hub.view_for(&asking.caller, &call);
    Ok(answer::calls(asking.mcp, &[view], None).into())
}

pub(crate) async fn cancel(asking: &Asking<'_>) -> Answered {
    let said: OfCall = super::shelf::said(asking)?;
    let hub = &asking.mcp.hub;
    let id = hub.call_id(&asking.caller, said.call_id.as_str()).await?;
    let call = hub.cancel(&asking.caller, &id)?;
    call.ended(Some(limits::CANCEL_WAIT)).await;
    let view = hub.view_for(&asking.caller, &call);
    let text = match view.status.is_end() {
        true => format!(
            "{} has ended: {}.\nNext: state {{}} shows how things are now.",
            view.call_id,
            view.status.as_str()
        ),
        false => format!(
            "{0} was told to end but is still {1}.\nNext: wait {{\"call_id\": \"{0}\"}}",
            view.call_id,
            view.status.as_str()
        ),
    };
    Ok(answer::plain(
        text,
        json!({"call_id": view.call_id, "status": view.status}),
    )
    .into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    app: Option<AppId>,
    mode: Option<Mode>,
    file: Option<String>,
    name: Option<String>,
    confined: Option<bool>,
    options: Option<Map<String, Value>>,
}

pub(crate) async fn start(asking: &Asking<'_>) -> Answered {
    let said: Start = super::shelf::said(asking)?;
    let app = match said.app {
        Some(app) => app,
        None => only_app(asking)?,
    };
    let mut wanted = Map::from_iter([("app".to_owned(), json!(app))]);
    let members = [
        ("mode", said.mode.map(|mode| json!(mode))),
        ("file", said.file.map(Value::from)),
        ("name", said.name.map(Value::from)),
        ("confined", said.confined.map(Value::from)),
        ("options", said.options.map(Value::from)),
    ];
    wanted.extend(
        members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    let wanted: LaunchRequest = serde_json::from_value(Value::Object(wanted)).map_err(|error| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("The start request is invalid: {error}."),
        )
    })?;
    let started = tokio::select! {
        started = asking.mcp.hub.start_instance(&asking.caller, wanted) => started?,
        () = tokio::time::sleep_until(asking.deadline()) => {
            let text = format!("{app} is being started; this takes a while and carries on by itself.\nNext: status {{}} shows when it is ready.");
            return Ok(answer::plain(text, json!({"starting": app})).into());
        }
    };
    let (view, is_new) = started;
    let how = if is_new {
        "has started"
    } else {
        "was already running"
    };
    let text = format!(
        "`{}` {how} ({}).\nNext: code or run; find {{\"query\": \"…\"}} names the command for a \
         task.",
        view.name,
        view.state.as_str()
    );
    Ok(answer::plain(text, json!({"instance": view, "new": is_new})).into())
}

fn only_app(asking: &Asking<'_>) -> Result<AppId, Stop> {
    let apps = asking.mcp.hub.apps();
    let can_start: Vec<&AppId> = apps
        .iter()
        .filter(|(app, _)| app.startable().is_ok())
        .map(|(app, _)| &app.id)
        .collect();
    match can_start.as_slice() {
        [only] => Ok((*only).clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|app| app.as_str()).collect();
            let message = format!("The apps that can be started are: {}.", names.join(", "));
            Err(Problem::new(Code::ARGUMENTS_INVALID, message)
                .hint("Name one as `app`.")
                .into())
        }
    }
}
