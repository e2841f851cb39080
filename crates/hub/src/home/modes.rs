//! Who may use what lies in the home: only its owner, and a home that was otherwise is mended or refused.
//!
//! In comes the folder; what others could only read is made private again, and told. What others could have changed is
//! refused with the remedy, as nobody knows what they put there: the hub believes its tokens, its settings and its
//! store. A token that others could read is refused as well: it may be known by now.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use wire::{Code, Problem};

use super::problems::{cannot, refuse_others};
use crate::limits;

/// Bits of a mode that let others than the owner in.
const OTHERS: u32 = 0o077;
/// Those that let others change it.
const OTHERS_WRITE: u32 = 0o022;

/// What the hub believes: folders, whose files are looked at as well.
const BELIEVED: [&str; 4] = ["tokens", "run", "run/instances", "store"];
/// Settings.
const SETTINGS: &str = "config.toml";
/// What only has to be private. Files of the second kind are many and lie in their folder.
const KEPT: [(&str, bool); 3] = [("logs", true), ("blobs", false), ("recovery", false)];

/// Makes the home private. Gives what it mended.
///
/// # Errors
/// `home_unsafe` for what others could have changed, or what belongs to somebody else.
pub(super) fn make_private(root: &Path) -> Result<Vec<PathBuf>, Problem> {
    let own = rustix::process::geteuid().as_raw();
    let mut look = Look {
        own,
        // What lies in a folder that nobody else enters, nobody else has changed.
        could_enter: mode(root)? & OTHERS != 0,
        mended: Vec::new(),
    };
    refuse_others(root, OTHERS_WRITE, "chmod 700")?;
    look.at(root, false, 0o700)?;
    for part in BELIEVED {
        let folder = root.join(part);
        look.at(&folder, true, 0o700)?;
        for file in files(&folder)? {
            look.at(&file, true, 0o600)?;
        }
    }
    look.at(&root.join(SETTINGS), true, 0o600)?;
    for (part, with_files) in KEPT {
        let folder = root.join(part);
        look.at(&folder, false, 0o700)?;
        for file in if with_files {
            files(&folder)?
        } else {
            Vec::new()
        } {
            look.at(&file, false, 0o600)?;
        }
    }
    Ok(look.mended)
}

struct Look {
    own: u32,
    could_enter: bool,
    mended: Vec<PathBuf>,
}

impl Look {
    /// One path; nothing when it is not there.
    fn at(&mut self, path: &Path, is_believed: bool, wanted: u32) -> Result<(), Problem> {
        let Ok(meta) = fs::metadata(path) else {
            return Ok(());
        };
        // Root may start a hub in anybody's folder, and then it is that person's.
        if meta.uid() != self.own && self.own != 0 {
            return Err(Problem::new(
                Code::HOME_UNSAFE,
                format!("{} belongs to another user.", path.display()),
            )
            .hint("Set KAPELLE_HOME to a folder of your own."));
        }
        let is_token = path
            .parent()
            .is_some_and(|folder| folder.ends_with("tokens"));
        if is_token && meta.is_file() {
            return refuse_others(path, OTHERS, "chmod 600");
        }
        let mode = meta.permissions().mode();
        if mode & OTHERS == 0 {
            return Ok(());
        }
        if is_believed && self.could_enter {
            refuse_others(path, OTHERS_WRITE, &format!("chmod {wanted:o}"))?;
        }
        let private = fs::Permissions::from_mode(mode & 0o777 & !OTHERS);
        fs::set_permissions(path, private)
            .map_err(|error| cannot(path, "be made private", &error))?;
        self.mended.push(path.to_owned());
        Ok(())
    }
}

fn mode(path: &Path) -> Result<u32, Problem> {
    let meta = fs::metadata(path).map_err(|error| cannot(path, "be read", &error))?;
    Ok(meta.permissions().mode())
}

/// The files of a folder, bounded.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(folder, "be read", &error)),
    };
    let files = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        // A socket or a link to elsewhere is none of ours.
        entry.file_type().ok()?.is_file().then(|| entry.path())
    });
    Ok(files.take(limits::HOME_FILES_LOOKED_AT_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Home;
    use super::*;

    fn home() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("home");
        let home = Home::open(&root).unwrap();
        home.private_dir("store").unwrap();
        home.secret(&home.owner_token_file()).unwrap();
        (dir, root)
    }

    fn put(path: &Path, mode: u32) {
        fs::write(path, b"x").unwrap();
        chmod(path, mode);
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn seen(path: &Path) -> u32 {
        mode(path).unwrap() & 0o777
    }

    #[test]
    fn what_others_could_read_is_made_private_and_told() {
        let (_dir, root) = home();
        let files = [
            "config.toml",
            "logs/kapelle.2026-01-01.log",
            "logs/toy.log",
            "store/history.db",
            "store/history.db-wal",
            "run/hub.json",
            "run/instances/toy.json",
        ];
        for file in files {
            put(&root.join(file), 0o644);
        }
        let folders = [
            "",
            "tokens",
            "run",
            "run/instances",
            "logs",
            "blobs",
            "store",
        ];
        for folder in folders {
            chmod(&root.join(folder), 0o755);
        }
        let home = Home::open(&root).unwrap();
        assert_eq!(home.mended().len(), files.len() + folders.len());
        for file in files {
            assert_eq!(seen(&root.join(file)), 0o600, "{file}");
        }
        for folder in folders {
            assert_eq!(seen(&root.join(folder)), 0o700, "{folder}");
        }
        assert!(Home::open(&root).unwrap().mended().is_empty());
    }

    #[test]
    fn what_others_could_have_changed_is_refused() {
        for (path, at) in [
            ("tokens", 0o777),
            ("run", 0o775),
            ("run/instances", 0o722),
            ("store", 0o770),
            ("config.toml", 0o666),
            ("store/jobs.db", 0o620),
            ("run/instances/x.json", 0o602),
        ] {
            let (_dir, root) = home();
            if path.contains('.') {
                put(&root.join(path), at);
            }
            chmod(&root.join(path), at);
            // As long as nobody could come in, nobody has changed it.
            Home::open(&root).unwrap();
            assert_eq!(seen(&root.join(path)) & OTHERS, 0, "{path}");
            chmod(&root.join(path), at);
            chmod(&root, 0o755);
            let problem = Home::open(&root).unwrap_err();
            assert_eq!(problem.code, Code::HOME_UNSAFE, "{path}");
            assert!(problem.hint.unwrap().contains(path), "{path}");
        }
        let (_dir, root) = home();
        chmod(&root, 0o770);
        assert_eq!(Home::open(&root).unwrap_err().code, Code::HOME_UNSAFE);
    }

    #[test]
    fn every_token_that_others_can_read_is_refused() {
        for name in ["owner", "bridge", "seal", "callers.json"] {
            let (_dir, root) = home();
            let path = root.join("tokens").join(name);
            put(&path, 0o640);
            let problem = Home::open(&root).unwrap_err();
            assert_eq!(problem.code, Code::HOME_UNSAFE, "{name}");
            assert!(
                problem.hint.unwrap().starts_with("Run: chmod 600"),
                "{name}"
            );
        }
    }
}
