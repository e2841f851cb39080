//! Whether a process that is not our child still lives, and what to do when it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wire::Step;
use wire::{Code, Problem};

use super::Instance;
use crate::hub::Inner as Hub;
use crate::limits;

/// After a lost link: the bridge dials again, or its process turns out to be gone, or the grace ends.
pub(super) async fn watch_lost(hub: Arc<Hub>, instance: Arc<Instance>) {
    let until = Instant::now() + limits::RECONNECT_GRACE;
    let mut look = tokio::time::interval(limits::PROCESS_LOOK);
    while Instant::now() < until {
        look.tick().await;
        if instance.lane.is_up() {
            return;
        }
        if instance.pid().is_some_and(|pid| !is_alive(pid)) {
            let why = Problem::new(
                Code::INTERRUPTED,
                format!("The process of `{}` has ended.", instance.name),
            )
            .hint(wire::hint![
                "Start it again: ",
                Step::start_again(&instance.app, &instance.name),
            ]);
            instance.lane.gone(&why, false);
            break;
        }
    }
    if !instance.lane.is_up() {
        // Should it dial again after all, it announces all of it again.
        hub.catalog.leave(&instance.app, &instance.name);
    }
    instance.tell_if_changed(&hub);
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
