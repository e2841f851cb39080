//! How an instance is ended: asked first, killed only when it is ours and has no window.

use std::time::Duration;

use serde::Serialize;
use wire::Step;
use wire::{Code, InstanceName, Mode, Problem};

use super::own::Supervisor;
use crate::instance::Instance;
use crate::limits;
use crate::process::is_alive;

/// How an instance came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// It was asked and left.
    Left,
    /// It had to be killed.
    Killed,
    /// Its program runs on, without the hub.
    Disconnected,
}

impl Supervisor {
    /// Stops one instance: asked first, killed only with `force` or when it does not leave.
    ///
    /// # Errors
    /// `instance_unknown`, `forbidden` for what is not ours or has a window.
    pub(crate) async fn stop(&self, name: &InstanceName, force: bool) -> Result<Stopped, Problem> {
        let instance = self.roster.named(name)?;
        if !instance.is_owned() && force {
            return Err(Problem::new(
                Code::FORBIDDEN,
                format!("The hub did not start `{name}` and will not kill it."),
            )
            .hint("Close the program yourself."));
        }
        let window = instance.view().mode == Mode::Gui;
        if window && force {
            return Err(Problem::new(
                Code::FORBIDDEN,
                format!("`{name}` has a window; the hub never kills it."),
            )
            .hint("Close its window yourself, so that you are asked about unsaved work."));
        }
        let how = self.end(&instance, force).await;
        self.roster.forget(&instance);
        Ok(how)
    }

    /// Ends a process of ours and settles what its lane holds.
    pub(super) async fn end(&self, instance: &Instance, force: bool) -> Stopped {
        let why = Problem::new(
            Code::INTERRUPTED,
            format!("`{}` was stopped.", instance.name),
        )
        .hint(wire::hint![
            "Start it again: ",
            Step::start_again(&instance.app, &instance.name),
        ]);
        self.end_because(instance, force, &why).await
    }

    /// The same, with what its calls and its state are told.
    pub(super) async fn end_because(
        &self,
        instance: &Instance,
        force: bool,
        why: &Problem,
    ) -> Stopped {
        let owned = instance.owned().as_mut().map(|owned| {
            owned.stopping = true;
            (owned.pid, owned.ours.clone())
        });
        instance.lane.stops_because(why);
        let asked = !force && instance.lane.ask_to_leave();
        let mut how = Stopped::Disconnected;
        if let Some((pid, _)) = owned
            && instance.view().mode != Mode::Gui
        {
            how = Stopped::Left;
            let patience = if asked {
                limits::LEAVE_TIMEOUT
            } else {
                Duration::ZERO
            };
            if !has_ended(pid, patience).await {
                how = Stopped::Killed;
                kill(pid);
                has_ended(pid, limits::LEAVE_TIMEOUT).await;
            }
        }
        instance.lane.gone(why, false);
        if let Some((_, ours)) = owned {
            self.disown(instance, &ours);
        }
        instance.tell_if_changed();
        how
    }
}

pub(super) async fn has_ended(pid: Option<u32>, within: Duration) -> bool {
    let Some(pid) = pid else { return true };
    let ended = async {
        let mut look = tokio::time::interval(limits::PROCESS_LOOK);
        while is_alive(pid) {
            look.tick().await;
        }
    };
    tokio::time::timeout(within, ended).await.is_ok()
}

/// Asks a process to leave, as the end of a session would.
#[cfg(unix)]
pub(super) fn ask(pid: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = pid.and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        kill_process(pid, Signal::TERM).ok();
    }
}

#[cfg(not(unix))]
pub(super) fn ask(pid: Option<u32>) {
    kill(pid);
}

/// Kills the process and the children in its group (renders).
#[cfg(unix)]
pub(super) fn kill(pid: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let Some(pid) = pid
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw)
    else {
        return;
    };
    if let Err(error) = kill_process_group(pid, Signal::KILL) {
        tracing::warn!(%error, ?pid, "cannot be killed");
    }
}

#[cfg(not(unix))]
pub(super) fn kill(pid: Option<u32>) {
    let Some(pid) = pid else { return };
    std::process::Command::new("taskkill")
        .args(["/F", "/T", "/PID", &pid.to_string()])
        .output()
        .ok();
}
