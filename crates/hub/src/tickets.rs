//! From an allowed call to one that is under way: where it goes, a job's queue, the hub itself or a lane, it gets its
//! ticket there.
//!
//! In comes a request (or what the desk allowed before); out comes the [`Call`], which the lane owns from then on: who
//! waits only waits. Nothing has run when it gives a problem.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use wire::{CallRequest, Code, InstanceName, Problem, Runs};

use crate::call::Call;
use crate::callers::Caller;
use crate::choosing;
use crate::conduct::Conductors;
use crate::corridor::{AllowedCall, CheckedCall, HUB, Origin};
use crate::desk::Desk;
use crate::instance::Instance;
use crate::jobs::Storing;
use crate::records::Records;
use crate::subject;

/// Where allowed calls go.
pub(crate) struct Tickets {
    pub(crate) desk: Desk,
    pub(crate) conductors: Arc<Conductors>,
    pub(crate) records: Records,
    pub(crate) stopping: CancellationToken,
}

/// What has become of a request.
pub enum Asked {
    /// It was only checked; nothing ran.
    Checked(Checked),
    /// One call is under way.
    One(Arc<Call>),
    /// `*`: one call for each instance.
    All(Vec<Arc<Call>>),
    /// A job, which is under way when it is stored.
    Job(Storing),
}

/// What would have run.
#[derive(Debug, serde::Serialize)]
pub struct Checked {
    pub checked: bool,
    pub app: wire::AppId,
    pub instance: Vec<InstanceName>,
    pub command: String,
    pub args: Map<String, Value>,
    pub effect: wire::Effect,
}

impl Tickets {
    /// The whole walk of a call.
    ///
    /// # Errors
    /// What the desk says; `hub_stopping`, and what the call's lane or queue says.
    pub(crate) fn ask(
        &self,
        caller: &Caller,
        request: CallRequest,
        origin: Origin,
    ) -> Result<Asked, Problem> {
        self.refuse_when_stopping()?;
        let allowed = self.desk.allow(caller, request, origin)?;
        self.go(allowed)
    }

    /// Hands on what the desk allowed: from here on it is under way.
    ///
    /// # Errors
    /// What the call's lane or queue says.
    pub(crate) fn go(&self, allowed: AllowedCall) -> Result<Asked, Problem> {
        let call = allowed.checked();
        if call.check_only {
            return Ok(Asked::Checked(told(&allowed)));
        }
        if call.job.is_some() {
            return Ok(Asked::Job(self.desk.jobs.take(allowed)?));
        }
        if call.is_run_by_hub() {
            return self.conductors.start(call).map(Asked::One);
        }
        let to_all = call.is_to_all();
        let mut calls = Vec::with_capacity(allowed.on().len());
        for name in allowed.on() {
            let instance = choosing::named(&self.desk.roster, call, name)?;
            calls.push(self.take_ticket(call, &instance, to_all)?);
        }
        match calls.pop() {
            Some(only) if !to_all => Ok(Asked::One(only)),
            last => Ok(Asked::All(calls.into_iter().chain(last).collect())),
        }
    }

    /// Tells a call to end, whoever runs it.
    pub(crate) fn cancel(&self, call: &Call) {
        let instance = call.instance();
        if instance.as_str() == HUB && self.conductors.cancel(&call.id) {
            return;
        }
        if let Some(instance) = self.desk.roster.find(&instance) {
            instance.lane.cancel(&call.id);
        }
    }

    /// # Errors
    /// `hub_stopping`.
    pub(crate) fn refuse_when_stopping(&self) -> Result<(), Problem> {
        if self.stopping.is_cancelled() {
            return Err(
                Problem::new(Code::HUB_STOPPING, "The hub is shutting down.").hint(wire::hint![
                    "Start it again: ",
                    wire::Step::terminal("serve")
                ]),
            );
        }
        Ok(())
    }

    fn take_ticket(
        &self,
        call: &CheckedCall,
        instance: &Instance,
        to_all: bool,
    ) -> Result<Arc<Call>, Problem> {
        let own = self.desk.catalog.app_of(&call.app.id, &instance.name)?;
        let own = own.command(&call.command.spec.name)?;
        if !own.is_same_as(&call.command) {
            // Another bridge has come between the check and here.
            return Err(Problem::new(
                Code::INSTANCE_AMBIGUOUS,
                format!(
                    "`{}` now describes `{}` differently.",
                    instance.name, call.command.spec.name
                ),
            )
            .hint("Ask again."));
        }
        let subject = subject::on(
            &self.desk.masking,
            &call.command.spec,
            call.subject.clone(),
            instance.file().as_deref(),
        );
        let ticket = Call::new(call.parts(instance.name.clone()));
        let ticket = Arc::new(ticket.about(subject));
        match instance.lane.submit(&ticket) {
            Ok(()) => {}
            // With several instances, one that takes nothing has an end of its own beside the others'.
            Err(problem) if to_all => self.records.never_ran(&ticket, problem),
            Err(problem) => return Err(problem.of_call(&ticket.id)),
        }
        Ok(ticket)
    }
}

fn told(allowed: &AllowedCall) -> Checked {
    let call = allowed.checked();
    Checked {
        checked: true,
        app: call.app.id.clone(),
        instance: match call.command.spec.runs {
            Runs::Hub => vec![HUB.into()],
            Runs::Instance => allowed.on().to_vec(),
        },
        command: call.command.spec.name.clone(),
        args: call.args.clone(),
        effect: call.command.spec.effect,
    }
}
