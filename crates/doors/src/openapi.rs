//! The OpenAPI document: the fixed routes, and every command's arguments from its one description.

use serde_json::{Map, Value, json};
use wire::{AppId, CommandSpec};

mod apps;
mod calls;
mod dashboard;
mod feed;
mod jobs;
mod routes;

/// OpenAPI 3.1 for these apps. Pure: the same in gives the same out.
#[must_use]
pub fn document(apps: &[(AppId, Vec<CommandSpec>)]) -> Value {
    let mut schemas = fixed();
    let mut paths = routes::paths();
    paths.extend(jobs::paths());
    paths.extend(dashboard::paths());
    let mut variants = Vec::new();
    for (app, specs) in apps {
        for spec in specs {
            let name = format!("{app}.{}", spec.name);
            schemas.insert(name.clone(), command_schema(app, spec));
            variants.push(json!({ "$ref": format!("#/components/schemas/{name}") }));
        }
    }
    schemas.insert(
        "CallRequest".to_owned(),
        json!({
            "description": "One command of one app. The schema of `args` depends on the command.",
            "anyOf": if variants.is_empty() { vec![json!({"type": "object"})] } else { variants },
        }),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kapelle",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Drives creative applications. See docs/reference/http.md.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "kapelle-PORT",
                    "description": "For the dashboard's page only: valid only with that page's \
                     own Origin.",
                },
            },
            "schemas": schemas,
        },
    })
}

/// The fixed forms by their names: of what is asked and what is told, for any app.
#[must_use]
pub(crate) fn forms() -> Map<String, Value> {
    let mut schemas = fixed();
    schemas.insert("CallRequest".to_owned(), any_call());
    schemas
}

fn fixed() -> Map<String, Value> {
    let parts = [
        routes::schemas(),
        apps::schemas(),
        calls::schemas(),
        feed::schemas(),
        jobs::schemas(),
        dashboard::schemas(),
    ];
    let mut schemas = Map::new();
    for (name, schema) in parts.into_iter().flatten() {
        debug_assert!(!schemas.contains_key(&name), "two schemas are named {name}");
        schemas.insert(name, schema);
    }
    schemas
}

/// A call of any command.
fn any_call() -> Value {
    let mut properties = Map::from_iter([
        ("app".to_owned(), json!({"type": "string"})),
        (
            "command".to_owned(),
            json!({"type": "string", "description": "noun.verb"}),
        ),
        (
            "args".to_owned(),
            json!({"type": "object", "description": "The command's arguments."}),
        ),
    ]);
    properties.extend(routes::call_options());
    properties.extend(jobs::call_options());
    json!({"type": "object", "required": ["app", "command"], "additionalProperties": false, "properties": properties})
}

fn command_schema(app: &AppId, spec: &CommandSpec) -> Value {
    let mut schema = any_call();
    schema["title"] = format!("{app} {}", spec.name).into();
    schema["description"] = spec
        .docs
        .as_ref()
        .map_or_else(
            || spec.summary.clone(),
            |docs| format!("{}\n\n{docs}", spec.summary),
        )
        .into();
    schema["x-effect"] = json!(spec.effect);
    schema["properties"]["app"] = json!({ "const": app });
    schema["properties"]["command"] = json!({ "const": spec.name });
    schema["properties"]["args"] = spec.args.clone();
    if let Some(example) = &spec.example {
        schema["examples"] = json!([{"app": app, "command": spec.name, "args": example}]);
    }
    schema
}
