//! What a linked bridge does by itself: read, beat, run calls one after the other.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use wire::frame::Frame;
use wire::link::{CallMessage, FromHub, KnownCall};
use wire::{CallId, Code, Problem};

use super::state::{Core, Phase, Remembered, Reply, outcome, succeeded};
use crate::socket::Reading;

/// Takes what the hub sends until the link ends.
pub(super) async fn read(core: Arc<Core>, mut reading: Reading) {
    while let Some(frame) = reading.frame().await {
        core.while_frozen().await;
        match frame {
            Frame::Piece(piece) => core.note(|heard| {
                let blob = heard.blobs.entry(piece.head.blob).or_default();
                assert_eq!(blob.len() as u64, piece.head.offset, "pieces come in order");
                blob.extend_from_slice(&piece.bytes);
            }),
            Frame::Message(value) => match serde_json::from_value(value) {
                Ok(message) => take(&core, message).await,
                Err(error) => panic!("the hub's message is not of the protocol: {error}"),
            },
        }
    }
    core.link.lock().await.take();
    core.note(|heard| heard.linked = false);
}

async fn take(core: &Arc<Core>, message: FromHub) {
    match message {
        FromHub::Call(call) => {
            let known = KnownCall {
                id: call.id.clone(),
                command: call.command.clone(),
                owner: call.owner.to_string(),
                owner_id: call.owner_id.clone(),
                mark: call.mark.clone(),
            };
            let is_new = core.note(|heard| {
                let is_new = heard.calls.iter().all(|other| other.id != call.id);
                heard.calls.push((*call).clone());
                if is_new {
                    heard.memory.push(Remembered {
                        known,
                        phase: Phase::Queued,
                    });
                }
                is_new
            });
            // A second time the same id is ignored, as the protocol says.
            if is_new {
                core.work
                    .try_send(*call)
                    .expect("a test sends no more than a bridge holds");
            }
        }
        FromHub::Cancel { id, reason } => {
            core.note(|heard| heard.cancels.push((id.clone(), reason)));
            // What the executor runs, it ends by itself.
            if core.manners.cancels && is_by_hand_or_waits(core, &id) {
                core.end(&id, cancelled()).await;
            }
        }
        FromHub::Ack { id } => core.note(|heard| {
            heard
                .memory
                .retain(|one| one.known.id != id || !matches!(one.phase, Phase::Ended(_)));
            heard.acks.push(id);
        }),
        FromHub::Beat => core.note(|heard| heard.beats += 1),
        FromHub::Stop => core.note(|heard| heard.stops += 1),
        FromHub::Refused { problem } => core.note(|heard| heard.refused = Some(*problem)),
        FromHub::Challenge { .. } | FromHub::Welcome { .. } => {}
    }
}

fn is_by_hand_or_waits(core: &Core, id: &CallId) -> bool {
    let heard = core.heard();
    let Some(one) = heard.memory.iter().find(|one| one.known.id == *id) else {
        return false;
    };
    match one.phase {
        Phase::Queued => true,
        Phase::Ended(_) => false,
        Phase::Running => heard
            .calls
            .iter()
            .find(|call| call.id == *id)
            .is_some_and(|call| matches!((core.answer)(call), Reply::ByHand)),
    }
}

pub(super) async fn beat(core: Arc<Core>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        core.while_frozen().await;
        core.beat().await;
    }
}

/// Runs calls in their order, one at a time, whether there is a link or not.
pub(super) async fn execute(core: Arc<Core>, mut work: mpsc::Receiver<CallMessage>) {
    while let Some(call) = work.recv().await {
        core.while_frozen().await;
        if !is_queued(&core, &call.id) {
            continue;
        }
        run(&core, &call).await;
    }
}

fn is_queued(core: &Core, id: &CallId) -> bool {
    let heard = core.heard();
    heard
        .memory
        .iter()
        .any(|one| one.known.id == *id && matches!(one.phase, Phase::Queued))
}

async fn run(core: &Arc<Core>, call: &CallMessage) {
    let reply = (core.answer)(call);
    match &reply {
        Reply::ByHand => return,
        Reply::Drop => {
            core.note(|heard| heard.memory.retain(|one| one.known.id != call.id));
            return core.drop_link().await;
        }
        _ => core.started(&call.id).await,
    }
    match reply {
        Reply::ByHand | Reply::Drop => {}
        Reply::Value(value) => core.end(&call.id, succeeded(value)).await,
        Reply::After(delay, value) => {
            let end = after(core, call, delay, value).await;
            core.while_frozen().await;
            core.end(&call.id, end).await;
        }
        Reply::Raise(problem) => {
            core.end(&call.id, outcome("failed", Value::Null, Some(&problem)))
                .await;
        }
        Reply::ValueAndDrop(value) => {
            core.end(&call.id, succeeded(value)).await;
            core.drop_link().await;
        }
        Reply::StartAndDrop => core.drop_link().await,
        Reply::Hold(bytes) => {
            // Written to, so that it is really there, and never given back.
            std::mem::forget(vec![1_u8; bytes]);
        }
        Reply::Exit(status) => std::process::exit(status),
        Reply::Garbage(bytes) => core.send_bytes(&bytes).await,
        Reply::Freeze => {
            core.frozen.send_replace(true);
        }
        Reply::Bye => {
            core.send(&serde_json::json!({"t": "bye", "reason": "it was time"}))
                .await;
            core.drop_link().await;
        }
    }
}

/// Succeeds after the delay unless its time is over or it is cancelled before.
async fn after(core: &Core, call: &CallMessage, delay: Duration, value: Value) -> Value {
    let mut changed = core.changed.subscribe();
    let told = async {
        loop {
            if core.manners.cancels && core.heard().cancels.iter().any(|(id, _)| *id == call.id) {
                return;
            }
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let limit = Duration::from_millis(call.timeout_ms.unwrap_or(u64::MAX >> 1));
    tokio::select! {
        () = tokio::time::sleep(delay.min(limit)) => {
            if delay <= limit {
                return succeeded(value);
            }
            let problem = Problem::new(Code::TIMED_OUT, "The call ran longer than it may.");
            outcome("timed_out", Value::Null, Some(&problem))
        }
        () = told => cancelled(),
    }
}

fn cancelled() -> Value {
    outcome(
        "cancelled",
        Value::Null,
        Some(&Problem::new(Code::CANCELLED, "The call was cancelled.")),
    )
}
