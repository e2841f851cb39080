//! One running copy of an app, as the hub sees it.
//!
//! ```text
//! starting ──> idle <──> busy ──> wedged
//!    │           │  (link lost)     │
//!    └──────> disconnected <────────┘ ──> starting (restarted) or gone
//! ```

use serde::{Deserialize, Serialize};

use crate::id::{AppId, CallId, InstanceName};

/// How an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The program without a window.
    Background,
    /// The program with its window.
    Gui,
    /// The program as a module in another one.
    Module,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Launched by the hub, not connected yet.
    Starting,
    Idle,
    /// A call runs.
    Busy,
    /// A call should have ended and cannot be interrupted.
    Wedged,
    /// Known, but the link is down.
    Disconnected,
    /// The hub could not bring it back.
    Failed,
}

impl InstanceState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Wedged => "wedged",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
        }
    }
}

/// What `GET /v1/instances` says of one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    pub name: InstanceName,
    pub app: AppId,
    pub state: InstanceState,
    /// Why it is in this state, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// RFC 3339: since when.
    pub since: String,
    pub pid: Option<u32>,
    pub version: Option<String>,
    pub bridge_version: Option<String>,
    pub mode: Mode,
    /// Words by which jobs can select it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    pub file: Option<String>,
    /// Whether this hub started the process, and so may end and restart it.
    pub started_by_hub: bool,
    /// Calls that wait.
    pub queued: usize,
    /// The call that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Behind>,
    /// How long ago the link was last heard, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_ms_ago: Option<u64>,
    /// How often it was started again after it died.
    #[serde(default)]
    pub restarts: u32,
    /// How much memory the process last held, in MB of 1,000,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_mb: Option<f64>,
    /// What its process may use; nothing where there is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<InstanceLimits>,
    /// The work that it was started for and that ends it; no other call is given to it unless it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_for: Option<String>,
    /// Whether the system keeps its process to the folders that are allowed.
    #[serde(default)]
    pub confined: bool,
    /// Why it is not confined, for people.
    #[serde(default)]
    pub confinement: Option<String>,
    /// Something that a person should do about it, for example update its bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

impl InstanceView {
    /// Which one is meant when none is named: the only one, else the one that is named like its app. One that is
    /// reserved is never meant.
    #[must_use]
    pub fn meant(all: &[Self]) -> Option<&Self> {
        let open: Vec<&Self> = all
            .iter()
            .filter(|one| one.reserved_for.is_none())
            .collect();
        if let [only] = open.as_slice() {
            return Some(only);
        }
        let mut named = open.iter().filter(|one| one.name.is_default_of(&one.app));
        // Of several apps each may have one of its name.
        named.next().filter(|_| named.next().is_none()).copied()
    }
}

/// What each process of an instance may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceLimits {
    /// In MB of 1,000,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// From its launch on, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_s: Option<u64>,
    /// How long it has lived, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lived_s: Option<u64>,
}

/// Who holds the instance while others wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behind {
    pub call_id: CallId,
    pub command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub caller: String,
    pub running_ms: u64,
}
