//! `key=value` words become arguments, by the schema of the command.
//!
//! | the schema wants | what is typed |
//! |---|---|
//! | string, path | the text as it is; a path counts from the current folder |
//! | number, boolean, list, object | JSON |
//! | vec3, color | `1,2,3` or JSON |
//! | names | `a,b` or JSON |
//! | blob | `@file`: its bytes are uploaded |
//! | anything | `@file` or `@-` reads a text file or stdin; `@@text` is text that begins with `@` |
//!
//! Whether values are allowed is the hub's to say; here only their form is read.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use client::problems;
use serde_json::{Map, Value};
use wire::{CommandSpec, Problem};

use crate::names;
use crate::page::type_name;

/// Longest text that is read for an argument, in bytes: what a frame can carry, with room.
const TEXT_BYTES_MAX: u64 = 48 * 1024 * 1024;

/// Stores the bytes of a file and gives the reference.
pub(crate) type Upload<'a> = &'a dyn Fn(&Path) -> Result<Value, Box<Problem>>;

/// The arguments of a command.
///
/// # Errors
/// When a word is no `key=value`, a key is unknown or stands twice, or a value cannot be read.
pub(crate) fn arguments(
    spec: &CommandSpec,
    words: &[String],
    upload: Upload<'_>,
) -> Result<Map<String, Value>, Box<Problem>> {
    let mut arguments = Map::new();
    for word in words {
        let Some((key, text)) = word.split_once('=') else {
            return Err(problems::usage(
                format!("`{word}` is not an argument of the form key=value."),
                format!("`kapelle describe APP {}` shows an example.", spec.name),
            ));
        };
        let Some((_, schema)) = spec.properties().find(|(name, _)| *name == key) else {
            return Err(problems::usage(
                format!("`{}` has no argument `{key}`.", spec.name),
                names::names_hint(key, spec.properties().map(|(name, _)| name.as_str())),
            ));
        };
        let value = value(schema, text, upload).map_err(|mut problem| {
            problem.message = format!("{key}: {}", problem.message);
            problem
        })?;
        if arguments.insert(key.to_owned(), value).is_some() {
            return Err(problems::usage(
                format!("The argument `{key}` is given twice."),
                "Leave one of them out.",
            ));
        }
    }
    Ok(arguments)
}

fn value(schema: &Value, text: &str, upload: Upload<'_>) -> Result<Value, Box<Problem>> {
    let form = Form::of(schema);
    match text.strip_prefix('@') {
        None => form.read(schema, text),
        Some(rest) if rest.starts_with('@') => form.read(schema, rest),
        Some(file) if form == Form::Blob => upload(Path::new(file)),
        Some(file) => form.read(schema, &read_text(file)?),
    }
}

/// How a value is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Path,
    Numbers,
    Names,
    Blob,
    Json,
    /// JSON where it is JSON, else text.
    Any,
}

impl Form {
    fn of(schema: &Value) -> Self {
        let items = &schema["items"]["type"];
        match (schema["x-form"].as_str(), main_type(schema)) {
            (Some("path"), _) => Self::Path,
            (Some("blob"), _) => Self::Blob,
            (_, Some("string")) => Self::Text,
            (_, Some("array")) if items == "string" => Self::Names,
            (_, Some("array")) if items == "number" || items == "integer" => Self::Numbers,
            (_, Some(_)) => Self::Json,
            (_, None) => Self::Any,
        }
    }

    fn read(self, schema: &Value, text: &str) -> Result<Value, Box<Problem>> {
        let json = || serde_json::from_str::<Value>(text.trim());
        let not_the_form = |example: &str| {
            problems::usage(
                format!(
                    "`{}` is not a valid {}.",
                    shortened(text),
                    type_name(schema)
                ),
                format!("It should look like this: {example}"),
            )
        };
        match self {
            Self::Text => Ok(text.into()),
            Self::Path => absolute(text),
            Self::Any => Ok(json().unwrap_or_else(|_| text.into())),
            Self::Json => match json() {
                Ok(value) if is_allowed(schema, &value) => Ok(value),
                _ => Err(not_the_form(example_of(main_type(schema)))),
            },
            Self::Numbers => {
                let inner = text.trim();
                let list = if inner.starts_with('[') || inner == "null" {
                    inner.to_owned()
                } else {
                    format!("[{inner}]")
                };
                serde_json::from_str(&list).map_err(|_| not_the_form("1,2.5,-3"))
            }
            Self::Names if text.trim_start().starts_with('[') => {
                json().map_err(|_| not_the_form("Cube,Sphere or [\"Cube\", \"Sphere\"]"))
            }
            Self::Names if text.is_empty() => Ok(Value::Array(Vec::new())),
            Self::Names => Ok(text.split(',').map(str::trim).collect()),
            Self::Blob => {
                json().map_err(|_| not_the_form("@picture.png (a file that is uploaded)"))
            }
        }
    }
}

/// The type that is not `null`.
fn main_type(schema: &Value) -> Option<&str> {
    types(schema).find(|kind| *kind != "null")
}

fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let kind = &schema["type"];
    kind.as_str().into_iter().chain(
        kind.as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str),
    )
}

fn is_allowed(schema: &Value, value: &Value) -> bool {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    types(schema).any(|allowed| allowed == kind || (allowed == "integer" && value.is_number()))
}

fn example_of(kind: Option<&str>) -> &'static str {
    match kind {
        Some("boolean") => "true or false",
        Some("integer") => "3",
        Some("number") => "1.5",
        Some("array") => "[1, 2]",
        _ => "{\"key\": 1}",
    }
}

/// The hub and the app run in other folders. A path that an app reads in a way of its own (`//`: beside the open file) is absolute already.
fn absolute(text: &str) -> Result<Value, Box<Problem>> {
    if text.starts_with("//") {
        return Ok(text.into());
    }
    let path = std::path::absolute(text)
        .map_err(|error| problems::file(Path::new(text), "is not a usable path", &error))?;
    match path.to_str() {
        Some(path) => Ok(path.into()),
        None => Err(problems::usage(
            format!("The path {} is not UTF-8.", path.display()),
            "Rename the folder or file.",
        )),
    }
}

/// `--args`: a JSON object, or `@file` with one.
///
/// # Errors
/// When it is none.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, Box<Problem>> {
    let read;
    let json = match text.strip_prefix('@') {
        Some(file) => {
            read = read_text(file)?;
            &read
        }
        None => text,
    };
    serde_json::from_str(json).map_err(|error| {
        problems::usage(
            format!("--args is not a JSON object: {error}."),
            "For example: --args '{\"kind\": \"cube\"}'",
        )
    })
}

/// A text file, or stdin for `-`.
///
/// # Errors
/// When it cannot be read, is too long or not UTF-8.
pub(crate) fn read_text(file: &str) -> Result<String, Box<Problem>> {
    let path = Path::new(file);
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if file == "-" {
            io::stdin()
                .lock()
                .take(TEXT_BYTES_MAX + 1)
                .read_to_end(&mut bytes)?;
        } else {
            fs::File::open(path)?
                .take(TEXT_BYTES_MAX + 1)
                .read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    let bytes = read().map_err(|error| problems::file(path, "cannot be read", &error))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(problems::usage(
            format!("{file} is longer than {TEXT_BYTES_MAX} bytes."),
            "Have the app open large files itself.",
        ));
    }
    String::from_utf8(bytes).map_err(|_| {
        problems::usage(
            format!("{file} is not UTF-8 text."),
            "Text files must be UTF-8.",
        )
    })
}

/// Enough of a text to know it by.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(CHARS_MAX).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOUN: &str = r#"
        summary = "Things"
        [make]
        summary = "Makes."
        effect = "write"
        [make.args]
        text = { type = "string" }
        maybe = { type = "string", nullable = true }
        count = { type = "integer", nullable = true }
        size = { type = "number" }
        on = { type = "boolean" }
        place = { type = "vec3" }
        paint = { type = "color" }
        objects = { type = "names" }
        file = { type = "path" }
        more = { type = "object" }
        list = { type = "list", items = "any" }
        any = { type = "any" }
        picture = { type = "blob" }
    "#;

    fn no_upload(path: &Path) -> Result<Value, Box<Problem>> {
        Ok(json!({"$blob": path.to_str()}))
    }

    fn read(words: &[&str]) -> Result<Value, String> {
        let spec = &CommandSpec::from_toml("thing", NOUN).unwrap()[0];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        match arguments(spec, &words, &no_upload) {
            Ok(map) => Ok(map.into()),
            Err(problem) => Err(format!(
                "{} | {}",
                problem.message,
                problem.hint.unwrap_or_default()
            )),
        }
    }

    #[test]
    fn values_follow_the_schema() {
        let cases = [
            ("text=1", json!(1).to_string().into()),
            ("text=a=b", json!("a=b")),
            ("text=", json!("")),
            ("text=@@home", json!("@home")),
            ("maybe=null", json!("null")),
            ("count=3", json!(3)),
            ("count=null", json!(null)),
            ("size=-1.5e3", json!(-1500.0)),
            ("on=true", json!(true)),
            ("place=1,2.5, -3", json!([1, 2.5, -3])),
            ("place=[1,2,3]", json!([1, 2, 3])),
            ("paint=1,0,0,1", json!([1, 0, 0, 1])),
            ("objects=Cube, Light.001", json!(["Cube", "Light.001"])),
            ("objects=[\"a,b\"]", json!(["a,b"])),
            ("objects=", json!([])),
            ("more={\"a\":[1]}", json!({"a": [1]})),
            ("list=[1,\"x\"]", json!([1, "x"])),
            ("any=12", json!(12)),
            ("any=twelve", json!("twelve")),
            ("picture=@a.png", json!({"$blob": "a.png"})),
            ("file=//beside.blend", json!("//beside.blend")),
        ];
        for (word, expected) in cases {
            let key = word.split('=').next().unwrap();
            assert_eq!(read(&[word]).unwrap()[key], expected, "{word}");
        }
        let file = read(&["file=a.blend"]).unwrap();
        let file = Path::new(file["file"].as_str().unwrap());
        assert!(file.is_absolute() && file.ends_with("a.blend"));
    }

    #[test]
    fn files_are_read_as_text_or_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("more.json");
        fs::write(&path, "{\"a\": 1}\n").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(
            read(&[&format!("more=@{path}")]).unwrap()["more"],
            json!({"a": 1})
        );
        assert_eq!(
            read(&[&format!("text=@{path}")]).unwrap()["text"],
            "{\"a\": 1}\n"
        );
        assert!(
            read(&["text=@/nowhere/at/all"])
                .unwrap_err()
                .contains("/nowhere/at/all")
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_the_form() {
        let cases = [
            (
                "size=big",
                "`big` is not a valid number. | It should look like this: 1.5",
            ),
            ("count=3x", "`3x` is not a valid integer"),
            ("on=yes", "true or false"),
            ("place=1,2,x", "1,2.5,-3"),
            ("more=[1]", "is not a valid object"),
            (
                "plaec=1",
                "Did you mean `place`? Possible names: text, maybe",
            ),
            ("nothing", "key=value"),
        ];
        for (word, part) in cases {
            let error = read(&[word]).unwrap_err();
            assert!(error.contains(part), "{word}: {error}");
        }
        assert!(
            read(&["on=true", "on=false"])
                .unwrap_err()
                .contains("twice")
        );
    }
}
