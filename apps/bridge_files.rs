//! Lays a bridge out on disk, from what is embedded in the binary.
//!
//! Goes to `bridges/<package>-<hash of the content>/<package>/` in the home folder: another version of
//! the hub has another folder, and a folder that is there is complete, because it is renamed into place.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hub::home::{Home, random_hex};
use sha2::{Digest as _, Sha256};
use wire::{Code, Problem};

use crate::embedded::BRIDGEKIT;

/// The folder of the package, laid out if it was not there.
pub(crate) fn lay_out(
    home: &Home,
    package: &str,
    bridge: &[(&str, &str)],
) -> Result<PathBuf, Problem> {
    let mut hasher = Sha256::new();
    for (path, text) in bridge.iter().chain(BRIDGEKIT) {
        hasher.update(path.as_bytes());
        hasher.update([0]);
        hasher.update(text.as_bytes());
        hasher.update([0]);
    }
    let hash = hex::encode(&hasher.finalize()[..6]);
    let target = home.join(&format!("bridges/{package}-{hash}"));
    let package_dir = target.join(package);
    if package_dir.is_dir() {
        return Ok(package_dir);
    }
    let draft = home.join(&format!("bridges/{package}-{hash}.{}", random_hex(4)?));
    let written = write_all(&draft.join(package), bridge)
        .and_then(|()| write_all(&draft.join(package).join("bridgekit"), BRIDGEKIT))
        .and_then(|()| fs::rename(&draft, &target));
    match written {
        Ok(()) => Ok(package_dir),
        // Somebody else was faster.
        Err(_) if package_dir.is_dir() => {
            fs::remove_dir_all(&draft).ok();
            Ok(package_dir)
        }
        Err(error) => {
            fs::remove_dir_all(&draft).ok();
            if hub::home::is_disk_full(&error) {
                return Err(hub::home::disk_full(&target));
            }
            Err(Problem::new(
                Code::START_FAILED,
                format!(
                    "The bridge's files cannot be written to {}: {error}.",
                    target.display()
                ),
            )
            .hint("Check the permissions of the home folder and the space on its disk."))
        }
    }
}

/// Folders that only their owner can enter, as far as they are not there.
fn create_private_dirs(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn write_all(dir: &Path, files: &[(&str, &str)]) -> std::io::Result<()> {
    for (relative, text) in files {
        let path = dir.join(relative);
        if let Some(parent) = path.parent() {
            create_private_dirs(parent)?;
        }
        // Whatever the umask: what is run here is not for others to change.
        hub::home::create_private(&path)?.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn others_cannot_even_read_them() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("bridge");
        write_all(&dir, &[("boot.py", "1"), ("commands/file.py", "2")]).unwrap();
        for path in ["", "commands", "boot.py", "commands/file.py"] {
            let mode = fs::metadata(dir.join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{path}");
        }
    }
}
