//! The feed as a stream of events (`GET /v1/events`): by topic, resumed by `Last-Event-ID`.
//!
//! In come topics and a position; out go the feed's events, each with its position as `id`, and a
//! `resync` with what is known wherever there was none, or what followed it is not kept any more. The
//! stream reads at the client's pace. It ends with the hub, and when its token is taken back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse as _, Sse as SseResponse};
use futures_util::stream;
use hub::Hub;
use hub::callers::Caller;
use hub::feed::Subscription;
use serde::Deserialize;
use wire::{Code, Position, Problem, Resync, Topic};

use crate::door::Door;
use crate::limits;
use crate::problem::Answer;
use crate::proof::Proof;
use crate::reading::query_of;
use crate::stream::sse;

/// Events taken from the window at a time.
const BATCH: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// With commas between them; all but single calls when it is left out.
    topics: Option<String>,
    epoch: Option<String>,
    since: Option<u64>,
}

/// `GET /v1/events?topics=&epoch=&since=`
pub(crate) async fn feed(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Extension(proof): Extension<Proof>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let query = query_of(query)?;
    let mut topics = topics(query.topics.as_deref().unwrap_or("calls,instances,state"))?;
    whole_ids(&door.hub, &caller, &mut topics).await?;
    // What a client that connects again says by itself counts more than the address it began with.
    let since = match headers.get("last-event-id").and_then(|id| id.to_str().ok()) {
        Some(id) => Some(Position::parse(id).unwrap_or_else(nowhere)),
        None => position(query.epoch, query.since)?,
    };
    let (subscription, resync) = door.hub.subscribe(&caller, topics, since.as_ref())?;
    let mut reader = Reader {
        hub: door.hub,
        caller,
        proof,
        subscription,
        ready: VecDeque::new(),
    };
    reader
        .ready
        .extend(resync.map(|resync| resync_event(&resync)));
    let stream = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let keep_alive = KeepAlive::new().interval(limits::STREAM_KEEP_ALIVE);
    Ok(SseResponse::new(stream)
        .keep_alive(keep_alive)
        .into_response())
}

/// Calls that are named by the beginning of their ids.
pub(crate) async fn whole_ids(
    hub: &Hub,
    caller: &Caller,
    topics: &mut [Topic],
) -> Result<(), Problem> {
    for topic in topics {
        if let Topic::Call(id) = topic {
            *id = hub.call_id(caller, id.as_str()).await?;
        }
    }
    Ok(())
}

/// A position in two parts, as clients say it.
pub(crate) fn position(
    epoch: Option<String>,
    since: Option<u64>,
) -> Result<Option<Position>, Problem> {
    match (epoch, since) {
        (Some(epoch), Some(seq)) => Ok(Some(Position {
            epoch: Arc::from(epoch),
            seq,
        })),
        (None, None) => Ok(None),
        _ => Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "`epoch` and `since` go together: a number is only valid for the run of the hub that gave it.",
        )
        .hint("Send both as in the last event, or neither.")),
    }
}

fn topics(text: &str) -> Result<Vec<Topic>, Problem> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|name| {
            Topic::parse(name).ok_or_else(|| {
                Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!("There is no topic `{name}`."),
                )
                .hint("The topics are calls, instances, state, jobs and call:<id>.")
            })
        })
        .collect()
}

/// For an id that is none of ours: of no run, so that the answer is a resync.
fn nowhere() -> Position {
    Position {
        epoch: Arc::from(""),
        seq: 0,
    }
}

struct Reader {
    hub: Hub,
    caller: Caller,
    proof: Proof,
    subscription: Subscription,
    ready: VecDeque<Sse>,
}

impl Reader {
    async fn next(&mut self) -> Option<Sse> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.subscription.take(BATCH) {
                Ok(told) if told.is_empty() => {
                    tokio::select! {
                        () = self.subscription.news() => {}
                        () = self.hub.stopping() => return None,
                        () = tokio::time::sleep(limits::STREAM_KEEP_ALIVE) => {}
                    }
                    // A token that was taken back hears nothing more.
                    if !self.proof.holds(&self.hub, &self.caller) {
                        return None;
                    }
                }
                Ok(told) => self.ready.extend(told.iter().map(|told| {
                    let id = told_id(&told.epoch, told.seq);
                    Sse::default()
                        .event(told.event.name())
                        .data(told.json())
                        .id(id)
                })),
                Err(hub::feed::FellBehind) => self.begin_anew()?,
            }
        }
    }

    /// Too slow for the window: what is known stands for what was missed.
    fn begin_anew(&mut self) -> Option<()> {
        let topics = self.subscription.topics().to_vec();
        let since = self.subscription.position();
        let (subscription, resync) = self
            .hub
            .subscribe(&self.caller, topics, Some(&since))
            .ok()?;
        self.subscription = subscription;
        self.ready
            .extend(resync.map(|resync| resync_event(&resync)));
        Some(())
    }
}

fn resync_event(resync: &Resync) -> Sse {
    sse("resync", resync).id(told_id(&resync.position.epoch, resync.position.seq))
}

fn told_id(epoch: &Arc<str>, seq: u64) -> String {
    Position {
        epoch: Arc::clone(epoch),
        seq,
    }
    .to_string()
}
