//! How an instance is ended: asked first, killed only when it is ours and has no window.

use std::sync::Arc;

use serde::Serialize;
use wire::{Code, InstanceName, Mode, Problem};

use crate::hub::Inner as Hub;
use crate::limits;
use crate::roster::{Instance, is_alive};

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

/// Stops one instance.
pub(crate) async fn stop(
    hub: &Arc<Hub>,
    name: &InstanceName,
    force: bool,
) -> Result<Stopped, Problem> {
    let instance = hub.roster.named(name)?;
    if !hub.supervisor.owns(name) && force {
        return Err(Problem::new(
            Code::FORBIDDEN,
            format!("The hub did not start `{name}` and will not kill it."),
        )
        .hint("End the program yourself."));
    }
    let window = instance.view(hub).mode == Mode::Gui;
    if window && force {
        return Err(Problem::new(
            Code::FORBIDDEN,
            format!("`{name}` has a window; the hub never kills it."),
        )
        .hint("Close the program's window yourself, so that unsaved work is asked about."));
    }
    let how = end(hub, &instance, force).await;
    hub.roster.forget(name);
    Ok(how)
}

/// Ends a process of ours and settles what its lane holds.
pub(super) async fn end(hub: &Arc<Hub>, instance: &Arc<Instance>, force: bool) -> Stopped {
    if let Some(owned) = hub.supervisor.lock().get_mut(&instance.name) {
        owned.stopping = true;
    }
    let owned = hub.supervisor.owns(&instance.name);
    let asked = !force && instance.lane.ask_to_leave();
    let pid = instance.pid();
    let mut how = Stopped::Disconnected;
    if owned && instance.view(hub).mode != Mode::Gui {
        how = Stopped::Left;
        if !(asked && has_ended(pid, limits::LEAVE_TIMEOUT).await) {
            how = Stopped::Killed;
            kill(pid);
            has_ended(pid, limits::LEAVE_TIMEOUT).await;
        }
    }
    let why = Problem::new(
        Code::INTERRUPTED,
        format!("`{}` was stopped.", instance.name),
    )
    .hint(format!(
        "Start it again: kapelle start {} --name {}",
        instance.app, instance.name
    ));
    instance.lane.gone(&why, false);
    hub.supervisor.disown(hub, &instance.name);
    instance.tell_if_changed(hub);
    how
}

async fn has_ended(pid: Option<u32>, within: std::time::Duration) -> bool {
    let Some(pid) = pid else { return true };
    let ended = async {
        let mut look = tokio::time::interval(limits::PROCESS_LOOK);
        while is_alive(pid) {
            look.tick().await;
        }
    };
    tokio::time::timeout(within, ended).await.is_ok()
}

/// Kills the process and the children in its group (renders).
#[cfg(unix)]
fn kill(pid: Option<u32>) {
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
fn kill(pid: Option<u32>) {
    let Some(pid) = pid else { return };
    std::process::Command::new("taskkill")
        .args(["/F", "/T", "/PID", &pid.to_string()])
        .output()
        .ok();
}
