//! Words of durable calls: how far a job is, and how safely it is stored.

use serde::{Deserialize, Serialize};

use crate::call::Status;

/// How far a job is, or how it ended: what a call can be, and what only a stored call can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for its turn.
    Queued,
    /// Given to an instance; whether it has started is not known yet.
    Leased,
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Cancelled,
    Interrupted,
    /// Given up after its retries; a person decides.
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

    /// The status of a name; nothing when there is none of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_is_written() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::parse(status.as_str()), Some(status));
            let text = serde_json::to_value(status).unwrap();
            assert_eq!(text, status.as_str());
        }
        assert_eq!(JobStatus::parse("Queued"), None);
    }
}
