//! The HTTP door: its routes, its listener, its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router, middleware};
use hub::Hub;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wire::{Code, Problem};

use crate::bodies::Bodies;
use crate::connection::{Connections, Room};
use crate::door::Door;
use crate::mcp::Mcp;
use crate::problem::Refused;
use crate::sockets::Sockets;
use crate::upload::Uploads;
use crate::{
    batches, blobs, calls, dashboard, envelope, events, guard, instances, jobs, limits, linger,
    listener, mcp, openapi, page, stream, tokens, ws,
};

/// How the doors are set up.
#[derive(Clone, Default)]
pub struct Settings {
    pub mcp: mcp::Settings,
    pub room: Room,
}

/// All routes of the hub, for the address that it is reached at.
///
/// # Errors
/// `internal` when a door cannot be made.
fn routes(
    hub: Hub,
    address: SocketAddr,
    settings: &Settings,
    sockets: Sockets,
) -> Result<Router, Problem> {
    let bodies = Bodies::default();
    let mcp = Mcp::new(hub.clone(), &settings.mcp, bodies.clone())?;
    tokio::spawn(Arc::clone(&mcp).end_with_hub());
    let door = Door {
        hub,
        address,
        sockets,
        bodies,
        uploads: Uploads::default(),
        started: Instant::now(),
    };
    let with_token = Router::new()
        .route(
            "/v1/calls",
            post(calls::ask).get(calls::history).delete(calls::purge),
        )
        .route("/v1/calls/{id}", get(calls::show).delete(calls::cancel))
        .route("/v1/calls/{id}/events", get(stream::follow))
        .route("/v1/calls/{id}/picture", get(blobs::picture_of_call))
        .route("/v1/envelope", post(envelope::door::ask))
        .route("/v1/batches", post(batches::ask))
        .route("/v1/batches/{id}", get(batches::show))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/queue", post(jobs::queue))
        .route(
            "/v1/jobs/{id}",
            get(jobs::show).patch(jobs::change).delete(jobs::cancel),
        )
        .route("/v1/events", get(events::feed))
        .route("/v1/apps", get(instances::apps))
        .route("/v1/apps/{app}/commands", get(instances::commands))
        .route("/v1/apps/{app}/commands/{name}", get(instances::command))
        .route(
            "/v1/apps/{app}/programs",
            get(instances::programs).post(instances::install),
        )
        .route("/v1/find", get(instances::find))
        .route("/v1/instances", get(instances::list).post(instances::start))
        .route(
            "/v1/instances/{name}",
            get(instances::show).delete(instances::stop),
        )
        .route(
            "/v1/instances/{name}/state",
            get(instances::state).patch(instances::update_state),
        )
        .route("/v1/instances/{name}/picture", get(instances::picture))
        .route("/v1/recovery", get(instances::recovery))
        .route("/v1/tokens", get(tokens::list).post(tokens::create))
        .route(
            "/v1/tokens/{name}",
            delete(tokens::revoke).patch(tokens::change),
        )
        .route("/v1/dashboard/links", post(dashboard::make_link))
        .route(
            "/v1/dashboard/session",
            get(dashboard::who).delete(dashboard::sign_out),
        )
        .route("/v1/stop", post(stop))
        .route("/openapi.json", get(document))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
        // Blobs have a bound of their own, kept while they stream to disk.
        .merge(
            Router::new()
                .route("/v1/blobs", put(blobs::store))
                .route("/v1/blobs/{name}", get(blobs::fetch))
                .layer(DefaultBodyLimit::disable()),
        )
        // MCP keeps the bound of a body by itself.
        .merge(mcp::routes(mcp))
        .layer(middleware::from_fn_with_state(door.clone(), guard::token));
    Ok(Router::new()
        .route("/healthz", get(health))
        // Its token may come in the first frame.
        .route("/v1/ws", get(ws::open))
        .route("/v1/ws/envelope", get(ws::open_enveloped))
        // The page itself holds nothing that is anybody's.
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        // Its secret comes in the body.
        .route("/v1/dashboard/session", post(dashboard::sign_in))
        .merge(with_token)
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .layer(middleware::from_fn_with_state(
            door.clone(),
            guard::nearness,
        ))
        .layer(middleware::from_fn(linger::linger))
        .with_state(door))
}

/// Serves `listener` until the hub stops.
///
/// # Errors
/// What the listener says.
pub async fn serve(hub: Hub, listener: TcpListener) -> std::io::Result<()> {
    serve_with(hub, listener, Settings::default()).await
}

/// As [`serve`], with settings.
///
/// # Errors
/// What the listener says.
pub async fn serve_with(
    hub: Hub,
    listener: TcpListener,
    settings: Settings,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let sockets = Sockets::default();
    let router =
        routes(hub.clone(), address, &settings, sockets.clone()).map_err(std::io::Error::other)?;
    let stopping = CancellationToken::new();
    // Those that wait for it when this is given up are told too.
    let _told = stopping.clone().drop_guard();
    let connections = Connections::new(settings.room);
    let serving = listener::serve(listener, router, connections, stopping.clone());
    let deadline = async {
        hub.stopping().await;
        stopping.cancel();
        tokio::time::sleep(limits::DRAIN).await;
    };
    tokio::select! {
        () = serving => {}
        () = deadline => {}
    }
    // They are no connections of HTTP any more.
    tokio::time::timeout(limits::DRAIN, sockets.ended())
        .await
        .ok();
    Ok(())
}

async fn health(State(door): State<Door>) -> Json<Value> {
    let uptime_ms = u64::try_from(door.started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptime_ms": uptime_ms,
        "disk_full": door.hub.is_disk_full(),
    }))
}

async fn stop(
    State(door): State<Door>,
    axum::Extension(caller): axum::Extension<hub::callers::Caller>,
) -> Result<Response, Refused> {
    door.hub.may_stop(&caller)?;
    door.hub.begin_stop();
    Ok((StatusCode::ACCEPTED, Json(json!({"stopping": true}))).into_response())
}

async fn document(State(door): State<Door>) -> Json<Value> {
    let apps = door.hub.apps().into_iter().map(|(app, _)| {
        let specs = app.commands().map(|command| command.spec.clone()).collect();
        (app.id.clone(), specs)
    });
    Json(openapi::document(&apps.collect::<Vec<_>>()))
}

async fn no_route(request: axum::extract::Request) -> Refused {
    Refused(
        Problem::new(
            Code::ROUTE_UNKNOWN,
            format!("There is no {} {}.", request.method(), request.uri().path()),
        )
        .hint("GET /openapi.json lists the routes."),
    )
}
