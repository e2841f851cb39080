//! Which instance is meant when none is named, and what commands an app has.

use client::{Client, problems, segment, typed};
use serde_json::Value;
use terminal::session::Session;
use wire::{Code, CommandSpec, InstanceView, Problem};

use crate::built_in;
use crate::names;

pub(crate) fn instances(client: &Client) -> Result<(Value, Vec<InstanceView>), Box<Problem>> {
    let document = client.get("/v1/instances")?;
    let instances = typed(&document["instances"])?;
    Ok((document, instances))
}

/// The named instance, else the one that is [meant](InstanceView::meant). `line` is what a name is typed behind,
/// without the program's own.
///
/// # Errors
/// `no_instance` when there is none, `instance_ambiguous` with the names when there are several.
pub(crate) fn instance(
    client: &Client,
    named: Option<&str>,
    line: &str,
) -> Result<String, Box<Problem>> {
    if let Some(name) = named {
        return segment("instance name", name).map(str::to_owned);
    }
    let (_, instances) = instances(client)?;
    match (InstanceView::meant(&instances), instances.as_slice()) {
        (Some(meant), _) => Ok(meant.name.to_string()),
        (None, []) => Err(problems::new(
            Code::NO_INSTANCE,
            "No instance is running.",
            format!("Start one: kapelle start {}", built_in::example()),
        )),
        (None, [reserved]) => Err(problems::new(
            Code::NO_INSTANCE,
            "The only instance running is reserved for other work.",
            format!(
                "Start one: kapelle start {0}, or name the reserved one: kapelle {line} {1}",
                reserved.app, reserved.name
            ),
        )),
        (None, several) => Err(problems::new(
            Code::INSTANCE_AMBIGUOUS,
            format!(
                "{} instances are running: {}.",
                several.len(),
                names(several)
            ),
            format!("Name one, for example: kapelle {line} {}", several[0].name),
        )),
    }
}

fn names(instances: &[InstanceView]) -> String {
    let names: Vec<&str> = instances
        .iter()
        .map(|instance| instance.name.as_str())
        .collect();
    names.join(", ")
}

/// What an app can do, from the hub; from what is built in when no hub runs.
///
/// # Errors
/// `app_unknown` with the names that exist; `hub_unreachable` when nothing is built in either.
pub(crate) fn commands(
    session: &Session,
    app: &str,
) -> Result<(Value, Vec<CommandSpec>), Box<Problem>> {
    match session.try_find()? {
        Some(found) => commands_of_hub(&found.client, app),
        None => match built_in::commands(app) {
            Some(specs) => Ok((serde_json::json!({ "commands": specs }), specs)),
            None => Err(session.no_hub()),
        },
    }
}

pub(crate) fn commands_of_hub(
    client: &Client,
    app: &str,
) -> Result<(Value, Vec<CommandSpec>), Box<Problem>> {
    let app = segment("app name", app)?;
    let document = client.get(&format!("/v1/apps/{app}/commands"))?;
    let specs = typed(&document["commands"])?;
    Ok((document, specs))
}

/// One command of an app.
///
/// # Errors
/// As [`commands`], and `command_unknown` with the names that exist.
pub(crate) fn command(
    session: &Session,
    app: &str,
    name: &str,
) -> Result<CommandSpec, Box<Problem>> {
    if let Some(found) = session.try_find()? {
        return command_of_hub(&found.client, app, name);
    }
    let (_, specs) = commands(session, app)?;
    let listed: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    specs
        .into_iter()
        .find(|spec| spec.name == name)
        .ok_or_else(|| {
            problems::new(
                Code::COMMAND_UNKNOWN,
                format!("{app} has no command `{name}`."),
                names::names_hint(name, listed.iter().map(String::as_str)),
            )
        })
}

pub(crate) fn command_of_hub(
    client: &Client,
    app: &str,
    name: &str,
) -> Result<CommandSpec, Box<Problem>> {
    let app = segment("app name", app)?;
    let name = segment("command name", name)?;
    typed(&client.get(&format!("/v1/apps/{app}/commands/{name}"))?)
}
