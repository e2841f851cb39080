//! `kapelle mcp install`: the entry in clients' files, as a person meets it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::environment::Environment;

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A path of an answer, in which the folder of this run is called `[DIR]`.
fn whole(environment: &Environment, path: &Value) -> PathBuf {
    let dir = environment.path().to_str().unwrap();
    PathBuf::from(path.as_str().unwrap().replace("[DIR]", dir))
}

/// The files of a folder that begin with this name.
fn files(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut all: Vec<PathBuf> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|one| {
            one.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(&name)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_client_gets_its_entry_and_loses_it_again() {
    let environment = Environment::new();
    let names = [
        "claude-desktop",
        "claude-code",
        "cursor",
        "vscode",
        "codex",
        "windsurf",
        "zed",
        "opencode",
        "gemini-cli",
    ];
    let words: Vec<&str> = ["mcp", "install", "--json"]
        .into_iter()
        .chain(names)
        .collect();
    let ran = environment.run(&words);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    let document = ran.document();
    let clients = document["clients"].as_array().unwrap();
    assert_eq!(clients.len(), names.len());
    for client in clients {
        let path = whole(&environment, &client["path"]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(client["changed"], true);
        assert_eq!(client["backup"], Value::Null, "there was nothing");
        assert!(
            text.contains("kapelle") && text.contains("mcp"),
            "{path:?}: {text}"
        );
        assert!(
            text.contains("KAPELLE_HOME"),
            "the home is not the usual one: {text}"
        );
    }
    let again = environment.run(&words).document();
    for client in again["clients"].as_array().unwrap() {
        assert_eq!(client["changed"], false, "{client}");
    }
    let out = environment.run(&["mcp", "uninstall", "--json"]).document();
    assert_eq!(out["clients"].as_array().unwrap().len(), names.len());
    for client in out["clients"].as_array().unwrap() {
        let path = whole(&environment, &client["path"]);
        assert_eq!(client["changed"], true);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("kapelle"), "{path:?}: {text}");
        assert!(whole(&environment, &client["backup"]).is_file());
    }
}

#[test]
fn the_usual_home_is_not_named_and_the_command_is_this_program() {
    let environment = Environment::new();
    let mut command = environment.command(&["mcp", "install", "cursor", "--app", "toy-app"]);
    command.env_remove("KAPELLE_HOME");
    assert!(command.status().unwrap().success());
    let entry = &json(&environment.path().join(".cursor/mcp.json"))["mcpServers"]["kapelle"];
    assert_eq!(
        entry["args"],
        serde_json::json!(["mcp", "--app", "toy-app"])
    );
    assert_eq!(entry.get("env"), None);
    let command = Path::new(entry["command"].as_str().unwrap());
    assert!(command.is_absolute() && command.is_file(), "{command:?}");
}

#[test]
fn without_a_name_those_that_are_here_are_meant() {
    let environment = Environment::new();
    let nobody = environment.run(&["mcp", "install"]);
    assert_eq!(nobody.exit, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("claude-desktop"), "{nobody:?}");

    let cursor = environment.write(".cursor/mcp.json", "{}");
    let shown = environment.run(&["mcp", "install", "--print"]);
    assert!(
        shown.out.contains("Cursor") && shown.out.contains("\"kapelle\""),
        "{shown:?}"
    );
    assert_eq!(
        std::fs::read_to_string(&cursor).unwrap(),
        "{}",
        "only shown"
    );
    assert_eq!(
        environment.run(&["mcp", "install"]).exit,
        Some(0),
        "there is one"
    );
    assert!(json(&cursor)["mcpServers"]["kapelle"].is_object());

    let codex = environment.write(".codex/config.toml", "model = \"x\"\n");
    let several = environment.run(&["mcp", "install"]);
    assert_eq!(several.exit, Some(2), "{several:?}");
    assert!(
        several.err.contains("cursor, codex") && several.err.contains("--all"),
        "{several:?}"
    );
    assert_eq!(std::fs::read_to_string(&codex).unwrap(), "model = \"x\"\n");
    assert_eq!(environment.run(&["mcp", "install", "--all"]).exit, Some(0));
    assert!(
        std::fs::read_to_string(&codex)
            .unwrap()
            .contains("[mcp_servers.kapelle]")
    );
    assert_eq!(files(&codex).len(), 2, "a backup lies beside it");
    let backup = files(&codex).pop().unwrap();
    assert_eq!(std::fs::read_to_string(backup).unwrap(), "model = \"x\"\n");
}

#[test]
fn a_broken_file_keeps_all_files_as_they_are() {
    let environment = Environment::new();
    let good = environment.write(".gemini/settings.json", "{}");
    let broken = environment.write(".cursor/mcp.json", "{\n  \"mcpServers\": {,\n}");
    let ran = environment.run(&["mcp", "install", "gemini-cli", "cursor"]);
    assert_eq!(ran.exit, Some(1), "{ran:?}");
    assert!(
        ran.err.contains("mcp.json") && ran.err.contains("line 2"),
        "{ran:?}"
    );
    assert_eq!(std::fs::read_to_string(&good).unwrap(), "{}");
    assert_eq!(files(&broken).len(), 1, "no backup, no draft");
    let ran = environment.run(&["mcp", "install", "cursor", "--json"]);
    assert_eq!(ran.document()["code"], "config_broken");
}

#[test]
fn a_name_that_is_no_client_is_refused_with_those_that_are() {
    let ran = Environment::new().run(&["mcp", "install", "notepad"]);
    assert_eq!(ran.exit, Some(2), "{ran:?}");
    assert!(
        ran.err.contains("claude-desktop") && ran.err.contains("gemini-cli"),
        "{ran:?}"
    );
}
