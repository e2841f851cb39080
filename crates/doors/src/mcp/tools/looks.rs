//! Tools that only read what the hub knows: find, describe, status, state, history.

use hub::find::HITS_DEFAULT;
use hub::policy::{Seen, may_see};
use hub::store::CallsWanted;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::{
    AppId, CallId, CallView, Code, CommandSpec, InstanceName, InstanceState, InstanceView, Problem,
};

use crate::mcp::asking::{Answered, Asking};
use crate::mcp::target::What;
use crate::mcp::{answer, target};

/// Calls in one answer of `history`.
const HISTORY_MAX: usize = 100;
const HISTORY_DEFAULT: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    query: String,
    app: Option<AppId>,
}

pub(crate) fn find(asking: &Asking<'_>) -> Answered {
    let said: Find = super::shelf::said(asking)?;
    let found = asking
        .mcp
        .hub
        .find(&said.query, said.app.as_ref(), HITS_DEFAULT)?;
    let several = asking.mcp.hub.apps().len() > 1;
    let mut text = String::new();
    for hit in &found {
        let app = if several {
            format!("[{}] ", hit.app)
        } else {
            String::new()
        };
        text.push_str(&format!(
            "{app}{} ({}): {}\n",
            hit.command,
            hit.effect.as_str(),
            hit.summary
        ));
        if !hit.args.is_empty() {
            text.push_str(&format!("  args: {}\n", hit.args));
        }
        if let Some(example) = &hit.example {
            text.push_str(&format!(
                "  example args: {}\n",
                Value::Object(example.clone())
            ));
        }
    }
    match found.first() {
        Some(best) => text.push_str(&format!("Next: run {{\"command\": \"{}\", \"args\": …}}", best.command)),
        None => text.push_str("No command fits these words.\nNext: describe {} lists all commands; code can do the rest."),
    }
    // The text has it all; twice it would cost twice.
    let names: Vec<Value> = found
        .iter()
        .map(|hit| json!({"app": hit.app, "command": hit.command}))
        .collect();
    Ok(answer::plain(text, json!({ "found": names })).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    command: Option<String>,
    app: Option<AppId>,
}

pub(crate) fn describe(asking: &Asking<'_>) -> Answered {
    let said: Describe = super::shelf::said(asking)?;
    let hub = &asking.mcp.hub;
    if let Some(name) = said.command {
        let what = What::Command(name.clone());
        let app = target::app(hub, said.app.as_ref(), None, &what)?;
        let spec = hub.command(&app, &name)?;
        let text = format!(
            "{}\nNext: run {{\"command\": \"{}\", \"args\": …}}",
            page(&spec),
            spec.name
        );
        return Ok(answer::plain(
            text,
            json!({"app": app, "command": spec.name, "effect": spec.effect}),
        )
        .into());
    }
    let mut text = String::new();
    let mut names = serde_json::Map::new();
    for (app, _) in hub.apps() {
        if said.app.as_ref().is_some_and(|wanted| *wanted != app.id) {
            continue;
        }
        let commands: Vec<&str> = app
            .commands()
            .map(|command| command.spec.name.as_str())
            .collect();
        text.push_str(&format!("{}: {}\n", app.id, commands.join(", ")));
        names.insert(app.id.to_string(), json!(commands));
    }
    if let Some(unknown) = said.app.filter(|app| !names.contains_key(app.as_str())) {
        hub.commands(&unknown)?;
    }
    text.push_str("Next: describe {\"command\": \"…\"}");
    Ok(answer::plain(text, json!({ "commands": names.len() })).into())
}

/// A command's page for somebody who will call it.
pub(crate) fn page(spec: &CommandSpec) -> String {
    let mut text = format!(
        "{} ({}): {}\n",
        spec.name,
        spec.effect.as_str(),
        spec.summary
    );
    if let Some(docs) = &spec.docs {
        text.push_str(&format!("{}\n", docs.trim()));
    }
    for (name, schema) in spec.properties() {
        let star = if spec.is_required(name) { "*" } else { "" };
        text.push_str(&format!("- {name}{star}: {schema}\n"));
    }
    if let Some(result) = &spec.result {
        text.push_str(&format!("gives: {result}\n"));
    }
    if let Some(example) = &spec.example {
        text.push_str(&format!(
            "example args: {}\n",
            Value::Object(example.clone())
        ));
    }
    text
}

pub(crate) fn status(asking: &Asking<'_>) -> Answered {
    let _: serde_json::Map<String, Value> = super::shelf::said(asking)?;
    let hub = &asking.mcp.hub;
    let mut text = String::new();
    let instances = hub.instances_for(&asking.caller);
    for instance in &instances {
        text.push_str(&format!("{}\n", line(instance)));
    }
    let apps: Vec<Value> = hub
        .apps()
        .into_iter()
        .map(|(app, names)| {
            text.push_str(&format!("app {}: {} commands, {} running\n", app.id, app.commands().count(), names.len()));
            json!({"app": app.id, "title": app.title, "commands": app.commands().count(), "instances": names})
        })
        .collect();
    text.push_str(
        match instances
            .iter()
            .any(|instance| instance.state == InstanceState::Wedged)
        {
            true => "Next: wait for the wedged one, or cancel its call; history {} shows the ids.",
            false => "Next: code or run; find {\"query\": \"…\"} names the command for a task.",
        },
    );
    Ok(answer::plain(text, json!({"apps": apps, "instances": instances})).into())
}

fn line(instance: &InstanceView) -> String {
    let mut line = format!(
        "{} ({}) is {}",
        instance.name,
        instance.app,
        instance.state.as_str()
    );
    if let Some(why) = &instance.why {
        line.push_str(&format!(": {why}"));
    }
    if let Some(running) = &instance.running {
        line.push_str(&format!(
            "; running {} of {} for {} ms ({}), {} waiting",
            running.command, running.caller, running.running_ms, running.call_id, instance.queued
        ));
    }
    if let Some(file) = &instance.file {
        line.push_str(&format!("; file {file}"));
    }
    line
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    instance: Option<InstanceName>,
}

pub(crate) fn state(asking: &Asking<'_>) -> Answered {
    may_see(&asking.caller, Seen::State)?;
    let said: State = super::shelf::said(asking)?;
    let name = match said.instance {
        Some(name) => name,
        None => meant_instance(&asking.mcp.hub.instances())?,
    };
    let known = asking.mcp.hub.instance_state(&name)?;
    let told = json!({
        "instance": name,
        "revision": known.revision,
        "age_ms": known.age_ms,
        "connected": known.connected,
        "state": known.state,
    });
    Ok(answer::value(
        &told,
        "run a read command for more, or screenshot {} to see it.",
    )
    .into())
}

fn meant_instance(all: &[InstanceView]) -> Result<InstanceName, Problem> {
    if let Some(meant) = InstanceView::meant(all) {
        return Ok(meant.name.clone());
    }
    match all {
        [] => Err(Problem::new(Code::NO_INSTANCE, "No instance is running.")
            .hint("Start one: start {}. code and run do so by themselves.")),
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
            Err(Problem::new(
                Code::INSTANCE_AMBIGUOUS,
                format!("Several instances are running: {}.", names.join(", ")),
            )
            .hint("Name one as `instance`."))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    call_id: Option<CallId>,
    limit: Option<usize>,
    instance: Option<InstanceName>,
}

pub(crate) async fn history(asking: &Asking<'_>) -> Answered {
    let said: History = super::shelf::said(asking)?;
    let hub = &asking.mcp.hub;
    if let Some(id) = said.call_id {
        let id = hub.call_id(&asking.caller, id.as_str()).await?;
        let call = hub.remembered_call(&id).await?;
        may_see(&asking.caller, Seen::Call(&call))?;
        let view = hub.view_with_args_for(&asking.caller, &call);
        return Ok(answer::calls(asking.mcp, &[view], None).into());
    }
    may_see(&asking.caller, Seen::History)?;
    let wanted = CallsWanted {
        limit: said.limit.unwrap_or(HISTORY_DEFAULT).min(HISTORY_MAX),
        instance: said.instance,
        ..CallsWanted::default()
    };
    let remembered = hub.remembered(&wanted).await?;
    let calls = remembered.calls.iter();
    let views: Vec<CallView> = calls.map(|call| hub.masked_view(call)).collect();
    let mut text = String::new();
    for view in &views {
        let problem = view
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.problem.as_ref());
        let why = problem
            .map(|problem| format!(": {}", problem.message))
            .unwrap_or_default();
        let undone = match &view.undone_by {
            Some(by) => format!(", undone by {by}"),
            None => String::new(),
        };
        text.push_str(&format!(
            "{} {} of {} on {} {}{undone}{why}\n",
            view.call_id,
            view.command,
            view.caller,
            view.instance,
            view.status.as_str()
        ));
    }
    text.push_str(&format!(
        "(remembered since {})\nNext: history {{\"call_id\": …}} shows one in full; undo \
         {{\"call\": …}} reverts it.",
        hub::clock::rfc3339(remembered.since)
    ));
    let ids: Vec<&CallId> = views.iter().map(|view| &view.call_id).collect();
    Ok(answer::plain(text, json!({ "calls": ids })).into())
}
