//! Which files a caller may use through a command that the hub runs itself.
//!
//! In comes a path; out comes the real one, or `path_refused`. A caller with the scope `code` or `admin` may go
//! anywhere, since such a caller could open any file by code; others may use the home folder, without the places where
//! its secrets and the hub's own state lie, and the folders of `[files] roots`. Bridges are told these ([`FileAccess::folders`]) and
//! keep the same rule inside their programs. It guards against names, not against a race with another process.

use std::path::{Component, Path, PathBuf};

use wire::link::Folders;
use wire::{Code, Problem};

use crate::callers::{Caller, Scope};
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
}

impl FileAccess<'_> {
    /// What every bridge is told when it is let in, and a program that is started before that.
    pub(crate) fn folders(&self) -> Folders {
        let home = self.home.root();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let below = |names: &[&str]| names.iter().map(|name| text(&home.join(name))).collect();
        Folders {
            allowed: std::iter::once(text(home))
                .chain(self.roots.iter().map(|root| text(root)))
                .collect(),
            private: below(&HOME_PRIVATE),
            kept: below(&HOME_KEPT),
        }
    }

    /// The real path of something to read.
    ///
    /// # Errors
    /// `path_refused`.
    pub(crate) fn may_read(&self, caller: &Caller, path: &Path) -> Result<PathBuf, Problem> {
        self.allowed(caller, path, &[&HOME_PRIVATE])
    }

    /// The real path of something to write.
    ///
    /// # Errors
    /// `path_refused`.
    pub(crate) fn may_write(&self, caller: &Caller, path: &Path) -> Result<PathBuf, Problem> {
        self.allowed(caller, path, &[&HOME_PRIVATE, &HOME_KEPT])
    }

    fn allowed(
        &self,
        caller: &Caller,
        path: &Path,
        private: &[&[&str]],
    ) -> Result<PathBuf, Problem> {
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
        if first_below(&home, &real)
            .is_some_and(|name| private.iter().copied().flatten().any(|own| name == *own))
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
}
