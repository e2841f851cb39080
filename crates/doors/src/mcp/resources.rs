//! What can be read: instances' state, calls, commands, pictures. All of it is reachable by tools too,
//! because many clients read no resources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::Hub;
use hub::callers::Caller;
use hub::policy::{Seen, may_see};
use rmcp::ErrorData;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ReadResourceResult, Reference, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::{Value, json};
use wire::{AppId, CallId, Code, InstanceName, Problem};

use super::tools::page;
use super::uris::{STATUS, state_uri};
use crate::limits;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
/// What a URI names.
enum Named {
    Status,
    State(InstanceName),
    Call(CallId),
    Commands(AppId),
    Command(AppId, String),
    Blob(String),
}

/// Whether an address is one of ours.
#[cfg(fuzzing)]
pub(crate) fn is_ours(uri: &str) -> bool {
    named(uri).is_some()
}

fn named(uri: &str) -> Option<Named> {
    let parts: Vec<&str> = uri.strip_prefix("kapelle://")?.split('/').collect();
    Some(match parts.as_slice() {
        ["status"] => Named::Status,
        ["instances", name, "state"] => Named::State((*name).into()),
        ["calls", id] => Named::Call((*id).into()),
        ["commands", app] => Named::Commands((*app).into()),
        ["commands", app, command] => Named::Command((*app).into(), (*command).to_owned()),
        ["blobs", blob] => Named::Blob((*blob).to_owned()),
        _ => return None,
    })
}

/// Whether the caller may watch it: whoever may read it.
///
/// # Errors
/// When the URI is none of ours, or names what the caller may not read.
pub(crate) fn may_watch(hub: &Hub, caller: &Caller, uri: &str) -> Result<(), ErrorData> {
    let named = named(uri).ok_or_else(|| unknown(uri))?;
    let may = match &named {
        // One that is over does not change, so only calls of this run are watched.
        Named::Call(id) => hub
            .call(id)
            .and_then(|call| may_see(caller, Seen::Call(&call))),
        other => may_read(caller, other),
    };
    may.map_err(|problem| refused(uri, &problem))
}

fn may_read(caller: &Caller, named: &Named) -> Result<(), Problem> {
    match named {
        // What can be asked everybody may know; whose call it is, is asked where the call is at hand.
        Named::Commands(_) | Named::Command(..) | Named::Call(_) => Ok(()),
        Named::Status => may_see(caller, Seen::Status),
        Named::State(_) => may_see(caller, Seen::State),
        Named::Blob(_) => may_see(caller, Seen::Blob),
    }
}

/// What is there now: of one app at `/mcp/{app}`, else of all.
pub(crate) fn list(hub: &Hub, app: Option<&AppId>) -> Vec<Resource> {
    let fits = |id: &AppId| app.is_none_or(|app| app == id);
    let mut all = vec![
        Resource::new(STATUS, "status")
            .with_description("Apps, their instances and what they are doing.")
            .with_mime_type(JSON),
    ];
    for (entry, _) in hub.apps().iter().filter(|(entry, _)| fits(&entry.id)) {
        all.push(
            Resource::new(
                format!("kapelle://commands/{}", entry.id),
                format!("{} commands", entry.id),
            )
            .with_description(format!(
                "Every command of {} with its arguments.",
                entry.title
            ))
            .with_mime_type(TEXT),
        );
    }
    for instance in hub
        .instances()
        .iter()
        .filter(|instance| fits(&instance.app))
    {
        all.push(
            Resource::new(
                state_uri(&instance.name),
                format!("{} state", instance.name),
            )
            .with_description("Last known state of the program; can be subscribed to.")
            .with_mime_type(JSON),
        );
    }
    all
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let template = |uri: &str, name: &str, about: &str, kind: &str| {
        ResourceTemplate::new(uri, name)
            .with_description(about)
            .with_mime_type(kind)
    };
    vec![
        template(
            "kapelle://instances/{instance}/state",
            "state",
            "Last known state of a program.",
            JSON,
        ),
        template(
            "kapelle://calls/{call_id}",
            "call",
            "A call with its full outcome.",
            JSON,
        ),
        template(
            "kapelle://commands/{app}",
            "commands",
            "Every command of an app.",
            TEXT,
        ),
        template(
            "kapelle://commands/{app}/{command}",
            "command",
            "One command in full.",
            TEXT,
        ),
        ResourceTemplate::new("kapelle://blobs/{blob}", "blob")
            .with_description("Bytes an answer refers to, such as a picture."),
    ]
}

/// # Errors
/// Resource not found; refused; too large.
pub(crate) async fn read(
    hub: &Hub,
    caller: &Caller,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let named = named(uri).ok_or_else(|| unknown(uri))?;
    let contents = contents(hub, caller, uri, named)
        .await
        .map_err(|problem| refused(uri, &problem))?;
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn contents(
    hub: &Hub,
    caller: &Caller,
    uri: &str,
    named: Named,
) -> Result<ResourceContents, Problem> {
    let text = |text: String, kind: &str| ResourceContents::text(text, uri).with_mime_type(kind);
    let json = |value: Value| text(value.to_string(), JSON);
    may_read(caller, &named)?;
    match named {
        Named::Call(id) => {
            let call = hub.remembered_call(&id).await?;
            may_see(caller, Seen::Call(&call))?;
            Ok(json(json!(hub.view_with_args_for(caller, &call))))
        }
        Named::Commands(app) => {
            let pages: Vec<String> = hub.commands(&app)?.iter().map(page).collect();
            Ok(text(pages.join("\n"), TEXT))
        }
        Named::Command(app, command) => Ok(text(page(&hub.command(&app, &command)?), TEXT)),
        Named::State(name) => {
            let known = hub.instance_state(&name)?;
            Ok(json(json!({
                "instance": name,
                "revision": known.revision,
                "as_of": hub::clock::rfc3339(known.as_of),
                "age_ms": known.age_ms,
                "connected": known.connected,
                "state": known.state,
            })))
        }
        Named::Blob(blob) => bytes(hub, uri, &blob).await,
        Named::Status => Ok(json(json!({ "instances": hub.instances() }))),
    }
}

async fn bytes(hub: &Hub, uri: &str, blob: &str) -> Result<ResourceContents, Problem> {
    let path = hub.blobs().path(blob)?;
    let unreadable = |error: std::io::Error| {
        Problem::new(
            Code::BLOB_UNKNOWN,
            format!("`{blob}` cannot be read: {error}."),
        )
    };
    let size = tokio::fs::metadata(&path).await.map_err(unreadable)?.len();
    if size > limits::RESOURCE_BYTES_MAX {
        let message = format!("`{blob}` is {size} bytes, too large for one message.");
        return Err(Problem::new(Code::VALUE_TOO_LARGE, message)
            .hint(format!("Fetch it: GET /v1/blobs/{blob}")));
    }
    let bytes = tokio::fs::read(&path).await.map_err(unreadable)?;
    let kind = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        _ => "application/octet-stream",
    };
    Ok(ResourceContents::blob(STANDARD.encode(bytes), uri).with_mime_type(kind))
}

fn unknown(uri: &str) -> ErrorData {
    let message = format!(
        "There is no resource {uri}. See resources/list and resources/templates/list for those \
         that exist."
    );
    ErrorData::resource_not_found(message, Some(json!({ "uri": uri })))
}

fn refused(uri: &str, problem: &Problem) -> ErrorData {
    let text = match problem.hint_at(wire::Door::Mcp) {
        Some(hint) => format!("{} {hint}", problem.message),
        None => problem.message.clone(),
    };
    ErrorData::resource_not_found(text, Some(json!({"uri": uri, "code": problem.code})))
}

/// Names that begin like what was typed.
pub(crate) fn complete(hub: &Hub, request: &CompleteRequestParams) -> CompleteResult {
    let of_ours = matches!(
        &request.r#ref,
        Reference::Resource(_) | Reference::Prompt(_)
    );
    let mut names: Vec<String> = match request.argument.name.as_str() {
        _ if !of_ours => Vec::new(),
        "instance" => hub
            .instances()
            .iter()
            .map(|one| one.name.to_string())
            .collect(),
        "app" => hub
            .apps()
            .iter()
            .map(|(app, _)| app.id.to_string())
            .collect(),
        "command" => hub
            .apps()
            .iter()
            .flat_map(|(app, _)| {
                app.commands()
                    .map(|command| command.spec.name.clone())
                    .collect::<Vec<_>>()
            })
            .collect(),
        _ => Vec::new(),
    };
    names.retain(|name| name.starts_with(&request.argument.value));
    names.sort();
    names.dedup();
    names.truncate(CompletionInfo::MAX_VALUES);
    CompleteResult::new(CompletionInfo::new(names).unwrap_or_default())
}
