//! Which Blenders are on this machine.
//!
//! In the order of trust: `KAPELLE_BLENDER`, PATH, the usual places of the operating system, wheels that
//! we set up. Only files are looked at; a program is run by [`version_of`] alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hub::home::Home;

use super::environment::environment;
use super::wheel;
use crate::running::run_within;

/// A cold Blender on a busy machine says its version within seconds; one that hangs never does.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// A Blender that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The program, or for a module the Python that has it.
    pub path: PathBuf,
    pub kind: Kind,
    /// Where it was found, for people.
    pub from: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Blender itself.
    Program,
    /// A Python with the `bpy` wheel.
    Module,
}

/// The one that `kapelle start blender` takes.
#[must_use]
pub fn find(home: &Home) -> Option<Found> {
    find_all(home).into_iter().next()
}

/// All of them, best first, each path once.
#[must_use]
pub fn find_all(home: &Home) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut add = |path: PathBuf, from: &str| {
        if is_program(&path) && all.iter().all(|found| found.path != path) {
            let kind = if is_python(&path) {
                Kind::Module
            } else {
                Kind::Program
            };
            all.push(Found {
                path,
                kind,
                from: from.to_owned(),
            });
        }
    };
    if let Some(path) = std::env::var_os("KAPELLE_BLENDER") {
        add(PathBuf::from(path), "KAPELLE_BLENDER");
    }
    for dir in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        add(dir.join(program_name()), "PATH");
    }
    for path in usual_places() {
        add(path, "the usual places");
    }
    for python in wheel::installed(home) {
        add(python, "set up by kapelle");
    }
    all
}

/// The Blenders themselves, without wheels, each program once however many names lead to it.
#[must_use]
pub fn programs(home: &Home) -> Vec<Found> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut all = find_all(home);
    all.retain(|found| {
        let real = std::fs::canonicalize(&found.path).unwrap_or_else(|_| found.path.clone());
        let keep = found.kind == Kind::Program && !seen.contains(&real);
        seen.push(real);
        keep
    });
    all
}

/// What a person named by its path.
#[must_use]
pub(super) fn at(path: PathBuf) -> Found {
    Found {
        kind: if is_python(&path) {
            Kind::Module
        } else {
            Kind::Program
        },
        path,
        from: "asked for".into(),
    }
}

/// What the program says of its version; runs it, so it takes a second. Nothing when it does not run, or
/// says nothing in time.
#[must_use]
pub fn version_of(found: &Found) -> Option<String> {
    let args: &[&str] = match found.kind {
        Kind::Program => &["--background", "--version"],
        // Wheels may hang in their own clean-up.
        Kind::Module => &[
            "-c",
            "import bpy, os; print('Blender', bpy.app.version_string, flush=True); os._exit(0)",
        ],
    };
    let mut command = Command::new(&found.path);
    command.args(args).envs(environment(&found.path));
    let ended = run_within(&mut command, VERSION_LIMIT).ok()?;
    let mut lines = ended.output.lines();
    let line = lines.find(|line| line.starts_with("Blender "))?;
    Some(line.trim_start_matches("Blender ").trim().to_owned())
}

fn is_program(path: &Path) -> bool {
    path.is_absolute() && path.is_file()
}

pub(super) fn is_python(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with("python"))
}

fn program_name() -> &'static str {
    if cfg!(windows) {
        "blender.exe"
    } else {
        "blender"
    }
}

/// Newer versions first.
fn usual_places() -> Vec<PathBuf> {
    let home =
        std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    let mut places = Vec::new();
    if cfg!(target_os = "macos") {
        places.push(PathBuf::from(
            "/Applications/Blender.app/Contents/MacOS/Blender",
        ));
        places
            .extend(home.map(|home| home.join("Applications/Blender.app/Contents/MacOS/Blender")));
    } else if cfg!(windows) {
        for variable in ["ProgramFiles", "ProgramFiles(x86)"] {
            let Some(root) = std::env::var_os(variable) else {
                continue;
            };
            let root = PathBuf::from(root);
            places.extend(below(
                &root.join("Blender Foundation"),
                "Blender ",
                program_name(),
            ));
            places.push(
                root.join("Steam/steamapps/common/Blender")
                    .join(program_name()),
            );
        }
    } else {
        let roots = [
            Some(PathBuf::from("/opt")),
            home.clone(),
            home.map(|h| h.join("Applications")),
        ];
        places.extend(
            roots
                .into_iter()
                .flatten()
                .flat_map(|root| below(&root, "blender", "blender")),
        );
        places.push(PathBuf::from("/snap/bin/blender"));
        places.push(PathBuf::from(
            "/var/lib/flatpak/exports/bin/org.blender.Blender",
        ));
    }
    places
}

/// `root/<prefix…>/<program>`, the last names first.
fn below(root: &Path, prefix: &str, program: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    dirs.sort();
    dirs.reverse();
    dirs.into_iter().map(|dir| dir.join(program)).collect()
}
