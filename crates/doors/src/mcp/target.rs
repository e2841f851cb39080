//! Which app a call is for when nobody said, and a copy of it when none runs.
//!
//! Never a silent pick among several: where more than one would do, the problem names them.

use std::sync::Arc;

use hub::Hub;
use hub::catalog::AppEntry;
use hub::launch::LaunchRequest;
use wire::{AppId, Code, CommandSpec, InstanceName, InstanceView, Problem};

use super::asking::Asking;

/// The app of a call, by what was said: the app, the instance, or that only one has the command or the role.
///
/// # Errors
/// `instance_unknown`, `command_unknown`, `not_supported`, or `arguments_invalid` naming the apps that would do.
pub(crate) fn app(
    hub: &Hub,
    said: Option<&AppId>,
    instance: Option<&InstanceName>,
    what: &What,
) -> Result<AppId, Problem> {
    if let Some(app) = said {
        return Ok(app.clone());
    }
    if let Some(name) = instance.filter(|name| name.as_str() != "*") {
        return Ok(hub.instance(name)?.app);
    }
    let all = hub.apps();
    let able: Vec<_> = all
        .iter()
        .filter(|(app, _)| match what {
            What::Command(name) => app.command(name).is_ok(),
            What::Role(role) => app.command_for(role, &[]).is_ok(),
        })
        .collect();
    let running: Vec<_> = able
        .iter()
        .filter(|(_, instances)| !instances.is_empty())
        .collect();
    match (able.as_slice(), running.as_slice()) {
        ([(only, _)], _) | (_, [(only, _)]) => Ok(only.id.clone()),
        // With one app alone its own words say best what it has instead; or with one alone that has the noun.
        ([], _) => match (all.as_slice(), with_noun_of(&all, what).as_slice()) {
            ([(only, _)], _) => Ok(only.id.clone()),
            (_, [only]) => Ok(only.clone()),
            _ => Err(no_app_has(what)),
        },
        _ => {
            let names: Vec<&str> = able.iter().map(|(app, _)| app.id.as_str()).collect();
            let message = match what {
                What::Command(name) => format!("Several apps have `{name}`: {}.", names.join(", ")),
                What::Role(_) => format!("Several apps can do that: {}.", names.join(", ")),
            };
            Err(Problem::new(Code::ARGUMENTS_INVALID, message).hint("Name one as `app`."))
        }
    }
}

/// The apps that have any command with the noun of this one.
fn with_noun_of(all: &[(Arc<AppEntry>, Vec<InstanceName>)], what: &What) -> Vec<AppId> {
    let What::Command(name) = what else {
        return Vec::new();
    };
    let noun = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let has = |app: &AppEntry| app.commands().any(|one| noun(&one.spec.name) == noun(name));
    let able = all.iter().filter(|(app, _)| has(app));
    able.map(|(app, _)| app.id.clone()).collect()
}

/// The command of a role; as its instance describes it, where one is named.
///
/// # Errors
/// `not_supported`, with the roles that the app has.
pub(crate) fn command_for(
    hub: &Hub,
    app: &AppId,
    instance: Option<&InstanceName>,
    role: &str,
    args: &[&str],
) -> Result<CommandSpec, Problem> {
    let one = instance.filter(|name| name.as_str() != "*");
    hub.command_for(app, one, role, args)
}

fn no_app_has(what: &What) -> Problem {
    let problem = match what {
        What::Command(name) => Problem::new(
            Code::COMMAND_UNKNOWN,
            format!("No app has a command `{name}`."),
        ),
        What::Role(role) => Problem::new(
            Code::NOT_SUPPORTED,
            format!(
                "No app can {}: none has a command with the role `{role}`.",
                wire::command::role::what(role)
            ),
        ),
    };
    problem.hint("To find one: find {\"query\": \"what you want, in plain words\"}")
}

/// Starts a copy in the background, where none is known and the app can be started; nothing otherwise.
///
/// # Errors
/// Why it did not start.
pub(crate) async fn start(
    asking: &Asking<'_>,
    app: &AppId,
) -> Result<Option<InstanceView>, Problem> {
    let hub = &asking.mcp.hub;
    let known = hub.apps().into_iter().find(|(entry, _)| entry.id == *app);
    // One that is only out of reach now should come back and not get a sibling.
    if !known.is_some_and(|(entry, instances)| entry.startable().is_ok() && instances.is_empty()) {
        return Ok(None);
    }
    let wanted: LaunchRequest =
        serde_json::from_value(serde_json::json!({ "app": app })).map_err(|error| {
            Problem::new(
                Code::INTERNAL,
                format!("The start request is invalid: {error}."),
            )
        })?;
    let (instance, _) = hub.start_instance(&asking.caller, wanted).await?;
    Ok(Some(instance))
}

/// Which command a tool means.
pub(crate) enum What {
    Command(String),
    /// The one that has this role in the app; of several the one that takes the arguments.
    Role(&'static str),
}
