//! The hub's side of every app, as one shape: calls go in, events and one outcome for each come out.
//!
//! A link to one of our bridges is a driver; so is, later, a client of an app's own server. The lane
//! is the only one who talks to a driver.

use serde_json::{Map, Value};
use wire::link::{Beat, CallMessage, CancelReason, KnownCalls};
use wire::{CallId, Outcome, Progress};

/// Takes calls to an app. Every method returns at once.
pub trait Driver: Send + Sync {
    /// `bytes`: roughly what its arguments are. A large call is not written out here: whoever hands it over holds a
    /// lane.
    fn start(&self, call: CallMessage, bytes: usize);
    fn cancel(&self, id: &CallId, reason: CancelReason);
    /// The outcome has been recorded; the other side may forget it.
    fn acknowledge(&self, id: &CallId);
    /// Ask the app to leave (a GUI only disconnects).
    fn stop(&self);
}

/// What comes back.
#[derive(Debug)]
pub enum DriverEvent {
    Started(CallId),
    Progress(CallId, Progress),
    Output {
        id: CallId,
        stream: String,
        text: String,
    },
    Outcome(CallId, Box<Outcome>),
    Beat(Beat),
    State(Map<String, Value>),
    /// The other side leaves on purpose.
    Bye(String),
}

/// What a driver still knows from before: its answer to `recover`.
pub type Known = KnownCalls;
