//! A little room that is kept back on the disk of the home, so that a hub starts where there is none left.
//!
//! A start writes little: where the hub is, and the shared index of each store. When the disk has no room for it the
//! reserve is given up; it is taken again when there is room.

use std::io;
use std::path::PathBuf;

use super::problems::is_disk_full;
use super::{Home, write_private};
use crate::limits;

impl Home {
    fn reserve(&self) -> PathBuf {
        self.join("run/reserve")
    }

    /// Makes room; `false` when there was nothing kept back.
    #[must_use]
    pub fn give_up_reserve(&self) -> bool {
        std::fs::remove_file(self.reserve()).is_ok()
    }

    /// Keeps room back, if there is none yet.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_reserve(&self) -> io::Result<()> {
        let path = self.reserve();
        if std::fs::metadata(&path).is_ok_and(|meta| meta.len() >= limits::RESERVE_BYTES as u64) {
            return Ok(());
        }
        write_private(&path, &vec![0x5a; limits::RESERVE_BYTES])
    }

    /// Says where the running hub is. Where there is no room for another file, the one of a hub that was killed is
    /// written over: its place on the disk is enough.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write_hub_file(&self, bytes: &[u8]) -> io::Result<()> {
        use std::io::Write as _;
        let path = self.hub_file();
        match write_private(&path, bytes) {
            Err(error) if is_disk_full(&error) => {
                let mut file = std::fs::OpenOptions::new().write(true).open(&path)?;
                file.write_all(bytes)?;
                file.set_len(bytes.len() as u64)?;
                file.sync_data()
            }
            other => other,
        }
    }

    /// Bytes that are left on the disk; nothing where the system does not say.
    #[must_use]
    pub fn room_bytes(&self) -> Option<u64> {
        #[cfg(unix)]
        {
            let disk = rustix::fs::statvfs(self.root()).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize))
        }
        #[cfg(not(unix))]
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_given_up_once_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        assert!(!home.give_up_reserve());
        home.keep_reserve().unwrap();
        home.keep_reserve().unwrap();
        assert!(home.give_up_reserve());
        assert!(!home.give_up_reserve());
        home.keep_reserve().unwrap();
        assert!(home.room_bytes().is_none_or(|bytes| bytes > 0));
    }
}
