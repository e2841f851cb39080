//! A call as a stream of events (`text/event-stream`): queued, started, progress, output, ended.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse as _, Response, Sse as SseResponse};
use futures_util::stream;
use hub::Hub;
use hub::call::Call;
use hub::callers::Caller;
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};
use wire::{CallId, Event};

use crate::calls::may_see;
use crate::http::Door;
use crate::limits;
use crate::problem::Answer;

/// `GET /v1/calls/{id}/events`
pub(crate) async fn follow(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let listener = door.hub.listen();
    let call = door.hub.find_call(&CallId::from(id)).await?;
    may_see(&caller, &call)?;
    Ok(events(door.hub, listener, vec![call]))
}

/// The events of these calls, to the end of the last one. Leaving the stream cancels nothing.
pub(crate) fn events(
    hub: Hub,
    listener: broadcast::Receiver<Event>,
    calls: Vec<Arc<Call>>,
) -> Response {
    let first = calls.iter().filter(|call| !call.status().is_end());
    let ready = first
        .map(|call| sse("queued", &json!(hub.view(call))))
        .collect();
    let follower = Follower {
        hub,
        listener,
        open: calls,
        ready,
    };
    let stream = stream::unfold(follower, |mut follower| async move {
        follower
            .next()
            .await
            .map(|event| (Ok::<_, Infallible>(event), follower))
    });
    let keep_alive = KeepAlive::new().interval(limits::STREAM_KEEP_ALIVE);
    SseResponse::new(stream)
        .keep_alive(keep_alive)
        .into_response()
}

struct Follower {
    hub: Hub,
    listener: broadcast::Receiver<Event>,
    /// Calls whose end has not been told.
    open: Vec<Arc<Call>>,
    ready: VecDeque<Sse>,
}

impl Follower {
    async fn next(&mut self) -> Option<Sse> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.open.is_empty() {
                return None;
            }
            // What came before the end is told before the end, so events go first.
            match self.listener.try_recv() {
                Ok(event) => self.take(event),
                Err(broadcast::error::TryRecvError::Lagged(missed)) => self.lagged(missed),
                Err(broadcast::error::TryRecvError::Closed) => return None,
                Err(broadcast::error::TryRecvError::Empty) => {
                    if self.tell_ended() {
                        continue;
                    }
                    match self.listener.recv().await {
                        Ok(event) => self.take(event),
                        Err(RecvError::Lagged(missed)) => self.lagged(missed),
                        Err(RecvError::Closed) => return None,
                    }
                }
            }
        }
    }

    fn take(&mut self, event: Event) {
        let is_open = |id: &CallId| self.open.iter().any(|call| call.id == *id);
        let told = match event {
            Event::CallStarted { call_id, instance } if is_open(&call_id) => sse(
                "started",
                &json!({"call_id": call_id, "instance": instance}),
            ),
            Event::CallProgress { call_id, progress } if is_open(&call_id) => sse(
                "progress",
                &json!({"call_id": call_id, "progress": progress}),
            ),
            Event::CallOutput {
                call_id,
                stream,
                text,
            } if is_open(&call_id) => sse(
                "output",
                &json!({"call_id": call_id, "stream": stream, "text": text}),
            ),
            Event::CallEnded { call } if is_open(&call.call_id) => {
                self.open.retain(|open| open.id != call.call_id);
                sse("ended", &json!(call))
            }
            _ => return,
        };
        self.ready.push_back(told);
    }

    fn lagged(&mut self, missed: u64) {
        self.ready
            .push_back(sse("lagged", &json!({"missed": missed})));
    }

    /// Calls that had ended before anybody listened, or whose end was among the missed.
    fn tell_ended(&mut self) -> bool {
        let (ended, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|c| c.status().is_end());
        self.open = open;
        let ended: Vec<Arc<Call>> = ended;
        self.ready.extend(
            ended
                .iter()
                .map(|call| sse("ended", &json!(self.hub.view(call)))),
        );
        !ended.is_empty()
    }
}

fn sse(name: &str, data: &Value) -> Sse {
    Sse::default().event(name).data(data.to_string())
}
