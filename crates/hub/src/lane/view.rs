//! How a lane looks from outside: the instance's state, who runs, who waits where.
//!
//! It only looks; a frozen app changes nothing about how quickly it answers.

use wire::{CallId, Code, InstanceState};

use super::state::{Connection, Inner, Lane, Wedged};
use crate::clock::millis;
use crate::limits;
use crate::looks::is_look;

/// What a view of the instance needs from its lane.
pub(crate) struct LaneView {
    pub(crate) state: InstanceState,
    pub(crate) why: Option<String>,
    pub(crate) queued: usize,
    pub(crate) running: Option<wire::instance::Behind>,
    pub(crate) heard_ms_ago: Option<u64>,
}

impl Lane {
    pub(crate) fn view(&self) -> LaneView {
        let inner = self.lock();
        let (state, why) = state_of(&inner);
        let connected = matches!(inner.connection, Connection::Up(_));
        LaneView {
            state,
            why,
            queued: inner.order.queued(),
            running: match state {
                InstanceState::Idle => None,
                _ => running(&inner),
            },
            heard_ms_ago: connected.then(|| millis(inner.heard.elapsed())),
        }
    }

    /// The place of a call that has not started, and who runs before it.
    pub(crate) fn place_of(&self, id: &CallId) -> (Option<usize>, Option<wire::instance::Behind>) {
        let inner = self.lock();
        (inner.order.position(id), running(&inner))
    }

    /// How many calls it has.
    pub(crate) fn load(&self) -> usize {
        self.lock().calls.len()
    }
}

fn running(inner: &Inner) -> Option<wire::instance::Behind> {
    if let Some(Wedged {
        by: Some(by),
        since,
        ..
    }) = &inner.wedged
    {
        return Some(wire::instance::Behind {
            call_id: by.id.clone(),
            command: by.command.clone(),
            subject: inner
                .calls
                .get(&by.id)
                .and_then(|entry| entry.call.as_behind().subject),
            caller: by.owner.clone(),
            running_ms: millis(since.elapsed()),
        });
    }
    let id = inner.order.running()?;
    inner.calls.get(id).map(|entry| entry.call.as_behind())
}

fn state_of(inner: &Inner) -> (InstanceState, Option<String>) {
    match &inner.connection {
        Connection::Starting => (InstanceState::Starting, None),
        Connection::Down {
            restarting: true, ..
        } => (
            InstanceState::Starting,
            Some("the process died and is being restarted".to_owned()),
        ),
        Connection::Down { .. } => {
            let why = match inner.leaving.as_ref().or(inner.stopped.as_ref()) {
                Some(why) => why.message.clone(),
                None => "the link was lost; waiting for it to come back".to_owned(),
            };
            (InstanceState::Disconnected, Some(why))
        }
        Connection::Lost(why) => {
            let state = if why.code == Code::START_FAILED {
                InstanceState::Failed
            } else {
                InstanceState::Disconnected
            };
            (state, Some(why.message.clone()))
        }
        Connection::Up(_) => {
            if let Some(held) = inner.wedged.as_ref().filter(|held| !held.said) {
                let why = format!("call {} was told to end but is still running", held.id);
                return (InstanceState::Busy, Some(why));
            }
            if let Some(wedged) = &inner.wedged {
                let why = format!(
                    "call {} cannot be interrupted: native code has held the main thread for \
                     {:.1} s",
                    wedged.id,
                    wedged.since.elapsed().as_secs_f64()
                );
                return (InstanceState::Wedged, Some(why));
            }
            let silent = inner.heard.elapsed() > limits::SILENCE_MAX;
            let why = silent.then(|| {
                format!(
                    "no sign of life for {:.0} s",
                    inner.heard.elapsed().as_secs_f64()
                )
            });
            let busy = inner.order.started_ids().any(|id| {
                let entry = inner.calls.get(id);
                entry.is_none_or(|entry| !is_look(&entry.call))
            });
            (
                if busy || silent {
                    InstanceState::Busy
                } else {
                    InstanceState::Idle
                },
                why,
            )
        }
    }
}
