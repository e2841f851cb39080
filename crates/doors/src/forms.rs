//! The forms of what is asked: bodies of requests and frames, and the arguments of the MCP tools.
//!
//! What reads as it should is taken at once. What does not is looked at member by member: a value that says the
//! same in another form is converted ([`hub::catalog`]), and the rest is refused by the name of the member,
//! with the near one or all of them. The forms of bodies are those of the OpenAPI document.

use std::collections::HashMap;
use std::sync::LazyLock;

use hub::catalog::{Form, Unfit};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use wire::job::QueueChange;
use wire::{BatchRequest, CallRequest, JobChange};

use crate::openapi;

/// What comes as a JSON object, under the name that its form has.
pub(crate) trait Asked: DeserializeOwned {
    const FORM: &'static str;
}

macro_rules! asked {
    ($($kind:ty = $form:literal;)*) => { $(impl Asked for $kind { const FORM: &'static str = $form; })* };
}

asked! {
    CallRequest = "CallRequest";
    BatchRequest = "BatchRequest";
    JobChange = "JobChange";
    QueueChange = "QueueChange";
    hub::launch::LaunchRequest = "Launch";
    hub::callers::TokenView = "Token";
    hub::callers::TokenChange = "TokenChange";
    Install = "Install";
    PartOfState = "PartOfState";
    SignIn = "SignIn";
}

/// Which program the bridge of an app is to be installed in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    pub(crate) program: std::path::PathBuf,
}

/// Some members of an app's state, as the app has them.
#[derive(Deserialize)]
pub(crate) struct PartOfState(pub(crate) Map<String, Value>);

/// What a page signs in with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    pub(crate) key: String,
}

/// Reads text that is to be a body; `change` puts into its place what may stand in several.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub(crate) fn read_after<T: Asked>(
    text: &[u8],
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<T, Unfit> {
    match serde_json::from_slice(text) {
        Ok(read) => Ok(read),
        Err(error) => match serde_json::from_slice(text) {
            Ok(Value::Object(mut given)) => {
                change(&mut given);
                take(given)
            }
            _ => {
                let mut unfit = unread(&error);
                unfit.hint.insert_str(0, "It must be a JSON object. ");
                Err(unfit)
            }
        },
    }
}

/// The same of an object that was read already.
///
/// # Errors
/// As [`read_after`].
pub(crate) fn take<T: Asked>(given: Map<String, Value>) -> Result<T, Unfit> {
    let whole = Value::Object(given);
    let error = match T::deserialize(&whole) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    match (form(T::FORM), whole) {
        (Some(form), Value::Object(given)) => typed(form.check(given)?),
        _ => Err(unread(&error)),
    }
}

/// A checked object as what it stands for.
///
/// # Errors
/// What its form does not say.
pub(crate) fn typed<T: DeserializeOwned>(given: Map<String, Value>) -> Result<T, Unfit> {
    T::deserialize(Value::Object(given)).map_err(|error| unread(&error))
}

fn unread(error: &serde_json::Error) -> Unfit {
    Unfit {
        message: format!("{error}."),
        hint: "GET /openapi.json describes the form of every body.".to_owned(),
    }
}

/// A form for what is asked by name, from the schema that clients see: nothing beside what it names, and a
/// text of an optional member that only says "nothing" counts as none.
pub(crate) fn strict(name: &str, schema: &Map<String, Value>) -> Option<Form> {
    let mut schema = schema.clone();
    schema.insert("additionalProperties".into(), false.into());
    let required: Vec<Value> = schema
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, own) in properties {
            let is_text = own.get("type") == Some(&"string".into()) && own.get("enum").is_none();
            if let (true, false, Some(own)) = (
                is_text,
                required.iter().any(|one| one == name),
                own.as_object_mut(),
            ) {
                own.insert(
                    "not".into(),
                    json!({"enum": ["", "null", "None", "undefined"]}),
                );
            }
        }
    }
    made(name, Value::Object(schema))
}

/// Held by tests: the forms of this file and of the tools are schemas.
pub(crate) fn made(name: &str, schema: Value) -> Option<Form> {
    let made = Form::new(schema);
    made.inspect_err(|error| tracing::error!(%error, name, "a form is no schema"))
        .ok()
}

fn form(name: &str) -> Option<&'static Form> {
    static FORMS: LazyLock<HashMap<String, Form>> = LazyLock::new(|| {
        let shelf = Value::Object(openapi::forms());
        let names = [
            CallRequest::FORM,
            BatchRequest::FORM,
            JobChange::FORM,
            QueueChange::FORM,
            hub::launch::LaunchRequest::FORM,
            hub::callers::TokenView::FORM,
            hub::callers::TokenChange::FORM,
            Install::FORM,
            PartOfState::FORM,
            SignIn::FORM,
        ];
        let each = names.into_iter().filter_map(|name| {
            let schema = json!({
                "$ref": format!("#/components/schemas/{name}"), "components": {"schemas": shelf},
            });
            Some((name.to_owned(), made(name, schema)?))
        });
        each.collect()
    });
    FORMS.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Asked>(text: &[u8]) -> Result<T, Unfit> {
        read_after(text, |_| {})
    }

    fn call(body: Value) -> Result<CallRequest, Unfit> {
        read(body.to_string().as_bytes())
    }

    #[test]
    fn the_envelope_of_a_call_may_be_as_models_send_it() {
        let read = call(json!({
            "app": "toy", "command": "toy.echo", "args": "{\"a\": \"1\"}", "timeout_ms": "500", "wait": "false",
            "durable": "true", "instance": null, "check_only": "True", "labels": "{\"a\": \"1\"}", "after": "call_1",
            "retry": {"max": "2", "backoff_ms": null}, "priority": "7", "select": "", "confirm": null,
        }))
        .unwrap();
        assert_eq!(
            json!(read.args),
            json!({"a": "1"}),
            "what is within is the command's own"
        );
        assert_eq!(read.timeout_ms, Some(500));
        assert_eq!(json!(read.wait), json!(false));
        assert_eq!(json!(read.durable), json!("fsync"));
        assert!(read.check_only && read.select.is_none() && read.priority == Some(7));
        assert_eq!(json!(read.labels), json!({"a": "1"}));
        assert_eq!(json!(read.after), json!(["call_1"]));
        assert_eq!(json!(read.retry), json!({"max": 2}));
        for nothing in [json!(null), json!(""), json!("null")] {
            let read = call(
                json!({"app": "toy", "command": "toy.echo", "args": nothing, "wait": nothing, "durable": nothing}),
            );
            let read = read.unwrap();
            assert!(read.args.is_empty() && read.durable.is_none(), "{nothing}");
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        let near = call(json!({"app": "toy", "command": "toy.echo", "timeout": 3})).unwrap_err();
        assert_eq!(near.hint, "Did you mean `timeout_ms`?");
        let kind =
            call(json!({"app": "toy", "command": "toy.echo", "timeout_ms": "soon"})).unwrap_err();
        assert!(kind.message.contains("`timeout_ms`"), "{kind:?}");
        let missing = call(json!({"app": "toy"})).unwrap_err();
        assert!(
            missing.message.contains("`command` is missing"),
            "{missing:?}"
        );
        assert_eq!(missing.hint, "`command`: string. noun.verb.");
        let misspelt = call(json!({"app": "toy", "comand": "toy.echo"})).unwrap_err();
        assert!(
            misspelt.hint.starts_with("Did you mean `command`") && misspelt.hint.ends_with('?'),
            "{misspelt:?}"
        );
        let none = call(json!([1])).unwrap_err();
        assert!(none.hint.contains("JSON object"), "{none:?}");
        let batch = read::<BatchRequest>(
            json!({"calls": [{"app": "a", "command": "b"}, {"app": "a", "comand": "b"}]})
                .to_string()
                .as_bytes(),
        );
        let batch = batch.unwrap_err();
        assert!(batch.message.contains("`calls.1.comand`"), "{batch:?}");
    }

    #[test]
    fn every_body_has_a_form_and_other_bodies_are_read_by_it() {
        let batch: BatchRequest =
            read(br#"{"calls": "[{\"app\": \"a\", \"command\": \"b\", \"args\": null}]", "on_error": "CONTINUE"}"#).unwrap();
        assert_eq!(batch.calls.len(), 1);
        assert_eq!(json!(batch.on_error), json!("continue"));
        let change: JobChange =
            read(br#"{"paused": "true", "place": "{\"before\": \"call_1\"}", "priority": null}"#)
                .unwrap();
        assert_eq!(
            json!(change),
            json!({"paused": true, "place": {"before": "call_1"}})
        );
        let change: JobChange = read(br#"{"deadline": "", "priority": "3"}"#).unwrap();
        assert_eq!(
            change.deadline.as_deref(),
            Some(""),
            "it takes the deadline away"
        );
        let queue: QueueChange = read(br#"{"app": "toy", "paused": "false"}"#).unwrap();
        assert_eq!(queue.paused, Some(false));
        let launch: hub::launch::LaunchRequest =
            read(br#"{"app": "toy", "memory_mb": "500", "labels": "night", "mode": null}"#)
                .unwrap();
        assert_eq!(
            (launch.memory_mb, launch.labels),
            (Some(500), vec!["night".to_owned()])
        );
        let token: hub::callers::TokenView =
            read(br#"{"name": "ci", "scopes": "[\"read\"]"}"#).unwrap();
        assert_eq!(json!(token.scopes), json!(["read"]));
    }
}
