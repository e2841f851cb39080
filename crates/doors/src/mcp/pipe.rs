//! The hub's end of `kapelle mcp`: one HTTP connection, upgraded, that carries JSON-RPC lines.
//!
//! The guard has seen token, Host and Origin before. From there on it is the same server as over HTTP; only
//! the caller is narrower, and named after its client.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rmcp::ServiceExt as _;
use rmcp::transport::async_rw::AsyncRwTransport;
use serde::Deserialize;
use wire::{Code, Problem};

use super::Mcp;
use super::server::{Server, Who};
use crate::calls::query_of;
use crate::guard::bearer;
use crate::limits;
use crate::problem::Answer;

/// The protocol's name in `Upgrade`.
pub const UPGRADE: &str = "kapelle-mcp";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PipeQuery {
    app: Option<String>,
}

/// `GET /mcp/stdio?app=`
pub(crate) async fn open(
    State(mcp): State<Arc<Mcp>>,
    query: Result<Query<PipeQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Answer<Response> {
    let asked = request
        .headers()
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    if !asked.is_some_and(|name| name.eq_ignore_ascii_case(UPGRADE)) {
        let problem = Problem::new(
            Code::ROUTE_UNKNOWN,
            "This route is the hub's end of a pipe.",
        );
        return Err(problem
            .hint("MCP over HTTP is at /mcp; `kapelle mcp` speaks it on stdio.")
            .into());
    }
    // The guard has found it good.
    let token = bearer(request.headers()).unwrap_or_default().to_owned();
    let app = query_of(query)?
        .app
        .map(|app| mcp.known(&app))
        .transpose()?;
    let Ok(place) = Arc::clone(&mcp.pipes).try_acquire_owned() else {
        let problem = Problem::new(
            Code::QUEUE_FULL,
            format!(
                "{} pipes are already open, the most there can be.",
                limits::MCP_PIPES_MAX
            ),
        );
        return Err(problem
            .hint("Close clients that are no longer in use.")
            .into());
    };
    let server = Server::new(Arc::clone(&mcp), app, Who::Pipe(token.into()));
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(connection) => serve(&mcp, server, connection).await,
            Err(error) => tracing::debug!(%error, "a pipe was not opened"),
        }
        drop(place);
    });
    let headers = [(header::UPGRADE, UPGRADE), (header::CONNECTION, "upgrade")];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

async fn serve(mcp: &Mcp, server: Server, connection: Upgraded) {
    let (read, write) = tokio::io::split(TokioIo::new(connection));
    let transport =
        AsyncRwTransport::new_server(read, write).with_max_line_length(limits::BODY_BYTES_MAX);
    let ending = mcp.ending.child_token();
    match server.serve_with_ct(transport, ending).await {
        Ok(running) => {
            running.waiting().await.ok();
        }
        Err(error) => tracing::debug!(%error, "a pipe's client did not begin as the protocol says"),
    }
}
