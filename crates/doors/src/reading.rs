//! Bodies and queries of requests, read or refused in words.

use axum::extract::Query;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, Value};
use wire::{Code, Problem};

use crate::texts::{self, Form};
use crate::{forms, limits};

/// A JSON body, or what is wrong with it and where.
pub(crate) fn read<T: forms::Asked>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    read_after(body, |_| {})
}

/// The same, after `change` has put into its place what may stand in several.
pub(crate) fn read_after<T: forms::Asked>(
    body: Result<Bytes, BytesRejection>,
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<T, Problem> {
    let body = body_of(body)?;
    let read = hub::aside(body.len(), || {
        texts::check(Form::Request, &body)?;
        Ok::<_, Problem>(forms::read_after(&body, change))
    })?;
    read.map_err(|unfit| {
        Problem::new(
            Code::BODY_MALFORMED,
            format!(
                "The body does not have the form this route takes: {}",
                unfit.message
            ),
        )
        .hint(unfit.hint)
    })
}

/// A body that arrived whole.
pub(crate) fn body_of(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return body_too_large();
        }
        Problem::new(
            Code::BODY_MALFORMED,
            format!("The body was cut off: {rejection}."),
        )
    })
}

pub(crate) fn body_too_large() -> Problem {
    Problem::new(
        Code::BODY_TOO_LARGE,
        format!("The body is larger than {} bytes.", limits::BODY_BYTES_MAX),
    )
    .hint(wire::hint![
        "For a large value, ",
        wire::Step::StoreBlob,
        "."
    ])
    .detail("limit_bytes", limits::BODY_BYTES_MAX)
}

pub(crate) fn query_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("The query cannot be read: {}.", rejection.body_text()),
        )
        .hint("GET /openapi.json describes the parameters of every route.")
    })
}
