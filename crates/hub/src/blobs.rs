//! Bytes named by their hash: too large or not fit for JSON.
//!
//! In come bytes in pieces; out comes `sha256:…`. Files lie in `blobs/`, written beside and renamed,
//! so that a name always has its whole content. What is being written counts like what is there: the least recently used
//! go when the sum is over the bound, and drafts may have a part of it only, so that they never push all else
//! out. Blocking: callers on the runtime use `spawn_blocking` for anything large.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use wire::{Code, Problem};

use crate::home::{create_private, disk_full, is_disk_full};
use crate::limits;

/// The store of one home.
pub struct Blobs {
    dir: PathBuf,
    next_draft: AtomicU64,
    /// Guards the sweep too.
    room: Mutex<Room>,
}

/// Bytes on the disk, as far as known.
#[derive(Default)]
struct Room {
    stored: u64,
    /// Of blobs that are being written.
    drafts: u64,
}

impl Blobs {
    #[must_use]
    pub fn open(dir: PathBuf) -> Self {
        let mut stored = 0;
        for (path, meta) in files(&dir) {
            // Drafts of a hub that was killed.
            if path
                .extension()
                .is_some_and(|extension| extension == "draft")
            {
                fs::remove_file(&path).ok();
            } else {
                stored += meta.len();
            }
        }
        Self {
            dir,
            next_draft: AtomicU64::new(0),
            room: Mutex::new(Room { stored, drafts: 0 }),
        }
    }

    /// A blob to be written piece by piece.
    ///
    /// # Errors
    /// What the disk says.
    pub fn draft(self: &Arc<Self>) -> Result<Draft, Problem> {
        let number = self.next_draft.fetch_add(1, Ordering::Relaxed);
        let path = self
            .dir
            .join(format!("{}-{number}.draft", std::process::id()));
        let file = create_private(&path).map_err(|error| cannot(&path, &error))?;
        Ok(Draft {
            blobs: Arc::clone(self),
            path,
            file,
            hasher: Sha256::new(),
            bytes: 0,
            kept: false,
        })
    }

    /// Where a blob lies, if it is there. Marks it as used.
    ///
    /// # Errors
    /// `blob_unknown`, also for what is no blob's name.
    pub fn path(&self, name: &str) -> Result<PathBuf, Problem> {
        let unknown = || {
            Problem::new(Code::BLOB_UNKNOWN, format!("There is no blob `{name}`."))
                .hint("Store it again: blobs that have not been used for a long time are dropped.")
        };
        let digits = name.strip_prefix("sha256:").unwrap_or_default();
        if digits.len() != 64
            || !digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(unknown());
        }
        let path = self.dir.join(digits);
        let file = File::open(&path).map_err(|_| unknown())?;
        file.set_modified(SystemTime::now()).ok();
        Ok(path)
    }

    /// Names of blobs whose digits begin so.
    #[must_use]
    pub fn like(&self, digits: &str, limit: usize) -> Vec<String> {
        let names = files(&self.dir).filter_map(|(path, _)| {
            let name = path.file_name()?.to_str()?;
            let is_blob = name.len() == 64 && name.starts_with(digits);
            is_blob.then(|| format!("sha256:{name}"))
        });
        names.take(limit).collect()
    }

    /// Takes a blob away; `false` when it was not there.
    #[must_use]
    pub fn remove(&self, name: &str) -> bool {
        let Ok(path) = self.path(name) else {
            return false;
        };
        let bytes = fs::metadata(&path).map_or(0, |meta| meta.len());
        let removed = fs::remove_file(&path).is_ok();
        if removed {
            let mut room = self.lock();
            room.stored = room.stored.saturating_sub(bytes);
        }
        removed
    }

    /// Room for more bytes of drafts.
    fn reserve(&self, bytes: u64) -> Result<(), Problem> {
        let mut room = self.lock();
        if room.drafts + bytes > limits::BLOB_DRAFTS_BYTES_MAX {
            return Err(Problem::new(
                Code::STORE_BUSY,
                format!(
                    "The blobs being written add up to {} bytes; the most is {}.",
                    room.drafts,
                    limits::BLOB_DRAFTS_BYTES_MAX
                ),
            )
            .hint("Try again when others have finished."));
        }
        room.drafts += bytes;
        self.sweep(&mut room);
        Ok(())
    }

    /// A draft is stored, or is no more.
    fn settle(&self, bytes: u64, is_stored: bool) {
        let mut room = self.lock();
        room.drafts = room.drafts.saturating_sub(bytes);
        if is_stored {
            room.stored += bytes;
        }
    }

    fn sweep(&self, room: &mut Room) {
        if room.stored + room.drafts <= limits::BLOBS_BYTES_MAX {
            return;
        }
        let mut stored: Vec<(SystemTime, PathBuf, u64)> = files(&self.dir)
            .filter_map(|(path, meta)| Some((meta.modified().ok()?, path, meta.len())))
            .filter(|(_, path, _)| path.extension().is_none())
            .collect();
        stored.sort();
        room.stored = stored.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, path, bytes) in stored {
            if room.stored + room.drafts <= limits::BLOBS_BYTES_MAX * 9 / 10 {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                room.stored -= bytes;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob that is being written. Dropped unfinished, it leaves nothing.
pub struct Draft {
    blobs: Arc<Blobs>,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
    kept: bool,
}

impl Draft {
    /// # Errors
    /// `body_too_large`, or what the disk says.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Problem> {
        let bytes = piece.len() as u64;
        if self.bytes + bytes > limits::BLOB_BYTES_MAX {
            return Err(Problem::new(
                Code::BODY_TOO_LARGE,
                format!(
                    "A blob can be up to {} bytes; this one is larger.",
                    limits::BLOB_BYTES_MAX
                ),
            )
            .hint("Give a large file by its path instead."));
        }
        self.blobs.reserve(bytes)?;
        self.bytes += bytes;
        self.hasher.update(piece);
        self.file
            .write_all(piece)
            .map_err(|error| cannot(&self.path, &error))
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Stores it; gives its name.
    ///
    /// # Errors
    /// `blob_mismatch` when another name was expected, or what the disk says.
    pub fn finish(mut self, expected: Option<&str>) -> Result<String, Problem> {
        let digits = hex::encode(std::mem::take(&mut self.hasher).finalize());
        let name = format!("sha256:{digits}");
        if expected.is_some_and(|expected| expected != name) {
            return Err(Problem::new(
                Code::BLOB_MISMATCH,
                format!("The bytes hash to {name}, not to the name given."),
            )
            .hint("Send them again; something changed them in transit."));
        }
        let target = self.blobs.dir.join(&digits);
        if !target.exists() {
            fs::rename(&self.path, &target).map_err(|error| cannot(&target, &error))?;
            self.kept = true;
        }
        Ok(name)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            fs::remove_file(&self.path).ok();
        }
        self.blobs.settle(self.bytes, self.kept);
    }
}

fn files(dir: &Path) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
}

fn cannot(path: &Path, error: &io::Error) -> Problem {
    if is_disk_full(error) {
        return disk_full(path);
    }
    Problem::new(
        Code::HOME_UNSAFE,
        format!("{} cannot be written: {error}.", path.display()),
    )
    .hint("Check the permissions of the home folder and the space on its disk.")
}

/// The `$blob` names in a value, at any depth.
pub(crate) fn blob_names(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("$blob") {
                names.push(name.clone());
            } else {
                map.values().for_each(|value| blob_names(value, names));
            }
        }
        Value::Array(items) => items.iter().for_each(|value| blob_names(value, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_found_by_its_hash_and_only_by_that() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::open(dir.path().to_owned()));
        let mut draft = blobs.draft().unwrap();
        draft.write(b"hel").unwrap();
        draft.write(b"lo").unwrap();
        let name = draft.finish(None).unwrap();
        assert_eq!(fs::read(blobs.path(&name).unwrap()).unwrap(), b"hello");
        for wrong in [
            "sha256:../../etc/passwd",
            "hello",
            "sha256:00",
            &name.to_uppercase(),
        ] {
            assert_eq!(
                blobs.path(wrong).unwrap_err().code,
                Code::BLOB_UNKNOWN,
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_unfinished_or_false_blob_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::open(dir.path().to_owned()));
        blobs.draft().unwrap().write(b"x").unwrap();
        let mut draft = blobs.draft().unwrap();
        draft.write(b"x").unwrap();
        let name = format!("sha256:{}", "0".repeat(64));
        assert_eq!(
            draft.finish(Some(&name)).unwrap_err().code,
            Code::BLOB_MISMATCH
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(blobs.lock().drafts, 0, "and takes no room any more");
    }

    /// A sparse file is as long as it says.
    fn of_length(path: &Path, bytes: u64) {
        File::create(path).unwrap().set_len(bytes).unwrap();
    }

    #[test]
    fn drafts_count_in_the_bound_and_have_one_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let oldest = dir.path().join("a".repeat(64));
        of_length(&oldest, limits::BLOBS_BYTES_MAX / 2);
        of_length(
            &dir.path().join("b".repeat(64)),
            limits::BLOBS_BYTES_MAX / 2,
        );
        let past = SystemTime::now() - std::time::Duration::from_secs(60);
        File::open(&oldest).unwrap().set_modified(past).unwrap();
        of_length(&dir.path().join("1-1.draft"), 7);
        let blobs = Arc::new(Blobs::open(dir.path().to_owned()));
        assert!(
            !dir.path().join("1-1.draft").exists(),
            "a hub that was killed left it"
        );
        let mut draft = blobs.draft().unwrap();
        draft.write(b"x").unwrap();
        assert!(!oldest.exists(), "it made room for a draft");
        blobs.lock().drafts = limits::BLOB_DRAFTS_BYTES_MAX;
        let refused = draft.write(b"y").unwrap_err();
        assert_eq!(refused.code, Code::STORE_BUSY);
        assert!(dir.path().join("b".repeat(64)).exists());
        draft.finish(None).unwrap();
        assert_eq!(blobs.lock().stored, limits::BLOBS_BYTES_MAX / 2 + 1);
    }
}
