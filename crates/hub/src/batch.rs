//! Several calls as one: all are allowed before the first one runs, then they run one after the other.
//!
//! In come calls and what is to be done about an error; out goes a [`Batch`] that can be waited for. It goes
//! on when its asker leaves, and stays known by its id ([`kept`]). Calls to the same app are one undo step there
//! ([`wire::link::Group`]). As jobs they are stored together, and each waits for the one before; one that its caller
//! stored before under the same key takes its place among them and is not stored again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use wire::batch::OnError;
use wire::frame::FRAME_BYTES_MAX;
use wire::link::Group;
use wire::{AppId, BatchRequest, CallRequest, Code, Problem, Status};

use crate::callers::{Caller, Callers, Scope};
use crate::corridor::{AllowedCall, Origin};
use crate::home::random_hex;
use crate::json_size::weight_up_to;
use crate::limits;
use crate::policy;
use crate::tickets::{Asked, Tickets};

mod kept;
mod stage;

pub(crate) use kept::{Batches, Ended, Found};
pub(crate) use stage::{Stage, status_of};

/// A batch that is under way.
pub struct Batch {
    pub id: String,
    pub(crate) stage: watch::Receiver<Stage>,
}

impl Batch {
    /// Waits for the end of all of it; `true` when it came in time.
    pub async fn ended(&self, within: Option<Duration>) -> bool {
        let mut stage = self.stage.clone();
        let end = async { stage.wait_for(|stage| stage.ended).await.is_ok() };
        match within {
            None => end.await,
            Some(within) => tokio::time::timeout(within, end).await.unwrap_or(false),
        }
    }
}

/// What a batch goes on with when its asker has left.
pub(crate) struct Means {
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) batches: Arc<Batches>,
    pub(crate) callers: Arc<Callers>,
}

/// Checks and allows all of it, then begins. Nothing has run when it gives a problem.
pub(crate) async fn begin(
    means: Means,
    caller: &Caller,
    request: BatchRequest,
) -> Result<Batch, Problem> {
    let id = format!("batch_{}", random_hex(8)?);
    let stop = request.on_error == OnError::Stop;
    let durable = request.durable.is_some();
    let allowed = allow_all(&means.tickets, caller, request, &id)?;
    let (tell, stage) = watch::channel(Stage::default());
    if durable {
        let jobs = &means.tickets.desk.jobs;
        let handles = jobs.take_all(&id, caller, allowed, stop).await?;
        tell.send_modify(|stage| stage.asked = handles.iter().cloned().map(Ok).collect());
        tokio::spawn(async move {
            for handle in handles {
                handle.ended(None).await;
            }
            tell.send_modify(|stage| stage.ended = true);
        });
    } else {
        let weight = allowed.iter().map(weight).sum();
        let waits = means.tickets.records.take_waiting(caller, weight)?;
        tell.send_modify(|stage| stage.waiting = allowed.len());
        means.batches.begin(&id, &caller.id, stage.clone())?;
        let id = id.clone();
        tokio::spawn(async move {
            run(&means, allowed, stop, &tell).await;
            drop(waits);
            means.batches.end(&id);
        });
    }
    Ok(Batch { id, stage })
}

async fn run(means: &Means, allowed: Vec<AllowedCall>, stop: bool, tell: &watch::Sender<Stage>) {
    let tickets = &means.tickets;
    let mut left = allowed.len();
    for call in allowed {
        left -= 1;
        let asked = match tickets
            .refuse_when_stopping()
            .and_then(|()| may_still(&means.callers, &call))
            .and_then(|()| tickets.go(call))
        {
            Ok(Asked::One(call)) => Ok(call),
            Ok(_) => Err(Problem::new(
                Code::INTERNAL,
                "Each entry of a batch must be a single call.",
            )),
            Err(problem) => Err(problem),
        };
        tell.send_modify(|stage| {
            stage.asked.push(asked.clone());
            stage.waiting = left;
        });
        let is_well = match asked {
            Ok(call) => {
                call.ended(None).await;
                call.status() == Status::Succeeded
            }
            Err(_) => false,
        };
        if stop && !is_well {
            tell.send_modify(|stage| (stage.waiting, stage.not_run) = (0, left));
            break;
        }
    }
    tell.send_modify(|stage| stage.ended = true);
}

/// Roughly what a call holds until its turn comes.
fn weight(call: &AllowedCall) -> usize {
    let args = &call.checked().args;
    let bytes = weight_up_to(args, FRAME_BYTES_MAX).unwrap_or(FRAME_BYTES_MAX);
    bytes + limits::WAITING_CALL_BYTES
}

/// It was allowed when the batch began; its token may have been taken back or narrowed since.
fn may_still(callers: &Callers, call: &AllowedCall) -> Result<(), Problem> {
    let call = call.checked();
    let today = callers.now(&call.caller)?;
    let effect = call.command.spec.effect;
    policy::require(&today, Scope::from(effect), || {
        format!("run `{}` any more", call.command.spec.name)
    })
}

fn allow_all(
    tickets: &Tickets,
    caller: &Caller,
    request: BatchRequest,
    id: &str,
) -> Result<Vec<AllowedCall>, Problem> {
    let count = request.calls.len();
    if count == 0 || count > limits::BATCH_CALLS_MAX {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "A batch can have 1 to {} calls; this one has {count}.",
                limits::BATCH_CALLS_MAX
            ),
        )
        .hint(match count {
            0 => "Put at least one call into it.",
            _ => "Split it into several batches.",
        }));
    }
    let last: HashMap<AppId, usize> = request
        .calls
        .iter()
        .enumerate()
        .map(|(at, call)| (call.app.clone(), at))
        .collect();
    let stop = request.on_error == OnError::Stop;
    let (mut allowed, mut unconfirmed) = (Vec::with_capacity(count), Vec::new());
    let mut keys = HashSet::new();
    for (at, mut call) in request.calls.into_iter().enumerate() {
        call.durable = request.durable;
        call.correlation_id.get_or_insert_with(|| id.to_owned());
        one_call(&call).map_err(|problem| problem.detail("call", at))?;
        if let Some(key) = call.idempotency_key.clone()
            && let Some(key) = keys.replace(key)
        {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!("Two calls of the batch have the key `{key}`."),
            )
            .hint("Give each job its own key.")
            .detail("call", at));
        }
        let group = Group {
            id: id.to_owned(),
            last: last.get(&call.app) == Some(&at),
            stop,
        };
        let origin = Origin {
            parent: None,
            group: Some(group),
        };
        match tickets.desk.allow(caller, call, origin) {
            Ok(call) => allowed.push(call),
            Err(problem) if problem.code == Code::CONFIRMATION_REQUIRED => {
                unconfirmed.push((at, problem));
            }
            Err(problem) => return Err(problem.detail("call", at)),
        }
    }
    if unconfirmed.is_empty() {
        return Ok(allowed);
    }
    Err(confirm_all(unconfirmed))
}

fn one_call(call: &CallRequest) -> Result<(), Problem> {
    let wrong = |message: &str| Err(Problem::new(Code::ARGUMENTS_INVALID, message));
    if call
        .instance
        .as_ref()
        .is_some_and(|name| name.as_str() == "*")
    {
        return wrong("Each call of a batch runs on one instance; `*` is not possible.");
    }
    if call.check_only {
        return wrong("`check_only` works on single calls only.");
    }
    Ok(())
}

/// All that a person has to say yes to, in one problem.
fn confirm_all(unconfirmed: Vec<(usize, Problem)>) -> Problem {
    let confirms: Vec<Value> = unconfirmed
        .iter()
        .map(|(at, problem)| json!({"call": at, "confirm": problem.details.get("confirm")}))
        .collect();
    let messages: Vec<&str> = unconfirmed
        .iter()
        .map(|(_, problem)| problem.message.as_str())
        .collect();
    Problem::new(Code::CONFIRMATION_REQUIRED, messages.join(" "))
        .hint("Show the person what will happen. If they agree, send the batch again within five minutes, each of these calls with its `confirm` value from `details.confirms`.")
        .detail("confirms", confirms)
}
