//! What is generated, from where each thing is described once, and the tests of the whole tree.

use std::path::{Path, PathBuf};

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod circles;
mod commands;
pub mod graph;
mod limits;
mod openapi;
mod problems;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod tidy;

/// The files that are generated, by their path from the root, with their text.
#[must_use]
pub fn generated() -> Vec<(String, String)> {
    let apps = apps::all();
    let described: Vec<_> = apps.iter().map(|app| (app.id(), app.commands())).collect();
    let openapi = openapi::page(&doors::openapi::document(&described));
    let pages = apps.iter().zip(&described).map(|(app, (id, specs))| {
        (
            format!("docs/reference/{id}-commands.md"),
            commands::page(app.title(), id.as_str(), specs),
        )
    });
    let mut all: Vec<(String, String)> = pages.collect();
    all.extend([
        ("docs/reference/problems.md".to_owned(), problems::page()),
        ("docs/reference/limits.md".to_owned(), limits::page(&root())),
        ("docs/reference/openapi.json".to_owned(), openapi),
        ("docs/reference/cli.md".to_owned(), cli::reference()),
    ]);
    all
}

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Rust and Python below a folder.
pub(crate) fn below(dir: &Path) -> Vec<PathBuf> {
    let is_source = |path: &PathBuf| {
        let extension = path.extension();
        extension.is_some_and(|extension| extension == "rs" || extension == "py")
    };
    files_below(dir).into_iter().filter(is_source).collect()
}

/// All files below a folder that people wrote.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !path.is_dir() {
            found.push(path);
        } else if !matches!(
            &*name,
            "target" | "__pycache__" | "node_modules" | ".pytest_cache"
        ) {
            found.extend(files_below(&path));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    /// Places of schemas of lists that do not say what is in them: some clients refuse a whole tool for one.
    fn lists_of_nothing(at: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                let is_list = |kind: &Value| {
                    kind == "array"
                        || kind
                            .as_array()
                            .is_some_and(|all| all.contains(&"array".into()))
                };
                if members.get("type").is_some_and(is_list) && !members.contains_key("items") {
                    found.push(at.to_owned());
                }
                for (name, member) in members {
                    lists_of_nothing(&format!("{at}/{name}"), member, found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    lists_of_nothing(&format!("{at}/{index}"), item, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_list_says_what_is_in_it() {
        let mut found = Vec::new();
        for app in apps::all() {
            for spec in app.commands() {
                lists_of_nothing(&spec.name, &json!(spec), &mut found);
            }
            for tool in doors::mcp::listed(&app.commands()) {
                lists_of_nothing(&tool["name"].to_string(), &tool, &mut found);
            }
        }
        let document = super::generated()
            .into_iter()
            .find(|(path, _)| path.ends_with(".json"));
        let document: Value = serde_json::from_str(&document.unwrap().1).unwrap();
        lists_of_nothing("openapi", &document, &mut found);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn nothing_generated_is_stale() {
        let stale: Vec<String> = super::generated()
            .into_iter()
            .filter(|(path, text)| {
                std::fs::read_to_string(super::root().join(path))
                    .ok()
                    .as_ref()
                    != Some(text)
            })
            .map(|(path, _)| path)
            .collect();
        assert!(stale.is_empty(), "stale, run `cargo xtask gen`: {stale:?}");
    }
}
