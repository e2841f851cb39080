//! What somebody wants started, and how a copy of an app is: what a launch is, and nothing that does one.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wire::{AppId, InstanceName, Mode};

/// What somebody wants started; the body of `POST /v1/instances`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchRequest {
    pub app: AppId,
    #[serde(default = "background")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<InstanceName>,
    /// The program's path, instead of the one that is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<PathBuf>,
    /// What to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// How much memory each process may hold, in MB of 1,000,000 bytes. Not for one with a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// How long each process may live, in seconds. Not for one with a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_s: Option<u64>,
    /// Words by which jobs can select it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What only this app understands: [`crate::app::App::launch_options`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// Where its window opens; without it on the hub's own display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// Whether the system keeps it to the folders that are allowed. When nobody says: for callers without `code`, where
    /// that can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confined: Option<bool>,
    /// The work that it is started for, as a plain name: it gets no call that does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_for: Option<String>,
}

impl LaunchRequest {
    /// A copy in the background, all else as the app has it.
    #[must_use]
    pub fn new(app: AppId) -> Self {
        Self {
            app,
            mode: background(),
            name: None,
            program: None,
            file: None,
            memory_mb: None,
            time_s: None,
            labels: Vec::new(),
            options: Map::new(),
            display: None,
            confined: None,
            reserved_for: None,
        }
    }
}

/// A display of the X Window System or Wayland, as the environment names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// `DISPLAY`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x11: Option<String>,
    /// `XAUTHORITY`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x11_authority: Option<String>,
    /// `WAYLAND_DISPLAY`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wayland: Option<String>,
    /// `XDG_RUNTIME_DIR`, where a relative name of a Wayland display lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_dir: Option<String>,
}

impl Display {
    /// The one of this process; nothing where it has none.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let said = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let display = Self {
            x11: said("DISPLAY"),
            x11_authority: said("XAUTHORITY"),
            wayland: said("WAYLAND_DISPLAY"),
            runtime_dir: said("XDG_RUNTIME_DIR"),
        };
        (display.x11.is_some() || display.wayland.is_some()).then_some(display)
    }

    /// How it is named, as one would set it: `DISPLAY=:0`.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let said = [("DISPLAY", &self.x11), ("WAYLAND_DISPLAY", &self.wayland)];
        said.into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_deref()?)))
            .collect()
    }

    /// The variables that name it. Those of another display are emptied.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, OsString)> {
        let mut all = vec![
            ("DISPLAY", self.x11.clone().unwrap_or_default()),
            ("WAYLAND_DISPLAY", self.wayland.clone().unwrap_or_default()),
        ];
        all.extend(self.x11_authority.clone().map(|file| ("XAUTHORITY", file)));
        all.extend(self.runtime_dir.clone().map(|dir| ("XDG_RUNTIME_DIR", dir)));
        all.into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }
}

fn background() -> Mode {
    Mode::Background
}

/// How a copy is started, ready to run. The hub adds `KAPELLE_HOME`, `KAPELLE_LAUNCH` and `KAPELLE_NAME`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Launch {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(String, OsString)>,
    /// As the bridge will announce it.
    pub mode: Mode,
    /// What a confined one has to read and run beside the system's own: the program, its libraries, the bridge.
    pub places: Vec<PathBuf>,
}
