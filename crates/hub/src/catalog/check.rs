//! Arguments against their schema: pure, and every refusal names the argument.

use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};
use wire::{Code, CommandSpec, Problem};

use super::near_or_all;

/// Refusals told in one answer: enough to mend a call in one go, short enough to read.
const REFUSALS_MAX: usize = 8;

pub(super) fn arguments(
    spec: &CommandSpec,
    validator: &jsonschema::Validator,
    mut args: Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    // A null for an argument that may be left out is the same as leaving it out.
    args.retain(|name, value| {
        !value.is_null() || spec.is_required(name) || allows_null(spec, name)
    });
    for (name, schema) in spec.properties() {
        if let Some(default) = schema.get("default")
            && !args.contains_key(name)
        {
            args.insert(name.clone(), default.clone());
        }
    }
    let args = Value::Object(args);
    let refusals: Vec<(String, String)> = validator
        .iter_errors(&args)
        .take(REFUSALS_MAX)
        .map(|error| refusal(spec, &error))
        .collect();
    let Value::Object(args) = args else {
        unreachable!("made as an object above")
    };
    if refusals.is_empty() {
        return Ok(args);
    }
    let message = refusals
        .iter()
        .map(|(what, _)| what.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let mut hints: Vec<&str> = refusals.iter().map(|(_, hint)| hint.as_str()).collect();
    hints.dedup();
    Err(
        Problem::new(Code::ARGUMENTS_INVALID, format!("{}: {message}", spec.name))
            .hint(hints.join(" "))
            .detail("command", spec.name.clone()),
    )
}

fn allows_null(spec: &CommandSpec, name: &str) -> bool {
    let Some((_, schema)) = spec.properties().find(|(known, _)| *known == name) else {
        return true;
    };
    match schema.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "null"),
        Some(_) => false,
    }
}

/// What was wrong, and what would be right.
fn refusal(spec: &CommandSpec, error: &jsonschema::ValidationError<'_>) -> (String, String) {
    let place = error.instance_path().to_string();
    let place = place.trim_start_matches('/').replace('/', ".");
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            (format!("`{name}` is missing."), describe(spec, name))
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let wrong = unexpected.first().map_or("", String::as_str);
            (
                format!("There is no argument `{}`.", unexpected.join("`, `")),
                near_or_all(wrong, &names_of(spec), "The arguments are"),
            )
        }
        _ => {
            let name = place.split('.').next().unwrap_or_default();
            (
                format!("`{place}` is invalid: {}.", bounded(&error.to_string())),
                describe(spec, name),
            )
        }
    }
}

fn names_of(spec: &CommandSpec) -> Vec<&str> {
    spec.properties().map(|(name, _)| name.as_str()).collect()
}

/// An error text may quote a value of megabytes.
fn bounded(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(CHARS_MAX).collect();
    format!("{head}…")
}

fn describe(spec: &CommandSpec, name: &str) -> String {
    let Some((_, schema)) = spec.properties().find(|(known, _)| *known == name) else {
        return near_or_all(name, &names_of(spec), "The arguments are");
    };
    let mut parts = Vec::new();
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> = choices
            .iter()
            .map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned))
            .collect();
        parts.push(format!("one of {}", choices.join(", ")));
    } else if let Some(kind) = schema.get("type") {
        parts.push(
            kind.as_str()
                .map_or_else(|| kind.to_string(), str::to_owned),
        );
    }
    let doc = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    format!("`{name}`: {}. {doc}", parts.join(", "))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(args: Value) -> Result<Map<String, Value>, Problem> {
        let spec = CommandSpec::from_toml(
            "object",
            r#"
            [create]
            summary = "Adds."
            effect = "write"
            [create.args.kind]
            type = "string"
            enum = ["cube", "sphere"]
            required = true
            [create.args.size]
            type = "number"
            default = 2.0
            unit = "m"
            [create.args.name]
            type = "string"
            "#,
        )
        .unwrap()
        .remove(0);
        let validator = jsonschema::validator_for(&spec.args).unwrap();
        let Value::Object(args) = args else {
            panic!("an object")
        };
        arguments(&spec, &validator, args)
    }

    #[test]
    fn defaults_are_filled_and_nulls_dropped() {
        let args = check(json!({"kind": "cube", "name": null})).unwrap();
        assert_eq!(Value::Object(args), json!({"kind": "cube", "size": 2.0}));
    }

    #[test]
    fn each_refusal_names_the_argument_and_what_would_be_right() {
        let missing = check(json!({})).unwrap_err();
        assert!(missing.message.contains("`kind` is missing"), "{missing:?}");
        assert!(
            missing.hint.as_deref().unwrap().contains("cube, sphere"),
            "{missing:?}"
        );

        let unknown = check(json!({"kind": "cube", "nmae": "x"})).unwrap_err();
        assert_eq!(
            unknown.hint.as_deref(),
            Some("Did you mean `name`?"),
            "{unknown:?}"
        );

        let choice = check(json!({"kind": "cone"})).unwrap_err();
        assert!(
            choice
                .hint
                .as_deref()
                .unwrap()
                .contains("one of cube, sphere"),
            "{choice:?}"
        );

        let kind = check(json!({"kind": "cube", "size": "big"})).unwrap_err();
        assert!(kind.message.contains("`size`"), "{kind:?}");
    }
}
