//! Several calls as one: in their order, each after the one before, one undo step in each app.

use serde::{Deserialize, Serialize};

use crate::call::{CallRequest, CallView, Wait};
use crate::id::CallId;
use crate::job::Durability;
use crate::problem::Problem;

/// The body of `POST /v1/batches`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// Their own `wait` says nothing here.
    pub calls: Vec<CallRequest>,
    #[serde(default)]
    pub on_error: OnError,
    #[serde(default)]
    pub wait: Wait,
    /// Makes jobs of all of them, stored together or not at all.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "Durability::maybe"
    )]
    pub durable: Option<Durability>,
}

/// What becomes of the calls after one that did not succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// They do not run.
    #[default]
    Stop,
    /// They run all the same.
    Continue,
}

/// How a batch stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchView {
    pub batch_id: String,
    pub status: BatchStatus,
    /// Of the calls in their order, as far as they were asked.
    pub outcomes: Vec<BatchOutcome>,
    /// How many wait for those before them and were not asked yet; jobs are asked all at once.
    #[serde(default)]
    pub waiting: usize,
    /// How many will not run, because one before them did not succeed.
    #[serde(default)]
    pub not_run: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    Running,
    /// All of them succeeded.
    Succeeded,
    Failed,
}

/// One call of a batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchOutcome {
    Call(Box<CallView>),
    /// It could not be asked when its turn came.
    Refused {
        problem: Problem,
    },
    /// The hub does not remember it any more.
    Forgotten {
        call_id: CallId,
    },
}
