//! The walk of a call up to where it may run, read aloud: find it, is it well formed, may they, has it somewhere to go,
//! must a person be asked.
//!
//! In comes a [`CallRequest`]; out comes an [`AllowedCall`], or what was wrong with it. Nothing has run then:
//! [`crate::tickets`] hands it on. The types are the corridor ([`crate::corridor`]): a call that was not checked cannot
//! be allowed, and one that was not allowed cannot enter a lane.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use wire::Opt;
use wire::{CallRequest, Code, InstanceName, Problem};

use crate::blobs::{Blobs, blob_names};
use crate::callers::Caller;
use crate::catalog::{AppEntry, Catalog, Command};
use crate::choosing;
use crate::corridor::{AllowedCall, CheckedCall, HUB, JobSpec, Origin, is_all};
use crate::jobs::Jobs;
use crate::limits;
use crate::policy::Policy;
use crate::question::Question;
use crate::roster::Roster;
use crate::secrets::Masking;
use crate::subject;
use crate::words;

/// What the desk asks.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) masking: Arc<Masking>,
    pub(crate) blobs: Arc<Blobs>,
}

impl Desk {
    /// Up to where it may run.
    ///
    /// # Errors
    /// What was wrong, and what to do.
    pub(crate) fn allow(
        &self,
        caller: &Caller,
        request: CallRequest,
        origin: Origin,
    ) -> Result<AllowedCall, Problem> {
        let call = self.check(caller, request, origin)?;
        Policy::may(&call)?;
        self.blobs_are_there(&call.args)?;
        // Before a person is asked, it is known that the call has somewhere to go.
        let on = self.place_of(&call)?;
        self.policy.allow(call, on, |call, on| {
            Question::of_call(&self.masking, call, on)
        })
    }

    fn check(
        &self,
        caller: &Caller,
        request: CallRequest,
        origin: Origin,
    ) -> Result<CheckedCall, Problem> {
        let request = request.without_blanks();
        words::in_bounds(&request)?;
        let job = JobSpec::of(&request)?;
        if request.select.is_some() && request.instance.is_some() {
            return Err(one_or_the_other());
        }
        let (app, command) = self.find(&request)?;
        let args = command.check(request.args)?;
        let timeout = timeout_of(&command, request.timeout_ms)?;
        Ok(CheckedCall {
            subject: subject::of(&self.masking, &command.spec, &command.marked, &args),
            caller: caller.clone(),
            app,
            command,
            args,
            timeout,
            instance: request.instance,
            correlation_id: request.correlation_id,
            origin,
            check_only: request.check_only,
            confirm: request.confirm,
            select: request.select,
            revision: request.revision,
            job,
        })
    }

    /// The app, and its command as the named instance describes it, or as all of them do.
    fn find(&self, request: &CallRequest) -> Result<(Arc<AppEntry>, Arc<Command>), Problem> {
        let named = request.instance.as_ref().filter(|name| !is_all(name));
        let Some(name) = named else {
            let app = self.catalog.app(&request.app)?;
            let command = Arc::clone(app.agreed_command(&request.command)?);
            return Ok((app, command));
        };
        let exact = self.roster.named(name).map(|known| known.name.clone());
        let name = exact.unwrap_or_else(|_| name.clone());
        let app = self.catalog.app_of(&request.app, &name)?;
        let command = Arc::clone(app.command(&request.command)?);
        Ok((app, command))
    }

    /// What the arguments refer to can be sent along.
    fn blobs_are_there(&self, args: &Map<String, Value>) -> Result<(), Problem> {
        let mut names = Vec::new();
        args.values()
            .for_each(|value| blob_names(value, &mut names));
        names.sort_unstable();
        names.dedup();
        if names.len() > limits::CALL_BLOBS_MAX {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!(
                    "The arguments refer to {} blobs; the most is {}.",
                    names.len(),
                    limits::CALL_BLOBS_MAX
                ),
            )
            .hint("Split the work into several calls."));
        }
        names
            .iter()
            .try_for_each(|name| self.blobs.path(name).map(drop))
    }

    /// The instances that it goes to. A job waits for its instance, so none is chosen here; what the hub runs needs none.
    fn place_of(&self, call: &CheckedCall) -> Result<Vec<InstanceName>, Problem> {
        if call.is_run_by_hub() {
            needs_no_instance(&call.command.spec.name, call.instance.as_ref())?;
        }
        if call.job.is_some() {
            if call.is_to_all() {
                return Err(job_to_all());
            }
            self.jobs.takes(call)?;
        }
        if call.is_run_by_hub() || call.job.is_some() {
            return Ok(Vec::new());
        }
        let chosen = choosing::choose(&self.roster, call)?;
        Ok(chosen.iter().map(|one| one.name.clone()).collect())
    }
}

fn timeout_of(command: &Command, asked_ms: Option<u64>) -> Result<Duration, Problem> {
    let asked = asked_ms
        .or(command.spec.timeout_ms)
        .map(Duration::from_millis);
    let timeout = asked.unwrap_or(limits::CALL_TIMEOUT_DEFAULT);
    if timeout.is_zero() || timeout > limits::CALL_TIMEOUT_MAX {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "The time limit of a call must be from 1 ms to {} hours.",
                limits::CALL_TIMEOUT_MAX.as_secs() / 3600
            ),
        )
        .hint(wire::hint![
            "For example ",
            Opt::TimeoutMs.with(60_000),
            " for a minute; leave it out for the command's own limit.",
        ]));
    }
    Ok(timeout)
}

/// Refuses an instance where none is needed.
fn needs_no_instance(command: &str, instance: Option<&InstanceName>) -> Result<(), Problem> {
    match instance {
        Some(name) if name.as_str() != HUB => Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`{command}` runs on the hub itself, not on `{name}`."),
        )
        .hint(wire::hint!["Leave out ", Opt::Instance, "."])),
        _ => Ok(()),
    }
}

fn one_or_the_other() -> Problem {
    Problem::new(
        Code::ARGUMENTS_INVALID,
        "A call can name one instance or describe which ones fit, not both.",
    )
    .hint(wire::hint![
        "Leave out either ",
        Opt::Instance,
        " or ",
        Opt::Select,
        ".",
    ])
}

fn job_to_all() -> Problem {
    Problem::new(
        Code::ARGUMENTS_INVALID,
        "A job runs on one instance; only plain calls can go to all of them (`*`).",
    )
    .hint(wire::hint![
        "Make one job for each instance, or leave out ",
        Opt::Instance,
        " and let any free one take it.",
    ])
}
