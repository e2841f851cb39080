//! `/mcp/{app}`: each command of an app as a tool of its own, `object.create` as `object_create`.
//!
//! Made from the command's description at every request, so they are never stale; in the order of their
//! names, so that a client's cache holds.

use std::sync::LazyLock;

use hub::Hub;
use hub::catalog::Form;
use rmcp::model::{Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wire::{AppId, CommandSpec, Effect, InstanceName, Problem};

use super::asking::{Answered, Asking};
use super::target::What;
use super::work::{self, Spec};
use super::{answer, cut, schema};
use crate::{forms, limits};

/// Arguments of the call itself, beside the command's own; left out where a command has one of that name.
const OF_CALL: [&str; 3] = ["instance", "timeout_ms", "confirm"];

#[derive(Deserialize)]
struct OfCall {
    instance: Option<InstanceName>,
    timeout_ms: Option<u64>,
    confirm: Option<String>,
}

static FORM: LazyLock<Option<Form>> = LazyLock::new(|| {
    let properties = OF_CALL.map(|name| (name.to_owned(), about(name)));
    let properties: Map<String, Value> = Map::from_iter(properties);
    let schema = Map::from_iter([("properties".to_owned(), json!(properties))]);
    forms::strict("call", &schema)
});

/// # Errors
/// `app_unknown`.
pub(crate) fn list(hub: &Hub, app: &AppId) -> Result<Vec<Tool>, Problem> {
    Ok(hub.commands(app)?.iter().map(tool).collect())
}

/// One of them.
pub(crate) fn named(hub: &Hub, app: &AppId, name: &str) -> Option<Tool> {
    let specs = hub.commands(app).ok()?;
    specs
        .iter()
        .find(|spec| name_of(&spec.name) == name)
        .map(tool)
}

pub(crate) async fn call(asking: &Asking<'_>, app: &AppId) -> Answered {
    let commands = asking.mcp.hub.commands(app)?;
    let Some(spec) = commands
        .iter()
        .find(|spec| name_of(&spec.name) == asking.request.name)
    else {
        let names: Vec<String> = commands.iter().map(|spec| name_of(&spec.name)).collect();
        return Err(answer::unknown_tool(&asking.request.name, &names).into());
    };
    let of_call = |name: &str| OF_CALL.contains(&name) && !is_own(spec, name);
    let (about_call, args): (Map<String, Value>, Map<String, Value>) = asking
        .arguments(|name| is_own(spec, name))
        .into_iter()
        .partition(|(name, _)| of_call(name));
    let said: OfCall = asking.read_as(FORM.as_ref(), about_call)?;
    let spec = Spec {
        app: Some(app.clone()),
        instance: said.instance,
        timeout_ms: said.timeout_ms,
        confirm: said.confirm,
        what: What::Command(spec.name.clone()),
        args,
        check_only: false,
        starts: true,
        durable: false,
    };
    work::run(asking, spec).await
}

pub(crate) fn tool(spec: &CommandSpec) -> Tool {
    let mut input = schema::for_clients(&spec.args);
    if let Some(Value::Object(properties)) = input.get_mut("properties") {
        for name in OF_CALL {
            if !is_own(spec, name) && (name != "confirm" || spec.effect == Effect::Destructive) {
                properties.insert(name.to_owned(), about(name));
            }
        }
    }
    Tool::new(name_of(&spec.name), description(spec), input).with_annotations(annotations(spec))
}

fn about(name: &str) -> Value {
    match name {
        "instance" => {
            json!({"type": "string", "description": "The instance, if there are several."})
        }
        "timeout_ms" => {
            json!({"type": "integer", "minimum": 1, "description": "Time limit (default: the \
             command's own limit, else 120,000)."})
        }
        _ => {
            json!({"type": "string", "description": "A person's agreement: the value from the \
             refusal."})
        }
    }
}

fn is_own(spec: &CommandSpec, name: &str) -> bool {
    spec.properties().any(|(own, _)| own == name)
}

fn name_of(command: &str) -> String {
    command.replace('.', "_")
}

/// Truthful hints: a client may run what only looks without asking.
fn annotations(spec: &CommandSpec) -> ToolAnnotations {
    ToolAnnotations::with_title(spec.name.clone())
        .read_only(spec.effect == Effect::Read)
        .destructive(matches!(spec.effect, Effect::Destructive | Effect::Code))
        .idempotent(spec.effect == Effect::Read)
        .open_world(spec.effect == Effect::Code)
}

/// Summary, docs and example, as far as clients read; the example is kept before the docs.
fn description(spec: &CommandSpec) -> String {
    let mut text = spec.summary.clone();
    let example = spec.example.as_ref().filter(|example| !example.is_empty());
    let example = example
        .map(|example| format!("\nExample: {}", Value::Object(example.clone())))
        .unwrap_or_default();
    if let Some(docs) = &spec.docs {
        let room = limits::DESCRIPTION_BYTES_MAX.saturating_sub(text.len() + example.len() + 1);
        let docs = docs.trim();
        let kept = cut::end(docs, room);
        // Better a whole sentence less than half of one more.
        let kept = match kept.len() < docs.len() {
            true => kept.rfind(". ").map_or("", |at| &kept[..=at]),
            false => kept,
        };
        text.push_str(&format!("\n{kept}"));
    }
    text.push_str(&example);
    cut::end(&text, limits::DESCRIPTION_BYTES_MAX).to_owned()
}
