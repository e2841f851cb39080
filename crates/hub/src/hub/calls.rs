//! Calls as doors see them: asked, found, looked at, cancelled.
//!
//! The walk of a call is [`crate::desk`]'s; what earlier runs of the hub did is [`super::history_query`]'s.

use std::sync::Arc;

use tokio::time::Instant;
use wire::Step;
use wire::{CallId, CallRequest, CallView, Code, Problem};

use super::Hub;
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::corridor::Origin;
use crate::limits;
use crate::policy;
use crate::store::CallsWanted;
use crate::tickets::Asked;

impl Hub {
    /// The walk of a call, up to where it is under way.
    ///
    /// # Errors
    /// When nothing ran: what was wrong, and what to do.
    pub fn ask(&self, caller: &Caller, request: CallRequest) -> Result<Asked, Problem> {
        self.0.tickets.ask(caller, request, Origin::default())
    }

    /// A call by its id, from the lanes or the journal.
    ///
    /// # Errors
    /// `call_unknown`, saying since when the hub remembers.
    pub fn call(&self, id: &CallId) -> Result<Arc<Call>, Problem> {
        if let Some(handle) = self.0.jobs.handle(id) {
            return Ok(handle);
        }
        self.0.records.journal.get(id).ok_or_else(|| {
            Problem::new(Code::CALL_UNKNOWN, format!("There is no call `{id}`.")).hint(wire::hint![
                format!(
                    "The history goes back to {}: ",
                    crate::clock::rfc3339(self.remembers_since())
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
            let joined = self.0.links.joined.notified();
            let mut found = self.call(id);
            if found.is_err()
                && let Some(ended) = self.0.jobs.ended_call(id).await
            {
                found = Ok(ended);
            }
            let grace = if self.0.supervisor.waits_for_adopted() {
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
            view.position = self.0.jobs.place_of(&call.id);
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
        if call.caller.id != caller.id {
            policy::require(caller, Scope::Admin, || {
                "cancel somebody else's call".to_owned()
            })?;
        }
        if let Some(handle) = self.0.jobs.cancel(&self.0.reach, id) {
            return Ok(handle);
        }
        self.0.tickets.cancel(&call);
        Ok(call)
    }

    /// Calls of this run of the hub, newest first, and from when on they are remembered.
    #[must_use]
    pub fn history(&self, wanted: &CallsWanted) -> (time::OffsetDateTime, Vec<Arc<Call>>) {
        (
            self.0.records.journal.since(),
            self.0.records.journal.history(wanted),
        )
    }
}
