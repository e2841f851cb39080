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
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // pid (name) state …; the name may hold anything, also `)`.
        Ok(stat) => !stat.rsplit(')').next().is_some_and(|rest| {
            let state = rest.trim_start();
            state.starts_with('Z') || state.starts_with('X')
        }),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// How much memory a process holds, in MB of 1,000,000 bytes; nothing where it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn rss_mb(pid: u32) -> Option<f64> {
    const BYTES_IN_KB: f64 = 1024.0;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kb: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kb * BYTES_IN_KB / 1e6)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn rss_mb(_pid: u32) -> Option<f64> {
    None
}

/// When a process was born, in a measure of the system's own; nothing where it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn birth(pid: u32) -> Option<u64> {
    /// Fields of `/proc/PID/stat` between the name and the time of birth.
    const FIELDS_BEFORE: usize = 19;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit(')').next()?;
    after_name
        .split_ascii_whitespace()
        .nth(FIELDS_BEFORE)?
        .parse()
        .ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn birth(_pid: u32) -> Option<u64> {
    None
}

/// For how long a process has lived, by a clock that only runs; nothing where it cannot be told.
#[cfg(target_os = "linux")]
pub(crate) fn age(pid: u32) -> Option<Duration> {
    let ticks = rustix::param::clock_ticks_per_second();
    let born = Duration::from_millis(birth(pid)?.checked_mul(1_000)?.checked_div(ticks)?);
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let running: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    Some(
        Duration::try_from_secs_f64(running)
            .ok()?
            .saturating_sub(born),
    )
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
