//! The types that a call walks in: checked, then allowed. What the rooms on the way share, and nothing that decides.
//!
//! [`CheckedCall`] is made by [`crate::desk`] alone, [`AllowedCall`] by [`crate::policy`] alone; neither is changed after.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use wire::job::Select;
use wire::link::Group;
use wire::{CallId, InstanceName, Runs};

use crate::call::CallParts;
use crate::callers::Caller;
use crate::catalog::{AppEntry, Command};

mod job_spec;

pub(crate) use job_spec::{JobSpec, labels_in_bounds, priority_in_bounds, retry_in_bounds};

/// The name that stands for the hub where the instance of a call is told.
pub const HUB: &str = "hub";

/// Whether the first instruction of a call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It certainly did not.
    No,
    Yes,
    /// Nobody can say.
    Maybe,
}

/// What a call comes from, and what it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The call of the hub's own that asks.
    pub(crate) parent: Option<CallId>,
    /// The calls that it belongs to.
    pub(crate) group: Option<Group>,
}

/// A call whose command exists and whose arguments are right.
pub struct CheckedCall {
    pub(crate) caller: Caller,
    pub(crate) app: Arc<AppEntry>,
    pub(crate) command: Arc<Command>,
    pub(crate) args: Map<String, Value>,
    pub(crate) timeout: Duration,
    pub(crate) instance: Option<InstanceName>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) check_only: bool,
    pub(crate) confirm: Option<String>,
    pub(crate) select: Option<Select>,
    pub(crate) revision: Option<u64>,
    /// What it is about, for lists.
    pub(crate) subject: Option<String>,
    /// When it is to be a job.
    pub(crate) job: Option<JobSpec>,
}

impl CheckedCall {
    /// Whether the hub's side of the app runs it.
    pub(crate) fn is_run_by_hub(&self) -> bool {
        self.command.spec.runs == Runs::Hub
    }

    /// Whether it is for every instance of its app.
    pub(crate) fn is_to_all(&self) -> bool {
        self.instance.as_ref().is_some_and(is_all)
    }

    /// The one instance that it names.
    pub(crate) fn named_instance(&self) -> Option<&InstanceName> {
        self.instance.as_ref().filter(|name| !is_all(name))
    }

    /// As a call that this instance, or the hub, is to run.
    pub(crate) fn parts(&self, instance: InstanceName) -> CallParts {
        CallParts {
            correlation_id: self.correlation_id.clone(),
            parent_id: self.origin.parent.clone(),
            revision: self.revision,
            group: self.origin.group.clone(),
            ..CallParts::described(
                self.app.id.clone(),
                instance,
                &self.command.spec,
                &self.command.marked,
                self.caller.clone(),
                self.timeout,
                Arc::new(self.args.clone()),
            )
        }
    }
}

/// A checked call that its caller may make. Made by [`crate::policy`] alone.
pub(crate) struct AllowedCall {
    call: CheckedCall,
    confirmed: bool,
    on: Vec<InstanceName>,
}

impl AllowedCall {
    /// `confirmed`: a person was asked and said yes. `on`: the instances that it runs on, and no others; none for a job,
    /// which waits for its instance, and for what the hub runs.
    pub(crate) fn new(call: CheckedCall, confirmed: bool, on: Vec<InstanceName>) -> Self {
        Self {
            call,
            confirmed,
            on,
        }
    }

    pub(crate) fn checked(&self) -> &CheckedCall {
        &self.call
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    pub(crate) fn on(&self) -> &[InstanceName] {
        &self.on
    }
}

/// `*` is every instance.
pub(crate) fn is_all(name: &InstanceName) -> bool {
    name.as_str() == "*"
}
