//! What clients really send, made into what a schema takes: pure.
//!
//! Models and their clients send lists and objects as JSON text, numbers and booleans as text, `null` or an empty
//! text for what they leave out, one thing where a list is wanted. A value is converted only where its schema
//! refuses it and takes the converted one, so a text that is wanted as a text is never anything else. What no
//! conversion helps comes out as it went in, or read as far as that makes the refusal clearer.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Levels that are looked into; a schema may refer to itself without end.
const DEPTH_MAX: usize = 32;
/// Values looked at in one go, each as often as it is looked at: beyond that a wrong thing is refused as it is.
const VALUES_MAX: usize = 1_000_000;
/// A text that is read as JSON, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Names of the parts of a vector or colour, for those who send `{"x": 1, "y": 2, "z": 3}`.
const PARTS: [&[&str]; 5] = [
    &["x", "y", "z"],
    &["x", "y"],
    &["x", "y", "z", "w"],
    &["r", "g", "b"],
    &["r", "g", "b", "a"],
];

/// The object as the schema takes it, as far as that can be had.
pub(super) fn fit(schema: &Value, value: Value) -> Value {
    let mut fitter = Fitter {
        root: schema,
        compiled: HashMap::new(),
        left: VALUES_MAX,
    };
    match fitter.fit(schema, value.clone(), DEPTH_MAX) {
        fitted @ Value::Object(_) => fitted,
        _ => value,
    }
}

/// Whole numbers without a fraction's point where whole ones are wanted: `16.0` is the integer 16 to a schema,
/// but not to every program behind it.
pub(super) fn whole_numbers(root: &Value, schema: &Value, value: &mut Value) {
    let schema = resolved(root, schema);
    match value {
        Value::Number(number) if wants(schema, "integer") && !wants(schema, "number") => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *value = whole;
            }
        }
        Value::Array(items) => {
            if let Some(of) = schema.get("items") {
                items
                    .iter_mut()
                    .for_each(|item| whole_numbers(root, of, item));
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(of) = schema.get("properties").and_then(|all| all.get(name)) {
                    whole_numbers(root, of, member);
                }
            }
        }
        _ => {}
    }
}

/// A schema, or the one that it refers to within its document.
pub(super) fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut at = schema;
    for _ in 0..DEPTH_MAX {
        let Some(pointer) = at
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|to| to.strip_prefix('#'))
        else {
            return at;
        };
        match root.pointer(pointer) {
            Some(next) => at = next,
            None => return at,
        }
    }
    at
}

struct Fitter<'s> {
    root: &'s Value,
    /// By the address of the schema, which lies in `root` as long as this lives.
    compiled: HashMap<*const Value, Option<jsonschema::Validator>>,
    left: usize,
}

impl<'s> Fitter<'s> {
    fn fit(&mut self, schema: &'s Value, value: Value, depth: usize) -> Value {
        let schema = resolved(self.root, schema);
        if depth == 0 || self.takes(schema, &value) {
            return value;
        }
        for union in ["anyOf", "oneOf"] {
            let branches = schema.get(union).and_then(Value::as_array);
            for branch in branches.into_iter().flatten() {
                let tried = self.fit(branch, value.clone(), depth - 1);
                if self.takes(schema, &tried) {
                    return tried;
                }
            }
        }
        let value = self.inside(schema, value, depth);
        if self.takes(schema, &value) {
            return value;
        }
        let mut clearer = None;
        for tried in readings(schema, &value) {
            let tried = self.inside(schema, tried, depth);
            if self.takes(schema, &tried) {
                return tried;
            }
            if clearer.is_none() && value.is_string() && (tried.is_object() || tried.is_array()) {
                clearer = Some(tried);
            }
        }
        clearer.unwrap_or(value)
    }

    /// What is in a list or an object, each by its own schema.
    fn inside(&mut self, schema: &'s Value, value: Value, depth: usize) -> Value {
        match value {
            Value::Array(items) => {
                let first = schema.get("prefixItems").and_then(Value::as_array);
                let rest = schema.get("items");
                let of = |at: usize| first.and_then(|all| all.get(at)).or(rest);
                let each = items.into_iter().enumerate();
                each.map(|(at, item)| match of(at) {
                    Some(own) => self.fit(own, item, depth - 1),
                    None => item,
                })
                .collect()
            }
            Value::Object(members) => {
                let mut fitted = Map::new();
                for (name, member) in members {
                    if let Some(member) = self.member(schema, &name, member, depth) {
                        fitted.insert(name, member);
                    }
                }
                Value::Object(fitted)
            }
            other => other,
        }
    }

    /// A member by its schema; nothing when it says that it is left out.
    fn member(
        &mut self,
        schema: &'s Value,
        name: &str,
        value: Value,
        depth: usize,
    ) -> Option<Value> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let own = properties
            .and_then(|all| all.get(name))
            .or_else(|| schema.get("additionalProperties"));
        let may_be_left_out = !is_required(schema, name);
        match own {
            // Nothing is known of it, so a null says nothing either.
            None | Some(Value::Bool(_)) => {
                let is_refused = own == Some(&Value::Bool(false));
                (!(is_refused && value.is_null())).then_some(value)
            }
            Some(own) => {
                let own = resolved(self.root, own);
                let leaves_out = may_be_left_out && is_nothing(&value) && !self.takes(own, &value);
                (!leaves_out).then(|| self.fit(own, value, depth - 1))
            }
        }
    }

    fn takes(&mut self, schema: &'s Value, value: &Value) -> bool {
        self.left = self.left.saturating_sub(count(value));
        if self.left == 0 {
            return false;
        }
        let root = self.root;
        let compiled = self
            .compiled
            .entry(std::ptr::from_ref(schema))
            .or_insert_with(|| compile(root, schema));
        // What cannot be compiled alone is left to the whole.
        compiled
            .as_ref()
            .is_none_or(|validator| validator.is_valid(value))
    }
}

/// A part of a schema with what it may refer to.
fn compile(root: &Value, schema: &Value) -> Option<jsonschema::Validator> {
    let mut alone = schema.clone();
    if let (Value::Object(alone), true) = (&mut alone, refers(schema)) {
        for shared in ["$defs", "definitions", "components"] {
            if let Some(shelf) = root.get(shared) {
                alone
                    .entry(shared.to_owned())
                    .or_insert_with(|| shelf.clone());
            }
        }
    }
    super::schema::compiled(&alone).ok()
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

pub(super) fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|required| required == name))
}

/// Whether a client that must fill in everything sends this for "nothing".
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => is_word_for_nothing(text.trim()),
        _ => false,
    }
}

fn is_word_for_nothing(text: &str) -> bool {
    matches!(text, "" | "null" | "None" | "undefined")
}

/// The types that a schema names, or that its choices have; none when it names none.
fn wants(schema: &Value, kind: &str) -> bool {
    let is = |named: &Value| named.as_str() == Some(kind);
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(named) => is(named),
        None => match schema.get("enum").and_then(Value::as_array) {
            Some(choices) => choices.iter().any(|choice| is_of(choice, kind)),
            None => match kind {
                "object" => schema.get("properties").is_some(),
                "array" => schema.get("items").is_some(),
                _ => schema
                    .get("const")
                    .is_some_and(|choice| is_of(choice, kind)),
            },
        },
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(_) => matches!(kind, "number" | "integer"),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

/// What a refused value may have meant, the likeliest first.
fn readings(schema: &Value, value: &Value) -> Vec<Value> {
    let wants = |kind: &str| wants(schema, kind);
    let mut all = Vec::new();
    match value {
        Value::String(text) if text.len() <= TEXT_BYTES_MAX => {
            readings_of_text(schema, text.trim(), &mut all);
        }
        Value::Number(number) => match number.as_f64() {
            Some(0.0) if wants("boolean") => all.push(false.into()),
            Some(1.0) if wants("boolean") => all.push(true.into()),
            _ => {}
        },
        Value::Array(items) => {
            if let ([only], false) = (items.as_slice(), wants("array")) {
                all.push(only.clone());
            }
        }
        Value::Object(members) if wants("array") => all.extend(parts(members)),
        _ => {}
    }
    if wants("array") && !value.is_array() && !value.is_null() {
        all.push(Value::Array(vec![value.clone()]));
    }
    all
}

fn readings_of_text(schema: &Value, text: &str, all: &mut Vec<Value>) {
    let wants = |kind: &str| wants(schema, kind);
    let mut read = |text: &str| {
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            let number = wants("number") || wants("integer");
            let fits = match &value {
                Value::Number(_) => number,
                Value::Bool(_) => wants("boolean"),
                Value::Null => wants("null"),
                Value::Object(_) => wants("object"),
                Value::Array(_) => wants("array"),
                Value::String(_) => false,
            };
            if fits {
                all.push(value);
            }
        }
    };
    read(text);
    // Text of text: encoded once too often.
    if let Ok(Value::String(inner)) = serde_json::from_str(text) {
        read(inner.trim());
    }
    if wants("object") || wants("array") {
        // As Python writes them.
        read(&text.replace('\'', "\""));
        let bare = text.trim_start_matches('(').trim_end_matches(')');
        read(&format!("[{bare}]"));
    }
    let lower = text.to_lowercase();
    match lower.as_str() {
        "true" if wants("boolean") => all.push(true.into()),
        "false" if wants("boolean") => all.push(false.into()),
        _ if wants("null") && is_word_for_nothing(text) => all.push(Value::Null),
        _ => {}
    }
    let choices = schema.get("enum").and_then(Value::as_array);
    let same = |choice: &&Value| {
        let choice = choice.as_str().map(str::to_lowercase);
        choice.as_deref() == Some(lower.as_str())
    };
    all.extend(
        choices
            .into_iter()
            .flatten()
            .filter(same)
            .cloned()
            .collect::<Vec<_>>(),
    );
}

/// `{"x": 1, "y": 2, "z": 3}` as a list.
fn parts(members: &Map<String, Value>) -> Option<Value> {
    let is_that = |names: &&[&str]| {
        names.len() == members.len() && names.iter().all(|name| members.contains_key(*name))
    };
    let names = PARTS.into_iter().find(is_that)?;
    Some(names.iter().map(|name| members[*name].clone()).collect())
}

/// Below this, every whole number is the same as a float and as an integer.
fn whole(number: f64) -> Option<Value> {
    const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and exact"
    )]
    (number.fract() == 0.0 && number.abs() < EXACT_BELOW).then(|| Value::from(number as i64))
}

#[cfg(test)]
mod tests;
