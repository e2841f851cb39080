//! What was done, written down for later runs of the hub: masked, bounded, and never in the way of a call.
//!
//! In come ended calls, from whoever settles them, under a lane's lock: they are put into a bounded queue or
//! counted as left out, nothing else. A thread of its own makes records of them (secrets masked, large
//! arguments moved to a blob, large values left out) and hands those to the [`HistoryStore`]. It decides
//! nothing and answers nobody: [`crate::hub`] reads the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use wire::outcome::OutcomeBody;
use wire::{CallId, Code, Problem};

use crate::blobs::Blobs;
use crate::call::Call;
use crate::json_size::weight_up_to;
use crate::limits;
use crate::secrets::Masking;
use crate::shares::{Bound, Share, Shares};
use crate::store::{CallRecord, HistoryStore};

mod bounds;
mod waiting;

use waiting::Waiting;

/// Hands ended calls to the store.
pub(crate) struct History {
    queue: Arc<Waiting<News>>,
    /// Whether anything is written down at all.
    keeps: bool,
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn HistoryStore>,
    masking: Arc<Masking>,
    blobs: Arc<Blobs>,
    /// Who has how many calls waiting, and how many bytes, roughly: a flood of one caller's leaves out its own.
    places: Arc<Shares>,
    bytes: Arc<Shares>,
    left_out: AtomicU64,
}

enum News {
    Ended(Arc<Call>, Place),
    Undone(Vec<CallId>, Option<CallId>),
    Flush(oneshot::Sender<()>),
}

/// A waiting call's part of the room.
struct Place {
    _one: Share,
    _bytes: Share,
}

impl Shared {
    /// Nothing when there is no room. A single call always has some, however large it is.
    fn place_for(&self, call: &Call) -> Option<Place> {
        let (caller, bytes) = (&call.caller.id, bounds::weight_of(call) as u64);
        let one = self.places.take(caller, 1).ok()?;
        let bytes = match self.bytes.is_empty() {
            true => self.bytes.take_anyway(caller, bytes),
            false => self.bytes.take(caller, bytes).ok()?,
        };
        Some(Place {
            _one: one,
            _bytes: bytes,
        })
    }
}

impl History {
    /// What it does to all that it writes down.
    pub(crate) fn masking(&self) -> &Masking {
        &self.shared.masking
    }

    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn open(
        store: Arc<dyn HistoryStore>,
        masking: Arc<Masking>,
        blobs: Arc<Blobs>,
        keeps: bool,
    ) -> Result<Self, Problem> {
        let queue = Arc::new(Waiting::new());
        let shared = Arc::new(Shared {
            store,
            masking,
            blobs,
            places: Shares::new(Bound::alike(
                limits::HISTORY_WAITING_MAX,
                limits::HISTORY_WAITING_ALL_MAX,
            )),
            bytes: Shares::new(Bound::alike(
                limits::HISTORY_WAITING_BYTES_MAX,
                limits::HISTORY_WAITING_ALL_BYTES_MAX,
            )),
            left_out: AtomicU64::new(0),
        });
        let (writes, news) = (Arc::clone(&shared), Arc::clone(&queue));
        std::thread::Builder::new()
            .name("kapelle-history".to_owned())
            .spawn(move || write_down(&writes, &news))
            .map_err(|error| {
                Problem::new(
                    Code::INTERNAL,
                    format!("A thread could not be started: {error}."),
                )
            })?;
        Ok(Self {
            queue,
            keeps,
            shared,
        })
    }

    /// Returns at once, whatever the disk does.
    pub(crate) fn ended(&self, call: &Arc<Call>) {
        if !self.keeps {
            bounds::forget_large_args(call);
            return;
        }
        if let Some(place) = self.shared.place_for(call)
            && self.queue.push(News::Ended(Arc::clone(call), place))
        {
            return;
        }
        self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        call.show_args(None);
    }

    /// These calls were taken back by that one, or by nobody any more.
    pub(crate) fn undone(&self, calls: Vec<CallId>, by: Option<CallId>) {
        // Behind their own records.
        if self.keeps && !self.queue.push(News::Undone(calls, by)) {
            tracing::warn!(
                "undone calls are not recorded as undone: too much is waiting for the disk"
            );
        }
    }

    /// Resolves when everything that ended before is stored or counted as left out.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn flush(&self) -> Result<(), Problem> {
        let (done, written) = oneshot::channel();
        self.queue.push_urgent(News::Flush(done));
        written.await.ok();
        self.shared.store.flush().await
    }

    /// How many calls of this run are not, and will not be, in the store.
    pub(crate) fn left_out(&self) -> u64 {
        self.shared.left_out.load(Ordering::Relaxed) + self.shared.store.left_out()
    }

    pub(crate) fn store(&self) -> &dyn HistoryStore {
        &*self.shared.store
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The thread's life: until the history is closed.
fn write_down(shared: &Shared, news: &Waiting<News>) {
    while let Some(news) = news.next() {
        match news {
            News::Ended(call, place) => {
                if let Some(record) = record(shared, &call) {
                    shared.store.keep(Box::new(record));
                }
                drop(place);
            }
            News::Undone(calls, by) => shared.store.undone(calls, by),
            News::Flush(done) => {
                done.send(()).ok();
            }
        }
    }
}

fn record(shared: &Shared, call: &Call) -> Option<CallRecord> {
    let mut view = call.view();
    let outcome: Arc<OutcomeBody> = view.outcome.take()?;
    view.outcome = Some(shared.masking.outcome(&bounds::bounded(&outcome)));
    let mut args_blob = None;
    view.args = call.given_args().map(|args| {
        let (args, blob) = written_args(shared, call, &args);
        args_blob = blob;
        Arc::new(args)
    });
    call.show_args(view.args.clone());
    Some(CallRecord {
        caller: call.caller.id.clone(),
        view,
        effect: call.effect,
        asked_at: call.asked_at,
        args_blob,
    })
}

/// Masked; beyond the bound the name of a blob that holds them.
fn written_args(
    shared: &Shared,
    call: &Call,
    args: &Map<String, Value>,
) -> (Map<String, Value>, Option<String>) {
    let masked = shared.masking.args(&call.marked, args);
    if weight_up_to(&masked, limits::HISTORY_ARGS_BYTES_MAX).is_some() {
        return (masked, None);
    }
    let text = Value::Object(masked).to_string();
    let bytes = text.len();
    match store_blob(&shared.blobs, text.as_bytes()) {
        Ok(name) => {
            let note = json!({"$blob": name, "bytes": bytes});
            (as_map(note), Some(name))
        }
        Err(problem) => {
            tracing::warn!(call = %call.id, %problem, "large arguments are not kept");
            let note = json!({"$omitted": {"bytes": bytes, "why": problem.message}});
            (as_map(note), None)
        }
    }
}

fn store_blob(blobs: &Arc<Blobs>, bytes: &[u8]) -> Result<String, Problem> {
    let mut draft = blobs.draft()?;
    draft.write(bytes)?;
    draft.finish(None)
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
