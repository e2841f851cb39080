//! The stable tools of `/mcp`: few, the same for everybody, in the order of their names.
//!
//! Their descriptions are in `tools.json`. Those that do something in an app become a call; the others
//! read what the hub knows and never wait for an app. No app is named here and no command, only roles.

mod calls;
mod jobs;
mod looks;
mod shelf;

use rmcp::model::Tool;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wire::command::role;
use wire::{AppId, Code, InstanceName, Problem};

pub(crate) use looks::page;

pub(crate) use shelf::list;
use shelf::{TOOLS, said};

use super::answer;
use super::asking::{Answered, Asking};
use super::target::{self, What};
use super::work::{self, Spec};

pub(crate) fn tool(name: &str) -> Option<Tool> {
    TOOLS.iter().find(|tool| tool.name == name).cloned()
}

/// Whether the arguments of a command are the tool's own, and not in its `args`.
pub(crate) fn has_own_arguments(name: &str) -> bool {
    ["code", "docs", "screenshot", "undo"].contains(&name)
}

pub(crate) async fn call(asking: &Asking<'_>) -> Answered {
    match asking.request.name.as_ref() {
        "cancel" => calls::cancel(asking).await,
        "code" => code(asking).await,
        "describe" => looks::describe(asking),
        "docs" => docs(asking).await,
        "find" => looks::find(asking),
        "history" => looks::history(asking).await,
        "jobs" => jobs::jobs(asking).await,
        "run" => run(asking).await,
        "screenshot" => screenshot(asking).await,
        "start" => calls::start(asking).await,
        "state" => looks::state(asking),
        "status" => looks::status(asking),
        "undo" => undo(asking).await,
        "wait" => calls::wait(asking).await,
        other => {
            let names: Vec<String> = list().iter().map(|tool| tool.name.to_string()).collect();
            Err(answer::unknown_tool(other, &names).into())
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    command: String,
    #[serde(default)]
    args: Map<String, Value>,
    app: Option<AppId>,
    instance: Option<InstanceName>,
    timeout_ms: Option<u64>,
    #[serde(default)]
    check_only: bool,
    confirm: Option<String>,
    #[serde(default)]
    durable: bool,
}

async fn run(asking: &Asking<'_>) -> Answered {
    let said: Run = self::said(asking)?;
    let spec = Spec {
        app: said.app,
        instance: said.instance,
        what: What::Command(said.command),
        args: said.args,
        timeout_ms: said.timeout_ms,
        check_only: said.check_only,
        confirm: said.confirm,
        starts: true,
        durable: said.durable,
    };
    work::run(asking, spec).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunCode {
    code: String,
    app: Option<AppId>,
    instance: Option<InstanceName>,
    namespace: Option<String>,
    timeout_ms: Option<u64>,
    confirm: Option<String>,
    #[serde(default)]
    durable: bool,
}

async fn code(asking: &Asking<'_>) -> Answered {
    let said: RunCode = self::said(asking)?;
    let mut args = Map::from_iter([("code".to_owned(), Value::from(said.code))]);
    if let Some(namespace) = said.namespace {
        args.insert("namespace".to_owned(), namespace.into());
    }
    let spec = Spec {
        app: said.app,
        instance: said.instance,
        what: What::Role(role::CODE),
        args,
        timeout_ms: said.timeout_ms,
        confirm: said.confirm,
        starts: true,
        durable: said.durable,
        ..Spec::default()
    };
    work::run(asking, spec).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Docs {
    query: Option<String>,
    name: Option<String>,
    app: Option<AppId>,
    instance: Option<InstanceName>,
}

async fn docs(asking: &Asking<'_>) -> Answered {
    let said: Docs = self::said(asking)?;
    let args = match (said.query, said.name) {
        (Some(query), None) => json!({ "query": query }),
        (None, Some(name)) => json!({ "name": name }),
        _ => {
            let problem = Problem::new(
                Code::ARGUMENTS_INVALID,
                "`docs` takes either a `query` or a `name`.",
            );
            return Err(problem
                .hint("To search: docs {\"query\": \"bevel\"}")
                .into());
        }
    };
    let spec = Spec {
        app: said.app,
        instance: said.instance,
        what: What::Role(role::DOCS),
        args: object(args),
        starts: true,
        ..Spec::default()
    };
    work::run(asking, spec).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    steps: Option<u64>,
    call: Option<String>,
    through: Option<bool>,
    app: Option<AppId>,
    instance: Option<InstanceName>,
    confirm: Option<String>,
}

async fn undo(asking: &Asking<'_>) -> Answered {
    let said: Undo = self::said(asking)?;
    let (role, args) = match (said.call, said.steps) {
        (Some(_), Some(_)) => {
            let problem = Problem::new(
                Code::ARGUMENTS_INVALID,
                "`undo` takes either `steps` or a `call`.",
            );
            return Err(problem.hint("To undo the last step: undo {}").into());
        }
        (Some(call), None) => match said.through {
            Some(through) => (role::REVERT, json!({ "id": call, "through": through })),
            None => (role::REVERT, json!({ "id": call })),
        },
        (None, Some(steps)) => (role::UNDO, json!({ "steps": steps })),
        (None, None) => (role::UNDO, json!({})),
    };
    let spec = Spec {
        app: said.app,
        instance: said.instance,
        what: What::Role(role),
        args: object(args),
        confirm: said.confirm,
        ..Spec::default()
    };
    work::run(asking, spec).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Screenshot {
    views: Option<Vec<String>>,
    width: Option<u64>,
    height: Option<u64>,
    #[serde(default)]
    options: Map<String, Value>,
    app: Option<AppId>,
    instance: Option<InstanceName>,
}

/// One view by the app's `look`, several by its `sheet`; what a command has no argument for is refused by
/// the command's own check.
async fn screenshot(asking: &Asking<'_>) -> Answered {
    let said: Screenshot = self::said(asking)?;
    let views = said.views.unwrap_or_default();
    let role = if views.len() > 1 {
        role::SHEET
    } else {
        role::LOOK
    };
    let hub = &asking.mcp.hub;
    let instance = said.instance.as_ref();
    let app = target::app(hub, said.app.as_ref(), instance, &What::Role(role))?;
    let spec = target::command_for(hub, &app, instance, role, &["width", "height"])?;
    let mut args = said.options;
    match views.as_slice() {
        [] => {}
        [only] if !spec.takes("views") => drop(args.insert("view".into(), only.as_str().into())),
        several => drop(args.insert("views".into(), json!(several))),
    }
    for (name, pixels) in [("width", said.width), ("height", said.height)] {
        if let Some(pixels) = pixels {
            args.insert(name.into(), pixels.into());
        }
    }
    let spec = Spec {
        app: Some(app),
        instance: said.instance,
        what: What::Command(spec.name),
        args,
        ..Spec::default()
    };
    work::run(asking, spec).await
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    /// Characters of one token, as agents' makers estimate.
    const TOKEN_CHARS: usize = 4;

    #[test]
    fn all_tools_together_are_cheap_to_read() {
        let all = list();
        assert!(all.len() >= 12, "{}", all.len());
        let text = serde_json::to_string(&all).unwrap();
        assert!(
            text.len() / TOKEN_CHARS < 6_000,
            "{} tokens",
            text.len() / TOKEN_CHARS
        );
        assert_eq!(shelf::FORMS.len(), all.len(), "each has a form");
        for tool in all {
            let description = tool.description.as_deref().unwrap_or_default();
            assert!(!description.is_empty() && description.len() <= limits::DESCRIPTION_BYTES_MAX);
            let hints = tool.annotations.as_ref().unwrap();
            assert!(
                hints.title.is_some() && hints.read_only_hint.is_some(),
                "{}",
                tool.name
            );
        }
        let mut names: Vec<_> = all.iter().map(|tool| tool.name.clone()).collect();
        names.sort();
        names.dedup();
        assert!(
            names.iter().eq(all.iter().map(|tool| &tool.name)),
            "sorted, each once"
        );
    }
}
