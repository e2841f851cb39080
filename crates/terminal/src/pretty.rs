//! JSON for people: two spaces of indent, and short lists of plain values on one line.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use crate::screen::json_text;

/// Longest list that stays on one line, in bytes.
const LINE_BYTES_MAX: usize = 80;

pub struct Pretty<'a>(pub &'a Value);

impl Display for Pretty<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(f, self.0, 0)
    }
}

fn write_value(f: &mut Formatter<'_>, value: &Value, depth: usize) -> fmt::Result {
    match value {
        Value::Array(items) if !items.is_empty() && !is_short(items) => {
            f.write_str("[")?;
            for (at, item) in items.iter().enumerate() {
                next(f, at, depth + 1)?;
                write_value(f, item, depth + 1)?;
            }
            close(f, depth, "]")
        }
        Value::Array(items) => {
            f.write_str("[")?;
            for (at, item) in items.iter().enumerate() {
                write!(f, "{}{}", if at == 0 { "" } else { ", " }, plain(item))?;
            }
            f.write_str("]")
        }
        Value::Object(members) if !members.is_empty() => {
            f.write_str("{")?;
            for (at, (key, member)) in members.iter().enumerate() {
                next(f, at, depth + 1)?;
                write!(f, "{}: ", plain(&Value::from(key.as_str())))?;
                write_value(f, member, depth + 1)?;
            }
            close(f, depth, "}")
        }
        other => f.write_str(&plain(other)),
    }
}

/// What may be shown on a terminal, and means the same.
fn plain(value: &Value) -> String {
    json_text(&value.to_string()).into_owned()
}

fn next(f: &mut Formatter<'_>, at: usize, depth: usize) -> fmt::Result {
    write!(
        f,
        "{}\n{:2$}",
        if at == 0 { "" } else { "," },
        "",
        depth * 2
    )
}

fn close(f: &mut Formatter<'_>, depth: usize, bracket: &str) -> fmt::Result {
    write!(f, "\n{:1$}{bracket}", "", depth * 2)
}

fn is_short(items: &[Value]) -> bool {
    let mut bytes = 0;
    items.iter().all(|item| {
        bytes += match item {
            Value::String(text) => text.len() + 4,
            Value::Array(_) | Value::Object(_) => LINE_BYTES_MAX,
            _ => 8,
        };
        bytes < LINE_BYTES_MAX
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Pretty;

    #[test]
    fn short_lists_stay_on_a_line_and_all_is_json() {
        let value = json!({
            "at": [1.0, 2.5, -3], "names": ["a\"b"], "empty": [], "none": {},
            "points": [[0, 0], [1, 1]], "long": (0..40).collect::<Vec<_>>(), "more": {"x": null}
        });
        let shown = Pretty(&value).to_string();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
        assert!(
            shown.contains(
                "  \"at\": [1.0, 2.5, -3],\n  \"names\": [\"a\\\"b\"],\n  \"empty\": [],\n"
            ),
            "{shown}"
        );
        assert!(
            shown.contains("\"points\": [\n    [0, 0],\n    [1, 1]\n  ],\n"),
            "{shown}"
        );
        assert_eq!(Pretty(&json!("a")).to_string(), "\"a\"");
    }
}
