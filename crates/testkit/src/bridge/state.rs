//! What a bridge in a test is, over any number of links: its manners, what it heard, what it remembers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wire::frame::encode_message;
use wire::link::{CallMessage, CancelReason, KnownCall, KnownCalls};
use wire::{CallId, Problem};

/// Calls that a fake bridge holds at once: more than any window of a hub.
pub(super) const WORK_MAX: usize = 2_048;

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Nothing by itself: the test says everything.
    ByHand,
    /// Starts, succeeds.
    Value(Value),
    /// Starts, succeeds that much later; keeps to the call's time limit and to cancels.
    After(Duration, Value),
    /// Starts, succeeds, and the link drops in the same breath.
    ValueAndDrop(Value),
    /// Starts, fails.
    Raise(Problem),
    /// Starts, then the link drops.
    StartAndDrop,
    /// The link drops before it starts, and nothing of it is remembered.
    Drop,
    /// Starts, then these bytes go out as they are.
    Garbage(Vec<u8>),
    /// Starts, then the whole process stands still.
    Freeze,
    /// Starts, says `bye` and leaves.
    Bye,
    /// Starts, then takes that many bytes of memory and keeps them, and never ends.
    Hold(usize),
    /// Starts, then this very process ends with that status: for a program of its own.
    Exit(i32),
}

/// Why a program should look up from its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Stopped,
    Unlinked,
}

/// How polite a bridge is.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Ends a call that it is told to end.
    pub cancels: bool,
    /// Beats.
    pub beats: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            cancels: true,
            beats: true,
        }
    }
}

pub(crate) type Answer = dyn Fn(&CallMessage) -> Reply + Send + Sync;

pub(crate) struct Core {
    pub(super) answer: Box<Answer>,
    pub(super) manners: Manners,
    pub(super) link: tokio::sync::Mutex<Option<OwnedWriteHalf>>,
    /// Reader and heart of the current link.
    pub(super) tasks: Mutex<Vec<JoinHandle<()>>>,
    pub(super) heard: Mutex<Heard>,
    pub(super) changed: watch::Sender<u64>,
    pub(super) frozen: watch::Sender<bool>,
    pub(super) work: mpsc::Sender<CallMessage>,
}

/// All that came from hubs, and what a bridge remembers of it.
#[derive(Default)]
pub(crate) struct Heard {
    pub(super) calls: Vec<CallMessage>,
    pub(super) cancels: Vec<(CallId, CancelReason)>,
    pub(super) acks: Vec<CallId>,
    /// Answers to beats on this link, and the beats.
    pub(super) beats: u64,
    pub(super) beats_sent: u64,
    pub(super) rss_mb: Option<f64>,
    pub(super) stops: u64,
    pub(super) refused: Option<Problem>,
    pub(super) blobs: HashMap<String, Vec<u8>>,
    pub(super) linked: bool,
    pub(super) wedged: Option<CallId>,
    pub(super) memory: Vec<Remembered>,
}

pub(super) struct Remembered {
    pub(super) known: KnownCall,
    pub(super) phase: Phase,
}

pub(super) enum Phase {
    Queued,
    Running,
    /// With the message that tells it.
    Ended(Value),
}

impl Core {
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no test panics while it looks")
    }

    pub(super) fn note<T>(&self, change: impl FnOnce(&mut Heard) -> T) -> T {
        let result = change(&mut self.heard());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    pub(super) async fn started(&self, id: &CallId) {
        self.note(|heard| heard.set_phase(id, Phase::Running));
        self.send(&json!({"t": "started", "id": id})).await;
    }

    pub(super) async fn end(&self, id: &CallId, outcome: Value) {
        let mut message = outcome;
        message["t"] = json!("outcome");
        message["id"] = json!(id);
        self.note(|heard| heard.set_phase(id, Phase::Ended(message.clone())));
        self.send(&message).await;
    }

    /// Beats; says how many beats there were on this link, each of which the hub answers.
    pub(super) async fn beat(&self) -> u64 {
        let mut link = self.link.lock().await;
        let (message, number) = self.note(|heard| {
            heard.beats_sent += 1;
            (heard.as_beat(), heard.beats_sent)
        });
        if let Some(link) = &mut *link {
            link.write_all(&frame(&message)).await.ok();
        }
        number
    }

    pub(super) async fn send(&self, message: &Value) {
        self.send_bytes(&frame(message)).await;
    }

    /// Nothing is sent while there is no link: the outcome is remembered.
    pub(super) async fn send_bytes(&self, bytes: &[u8]) {
        if let Some(link) = &mut *self.link.lock().await {
            link.write_all(bytes).await.ok();
        }
    }

    pub(super) async fn drop_link(&self) {
        self.abort_tasks();
        self.link.lock().await.take();
        self.note(|heard| heard.linked = false);
    }

    pub(super) fn abort_tasks(&self) {
        let mut tasks = self.tasks.lock().expect("no test panics while it looks");
        tasks.drain(..).for_each(|task| task.abort());
    }

    pub(super) async fn while_frozen(&self) {
        self.frozen
            .subscribe()
            .wait_for(|frozen| !frozen)
            .await
            .ok();
    }
}

impl Heard {
    pub(super) fn set_phase(&mut self, id: &CallId, phase: Phase) {
        if let Some(one) = self.memory.iter_mut().find(|one| one.known.id == *id) {
            one.phase = phase;
        }
    }

    pub(super) fn knows(&self, id: &CallId) -> bool {
        self.memory.iter().any(|one| one.known.id == *id)
    }

    pub(super) fn running(&self) -> Option<CallId> {
        let running = self
            .memory
            .iter()
            .find(|one| matches!(one.phase, Phase::Running))?;
        Some(running.known.id.clone())
    }

    pub(super) fn as_beat(&self) -> Value {
        let running = self.wedged.clone().or_else(|| self.running());
        let running = running
            .map(|id| json!({"id": id, "age_ms": 1, "wedged": self.wedged.as_ref() == Some(&id)}));
        json!({"t": "beat", "running": running, "waiting": self.waiting(), "pulse_ms": 0, "rss_mb": self.rss_mb})
    }

    pub(super) fn waiting(&self) -> usize {
        self.memory
            .iter()
            .filter(|one| matches!(one.phase, Phase::Queued))
            .count()
    }

    pub(super) fn known(&self) -> KnownCalls {
        let mut known = KnownCalls::default();
        for one in &self.memory {
            let list = match one.phase {
                Phase::Queued => &mut known.queued,
                Phase::Running => &mut known.running,
                Phase::Ended(_) => &mut known.ended,
            };
            list.push(one.known.clone());
        }
        known
    }

    pub(super) fn unacknowledged(&self) -> Vec<Value> {
        let ended = self.memory.iter().filter_map(|one| match &one.phase {
            Phase::Ended(message) => Some(message.clone()),
            _ => None,
        });
        ended.collect()
    }
}

pub(super) fn frame(message: &Value) -> Vec<u8> {
    encode_message(message).expect("a message of a test fits in a frame")
}

/// An outcome as bridges send it.
#[must_use]
pub fn outcome(status: &str, value: Value, problem: Option<&Problem>) -> Value {
    let mut outcome = json!({
        "status": status,
        "value": value,
        "output": {"stdout": "", "stderr": "", "logs": []},
        "duration_ms": 0.5,
        "changes": {"added": [], "changed": [], "removed": []},
        "memory": {"rss_mb": 1.0, "delta_mb": 0.0},
    });
    if let Some(problem) = problem {
        outcome["problem"] = json!(problem);
    }
    outcome
}

/// A good end.
#[must_use]
pub fn succeeded(value: Value) -> Value {
    outcome("succeeded", value, None)
}
