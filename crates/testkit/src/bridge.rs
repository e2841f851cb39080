//! A bridge that does what a test wants, over real TCP and with the real proof.
//!
//! In come calls and cancels from a hub; out go the messages of the protocol, by a [`Reply`] for each
//! call or by hand. What a real bridge remembers over a lost link (its session, calls that it has,
//! outcomes that were not acknowledged) is remembered here too, so that [`FakeBridge::redial`] says it.
//!
//! ```text
//! Dial ─ connect ─> linked ─ drop_link ─> unlinked ─ redial ─> linked …
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wire::frame::{PIECE_BYTES_MAX, PieceHead, encode_message, encode_piece};
use wire::link::{CallMessage, CancelReason, KnownCall, KnownCalls};
use wire::{CallId, InstanceName, Problem};

use crate::wait::wait_for;

mod dial;
mod run;

pub use dial::{Dial, Refused};

/// Calls that a fake bridge holds at once: more than any window of a hub.
const WORK_MAX: usize = 2_048;

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

/// One bridge, over any number of links.
pub struct FakeBridge {
    /// The name that the hub gave at the last handshake.
    pub instance: InstanceName,
    dial: Dial,
    core: Arc<Core>,
    executor: JoinHandle<()>,
    /// Calls given out by [`FakeBridge::next_call`].
    taken: usize,
}

pub(crate) type Answer = dyn Fn(&CallMessage) -> Reply + Send + Sync;

pub(crate) struct Core {
    answer: Box<Answer>,
    manners: Manners,
    link: tokio::sync::Mutex<Option<OwnedWriteHalf>>,
    /// Reader and heart of the current link.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    heard: Mutex<Heard>,
    changed: watch::Sender<u64>,
    frozen: watch::Sender<bool>,
    work: mpsc::Sender<CallMessage>,
}

/// All that came from hubs, and what a bridge remembers of it.
#[derive(Default)]
pub(crate) struct Heard {
    calls: Vec<CallMessage>,
    cancels: Vec<(CallId, CancelReason)>,
    acks: Vec<CallId>,
    /// Answers to beats on this link, and the beats.
    beats: u64,
    beats_sent: u64,
    rss_mb: Option<f64>,
    stops: u64,
    refused: Option<Problem>,
    blobs: HashMap<String, Vec<u8>>,
    linked: bool,
    wedged: Option<CallId>,
    memory: Vec<Remembered>,
}

struct Remembered {
    known: KnownCall,
    phase: Phase,
}

enum Phase {
    Queued,
    Running,
    /// With the message that tells it.
    Ended(Value),
}

impl FakeBridge {
    /// The next call that has not been given out here.
    pub async fn next_call(&mut self) -> CallMessage {
        let at = self.taken;
        let call = self
            .until("a call comes", |heard| heard.calls.get(at).cloned())
            .await;
        self.taken += 1;
        call
    }

    /// Every call that ever came, also twice if it came twice.
    #[must_use]
    pub fn calls(&self) -> Vec<CallMessage> {
        self.core.heard().calls.clone()
    }

    /// Waits for a cancel of that call.
    pub async fn cancel_of(&self, id: &CallId) -> CancelReason {
        self.until("a cancel comes", |heard| {
            heard
                .cancels
                .iter()
                .find(|(other, _)| other == id)
                .map(|(_, reason)| *reason)
        })
        .await
    }

    #[must_use]
    pub fn cancels(&self) -> Vec<CallId> {
        self.core
            .heard()
            .cancels
            .iter()
            .map(|(id, _)| id.clone())
            .collect()
    }

    pub async fn ack_of(&self, id: &CallId) {
        self.until("an ack comes", |heard| {
            heard.acks.contains(id).then_some(())
        })
        .await;
    }

    /// Waits for the bytes of a blob.
    pub async fn blob(&self, name: &str) -> Vec<u8> {
        self.until("a blob comes", |heard| heard.blobs.get(name).cloned())
            .await
    }

    /// Waits until the hub says `stop` (unless it is not to be heard) or the link is gone; for as
    /// long as that takes.
    pub async fn over(&self, deaf_to_stop: bool) -> Over {
        let mut changed = self.core.changed.subscribe();
        loop {
            changed.borrow_and_update();
            {
                let heard = self.core.heard();
                if heard.stops > 0 && !deaf_to_stop {
                    return Over::Stopped;
                }
                if !heard.linked {
                    return Over::Unlinked;
                }
            }
            changed.changed().await.ok();
        }
    }

    pub async fn stop_of_hub(&self) {
        self.until("a stop comes", |heard| (heard.stops > 0).then_some(()))
            .await;
    }

    /// Beats and waits for the answer to that very beat: all that was sent before has been heard, all
    /// that the hub sent before has come.
    pub async fn round_trip(&self) {
        let number = self.core.beat().await;
        self.until("the answer to a beat", |heard| {
            (heard.beats >= number).then_some(())
        })
        .await;
    }

    /// Beats, and says from now on that the process holds that much memory.
    pub async fn holds_mb(&self, rss_mb: f64) {
        self.core.heard().rss_mb = Some(rss_mb);
        self.core.beat().await;
    }

    /// Waits until the hub has closed the link; gives what it said last, if it refused something.
    pub async fn refused(&self) -> Option<Problem> {
        self.until("the hub closes", |heard| {
            (!heard.linked).then(|| heard.refused.clone())
        })
        .await
    }

    /// Says that a call has started, as soon as it has come.
    pub async fn started(&self, id: &CallId) {
        self.until("the call comes", |heard| heard.knows(id).then_some(()))
            .await;
        self.core.started(id).await;
    }

    pub async fn progress(&self, id: &CallId, fraction: f64, text: &str) {
        self.send(&json!({"t": "progress", "id": id, "fraction": fraction, "text": text}))
            .await;
    }

    pub async fn output(&self, id: &CallId, text: &str) {
        self.send(&json!({"t": "output", "id": id, "stream": "stdout", "text": text}))
            .await;
    }

    /// Ends a call: `outcome` as made by [`outcome`] or [`succeeded`].
    pub async fn end(&self, id: &CallId, outcome: Value) {
        self.core.end(id, outcome).await;
    }

    /// Starts and succeeds at once.
    pub async fn answer(&self, id: &CallId, value: Value) {
        self.started(id).await;
        self.end(id, succeeded(value)).await;
    }

    pub async fn state(&self, state: Value) {
        self.send(&json!({"t": "state", "state": state})).await;
    }

    /// Says goodbye and leaves.
    pub async fn bye(&self) {
        self.send(&json!({"t": "bye", "reason": "the window was closed"}))
            .await;
        self.drop_link().await;
    }

    /// Beats now: a call was told to end and does not.
    pub async fn wedge(&self, id: &CallId) {
        self.core.heard().wedged = Some(id.clone());
        self.core.beat().await;
    }

    /// What was held up goes on.
    pub async fn unwedge(&self) {
        self.core.heard().wedged = None;
        self.core.beat().await;
    }

    /// Stands still: nothing is read, said or run.
    pub fn freeze(&self) {
        self.core.frozen.send_replace(true);
    }

    pub fn thaw(&self) {
        self.core.frozen.send_replace(false);
    }

    /// Sends any message.
    pub async fn send(&self, message: &Value) {
        self.core.send(message).await;
    }

    /// Sends any bytes.
    pub async fn send_bytes(&self, bytes: &[u8]) {
        self.core.send_bytes(bytes).await;
    }

    /// Sends the pieces of a blob under a name that may be false.
    ///
    /// # Panics
    /// Never: a piece of the allowed size is a frame.
    pub async fn send_blob(&self, name: &str, bytes: &[u8]) {
        let mut offset = 0;
        for raw in bytes.chunks(PIECE_BYTES_MAX) {
            let head = PieceHead {
                blob: name.to_owned(),
                offset,
                total: bytes.len() as u64,
            };
            self.send_bytes(&encode_piece(&head, raw).expect("a piece is a frame"))
                .await;
            offset += raw.len() as u64;
        }
    }

    /// Drops the connection without a word. Calls that run go on.
    pub async fn drop_link(&self) {
        self.core.drop_link().await;
    }

    /// What this bridge would say of calls from before.
    #[must_use]
    pub fn known(&self) -> KnownCalls {
        self.core.heard().known()
    }

    /// Forgets calls, as a bridge with a fault would.
    pub fn forget(&self, ids: &[CallId]) {
        self.core
            .heard()
            .memory
            .retain(|one| !ids.contains(&one.known.id));
    }

    /// Keeps no marks of calls, as a bridge older than them would.
    pub fn forget_marks(&self) {
        for one in &mut self.core.heard().memory {
            one.known.mark = None;
        }
    }

    /// As if these calls had never arrived.
    pub fn never_got(&self, ids: &[CallId]) {
        self.forget(ids);
        let mut heard = self.core.heard();
        heard.calls.retain(|call| !ids.contains(&call.id));
    }

    /// Dials again with the same session, says what it knows, and sends unacknowledged outcomes again.
    ///
    /// # Errors
    /// When the hub refuses it.
    pub async fn redial(&mut self, addr: std::net::SocketAddr) -> Result<(), Refused> {
        self.drop_link().await;
        self.dial.to(addr);
        self.dial.name_is(&self.instance);
        self.instance = dial::link(&self.core, &self.dial).await?;
        let unacknowledged = self.core.heard().unacknowledged();
        for message in unacknowledged {
            self.send(&message).await;
        }
        Ok(())
    }

    async fn until<T>(&self, what: &str, look: impl Fn(&Heard) -> Option<T>) -> T {
        wait_for(what, self.core.changed.subscribe(), || {
            look(&self.core.heard())
        })
        .await
    }
}

impl Drop for FakeBridge {
    fn drop(&mut self) {
        self.executor.abort();
        self.core.abort_tasks();
    }
}

impl Core {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no test panics while it looks")
    }

    fn note<T>(&self, change: impl FnOnce(&mut Heard) -> T) -> T {
        let result = change(&mut self.heard());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    async fn started(&self, id: &CallId) {
        self.note(|heard| heard.set_phase(id, Phase::Running));
        self.send(&json!({"t": "started", "id": id})).await;
    }

    async fn end(&self, id: &CallId, outcome: Value) {
        let mut message = outcome;
        message["t"] = json!("outcome");
        message["id"] = json!(id);
        self.note(|heard| heard.set_phase(id, Phase::Ended(message.clone())));
        self.send(&message).await;
    }

    /// Beats; says how many beats there were on this link, each of which the hub answers.
    async fn beat(&self) -> u64 {
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

    async fn send(&self, message: &Value) {
        self.send_bytes(&frame(message)).await;
    }

    /// Nothing is sent while there is no link: the outcome is remembered.
    async fn send_bytes(&self, bytes: &[u8]) {
        if let Some(link) = &mut *self.link.lock().await {
            link.write_all(bytes).await.ok();
        }
    }

    async fn drop_link(&self) {
        self.abort_tasks();
        self.link.lock().await.take();
        self.note(|heard| heard.linked = false);
    }

    fn abort_tasks(&self) {
        let mut tasks = self.tasks.lock().expect("no test panics while it looks");
        tasks.drain(..).for_each(|task| task.abort());
    }

    async fn while_frozen(&self) {
        self.frozen
            .subscribe()
            .wait_for(|frozen| !frozen)
            .await
            .ok();
    }
}

impl Heard {
    fn set_phase(&mut self, id: &CallId, phase: Phase) {
        if let Some(one) = self.memory.iter_mut().find(|one| one.known.id == *id) {
            one.phase = phase;
        }
    }

    fn knows(&self, id: &CallId) -> bool {
        self.memory.iter().any(|one| one.known.id == *id)
    }

    fn running(&self) -> Option<CallId> {
        let running = self
            .memory
            .iter()
            .find(|one| matches!(one.phase, Phase::Running))?;
        Some(running.known.id.clone())
    }

    fn as_beat(&self) -> Value {
        let running = self.wedged.clone().or_else(|| self.running());
        let running = running
            .map(|id| json!({"id": id, "age_ms": 1, "wedged": self.wedged.as_ref() == Some(&id)}));
        json!({"t": "beat", "running": running, "waiting": self.waiting(), "pulse_ms": 0, "rss_mb": self.rss_mb})
    }

    fn waiting(&self) -> usize {
        self.memory
            .iter()
            .filter(|one| matches!(one.phase, Phase::Queued))
            .count()
    }

    fn known(&self) -> KnownCalls {
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

    fn unacknowledged(&self) -> Vec<Value> {
        let ended = self.memory.iter().filter_map(|one| match &one.phase {
            Phase::Ended(message) => Some(message.clone()),
            _ => None,
        });
        ended.collect()
    }
}

fn frame(message: &Value) -> Vec<u8> {
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
