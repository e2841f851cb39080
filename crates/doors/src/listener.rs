//! The HTTP port: connections in, each served to its end by a task of its own.
//!
//! In comes a listener and the routes; it ends when the hub stops. Whether a connection has a place and how long it may be
//! silent is the business of [`crate::connection`]; what a request says, of the routes. It reads no token.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;

use crate::connection::{Connection, Connections, Io};
use crate::limits;

/// Serves until `stopping`; then open connections end with the answer that is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Arc<Connections>,
    stopping: CancellationToken,
) {
    let serving = TaskTracker::new();
    while let Some(stream) = next(&listener, &stopping).await {
        let connection = tokio::select! {
            connection = connections.admit() => connection,
            () = stopping.cancelled() => break,
        };
        let router = router.clone();
        serving.spawn(one(stream, connection, router, stopping.clone()));
    }
    drop(listener);
    serving.close();
    serving.wait().await;
}

/// The next connection; nothing when the hub stops.
async fn next(listener: &TcpListener, stopping: &CancellationToken) -> Option<TcpStream> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => return None,
        };
        match accepted {
            Ok((stream, _)) => return Some(stream),
            Err(error) => {
                // Out of descriptors, say: wait a little instead of spinning.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(limits::ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn one(
    stream: TcpStream,
    connection: Arc<Connection>,
    router: Router,
    stopping: CancellationToken,
) {
    prepare(&stream);
    let routes = Routes {
        router,
        connection: Arc::clone(&connection),
    };
    let io = TokioIo::new(Io::new(stream, connection));
    let serving = http1::Builder::new()
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .timer(TimeLimitsAreOurs)
        .header_read_timeout(limits::IDLE_MAX)
        .serve_connection(io, routes)
        .with_upgrades();
    tokio::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stopping.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended");
    }
}

/// A timer that never fires. With one, hyper asks an idle connection for more at once after an answer; so [`Io`] can keep
/// time, which tells an idle connection from a head that does not come, and a stranger from a caller.
#[derive(Clone, Debug)]
struct TimeLimitsAreOurs;

struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {}

impl Timer for TimeLimitsAreOurs {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }

    fn reset(&self, _: &mut Pin<Box<dyn Sleep>>, _: Instant) {}
}

fn prepare(stream: &TcpStream) {
    // Without it small answers wait for an acknowledgement, some 40 ms each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
}

/// The routes, for the requests of one connection.
struct Routes {
    router: Router,
    connection: Arc<Connection>,
}

impl Service<Request<Incoming>> for Routes {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.connection.head_came();
        let mut request = request.map(Body::new);
        request
            .extensions_mut()
            .insert(Arc::clone(&self.connection));
        let answering = self.router.clone().call(request);
        let connection = Arc::clone(&self.connection);
        Box::pin(async move {
            let response = answering.await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                connection.is_upgraded();
            }
            if is_of_events(&response) {
                connection.tells_events();
            }
            Ok(response.map(|body| Answer { body, connection }))
        })
    }
}

fn is_of_events(response: &Response<Body>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// The body of an answer; with its end the connection is idle again.
pub(crate) struct Answer {
    body: Body,
    connection: Arc<Connection>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.is_answered();
    }
}
