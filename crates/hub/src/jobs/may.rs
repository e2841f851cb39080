//! Whether somebody may change a job, and whether a person has to say so first.
//!
//! In come the caller, the job and what is to be changed; out come the new arguments, checked, or a problem. A yes that
//! was given for the job as it was is none for what it becomes: whatever changes what runs, and every new run of an
//! ended job, is asked about again.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wire::Problem;
use wire::job::JobChange as Wanted;

use super::ask::args_in_bounds;
use super::problems::unknown;
use super::reach::Reach;
use super::record::Notes;
use super::state::Jobs;
use crate::callers::{Caller, Scope};
use crate::catalog::Command;
use crate::policy::{self, Policy};
use crate::question::{Question, Target};
use crate::secrets::Masking;
use crate::store::{Job, Parts};
use crate::subject;

/// What a change may bring.
#[derive(Default)]
pub(super) struct Allowed {
    /// Arguments that the job is given instead of its own.
    pub(super) args: Option<Arc<Map<String, Value>>>,
    /// Whether the command may run twice with them.
    pub(super) repeatable: Option<bool>,
    /// What it is about then, if the arguments change.
    pub(super) subject: Option<Option<String>>,
    /// Whether a person stands behind it as it becomes; `None`: what runs stays as it was.
    pub(super) confirmed: Option<bool>,
}

impl Jobs {
    /// One's own jobs can be changed by everybody, others' with the scope `admin`.
    pub(super) async fn may_change(
        &self,
        reach: &Reach,
        caller: &Caller,
        job: &Job,
        wanted: &Wanted,
    ) -> Result<Allowed, Problem> {
        if job.caller != caller.id {
            policy::require(caller, Scope::Admin, || {
                "change somebody else's job".to_owned()
            })?;
        }
        let runs_otherwise = wanted.args.is_some()
            || wanted.status.is_some()
            || wanted.retry.is_some_and(|retry| retry.max > 0);
        if !runs_otherwise {
            return Ok(Allowed::default());
        }
        let command = Arc::clone(reach.catalog.app(&job.app)?.command(&job.command)?);
        policy::require(caller, Scope::from(command.spec.effect), || {
            format!("run `{}`", command.spec.name)
        })?;
        let mut allowed = Allowed::default();
        if let Some(args) = wanted.args.clone() {
            let args = command.check(args)?;
            args_in_bounds(&args)?;
            self.holds_no_secret(&command.marked, &args)?;
            allowed.repeatable = Some(command.spec.repeatable.with(&args));
            allowed.subject = Some(subject::of(
                &self.kept.masking,
                &command.spec,
                &command.marked,
                &args,
            ));
            allowed.args = Some(Arc::new(args));
        }
        let must_ask = Policy::must_ask(caller, command.spec.effect);
        // Somebody with `admin` who changes another's job stands behind it.
        allowed.confirmed = Some(must_ask || job.caller != caller.id);
        if must_ask {
            let args = match &allowed.args {
                Some(args) => Arc::clone(args),
                None => self.stored_args(job).await?,
            };
            let question = about(&self.kept.masking, job, &command, &args, wanted);
            reach
                .policy
                .confirmed(caller, &question, wanted.confirm.as_deref())?;
        }
        Ok(allowed)
    }

    async fn stored_args(&self, job: &Job) -> Result<Arc<Map<String, Value>>, Problem> {
        let parts = Parts {
            args: true,
            outcome: false,
        };
        let found = self.kept.store.job(&job.id, parts).await?;
        found
            .and_then(|job| job.args)
            .ok_or_else(|| unknown(&job.id))
    }
}

/// The job as it would run with the change.
fn about(
    masking: &Masking,
    job: &Job,
    command: &Command,
    args: &Map<String, Value>,
    wanted: &Wanted,
) -> Question {
    let notes = Notes::of(job);
    let target = match (&notes.instance, &notes.select) {
        _ if notes.is_run_by_hub() => Target::Hub,
        (Some(name), _) => Target::These(vec![name.clone()]),
        (None, Some(select)) => Target::Any(select.clone()),
        (None, None) => Target::First,
    };
    Question {
        app: job.app.clone(),
        target,
        command: job.command.clone(),
        effect: command.spec.effect,
        args: args.clone(),
        shown: masking.args(&command.marked, args),
        durable: Some(job.durability),
        retry: wanted.retry.or(notes.retry),
        revision: notes.revision,
        job: Some(job.id.clone()),
        more: json!({
            "change": Wanted { confirm: None, ..wanted.clone() },
            "not_before": notes.not_before,
            "deadline": notes.deadline,
            "timeout_ms": notes.timeout_ms,
            // A yes for one run is none for the next.
            "attempt": job.attempt,
        }),
    }
}
