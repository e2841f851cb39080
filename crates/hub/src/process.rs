//! What the operating system says of a process by its number: whether it lives, since when, how much memory it holds.
//!
//! Where it cannot be asked, whoever asks falls back on time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which process somebody means: the mark of its bridge, its number and when it was born.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessMark {
    pub(crate) session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) born: Option<u64>,
}

impl ProcessMark {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a text has it; nothing when it has none.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// Whether a process of that number exists and is no zombie. Where the system cannot be asked, `true`:
/// the grace period decides then.
#[cfg(target_os = "linux")]
pub(crate) fn is_alive(pid: u32) -> bool {
    match stat(pid) {
        Ok(stat) => !['Z', 'X'].contains(&stat.state),
        Err(error) => !matches!(error, procfs::ProcError::NotFound(_)),
    }
}

/// How much memory a process holds, in MB of 1,000,000 bytes; nothing where it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn rss_mb(pid: u32) -> Option<f64> {
    const BYTES_IN_KB: f64 = 1024.0;
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    let kb = u32::try_from(process.status().ok()?.vmrss?).ok()?;
    Some(f64::from(kb) * BYTES_IN_KB / 1e6)
}

/// When a process was born, in ticks since the machine's start; nothing where it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn birth(pid: u32) -> Option<u64> {
    Some(stat(pid).ok()?.starttime)
}

/// For how long a process has lived, by a clock that only runs; nothing where it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn age(pid: u32) -> Option<Duration> {
    use procfs::Current as _;
    let born = birth(pid)?.checked_mul(1_000)?;
    let born = Duration::from_millis(born.checked_div(procfs::ticks_per_second())?);
    let running = procfs::Uptime::current().ok()?.uptime_duration();
    Some(running.saturating_sub(born))
}

#[cfg(target_os = "linux")]
fn stat(pid: u32) -> procfs::ProcResult<procfs::process::Stat> {
    let pid = i32::try_from(pid).map_err(|_| procfs::ProcError::NotFound(None))?;
    procfs::process::Process::new(pid)?.stat()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn rss_mb(_pid: u32) -> Option<f64> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn birth(_pid: u32) -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn age(_pid: u32) -> Option<Duration> {
    None
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return false;
    };
    rustix::process::test_kill_process(pid).is_ok()
}

#[cfg(not(unix))]
pub(crate) fn is_alive(_pid: u32) -> bool {
    true
}
