//! Calls as doors see them: asked, found, looked at, cancelled.
//!
//! The walk of a call is [`crate::desk`]'s; what earlier runs of the hub did is [`crate::past`]'s.

use std::sync::Arc;

use tokio::time::Instant;
use wire::Step;
use wire::{BatchRequest, CallId, CallRequest, CallView, Code, Problem};

use super::Hub;
use crate::batch::{self, Batch};
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::desk::{self, Asked};
use crate::journal::Wanted;
use crate::limits;
use crate::policy;

impl Hub {
    /// The walk of a call, up to where it is under way.
    ///
    /// # Errors
    /// When nothing ran: what was wrong, and what to do.
    pub fn ask(&self, caller: &Caller, request: CallRequest) -> Result<Asked, Problem> {
        desk::ask(&self.0, caller, request, None)
    }

    /// Several calls as one; see [`crate::batch`].
    ///
    /// # Errors
    /// When nothing ran: which call was wrong, in `details.call`, and why.
    pub async fn batch(&self, caller: &Caller, request: BatchRequest) -> Result<Batch, Problem> {
        self.0.refuse_when_stopping()?;
        batch::begin(&self.0, caller, request).await
    }

    /// A call by its id, from the lanes or the journal.
    ///
    /// # Errors
    /// `call_unknown`, saying since when the hub remembers.
    pub fn call(&self, id: &CallId) -> Result<Arc<Call>, Problem> {
        if let Some(front) = self.0.records.jobs.front(id) {
            return Ok(front);
        }
        self.0.records.journal.get(id).ok_or_else(|| {
            Problem::new(Code::CALL_UNKNOWN, format!("There is no call `{id}`.")).hint(wire::hint![
                format!(
                    "The history goes back to {}: ",
                    crate::call::rfc3339(self.remembers_since())
                ),
                Step::history(),
            ])
        })
    }

    /// As [`Self::call`], but shortly after the hub's start it waits for bridges that may still know the
    /// call from before: they dial again within a moment.
    ///
    /// # Errors
    /// `call_unknown`.
    pub async fn find_call(&self, id: &CallId) -> Result<Arc<Call>, Problem> {
        if let Some(past) = self.past_call(id).await? {
            return Ok(past);
        }
        loop {
            let joined = self.0.joined.notified();
            let mut found = self.call(id);
            if found.is_err()
                && let Some(ended) = self.0.records.jobs.ended_call(id).await
            {
                found = Ok(ended);
            }
            let grace = if self.0.supervisor.waits_for_adopted(&self.0) {
                limits::RECONNECT_GRACE
            } else {
                limits::RETURN_GRACE
            };
            let until = self.0.started + grace;
            if found.is_ok() || Instant::now() >= until {
                return found;
            }
            tokio::select! {
                () = joined => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// How a call stands now, with its place in the queue and what the app gave: for who asked. Doors show it by
    /// [`Self::view_for`].
    #[must_use]
    pub fn view(&self, call: &Call) -> CallView {
        let mut view = call.view();
        if call.durability.is_some() && view.status == wire::Status::Queued {
            view.position = self.0.records.jobs.place_of(&call.id);
            return view;
        }
        if view.status == wire::Status::Queued
            && let Some(instance) = self.0.roster.find(&call.instance())
        {
            (view.position, view.behind) = instance.lane.place_of(&call.id);
        }
        view
    }

    /// Cancels a call and gives it, without waiting for its end. One's own calls need no scope.
    ///
    /// # Errors
    /// `call_unknown`, `forbidden`.
    pub fn cancel(&self, caller: &Caller, id: &CallId) -> Result<Arc<Call>, Problem> {
        let call = self.call(id)?;
        if call.caller.name != caller.name {
            policy::require(caller, Scope::Admin, || {
                "cancel somebody else's call".to_owned()
            })?;
        }
        if let Some(front) = self.0.records.jobs.cancel(&self.0, id) {
            return Ok(front);
        }
        self.0.cancel_call(&call);
        Ok(call)
    }

    /// Calls of this run of the hub, newest first, and from when on they are remembered.
    #[must_use]
    pub fn history(&self, wanted: &Wanted) -> (time::OffsetDateTime, Vec<Arc<Call>>) {
        (
            self.0.records.journal.since(),
            self.0.records.journal.history(wanted),
        )
    }
}
