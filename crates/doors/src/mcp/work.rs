//! A call, from what a tool asks for to its answer.
//!
//! ```text
//! spec ──> app ──> asked ──> (a person's yes) ──> (a program is started) ──> under way
//!   under way ──> ended: the answer
//!             ├─> the client cancels: the call is cancelled
//!             ├─> the client knows tasks and it takes long: a task
//!             └─> 45 s: the call's id, and it goes on
//! ```

use std::sync::Arc;
use std::time::Duration;

use hub::Asked;
use hub::call::Call;
use rmcp::model::CallToolResponse;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until};
use wire::call::Wait;
use wire::{AppId, CallId, CallRequest, CallView, Code, Durability, InstanceName, Problem};

use super::asking::{Answered, Asking, Stop};
use super::progress::Teller;
use super::target::{self, What};
use super::{answer, confirm, tasks};
use crate::limits;

impl Default for What {
    fn default() -> Self {
        Self::Command(String::new())
    }
}

/// What a tool wants done.
#[derive(Default)]
pub(crate) struct Spec {
    pub(crate) app: Option<AppId>,
    pub(crate) instance: Option<InstanceName>,
    pub(crate) what: What,
    pub(crate) args: Map<String, Value>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) check_only: bool,
    /// The value of an earlier `confirmation_required`.
    pub(crate) confirm: Option<String>,
    /// Whether a program is started for it where none is open.
    pub(crate) starts: bool,
    /// Whether it is a job.
    pub(crate) durable: bool,
}

/// Does it, as far as it gets within the time that a client waits.
pub(crate) async fn run(asking: &Asking<'_>, spec: Spec) -> Answered {
    let hub = &asking.mcp.hub;
    let app = target::app(hub, spec.app.as_ref(), spec.instance.as_ref(), &spec.what)?;
    let command = match spec.what {
        What::Command(name) => name,
        What::Role(role) => {
            let args: Vec<&str> = spec.args.keys().map(String::as_str).collect();
            target::command_for(hub, &app, spec.instance.as_ref(), role, &args)?.name
        }
    };
    let given = confirm::given(asking)?;
    let may_start = spec.starts && !spec.check_only;
    let request = CallRequest {
        instance: spec.instance,
        timeout_ms: spec.timeout_ms,
        wait: Wait::Forever(false),
        check_only: spec.check_only,
        confirm: given.or(spec.confirm),
        durable: spec.durable.then(Durability::default),
        ..CallRequest::new(app, command, spec.args)
    };
    // Before the call can tell anything, so that nothing is missed.
    let mut teller = Teller::of(asking);
    match take(asking, request, may_start, &mut teller).await? {
        Taken::Checked(checked) => Ok(answer::checked(&checked).into()),
        Taken::Later(response) => Ok(*response),
        Taken::Calls(calls, note, since) => {
            follow(asking, calls, note.as_deref(), since, teller).await
        }
    }
}

/// What has become of a spec.
enum Taken {
    Checked(hub::Checked),
    /// Under way, with what was done besides, and from when on the client waits.
    Calls(Vec<Arc<Call>>, Option<String>, Instant),
    Later(Box<CallToolResponse>),
}

/// Asks the hub; asks a person and starts a program where that is missing.
async fn take(
    asking: &Asking<'_>,
    mut request: CallRequest,
    may_start: bool,
    teller: &mut Option<Teller>,
) -> Result<Taken, Stop> {
    let (mut note, mut since) = (None, asking.since);
    loop {
        let problem = match asking.mcp.hub.ask(&asking.caller, request.clone()) {
            Ok(Asked::Job(storing)) => {
                let call = storing.stored().await?.call;
                return Ok(Taken::Calls(vec![call], note, since));
            }
            Ok(Asked::Checked(checked)) => return Ok(Taken::Checked(checked)),
            Ok(Asked::One(call)) => return Ok(Taken::Calls(vec![call], note, since)),
            Ok(Asked::All(calls)) => return Ok(Taken::Calls(calls, note, since)),
            Err(problem) => problem,
        };
        if problem.code == Code::CONFIRMATION_REQUIRED {
            match confirm::ask(asking, problem).await? {
                confirm::Asked::Yes(value) => {
                    request.confirm = Some(value);
                    // What a person needed to think is not the call's.
                    since = Instant::now();
                }
                confirm::Asked::Later(response) => return Ok(Taken::Later(response)),
            }
        } else if problem.code == Code::NO_INSTANCE && note.is_none() && may_start {
            note = Some(started(asking, &request.app, problem, teller).await?);
        } else {
            return Err(problem.into());
        }
    }
}

/// Starts what is missing; says what was started.
async fn started(
    asking: &Asking<'_>,
    app: &AppId,
    missing: Problem,
    teller: &mut Option<Teller>,
) -> Result<String, Stop> {
    let view = tokio::select! {
        view = target::start(asking, app) => view?,
        () = telling(teller, &[]) => None,
        // The start goes on without us.
        () = asking.context.ct.cancelled() => None,
        () = sleep_until(asking.deadline()) => {
            let problem = Problem::new(Code::NO_INSTANCE, format!("`{app}` is being started and takes a while."));
            return Err(problem.hint("status {} shows when it is ready; then send the same call again.").into());
        }
    };
    match view {
        Some(view) => Ok(format!(
            "Started `{}` in the background, because no {app} was running.",
            view.name
        )),
        None => Err(missing.into()),
    }
}

/// Waits for calls that are under way, in the client's sight.
async fn follow(
    asking: &Asking<'_>,
    calls: Vec<Arc<Call>>,
    note: Option<&str>,
    since: Instant,
    mut teller: Option<Teller>,
) -> Answered {
    let ids: Vec<CallId> = calls.iter().map(|call| call.id.clone()).collect();
    let as_task = calls
        .first()
        .filter(|_| calls.len() == 1 && asking.knows_tasks());
    tokio::select! {
        biased;
        () = ended(&calls) => {}
        () = asking.context.ct.cancelled() => cancel(asking, &calls).await,
        () = sleep_until(since + asking.mcp.pace.task_after), if as_task.is_some() => {
            if let Some(call) = as_task {
                return Ok(tasks::made_of(call).into());
            }
        }
        () = sleep_until(since + asking.mcp.pace.answer_within) => {}
        () = telling(&mut teller, &ids) => {}
    }
    if let Some(teller) = &mut teller {
        teller.rest(&ids).await;
    }
    let view = |call| asking.mcp.hub.view_for(&asking.caller, call);
    let views: Vec<CallView> = calls.iter().map(|call| view(call)).collect();
    Ok(answer::calls(asking.mcp, &views, note).into())
}

async fn ended(calls: &[Arc<Call>]) {
    for call in calls {
        call.ended(None).await;
    }
}

/// The client left or took it back, so nobody wants these. A job is wanted until somebody says otherwise.
async fn cancel(asking: &Asking<'_>, calls: &[Arc<Call>]) {
    let calls: Vec<&Arc<Call>> = calls
        .iter()
        .filter(|call| call.durability.is_none())
        .collect();
    for call in &calls {
        asking.mcp.hub.cancel(&asking.caller, &call.id).ok();
    }
    for call in calls {
        call.ended(Some(limits::CANCEL_WAIT)).await;
    }
}

async fn telling(teller: &mut Option<Teller>, calls: &[CallId]) {
    match teller {
        Some(teller) => teller.tell(calls).await,
        None => std::future::pending().await,
    }
}

/// Waits for a call of somebody, and leaves it alone when the client goes.
pub(crate) async fn only_look(
    asking: &Asking<'_>,
    call: &Call,
    limit: Duration,
    mut teller: Option<Teller>,
) {
    if call.caller.id != asking.caller.id
        && let Some(teller) = &mut teller
    {
        teller.without_secrets(&asking.mcp.hub);
    }
    tokio::select! {
        biased;
        _ = call.ended(Some(limit)) => {}
        () = asking.context.ct.cancelled() => {}
        () = telling(&mut teller, std::slice::from_ref(&call.id)) => {}
    }
}
