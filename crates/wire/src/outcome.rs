//! What came of a call: its status, its one and only end, and what an app gives with it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hint::Door;
use crate::problem::{Code, Problem};

/// How far a call is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Cancelled,
    Interrupted,
}

impl Status {
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: Status,
    #[serde(default)]
    pub value: Value,
    #[serde(default)]
    pub output: Output,
    /// Run time in the app, without waiting.
    #[serde(default)]
    pub duration_ms: f64,
    #[serde(default)]
    pub changes: Changes,
    #[serde(default)]
    pub memory: Memory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl Outcome {
    /// What says that it failed because somebody stopped it, or because its time was up, has ended so. A hint in parts
    /// is said as it is over HTTP.
    #[must_use]
    pub fn in_line(mut self) -> Self {
        if let Some(problem) = &mut self.problem {
            problem.hint = problem.hint_at(Door::Http);
        }
        if let (Status::Failed, Some(problem)) = (self.status, &self.problem) {
            self.status = match &problem.code {
                code if *code == Code::CANCELLED => Status::Cancelled,
                code if *code == Code::TIMED_OUT => Status::TimedOut,
                _ => Status::Failed,
            };
        }
        self
    }

    /// An end that did not come from the app: nothing but a status and the reason.
    #[must_use]
    pub fn without_value(status: Status, problem: Problem) -> Self {
        Self {
            status,
            value: Value::Null,
            output: Output::default(),
            duration_ms: 0.0,
            changes: Changes::default(),
            memory: Memory::default(),
            problem: Some(problem),
        }
    }
}

/// What the call printed, in whole up to the bridge's bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
    #[serde(default)]
    pub logs: Vec<LogRecord>,
}

/// A line of Python logging or a report of the app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    pub level: String,
    #[serde(default)]
    pub source: String,
    pub text: String,
}

/// What the call did to the app's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    #[serde(default)]
    pub added: Vec<Item>,
    #[serde(default)]
    pub changed: Vec<Item>,
    #[serde(default)]
    pub removed: Vec<Item>,
    /// How many more there were, beyond the bridge's bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<u64>,
    /// Why the app has no undo step for it, where it has none: it opened another file, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cannot_undo: Option<String>,
}

impl Changes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// One thing of the app, by kind and name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
}

/// The app's memory after the call and what the call added, in MB (1,000,000 bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub rss_mb: Option<f64>,
    pub delta_mb: Option<f64>,
}

/// How far a running call says it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 to 1, or nothing when it cannot be told.
    pub fraction: Option<f64>,
    #[serde(default)]
    pub text: String,
    /// More of it for programs, in the command's own form; small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Map<String, Value>>,
}

/// An outcome without its status, which stands in the [`CallView`] around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeBody {
    pub value: Value,
    pub output: Output,
    pub duration_ms: f64,
    pub changes: Changes,
    pub memory: Memory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl From<Outcome> for OutcomeBody {
    fn from(outcome: Outcome) -> Self {
        Self {
            value: outcome.value,
            output: outcome.output,
            duration_ms: outcome.duration_ms,
            changes: outcome.changes,
            memory: outcome.memory,
            problem: outcome.problem,
        }
    }
}
