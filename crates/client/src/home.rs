//! The home folder of Kapelle: where its files are, and that only its owner reads the secret ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wire::{Code, Problem};

use crate::problems;

/// `KAPELLE_HOME`, by default `~/.kapelle`.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// # Errors
    /// When no folder is given and the user has no home folder.
    pub fn new(given: Option<&Path>) -> Result<Self, Box<Problem>> {
        let given = given.filter(|path| !path.as_os_str().is_empty());
        let path = match given {
            Some(path) => path.to_owned(),
            None => std::env::home_dir()
                .filter(|home| !home.as_os_str().is_empty())
                .ok_or_else(|| {
                    problems::new(
                        Code::HOME_UNSAFE,
                        "You have no home folder.",
                        "Say where Kapelle can keep its files: --home DIR or KAPELLE_HOME=DIR",
                    )
                })?
                .join(".kapelle"),
        };
        // The hub runs elsewhere, so a relative path would mean another folder there.
        std::path::absolute(&path)
            .map(Self)
            .map_err(|error| problems::file(&path, "is not a usable path", &error))
    }

    /// Whether it is the one that everybody looks in without being told.
    pub fn is_usual(&self) -> bool {
        std::env::home_dir().is_some_and(|home| home.join(".kapelle") == self.0)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn run_dir(&self) -> PathBuf {
        self.0.join("run")
    }

    pub fn run_file(&self) -> PathBuf {
        self.run_dir().join("hub.json")
    }

    pub fn start_lock(&self) -> PathBuf {
        self.run_dir().join("start.lock")
    }

    /// Locked by a hub for as long as it lives.
    pub fn hub_lock(&self) -> PathBuf {
        self.run_dir().join("hub.lock")
    }

    pub fn hub_log(&self) -> PathBuf {
        self.0.join("logs").join("hub.log")
    }

    pub fn tokens_dir(&self) -> PathBuf {
        self.0.join("tokens")
    }

    pub fn owner_token(&self) -> PathBuf {
        self.tokens_dir().join("owner")
    }

    pub fn demo_dir(&self) -> PathBuf {
        self.0.join("demo")
    }
}

/// Makes a folder and its parents for this user only.
///
/// # Errors
/// When it cannot be made.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Reads a secret, and refuses one that others can read.
///
/// # Errors
/// `unauthenticated` when it cannot be read, `home_unsafe` when others can read it too.
pub fn read_secret(path: &Path) -> Result<String, Box<Problem>> {
    let text = fs::read_to_string(path).map_err(|error| problems::no_token(path, &error))?;
    if let Some(mode) = mode_open_to_others(path) {
        return Err(problems::token_seen_by_others(path, mode));
    }
    Ok(text.trim().to_owned())
}

/// The mode of a file or folder when others than its owner may use it; on systems without modes never.
pub fn mode_open_to_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
