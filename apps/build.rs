//! Puts each app's command descriptions and bridge into the binary: as lists of `include_str!`, so that
//! what is embedded is what lies in the folders. Tests and caches stay out.
#![expect(clippy::disallowed_macros, reason = "cargo is spoken to on stdout")]

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the licence that a bridge of another licence brings along.
const LICENCE: &str = "LICENSE-GPL";

fn main() -> io::Result<()> {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut text = String::new();
    write_list(&mut text, "BRIDGEKIT", &here.join("bridgekit"), &["py"])?;
    for app in apps(&here)? {
        let name = app.to_uppercase();
        write_list(
            &mut text,
            &format!("{name}_COMMANDS"),
            &here.join(&app).join("commands"),
            &["toml"],
        )?;
        let bridge = here.join(&app).join("bridge");
        if bridge.is_dir() {
            let kinds = ["py", "toml", LICENCE];
            write_list(&mut text, &format!("{name}_BRIDGE"), &bridge, &kinds)?;
        }
    }
    fs::write(out.join("embedded.rs"), text)
}

/// The folders with an `app.toml`. A new one is seen when it gets its line in `lib.rs`.
fn apps(here: &Path) -> io::Result<Vec<String>> {
    println!("cargo::rerun-if-changed={}", here.join("lib.rs").display());
    let mut apps = Vec::new();
    for entry in fs::read_dir(here)? {
        let entry = entry?;
        if entry.path().join("app.toml").is_file() {
            apps.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    apps.sort();
    Ok(apps)
}

/// `kinds`: endings of names, or whole names.
fn write_list(text: &mut String, name: &str, dir: &Path, kinds: &[&str]) -> io::Result<()> {
    let mut files = Vec::new();
    collect(dir, dir, kinds, &mut files)?;
    files.sort();
    writeln!(text, "pub(crate) const {name}: &[(&str, &str)] = &[").map_err(io::Error::other)?;
    for (relative, path) in files {
        writeln!(text, "    ({relative:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    writeln!(text, "];").map_err(io::Error::other)
}

fn collect(
    top: &Path,
    dir: &Path,
    kinds: &[&str],
    files: &mut Vec<(String, PathBuf)>,
) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() {
            if name != "tests" && name != "__pycache__" {
                collect(top, &path, kinds, files)?;
            }
        } else if kinds
            .iter()
            .any(|kind| name == *kind || name.ends_with(&format!(".{kind}")))
        {
            println!("cargo::rerun-if-changed={}", path.display());
            let relative = path.strip_prefix(top).unwrap_or(&path);
            files.push((relative.to_string_lossy().replace('\\', "/"), path.clone()));
        }
    }
    Ok(())
}
