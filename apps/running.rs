//! Runs a program to its end, within a time: its words come back, and one that hangs is ended with all
//! that it started.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What is kept of a program's output, in bytes: its last words are what matters.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Between two looks at a program that has closed its output and still runs.
const LOOK: Duration = Duration::from_millis(20);

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Nothing when its time was over and it was ended.
    pub status: Option<ExitStatus>,
    /// What it wrote to stdout and stderr, the end of it.
    pub output: String,
}

impl Ended {
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, for people.
    #[must_use]
    pub fn how(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => "it did not end in time".to_owned(),
        }
    }
}

/// Runs it to its end, at most for `limit`.
///
/// # Errors
/// When it cannot be started.
pub fn run_within(command: &mut Command, limit: Duration) -> io::Result<Ended> {
    let until = Instant::now() + limit;
    let (reader, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    set_apart(command);
    let mut child = command.spawn()?;
    // Or our own ends of the pipe would keep it open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (words_in, words_out) = mpsc::sync_channel(1);
    std::thread::spawn(move || words_in.send(last_words(reader)));
    let output = words_out.recv_timeout(limit);
    let status = wait_until(&mut child, until)?;
    if status.is_none() {
        end(&mut child);
    }
    Ok(Ended {
        status,
        output: output
            .or_else(|_| words_out.recv_timeout(LOOK))
            .unwrap_or_default(),
    })
}

/// Ends a program and, where the system has groups, what it started; waits for it.
pub fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself meanwhile.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
    child.kill().ok();
    child.wait().ok();
}

/// A group of its own, so that [`end`] reaches what it starts.
pub fn set_apart(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    #[cfg(not(unix))]
    let _ = command;
}

fn last_words(mut reader: io::PipeReader) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(count) = reader.read(&mut buffer) {
        if count == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * OUTPUT_BYTES_MAX {
            kept.drain(..kept.len() - OUTPUT_BYTES_MAX);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn wait_until(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= until {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn words_and_status_come_back() {
        let ended = run_within(
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_secs(30),
        );
        let ended = ended.unwrap();
        assert_eq!(ended.status.and_then(|status| status.code()), Some(3));
        assert!(ended.output.contains("out") && ended.output.contains("err"));
        assert!(run_within(&mut Command::new("/no/such"), Duration::from_secs(1)).is_err());
    }

    #[test]
    fn one_that_hangs_is_ended_with_its_children() {
        let line = "echo begun; sleep 600 & echo $!; wait";
        let ended = run_within(&mut shell(line), Duration::from_millis(300)).unwrap();
        assert!(ended.status.is_none() && !ended.succeeded());
        let child = ended
            .output
            .lines()
            .nth(1)
            .expect("it told its child")
            .to_owned();
        let gone = |pid: &str| match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z ") || stat.contains(") X "),
            Err(_) => true,
        };
        let until = Instant::now() + Duration::from_secs(30);
        while cfg!(target_os = "linux") && !gone(&child) {
            assert!(Instant::now() < until, "the child lives on");
            std::thread::sleep(LOOK);
        }
    }
}
