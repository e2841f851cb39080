//! From a noun's TOML to [`CommandSpec`]s: short types become JSON Schema.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{CommandSpec, Effect, Repeatable, Runs};

/// A description that cannot be used, with the place.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    #[error("commands/{noun}.toml is not valid: {reason}")]
    Toml { noun: String, reason: String },
    #[error("{command}: argument `{argument}`: {reason}")]
    Argument {
        command: String,
        argument: String,
        reason: String,
    },
}

#[derive(Deserialize)]
struct NounFile {
    #[expect(dead_code, reason = "shown in the noun's reference page by its reader")]
    summary: Option<String>,
    #[serde(flatten)]
    verbs: toml::map::Map<String, toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verb {
    summary: String,
    docs: Option<String>,
    effect: Effect,
    timeout_ms: Option<u64>,
    #[serde(default)]
    concurrent: bool,
    #[serde(default)]
    repeatable: Repeatable,
    #[serde(default)]
    runs: Runs,
    role: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    example: Option<Map<String, Value>>,
    #[serde(default)]
    args: toml::map::Map<String, toml::Value>,
    result: Option<Arg>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arg {
    #[serde(rename = "type")]
    kind: String,
    doc: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    nullable: bool,
    /// Never stored, logged or told.
    #[serde(default)]
    secret: bool,
    default: Option<Value>,
    #[serde(rename = "enum")]
    choices: Option<Vec<Value>>,
    min: Option<f64>,
    max: Option<f64>,
    max_items: Option<u64>,
    /// Of a list: what is in it.
    items: Option<Items>,
    unit: Option<String>,
    /// The scope that a caller needs for it, beside those of the command.
    scope: Option<String>,
}

/// One type, or those that may stand side by side.
#[derive(Deserialize)]
#[serde(untagged)]
enum Items {
    One(String),
    AnyOf(Vec<String>),
}

impl CommandSpec {
    /// Reads one `commands/<noun>.toml`.
    ///
    /// # Errors
    /// When the text is not TOML of the described form; the message names the command and the key.
    pub fn from_toml(noun: &str, text: &str) -> Result<Vec<Self>, DescriptionError> {
        self::noun(noun, text)
    }
}

fn noun(noun: &str, text: &str) -> Result<Vec<CommandSpec>, DescriptionError> {
    let toml_error = |reason: String| DescriptionError::Toml {
        noun: noun.to_owned(),
        reason,
    };
    let file: NounFile = toml::from_str(text).map_err(|error| toml_error(error.to_string()))?;
    file.verbs
        .into_iter()
        .map(|(verb, table)| {
            let name = format!("{noun}.{verb}");
            let verb: Verb = table
                .try_into()
                .map_err(|error| toml_error(format!("{name}: {error}")))?;
            lower_verb(name, verb)
        })
        .collect()
}

/// The JSON Schema of arguments in the short form; of what an app takes besides them as well: its options at a start.
///
/// # Errors
/// Which of them cannot be used, and why. `name` is that of the whole.
pub fn schema_of_args(
    name: &str,
    tables: toml::map::Map<String, toml::Value>,
) -> Result<Value, DescriptionError> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (argument, table) in tables {
        let wrong = |reason: String| DescriptionError::Argument {
            command: name.to_owned(),
            argument: argument.clone(),
            reason,
        };
        let arg: Arg = table
            .try_into()
            .map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        if arg.required {
            required.push(Value::from(argument.clone()));
        }
        properties.insert(argument.clone(), schema_of(&arg).map_err(wrong)?);
    }
    let mut args =
        json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        args["required"] = Value::from(required);
    }
    Ok(args)
}

fn lower_verb(name: String, verb: Verb) -> Result<CommandSpec, DescriptionError> {
    let args = schema_of_args(&name, verb.args)?;
    let result = verb
        .result
        .map(|arg| schema_of(&arg))
        .transpose()
        .map_err(|reason| DescriptionError::Argument {
            command: name.clone(),
            argument: "result".into(),
            reason,
        })?;
    Ok(CommandSpec {
        repeatable: match verb.effect {
            Effect::Read => Repeatable::Flat(true),
            _ => verb.repeatable,
        },
        keywords: verb.keywords,
        name,
        summary: verb.summary,
        docs: verb.docs,
        effect: verb.effect,
        args,
        result,
        example: verb.example,
        timeout_ms: verb.timeout_ms,
        concurrent: verb.concurrent,
        runs: verb.runs,
        role: verb.role,
    })
}

fn schema_of(arg: &Arg) -> Result<Value, String> {
    let mut schema = base_schema(&arg.kind)?;
    match (&arg.items, arg.kind.as_str()) {
        (Some(items), "list") => schema["items"] = items_schema(items)?,
        (None, "list") => {
            return Err(
                "a list needs its item types: items = \"integer\", or several types".into(),
            );
        }
        (Some(_), _) => return Err("only a list has `items`".into()),
        (None, _) => {}
    }
    let Some(map) = schema.as_object_mut() else {
        return Ok(schema);
    };
    if arg.nullable
        && let Some(kind) = map.get("type").cloned()
    {
        map.insert("type".into(), json!([kind, "null"]));
    }
    if let Some(choices) = &arg.choices {
        map.insert("enum".into(), Value::from(choices.clone()));
    }
    if let Some(min) = arg.min {
        map.insert("minimum".into(), number(min));
    }
    if let Some(max) = arg.max {
        map.insert("maximum".into(), number(max));
    }
    if let Some(max_items) = arg.max_items {
        map.insert("maxItems".into(), max_items.into());
    }
    if let Some(default) = &arg.default {
        map.insert("default".into(), default.clone());
    }
    let doc = match (&arg.doc, &arg.unit) {
        (Some(doc), Some(unit)) => Some(format!("{doc} Unit: {unit}.")),
        (Some(doc), None) => Some(doc.clone()),
        (None, Some(unit)) => Some(format!("Unit: {unit}.")),
        (None, None) => None,
    };
    if let Some(doc) = doc {
        map.insert("description".into(), doc.into());
    }
    if arg.secret {
        map.insert("writeOnly".into(), true.into());
    }
    if let Some(scope) = &arg.scope {
        map.insert("x-scope".into(), scope.clone().into());
    }
    if let Some(unit) = &arg.unit {
        map.insert("x-unit".into(), unit.clone().into());
    }
    Ok(schema)
}

fn items_schema(items: &Items) -> Result<Value, String> {
    match items {
        Items::One(kind) => base_schema(kind),
        Items::AnyOf(kinds) => {
            let each: Result<Vec<Value>, String> =
                kinds.iter().map(|kind| base_schema(kind)).collect();
            Ok(json!({ "anyOf": each? }))
        }
    }
}

fn base_schema(kind: &str) -> Result<Value, String> {
    let three_numbers =
        json!({"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3});
    Ok(match kind {
        "string" | "integer" | "number" | "boolean" | "object" => json!({ "type": kind }),
        "any" => json!({}),
        "vec3" => three_numbers,
        "color" => json!({
            "type": "array", "items": {"type": "number", "minimum": 0},
            "minItems": 3, "maxItems": 4, "x-form": "color"
        }),
        "names" => json!({"type": "array", "items": {"type": "string"}}),
        "numbers" => json!({"type": "array", "items": {"type": "number"}}),
        "list" => json!({"type": "array"}),
        "path" => json!({"type": "string", "minLength": 1, "x-form": "path"}),
        "blob" => json!({
            "type": "object", "required": ["$blob"], "x-form": "blob",
            "properties": {"$blob": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}}
        }),
        other => {
            return Err(format!(
                "`{other}` is not a type; the types are string, integer, number, boolean, any, \
                 object, vec3, color, names, numbers, list, path, blob"
            ));
        }
    })
}

/// Whole numbers stay whole in the schema, so that a page shows `1` and not `1.0`.
fn number(value: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and small"
    )]
    if value.fract() == 0.0 && value.abs() < 1e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"
        summary = "Objects"
        [create]
        summary = "Adds an object."
        effect = "write"
        example = { kind = "cube" }
        [create.args.kind]
        type = "string"
        enum = ["cube", "sphere"]
        required = true
        [create.args.location]
        type = "vec3"
        unit = "m"
        default = [0.0, 0.0, 0.0]
        doc = "Where."
        [create.args.password]
        type = "string"
        secret = true
        [list]
        summary = "Lists."
        effect = "read"
    "#;

    #[test]
    fn a_noun_becomes_specs_with_schemas() {
        let specs = noun("object", OBJECT).unwrap();
        assert_eq!(specs.len(), 2);
        let create = specs
            .iter()
            .find(|spec| spec.name == "object.create")
            .unwrap();
        assert_eq!(create.args["required"], json!(["kind"]));
        assert_eq!(
            create.args["properties"]["location"]["description"],
            "Where. Unit: m."
        );
        assert_eq!(create.args["properties"]["password"]["writeOnly"], true);
        assert!(create.args["properties"]["kind"].get("writeOnly").is_none());
        assert_eq!(create.repeatable, Repeatable::Flat(false));
        assert!(
            specs
                .iter()
                .any(|spec| spec.name == "object.list" && spec.repeatable == Repeatable::Flat(true))
        );
    }

    #[test]
    fn what_may_run_twice_may_depend_on_the_arguments() {
        let text = "[a]\nsummary='x'\neffect='write'\nrepeatable = { overwrite = true, existing = ['skip', 'replace'] }\n";
        let spec = noun("n", text).unwrap().remove(0);
        let with = |args: Value| spec.repeatable.with(args.as_object().unwrap());
        assert!(with(
            json!({"overwrite": true, "existing": "skip", "path": "a"})
        ));
        assert!(!with(json!({"overwrite": true, "existing": "refuse"})));
        assert!(!with(json!({"existing": "skip"})));
    }

    #[test]
    fn a_list_says_what_is_in_it() {
        let list = |items: &str| {
            let text =
                format!("[a]\nsummary='x'\neffect='read'\n[a.args.b]\ntype='list'\n{items}\n");
            noun("n", &text)
                .map(|mut specs| specs.remove(0).args["properties"]["b"]["items"].clone())
        };
        assert_eq!(list("items='integer'").unwrap(), json!({"type": "integer"}));
        assert_eq!(
            list("items=['boolean', 'numbers']").unwrap(),
            json!({"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "number"}}]})
        );
        assert!(list("").unwrap_err().to_string().contains("items"));
        let other = noun(
            "n",
            "[a]\nsummary='x'\neffect='read'\n[a.args.b]\ntype='string'\nitems='integer'\n",
        );
        assert!(other.unwrap_err().to_string().contains("only a list"));
    }

    #[test]
    fn an_unknown_type_is_named_with_those_that_exist() {
        let text = "[a]\nsummary='x'\neffect='read'\n[a.args.b]\ntype='strnig'\n";
        let error = noun("n", text).unwrap_err().to_string();
        assert!(
            error.contains("n.a") && error.contains("`strnig`") && error.contains("string"),
            "{error}"
        );
    }
}
