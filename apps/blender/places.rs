//! What a confined Blender has to read and run: its program and its libraries, and nothing that lies beside them.

use std::path::{Path, PathBuf};

/// In the folder of a Python, or of an environment made from one.
const OF_PYTHON: [&str; 6] = ["bin", "lib", "lib64", "include", "share", "pyvenv.cfg"];
/// In the folder of a Blender, beside `4.5` and the like.
const OF_BLENDER: [&str; 5] = ["lib", "libs", "python", "scripts", "datafiles"];

/// Of Blender itself.
pub(super) fn of_program(program: &Path) -> Vec<PathBuf> {
    let real = program
        .canonicalize()
        .unwrap_or_else(|_| program.to_owned());
    let mut all = vec![real.clone()];
    let Some(folder) = real.parent() else {
        return all;
    };
    all.extend(OF_BLENDER.iter().map(|name| folder.join(name)));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let versions = entries.filter(|entry| is_version(&entry.file_name().to_string_lossy()));
    all.extend(versions.map(|entry| entry.path()));
    all
}

/// Of a Python that has the wheel: its environment, and the Python that it was made from.
pub(super) fn of_python(python: &Path) -> Vec<PathBuf> {
    let mut prefixes = Vec::new();
    let environment = python.parent().and_then(Path::parent);
    if let Some(environment) = environment {
        let told = std::fs::read_to_string(environment.join("pyvenv.cfg")).unwrap_or_default();
        let home = told.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "home").then(|| PathBuf::from(value.trim()))
        });
        prefixes.push(environment.to_owned());
        prefixes.extend(home.and_then(|bin| prefix_of(&bin)));
    }
    let real = python.canonicalize().unwrap_or_else(|_| python.to_owned());
    prefixes.extend(real.parent().and_then(prefix_of));
    let parts = |prefix: &PathBuf| OF_PYTHON.map(|name| prefix.join(name));
    prefixes.iter().flat_map(parts).collect()
}

/// The folder of a Python, from that of its program.
fn prefix_of(bin: &Path) -> Option<PathBuf> {
    let real = bin.canonicalize().ok()?;
    Some(real.parent()?.to_owned())
}

fn is_version(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    name.split_once('.')
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn made(root: &Path, folders: &[&str]) {
        for folder in folders {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
    }

    #[test]
    fn of_a_blender_its_own_parts_and_not_the_folder_that_it_lies_in() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        made(&root, &["lib", "4.5", "work", "4.x"]);
        std::fs::write(root.join("blender"), "").unwrap();
        let places = of_program(&root.join("blender"));
        for wanted in ["blender", "lib", "4.5"] {
            assert!(places.contains(&root.join(wanted)), "{wanted}");
        }
        for other in ["", "work", "4.x"] {
            assert!(!places.contains(&root.join(other)), "{other}");
        }
    }

    #[test]
    fn of_an_environment_its_parts_and_those_of_the_python_it_was_made_from() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        made(&root, &["base/bin", "base/lib", "env/bin", "env/lib"]);
        std::fs::write(root.join("base/bin/python3.11"), "").unwrap();
        std::os::unix::fs::symlink(
            root.join("base/bin/python3.11"),
            root.join("env/bin/python"),
        )
        .unwrap();
        let told = format!(
            "home = {}\nversion = 3.11\n",
            root.join("base/bin").display()
        );
        std::fs::write(root.join("env/pyvenv.cfg"), told).unwrap();
        let places = of_python(&root.join("env/bin/python"));
        for wanted in [
            "env/bin",
            "env/lib",
            "env/pyvenv.cfg",
            "base/bin",
            "base/lib",
        ] {
            assert!(places.contains(&root.join(wanted)), "{wanted}");
        }
        assert!(!places.contains(&root.join("env")) && !places.contains(&root.join("base")));
    }
}
