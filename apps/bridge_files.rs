//! Lays a bridge out on disk, from what is embedded in the binary.
//!
//! Goes to `bridges/<package>-<hash of the content>/<package>/` in the home folder: another version of
//! the hub has another folder, and a folder that is there is complete, because it is renamed into place.

use std::fs;
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

fn write_all(dir: &Path, files: &[(&str, &str)]) -> std::io::Result<()> {
    for (relative, text) in files {
        let path = dir.join(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
