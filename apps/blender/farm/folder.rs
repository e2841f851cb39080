//! The folder of a farm: which frames are there and whole, and that no second farm writes into it.
//!
//! What lies at a frame's place is the truth after everything was killed: workers write under a hidden name and
//! rename what is whole. Pictures of other hands are looked at as far as their format tells its end.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use hub::home::{disk_full, is_disk_full};
use wire::Step;
use wire::{Code, Problem};

use super::frames::Frame;

const LOCK: &str = ".kapelle-render.lock";

/// A folder that this farm alone writes into.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Let go with the process, however it ends.
    _lock: File,
}

/// Which of the frames that are there count.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    folder: PathBuf,
    suffix: String,
    /// Only what is not older than this: everything was to be rendered anew at that time. 0: everything counts.
    since_ms: u64,
}

impl Folder {
    /// Makes it where it is not there.
    ///
    /// # Errors
    /// `path_refused` when it cannot be made, `name_taken` when another farm has it.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let cannot = |what: &str, error: &std::io::Error| {
            if is_disk_full(error) {
                return disk_full(path);
            }
            Problem::new(
                Code::PATH_REFUSED,
                format!("{} {what}: {error}.", path.display()),
            )
            .hint(wire::hint![
                "Name a folder that can be written: ",
                Step::argument("out", "/path/to/folder", "--out DIR"),
            ])
        };
        fs::create_dir_all(path).map_err(|error| cannot("cannot be made", &error))?;
        let lock =
            File::create(path.join(LOCK)).map_err(|error| cannot("cannot be written", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(fs::TryLockError::WouldBlock) => Err(Problem::new(
                Code::NAME_TAKEN,
                format!("Another render is already writing to {}.", path.display()),
            )
            .hint(wire::hint![
                "Wait for it to end, cancel it (",
                Step::history_of("running"),
                "), or name another folder: ",
                Step::argument("out", "/path/to/folder", "--out DIR"),
            ])),
            Err(fs::TryLockError::Error(error)) => Err(cannot("cannot be locked", &error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what workers that were killed had begun to write. Only when none of them lives.
    pub(super) fn clear_parts(&self) {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(".frame_") && name.ends_with(".part") {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}

impl Counts {
    pub(super) fn new(folder: &Path, suffix: &str, since_ms: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            suffix: suffix.to_owned(),
            since_ms,
        }
    }

    /// Where a frame goes; the bridge's `frames.file_name` says the same.
    pub(super) fn path_of(&self, frame: Frame) -> PathBuf {
        let sign = if frame < 0 { "-" } else { "" };
        self.folder.join(format!(
            "frame_{sign}{:04}{}",
            frame.unsigned_abs(),
            self.suffix
        ))
    }

    /// Whether a frame needs not be rendered any more.
    pub(super) fn has(&self, frame: Frame) -> bool {
        let path = self.path_of(frame);
        let Ok(found) = fs::metadata(&path) else {
            return false;
        };
        let modified = found.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ms = modified.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(0));
        found.is_file() && modified_ms >= self.since_ms && is_whole(&path, found.len())
    }
}

/// Whether a picture has its end, where its format tells.
fn is_whole(path: &Path, bytes: u64) -> bool {
    const PNG_END: &[u8] = b"IEND\xaeB`\x82";
    const JPEG_END: &[u8] = &[0xff, 0xd9];
    let end = match path.extension().and_then(std::ffi::OsStr::to_str) {
        Some("png") => PNG_END,
        Some("jpg") => JPEG_END,
        _ => return bytes > 0,
    };
    let size = u64::try_from(end.len()).unwrap_or(0);
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(size)))?;
        let mut tail = Vec::new();
        file.take(size).read_to_end(&mut tail)?;
        Ok(tail)
    };
    read().is_ok_and(|tail| tail == end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_farm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().code, Code::NAME_TAKEN);
        fs::write(path.join(".frame_0001.png.77.part"), "x").unwrap();
        fs::write(path.join("frame_0002.png"), "x").unwrap();
        folder.clear_parts();
        assert!(!path.join(".frame_0001.png.77.part").exists());
        assert!(path.join("frame_0002.png").exists());
        drop(folder);
        Folder::open(&path).unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        let refused = Folder::open(&dir.path().join("file")).unwrap_err();
        assert_eq!(refused.code, Code::PATH_REFUSED);
    }

    #[test]
    fn only_whole_pictures_that_are_new_enough_count() {
        let dir = tempfile::tempdir().unwrap();
        let counts = Counts::new(dir.path(), ".png", 0);
        let path = counts.path_of(-7);
        assert!(path.ends_with("frame_-0007.png"));
        assert!(counts.path_of(12345).ends_with("frame_12345.png"));
        assert!(!counts.has(-7));
        fs::write(&path, b"\x89PNG half of it").unwrap();
        assert!(!counts.has(-7));
        fs::write(&path, b"\x89PNG all of it IEND\xaeB`\x82").unwrap();
        assert!(counts.has(-7));
        let later = Counts::new(dir.path(), ".png", u64::MAX);
        assert!(!later.has(-7));
        let exr = Counts::new(dir.path(), ".exr", 0);
        fs::write(exr.path_of(1), b"").unwrap();
        assert!(!exr.has(1));
        fs::write(exr.path_of(1), b"v/1\x01").unwrap();
        assert!(exr.has(1));
    }
}
