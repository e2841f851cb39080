//! What the supervisor keeps of a process that the hub started.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::InstanceLimits;

use crate::confine::walls::Walls;
use crate::launch::LaunchRequest;

/// Turns with every handshake.
type Counter = tokio::sync::watch::Sender<u64>;

/// What a process may use.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) memory_mb: Option<u64>,
    pub(crate) time_s: Option<u64>,
}

pub(crate) struct Owned {
    pub(crate) request: LaunchRequest,
    /// Its own limits, else those of the configuration.
    pub(crate) bounds: Limits,
    /// Of the process that lives now, when it is confined.
    pub(crate) walls: Option<Walls>,
    pub(crate) stopping: bool,
    /// Started by a hub before this one.
    pub(crate) adopted: bool,
    pub(crate) restarts: u32,
    /// When the process that lives now was launched, by the clock that only runs.
    pub(crate) launched: Option<Instant>,
    /// The process that was launched; its children are in its group.
    pub(crate) pid: Option<u32>,
    /// When the process that lives now connected.
    pub(crate) since: Option<Instant>,
    pub(crate) connects: Counter,
    /// Cancelled when this is owned no more.
    pub(crate) ours: CancellationToken,
}

impl Owned {
    /// `adopted`: the process of a hub before this one, and when that launched it.
    pub(crate) fn new(
        request: LaunchRequest,
        bounds: Limits,
        adopted: Option<(u32, Option<Instant>)>,
    ) -> Self {
        Self {
            request,
            bounds,
            walls: None,
            stopping: false,
            adopted: adopted.is_some(),
            restarts: 0,
            pid: adopted.map(|(pid, _)| pid),
            launched: adopted.and_then(|(_, launched)| launched),
            since: None,
            connects: Counter::new(0),
            ours: CancellationToken::new(),
        }
    }

    /// A process of its own was made.
    pub(crate) fn launched(&mut self, pid: Option<u32>) {
        self.pid = pid;
        self.launched = Some(Instant::now());
        self.since = None;
    }

    /// Its bridge has made its handshake.
    pub(crate) fn connected(&mut self) {
        self.since = Some(Instant::now());
        self.connects.send_modify(|count| *count += 1);
    }

    /// What it may use, for its view.
    pub(crate) fn limits(&self) -> Option<InstanceLimits> {
        let Limits { memory_mb, time_s } = self.bounds;
        (memory_mb.is_some() || time_s.is_some()).then(|| InstanceLimits {
            memory_mb,
            time_s,
            lived_s: self.launched.map(|launched| launched.elapsed().as_secs()),
        })
    }

    /// When its time is over.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        let life = self.bounds.time_s.map(Duration::from_secs)?;
        Some(self.launched.unwrap_or_else(Instant::now) + life)
    }

    /// What it opens now, and what it was first started with: a recovery copy still looks for what lay beside the file.
    pub(crate) fn files(&self, request: &LaunchRequest) -> Vec<PathBuf> {
        let first = self.request.file.clone();
        request.file.clone().into_iter().chain(first).collect()
    }
}
