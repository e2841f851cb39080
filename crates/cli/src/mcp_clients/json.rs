//! Puts our entry into a client's JSON and takes it out, leaving everything else as it was: comments,
//! order, indentation, and members of our entry that somebody else has added.
//!
//! In comes the text of a file; out comes the new text, the same one when nothing is to be done, or a
//! sentence that says why the file cannot be read.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;

use super::entry::{Entry, HOME_VARIABLE, NAME, env_member};
use super::table::Form;

/// What clients themselves take: comments and a comma too many, nothing looser.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The byte order mark that some editors on Windows write.
const MARK: char = '\u{feff}';

pub(crate) fn put(text: &str, form: Form, entry: &Entry) -> Result<String, String> {
    let (mark, root) = read(text)?;
    let before = root.to_serde_value();
    let top = top(&root)?;
    let servers = servers(&top, form, true)?.unwrap_or(top);
    match servers.get(NAME) {
        None => {
            let members = Value::Object(entry.members(form));
            servers.append(NAME, input(&members));
        }
        Some(found) => {
            let ours = found
                .object_value()
                .ok_or_else(|| format!("the entry `{NAME}` is not an object"))?;
            overlay(&ours, &entry.members(form));
            if entry.home.is_none()
                && let Some(env) = ours.object_value(env_member(form))
                && let Some(home) = env.get(HOME_VARIABLE)
            {
                home.remove();
            }
        }
    }
    if root.to_serde_value() == before && !text.trim().is_empty() {
        return Ok(text.to_owned());
    }
    Ok(finished(mark, &root, text))
}

pub(crate) fn take_out(text: &str, form: Form) -> Result<String, String> {
    let (mark, root) = read(text)?;
    let found = match root.object_value() {
        Some(top) => servers(&top, form, false)?.and_then(|servers| servers.get(NAME)),
        None => None,
    };
    let Some(found) = found else {
        return Ok(text.to_owned());
    };
    found.remove();
    Ok(finished(mark, &root, text))
}

fn read(text: &str) -> Result<(bool, CstRootNode), String> {
    let bare = text.strip_prefix(MARK).unwrap_or(text);
    let root = CstRootNode::parse(bare, &OPTIONS).map_err(|error| error.to_string())?;
    Ok((bare.len() != text.len(), root))
}

/// An empty file is an empty object; anything else but an object is not ours to replace.
fn top(root: &CstRootNode) -> Result<CstObject, String> {
    root.object_value_or_create()
        .ok_or_else(|| "it does not contain a JSON object".to_owned())
}

/// The object that holds the servers; with `make` it is there afterwards.
fn servers(top: &CstObject, form: Form, make: bool) -> Result<Option<CstObject>, String> {
    let member = match form {
        Form::Json(member) | Form::TypedJson(member) => member,
        Form::Opencode | Form::Toml => "mcp",
    };
    let outer = inside(top, member, make)?;
    // Since its second version opencode also takes the servers one level deeper.
    match outer {
        Some(outer) if form == Form::Opencode && outer.object_value("servers").is_some() => {
            inside(&outer, "servers", make)
        }
        outer => Ok(outer),
    }
}

fn inside(object: &CstObject, member: &str, make: bool) -> Result<Option<CstObject>, String> {
    if !make && object.get(member).is_none() {
        return Ok(None);
    }
    let found = object.object_value_or_create(member);
    found
        .map(Some)
        .ok_or_else(|| format!("`{member}` is not an object"))
}

/// Sets our members and leaves the others.
fn overlay(object: &CstObject, members: &serde_json::Map<String, Value>) {
    for (name, wanted) in members {
        let Some(found) = object.get(name) else {
            object.append(name, input(wanted));
            continue;
        };
        let now = found.value().and_then(|value| value.to_serde_value());
        match (wanted, found.object_value()) {
            (Value::Object(inner), Some(object)) => overlay(&object, inner),
            _ if now.as_ref() == Some(wanted) => {}
            _ => found.set_value(input(wanted)),
        }
    }
}

fn finished(mark: bool, root: &CstRootNode, before: &str) -> String {
    let mut text = root.to_string();
    if before.trim().is_empty() && !text.ends_with('\n') {
        text = format!("{}\n", text.trim_start());
    }
    if mark {
        text.insert(0, MARK);
    }
    text
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(yes) => CstInputValue::Bool(*yes),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(all) => CstInputValue::Array(all.iter().map(input).collect()),
        Value::Object(members) => CstInputValue::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), input(value)))
                .collect(),
        ),
    }
}

#[cfg(fuzzing)]
pub(super) fn fuzzing(text: &str, entry: &Entry) {
    for form in [
        Form::Json("mcpServers"),
        Form::TypedJson("servers"),
        Form::Opencode,
    ] {
        let Ok(with) = put(text, form, entry) else {
            continue;
        };
        assert_eq!(
            put(&with, form, entry).as_ref(),
            Ok(&with),
            "twice: {text:?}"
        );
        let out = take_out(&with, form).expect("what was written can be read");
        assert_eq!(
            take_out(&out, form).as_ref(),
            Ok(&out),
            "out twice: {text:?}"
        );
        let value = |text: &str| read(text).ok().and_then(|(_, root)| root.to_serde_value());
        let had_one = take_out(text, form).ok() != Some(text.to_owned());
        // An entry that was there before is gone with ours; an empty file has become an object.
        if !had_one && let (Some(before), Some(after)) = (value(text), value(&out)) {
            for (name, was) in before.as_object().into_iter().flatten() {
                let now = &after[name.as_str()];
                assert!(
                    now == was || was.is_object(),
                    "{name} of {text:?} became {now}"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form::Json("mcpServers");

    fn entry(home: Option<&str>) -> Entry {
        Entry {
            command: "/bin/kapelle".into(),
            args: vec!["mcp".into()],
            home: home.map(str::to_owned),
        }
    }

    #[test]
    fn comments_order_and_foreign_members_stay() {
        let text = "{\n    // mine\n    \"theme\": \"dark\",\n    \"mcpServers\": {\n        /* keep */\n        \"other\": {\"command\": \"x\"}, // end\n    },\n}\n";
        let new = put(text, FORM, &entry(None)).unwrap();
        insta::assert_snapshot!(new, @r#"
        {
            // mine
            "theme": "dark",
            "mcpServers": {
                /* keep */
                "other": {"command": "x"}, // end
                "kapelle": {
                    "command": "/bin/kapelle",
                    "args": ["mcp"],
                },
            },
        }
        "#);
        assert_eq!(
            put(&new, FORM, &entry(None)).unwrap(),
            new,
            "again: the same"
        );
        assert_eq!(
            take_out(&new, FORM).unwrap().replace(' ', ""),
            text.replace(' ', "")
        );
        assert_eq!(take_out(text, FORM).unwrap(), text);
    }

    #[test]
    fn an_old_entry_is_brought_up_to_date_and_keeps_what_others_added() {
        let text = r#"{"mcpServers": {"kapelle": {"command": "/old", "disabled": true, "env": {"A": "1", "KAPELLE_HOME": "/k"}}}}"#;
        let new: Value = serde_json::from_str(&put(text, FORM, &entry(None)).unwrap()).unwrap();
        assert_eq!(
            new["mcpServers"]["kapelle"],
            serde_json::json!({"command": "/bin/kapelle", "disabled": true, "env": {"A": "1"}, "args": ["mcp"]})
        );
        let moved = put(text, FORM, &entry(Some("/n"))).unwrap();
        let new: Value = serde_json::from_str(&moved).unwrap();
        let env = &new["mcpServers"]["kapelle"]["env"];
        assert_eq!(*env, serde_json::json!({"A": "1", "KAPELLE_HOME": "/n"}));
    }

    #[test]
    fn an_empty_file_is_begun_and_a_broken_one_refused() {
        let new = put("", FORM, &entry(None)).unwrap();
        assert!(new.ends_with("}\n"), "{new:?}");
        let new: Value = serde_json::from_str(&new).unwrap();
        assert_eq!(new["mcpServers"]["kapelle"]["args"][0], "mcp");
        for broken in [
            "{\"a\": }",
            "[1]",
            "{\"mcpServers\": []}",
            "{\"mcpServers\": {\"kapelle\": 1}}",
            "{'a': 1}",
            "{",
        ] {
            assert!(put(broken, FORM, &entry(None)).is_err(), "{broken}");
        }
        let error = put("{\n  \"a\": }", FORM, &entry(None)).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn windows_texts_stay_windows_texts() {
        let text = "\u{feff}{\r\n  \"mcpServers\": {}\r\n}\r\n";
        let new = put(text, FORM, &entry(None)).unwrap();
        assert!(new.starts_with(MARK));
        assert!(!new.replace("\r\n", "").contains('\n'), "{new:?}");
    }

    #[test]
    fn opencode_has_a_form_of_its_own() {
        let new = put("{}", Form::Opencode, &entry(Some("/k"))).unwrap();
        let new: Value = serde_json::from_str(&new).unwrap();
        let wanted = serde_json::json!({"type": "local", "command": ["/bin/kapelle", "mcp"], "enabled": true, "environment": {"KAPELLE_HOME": "/k"}});
        assert_eq!(new["mcp"]["kapelle"], wanted);
        let deeper = put(r#"{"mcp": {"servers": {}}}"#, Form::Opencode, &entry(None)).unwrap();
        let new: Value = serde_json::from_str(&deeper).unwrap();
        assert!(new["mcp"]["servers"]["kapelle"].is_object(), "{deeper}");
    }
}
