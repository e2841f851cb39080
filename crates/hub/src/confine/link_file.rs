//! How a confined bridge finds the hub: an open file with the address and a secret that is good for its launch alone.
//!
//! The bridge cannot open the file itself, nor write it: it is given the descriptor. A hub that comes later writes its own
//! address into the same file. The secret is made from the bridge token and the launch, so that no hub has to keep it,
//! and whoever has it can be that one launch and nothing else.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;

use crate::home::{Home, create_private};

/// The whole file, in bytes: the same for every hub, so that it is written over in one piece.
const FILE_BYTES: usize = 512;

/// The secret of a launch.
#[must_use]
pub(crate) fn secret(bridge_token: &str, launch: &str) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(bridge_token.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("kapelle-confined-1:{launch}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The folder of a launch: its process's own, with the file beside it.
pub(crate) fn folder(home: &Home, launch: &str) -> PathBuf {
    home.join("run/confined").join(launch)
}

pub(crate) fn path(home: &Home, launch: &str) -> PathBuf {
    home.join("run/confined").join(format!("{launch}.link"))
}

/// Writes the file for a new launch.
pub(crate) fn make(home: &Home, launch: &str, token: &str, hub: SocketAddr) -> io::Result<PathBuf> {
    let path = path(home, launch);
    write(&create_private(&path)?, launch, token, hub)?;
    Ok(path)
}

/// Tells the process of an earlier hub where this one is. The file stays the same one: the process has it open.
pub(crate) fn renew(home: &Home, launch: &str, token: &str, hub: SocketAddr) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path(home, launch))?;
    write(&file, launch, token, hub)
}

/// Removes what a launch had to itself. May block for a full folder.
pub(crate) fn remove(home: &Home, launch: &str) {
    std::fs::remove_file(path(home, launch)).ok();
    std::fs::remove_dir_all(folder(home, launch)).ok();
}

/// Removes what launches that live no more have left.
pub(crate) fn keep_only(home: &Home, launches: &[String]) {
    let entries = std::fs::read_dir(home.join("run/confined"))
        .into_iter()
        .flatten();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let launch = name.trim_end_matches(".link");
        if !launches.iter().any(|one| one == launch) {
            remove(home, launch);
        }
    }
}

fn write(file: &File, launch: &str, token: &str, hub: SocketAddr) -> io::Result<()> {
    let told = json!({
        "bridge": hub.to_string(),
        "launch": launch,
        "secret": secret(token, launch),
    });
    let mut text = told.to_string().into_bytes();
    text.resize(FILE_BYTES, b' ');
    write_at_start(file, &text)
}

#[cfg(unix)]
fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut file, bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_good_for_one_launch_and_one_token() {
        let one = secret("token", "a");
        assert_eq!(one, secret("token", "a"));
        assert_ne!(one, secret("token", "b"));
        assert_ne!(one, secret("another", "a"));
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn a_hub_that_comes_later_writes_into_the_same_file() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        home.private_dir("run/confined").unwrap();
        let path = make(&home, "abc", "token", "127.0.0.1:1".parse().unwrap()).unwrap();
        let before = std::fs::metadata(&path).unwrap().ino();
        renew(&home, "abc", "token", "127.0.0.1:65535".parse().unwrap()).unwrap();
        let told: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(told["bridge"], "127.0.0.1:65535");
        assert_eq!(told["secret"], secret("token", "abc"));
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!((after.ino(), after.len()), (before, 512));
        make(&home, "old", "token", "127.0.0.1:1".parse().unwrap()).unwrap();
        keep_only(&home, &["abc".to_owned()]);
        assert!(path.exists() && !self::path(&home, "old").exists());
    }
}
