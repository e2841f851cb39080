//! The places of an argument schema that are marked as secret: `secret = true` in a description, which is
//! JSON Schema's `writeOnly`.

use serde_json::{Map, Value};

/// What stands in the place of a secret.
pub const MASKED: &str = "[masked]";

/// Deepest place that is looked for; nobody reads a description that goes deeper.
const DEPTH_MAX: usize = 16;

/// Which arguments, and which fields in them, are secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marked(Vec<Vec<Step>>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    EveryItem,
}

impl Marked {
    /// Those of a JSON Schema of an object.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        let mut found = Vec::new();
        look(schema, &mut Vec::new(), &mut found);
        Self(found)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn mask(&self, args: &mut Map<String, Value>) {
        for path in &self.0 {
            if let Some((Step::Field(name), rest)) = path.split_first()
                && let Some(value) = args.get_mut(name)
            {
                mask_at(value, rest);
            }
        }
    }

    /// Whether a secret stands in the argument of that name.
    pub(crate) fn is_in(&self, name: &str, value: &Value) -> bool {
        self.0.iter().any(|path| match path.split_first() {
            Some((Step::Field(first), rest)) => first == name && is_at(value, rest),
            _ => false,
        })
    }
}

fn look(schema: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    if path.len() > DEPTH_MAX {
        return;
    }
    if schema.get("writeOnly") == Some(&Value::Bool(true)) && !path.is_empty() {
        found.push(path.clone());
        return;
    }
    if let Some(Value::Object(fields)) = schema.get("properties") {
        for (name, field) in fields {
            path.push(Step::Field(name.clone()));
            look(field, path, found);
            path.pop();
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(every) = schema.get(key) {
            path.push(Step::EveryItem);
            look(every, path, found);
            path.pop();
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let branches = schema.get(key).and_then(Value::as_array);
        for branch in branches.into_iter().flatten() {
            look(branch, path, found);
        }
    }
}

fn mask_at(value: &mut Value, path: &[Step]) {
    let Some((step, rest)) = path.split_first() else {
        if !value.is_null() {
            *value = Value::from(MASKED);
        }
        return;
    };
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => {
            if let Some(value) = map.get_mut(name) {
                mask_at(value, rest);
            }
        }
        (Step::EveryItem, Value::Array(items)) => {
            items.iter_mut().for_each(|item| mask_at(item, rest));
        }
        (Step::EveryItem, Value::Object(map)) => {
            map.values_mut().for_each(|value| mask_at(value, rest));
        }
        _ => {}
    }
}

fn is_at(value: &Value, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return !value.is_null();
    };
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => {
            map.get(name).is_some_and(|value| is_at(value, rest))
        }
        (Step::EveryItem, Value::Array(items)) => items.iter().any(|item| is_at(item, rest)),
        (Step::EveryItem, Value::Object(map)) => map.values().any(|value| is_at(value, rest)),
        _ => false,
    }
}
