//! A call: what somebody asks, and what it looks like on its way. Its one and only end is [`crate::outcome`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{AppId, CallId, InstanceName};
use crate::instance::Behind;
use crate::job::{Durability, Retry, Select};
use crate::outcome::{OutcomeBody, Progress, Status};

/// What a caller asks; the body of `POST /v1/calls`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    pub app: AppId,
    /// A name; nothing for the only one; `*` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceName>,
    pub command: String,
    #[serde(default)]
    pub args: Map<String, Value>,
    /// How long the call may run, from its start in the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default)]
    pub wait: Wait,
    /// Check everything and run nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_only: bool,
    /// The caller's own mark, handed back with the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The value of a `confirmation_required` problem, given back by somebody who said yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// The instance's state must still be at that revision when the call runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Which instances fit, instead of one by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    /// Makes it a job: `true` or how durable. The members below are for jobs alone.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "Durability::maybe"
    )]
    pub durable: Option<Durability>,
    /// 0 to 9, 9 is first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// RFC 3339: it is not handed over before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// RFC 3339: it is not begun after, and ends by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The same key of the same caller gives the same job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Jobs that must have succeeded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<CallId>,
}

impl CallRequest {
    /// A request with nothing said beyond what runs where; `..` takes the rest from it.
    #[must_use]
    pub fn new(app: AppId, command: impl Into<String>, args: Map<String, Value>) -> Self {
        Self {
            app,
            instance: None,
            command: command.into(),
            args,
            timeout_ms: None,
            wait: Wait::default(),
            check_only: false,
            correlation_id: None,
            confirm: None,
            revision: None,
            select: None,
            durable: None,
            priority: None,
            not_before: None,
            deadline: None,
            retry: None,
            idempotency_key: None,
            labels: BTreeMap::new(),
            after: Vec::new(),
        }
    }

    /// Without the members that only say "nothing": clients that must fill in every member send an empty text.
    #[must_use]
    pub fn without_blanks(mut self) -> Self {
        let is_nothing = |text: &str| matches!(text.trim(), "" | "null" | "None" | "undefined");
        self.instance.take_if(|name| is_nothing(name.as_str()));
        self.confirm.take_if(|value| is_nothing(value));
        for text in [
            &mut self.correlation_id,
            &mut self.not_before,
            &mut self.deadline,
            &mut self.idempotency_key,
        ] {
            text.take_if(|text| text.trim().is_empty());
        }
        self
    }

    /// The first member that only a job can have and that is said.
    #[must_use]
    pub fn first_word_of_a_job(&self) -> Option<&'static str> {
        let said = [
            ("priority", self.priority.is_some()),
            ("not_before", self.not_before.is_some()),
            ("deadline", self.deadline.is_some()),
            ("retry", self.retry.is_some()),
            ("idempotency_key", self.idempotency_key.is_some()),
            ("labels", !self.labels.is_empty()),
            ("after", !self.after.is_empty()),
        ];
        said.into_iter()
            .find(|(_, said)| *said)
            .map(|(name, _)| name)
    }
}

/// How long a door waits for the outcome before it answers with the call's id. The call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Wait {
    /// `true`: until the end; `false`: not at all.
    Forever(bool),
    Milliseconds(u64),
}

impl Default for Wait {
    fn default() -> Self {
        Self::Forever(true)
    }
}

/// A call as a door shows it: where it stands, or its outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallView {
    pub call_id: CallId,
    pub correlation_id: Option<String>,
    /// The call that asked for this one: a command that the hub runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CallId>,
    pub app: AppId,
    /// Left out for a job that no instance has been chosen for.
    #[serde(default = "nowhere", skip_serializing_if = "is_nowhere")]
    pub instance: InstanceName,
    pub command: String,
    /// What it is about, in a few words: a file, a thing, the first line of code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub caller: String,
    pub status: Status,
    /// The call that took back what this one changed, while that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<CallId>,
    /// Of a job: how durable it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// RFC 3339, UTC.
    pub asked_at: String,
    /// In the history: what was asked, without what is secret; large arguments as a blob's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<std::sync::Arc<Map<String, Value>>>,
    /// Before the start: how many calls come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// Before the start: the call that runs now, and whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// After the end.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<std::sync::Arc<OutcomeBody>>,
}

fn nowhere() -> InstanceName {
    InstanceName::new("")
}

fn is_nowhere(name: &InstanceName) -> bool {
    name.as_str().is_empty()
}
