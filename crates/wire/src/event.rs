//! What the feed tells its subscribers, about which topics, and where in the feed it stands.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::call::CallView;
use crate::id::{CallId, InstanceName};
use crate::instance::InstanceView;
use crate::job::JobView;
use crate::outcome::Progress;

/// Everything that a subscriber can hear; a closed list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A call was taken into a lane.
    CallQueued {
        call: Box<CallView>,
    },
    /// Its first instruction is about to run.
    CallStarted {
        call_id: CallId,
        instance: InstanceName,
    },
    CallProgress {
        call_id: CallId,
        progress: Progress,
    },
    /// Something was printed; `stream` is `stdout`, `stderr` or `log`.
    CallOutput {
        call_id: CallId,
        stream: String,
        text: String,
    },
    CallEnded {
        call: Box<CallView>,
    },
    /// An instance came, went, or is in another state than before.
    Instance {
        instance: Box<InstanceView>,
    },
    /// A job is another than before: its status, its place, what is asked of it. Without arguments, value
    /// and output.
    Job {
        job: Box<JobView>,
    },
    /// The app's own state moved to a new revision.
    State {
        instance: InstanceName,
        revision: u64,
        /// What was added, changed and removed since which revision, and by whom, if the bridge tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<Map<String, Value>>,
    },
}

impl Event {
    /// Its name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CallQueued { .. } => "call_queued",
            Self::CallStarted { .. } => "call_started",
            Self::CallProgress { .. } => "call_progress",
            Self::CallOutput { .. } => "call_output",
            Self::CallEnded { .. } => "call_ended",
            Self::Instance { .. } => "instance",
            Self::Job { .. } => "job",
            Self::State { .. } => "state",
        }
    }

    /// The call that it is about, if it is about one.
    #[must_use]
    pub fn call_id(&self) -> Option<&CallId> {
        match self {
            Self::CallQueued { call } | Self::CallEnded { call } => Some(&call.call_id),
            Self::CallStarted { call_id, .. }
            | Self::CallProgress { call_id, .. }
            | Self::CallOutput { call_id, .. } => Some(call_id),
            Self::Instance { .. } | Self::Job { .. } | Self::State { .. } => None,
        }
    }

    /// Whether a subscriber of that topic hears it.
    #[must_use]
    pub fn is_of(&self, topic: &Topic) -> bool {
        match topic {
            Topic::Calls => self.call_id().is_some(),
            Topic::Call(id) => self.call_id() == Some(id),
            Topic::Instances => matches!(self, Self::Instance { .. }),
            Topic::State => matches!(self, Self::State { .. }),
            Topic::Jobs => matches!(self, Self::Job { .. }),
        }
    }
}

/// What one can subscribe to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// All events of all calls.
    Calls,
    /// Instances that come, go or change their state.
    Instances,
    /// Revisions of the apps' own states.
    State,
    /// Jobs, whenever one is another than before.
    Jobs,
    /// All events of one call: `call:<id>`.
    Call(CallId),
}

impl Topic {
    /// The topic of a name; nothing when there is none of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "calls" => Some(Self::Calls),
            "instances" => Some(Self::Instances),
            "state" => Some(Self::State),
            "jobs" => Some(Self::Jobs),
            _ => {
                let id = text.strip_prefix("call:").filter(|id| !id.is_empty())?;
                Some(Self::Call(CallId::from(id.to_owned())))
            }
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls => f.write_str("calls"),
            Self::Instances => f.write_str("instances"),
            Self::State => f.write_str("state"),
            Self::Jobs => f.write_str("jobs"),
            Self::Call(id) => write!(f, "call:{id}"),
        }
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "no topic `{text}`; the topics are calls, instances, state, jobs and call:<id>"
            ))
        })
    }
}

/// An event at its place in the feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Which run of the hub; another one counts anew.
    pub epoch: Arc<str>,
    /// Grows by one with every event of the run, whatever its topic.
    pub seq: u64,
    /// RFC 3339, UTC.
    pub at: String,
    #[serde(flatten)]
    pub event: Event,
}

/// Where a subscriber stands who has heard everything up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub epoch: Arc<str>,
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl Position {
    /// A position as [`fmt::Display`] wrote it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.rsplit_once('-')?;
        Some(Self {
            epoch: epoch.into(),
            seq: seq.parse().ok()?,
        })
    }
}

/// Why a subscriber begins with what is known instead of with what was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It named no position.
    Start,
    /// Its position is of another run of the hub.
    Epoch,
    /// What it missed is not kept any more.
    Window,
}

/// What is known at a position: from here on events tell the rest. Only what the topics are about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resync {
    #[serde(flatten)]
    pub position: Position,
    pub why: Why,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<Vec<InstanceView>>,
    /// Running and queued calls, oldest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallView>>,
    /// How many more calls are under way, beyond the bound of a snapshot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_left_out: usize,
    /// Jobs that have not ended, first those that are next, in the bound of a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<JobView>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_positions_are_read_as_they_are_written() {
        for text in ["calls", "instances", "state", "jobs", "call:call_01J"] {
            assert_eq!(Topic::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "call", "call:", "Calls", "everything"] {
            assert_eq!(Topic::parse(wrong), None, "{wrong}");
        }
        let position = Position {
            epoch: "9f-1a".into(),
            seq: 42,
        };
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        assert_eq!(Position::parse("42"), None);
        assert_eq!(Position::parse("a-b"), None);
    }

    #[test]
    fn an_event_says_its_name_as_serde_does() {
        let event = Event::State {
            instance: "toy".into(),
            revision: 3,
            changes: None,
        };
        let told = Told {
            epoch: "e".into(),
            seq: 1,
            at: "2030-01-01T00:00:00Z".into(),
            event: event.clone(),
        };
        let text = serde_json::to_value(&told).unwrap();
        assert_eq!(text["event"], event.name());
        assert_eq!(text["seq"], 1);
        let back: Told = serde_json::from_value(text).unwrap();
        assert!(back.event.is_of(&Topic::State) && !back.event.is_of(&Topic::Calls));
    }
}
