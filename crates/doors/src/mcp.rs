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
//! | [`tools`], [`typed`] | the stable tools; an app's commands as tools |
//! | [`work`], [`target`], [`confirm`], [`progress`] | a call from the asking to the answer |
//! | [`answer`], [`cut`], [`images`] | what an answer says, and what it leaves out |
//! | [`resources`], [`prompts`], [`listening`] | what can be read, and who is told of changes |
//! | [`sessions`], [`pipe`] | the older protocol's sessions with their bound; the connection of a pipe |

mod answer;
mod asking;
mod confirm;
mod cut;
mod fixtures;
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
mod target;
mod tasks;
mod tools;
mod typed;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hub::Hub;
use hub::callers::Caller;
use hub::shares::{Bound, Shares};
use rmcp::model::RequestStateCodec;
use rmcp::task_manager::TaskManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use wire::{AppId, CallerId, Code, Problem};

use crate::bodies::Bodies;
use crate::calls::body_too_large;
use crate::limits;
use crate::problem::{Answer, Refused};
use crate::texts::{self, Form};

pub use pipe::UPGRADE;

use fixtures::Fixtures;
use server::{Server, Who};
use sessions::Sessions;

type HttpService = StreamableHttpService<Server, Sessions>;

/// The stable tools and those of these commands, as clients list them: for the tests of the whole tree.
#[must_use]
pub fn listed(specs: &[wire::CommandSpec]) -> Vec<serde_json::Value> {
    let typed = specs.iter().map(typed::tool);
    let all = tools::list().iter().cloned().chain(typed);
    all.map(|tool| serde_json::json!(tool)).collect()
}

/// How this door is set up.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub pace: Pace,
    /// Tools, resources and prompts that the official conformance suite looks for.
    pub conformance_fixtures: bool,
}

/// How long a client waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After this an answer says that the call goes on: clients give up at a minute.
    pub answer_within: Duration,
    /// After this a client that knows tasks gets one. Shorter calls are cheaper without.
    pub task_after: Duration,
    /// How often a client that wants progress hears something when there is nothing new.
    pub heartbeat: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answer_within: limits::WAIT_MAX,
            task_after: Duration::from_secs(5),
            heartbeat: Duration::from_secs(10),
        }
    }
}

/// What all requests of this door share.
pub(crate) struct Mcp {
    pub(crate) hub: Hub,
    pub(crate) pace: Pace,
    sessions: Arc<Sessions>,
    /// Seals what a client carries from one round to the next. Its key lives as long as the hub.
    seal: RequestStateCodec,
    /// Of the fixtures; the hub's own tasks are its calls.
    fixture_tasks: TaskManager,
    fixtures: Option<Fixtures>,
    /// One service for `/mcp` and one for each app that was asked for.
    services: Mutex<HashMap<Option<AppId>, HttpService>>,
    pipes: Arc<Shares>,
    bodies: Bodies,
    ending: CancellationToken,
}

impl Mcp {
    /// # Errors
    /// `internal` when the machine gives no random bytes or a fixture does not fit the protocol.
    pub(crate) fn new(hub: Hub, settings: &Settings, bodies: Bodies) -> Result<Arc<Self>, Problem> {
        let fault =
            |what: String| Problem::new(Code::INTERNAL, format!("MCP cannot start: {what}."));
        let mut key = [0_u8; limits::SEAL_KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| fault(error.to_string()))?;
        let fixture_tasks = TaskManager::new();
        let fixtures = match settings.conformance_fixtures {
            true => Some(Fixtures::new(fixture_tasks.clone()).map_err(fault)?),
            false => None,
        };
        Ok(Arc::new(Self {
            hub,
            pace: settings.pace,
            sessions: Arc::new(Sessions::default()),
            seal: RequestStateCodec::try_new(key).map_err(|error| fault(error.to_string()))?,
            fixture_tasks,
            fixtures,
            services: Mutex::default(),
            pipes: Shares::new(Bound {
                all: limits::MCP_PIPES_MAX,
                each: limits::MCP_CALLER_PIPES_MAX,
                kept: limits::MCP_PIPES_KEPT,
            }),
            bodies,
            ending: CancellationToken::new(),
        }))
    }

    /// Ends sessions with the tokens that they belong to, and sessions and pipes when the hub stops.
    pub(crate) async fn end_with_hub(self: Arc<Self>) {
        let mut changes = self.hub.rights_changes();
        loop {
            tokio::select! {
                () = self.hub.stopping() => break,
                changed = changes.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let is_known = |owner: &CallerId| self.hub.is_known(owner);
                    self.sessions.end_unknown(is_known).await;
                }
            }
        }
        self.ending.cancel();
    }

    fn service(self: &Arc<Self>, app: Option<AppId>) -> HttpService {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let made = services.entry(app.clone()).or_insert_with(|| {
            let mcp = Arc::clone(self);
            // Host and Origin are the guard's; it knows the port as well.
            let config = StreamableHttpServerConfig::default()
                .disable_allowed_hosts()
                .disable_allowed_origins()
                .with_max_request_body_bytes(limits::BODY_BYTES_MAX)
                .with_cancellation_token(self.ending.clone());
            let make = move || Ok(Server::new(Arc::clone(&mcp), app.clone(), Who::Requests));
            StreamableHttpService::new(make, Arc::clone(&self.sessions), config)
        });
        made.clone()
    }

    /// # Errors
    /// `app_unknown`.
    fn known(&self, app: &str) -> Result<AppId, Problem> {
        let app = AppId::from(app);
        self.hub.commands(&app)?;
        Ok(app)
    }
}

/// The routes of this door; the guard stands before them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(mcp: Arc<Mcp>) -> Router<S> {
    Router::new()
        .route("/mcp", any(all))
        .route("/mcp/stdio", get(pipe::open))
        .route("/mcp/{app}", any(of_app))
        .with_state(mcp)
}

async fn all(
    State(mcp): State<Arc<Mcp>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    pass(&mcp, None, &caller, request).await
}

async fn of_app(
    State(mcp): State<Arc<Mcp>>,
    Extension(caller): Extension<Caller>,
    Path(app): Path<String>,
    request: Request,
) -> Answer {
    let app = mcp.known(&app)?;
    pass(&mcp, Some(app), &caller, request).await
}

async fn pass(
    mcp: &Arc<Mcp>,
    app: Option<AppId>,
    caller: &Caller,
    request: Request,
) -> Answer<Response> {
    if let Some(id) = request
        .headers()
        .get("mcp-session-id")
        .and_then(|id| id.to_str().ok())
        && !mcp.sessions.may_use(id, caller)
    {
        let problem = Problem::new(Code::ROUTE_UNKNOWN, "There is no session with that id.");
        return Err(Refused(problem.hint(
            "Start a new session: send `initialize` without a session id.",
        )));
    }
    let request = checked(request).await?;
    let answered = sessions::in_the_name_of(caller, mcp.service(app).handle(request)).await;
    let Some(response) = answered else {
        let problem = Problem::new(
            Code::QUEUE_FULL,
            "There is no room for another MCP session: those that could make room are in the middle of a request.",
        );
        return Err(Refused(problem.hint(
            "End some of yours (DELETE /mcp with their ids), or ask again in a moment.",
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
                format!("The body did not arrive whole: {error}."),
            ),
        })?
        .to_bytes();
    hub::aside(body.len(), || texts::check(Form::Mcp, &body))?;
    Ok(Request::from_parts(parts, Body::from(body)))
}
