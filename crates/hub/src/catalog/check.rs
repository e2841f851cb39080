//! What was given against its schema: pure, and every refusal names the argument.
//!
//! What a schema refuses is first made into what it takes, where that is plain ([`super::fit`]).

use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::schema;
use super::{fit, near_or_all};

/// Refusals told in one answer: enough to mend a call in one go, short enough to read.
const REFUSALS_MAX: usize = 8;

/// A schema of an object, compiled: what a command's arguments, a tool's own and the bodies of requests must be.
pub struct Form {
    schema: Value,
    validator: jsonschema::Validator,
}

/// Why something does not have its form.
#[derive(Debug)]
pub struct Unfit {
    /// What was wrong, naming the argument.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl Form {
    /// # Errors
    /// When the schema is none.
    pub fn new(schema: Value) -> Result<Self, String> {
        let validator = schema::compiled(&schema)?;
        Ok(Self { schema, validator })
    }

    /// What was given in the form that the schema takes, with its defaults.
    ///
    /// # Errors
    /// What does not fit, and what would.
    pub fn check(&self, mut given: Map<String, Value>) -> Result<Map<String, Value>, Unfit> {
        self.fill_in(&mut given);
        let mut value = Value::Object(given);
        if !self.validator.is_valid(&value) {
            value = self.fitted(value);
            let errors = self.validator.iter_errors(&value).take(REFUSALS_MAX);
            let unfit: Vec<_> = errors.map(|error| self.refusal(&error)).collect();
            if !unfit.is_empty() {
                return Err(together(&unfit));
            }
        }
        fit::whole_numbers(&self.schema, &self.schema, &mut value);
        match value {
            Value::Object(given) => Ok(given),
            _ => Ok(Map::new()),
        }
    }

    /// The names of its members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        names_of(self.node())
    }

    fn fitted(&self, value: Value) -> Value {
        let mut fitted = fit::fit(&self.schema, value);
        if let Value::Object(members) = &mut fitted {
            // What said "nothing" gets its default now.
            self.fill_in(members);
        }
        fitted
    }

    fn fill_in(&self, given: &mut Map<String, Value>) {
        let properties = self.node().get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if let Some(default) = schema.get("default")
                && !given.contains_key(name)
            {
                given.insert(name.clone(), default.clone());
            }
        }
    }

    /// The schema of the object itself.
    fn node(&self) -> &Value {
        fit::resolved(&self.schema, &self.schema)
    }

    /// What was wrong, and what would be right.
    fn refusal(&self, error: &jsonschema::ValidationError<'_>) -> (String, String) {
        let path = error.instance_path().to_string();
        let path = path.trim_start_matches('/');
        let place = path.replace('/', ".");
        let node = self.at(path);
        let within = |name: &str| match place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        };
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let own = node.get("properties").and_then(|all| all.get(name));
                let about = describe(&self.schema, &within(name), own.unwrap_or(&Value::Null));
                (format!("`{}` is missing.", within(name)), about)
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let wrong = unexpected.first().map_or("", String::as_str);
                let names = self.names_within(node);
                let all: Vec<String> = unexpected.iter().map(|name| within(name)).collect();
                (
                    format!("There is no argument `{}`.", all.join("`, `")),
                    near_or_all(wrong, &names, "The arguments are"),
                )
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => match meant(error, context) {
                Some(within) => self.refusal(within),
                None => (
                    format!("`{place}` has none of its possible forms."),
                    describe(&self.schema, &place, node),
                ),
            },
            _ => (
                format!("`{place}` is invalid: {}.", bounded(&error.to_string())),
                describe(&self.schema, &place, node),
            ),
        }
    }

    /// The names of an object's members, also where it is one of several things.
    fn names_within<'s>(&'s self, node: &'s Value) -> Vec<&'s str> {
        let unions = ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(|union| node.get(union));
        let branches = unions.filter_map(Value::as_array).flatten();
        let resolved = branches.map(|branch| fit::resolved(&self.schema, branch));
        std::iter::once(node)
            .chain(resolved)
            .flat_map(names_of)
            .collect()
    }

    /// The schema of what is at a place, as far as it is described.
    fn at(&self, path: &str) -> &Value {
        let mut node = self.node();
        for step in path.split('/').filter(|step| !step.is_empty()) {
            let next = match step.parse::<usize>() {
                Ok(at) => node
                    .get("prefixItems")
                    .and_then(|all| all.get(at))
                    .or_else(|| node.get("items")),
                Err(_) => node
                    .get("properties")
                    .and_then(|all| all.get(step))
                    .or_else(|| node.get("additionalProperties")),
            };
            match next {
                Some(next) => node = fit::resolved(&self.schema, next),
                None => break,
            }
        }
        node
    }
}

fn names_of(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flat_map(|all| all.keys().map(String::as_str))
}

/// Of several things that a value can be, the fault in the only one that has its type.
fn meant<'e>(
    whole: &jsonschema::ValidationError<'_>,
    branches: &'e [Vec<jsonschema::ValidationError<'static>>],
) -> Option<&'e jsonschema::ValidationError<'static>> {
    let is_other = |error: &jsonschema::ValidationError<'static>| {
        let here = error.instance_path().to_string() == whole.instance_path().to_string();
        let kinds = matches!(
            error.kind(),
            ValidationErrorKind::Type { .. }
                | ValidationErrorKind::Enum { .. }
                | ValidationErrorKind::Constant { .. }
        );
        here && kinds
    };
    let mut fitting = branches
        .iter()
        .filter(|errors| !errors.iter().any(is_other));
    match (fitting.next(), fitting.next()) {
        (Some(errors), None) => errors.first(),
        _ => None,
    }
}

fn together(unfit: &[(String, String)]) -> Unfit {
    let messages: Vec<&str> = unfit.iter().map(|(message, _)| message.as_str()).collect();
    let mut hints: Vec<&str> = unfit.iter().map(|(_, hint)| hint.as_str()).collect();
    hints.dedup();
    // Of one that is missing because it was misspelt, its name says all.
    let misspelt: Vec<String> = hints
        .iter()
        .filter_map(|hint| hint.strip_prefix("Did you mean ")?.strip_suffix('?'))
        .flat_map(|names| names.split(" or "))
        .map(|name| format!("{name}: "))
        .collect();
    hints.retain(|hint| !misspelt.iter().any(|name| hint.starts_with(name)));
    Unfit {
        message: messages.join(" "),
        hint: hints.join(" "),
    }
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

/// What an argument can be, in words.
fn describe(root: &Value, name: &str, schema: &Value) -> String {
    let schema = fit::resolved(root, schema);
    let kinds = kinds(root, schema);
    let doc = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut about = format!("`{name}`: {kinds}. {doc}").trim_end().to_owned();
    if !about.ends_with(['.', '!', '?']) {
        about.push('.');
    }
    about
}

fn kinds(root: &Value, schema: &Value) -> String {
    let named = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> = choices.iter().map(named).collect();
        return format!("one of {}", choices.join(", "));
    }
    let several = ["anyOf", "oneOf"]
        .into_iter()
        .find_map(|union| schema.get(union));
    if let Some(branches) = several.and_then(Value::as_array) {
        let each = branches
            .iter()
            .map(|one| kinds(root, fit::resolved(root, one)));
        return each.collect::<Vec<_>>().join(", or ");
    }
    match schema.get("type") {
        Some(Value::Array(several)) => several.iter().map(named).collect::<Vec<_>>().join(" or "),
        Some(kind) => named(kind),
        None => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wire::CommandSpec;

    use super::*;

    fn check(args: Value) -> Result<Map<String, Value>, Unfit> {
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
            [create.args.location]
            type = "vec3"
            "#,
        )
        .unwrap()
        .remove(0);
        form(spec.args, args)
    }

    fn form(schema: Value, args: Value) -> Result<Map<String, Value>, Unfit> {
        let Value::Object(args) = args else {
            panic!("an object")
        };
        Form::new(schema).unwrap().check(args)
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
        assert!(missing.hint.contains("cube, sphere"), "{missing:?}");

        let unknown = check(json!({"kind": "cube", "nmae": "x"})).unwrap_err();
        assert_eq!(unknown.hint, "Did you mean `name`?", "{unknown:?}");

        let choice = check(json!({"kind": "cone"})).unwrap_err();
        assert!(choice.hint.contains("one of cube, sphere"), "{choice:?}");

        let kind = check(json!({"kind": "cube", "size": "big"})).unwrap_err();
        assert!(kind.message.contains("`size`"), "{kind:?}");
        let item = check(json!({"kind": "cube", "location": [1, "far", 3]})).unwrap_err();
        assert!(item.message.contains("`location.1`"), "{item:?}");
        assert!(item.hint.contains("number"), "{item:?}");
    }

    #[test]
    fn what_fits_only_after_a_conversion_is_taken_and_gets_its_defaults() {
        let args = check(json!({"kind": "CUBE", "size": "", "location": "[0, 0, 2]", "name": "5"}));
        assert_eq!(
            Value::Object(args.unwrap()),
            json!({"kind": "cube", "size": 2.0, "location": [0, 0, 2], "name": "5"})
        );
    }

    #[test]
    fn what_is_within_something_is_named_with_its_place() {
        let schema = json!({"type": "object", "additionalProperties": false, "properties": {
            "calls": {"type": "array", "items": {"$ref": "#/$defs/call"}},
            "wait": {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0}]},
            "place": {"oneOf": [{"enum": ["first"]}, {"$ref": "#/$defs/call"}]}},
            "$defs": {"call": {"type": "object", "required": ["command"], "additionalProperties": false,
                "properties": {"command": {"type": "string"}, "timeout_ms": {"type": "integer"}}}}});
        let told = |args: Value| form(schema.clone(), args).unwrap_err();
        let near = told(json!({"calls": [{"command": "a"}, {"command": "b", "timeout": 3}]}));
        assert!(near.message.contains("`calls.1.timeout`"), "{near:?}");
        assert_eq!(near.hint, "Did you mean `timeout_ms`?");
        let missing = told(json!({"calls": [{}]}));
        assert!(
            missing.message.contains("`calls.0.command` is missing"),
            "{missing:?}"
        );
        let union = told(json!({"wait": "long"}));
        assert!(union.message.contains("`wait`"), "{union:?}");
        assert_eq!(union.hint, "`wait`: boolean, or integer.");
        let branch = told(json!({"place": {"comand": "x"}}));
        assert!(branch.message.contains("`place"), "{branch:?}");
        assert!(branch.hint.contains("command"), "{branch:?}");
    }
}
