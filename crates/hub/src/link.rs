//! One live connection to a bridge: proof of the token, then frames both ways.
//!
//! In comes a fresh TCP stream; it is a [`Driver`] for its instance's lane as long as it lasts. The
//! connection is the registration: when it ends, the lane hears of it and nothing else is to be
//! cleaned up. What the messages mean for a call is the lane's business.
//!
//! ```text
//! accepted ─ hello/challenge/proof ─> welcome ─> live ─> closed
//!     └──────────── refused (with a sentence) ─────────────┘
//! ```

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;
use wire::frame::{Frame, FrameError};
use wire::link::{CancelReason, FromBridge, FromHub};
use wire::{Code, Outcome, Problem, Progress, Status};

use crate::clock::{millis, until};
use crate::driver::{Driver as _, DriverEvent};
use crate::feed::is_small;
use crate::instance::Instance;
use crate::limits;
use crate::strangers::Stranger;

mod claims;
mod direct;
mod handshake;
mod incoming;
mod links;
mod outbox;
mod reader;

use incoming::Incoming;
pub(crate) use links::Links;
use outbox::Outbox;
use reader::{Ended, Reader};

/// Serves one connection to its end.
pub(crate) async fn serve(links: Arc<Links>, stream: TcpStream, stranger: Stranger) {
    let peer = stream
        .peer_addr()
        .map(|addr| addr.to_string())
        .unwrap_or_default();
    stream.set_nodelay(true).ok();
    let (read, write) = stream.into_split();
    let outbox = Outbox::new(write);
    let mut reader = Reader::new(read);
    let greeted = handshake::greet(&links, &mut reader, &outbox, &stranger);
    let greeted = tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, greeted);
    let greeted = tokio::select! {
        biased;
        greeted = greeted => greeted,
        () = stranger.shown_out() => {
            tracing::debug!(peer, "an unauthenticated connection was closed to make room");
            return;
        }
    };
    drop(stranger);
    let greeted = match greeted {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(refusal)) => {
            tracing::warn!(peer, problem = %refusal.problem(), "a bridge was refused");
            refusal.send(&outbox).await;
            return;
        }
        Err(_) => {
            tracing::warn!(peer, "a bridge did not finish its handshake in time");
            handshake::Refusal::late().send(&outbox).await;
            return;
        }
    };
    reader.widen();
    let mut announcement = greeted.announcement;
    let joined = claims::bounded(&announcement).and_then(|()| match greeted.confined {
        Some(instance) => Ok(instance),
        None => links.roster.join(&announcement),
    });
    let instance = match joined {
        Ok(instance) => instance,
        Err(problem) => {
            tracing::warn!(peer, %problem, "a bridge was refused");
            handshake::Refusal::Problem(problem).send(&outbox).await;
            return;
        }
    };
    outbox.send(&FromHub::Welcome {
        instance: instance.name.clone(),
        heartbeat_ms: millis(limits::HEARTBEAT),
        direct: true,
        folders: links.files().folders(),
        confine: links.confinement.for_bridges(),
    });
    outbox.use_blobs(Arc::clone(&links.blobs));
    let complete = announcement.calls.complete;
    // What another session of the same process has heard, this one cannot know.
    announcement.calls.complete &= instance.is_of_session(&announcement.session);
    let withdrawn = claims::believe(&links, &instance, &mut announcement).await;
    let epoch = instance.lane.up(
        Arc::clone(&outbox) as Arc<dyn crate::driver::Driver>,
        &announcement.calls,
    );
    for id in &withdrawn {
        outbox.cancel(id, CancelReason::Cancelled);
    }
    instance.connected(&announcement);
    links.jobs.bridge_is_back(&announcement, complete);
    links.joined.notify_waiters();
    tracing::info!(instance = %instance.name, peer, pid = announcement.pid, "connected");
    let why = live(&links, &instance, epoch, &mut reader, &outbox).await;
    outbox.close();
    tracing::info!(instance = %instance.name, why, "disconnected");
    instance.lane.down(epoch);
    links.roster.link_ended(&instance);
}

/// Passes messages on until the connection ends; says why it did.
async fn live(
    links: &Links,
    instance: &Arc<Instance>,
    epoch: u64,
    reader: &mut Reader,
    outbox: &Arc<Outbox>,
) -> String {
    let mut incoming = Incoming::new(links);
    // A process that died may have said something first (that a call had started, its outcome): it is
    // heard, though nothing can be written any more.
    let mut last_words: Option<Instant> = None;
    loop {
        let frame = tokio::select! {
            biased;
            () = links.closing.cancelled() => return "the hub has stopped".to_owned(),
            frame = reader.frame(|| instance.lane.hear(epoch)) => frame,
            () = outbox.closed(), if last_words.is_none() => {
                last_words = Some(Instant::now() + limits::LAST_WORDS_TIMEOUT);
                continue;
            }
            () = until(last_words), if last_words.is_some() => {
                return "the bridge is not reading".to_owned();
            }
            (id, why) = outbox.left_out() => {
                let event = DriverEvent::Outcome(id, Box::new(not_sent(&why)));
                instance.lane.news(epoch, event);
                continue;
            }
        };
        let result = match frame {
            Ok(Frame::Message(value)) => match serde_json::from_value::<FromBridge>(value) {
                Ok(mut message) => {
                    incoming.tell_of_lost(&mut message);
                    take(links, instance, epoch, outbox, message)
                }
                Err(error) => Err(Problem::new(
                    Code::FRAME_MALFORMED,
                    format!("A message does not follow the protocol: {error}."),
                )),
            },
            Ok(Frame::Piece(piece)) => incoming.piece(piece),
            Err(Ended::Closed) => return "the connection was closed".to_owned(),
            Err(Ended::Malformed(error)) => {
                Err(Problem::new(Code::FRAME_MALFORMED, format!("{error}.")))
            }
        };
        if let Err(problem) = result {
            let why = problem.message.clone();
            handshake::Refusal::Problem(problem).send(outbox).await;
            return why;
        }
    }
}

/// The end of a call that is larger than a message may be.
fn not_sent(why: &FrameError) -> Outcome {
    let what = match why {
        FrameError::TooLong(bytes, max) => {
            format!("the message to its bridge would be {bytes} bytes; the most is {max}")
        }
        other => other.to_string(),
    };
    let problem = Problem::new(
        Code::BODY_TOO_LARGE,
        format!("The call did not run: {what}."),
    )
    .hint(wire::hint![
        "For a large value, ",
        wire::Step::StoreBlob,
        "."
    ]);
    Outcome::without_value(Status::Failed, problem)
}

fn take(
    links: &Links,
    instance: &Instance,
    epoch: u64,
    outbox: &Outbox,
    message: FromBridge,
) -> Result<(), Problem> {
    match &message {
        FromBridge::Started { id }
        | FromBridge::Progress { id, .. }
        | FromBridge::Output { id, .. }
        | FromBridge::Outcome { id, .. } => claims::is_id(id)?,
        FromBridge::Beat(beat) => {
            let running = beat.running.iter();
            running.map(|call| &call.id).try_for_each(claims::is_id)?;
        }
        _ => {}
    }
    let event = match message {
        FromBridge::Started { id } => DriverEvent::Started(id),
        FromBridge::Progress {
            id,
            fraction,
            text,
            details,
        } => {
            let details = details.filter(is_small);
            let progress = Progress {
                fraction,
                text,
                details,
            };
            DriverEvent::Progress(id, progress)
        }
        FromBridge::Output { id, stream, text } => DriverEvent::Output { id, stream, text },
        FromBridge::Outcome { id, outcome } if !outcome.status.is_end() => {
            return Err(Problem::new(
                Code::FRAME_MALFORMED,
                format!(
                    "The outcome of {id} is `{}`, which is not a final status.",
                    outcome.status.as_str()
                ),
            )
            .hint("It must be succeeded, failed, timed_out or cancelled."));
        }
        FromBridge::Outcome { id, outcome } => {
            DriverEvent::Outcome(id, Box::new(outcome.in_line()))
        }
        FromBridge::Direct(told) => return direct::told(links, instance, *told),
        FromBridge::Beat(beat) => {
            outbox.send(&FromHub::Beat);
            if let Some(rss_mb) = beat.rss_mb.filter(|_| instance.lane.is_current(epoch)) {
                instance.set_rss_mb(rss_mb);
            }
            DriverEvent::Beat(beat)
        }
        FromBridge::State { state, changes } => {
            if instance.lane.is_current(epoch) {
                instance.set_state(&state, changes);
            }
            DriverEvent::State(state)
        }
        FromBridge::Bye { reason } => {
            if instance.lane.is_current(epoch) {
                instance.said_bye(&reason);
            }
            DriverEvent::Bye(reason)
        }
        // A second greeting changes nothing.
        FromBridge::Hello { .. } | FromBridge::Proof { .. } => return Ok(()),
    };
    let changes_state = matches!(
        event,
        DriverEvent::Started(_) | DriverEvent::Outcome(..) | DriverEvent::Beat(_)
    );
    instance.lane.news(epoch, event);
    if changes_state {
        instance.tell_if_changed();
    }
    Ok(())
}
