//! Jobs over HTTP: list, look, change, cancel, hold back a queue.

use axum::extract::{Path, Query, State};
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use bytes::Bytes;
use hub::callers::Caller;
use hub::jobs::JobsAsked;
use serde::Deserialize;
use wire::job::{JobChange, QueueChange};
use wire::{CallId, Code, JobStatus, Problem};

use crate::door::Door;
use crate::limits;
use crate::problem::Answer;
use crate::reading::{query_of, read};

type BodyResult = Result<Bytes, axum::extract::rejection::BytesRejection>;

/// `GET /v1/jobs`
pub(crate) async fn list(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let asked = query_of(query)?.asked()?;
    Ok(Json(door.hub.jobs(&caller, asked).await?).into_response())
}

/// `GET /v1/jobs/{id}`
pub(crate) async fn show(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    Ok(Json(door.hub.job(&caller, &CallId::from(id)).await?).into_response())
}

/// `PATCH /v1/jobs/{id}`
pub(crate) async fn change(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: BodyResult,
) -> Answer {
    let wanted: JobChange = read(body)?;
    let id = CallId::from(id);
    let job = door.hub.change_job(&caller, &id, wanted).await?;
    Ok(Json(job).into_response())
}

/// `DELETE /v1/jobs/{id}`
pub(crate) async fn cancel(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = door.hub.call_id(&caller, &id).await?;
    // That it is there and whose it is, before anything is done.
    door.hub.job(&caller, &id).await?;
    let call = match door.hub.cancel(&caller, &id) {
        Ok(call) => call,
        // It ended before this hub's time.
        Err(problem) if problem.code == Code::CALL_UNKNOWN => {
            return Ok(Json(door.hub.job(&caller, &id).await?).into_response());
        }
        Err(problem) => return Err(problem.into()),
    };
    call.ended(Some(limits::CANCEL_WAIT)).await;
    Ok(Json(door.hub.job(&caller, &id).await?).into_response())
}

/// `POST /v1/jobs/queue`
pub(crate) async fn queue(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: BodyResult,
) -> Answer {
    let wanted: QueueChange = read(body)?;
    Ok(Json(door.hub.change_queue(&caller, wanted).await?).into_response())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListQuery {
    status: Option<String>,
    app: Option<String>,
    instance: Option<String>,
    caller: Option<String>,
    label: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    order: Option<String>,
}

impl ListQuery {
    pub(crate) fn asked(self) -> Result<JobsAsked, Problem> {
        let in_queue_order = match self.order.as_deref() {
            None | Some("newest") => false,
            Some("queue") => true,
            Some(other) => {
                return Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!("There is no order `{other}`."),
                )
                .hint("The orders are newest and queue."));
            }
        };
        let statuses = self.status.as_deref().unwrap_or_default();
        let statuses = statuses.split(',').filter(|word| !word.is_empty());
        Ok(JobsAsked {
            statuses: statuses.map(status).collect::<Result<_, _>>()?,
            app: self.app.map(Into::into),
            instance: self.instance.map(Into::into),
            caller: self.caller.map(Into::into),
            owner: None,
            label: self.label.as_deref().map(label).transpose()?,
            limit: self.limit.unwrap_or(limits::JOBS_PAGE),
            cursor: self.cursor,
            in_queue_order,
        })
    }
}

fn status(word: &str) -> Result<JobStatus, Problem> {
    JobStatus::parse(word.trim()).ok_or_else(|| {
        let names: Vec<&str> = JobStatus::ALL.into_iter().map(JobStatus::as_str).collect();
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("There is no status `{word}`."),
        )
        .hint(format!("The statuses are: {}.", names.join(", ")))
    })
}

fn label(text: &str) -> Result<(String, String), Problem> {
    text.split_once(':')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| {
            Problem::new(
                Code::ARGUMENTS_INVALID,
                format!("`label` must be NAME:VALUE, not `{text}`."),
            )
        })
}
