//! Rules of the house that no compiler holds.

use std::path::{Path, PathBuf};

use crate::{below, files_below, root};

/// Apps that have no folder here, and what apps are also called.
const OTHER_NAMES: [&str; 4] = ["bpy", "comfyui", "touchdesigner", "ableton"];

/// Longest file, in lines: a room that one can still see through.
const FILE_LINES_MAX: usize = 800;

#[test]
fn files_are_small_rooms() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter_map(|path| {
            let lines = std::fs::read_to_string(&path).ok()?.lines().count();
            (lines > FILE_LINES_MAX).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "over {FILE_LINES_MAX} lines: {long:#?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let is_python = path.extension().is_some_and(|extension| extension == "py");
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_test =
                name == "tests.rs" || path.components().any(|part| part.as_os_str() == "tests");
            let is_verb = ["cli/src/commands/", "/verbs/"]
                .iter()
                .any(|folder| path.to_string_lossy().contains(folder));
            let first = text
                .lines()
                .find(|line| !line.trim().is_empty() && !line.starts_with('#'));
            let says = first.is_none_or(|line| {
                if is_python {
                    line.starts_with("\"\"\"") || line.starts_with("r\"\"\"")
                } else {
                    line.starts_with("//!")
                }
            });
            !(says || is_test || is_verb)
        })
        .collect();
    assert!(silent.is_empty(), "no module doc: {silent:#?}");
}

/// Code, comments, tests and what they compare with: whoever adds an app finds nothing to do in `crates/`.
#[test]
fn nothing_in_crates_names_an_app() {
    let ours = std::fs::read_dir(root().join("apps")).into_iter().flatten();
    let ours = ours
        .flatten()
        .filter(|entry| entry.path().join("app.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: Vec<String> = ours.chain(OTHER_NAMES.map(str::to_owned)).collect();
    let mut named = Vec::new();
    for path in files_below(&root().join("crates")) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let mut words = lower.split(|c: char| !c.is_alphabetic());
            let is_name = |word: &str| names.iter().any(|name| name == word.trim_end_matches('s'));
            if words.any(is_name) {
                named.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(named.is_empty(), "{}", named.join("\n"));
}

#[test]
fn only_doors_know_http_and_only_the_hub_knows_tokio_below_them() {
    let manifest = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(!manifest("crates/wire/Cargo.toml").contains("tokio"));
    for path in [
        "crates/wire/Cargo.toml",
        "crates/hub/Cargo.toml",
        "crates/store/Cargo.toml",
        "apps/Cargo.toml",
    ] {
        assert!(!manifest(path).contains("axum"), "{path}");
    }
    assert!(!manifest("crates/hub/Cargo.toml").contains("rusqlite"));
    assert!(!manifest("crates/doors/Cargo.toml").contains("apps"));
    assert!(!manifest("apps/Cargo.toml").contains("doors"));
}

#[test]
fn no_test_file_is_forgotten() {
    for main in sources()
        .into_iter()
        .filter(|path| path.ends_with("tests/it/main.rs"))
    {
        let text = std::fs::read_to_string(&main).unwrap_or_default();
        for path in std::fs::read_dir(main.parent().unwrap_or(Path::new(".")))
            .unwrap()
            .flatten()
        {
            let stem = path
                .path()
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_rust = path
                .path()
                .extension()
                .is_some_and(|extension| extension == "rs");
            assert!(
                !is_rust || stem == "main" || text.contains(&format!("mod {stem};")),
                "{} is not in {}",
                path.path().display(),
                main.display()
            );
        }
    }
}

/// A bridge's problems are in the one table too.
#[test]
fn python_problems_have_codes_of_the_table() {
    for path in below(&root().join("apps")) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for made in text.split("Problem(").skip(1) {
            let Some(code) = made
                .trim_start()
                .strip_prefix('"')
                .and_then(|rest| rest.split('"').next())
            else {
                continue;
            };
            let known = wire::problem::TABLE.iter().any(|row| row.code == code);
            assert!(
                known,
                "{}: `{code}` is not in crates/wire/src/problem.rs",
                path.display()
            );
        }
    }
}

/// Rust and Python that people wrote.
fn sources() -> Vec<PathBuf> {
    ["crates", "apps", "xtask", "bench", "clients"]
        .iter()
        .flat_map(|dir| below(&root().join(dir)))
        .collect()
}
