//! Several calls as one, over HTTP and for the WebSocket.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use bytes::Bytes;
use hub::Hub;
use hub::callers::Caller;
use wire::batch::BatchStatus;
use wire::call::Wait;
use wire::{BatchRequest, BatchView, Problem};

use crate::door::Door;
use crate::problem::Answer;
use crate::reading::read;

/// `POST /v1/batches`
pub(crate) async fn ask(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let view = run(&door.hub, &caller, read(body)?).await?;
    let status = match view.status {
        BatchStatus::Running => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(view)).into_response())
}

/// `GET /v1/batches/{id}`
pub(crate) async fn show(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    Ok(Json(door.hub.batch_view(&caller, &id).await?).into_response())
}

/// Begins it and waits for as long as was asked; it goes on.
pub(crate) async fn run(
    hub: &Hub,
    caller: &Caller,
    request: BatchRequest,
) -> Result<BatchView, Problem> {
    let wait = request.wait;
    let batch = hub.batch(caller, request).await?;
    match wait {
        Wait::Forever(true) => drop(batch.ended(None).await),
        Wait::Forever(false) => {}
        Wait::Milliseconds(limit) => {
            batch.ended(Some(Duration::from_millis(limit))).await;
        }
    }
    Ok(batch.view(hub, caller))
}
