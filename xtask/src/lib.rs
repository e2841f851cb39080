//! What is generated, from where each thing is described once, and the tests of the whole tree.

use std::path::{Path, PathBuf};

#[cfg(test)]
mod bounds;
mod commands;
mod limits;
mod problems;
#[cfg(test)]
mod tidy;

/// The files that are generated, by their path from the root, with their text.
#[must_use]
pub fn generated() -> Vec<(String, String)> {
    let blender = wire::AppId::new("blender");
    let specs = apps::blender::commands();
    let openapi = doors::openapi::document(&[(blender, specs.clone())]);
    let openapi = serde_json::to_string_pretty(&openapi).unwrap_or_default() + "\n";
    vec![
        (
            "docs/reference/blender-commands.md".to_owned(),
            commands::page("Blender", "blender", &specs),
        ),
        ("docs/reference/problems.md".to_owned(), problems::page()),
        ("docs/reference/limits.md".to_owned(), limits::page(&root())),
        ("docs/reference/openapi.json".to_owned(), openapi),
        ("docs/reference/cli.md".to_owned(), cli::reference()),
    ]
}

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

#[cfg(test)]
mod tests {
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
