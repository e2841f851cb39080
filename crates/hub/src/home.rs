//! The home folder: where everything that lasts lies, and who may read it.
//!
//! In comes a path; out come the paths below it, secrets that are read and made here (0600, refused
//! when others can read them), and files that are replaced whole or not at all. Nothing here knows
//! what the files mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use wire::{Code, Problem};

use crate::limits;

#[cfg(unix)]
mod modes;
mod problems;
mod reserve;

pub use problems::{cannot, disk_full, is_disk_full, refuse_others};

/// Paths of one home folder, `KAPELLE_HOME`.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    mended: Arc<[PathBuf]>,
}

impl Home {
    /// Opens the folder, made with mode 0700 when it is not there. What others could read is made private again.
    ///
    /// # Errors
    /// `home_unsafe` when it cannot be made, is no folder, or others could have changed what is in it.
    pub fn open(root: &Path) -> Result<Self, Problem> {
        make_private_dir(root).map_err(|error| cannot(root, "be made", &error))?;
        let root = fs::canonicalize(root).map_err(|error| cannot(root, "be found", &error))?;
        let mended = make_private(&root)?;
        let home = Self {
            root,
            mended: mended.into(),
        };
        for part in ["run", "run/instances", "tokens", "logs", "blobs"] {
            let path = home.root.join(part);
            make_private_dir(&path).map_err(|error| cannot(&path, "be made", &error))?;
        }
        Ok(home)
    }

    /// A folder in the home, made with mode 0700 when it is not there.
    ///
    /// # Errors
    /// `home_unsafe` when it cannot be made.
    pub fn private_dir(&self, part: &str) -> Result<PathBuf, Problem> {
        let path = self.join(part);
        make_private_dir(&path).map_err(|error| cannot(&path, "be made", &error))?;
        Ok(path)
    }

    /// What others could read when it was opened, and cannot any more.
    #[must_use]
    pub fn mended(&self) -> &[PathBuf] {
        &self.mended
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    #[must_use]
    pub fn join(&self, part: &str) -> PathBuf {
        self.root.join(part)
    }

    /// The lock that a running hub holds for as long as it lives; the system lets go of it even after
    /// `kill -9`. A hub that is just stopping is waited for.
    ///
    /// # Errors
    /// `hub_running` when another hub holds it and goes on.
    pub fn lock_hub(&self) -> Result<File, Problem> {
        let path = self.join("run/hub.lock");
        let file = create_private(&path).map_err(|error| cannot(&path, "be made", &error))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(cannot(&path, "be locked", &error)),
        }
        let running = || {
            Problem::new(Code::HUB_RUNNING, format!("A hub is already running for {}.", self.root.display()))
                .hint("See it with `kapelle status`, stop it with `kapelle stop --hub`, or set KAPELLE_HOME to another folder.")
        };
        // A hub takes its file away when it stops, and holds the lock until it is gone.
        if self.hub_file().exists() {
            return Err(running());
        }
        let (locked, wait) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || locked.send(file.lock().map(|()| file)).ok());
        let until = Instant::now() + limits::LEAVE_TIMEOUT;
        loop {
            match wait.recv_timeout(limits::PROCESS_LOOK) {
                Ok(Ok(file)) => return Ok(file),
                Ok(Err(error)) => return Err(cannot(&path, "be locked", &error)),
                // One that was just starting is there by now: it says so by its file.
                Err(_) if self.hub_file().exists() || Instant::now() >= until => {
                    return Err(running());
                }
                Err(_) => {}
            }
        }
    }

    /// Where the running hub says how it is reached.
    #[must_use]
    pub fn hub_file(&self) -> PathBuf {
        self.join("run/hub.json")
    }

    #[must_use]
    pub fn owner_token_file(&self) -> PathBuf {
        self.join("tokens/owner")
    }

    #[must_use]
    pub fn bridge_token_file(&self) -> PathBuf {
        self.join("tokens/bridge")
    }

    /// The secret in a token file; made on first use.
    ///
    /// # Errors
    /// `home_unsafe` when others can read the file, or it cannot be read or made.
    pub fn secret(&self, path: &Path) -> Result<String, Problem> {
        match fs::read_to_string(path) {
            Ok(text) => {
                refuse_others(path, 0o077, "chmod 600")?;
                let text = text.trim().to_owned();
                if text.len() < 32 {
                    return Err(Problem::new(
                        Code::HOME_UNSAFE,
                        format!("The token in {} is too short.", path.display()),
                    )
                    .hint("Delete the file; the hub creates a new one when it starts."));
                }
                Ok(text)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = fresh_token()?;
                write_private(path, secret.as_bytes())
                    .map_err(|error| cannot(path, "be written", &error))?;
                Ok(secret)
            }
            Err(error) => Err(cannot(path, "be read", &error)),
        }
    }
}

/// What every secret that Kapelle makes begins with, so that it is known as one wherever it stands, also when it
/// is good for nothing any more.
pub const TOKEN_PREFIX: &str = "kapelle_";
/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 32;

/// A new secret: the prefix and hexadecimal digits.
///
/// # Errors
/// When the system has no randomness to give.
pub fn fresh_token() -> Result<String, Problem> {
    Ok(format!("{TOKEN_PREFIX}{}", random_hex(TOKEN_BYTES)?))
}

/// `bytes` random bytes as hexadecimal digits.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_hex(bytes: usize) -> Result<String, Problem> {
    let mut raw = vec![0; bytes];
    getrandom::fill(&mut raw).map_err(|error| {
        tracing::error!(%error, "no randomness");
        Problem::new(Code::INTERNAL, "The system provides no random numbers.")
    })?;
    Ok(hex::encode(raw))
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// What the file system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.draft", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = (|| {
        let mut file = create_private(&draft)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        fs::remove_file(&draft).ok();
    }
    written
}

/// A new file with mode 0600, emptied if it is there.
///
/// # Errors
/// What the file system says.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
use modes::make_private;

/// The user's profile folder is private by its access list on Windows.
#[cfg(not(unix))]
fn make_private(_root: &Path) -> Result<Vec<PathBuf>, Problem> {
    Ok(Vec::new())
}

fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_private_and_last() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("home")).unwrap();
        let mode = fs::metadata(home.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let first = home.secret(&home.owner_token_file()).unwrap();
        assert_eq!(first.len(), TOKEN_PREFIX.len() + 2 * TOKEN_BYTES);
        assert_eq!(home.secret(&home.owner_token_file()).unwrap(), first);
        let mode = fs::metadata(home.owner_token_file())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("home")).unwrap();
        home.secret(&home.owner_token_file()).unwrap();
        fs::set_permissions(home.owner_token_file(), fs::Permissions::from_mode(0o644)).unwrap();
        let problem = home.secret(&home.owner_token_file()).unwrap_err();
        assert_eq!(problem.code, Code::HOME_UNSAFE);
        assert!(problem.hint.unwrap().starts_with("Run: chmod 600"));
    }
}
