//! The MCP door: `/mcp` with a few stable tools, `/mcp/{app}` with an app's commands as tools, and
//! `/mcp/stdio`, the hub's end of `kapelle mcp`.
//!
//! In come JSON-RPC messages of both protocol eras (with a session until 2025-11-25, without one since
//! 2026-07-28); out go answers that suffice as text. Whoever asks has passed the guard already, so every
//! request carries its [`hub::callers::Caller`]. The protocol is `rmcp`'s; what a tool does is a call like
//! any other, and what the caller may do is decided where all calls are decided.
//!
//! | module | what it is |
//! |---|---|
//! | [`server`] | the protocol's methods, each handed to its room |
//! | [`addition`] | tools, resources and prompts beside the hub's own |
//! | [`tools`], [`typed`] | the stable tools; an app's commands as tools |
//! | [`work`], [`target`], [`confirm`], [`progress`] | a call from the asking to the answer |
//! | [`answer`], [`cut`], [`images`] | what an answer says, and what it leaves out |
//! | [`resources`], [`prompts`], [`listening`] | what can be read, and who is told of changes |
//! | [`sessions`], [`pipe`] | the older protocol's sessions with their bound; the connection of a pipe |

mod addition;
mod answer;
mod asking;
mod confirm;
mod cut;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod images;
mod listening;
mod pipe;
mod progress;
mod prompts;
mod resources;
mod schema;
mod server;
mod sessions;
mod shared;
mod target;
mod tasks;
mod tools;
mod typed;
mod uris;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hub::callers::Caller;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use wire::{AppId, Code, Problem};

use crate::limits;
use crate::problem::{Answer, Refused};
use crate::reading::body_too_large;
use crate::texts::{self, Form};

pub use addition::{Addition, Called};
pub use pipe::UPGRADE;
pub(crate) use shared::Mcp;
pub use shared::{Pace, Settings};

use server::{Server, Who};
use sessions::Sessions;

type HttpService = StreamableHttpService<Server, Sessions>;

/// The services of the protocol: one for `/mcp` and one for each app that was asked for.
struct Services {
    mcp: Arc<Mcp>,
    made: Mutex<HashMap<Option<AppId>, HttpService>>,
}

/// The stable tools and those of these commands, as clients list them: for the tests of the whole tree.
#[must_use]
pub fn listed(specs: &[wire::CommandSpec]) -> Vec<serde_json::Value> {
    let typed = specs.iter().map(typed::tool);
    let all = tools::list().iter().cloned().chain(typed);
    all.map(|tool| serde_json::json!(tool)).collect()
}

impl Services {
    fn of(&self, app: Option<AppId>) -> HttpService {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = all.entry(app.clone()).or_insert_with(|| {
            let mcp = Arc::clone(&self.mcp);
            // Host and Origin are the guard's; it knows the port as well.
            let config = StreamableHttpServerConfig::default()
                .disable_allowed_hosts()
                .disable_allowed_origins()
                .with_max_request_body_bytes(limits::BODY_BYTES_MAX)
                .with_cancellation_token(self.mcp.ending.clone());
            let make = move || Ok(Server::new(Arc::clone(&mcp), app.clone(), Who::Requests));
            StreamableHttpService::new(make, Arc::clone(&self.mcp.sessions), config)
        });
        made.clone()
    }
}

/// The routes of this door; the guard stands before them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(mcp: Arc<Mcp>) -> Router<S> {
    let pipe = Router::new()
        .route("/mcp/stdio", get(pipe::open))
        .with_state(Arc::clone(&mcp));
    let services = Services {
        mcp,
        made: Mutex::default(),
    };
    Router::new()
        .route("/mcp", any(all))
        .route("/mcp/{app}", any(of_app))
        .with_state(Arc::new(services))
        .merge(pipe)
}

async fn all(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    pass(&services, None, &caller, request).await
}

async fn of_app(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    Path(app): Path<String>,
    request: Request,
) -> Answer {
    let app = services.mcp.known(&app)?;
    pass(&services, Some(app), &caller, request).await
}

async fn pass(
    services: &Services,
    app: Option<AppId>,
    caller: &Caller,
    request: Request,
) -> Answer<Response> {
    if let Some(id) = request
        .headers()
        .get("mcp-session-id")
        .and_then(|id| id.to_str().ok())
        && !services.mcp.sessions.may_use(id, caller)
    {
        let problem = Problem::new(Code::ROUTE_UNKNOWN, "There is no session with that id.");
        return Err(Refused(problem.hint(
            "Start a new session: send `initialize` without a session id.",
        )));
    }
    let request = checked(request).await?;
    let answered = sessions::in_the_name_of(caller, services.of(app).handle(request)).await;
    let Some(response) = answered else {
        let problem = Problem::new(
            Code::QUEUE_FULL,
            "There is no room for another MCP session: every session that could be closed is in \
             the middle of a request.",
        );
        return Err(Refused(problem.hint(
            "End some of your own (DELETE /mcp with their ids), or try again in a moment.",
        )));
    };
    Ok(response.map(Body::new).into_response())
}

/// A request whose texts are in bounds.
async fn checked(request: Request) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, limits::BODY_BYTES_MAX).collect().await;
    let body = body
        .map_err(|error| match error.is::<LengthLimitError>() {
            true => body_too_large(),
            false => Problem::new(
                Code::BODY_MALFORMED,
                format!("The body was cut off: {error}."),
            ),
        })?
        .to_bytes();
    hub::aside(body.len(), || texts::check(Form::Mcp, &body))?;
    Ok(Request::from_parts(parts, Body::from(body)))
}
