//! The whole walk of a call, read aloud: find it, is it well formed, may they, take a ticket, wait.
//!
//! The types are the corridor: [`CallRequest`] → [`CheckedCall`] → [`AllowedCall`] → [`Call`] (the
//! ticket) → outcome. Each can only be made in its room, so a call that was not checked cannot be
//! allowed, and one that was not allowed cannot enter a lane. The lane owns the work from then on;
//! who waits here only waits.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use wire::job::Select;
use wire::link::Group;
use wire::{CallId, CallRequest, Code, InstanceName, Problem, Runs};
use wire::{Opt, Step};

use crate::call::{Call, CallParts};
use crate::callers::Caller;
use crate::catalog::{AppEntry, Command};
use crate::conduct;
use crate::hub::Inner as Hub;
use crate::jobs::{JobWish, Storing};
use crate::limits;
use crate::link::blob_names;
use crate::policy::Policy;
use crate::question::Question;
use crate::roster::Instance;
use crate::subject;
use crate::words;

/// A call whose command exists and whose arguments are right.
pub struct CheckedCall {
    pub(crate) caller: Caller,
    pub(crate) app: Arc<AppEntry>,
    pub(crate) command: Arc<Command>,
    pub(crate) args: Map<String, Value>,
    pub(crate) timeout: Duration,
    pub(crate) instance: Option<InstanceName>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) parent_id: Option<CallId>,
    pub(crate) check_only: bool,
    pub(crate) confirm: Option<String>,
    /// Whether a person was asked and said yes.
    pub(crate) confirmed: bool,
    /// The instances that a person said yes to: it runs on these and no others.
    pub(crate) agreed: Option<Vec<InstanceName>>,
    pub(crate) select: Option<Select>,
    pub(crate) revision: Option<u64>,
    pub(crate) group: Option<Group>,
    /// What it is about, for lists.
    pub(crate) subject: Option<String>,
    /// When it is to be a job.
    pub(crate) job: Option<JobWish>,
}

impl CheckedCall {
    /// Whether the hub's side of the app runs it.
    pub(crate) fn is_run_by_hub(&self) -> bool {
        self.command.spec.runs == Runs::Hub
    }
}

/// A checked call that its caller may make. Made by [`crate::policy`] alone.
pub struct AllowedCall(CheckedCall);

impl AllowedCall {
    pub(crate) fn new(call: CheckedCall) -> Self {
        Self(call)
    }

    pub(crate) fn into_checked(self) -> CheckedCall {
        self.0
    }

    pub(crate) fn checked(&self) -> &CheckedCall {
        &self.0
    }
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

/// The walk. Nothing has run when it gives a problem. `parent`: the call of the hub's own that asks.
pub(crate) fn ask(
    hub: &Arc<Hub>,
    caller: &Caller,
    request: CallRequest,
    parent: Option<CallId>,
) -> Result<Asked, Problem> {
    hub.refuse_when_stopping()?;
    let allowed = allow(hub, caller, request, parent, None)?;
    go(hub, allowed)
}

/// Up to where it may run. `group`: the calls that it belongs to.
pub(crate) fn allow(
    hub: &Hub,
    caller: &Caller,
    request: CallRequest,
    parent: Option<CallId>,
    group: Option<Group>,
) -> Result<AllowedCall, Problem> {
    let mut checked = check(hub, caller, request)?;
    (checked.parent_id, checked.group) = (parent, group);
    // Before a person is asked, it is known that the call has somewhere to go.
    Policy::may(&checked)?;
    blobs_are_there(hub, &checked.args)?;
    if checked.is_run_by_hub() {
        conduct::needs_no_instance(&checked.command.spec.name, checked.instance.as_ref())?;
    }
    let mut on = Vec::new();
    if checked.job.is_some() {
        may_queue(hub, &checked)?;
    } else if !checked.is_run_by_hub() {
        let chosen = choose(hub, &checked)?;
        on = chosen.iter().map(|one| one.name.clone()).collect();
    }
    let question = |call: &CheckedCall| Question::of_call(&hub.masking, call, &on);
    hub.policy.allow(checked, question)
}

/// From there on it is under way.
pub(crate) fn go(hub: &Arc<Hub>, allowed: AllowedCall) -> Result<Asked, Problem> {
    let (is_job, by_hub) = (allowed.0.job.is_some(), allowed.0.is_run_by_hub());
    let instances = if is_job || by_hub {
        Vec::new()
    } else {
        choose(hub, &allowed.0)?
    };
    if allowed.0.check_only {
        return Ok(Asked::Checked(told(allowed.0, &instances)));
    }
    if is_job {
        return Ok(Asked::Job(hub.records.jobs.take(allowed.0)?));
    }
    if by_hub {
        return conduct::start(hub, &allowed).map(Asked::One);
    }
    let to_all = is_all(allowed.0.instance.as_ref());
    let mut calls = Vec::with_capacity(instances.len());
    for instance in &instances {
        calls.push(take_ticket(hub, &allowed.0, instance, to_all)?);
    }
    match calls.pop() {
        Some(only) if !to_all => Ok(Asked::One(only)),
        last => Ok(Asked::All(calls.into_iter().chain(last).collect())),
    }
}

/// A job waits for its instance, so none is chosen here.
fn may_queue(hub: &Hub, checked: &CheckedCall) -> Result<(), Problem> {
    if is_all(checked.instance.as_ref()) {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "A job runs on one instance; only plain calls can go to all of them (`*`).",
        )
        .hint(wire::hint![
            "Make one job for each instance, or leave out ",
            Opt::Instance,
            " and let any free one take it.",
        ]));
    }
    hub.records.jobs.takes(checked)
}

fn check(hub: &Hub, caller: &Caller, request: CallRequest) -> Result<CheckedCall, Problem> {
    let request = request.without_blanks();
    words::in_bounds(&request)?;
    let job = JobWish::of(&request)?;
    if request.select.is_some() && request.instance.is_some() {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "A call can name one instance or describe which ones fit, not both.",
        )
        .hint(wire::hint![
            "Leave out either ",
            Opt::Instance,
            " or ",
            Opt::Select,
            ".",
        ]));
    }
    let named = request
        .instance
        .as_ref()
        .filter(|name| !is_all(Some(*name)));
    let (app, command) = match named {
        Some(name) => {
            let exact = hub.roster.named(name).map(|known| known.name.clone());
            let name = exact.unwrap_or_else(|_| name.clone());
            let app = hub.catalog.app_of(&request.app, &name)?;
            let command = Arc::clone(app.command(&request.command)?);
            (app, command)
        }
        None => {
            let app = hub.catalog.app(&request.app)?;
            let command = Arc::clone(app.agreed_command(&request.command)?);
            (app, command)
        }
    };
    let args = command.check(request.args)?;
    let timeout = timeout_of(&command, request.timeout_ms)?;
    let subject = subject::of(&hub.masking, &command.spec, &command.marked, &args);
    Ok(CheckedCall {
        subject,
        caller: caller.clone(),
        app,
        command,
        args,
        timeout,
        instance: request.instance,
        correlation_id: request.correlation_id,
        parent_id: None,
        check_only: request.check_only,
        confirm: request.confirm,
        confirmed: false,
        agreed: None,
        select: request.select,
        revision: request.revision,
        group: None,
        job,
    })
}

/// What the arguments refer to can be sent along.
fn blobs_are_there(hub: &Hub, args: &Map<String, Value>) -> Result<(), Problem> {
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
        .try_for_each(|name| hub.blobs.path(name).map(drop))
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

/// Which instances the call is for. Among several it is the one that is named like its app, or none.
fn choose(hub: &Hub, call: &CheckedCall) -> Result<Vec<Arc<Instance>>, Problem> {
    if let Some(agreed) = &call.agreed {
        let named = |name: &InstanceName| named(hub, call, name);
        return agreed.iter().map(named).collect();
    }
    if let Some(name) = call.instance.as_ref().filter(|name| !is_all(Some(*name))) {
        return Ok(vec![named(hub, call, name)?]);
    }
    let mut usable: Vec<Arc<Instance>> = hub.roster.of_app(&call.app.id);
    usable.retain(|instance| {
        instance.reserved_for.is_none() && (instance.lane.is_up() || instance.lane.accepts_calls())
    });
    if let Some(select) = &call.select {
        return any_that_fits(call, select, usable);
    }
    match usable.len() {
        0 => Err(Problem::new(
            Code::NO_INSTANCE,
            format!("No {} is connected.", call.app.title),
        )
        .hint(match call.app.app {
            Some(_) => wire::hint!["Start one: ", Step::start(&call.app.id)],
            None => "Start the program itself; its bridge then connects to the hub.".into(),
        })),
        1 => Ok(usable),
        _ if is_all(call.instance.as_ref()) => Ok(usable),
        count => {
            let default = usable
                .iter()
                .find(|instance| instance.name.is_default_of(&call.app.id));
            if let Some(default) = default {
                return Ok(vec![Arc::clone(default)]);
            }
            let names: Vec<&str> = usable
                .iter()
                .map(|instance| instance.name.as_str())
                .collect();
            Err(Problem::new(
                Code::INSTANCE_AMBIGUOUS,
                format!(
                    "{count} instances of {} are running: {}.",
                    call.app.title,
                    names.join(", ")
                ),
            )
            .hint(wire::hint![
                "Name one, for example ",
                Opt::Instance.with(names[0]),
                ". `*` means all of them.",
            ])
            .detail("instances", names))
        }
    }
}

fn named(hub: &Hub, call: &CheckedCall, name: &InstanceName) -> Result<Arc<Instance>, Problem> {
    let instance = hub.roster.named(name)?;
    if instance.app != call.app.id {
        return Err(Problem::new(
            Code::INSTANCE_UNKNOWN,
            format!("`{name}` is {}, not {}.", instance.app, call.app.id),
        )
        .hint(wire::hint!["Name an instance of the app: ", Step::Status]));
    }
    Ok(instance)
}

/// Of those that fit, the one with the fewest calls.
fn any_that_fits(
    call: &CheckedCall,
    select: &Select,
    usable: Vec<Arc<Instance>>,
) -> Result<Vec<Arc<Instance>>, Problem> {
    let fits = usable
        .into_iter()
        .filter(|instance| instance.offer().fits(select));
    let found = fits.min_by_key(|instance| instance.lane.load());
    found.map(|instance| vec![instance]).ok_or_else(|| {
        Problem::new(
            Code::NO_INSTANCE,
            format!(
                "No connected {} fits what the call selects.",
                call.app.title
            ),
        )
        .hint(wire::hint![
            "Start one that does: ",
            Step::start(&call.app.id),
            "; or make it a job, which waits for one: ",
            Opt::Durable.with(true),
            ".",
        ])
    })
}

fn take_ticket(
    hub: &Hub,
    call: &CheckedCall,
    instance: &Instance,
    to_all: bool,
) -> Result<Arc<Call>, Problem> {
    let own = hub.catalog.app_of(&call.app.id, &instance.name)?;
    let own = own.command(&call.command.spec.name)?;
    if !own.is_same_as(&call.command) {
        // Another bridge has come between the check and here.
        return Err(Problem::new(
            Code::INSTANCE_AMBIGUOUS,
            format!(
                "`{}` describes `{}` otherwise by now.",
                instance.name, call.command.spec.name
            ),
        )
        .hint("Ask again."));
    }
    let ticket = Call::new(CallParts {
        correlation_id: call.correlation_id.clone(),
        parent_id: call.parent_id.clone(),
        app: call.app.id.clone(),
        instance: instance.name.clone(),
        command: call.command.spec.name.clone(),
        effect: call.command.spec.effect,
        concurrent: call.command.spec.concurrent,
        caller: call.caller.clone(),
        timeout: call.timeout,
        args: Arc::new(call.args.clone()),
        revision: call.revision,
        group: call.group.clone(),
        marked: Arc::clone(&call.command.marked),
    });
    let file = || subject::of_file(&hub.masking, instance.file().as_deref());
    let ticket = Arc::new(ticket.about(call.subject.clone().or_else(file)));
    match instance.lane.submit(&ticket) {
        Ok(()) => {}
        // With several instances, one that takes nothing has an end of its own beside the others'.
        Err(problem) if to_all => hub.records.never_ran(&ticket, problem),
        Err(problem) => return Err(problem.of_call(&ticket.id)),
    }
    Ok(ticket)
}

fn told(call: CheckedCall, instances: &[Arc<Instance>]) -> Checked {
    let names = instances.iter().map(|instance| instance.name.clone());
    Checked {
        checked: true,
        app: call.app.id.clone(),
        instance: match call.command.spec.runs {
            Runs::Hub => vec![conduct::HUB.into()],
            Runs::Instance => names.collect(),
        },
        command: call.command.spec.name.clone(),
        args: call.args,
        effect: call.command.spec.effect,
    }
}

fn is_all(name: Option<&InstanceName>) -> bool {
    name.is_some_and(|name| name.as_str() == "*")
}
