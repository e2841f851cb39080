//! A bridge that does what a test wants, over real TCP and with the real proof.
//!
//! In come calls and cancels from a hub; out go the messages of the protocol, by a [`Reply`] for each
//! call or by hand. What a real bridge remembers over a lost link (its session, calls that it has,
//! outcomes that were not acknowledged) is remembered here too, so that [`FakeBridge::redial`] says it.
//!
//! ```text
//! Dial ─ connect ─> linked ─ drop_link ─> unlinked ─ redial ─> linked …
//! ```

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wire::frame::{PIECE_BYTES_MAX, PieceHead, encode_piece};
use wire::link::{CallMessage, CancelReason, KnownCalls};
use wire::{CallId, InstanceName, Problem};

use crate::wait::wait_for;

mod dial;
mod run;
mod state;

pub use dial::{Dial, Refused};
pub use state::{Manners, Over, Reply, outcome, succeeded};

use state::{Core, Heard};

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

impl Dial {
    /// Dials; every call is answered by hand.
    ///
    /// # Errors
    /// When the hub refuses it.
    pub async fn by_hand(self) -> Result<FakeBridge, Refused> {
        self.connect(|_| Reply::ByHand).await
    }

    /// Dials; every call is answered at once with its arguments.
    ///
    /// # Errors
    /// When the hub refuses it.
    pub async fn echo(self) -> Result<FakeBridge, Refused> {
        self.connect(|call| Reply::Value(json!(call.args))).await
    }

    /// Dials; each call gets its reply.
    ///
    /// # Errors
    /// When the hub refuses it.
    pub async fn connect(
        self,
        answer: impl Fn(&CallMessage) -> Reply + Send + Sync + 'static,
    ) -> Result<FakeBridge, Refused> {
        let (core, work) = dial::new_core(Box::new(answer), self.manners);
        let instance = dial::link(&core, &self).await?;
        let executor = tokio::spawn(run::execute(Arc::clone(&core), work));
        Ok(FakeBridge {
            instance,
            dial: self,
            core,
            executor,
            taken: 0,
        })
    }
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
