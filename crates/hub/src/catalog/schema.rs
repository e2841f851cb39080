//! Argument schemas, some of which strangers write: nothing is fetched for them, and no check takes for ever.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use wire::{Code, CommandSpec, Problem};

use crate::limits;

/// Words of JSON Schema that refer to another place.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Patterns are of the kind whose check takes time in proportion to the text; one that looks back or around is refused.
///
/// # Errors
/// When the schema is none, or refers to what is not in it.
pub(super) fn compiled(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(limits::PATTERN_BYTES_MAX)
                .dfa_size_limit(limits::PATTERN_BYTES_MAX),
        )
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Whether a stranger's schema can be checked with nothing but itself, and each check ends.
///
/// # Errors
/// `arguments_invalid`.
pub(super) fn stands_alone(spec: &CommandSpec) -> Result<(), Problem> {
    let mut path = Vec::new();
    follow(spec, &spec.args, &mut path, &mut 0)
}

/// Follows references from place to place. A schema that comes back to itself has no end that could be foreseen.
fn follow<'a>(
    spec: &'a CommandSpec,
    place: &'a Value,
    path: &mut Vec<&'a str>,
    looked_at: &mut usize,
) -> Result<(), Problem> {
    *looked_at += 1;
    if *looked_at > limits::SCHEMA_PLACES_MAX {
        return Err(cannot(
            spec,
            "with its references resolved, it is too large",
        ));
    }
    match place {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| follow(spec, item, path, looked_at)),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            let Some(to) = member
                .as_str()
                .filter(|_| REFERENCES.contains(&name.as_str()))
            else {
                return follow(spec, member, path, looked_at);
            };
            let target = to
                .strip_prefix('#')
                .and_then(|pointer| spec.args.pointer(pointer));
            let Some(target) = target else {
                return Err(cannot(
                    spec,
                    &format!("`{name}` refers to `{to}`, which it does not contain"),
                ));
            };
            if path.contains(&to) {
                return Err(cannot(
                    spec,
                    &format!("`{name}` leads back to itself by way of `{to}`"),
                ));
            }
            path.push(to);
            let followed = follow(spec, target, path, looked_at);
            path.pop();
            followed
        }),
        _ => Ok(()),
    }
}

/// A schema that cannot be used.
pub(super) fn cannot(spec: &CommandSpec, why: &str) -> Problem {
    let why: String = why.chars().take(limits::QUOTED_CHARS_MAX).collect();
    Problem::new(
        Code::ARGUMENTS_INVALID,
        format!(
            "The argument schema of `{}` cannot be used: {why}.",
            spec.name
        ),
    )
    .hint(
        "A schema must be self-contained (references only to its own `$defs`, without circles), \
     and its patterns must not use backreferences or lookaround.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(args: Value) -> CommandSpec {
        let spec = json!({"name": "e.x", "summary": "x", "effect": "read", "args": args});
        serde_json::from_value(spec).unwrap()
    }

    fn refused(args: Value) -> String {
        let spec = spec(args);
        let problem = stands_alone(&spec).and_then(|()| {
            compiled(&spec.args)
                .map(drop)
                .map_err(|why| cannot(&spec, &why))
        });
        problem.unwrap_err().message
    }

    #[test]
    fn a_reference_out_of_the_schema_is_refused() {
        for to in [
            "http://127.0.0.1:1/x",
            "file:///etc/passwd",
            "other.json",
            "#/$defs/none",
            "urn:x",
        ] {
            let args = json!({"type": "object", "properties": {"a": {"$ref": to}}});
            assert!(refused(args).contains("does not contain"), "{to}");
        }
    }

    #[test]
    fn a_schema_that_comes_back_to_itself_is_refused() {
        for (word, to) in [
            ("$ref", "#"),
            ("$ref", "#/$defs/a"),
            ("$dynamicRef", "#/$defs/a"),
        ] {
            let args = json!({"$defs": {"a": {"allOf": [{word: to}]}}, "properties": {"a": {word: "#/$defs/a"}}});
            assert!(refused(args).contains("leads back"), "{to}");
        }
    }

    #[test]
    fn references_that_double_at_every_step_are_refused() {
        let mut defs = serde_json::Map::new();
        for n in 0..60 {
            let to = format!("#/$defs/d{}", n + 1);
            defs.insert(
                format!("d{n}"),
                json!({"allOf": [{"$ref": to}, {"$ref": to}]}),
            );
        }
        defs.insert("d60".into(), json!({"type": "string"}));
        let args = json!({"$defs": defs, "properties": {"a": {"$ref": "#/$defs/d0"}}});
        assert!(refused(args).contains("too large"));
    }

    #[test]
    fn patterns_take_time_in_proportion_to_the_text() {
        for pattern in [
            "^(?=(a+)+$)(a|aa)+$",
            "^(a)\\1$",
            "(?<!a)b",
            "((a{1000}){1000}){1000}",
        ] {
            let args = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}});
            refused(args);
        }
        let args = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}});
        let slow_elsewhere = json!({"a": format!("{}!", "a".repeat(200_000))});
        assert!(
            !compiled(&spec(args).args)
                .unwrap()
                .is_valid(&slow_elsewhere)
        );
    }

    #[test]
    fn what_programs_make_of_their_types_is_taken() {
        let args = json!({
            "$defs": {"At": {"type": "array", "items": {"type": "number"}}},
            "type": "object",
            "properties": {"at": {"$ref": "#/$defs/At"}, "to": {"$ref": "#/$defs/At"}},
        });
        let spec = spec(args);
        stands_alone(&spec).unwrap();
        assert!(
            !compiled(&spec.args)
                .unwrap()
                .is_valid(&json!({"at": ["x"]}))
        );
    }
}
