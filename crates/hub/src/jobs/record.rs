//! What the queue notes of a job beside the store's columns, and a job that has not ended as it stands in memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use wire::job::{Retry, Select};
use wire::link::Group;
use wire::{CallId, CallerName, InstanceName};

use super::order::{Entry, Millis, Needs};
use crate::call::Call;
use crate::corridor::HUB;
use crate::process::ProcessMark;
use crate::shares::Share;
use crate::store::{Job, Lease};

/// The rest of what was asked and the queue's own notes; the store keeps it as one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<String>,
    /// The instance that was asked for by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<InstanceName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) select: Option<Select>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_before: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<Retry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) after: Vec<CallId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<u64>,
    /// Whether a person said yes to it as it is; not noted by older hubs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirmed: Option<bool>,
    /// Whether its command may run twice, as it was described when it was asked for.
    #[serde(default)]
    pub(crate) repeatable: bool,
    /// The calls that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<Group>,
    /// In whose turns it runs, if not in its caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn_of: Option<CallerName>,
    /// Retries that were used up.
    #[serde(default)]
    pub(crate) retries: u32,
    /// How often its process ended under it.
    #[serde(default)]
    pub(crate) crashes: u32,
    /// The next attempt is not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again_at: Option<Millis>,
    /// What it is about, for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// Why it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

impl Notes {
    pub(crate) fn of(job: &Job) -> Self {
        let value = Value::Object((*job.request).clone());
        serde_json::from_value(value).unwrap_or_else(|error| {
            tracing::error!(%error, job = %job.id, "the notes of a job cannot be read");
            Self::default()
        })
    }

    /// No attempt is before.
    pub(crate) fn earliest(&self) -> Option<Millis> {
        self.not_before.into_iter().chain(self.again_at).max()
    }

    /// Whether the hub's side of the app runs it.
    pub(crate) fn is_run_by_hub(&self) -> bool {
        self.instance
            .as_ref()
            .is_some_and(|name| name.as_str() == HUB)
    }

    pub(crate) fn to_map(&self) -> Arc<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => Arc::new(map),
            _ => Arc::default(),
        }
    }
}

/// A job that has not ended.
pub(crate) struct Open {
    /// Without arguments.
    pub(crate) job: Job,
    pub(crate) notes: Notes,
    /// For those who wait; made when the first one asks.
    pub(crate) handle: Option<Arc<Call>>,
    /// Somebody wants it to end.
    pub(crate) cancelled: bool,
    /// Its part of what its caller may have open.
    pub(crate) _place: Place,
    /// When the current attempt was handed over.
    pub(crate) handed_at: Option<OffsetDateTime>,
}

/// A job's part of what its caller may have open: a place, and what it holds.
pub(crate) struct Place {
    pub(crate) _one: Share,
    pub(crate) _bytes: Share,
}

impl Open {
    pub(crate) fn new(job: Job, place: Place) -> Self {
        Self {
            _place: place,
            notes: Notes::of(&job),
            job,
            handle: None,
            cancelled: false,
            handed_at: None,
        }
    }

    /// As the order sees it. `after`: the earlier jobs that have not ended.
    pub(crate) fn entry(&self, after: Vec<CallId>) -> Entry {
        let (job, notes) = (&self.job, &self.notes);
        let select = notes.select.clone().unwrap_or_default();
        let turn_of = notes.turn_of.clone();
        Entry {
            id: job.id.clone(),
            needs: Needs {
                app: job.app.clone(),
                instance: notes.instance.clone(),
                version: select.version,
                mode: select.mode,
                label: select.label,
                file: select.file,
            },
            turn_of: turn_of.unwrap_or_else(|| job.caller.name()),
            priority: job.priority,
            place: job.place,
            not_before: notes.earliest(),
            deadline: notes.deadline,
            after,
            paused: job.paused,
        }
    }
}

/// The id of an attempt on the link: the job's own for the first, then with a number.
pub(crate) fn attempt_id(job: &CallId, number: u32) -> CallId {
    match number {
        0 | 1 => job.clone(),
        _ => CallId::from(format!("{job}.{number}")),
    }
}

/// The job and the number of an attempt's id.
pub(crate) fn job_of(attempt: &CallId) -> (CallId, u32) {
    let parts = attempt.as_str().rsplit_once('.');
    match parts.and_then(|(job, number)| Some((job, number.parse().ok()?))) {
        Some((job, number)) => (CallId::new(job), number),
        None => (attempt.clone(), 1),
    }
}

/// Which process a lease names.
pub(super) fn mark_of(lease: &Lease) -> Option<ProcessMark> {
    ProcessMark::of_text(&lease.process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_names_its_job() {
        let job = CallId::new("call_01J");
        assert_eq!(attempt_id(&job, 1), job);
        assert_eq!(job_of(&attempt_id(&job, 12)), (job.clone(), 12));
        assert_eq!(job_of(&job), (job, 1));
    }
}
