//! Which Pythons of this machine really run. A name on PATH may be a shim that fails, so each one is
//! asked for its version before it counts.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A CPython that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    pub path: PathBuf,
    /// Major and minor.
    pub version: (u8, u8),
}

/// Those of the wanted version that can make a virtual environment, in the order found.
#[must_use]
pub fn pythons(wanted: (u8, u8)) -> Vec<Python> {
    let mut found: Vec<Python> = Vec::new();
    for path in candidates(wanted) {
        if found.iter().all(|python| python.path != path)
            && let Some(version) = ask(&path)
            && version == wanted
        {
            found.push(Python { path, version });
        }
    }
    found
}

fn candidates((major, minor): (u8, u8)) -> Vec<PathBuf> {
    let names = [
        format!("python{major}.{minor}"),
        "python3".to_owned(),
        "python".to_owned(),
    ];
    let suffix = if cfg!(windows) { ".exe" } else { "" };
    let mut paths = Vec::new();
    for dir in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        paths.extend(names.iter().map(|name| dir.join(format!("{name}{suffix}"))));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(home?.join(".pyenv")));
    if let Some(versions) = pyenv.map(|root| root.join("versions")) {
        let mut dirs: Vec<PathBuf> = std::fs::read_dir(versions)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with(&format!("{major}.{minor}."))
            })
            .map(|entry| entry.path().join("bin/python3"))
            .collect();
        dirs.sort();
        paths.extend(dirs.into_iter().rev());
    }
    paths.retain(|path| path.is_file());
    paths
}

fn ask(path: &PathBuf) -> Option<(u8, u8)> {
    const QUESTION: &str = "import sys, venv, ensurepip; \
         assert sys.implementation.name == 'cpython'; print(*sys.version_info[:2])";
    let output = Command::new(path)
        .args(["-I", "-c", QUESTION])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
