//! What a call is about, in a few words: `shot.blend, 1-250`, `monkey`, the first line of code.
//!
//! In come a command's description and the arguments of a call, and the file that its instance has open; out comes one
//! short line for lists and cards, without secrets. It is made once, when the call is asked for, and kept with the call
//! and its job.

use serde_json::{Map, Value};
use wire::CommandSpec;
use wire::command::role;

use crate::limits;
use crate::secrets::{Marked, Masking};

/// Values that are told: the thing itself and one thing more.
const VALUES_MAX: usize = 2;
/// Characters of a value that are looked at for secrets: one that is cut in two would not be known any more.
const UNMASKED_CHARS_MAX: usize = 500;

/// Characters of a name, so that two of them fit.
const NAME_CHARS_MAX: usize = 40;

/// What arguments with code are called, as the role [`role::CODE`] has it.
const CODE: &str = "code";
/// What a render is of, where it is not the open file.
const FILES: [&str; 2] = ["file", "files"];

/// How far a text is looked through for its first line, in bytes: arguments may have megabytes, and every call waits for
/// this look.
const LOOKED_AT_BYTES_MAX: usize = 4 * 1024;

/// The subject of a call, by its arguments.
pub(crate) fn of(
    masking: &Masking,
    spec: &CommandSpec,
    marked: &Marked,
    args: &Map<String, Value>,
) -> Option<String> {
    let required = spec.properties().filter(|(name, _)| spec.is_required(name));
    let required = required.filter_map(|(name, _)| args.get_key_value(name));
    // What only has its default says nothing.
    let chosen = spec
        .properties()
        .filter(|(name, _)| !spec.is_required(name))
        .filter_map(|(name, schema)| {
            let found = args.get_key_value(name)?;
            (schema.get("default") != Some(found.1)).then_some(found)
        });
    let told: Vec<String> = required
        .chain(chosen.filter(|(_, value)| value.is_string()))
        .filter(|(name, value)| !marked.is_in(name, value))
        .filter_map(|(name, value)| match value {
            Value::String(code) if name == CODE => code_words(code),
            value => words(value),
        })
        .take(VALUES_MAX)
        .collect();
    let told: Vec<String> = told.iter().map(|one| name(&masking.text(one))).collect();
    (!told.is_empty()).then(|| short(&told.join(", ")))
}

/// The same for a call on an instance: what it has open is what a render is of, whatever else is said; and what any
/// call is of whose arguments say nothing.
pub(crate) fn on(
    masking: &Masking,
    spec: &CommandSpec,
    subject: Option<String>,
    file: Option<&str>,
) -> Option<String> {
    let own_files = FILES.into_iter().any(|name| spec.takes(name));
    match (subject, of_file(masking, file)) {
        (Some(subject), Some(file)) if spec.has_role(role::RENDER) && !own_files => {
            Some(short(&format!("{file}, {subject}")))
        }
        (subject, file) => subject.or(file),
    }
}

/// What an instance has open.
pub(crate) fn of_file(masking: &Masking, file: Option<&str>) -> Option<String> {
    words(&Value::from(file?)).map(|file| name(&masking.text(&file)))
}

/// The first line of code that does something; where all of it only brings modules in, the first that does.
fn code_words(code: &str) -> Option<String> {
    let looked_at = &code[..code.floor_char_boundary(LOOKED_AT_BYTES_MAX)];
    let (mut import, mut open) = (None, false);
    for line in looked_at.lines().map(str::trim) {
        if open {
            // A list of names over several lines.
            open = !line.contains(')');
            continue;
        }
        let rest = without_imports(line);
        if !rest.is_empty() && !rest.starts_with('#') {
            return Some(cut(rest, UNMASKED_CHARS_MAX));
        }
        if rest.is_empty() && !line.is_empty() {
            open = line.contains('(') && !line.contains(')');
            import = import.or(Some(line));
        }
    }
    import.map(|line| cut(line, UNMASKED_CHARS_MAX))
}

/// What stands behind the imports of a line.
fn without_imports(line: &str) -> &str {
    let is_import = |text: &str| text.starts_with("import ") || text.starts_with("from ");
    let mut rest = line;
    while is_import(rest) {
        rest = rest.split_once(';').map_or("", |(_, rest)| rest.trim());
    }
    rest
}

/// A value as people would name it: the last part of a path, the first line of a text.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let looked_at = &text[..text.floor_char_boundary(LOOKED_AT_BYTES_MAX)];
            let mut lines = looked_at.lines().map(str::trim);
            let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
            let is_code = line.contains(['(', ')', '=', ';', '"', '\'', '[', '{']);
            let is_path = !is_code && (!line.contains(' ') || line.starts_with('/'));
            let name = line.rsplit(['/', '\\']).next().filter(|_| is_path);
            let name = name.filter(|name| !name.is_empty()).unwrap_or(line);
            Some(cut(name, UNMASKED_CHARS_MAX))
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            let some: Vec<String> = items.iter().take(VALUES_MAX).filter_map(words).collect();
            let more = items.len().saturating_sub(some.len());
            let told = some.join(" ");
            match (told.is_empty(), more) {
                (true, _) => None,
                (false, 0) => Some(told),
                (false, more) => Some(format!("{told} and {more} more")),
            }
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

/// A long name loses its middle: versions, shots and endings tell names apart.
fn name(text: &str) -> String {
    let count = text.chars().count();
    if count <= NAME_CHARS_MAX || text.contains(' ') {
        return text.to_owned();
    }
    let tail = NAME_CHARS_MAX / 2;
    let head: String = text.chars().take(NAME_CHARS_MAX - tail - 1).collect();
    let tail: String = text.chars().skip(count - tail).collect();
    format!("{head}…{tail}")
}

fn short(text: &str) -> String {
    cut(text, limits::SUBJECT_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max - 1) {
        Some((end, _)) if text[end..].chars().nth(1).is_some() => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wire::Effect;

    use super::*;

    fn masking() -> Masking {
        let dir = tempfile::tempdir().unwrap();
        let home = crate::home::Home::open(dir.path()).unwrap();
        let callers = crate::callers::Callers::open(&home).unwrap();
        Masking::new(std::sync::Arc::new(callers), "b".repeat(64))
    }

    fn spec() -> CommandSpec {
        serde_json::from_value(json!({
            "name": "toy.film", "summary": "s", "effect": Effect::Write,
            "args": {"type": "object", "required": ["file"], "properties": {
                "frames": {"type": "string"}, "file": {"type": "string"}, "samples": {"type": "integer"},
                "code": {"type": "string"},
                "existing": {"type": "string", "default": "refuse"},
                "key": {"type": "string", "writeOnly": true}}}
        }))
        .unwrap()
    }

    fn about(args: Value) -> Option<String> {
        let spec = spec();
        let marked = Marked::of(&spec.args);
        let Value::Object(args) = args else {
            panic!("an object")
        };
        of(&masking(), &spec, &marked, &args)
    }

    #[test]
    fn what_is_worked_on_comes_first_and_defaults_are_left_out() {
        let args = json!({"existing": "refuse", "frames": "1-250", "samples": 4, "file": "/shots/shot 010.blend"});
        assert_eq!(about(args).as_deref(), Some("shot 010.blend, 1-250"));
        assert_eq!(
            about(json!({"file": "a/b.blend", "existing": "skip"})).as_deref(),
            Some("b.blend, skip")
        );
    }

    #[test]
    fn code_is_told_by_its_first_line_that_does_something() {
        for (code, told) in [
            (
                "\n# a comment\nimport toy\nfrom toy import (\n    a,\n    b,\n)\nmore()",
                "more()",
            ),
            ("import toy; print(toy.data)\nmore()", "print(toy.data)"),
            ("1/0", "1/0"),
            ("a/b.c", "a/b.c"),
            ("import toy\nimport math", "import toy"),
            ("# nothing\n\nfrom_here = 1", "from_here = 1"),
        ] {
            assert_eq!(
                about(json!({ "code": code })).as_deref(),
                Some(told),
                "{code}"
            );
        }
        assert_eq!(about(json!({"code": "# nothing"})), None);
    }

    #[test]
    fn the_open_file_stands_in_and_is_what_a_render_is_of() {
        let mut spec = spec();
        let on = |spec: &CommandSpec, subject: Option<&str>, file: Option<&str>| {
            on(&masking(), spec, subject.map(str::to_owned), file)
        };
        let open = Some("/x/shot.blend");
        assert_eq!(on(&spec, None, open).as_deref(), Some("shot.blend"));
        assert_eq!(on(&spec, Some("cycles"), open).as_deref(), Some("cycles"));
        assert_eq!(on(&spec, None, None), None);
        spec.role = Some(role::RENDER.to_owned());
        assert_eq!(
            on(&spec, Some("b.blend, 1-9"), open).as_deref(),
            Some("b.blend, 1-9"),
            "it says itself which file it is of"
        );
        spec.args["properties"] = json!({"engine": {"type": "string"}});
        assert_eq!(
            on(&spec, Some("cycles"), open).as_deref(),
            Some("shot.blend, cycles")
        );
        assert_eq!(on(&spec, Some("cycles"), None).as_deref(), Some("cycles"));
        assert_eq!(about(json!({})), None);
    }

    #[test]
    fn it_is_short_and_without_secrets() {
        let long = about(json!({"file": "x ".repeat(10_000)})).unwrap();
        assert_eq!(long.chars().count(), limits::SUBJECT_CHARS_MAX);
        assert!(long.ends_with('…'));
        let long = format!("/shots/{}_v017.blend", "seq010_forest".repeat(10));
        let named = about(json!({"file": long, "existing": "skip"})).unwrap();
        assert!(
            named.starts_with("seq010") && named.ends_with("_v017.blend, skip"),
            "{named}"
        );
        assert!(named.contains('…'), "{named}");
        assert_eq!(about(json!({"key": "hunter2"})), None);
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        let told = about(json!({"file": format!("use {token}")})).unwrap();
        assert!(!told.contains(token), "{told}");
    }
}
