//! A command's schema as MCP clients take it.
//!
//! Several of them know only a part of JSON Schema: they warn of number formats that they do not know, and
//! some models' dialects have no unions with null. What they lose here is still checked by the hub.

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

/// The input schema of a tool: always an object with properties.
pub(crate) fn for_clients(schema: &Value) -> JsonObject {
    let mut schema = match plain(schema.clone()) {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    schema = with_kinds(schema);
    schema.insert("type".into(), "object".into());
    schema.entry("properties").or_insert_with(|| json!({}));
    schema
}

/// What says of itself what a value may be.
const KINDS: [&str; 7] = ["type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"];

/// A schema that takes anything: for clients that want every one to name types.
fn anything() -> Value {
    let simple = ["string", "number", "boolean", "object"].map(|kind| json!({ "type": kind }));
    let mut all = simple.to_vec();
    all.push(json!({"type": "array", "items": {"anyOf": simple}}));
    all.into()
}

/// Schemas of members and items get the types that they may have.
fn with_kinds(mut map: Map<String, Value>) -> Map<String, Value> {
    let complete = |schema: &mut Value| {
        if let Value::Object(schema) = schema
            && !KINDS.iter().any(|kind| schema.contains_key(*kind))
        {
            schema.insert("anyOf".into(), anything());
        }
    };
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(complete);
    }
    // Some clients refuse a tool with a list that does not say what is in it.
    if map.get("type").is_some_and(|kind| kind == "array") && !map.contains_key("items") {
        map.insert("items".into(), json!({}));
    }
    if let Some(items) = map.get_mut("items") {
        complete(items);
    }
    map
}

fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(object(map)),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}

fn object(map: Map<String, Value>) -> Map<String, Value> {
    let mut map: Map<String, Value> = map
        .into_iter()
        .filter(|(name, value)| !(name == "$schema" || name == "format" && is_number_format(value)))
        // An example or a default is data, not a schema.
        .map(|(name, value)| match name.as_str() {
            "default" | "examples" | "enum" | "const" => (name, value),
            _ => (name, plain(value)),
        })
        .collect();
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = map.get_mut(union) {
            branches.retain(|branch| branch.get("type") != Some(&"null".into()));
            if let [Value::Object(only)] = branches.as_slice() {
                let only = only.clone();
                map.remove(union);
                map.extend(only);
            }
        }
    }
    with_kinds(map)
}

fn is_number_format(format: &Value) -> bool {
    let name = format.as_str().unwrap_or_default();
    let numbers = ["int", "uint", "float", "double"];
    numbers.iter().any(|kind| name.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_anything_says_so() {
        let schema = for_clients(&json!({"properties": {"list": {"type": ["array", "null"]}}}));
        assert!(
            schema["properties"]["list"]["items"]["anyOf"].is_array(),
            "{schema:?}"
        );
    }

    #[test]
    fn formats_and_null_branches_go_and_data_stays() {
        let schema = json!({
            "$schema": "x", "type": "object",
            "properties": {
                "size": {"type": ["integer", "null"], "format": "uint32", "default": null},
                "at": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "description": "d"},
            },
        });
        assert_eq!(
            Value::Object(for_clients(&schema)),
            json!({
                "type": "object",
                "properties": {
                    "size": {"type": "integer", "default": null},
                    "at": {"description": "d", "type": "string", "format": "date"},
                },
            })
        );
        assert_eq!(
            Value::Object(for_clients(&Value::Null)),
            json!({"type": "object", "properties": {}})
        );
    }
}
