//! A call from its asking to its end, as it happens: output, progress, outcome.
//!
//! In come the events of `POST /v1/calls`; a [`Watcher`] hears them; out goes the ended CALL. When
//! events were missed, the rest of the output is taken from the outcome, which has it in whole.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;
use wire::call::CallView;
use wire::{CallId, CallRequest, Problem, Progress};

use crate::sse::{Events, SseEvent};
use crate::{Client, problems, typed};

/// Who hears what a call does.
pub trait Watcher {
    /// The hub took the call; it may have to wait.
    fn queued(&mut self, _call: &CallView) {}
    /// It runs.
    fn started(&mut self) {}
    fn output(&mut self, _stream: &str, _text: &str) {}
    fn progress(&mut self, _progress: &Progress) {}
    /// Events were missed: what comes by [`Watcher::output`] from here on has a hole before it.
    fn lagged(&mut self) {}
}

/// A call that ended: as the hub told it, and read.
#[derive(Debug)]
pub struct Ended {
    pub document: Value,
    pub call: CallView,
}

/// Runs a call on one instance and waits for its end.
///
/// # Errors
/// The problem when nothing ran, and when the hub went away.
pub fn follow(
    client: &Client,
    request: &CallRequest,
    watcher: &mut dyn Watcher,
) -> Result<Ended, Box<Problem>> {
    rest(client.stream("/v1/calls", request)?, watcher)
}

/// Hears the events of one call to its end.
///
/// # Errors
/// When the hub went away.
pub fn rest(events: Box<dyn BufRead>, watcher: &mut dyn Watcher) -> Result<Ended, Box<Problem>> {
    let mut events = Events::new(events);
    let mut id: Option<CallId> = None;
    loop {
        let Ok(Some(event)) = events.next_event() else {
            return Err(problems::hub_went_away(id.as_ref().map(CallId::as_str)));
        };
        match read(&event)? {
            Told::Queued(call) => {
                watcher.queued(&call);
                id = Some(call.call_id);
            }
            Told::Started => watcher.started(),
            Told::Progress(progress) => watcher.progress(&progress),
            Told::Output { stream, text } => watcher.output(&stream, &text),
            Told::Lagged => watcher.lagged(),
            Told::Ended(ended) => return Ok(*ended),
            Told::Nothing => {}
        }
    }
}

enum Told {
    Queued(Box<CallView>),
    Started,
    Progress(Progress),
    Output {
        stream: String,
        text: String,
    },
    Lagged,
    Ended(Box<Ended>),
    /// Events that need no word, and those of a newer hub.
    Nothing,
}

#[derive(Deserialize)]
struct ProgressEvent {
    progress: Progress,
}

#[derive(Deserialize)]
struct OutputEvent {
    stream: String,
    text: String,
}

fn read(event: &SseEvent) -> Result<Told, Box<Problem>> {
    let document = event.document().map_err(problems::strange_answer)?;
    Ok(match event.name.as_str() {
        "queued" => Told::Queued(Box::new(typed(&document)?)),
        "started" => Told::Started,
        "progress" => Told::Progress(typed::<ProgressEvent>(&document)?.progress),
        "output" => {
            let OutputEvent { stream, text } = typed(&document)?;
            Told::Output { stream, text }
        }
        "lagged" => Told::Lagged,
        "ended" => Told::Ended(Box::new(Ended {
            call: typed(&document)?,
            document,
        })),
        _ => Told::Nothing,
    })
}
