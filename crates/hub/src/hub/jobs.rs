//! Jobs as doors see them; what a caller may is checked here, the rest is [`crate::jobs`]'s.

use wire::job::{Place, QueueChange, QueueView};
use wire::{CallId, JobChange, JobPage, JobView, Problem};

use super::Hub;
use crate::callers::{Caller, Scope};
use crate::jobs::JobsAsked;
use crate::policy::{self, Seen};

impl Hub {
    /// One job in whole. One's own need no scope.
    ///
    /// # Errors
    /// `job_unknown`, `forbidden` for others' without `read`.
    pub async fn job(&self, caller: &Caller, id: &CallId) -> Result<JobView, Problem> {
        let id = &self.call_id(caller, id.as_str()).await?;
        let (job, owner) = self.0.jobs.show(&self.0.reach, id).await?;
        policy::may_see(caller, Seen::Job(&owner))?;
        Ok(job)
    }

    /// Jobs. Without the scope `read` only one's own.
    ///
    /// # Errors
    /// `not_supported` without a store, or what the store says.
    pub async fn jobs(&self, caller: &Caller, mut asked: JobsAsked) -> Result<JobPage, Problem> {
        if !caller.scopes.has(Scope::Read) {
            asked.owner = Some(caller.id.clone());
        }
        self.0.jobs.list(&self.0.reach, asked).await
    }

    /// Changes what is asked of a job that waits, or has an ended one tried again. One's own need no scope
    /// beyond that of their command.
    ///
    /// # Errors
    /// `job_unknown`, `job_not_open`, `forbidden`, `arguments_invalid`, `confirmation_required` when it would run
    /// otherwise, or again, and its caller must ask a person.
    pub async fn change_job(
        &self,
        caller: &Caller,
        id: &CallId,
        mut wanted: JobChange,
    ) -> Result<JobView, Problem> {
        let id = &self.call_id(caller, id.as_str()).await?;
        if let Some(Place::Before(other)) = &mut wanted.place {
            *other = self.call_id(caller, other.as_str()).await?;
        }
        let jobs = &self.0.jobs;
        jobs.change(&self.0.reach, caller, id, wanted).await
    }

    /// Pauses or drains an app's queue, or opens it again.
    ///
    /// # Errors
    /// `forbidden` without `admin`, `app_unknown`.
    pub async fn change_queue(
        &self,
        caller: &Caller,
        wanted: QueueChange,
    ) -> Result<QueueView, Problem> {
        policy::require(caller, Scope::Admin, || {
            "hold back everybody's jobs".to_owned()
        })?;
        self.0.catalog.app(&wanted.app)?;
        self.0.jobs.change_queue(&wanted).await
    }

    pub(crate) fn job_snapshot(&self) -> Vec<JobView> {
        self.0.jobs.snapshot(&self.0.reach)
    }
}
