//! Calls as tasks of the protocol's extension, for clients that know it.
//!
//! A task is a call under its own id: the hub's journal keeps it, so there is no second table to fill up or
//! to disagree. Tasks with other ids are an addition's.

use hub::call::Call;
use hub::callers::Caller;
use hub::clock::rfc3339;
use rmcp::ErrorData;
use rmcp::model::{
    CreateTaskResult, DetailedTask, Task, TaskPayload, TaskStatus, UpdateTaskParams,
};
use rmcp::task_manager::TaskManager;
use serde_json::Value;
use time::OffsetDateTime;
use wire::{CallId, Status};

use super::addition::Addition;
use super::{Mcp, answer};
use hub::policy::{Seen, may_see};

/// How often a client should look, in milliseconds.
const POLL_MS: u64 = 1_000;
/// How long a client may count on it, in milliseconds: a week, a call's longest time.
const TTL_MS: u64 = 7 * 24 * 3600 * 1000;

pub(crate) fn made_of(call: &Call) -> CreateTaskResult {
    CreateTaskResult::new(task(call))
}

pub(crate) async fn get(mcp: &Mcp, caller: &Caller, id: &str) -> Result<DetailedTask, ErrorData> {
    let id_of_call = CallId::from(id);
    let found = match id.starts_with("call_") {
        // It may be a job that ended before this hub's time.
        true => mcp.hub.find_call(&id_of_call).await,
        false => mcp.hub.call(&id_of_call),
    };
    let Ok(call) = found else {
        return added(mcp, id)?.get_task(id);
    };
    may_see(caller, Seen::Call(&call)).map_err(answer::protocol)?;
    let view = mcp.hub.view_for(caller, &call);
    let payload = match view.status {
        Status::Queued | Status::Running => TaskPayload::Working,
        Status::Cancelled => TaskPayload::Cancelled,
        _ => {
            let result =
                serde_json::to_value(answer::calls(mcp, &[view], None)).unwrap_or_default();
            let Value::Object(result) = result else {
                return Err(ErrorData::internal_error(
                    "An answer is not an object.",
                    None,
                ));
            };
            TaskPayload::Completed { result }
        }
    };
    let mut task = task(&call);
    if call.caller.id != caller.id {
        task.status_message = task
            .status_message
            .map(|said| mcp.hub.masked_text(&said).into_owned());
    }
    Ok(DetailedTask::new(task, payload))
}

pub(crate) fn update(
    mcp: &Mcp,
    caller: &Caller,
    update: UpdateTaskParams,
) -> Result<(), ErrorData> {
    match mcp.hub.call(&CallId::from(update.task_id.as_str())) {
        // A call asks for nothing while it runs: what a person must say is asked before.
        Ok(call) => may_see(caller, Seen::Call(&call)).map_err(answer::protocol),
        Err(_) => added(mcp, &update.task_id)?.update_task(&update.task_id, update.input_responses),
    }
}

pub(crate) fn cancel(mcp: &Mcp, caller: &Caller, id: &str) -> Result<(), ErrorData> {
    let call = CallId::from(id);
    if mcp.hub.call(&call).is_err() {
        return added(mcp, id)?.cancel_task(id);
    }
    mcp.hub
        .cancel(caller, &call)
        .map(drop)
        .map_err(answer::protocol)
}

/// Who may know a task that is no call.
fn added<'a>(mcp: &'a Mcp, id: &str) -> Result<&'a TaskManager, ErrorData> {
    let added = mcp.addition.as_deref().map(Addition::tasks);
    added.ok_or_else(|| {
        let gone =
            format!("There is no task `{id}`. A task is a call: `jobs` and `wait` tell of calls.");
        ErrorData::invalid_params(gone, None)
    })
}

fn task(call: &Call) -> Task {
    let stage = call.stage();
    let status = match stage.status {
        Status::Queued | Status::Running => TaskStatus::Working,
        Status::Cancelled => TaskStatus::Cancelled,
        _ => TaskStatus::Completed,
    };
    let said = stage
        .progress
        .map(|progress| progress.text)
        .filter(|text| !text.is_empty());
    let message = said.unwrap_or_else(|| format!("{} is {}", call.command, stage.status.as_str()));
    Task::new(
        call.id.as_str(),
        status,
        rfc3339(call.asked_at),
        rfc3339(OffsetDateTime::now_utc()),
    )
    .with_status_message(message)
    .with_ttl_ms(TTL_MS)
    .with_poll_interval_ms(POLL_MS)
}
