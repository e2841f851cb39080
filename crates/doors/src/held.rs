//! A request for as long as its caller may ask it: answers that wait, and those that stream, end with the rights.
//!
//! In comes a response on its way; out goes the same, or what ended it. Nothing is asked of the caller's work here: what
//! a revoked token has under way is the hub's to end.

use std::future::Future;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use hub::Hub;
use hub::callers::Caller;
use wire::Problem;

use crate::problem::Refused;
use crate::proof::Proof;

pub(crate) struct Held(Pin<Box<dyn Future<Output = Problem> + Send>>);

impl Held {
    pub(crate) fn new(hub: &Hub, caller: &Caller, proof: &Proof) -> Self {
        let (hub, caller, proof) = (hub.clone(), caller.clone(), proof.clone());
        Self(Box::pin(async move { proof.lost(&hub, &caller).await }))
    }

    /// The response, if it comes while the caller may have it, and its body for as long.
    pub(crate) async fn through(mut self, response: impl Future<Output = Response>) -> Response {
        let response = tokio::select! {
            biased;
            response = response => response,
            problem = &mut self.0 => return Refused(problem).into_response(),
        };
        // One that is whole by now goes out whole.
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        let (parts, body) = response.into_parts();
        let body = body.into_data_stream().take_until(self.0);
        Response::from_parts(parts, Body::from_stream(body))
    }
}
