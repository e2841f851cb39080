//! Jobs and batches over the WebSocket: the answers that take a look at the disk, or a while.

use axum::extract::ws::Message;
use hub::Hub;
use hub::callers::Caller;
use wire::job::QueueChange;
use wire::{BatchRequest, CallId, Problem};

use super::frame::{self, Id, JobChanged};
use crate::batches;
use crate::jobs::ListQuery;

pub(super) async fn page(
    hub: Hub,
    caller: Caller,
    id: Id,
    query: ListQuery,
) -> Result<Message, Problem> {
    let page = hub.jobs(&caller, query.asked()?).await?;
    Ok(frame::tell("jobs", &id, &page))
}

pub(super) async fn show(
    hub: Hub,
    caller: Caller,
    id: Id,
    call: CallId,
) -> Result<Message, Problem> {
    Ok(frame::tell("job", &id, &hub.job(&caller, &call).await?))
}

pub(super) async fn change(
    hub: Hub,
    caller: Caller,
    id: Id,
    wanted: JobChanged,
) -> Result<Message, Problem> {
    let job = hub
        .change_job(&caller, &wanted.call_id, wanted.change)
        .await?;
    Ok(frame::tell("job", &id, &job))
}

pub(super) async fn queue(
    hub: Hub,
    caller: Caller,
    id: Id,
    wanted: QueueChange,
) -> Result<Message, Problem> {
    let queue = hub.change_queue(&caller, wanted).await?;
    Ok(frame::tell("job_queue", &id, &queue))
}

/// Told when all of it has ended, or when it was not to be waited for.
pub(super) async fn batch(
    hub: Hub,
    caller: Caller,
    id: Id,
    wanted: BatchRequest,
) -> Result<Message, Problem> {
    let view = batches::run(&hub, &caller, wanted).await?;
    Ok(frame::tell("batch", &id, &view))
}

pub(super) async fn batch_view(
    hub: Hub,
    caller: Caller,
    id: Id,
    batch: String,
) -> Result<Message, Problem> {
    let view = hub.batch_view(&caller, &batch).await?;
    Ok(frame::tell("batch", &id, &view))
}
