//! The API's description as a file that people can read and compare: one schema, one operation, one setting a line.

use serde_json::{Map, Value};

/// How deep each part of the document is laid out on lines of its own; what is below stands on one line.
const LAYERS: [(&str, usize); 2] = [("paths", 3), ("components", 3)];

/// The document as text.
#[must_use]
pub(crate) fn page(document: &Value) -> String {
    let mut text = String::new();
    let whole = document.as_object().cloned().unwrap_or_default();
    members(&whole, 1, &mut text, &|name, value, text| {
        let known = LAYERS.iter().find(|(known, _)| *known == name);
        laid_out(value, known.map_or(1, |(_, layers)| *layers), 2, text);
    });
    text.push('\n');
    text
}

/// A value on as many layers of lines as are left; an empty one, and one that has no members, on one line.
fn laid_out(value: &Value, layers: usize, depth: usize, text: &mut String) {
    match value {
        Value::Object(inner) if layers > 1 && !inner.is_empty() => {
            members(inner, depth, text, &|_, value, text| {
                laid_out(value, layers - 1, depth + 1, text);
            });
        }
        _ => text.push_str(&value.to_string()),
    }
}

fn members(
    all: &Map<String, Value>,
    depth: usize,
    text: &mut String,
    write: &dyn Fn(&str, &Value, &mut String),
) {
    text.push_str("{\n");
    for (number, (name, value)) in all.iter().enumerate() {
        text.push_str(&"  ".repeat(depth));
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push_str(": ");
        write(name, value, text);
        text.push_str(if number + 1 < all.len() { ",\n" } else { "\n" });
    }
    text.push_str(&"  ".repeat(depth - 1));
    text.push('}');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_and_an_operation_are_a_line_each_and_nothing_is_lost() {
        let document = json!({
            "openapi": "3.1.0",
            "info": {"title": "T", "license": {"name": "MIT"}},
            "paths": {"/v1/a": {"get": {"summary": "\"A\"", "tags": []}, "post": {}}},
            "components": {"schemas": {"A": {"type": "object", "properties": {}}, "B": {}}},
        });
        let text = page(&document);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
        let has = |line: &str| text.lines().any(|one| one.trim_end_matches(',') == line);
        assert!(
            has(r#"      "get": {"summary":"\"A\"","tags":[]}"#),
            "{text}"
        );
        assert!(
            has(r#"      "A": {"type":"object","properties":{}}"#),
            "{text}"
        );
    }
}
