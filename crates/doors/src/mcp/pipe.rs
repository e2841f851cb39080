//! The hub's end of `kapelle mcp`: one HTTP connection, upgraded, that carries JSON-RPC lines.
//!
//! The guard has seen token, Host and Origin before. From there on it is the same server as over HTTP; only
//! the caller is narrower, and named after its client.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hub::callers::Caller;
use hub::shares::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::{ErrorData, RoleServer, ServiceExt as _};
use serde::Deserialize;
use tokio::io::{AsyncRead, ReadBuf, ReadHalf};
use wire::{Code, Problem};

use super::Mcp;
use super::server::{Server, Who};
use crate::connection::Connection;
use crate::limits;
use crate::problem::Answer;
use crate::proof::{Proof, bearer};
use crate::reading::query_of;
use crate::texts::{self, Form};

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
    Extension(caller): Extension<Caller>,
    Extension(proof): Extension<Proof>,
    connection: Option<Extension<Arc<Connection>>>,
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
    let place = mcp.pipes.take(&caller, 1).map_err(|full| {
        let count = match full {
            Full::Own => limits::MCP_CALLER_PIPES_MAX,
            Full::All => limits::MCP_PIPES_MAX - limits::MCP_PIPES_KEPT,
        };
        Problem::new(
            Code::QUEUE_FULL,
            format!("{count} pipes are already open, the most there can be."),
        )
        .hint("Close clients that are no longer in use.")
    })?;
    if let Some(Extension(connection)) = &connection {
        connection.carries(mcp.bodies.part(&caller));
    }
    let server = Server::new(Arc::clone(&mcp), app, Who::Pipe(token.into()));
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => {
                let connection = connection.map(|Extension(connection)| connection);
                tokio::select! {
                    () = serve(&mcp, server, upgraded, connection) => {}
                    problem = proof.lost(&mcp.hub, &caller) => {
                        tracing::debug!(%problem, caller = %caller.name, "a pipe ends");
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "a pipe was not opened"),
        }
        drop(place);
    });
    let headers = [(header::UPGRADE, UPGRADE), (header::CONNECTION, "upgrade")];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

async fn serve(mcp: &Mcp, server: Server, upgraded: Upgraded, connection: Option<Arc<Connection>>) {
    let (read, write) = tokio::io::split(TokioIo::new(upgraded));
    let read = Lines { read, connection };
    let transport =
        AsyncRwTransport::new_server(read, write).with_max_line_length(limits::BODY_BYTES_MAX);
    let transport = Checked(transport);
    let ending = mcp.ending.child_token();
    match server.serve_with_ct(transport, ending).await {
        Ok(running) => {
            running.waiting().await.ok();
        }
        Err(error) => tracing::debug!(%error, "a pipe's client did not begin as the protocol says"),
    }
}

/// What comes, with the ends of its lines told to the connection, which counts the bytes of lines that are not whole.
struct Lines {
    read: ReadHalf<TokioIo<Upgraded>>,
    connection: Option<Arc<Connection>>,
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.read).poll_read(context, buffer);
        if let Some(connection) = &self.connection
            && buffer.filled()[before..].contains(&b'\n')
        {
            connection.message_came();
        }
        polled
    }
}

/// Messages whose texts are in bounds; the others are answered here.
struct Checked<T>(T);

impl<T: Transport<RoleServer>> Transport<RoleServer> for Checked<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        self.0.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let message = self.0.receive().await?;
            let written = serde_json::to_vec(&message).unwrap_or_default();
            let Err(problem) = texts::check(Form::Mcp, &written) else {
                return Some(message);
            };
            tracing::debug!(%problem, "a message of a pipe is refused");
            if let JsonRpcMessage::Request(request) = message {
                let error = ErrorData::invalid_params(problem.message, None);
                let refusal = JsonRpcMessage::error(error, Some(request.id));
                self.0.send(refusal).await.ok();
            }
        }
    }

    async fn close(&mut self) -> Result<(), T::Error> {
        self.0.close().await
    }
}
