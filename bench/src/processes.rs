//! The processes of a run, and their certain end.
//!
//! Every child has a process group of its own and is told to the keeper: this program in another
//! process, which reads from a pipe whose other end only the bench holds. When the bench ends (done,
//! failed, panicked, Ctrl-C, `kill -9`), the pipe closes, and the keeper ends every group and removes the
//! folders. So nothing here depends on the bench's own last words.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::fault::Fault;

/// How long children may take to end by themselves: a hub lets its Blender leave first, and a
/// Blender that is loading takes a while to hear of it.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(12);
/// How often the keeper looks whether a group is gone; there is no event for that.
const LOOK: Duration = Duration::from_millis(20);
/// Longest first line of a child, in bytes: the hub's is about 200.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// All children of this run. Dropped, it ends them and waits for their end.
pub(crate) struct Processes {
    keeper: Child,
    tell: Option<ChildStdin>,
    children: Vec<Child>,
}

impl Processes {
    /// # Errors
    /// When the keeper cannot be started.
    pub(crate) fn new() -> Result<Self, Fault> {
        let mut command = own_role("keeper")?;
        command.stdin(Stdio::piped());
        let mut keeper = apart(&mut command).spawn()?;
        let tell = keeper.stdin.take();
        Ok(Self {
            keeper,
            tell,
            children: Vec::new(),
        })
    }

    /// Starts a child in its own group; gives its place for [`Processes::end`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn(&mut self, command: &mut Command) -> Result<u32, Fault> {
        let child = apart(command)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", named(command)))?;
        let pid = child.id();
        self.children.push(child);
        self.tell(&format!("group {pid}"))?;
        Ok(pid)
    }

    /// Starts a child and waits for the first line that it prints.
    ///
    /// # Errors
    /// When it cannot be started, ends, or says nothing in time.
    pub(crate) fn spawn_and_hear(
        &mut self,
        command: &mut Command,
        within: Duration,
    ) -> Result<(u32, String), Fault> {
        let name = named(command);
        let pid = self.spawn(command.stdout(Stdio::piped()))?;
        let stdout = self
            .children
            .last_mut()
            .and_then(|child| child.stdout.take());
        let (say, hear) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                let mut reader = BufReader::new(stdout.take(LINE_BYTES_MAX));
                reader.read_line(&mut line).ok();
                say.send(line).ok();
                // Whatever follows is taken off the pipe, so that the child is never held up by it.
                std::io::copy(&mut reader.into_inner().into_inner(), &mut std::io::sink()).ok();
            }
        });
        match hear.recv_timeout(within) {
            Ok(line) if !line.trim().is_empty() => Ok((pid, line)),
            Ok(_) => Err(format!("{name} ended without a word").into()),
            Err(_) => Err(format!("{name} said nothing for {} s", within.as_secs()).into()),
        }
    }

    /// Has a group ended that one of the children started: the hub's Blender, say.
    ///
    /// # Errors
    /// When the keeper is gone.
    pub(crate) fn adopt(&mut self, group: u32) -> Result<(), Fault> {
        self.tell(&format!("group {group}"))
    }

    /// Has a folder removed at the end.
    ///
    /// # Errors
    /// When the keeper is gone.
    pub(crate) fn remove_at_end(&mut self, dir: &Path) -> Result<(), Fault> {
        self.tell(&format!("dir {}", dir.display()))
    }

    /// Ends one child now and waits for it.
    ///
    /// # Errors
    /// When there is no such child.
    pub(crate) fn end(&mut self, pid: u32) -> Result<(), Fault> {
        let at = self
            .children
            .iter()
            .position(|child| child.id() == pid)
            .ok_or("no such child")?;
        let mut child = self.children.swap_remove(at);
        end_groups(&BTreeSet::from([pid]), || {
            child.try_wait().ok();
        });
        child.wait()?;
        self.tell(&format!("gone {pid}"))
    }

    fn tell(&mut self, line: &str) -> Result<(), Fault> {
        let tell = self.tell.as_mut().ok_or("the keeper is gone")?;
        writeln!(tell, "{line}").map_err(|error| format!("the keeper is gone: {error}").into())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        drop(self.tell.take());
        // Reaped while the keeper works: a group whose dead leader nobody waits for looks alive to it.
        let deadline = Instant::now() + LEAVE_TIMEOUT * 2;
        while Instant::now() < deadline {
            self.children
                .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            if matches!(self.keeper.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            crate::machine::pause(LOOK);
        }
    }
}

/// This program in another role.
///
/// # Errors
/// When the program cannot be found again.
pub(crate) fn own_role(role: &str) -> Result<Command, Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).stdin(Stdio::null());
    Ok(command)
}

/// The keeper's whole life: hears what there is, and ends it when the pipe closes.
///
/// # Errors
/// Never, so far.
pub(crate) fn keep() -> Result<(), Fault> {
    let mut groups = BTreeSet::new();
    let mut dirs: Vec<PathBuf> = Vec::new();
    for line in std::io::stdin().lines() {
        let Ok(line) = line else { break };
        match line.split_once(' ') {
            Some(("group", pid)) => drop(pid.parse().map(|pid: u32| groups.insert(pid))),
            Some(("gone", pid)) => drop(pid.parse().map(|pid: u32| groups.remove(&pid))),
            Some(("dir", dir)) => dirs.push(dir.into()),
            _ => {}
        }
    }
    end_groups(&groups, || {});
    for dir in dirs {
        std::fs::remove_dir_all(dir).ok();
    }
    Ok(())
}

/// Asks every group to end, and kills what has not ended in time. `meanwhile` runs between two looks.
fn end_groups(leaders: &BTreeSet<u32>, mut meanwhile: impl FnMut()) {
    leaders.iter().for_each(|leader| group::ask_to_end(*leader));
    let deadline = Instant::now() + LEAVE_TIMEOUT;
    loop {
        meanwhile();
        if !leaders.iter().any(|leader| group::is_alive(*leader)) {
            return;
        }
        if Instant::now() > deadline {
            break;
        }
        crate::machine::pause(LOOK);
    }
    leaders.iter().for_each(|leader| group::kill(*leader));
}

#[cfg(unix)]
fn apart(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0)
}

#[cfg(not(unix))]
fn apart(command: &mut Command) -> &mut Command {
    command
}

/// A process and all that it started.
#[cfg(unix)]
mod group {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

    fn of(leader: u32) -> Option<Pid> {
        i32::try_from(leader).ok().and_then(Pid::from_raw)
    }

    pub(super) fn ask_to_end(leader: u32) {
        of(leader).map(|group| kill_process_group(group, Signal::TERM));
    }

    pub(super) fn kill(leader: u32) {
        of(leader).map(|group| kill_process_group(group, Signal::KILL));
    }

    pub(super) fn is_alive(leader: u32) -> bool {
        of(leader).is_some_and(|group| test_kill_process_group(group).is_ok())
    }
}

/// Windows knows no groups: the tree below the process is ended at once.
#[cfg(not(unix))]
mod group {
    pub(super) fn ask_to_end(leader: u32) {
        kill(leader);
    }

    pub(super) fn kill(leader: u32) {
        let pid = leader.to_string();
        super::Command::new("taskkill")
            .args(["/T", "/F", "/PID", &pid])
            .output()
            .ok();
    }

    pub(super) fn is_alive(_leader: u32) -> bool {
        false
    }
}

fn named(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
