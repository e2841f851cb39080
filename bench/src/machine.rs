//! Where and when a run was made: a figure without that means nothing.

use std::process::Command;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The machine of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: Option<f64>,
    pub(crate) kernel: String,
    /// Load averages before and after.
    pub(crate) load: (String, String),
}

/// What is known of this machine.
pub(crate) fn describe(load: (String, String)) -> Machine {
    let line = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
    };
    let kib = line("/proc/meminfo", "MemTotal")
        .and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
    Machine {
        processor: line("/proc/cpuinfo", "model name")
            .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gb: kib.map(|kib| kib * 1024.0 / 1e9),
        kernel: said("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.to_owned()),
        load,
    }
}

/// A program by its name.
pub(crate) fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Seconds of processor time that a process has used.
///
/// # Errors
/// On systems that do not show it.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64, crate::fault::Fault> {
    /// The kernel's unit in /proc, whatever its own clock.
    const TICKS_PER_S: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat
        .rsplit_once(')')
        .ok_or("no process tells its time so")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64, crate::fault::Fault> {
        Ok(fields.get(at).ok_or("a short line")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}

/// The load averages of now, as the system writes them.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<&str> = text.split_whitespace().take(3).collect();
    if three.is_empty() {
        "unknown".to_owned()
    } else {
        three.join(" ")
    }
}

/// UTC.
pub(crate) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0)
        .unwrap_or(now)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// The commit of this checkout, and whether it was changed since.
pub(crate) fn commit() -> Option<String> {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = said("git", &["status", "--porcelain"])?;
    Some(if changes.is_empty() {
        commit
    } else {
        format!("{commit}, with changes")
    })
}

fn said(program: &str, words: &[&str]) -> Option<String> {
    let out = Command::new(program)
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    out.status
        .success()
        .then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Waits for so long; for what has no event (another process's end, a beat that is due).
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the bench waits for time to pass"
)]
pub(crate) fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}
