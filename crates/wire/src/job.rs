//! A job: a call that is stored before it runs. What is asked of it, how it stands, how it is changed.
//!
//! A job has the id of its call. Its words beyond those of a call are here: how durable it is, when it may
//! run and where, how often it is tried, and the one list of its states:
//!
//! ```text
//! queued ─ a lane is free ─> leased ─ started ─> running ─> succeeded, failed, timed_out, cancelled
//!   ▲                          │                    │
//!   │                          └─── it did not start │ its process ended: interrupted,
//!   └──────── again (retry, or it may run twice) ────┘ or dead when that happened too often
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::id::{AppId, CallId, InstanceName};
use crate::instance::Mode;
use crate::outcome::{Changes, Memory, Outcome, Output, Progress, Status};
use crate::problem::Problem;

/// The priority of a job that names none; 9 is first, 0 last.
pub const PRIORITY_DEFAULT: u8 = 5;
/// The first of all priorities.
pub const PRIORITY_MAX: u8 = 9;

/// What a stored thing survives.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The end of the hub's process, also `kill -9`; not a power cut.
    Journal,
    /// A power cut too: the disk has said that it has it.
    #[default]
    Fsync,
}

impl Durability {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Journal => "journal",
        }
    }

    /// As it is written, `true` for the strongest and nothing for `false`.
    ///
    /// # Errors
    /// For any other value; serde's message says what there is.
    pub fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            Yes(bool),
            Named(String),
        }
        match Option::<Said>::deserialize(from)? {
            None | Some(Said::Yes(false)) => Ok(None),
            Some(Said::Yes(true)) => Ok(Some(Self::Fsync)),
            Some(Said::Named(name)) => match name.as_str() {
                "fsync" => Ok(Some(Self::Fsync)),
                "journal" => Ok(Some(Self::Journal)),
                _ => Err(serde::de::Error::custom(
                    "`durable` is true, \"fsync\" or \"journal\"",
                )),
            },
        }
    }
}

/// Where a job stands. The names of [`Status`] mean the same here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    Queued,
    /// An instance is chosen and will be told, or has been told and has not begun.
    Leased,
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Cancelled,
    Interrupted,
    /// It was tried as often as it may be, or ended its process too often: a person has to look at it.
    Dead,
}

impl JobStatus {
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Leased,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
        Self::Interrupted,
        Self::Dead,
    ];

    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Leased | Self::Running)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Dead => "dead",
        }
    }

    /// The status of a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

impl From<Status> for JobStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Queued => Self::Queued,
            Status::Running => Self::Running,
            Status::Succeeded => Self::Succeeded,
            Status::Failed => Self::Failed,
            Status::TimedOut => Self::TimedOut,
            Status::Cancelled => Self::Cancelled,
            Status::Interrupted => Self::Interrupted,
        }
    }
}

/// How often a job is tried again when it failed or timed out, beside the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    #[serde(default)]
    pub max: u32,
    /// Before the first retry; doubled before each further one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
}

/// Which instances fit, instead of one by name. What is left out fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// `4.5` fits 4.5.3, not 4.50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// One of the labels that the instance was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The file that it has open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// One time that a job was handed to an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 is the first.
    pub attempt: u32,
    pub instance: InstanceName,
    /// RFC 3339: when it was handed over.
    pub started_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    pub status: JobStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A job as a door shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobView {
    pub call_id: CallId,
    pub correlation_id: Option<String>,
    pub app: AppId,
    /// The one that it must run on, or does, or did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceName>,
    pub command: String,
    /// What it is about, in a few words: a file, a thing, the first line of code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub caller: String,
    pub status: JobStatus,
    /// Why it waits, or why it is `dead`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// RFC 3339, UTC.
    pub asked_at: String,
    /// When the last attempt was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// While queued: how many of its app come first; left out far behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    pub priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub after: Vec<CallId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    pub durability: Durability,
    /// The number of the last attempt; 0 before the first.
    pub attempt: u32,
    #[serde(default)]
    pub paused: bool,
    /// After the end, as in a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Only when one job is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    /// Only when one job is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Map<String, Value>>,
}

impl JobView {
    /// How it ended, for a list or in whole.
    #[must_use]
    pub fn with_outcome(mut self, outcome: &Outcome, whole: bool) -> Self {
        if whole {
            self.value = Some(outcome.value.clone());
            self.output = Some(outcome.output.clone());
            self.changes = Some(outcome.changes.clone());
            self.memory = Some(outcome.memory);
        }
        self.duration_ms = Some(outcome.duration_ms);
        self.problem.clone_from(&outcome.problem);
        self
    }
}

/// What `PATCH /v1/jobs/{id}` changes; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// An empty text takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// An empty text takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// `queued`: an ended job is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<JobStatus>,
    /// The value of a `confirmation_required` problem: a job that runs otherwise than a person said yes to is asked about
    /// again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
}

/// Where in the queue of its priority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before all others of its priority.
    First,
    Last,
    /// Just before that job, with its priority and in the turns of its caller.
    Before(CallId),
}

/// How the queue of an app stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    pub app: AppId,
    /// Nothing is handed to its instances.
    pub paused: bool,
    /// New jobs are refused; those that are there run.
    pub draining: bool,
}

/// `POST /v1/jobs/queue`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueChange {
    pub app: AppId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
}

/// One page of `GET /v1/jobs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobPage {
    pub jobs: Vec<JobView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many there are of each status, over all jobs that are kept.
    pub counts: BTreeMap<JobStatus, u64>,
    pub queues: Vec<QueueView>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statuses_are_read_as_they_are_written() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::parse(status.as_str()), Some(status));
            assert_eq!(json!(status), status.as_str());
        }
        assert_eq!(JobStatus::parse("done"), None);
    }

    #[test]
    fn durable_is_a_yes_or_a_name() {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default, deserialize_with = "Durability::maybe")]
            durable: Option<Durability>,
        }
        let read = |value: Value| serde_json::from_value::<Body>(value).map(|body| body.durable);
        assert_eq!(read(json!({})).unwrap(), None);
        assert_eq!(read(json!({"durable": false})).unwrap(), None);
        for yes in [json!(true), json!("fsync")] {
            assert_eq!(
                read(json!({ "durable": yes })).unwrap(),
                Some(Durability::Fsync)
            );
        }
        let journal = read(json!({"durable": "journal"})).unwrap();
        assert_eq!(journal, Some(Durability::Journal));
        let wrong = read(json!({"durable": "rock"})).unwrap_err().to_string();
        assert!(wrong.contains("journal"), "{wrong}");
    }

    #[test]
    fn a_place_is_a_word_or_names_a_job() {
        let read = |value: Value| serde_json::from_value::<Place>(value);
        assert_eq!(read(json!("first")).unwrap(), Place::First);
        let before = read(json!({"before": "call_1"})).unwrap();
        assert_eq!(before, Place::Before("call_1".into()));
        assert!(read(json!("middle")).is_err());
    }
}
