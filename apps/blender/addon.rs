//! The bridge as an add-on: the zip that Blender installs, and which copies of it are installed.
//!
//! One zip serves 4.2 and newer, where it is an extension, and 3.x, where it is an add-on of the old kind:
//! everything lies in one folder, with `blender_manifest.toml` for the one and `bl_info` for the other.
//! The same build always makes the same bytes.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wire::{Code, Problem};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::embedded::{BLENDER_BRIDGE, BRIDGEKIT};

/// The folder in the zip: the package's name in Blender.
pub(super) const NAME: &str = "kapelle";

/// Where the bridge's version stands.
const VERSION_FILE: &str = "__init__.py";

/// A copy of the add-on that lies in a folder of Blender's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Addon {
    /// The version of Blender whose folder it is; nothing where one folder is for all.
    pub blender: Option<String>,
    pub path: PathBuf,
    /// Nothing when it cannot be read.
    pub version: Option<String>,
    /// Whether its files are those of this build.
    pub current: bool,
}

/// The version that this build's bridge announces.
#[must_use]
pub fn bridge_version() -> &'static str {
    BRIDGEKIT
        .iter()
        .find(|(path, _)| *path == VERSION_FILE)
        .and_then(|(_, text)| version_in(text))
        .unwrap_or_default()
}

/// The bytes of the add-on's zip.
///
/// # Errors
/// `internal` when it cannot be packed, which would be our fault.
pub fn addon_zip() -> Result<Vec<u8>, Problem> {
    pack().map_err(|error| {
        Problem::new(
            Code::INTERNAL,
            format!("The add-on cannot be packed: {error}."),
        )
    })
}

/// Copies of the add-on in the folders of this user's Blenders, of whatever version.
#[must_use]
pub fn addons() -> Vec<Addon> {
    addons_in(&user_folders())
}

fn addons_in(folders: &[(Option<String>, PathBuf)]) -> Vec<Addon> {
    let mut all = Vec::new();
    for (blender, folder) in folders {
        for place in ["scripts/addons", "extensions/user_default"] {
            let path = folder.join(place).join(NAME);
            let version_file = path.join("bridgekit").join(VERSION_FILE);
            if path.join("__init__.py").is_file() {
                let text = std::fs::read_to_string(version_file).unwrap_or_default();
                all.push(Addon {
                    blender: blender.clone(),
                    version: version_in(&text).map(str::to_owned),
                    current: is_current(&path),
                    path,
                });
            }
        }
    }
    all
}

/// Paths in the package and their texts, in the order of the zip.
fn files() -> Vec<(String, &'static str)> {
    let bridge = BLENDER_BRIDGE
        .iter()
        .map(|(path, text)| ((*path).to_owned(), *text));
    let kit = BRIDGEKIT
        .iter()
        .map(|(path, text)| (format!("bridgekit/{path}"), *text));
    let mut all: Vec<_> = bridge.chain(kit).collect();
    all.sort();
    all
}

fn pack() -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Any fixed time will do: the same files shall be the same zip.
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files() {
        zip.start_file(format!("{NAME}/{path}"), options)?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

fn is_current(path: &Path) -> bool {
    files().iter().all(|(relative, text)| {
        let found = std::fs::read_to_string(path.join(relative));
        // A checkout or an unpacker of Windows may have turned the line ends.
        found.is_ok_and(|found| found.replace("\r\n", "\n") == text.replace("\r\n", "\n"))
    })
}

fn version_in(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION = "))?;
    Some(line.trim().trim_matches('"'))
}

/// Folders in which Blender keeps what belongs to this user, with the version that they are for.
fn user_folders() -> Vec<(Option<String>, PathBuf)> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("BLENDER_USER_RESOURCES") {
        return vec![(None, PathBuf::from(folder))];
    }
    let home = std::env::home_dir().unwrap_or_default();
    let root = if cfg!(windows) {
        set("APPDATA").map(|dir| PathBuf::from(dir).join("Blender Foundation/Blender"))
    } else if cfg!(target_os = "macos") {
        Some(home.join("Library/Application Support/Blender"))
    } else {
        let config = set("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
        Some(config.join("blender"))
    };
    let entries = root.and_then(|root| std::fs::read_dir(root).ok());
    let mut folders: Vec<(Option<String>, PathBuf)> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_version = name.starts_with(|c: char| c.is_ascii_digit()) && name.contains('.');
            is_version.then(|| (Some(name), entry.path()))
        })
        .collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_zip_is_the_same_each_time_and_holds_both_kinds() {
        let bytes = addon_zip().unwrap();
        assert_eq!(bytes, addon_zip().unwrap());
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = zip
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert!(names.iter().all(|name| name.starts_with("kapelle/")));
        assert!(
            names
                .iter()
                .all(|name| !name.contains("tests") && !name.contains("__pycache__"))
        );
        for name in ["bridgekit/link.py", "commands/object.py", "LICENSE-GPL"] {
            assert!(names.contains(&format!("kapelle/{name}")), "{name}");
        }
        let mut read = |name: &str| {
            let mut text = String::new();
            zip.by_name(name)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        };
        let manifest = read("kapelle/blender_manifest.toml");
        assert!(manifest.contains("id = \"kapelle\""));
        let version = format!("version = \"{}\"", bridge_version());
        assert!(
            manifest.contains(&version),
            "the manifest tells the bridge's version"
        );
        let numbers = bridge_version().replace('.', ", ");
        assert!(read("kapelle/__init__.py").contains(&format!("\"version\": ({numbers})")));
        assert!(!bridge_version().is_empty());
    }

    #[test]
    fn installed_copies_are_found_with_their_version() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [(Some("4.5".to_owned()), dir.path().to_owned())];
        assert_eq!(addons_in(&folders), []);
        let path = dir.path().join("extensions/user_default/kapelle");
        let mut zip = zip::ZipArchive::new(Cursor::new(addon_zip().unwrap())).unwrap();
        zip.extract(path.parent().unwrap()).unwrap();
        let found = addons_in(&folders);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].version.as_deref(), Some(bridge_version()));
        assert!(found[0].current);
        std::fs::write(path.join("bridgekit/__init__.py"), "VERSION = \"0.0.1\"\n").unwrap();
        let found = addons_in(&folders);
        assert_eq!(found[0].version.as_deref(), Some("0.0.1"));
        assert!(!found[0].current);
    }
}
