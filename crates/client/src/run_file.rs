//! `run/hub.json`: what a running hub leaves for those who look for it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Longest file that is read, in bytes: a hub writes about 200.
const RUN_FILE_BYTES_MAX: u64 = 64 * 1024;

#[derive(Clone, Debug, Deserialize)]
pub struct RunFile {
    pub url: String,
    pub pid: u32,
    /// Address of the bridge listener.
    #[serde(default)]
    pub bridge: Option<String>,
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

impl RunFile {
    /// Nothing when there is no usable file: a hub that is just being stopped may have torn it.
    pub fn read(path: &Path) -> Option<Self> {
        if fs::metadata(path).ok()?.len() > RUN_FILE_BYTES_MAX {
            return None;
        }
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }
}
