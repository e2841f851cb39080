//! What lanes tell of the attempts that they are given, and what they ask about them; filled by [`crate::jobs`].
//!
//! An attempt is a call like any other on its way through a lane. What becomes of it is not the lane's to decide, so it is
//! told here instead of to the journal. Everything here is asked under a lane's lock: nothing waits.

use std::sync::Arc;

use wire::{CallId, InstanceName, Outcome};

use crate::call::Call;
use crate::corridor::Ran;

/// Who decides what becomes of attempts.
pub(crate) trait Attempts: Send + Sync {
    fn started(&self, attempt: &CallId);
    fn ended(&self, attempt: &Arc<Call>, outcome: Outcome, ran: Ran);
    /// Its lane was given up, and its process may live on with it.
    fn lost(&self, attempt: &CallId);
    /// Whether that attempt's outcome is still to be stored.
    fn owes(&self, attempt: &CallId) -> bool;
    /// A bridge knows that call from before.
    fn resume(&self, known: &CallId, instance: &InstanceName) -> Resumed;
    /// A lane has nothing to do.
    fn lane_is_free(&self);
    /// What an instance is has changed.
    fn instance_changed(&self);
}

/// What a call is that a bridge knows from before.
pub(crate) enum Resumed {
    /// An attempt that goes on there.
    Attempt(Arc<Call>),
    /// An attempt of a job that is elsewhere by now, or has ended.
    Stale,
    NoJob,
}
