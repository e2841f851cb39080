//! A command as a page for people: what it does, what it takes, and an example that can be typed.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;
use terminal::ago::short;
use terminal::screen::PLAIN;
use terminal::table::{Cell, Table};
use terminal::ui::{BAD, CAREFUL, FAINT, GOOD, HEADING, NAME};
use wire::{CommandSpec, Effect};

pub(crate) fn effect_cell(effect: Effect) -> Cell {
    let style = match effect {
        Effect::Read => GOOD,
        Effect::Write => PLAIN,
        Effect::Destructive => BAD,
        Effect::Code => CAREFUL,
    };
    Cell::styled(effect.as_str(), style)
}

pub(crate) fn write(out: &mut dyn Write, app: &str, spec: &CommandSpec) -> io::Result<()> {
    writeln!(
        out,
        "{HEADING}{}{HEADING:#}  {FAINT}{app}, {}{FAINT:#}",
        spec.name,
        effect_words(spec.effect)
    )?;
    writeln!(out, "\n{}", spec.summary)?;
    if let Some(docs) = &spec.docs {
        writeln!(out, "\n{}", docs.trim())?;
    }
    writeln!(out, "\n{HEADING}Arguments{HEADING:#}")?;
    write_arguments(out, spec)?;
    if let Some(result) = &spec.result {
        let doc = result["description"].as_str().unwrap_or_default();
        writeln!(
            out,
            "\n{HEADING}Value{HEADING:#}\n  {} {FAINT}{doc}{FAINT:#}",
            type_name(result)
        )?;
    }
    let mut notes = Vec::new();
    if let Some(ms) = spec.timeout_ms {
        notes.push(format!(
            "ends after {} unless --timeout says otherwise",
            short(Duration::from_millis(ms))
        ));
    }
    if spec.concurrent {
        notes.push("does not wait for earlier calls".to_owned());
    }
    if !notes.is_empty() {
        writeln!(out, "\n{HEADING}Run{HEADING:#}\n  {}", notes.join("; "))?;
    }
    writeln!(
        out,
        "\n{HEADING}Example{HEADING:#}\n  {}",
        example(app, spec)
    )
}

fn write_arguments(out: &mut dyn Write, spec: &CommandSpec) -> io::Result<()> {
    let mut table = Table::<4>::indented(2);
    for (name, schema) in spec.properties() {
        let when_absent = match schema.get("default") {
            _ if spec.is_required(name) => Cell::styled("required", CAREFUL),
            Some(Value::Null) | None => "optional".into(),
            Some(default) => format!("default {}", word(schema, default)).into(),
        };
        let mut doc = schema["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        for (key, says) in [("minimum", "at least"), ("maximum", "at most")] {
            if let Some(bound) = schema.get(key) {
                push_sentence(&mut doc, &format!("{says} {bound}"));
            }
        }
        if let Some(choices) = schema["enum"].as_array() {
            let choices: Vec<_> = choices.iter().map(|choice| word(schema, choice)).collect();
            push_sentence(&mut doc, &format!("One of: {}", choices.join(", ")));
        }
        table.row([
            Cell::styled(name, NAME),
            type_name(schema).into(),
            when_absent,
            doc.into(),
        ]);
    }
    if spec.properties().next().is_none() {
        return writeln!(out, "  none");
    }
    table.write(out)
}

fn push_sentence(doc: &mut String, sentence: &str) {
    if !doc.is_empty() {
        doc.push(' ');
    }
    doc.extend(sentence.chars().take(1).flat_map(char::to_uppercase));
    doc.extend(sentence.chars().skip(1));
    doc.push('.');
}

fn effect_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read: changes nothing",
        Effect::Write => "write: changes things, can be undone",
        Effect::Destructive => "destructive: may lose work",
        Effect::Code => "code: runs arbitrary code",
    }
}

/// The short type of the command descriptions for a schema.
pub(crate) fn type_name(schema: &Value) -> Cow<'static, str> {
    let kind = &schema["type"];
    let kinds: Vec<&str> = match kind {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let nullable = kinds.contains(&"null");
    let items = schema["items"]["type"].as_str();
    let name = match (
        schema["x-form"].as_str(),
        kinds.iter().find(|kind| **kind != "null"),
    ) {
        (Some(form @ ("path" | "blob" | "color")), _) => form.to_owned(),
        (_, Some(&"array")) if items == Some("number") && schema["minItems"] == 3 => {
            "vec3".to_owned()
        }
        (_, Some(&"array")) if items == Some("string") => "names".to_owned(),
        (_, Some(&"array")) => "list".to_owned(),
        (_, Some(kind)) => (*kind).to_owned(),
        (_, None) => "any".to_owned(),
    };
    if nullable {
        format!("{name} or null").into()
    } else {
        name.into()
    }
}

/// The example as a line for a shell.
pub(crate) fn example(app: &str, spec: &CommandSpec) -> String {
    let mut line = format!("kapelle run {app} {}", spec.name);
    for (key, value) in spec.example.iter().flatten() {
        let schema = spec
            .properties()
            .find(|(name, _)| *name == key)
            .map(|(_, schema)| schema);
        let text = word(schema.unwrap_or(&Value::Null), value);
        // A text that begins with `@` would mean a file.
        let at = if value.is_string() && text.starts_with('@') {
            "@"
        } else {
            ""
        };
        line.push(' ');
        let word = format!("{key}={at}{text}");
        // The `=` is of ours, and needs no quotes by itself.
        match shell_words::quote(&text) {
            Cow::Borrowed(_) => line.push_str(&word),
            Cow::Owned(_) => line.push_str(&shell_words::quote(&word)),
        }
    }
    line
}

/// A value as it is typed after `key=`.
fn word(schema: &Value, value: &Value) -> String {
    let plain = |item: &Value| match item {
        Value::String(text) if !text.contains(',') && !text.starts_with('[') => Some(text.clone()),
        Value::Number(_) => Some(plain_number(item)),
        _ => None,
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if !items.is_empty() && schema["items"]["type"].is_string() => {
            let items: Option<Vec<String>> = items.iter().map(plain).collect();
            items.map_or_else(|| value.to_string(), |items| items.join(","))
        }
        Value::Number(_) => plain_number(value),
        other => other.to_string(),
    }
}

/// `1` for 1.0: TOML and people mean the same.
fn plain_number(number: &Value) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOUN: &str = r#"
        summary = "Objects"
        [create]
        summary = "Adds an object."
        docs = "It becomes the active one."
        effect = "write"
        timeout_ms = 30000
        example = { kind = "cube", name = "It's", location = [0, 0, 1.5], tags = ["a", "b"], mark = "@x", extra = { a = 1 } }
        [create.args]
        kind = { type = "string", enum = ["cube", "sphere"], required = true, doc = "What to add." }
        name = { type = "string", nullable = true }
        location = { type = "vec3", unit = "m", default = [0.0, 0.0, 0.0], doc = "Where." }
        size = { type = "number", min = 0, max = 10 }
        tags = { type = "names" }
        mark = { type = "string" }
        extra = { type = "object" }
        [create.result]
        type = "object"
        doc = "The object."
        [list]
        summary = "Lists objects."
        effect = "read"
        concurrent = true
    "#;

    fn page(at: usize) -> String {
        let spec = &CommandSpec::from_toml("object", NOUN).unwrap()[at];
        let mut bytes = Vec::new();
        write(&mut bytes, "toy-app", spec).unwrap();
        terminal::screen::plain(std::str::from_utf8(&bytes).unwrap()).to_string()
    }

    #[test]
    fn a_page_tells_all_there_is() {
        insta::assert_snapshot!(page(0));
    }

    #[test]
    fn a_command_without_arguments_says_so() {
        insta::assert_snapshot!(page(1));
    }
}
