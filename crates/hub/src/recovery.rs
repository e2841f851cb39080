//! Recovery copies that bridges keep in `recovery/<instance>/`: found and listed here, made there.
//!
//! A copy is a file of the app with a JSON of the same stem beside it, which tells what it is a copy of. The names of an
//! instance's copies sort in the order in which they were made; what the clock said then may not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wire::InstanceName;

use crate::home::Home;

/// One copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Copy {
    pub instance: InstanceName,
    pub path: PathBuf,
    /// RFC 3339.
    pub taken: String,
    pub bytes: u64,
    /// The file that was open; nothing if it was never saved.
    pub file: Option<String>,
    #[serde(skip)]
    pid: Option<u32>,
}

#[derive(Deserialize)]
struct Note {
    #[serde(default)]
    file: Option<String>,
    taken: String,
    #[serde(default)]
    pid: Option<u32>,
}

/// All copies, newest first.
#[must_use]
pub fn list(home: &Home) -> Vec<Copy> {
    let mut copies: Vec<Copy> = entries(&home.join("recovery"))
        .filter(|dir| dir.is_dir())
        .flat_map(|dir| {
            let instance = InstanceName::from(name_of(&dir));
            entries(&dir)
                .filter_map(move |path| read(&instance, &path))
                .collect::<Vec<_>>()
        })
        .collect();
    copies.sort_by(|a, b| b.path.file_name().cmp(&a.path.file_name()));
    copies
}

/// The newest copy that the process of that number has kept.
pub(crate) fn newest(home: &Home, instance: &InstanceName, pid: Option<u32>) -> Option<PathBuf> {
    let mine = list(home)
        .into_iter()
        .find(|copy| copy.instance == *instance && copy.pid == pid)?;
    Some(mine.path)
}

fn read(instance: &InstanceName, note_path: &Path) -> Option<Copy> {
    if note_path.extension()? != "json" {
        return None;
    }
    let note: Note = serde_json::from_slice(&std::fs::read(note_path).ok()?).ok()?;
    let stem = note_path.file_stem()?;
    let path = entries(note_path.parent()?).find(|path| {
        path.file_stem() == Some(stem) && path.extension().is_some_and(|e| e != "json")
    })?;
    let bytes = path.metadata().ok()?.len();
    Some(Copy {
        instance: instance.clone(),
        path,
        taken: note.taken,
        bytes,
        file: note.file,
        pid: note.pid,
    })
}

#[cfg(fuzzing)]
pub(crate) fn fuzzing_note(bytes: &[u8]) {
    serde_json::from_slice::<Note>(bytes).ok();
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
