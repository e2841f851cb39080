//! Which files a caller may use through a command that the hub runs itself.
//!
//! In comes a path; out comes the real one, or `path_refused`. A caller with the scope `code` or `admin` may go
//! anywhere, since such a caller could open any file by code; others may use the home folder, without the places where
//! its secrets and the hub's own state lie (programs that the home holds may only be read), and the folders of
//! `[files] roots`. Bridges are told these ([`FileAccess::folders`]) and
//! keep the same rule inside their programs. It guards against names, not against a race with another process.

use std::path::{Component, Path, PathBuf};

use wire::link::Folders;
use wire::{Code, Problem};

use crate::callers::{Caller, Scope};
use crate::catalog::Catalog;
use crate::home::Home;

/// What in the home folder is the hub's own.
pub(crate) const HOME_PRIVATE: [&str; 9] = [
    "tokens",
    "run",
    "logs",
    "blobs",
    "bridges",
    "journal",
    "store",
    "config.toml",
    "jobs",
];
/// Kept for the owner: may be opened, but not written over.
pub(crate) const HOME_KEPT: [&str; 1] = ["recovery"];

/// The folders that callers may use.
pub(crate) struct FileAccess<'a> {
    pub(crate) home: &'a Home,
    /// `[files] roots` of the configuration.
    pub(crate) roots: &'a [PathBuf],
    /// Whose apps have folders in the home, with programs that everybody runs.
    pub(crate) catalog: &'a Catalog,
}

impl FileAccess<'_> {
    /// What every bridge is told when it is let in, and a program that is started before that.
    pub(crate) fn folders(&self) -> Folders {
        let home = self.home.root();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let below = |name: &str| text(&home.join(name));
        Folders {
            allowed: std::iter::once(text(home))
                .chain(self.roots.iter().map(|root| text(root)))
                .collect(),
            private: HOME_PRIVATE.iter().map(|name| below(name)).collect(),
            kept: self.kept().iter().map(|name| below(name)).collect(),
        }
    }

    /// The real path of something to read.
    ///
    /// # Errors
    /// `path_refused`.
    pub(crate) fn may_read(&self, caller: &Caller, path: &Path) -> Result<PathBuf, Problem> {
        self.allowed(caller, path, &[])
    }

    /// The real path of something to write.
    ///
    /// # Errors
    /// `path_refused`.
    pub(crate) fn may_write(&self, caller: &Caller, path: &Path) -> Result<PathBuf, Problem> {
        self.allowed(caller, path, &self.kept())
    }

    /// What may be opened but not written over: kept for the owner, or programs that others run.
    fn kept(&self) -> Vec<String> {
        let kept = HOME_KEPT.iter().map(|name| (*name).to_owned());
        let apps = self.catalog.apps();
        let apps = apps.iter().filter(|entry| entry.app.is_some());
        kept.chain(apps.map(|entry| entry.id.as_str().to_lowercase()))
            .collect()
    }

    fn allowed(&self, caller: &Caller, path: &Path, kept: &[String]) -> Result<PathBuf, Problem> {
        let real = real(&self.home.root().join(path));
        if caller.scopes.has(Scope::Code) || caller.scopes.has(Scope::Admin) {
            return Ok(real);
        }
        let refused = |why: String| {
            let told = self.folders().allowed;
            Problem::new(Code::PATH_REFUSED, why)
                .hint(format!(
                    "Allowed folders: {}. To add more, set `roots` under `[files]` in Kapelle's config.toml.",
                    told.join(", ")
                ))
                .detail("path", real.display().to_string())
        };
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(refused(format!(
                "The path {} contains `..`.",
                path.display()
            )));
        }
        let home = self::real(self.home.root());
        let is_own = |name: &String| HOME_PRIVATE.contains(&name.as_str()) || kept.contains(name);
        if first_below(&home, &real).is_some_and(|name| is_own(&name))
            || is_another_name_of_own(&home, &real)
        {
            return Err(refused(format!(
                "{} belongs to the hub itself.",
                real.display()
            )));
        }
        let mut roots = self.roots.iter().map(|root| self::real(root));
        if real.starts_with(&home) || roots.any(|root| real.starts_with(root)) {
            return Ok(real);
        }
        Err(refused(format!(
            "{} is outside the folders this caller may use.",
            real.display()
        )))
    }
}

/// The first name below a folder, without what some file systems do not tell apart: case, dots at its end, streams.
fn first_below(folder: &Path, path: &Path) -> Option<String> {
    let name = path.strip_prefix(folder).ok()?.components().next()?;
    let name = name.as_os_str().to_string_lossy().to_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    Some(name.trim_end_matches(['.', ' ']).to_owned())
}

/// Whether it is a hard link to a file in one of the hub's own places.
#[cfg(unix)]
fn is_another_name_of_own(home: &Path, real: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(found) = real.metadata() else {
        return false;
    };
    if found.nlink() < 2 || !found.is_file() {
        return false;
    }
    let is_it = |path: &Path| {
        let own = path.symlink_metadata();
        own.is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()))
    };
    let mut left: Vec<PathBuf> = HOME_PRIVATE.iter().map(|name| home.join(name)).collect();
    while let Some(path) = left.pop() {
        if is_it(&path) {
            return true;
        }
        let is_folder = path.symlink_metadata().is_ok_and(|own| own.is_dir());
        let inside = is_folder.then(|| path.read_dir().ok()).flatten();
        left.extend(inside.into_iter().flatten().flatten().map(|one| one.path()));
    }
    false
}

#[cfg(not(unix))]
fn is_another_name_of_own(_home: &Path, _real: &Path) -> bool {
    false
}

/// Without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut there = path;
    loop {
        if let Ok(found) = there.canonicalize() {
            return missing
                .iter()
                .rev()
                .fold(found, |path: PathBuf, part| path.join(part));
        }
        let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else {
            return path.to_owned();
        };
        missing.push(name);
        there = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_place_has_other_spellings() {
        let home = Path::new("/home/k");
        for spelled in [
            "tokens",
            "Tokens",
            "TOKENS",
            "tokens.",
            "tokens ",
            "tokens::$DATA",
        ] {
            let found = first_below(home, &home.join(spelled).join("owner"));
            assert_eq!(found.as_deref(), Some("tokens"), "{spelled}");
        }
        assert_eq!(first_below(home, Path::new("/home/other/tokens")), None);
        assert_eq!(first_below(home, home), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_hard_link_of_something_private_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(home.join("tokens/more")).unwrap();
        std::fs::write(home.join("tokens/more/owner"), "secret").unwrap();
        std::fs::write(home.join("mine"), "mine").unwrap();
        std::fs::hard_link(home.join("mine"), home.join("mine too")).unwrap();
        std::fs::hard_link(home.join("tokens/more/owner"), home.join("harmless.png")).unwrap();
        assert!(is_another_name_of_own(&home, &home.join("harmless.png")));
        assert!(!is_another_name_of_own(&home, &home.join("mine too")));
        assert!(!is_another_name_of_own(&home, &home.join("not there")));
    }
}
