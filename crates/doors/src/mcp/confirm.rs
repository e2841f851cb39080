//! A person's yes, in the way that the client can ask for it.
//!
//! ```text
//! confirmation_required ──> newer protocol, can ask ──> an answer that wants input; the client asks and comes again
//!                      ├──> older protocol, can ask ──> a question in the middle of the call
//!                      └──> cannot ask ──────────────> the problem, which says how a yes is given
//! ```
//!
//! What travels through the client is sealed: it expires, it belongs to this caller and to exactly this
//! request, and the hub takes the value in it once. Whether a call needs a yes is the hub's decision.

use hub::callers::Caller;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ElicitRequest, ElicitRequestParams, ElicitResult,
    ElicitationAction, InputRequest, InputRequests, InputRequiredResult, RequestStateError,
    SealOptions,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wire::{Code, Problem};

use super::asking::{Asking, Stop};
use crate::limits;

/// The name of the one question.
const QUESTION: &str = "confirm";

/// What came of asking.
pub(crate) enum Asked {
    /// A person said yes; the value goes with the call.
    Yes(String),
    /// The client asks and sends the request again.
    Later(Box<CallToolResponse>),
}

/// The `confirm` value of a request that comes again with a person's answer; nothing on a first one.
///
/// # Errors
/// A protocol error for a state that is not ours; `cancelled` when the person said no.
pub(crate) fn given(asking: &Asking<'_>) -> Result<Option<String>, Stop> {
    let Some(state) = &asking.request.request_state else {
        return Ok(None);
    };
    let bound = bound_to(&asking.caller, asking.request);
    let opened = asking.mcp.seal.open_with(state, &bound);
    let value = match opened {
        Ok(value) => String::from_utf8_lossy(&value).into_owned(),
        // Too late is a person's matter: they are asked again.
        Err(RequestStateError::Expired) => return Ok(None),
        Err(error) => {
            let message =
                format!("`requestState` is not the one this server gave for this request: {error}");
            return Err(ErrorData::invalid_params(message, None).into());
        }
    };
    let answer = asking
        .request
        .input_responses
        .as_ref()
        .and_then(|all| all.get(QUESTION));
    let Some(answer) = answer else {
        return Ok(None);
    };
    match serde_json::from_value::<ElicitResult>(answer.clone()) {
        Ok(answer) if is_yes(&answer) => Ok(Some(value)),
        Ok(_) => Err(refused().into()),
        Err(_) => Err(ErrorData::invalid_params(
            "The answer to `confirm` is not an answer to a form.",
            None,
        )
        .into()),
    }
}

/// Asks a person, if the client can.
///
/// # Errors
/// The problem itself, saying how a yes is given, or `cancelled` when the person said no.
pub(crate) async fn ask(asking: &Asking<'_>, problem: Problem) -> Result<Asked, Stop> {
    let Some(value) = problem
        .details
        .get("confirm")
        .and_then(Value::as_str)
        .map(str::to_owned)
    else {
        return Err(problem.into());
    };
    if !asking.can_elicit() {
        return Err(told(problem, &value).into());
    }
    let question = question(&problem)?;
    if asking.is_modern() {
        let bound = bound_to(&asking.caller, asking.request);
        let options = SealOptions::new()
            .associated_data(&bound)
            .ttl(limits::CONFIRM_WAIT);
        let state = asking.mcp.seal.seal_with(value.as_bytes(), &options);
        let asked = InputRequest::Elicitation(ElicitRequest::new(question));
        let asked = InputRequests::from([(QUESTION.to_owned(), asked)]);
        let later = InputRequiredResult::new(Some(asked), Some(state));
        return Ok(Asked::Later(Box::new(later.into())));
    }
    let answer = tokio::select! {
        answer = asking.context.peer.create_elicitation(question) => answer,
        () = asking.context.ct.cancelled() => return Err(refused().into()),
        () = tokio::time::sleep(limits::CONFIRM_WAIT) => return Err(told(problem, &value).into()),
    };
    match answer {
        Ok(answer) if is_yes(&answer) => Ok(Asked::Yes(value)),
        Ok(_) => Err(refused().into()),
        Err(error) => {
            tracing::debug!(%error, "the client did not ask the person");
            Err(told(problem, &value).into())
        }
    }
}

/// The problem's own words: the hub names there what would run, where and with which arguments.
fn question(problem: &Problem) -> Result<ElicitRequestParams, ErrorData> {
    let form = json!({
        "mode": "form",
        "message": problem.message,
        "requestedSchema": {
            "type": "object",
            "properties": {QUESTION: {"type": "boolean", "title": "Run it", "description": "Yes, run it once."}},
            "required": [QUESTION],
        },
    });
    serde_json::from_value(form).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn is_yes(answer: &ElicitResult) -> bool {
    let ticked = answer
        .content
        .as_ref()
        .and_then(|content| content.get(QUESTION));
    answer.action == ElicitationAction::Accept && ticked == Some(&Value::Bool(true))
}

fn refused() -> Problem {
    Problem::new(
        Code::CANCELLED,
        "The person who was asked did not agree. Nothing ran.",
    )
    .hint("Ask them what they would like instead.")
}

fn told(problem: Problem, value: &str) -> Problem {
    let minutes = limits::CONFIRM_WAIT.as_secs() / 60;
    problem.hint(format!(
        "Show the person what will happen. If they agree, send the same call again within \
         {minutes} minutes with \"confirm\": \"{value}\" in the tool's arguments. It is valid for \
         one call."
    ))
}

/// The request that a sealed state belongs to: who asks, and for what.
fn bound_to(caller: &Caller, request: &CallToolRequestParams) -> Vec<u8> {
    let arguments = request.arguments.clone().unwrap_or_default();
    let mut hasher = Sha256::new();
    for part in [
        caller.id.as_str(),
        &request.name,
        &sorted(&Value::Object(arguments)).to_string(),
    ] {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// The same value with its names in order: a client may send them in another one.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort();
            names
                .into_iter()
                .map(|name| (name.clone(), sorted(&map[name])))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
