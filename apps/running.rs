//! Runs a program to its end, within a time: its words come back, and one that hangs is ended with all
//! that it started.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is kept of a program's output, in bytes: its last words are what matters.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How long the output of a program that has ended is waited for: it is on this machine already.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
    let (reader, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    set_apart(command);
    let child = command.spawn()?;
    // Or our own ends of the pipe would keep it open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let pid = child.id();
    let words = Arc::new(Mutex::new(Vec::new()));
    let heard = in_thread({
        let words = Arc::clone(&words);
        move || listen(reader, &words)
    });
    let ended = in_thread(move || wait(child));
    let status = ended.recv_timeout(limit).ok().flatten();
    if status.is_none() {
        kill(pid);
        ended.recv_timeout(LAST_WORDS).ok();
    }
    // A child of its own that lives on may hold the output open.
    heard.recv_timeout(LAST_WORDS).ok();
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Ended {
        status,
        output: String::from_utf8_lossy(&words).into_owned(),
    })
}

/// Ends a program and what it started; waits for it.
pub fn end(child: &mut Child) {
    kill(child.id());
    child.kill().ok();
    child.wait().ok();
}

#[cfg(unix)]
fn kill(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile.
        kill_process_group(group, Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn kill(pid: u32) {
    Command::new("taskkill")
        .args(["/F", "/T", "/PID", &pid.to_string()])
        .output()
        .ok();
}

/// Gives what the thread comes to.
fn in_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (come_in, come_out) = mpsc::sync_channel(1);
    std::thread::spawn(move || come_in.send(run()));
    come_out
}

fn wait(mut child: Child) -> Option<ExitStatus> {
    child.wait().ok()
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

/// Keeps the end of what comes.
fn listen(mut reader: io::PipeReader, words: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(count) = reader.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let mut kept = words.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * OUTPUT_BYTES_MAX {
            let surplus = kept.len() - OUTPUT_BYTES_MAX;
            kept.drain(..surplus);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Instant;

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
        // It has been killed and may need a moment to be gone.
        let until = Instant::now() + Duration::from_secs(30);
        while lives(&child) {
            assert!(Instant::now() < until, "its child lives on");
            std::thread::yield_now();
        }
    }

    fn lives(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Killed at the same moment; whoever inherits it may not have waited for it yet.
        !stat.is_empty() && !stat.contains(") Z ") && !stat.contains(") X ")
    }

    #[test]
    fn a_child_that_holds_the_output_open_is_not_waited_for() {
        let line = "echo said; sleep 600 & echo $! ";
        let ended = run_within(&mut shell(line), Duration::from_secs(300)).unwrap();
        assert!(ended.succeeded());
        let child = ended.output.lines().nth(1).expect("it told its child");
        Command::new("kill").arg(child).status().unwrap();
    }
}
