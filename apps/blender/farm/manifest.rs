//! `kapelle-render.json` in the folder of a farm: what made the frames, how long each took and which worker made
//! it, what was tried again. It is the report for people and programs, and by it the same request goes on after
//! everything was killed.
//!
//! Which frames are there is not its word but the folder's ([`super::folder`]). It is written before the
//! first frame, now and then, and at the end; each time whole, under a hidden name that is renamed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::frames::Frame;
use super::request::Source;

/// Its name in the folder.
pub(super) const FILE: &str = "kapelle-render.json";
/// Of this form of it.
const VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) source: Source,
    pub(super) plan: Plan,
    /// Since when frames count that are there, in milliseconds since 1970: everything was rendered anew then.
    #[serde(default)]
    pub(super) since_ms: u64,
    /// Whether the last run came to its end.
    pub(super) finished: bool,
    /// Of all runs together.
    pub(super) seconds: f64,
    pub(super) workers: usize,
    pub(super) frames: BTreeMap<Frame, Made>,
    pub(super) failed: BTreeMap<Frame, String>,
    /// Frames that were tried again, and how often they had failed.
    pub(super) retried: BTreeMap<Frame, u32>,
    pub(super) sheet: Option<PathBuf>,
    pub(super) film: Option<PathBuf>,
}

/// A frame of this farm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// Not known where a worker was lost before it could say.
    pub(super) seconds: Option<f64>,
    pub(super) worker: String,
}

/// What the first worker says that the render will be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) scene: String,
    pub(super) start: Frame,
    pub(super) end: Frame,
    pub(super) step: u32,
    pub(super) fps: f64,
    pub(super) camera: Option<String>,
    pub(super) engine: String,
    pub(super) samples: Option<u32>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) format: String,
    pub(super) suffix: String,
    pub(super) graphics_card: bool,
    /// Outputs of the scene that its caller may not write: `{"node", "path"}`.
    #[serde(default)]
    pub(super) left_out: Vec<Value>,
}

impl Manifest {
    pub(super) fn new(source: Source, plan: Plan) -> Self {
        Self {
            version: VERSION,
            source,
            plan,
            since_ms: 0,
            finished: false,
            seconds: 0.0,
            workers: 0,
            frames: BTreeMap::new(),
            failed: BTreeMap::new(),
            retried: BTreeMap::new(),
            sheet: None,
            film: None,
        }
    }

    /// The one of an earlier run; nothing where there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let bytes = fs::read(folder.join(FILE)).ok()?;
        let read: Self = serde_json::from_slice(&bytes).ok()?;
        (read.version == VERSION).then_some(read)
    }

    /// # Errors
    /// What the disk says.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let part = folder.join(format!(".{FILE}.part"));
        fs::write(&part, text)?;
        fs::rename(part, folder.join(FILE))
    }
}

/// Now, as `since_ms` counts it.
pub(super) fn now_ms() -> u64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH);
    age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(0))
}
