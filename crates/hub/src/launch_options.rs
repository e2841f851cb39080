//! What only one app understands at its start: checked by that app's own schema, before anything is started.
//!
//! In comes a request; out goes the same with its options checked and their defaults filled in, or a problem with the
//! options that exist. Which options need a scope the schema says (`x-scope`).

use serde_json::{Map, Value};
use wire::{Code, Problem};

use crate::app::App;
use crate::callers::{Caller, Scope};
use crate::catalog::{Catalog, Form};
use crate::launch::LaunchRequest;
use crate::policy;

/// Puts options that stand beside the other members of a request where they belong. What is neither stays where it is.
pub(crate) fn gather(catalog: &Catalog, given: &mut Map<String, Value>) {
    let id = given.get("app").and_then(Value::as_str);
    let entry = id.and_then(|id| catalog.app(&id.into()).ok());
    let Some(app) = entry.and_then(|entry| entry.app.clone()) else {
        return;
    };
    let schema = app.launch_options();
    let Some(options) = schema["properties"].as_object() else {
        return;
    };
    let beside: Vec<String> = given
        .keys()
        .filter(|name| options.contains_key(*name))
        .cloned()
        .collect();
    for name in beside {
        let Some(value) = given.remove(&name) else {
            continue;
        };
        let told = given.entry("options").or_insert_with(|| Map::new().into());
        if let (Some(told), false) = (told.as_object_mut(), value.is_null()) {
            told.entry(name).or_insert(value);
        }
    }
}

/// # Errors
/// `arguments_invalid`, with the options that exist.
pub(crate) fn check(app: &dyn App, request: &mut LaunchRequest) -> Result<(), Problem> {
    let form = Form::new(app.launch_options()).map_err(|why| {
        tracing::error!(%why, app = %app.id(), "the options of an app are no schema");
        Problem::new(Code::INTERNAL, "The app's options cannot be checked.")
    })?;
    let given = std::mem::take(&mut request.options);
    request.options = form.check(given).map_err(|unfit| {
        let message = format!("Starting {}: {}", app.title(), unfit.message);
        Problem::new(Code::ARGUMENTS_INVALID, message).hint(unfit.hint)
    })?;
    Ok(())
}

/// # Errors
/// `forbidden`, with the scope that is missing.
pub(crate) fn may(caller: &Caller, app: &dyn App, request: &LaunchRequest) -> Result<(), Problem> {
    let schema = app.launch_options();
    for (name, value) in &request.options {
        let wanted = schema["properties"][name]["x-scope"].as_str();
        let scope = wanted.map(|word| Scope::named(word).unwrap_or(Scope::Admin));
        if let (Some(scope), false) = (scope, matches!(value, Value::Null | Value::Bool(false))) {
            policy::require(caller, scope, || {
                format!("start {} with `{name}`", app.title())
            })?;
        }
    }
    Ok(())
}
