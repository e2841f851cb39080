//! Calls as a stream of events (`text/event-stream`): queued, started, progress, output, ended.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse as _, Response, Sse as SseResponse};
use futures_util::stream;
use hub::call::Call;
use hub::callers::Caller;
use serde::Serialize;
use serde_json::json;

use crate::door::Door;
use crate::follow::{Follower, News};
use crate::limits;
use crate::problem::Answer;
use hub::policy::{Seen, may_see};

/// `GET /v1/calls/{id}/events`
pub(crate) async fn follow(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let mut follower = Follower::new(door.hub.clone(), caller.clone());
    follower.listen();
    let id = door.hub.call_id(&caller, &id).await?;
    let call = door.hub.find_call(&id).await?;
    may_see(&caller, Seen::Call(&call))?;
    Ok(events(follower, &[call]))
}

/// The events of these calls, to the end of the last one. Leaving the stream cancels nothing.
pub(crate) fn events(mut follower: Follower, calls: &[Arc<Call>]) -> Response {
    let mut first = VecDeque::new();
    for call in calls {
        let view = follower.add(call);
        if !view.status.is_end() {
            first.push_back(sse("queued", &view));
        }
    }
    let stream = stream::unfold((follower, first), |(mut follower, mut first)| async move {
        let event = match first.pop_front() {
            Some(event) => event,
            None => {
                let news = follower.next().await?;
                told(&follower, news)
            }
        };
        Some((Ok::<_, Infallible>(event), (follower, first)))
    });
    let keep_alive = KeepAlive::new().interval(limits::STREAM_KEEP_ALIVE);
    SseResponse::new(stream)
        .keep_alive(keep_alive)
        .into_response()
}

fn told(follower: &Follower, news: News) -> Sse {
    match news {
        News::Queued(view) => sse("queued", &view),
        News::Started { call_id, instance } => sse(
            "started",
            &json!({"call_id": call_id, "instance": instance}),
        ),
        News::Progress { call_id, progress } => sse(
            "progress",
            &json!({"call_id": call_id, "progress": progress}),
        ),
        News::Output {
            call_id,
            stream,
            text,
        } => sse(
            "output",
            &json!({"call_id": call_id, "stream": stream, "text": text}),
        ),
        News::Lagged(missed) => sse("lagged", &json!({"missed": missed})),
        News::Ended(call) => sse("ended", &follower.view(&call)),
    }
}

/// An event with its data as JSON.
pub(crate) fn sse(name: &str, data: &impl Serialize) -> Sse {
    // What the hub tells has no map whose keys are not texts; so this cannot fail.
    let data = serde_json::to_string(data).unwrap_or_default();
    Sse::default().event(name).data(data)
}
