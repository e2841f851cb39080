//! A request's body as it comes: in time, and to its end.
//!
//! In comes a request's body; out goes the same body, for every route. It must come at a pace: whoever sends less is told
//! `body_late`, so that half a body holds nothing for long. The time that counts is the time that its reader waits for
//! it; a slow disk of ours is not its sender's fault.
//!
//! When its reader drops it half read, the rest is read and thrown away until it ends or [`limits::LINGER`] has passed.
//! Without this the connection would be reset while the client still sends, and the client would see a broken
//! pipe instead of the problem that says why.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::Stream;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep};
use wire::{Code, Problem};

use crate::limits;
use crate::problem::Refused;

/// For every route.
pub(crate) async fn linger(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let is_late = Arc::new(OnceLock::new());
    let heard = |body: Body| {
        Body::from_stream(Heard {
            body: Some(body.into_data_stream()),
            bytes: 0,
            waited: Duration::ZERO,
            waiting: None,
            is_late: Arc::clone(&is_late),
        })
    };
    let response = next.run(request.map(heard)).await;
    match is_late.get() {
        // Whatever the route made of half a body.
        Some(()) => Refused(late()).into_response(),
        None => response,
    }
}

fn late() -> Problem {
    Problem::new(
        Code::BODY_LATE,
        format!(
            "The body arrived at less than {} bytes per second.",
            limits::BODY_BYTES_PER_SECOND_MIN
        ),
    )
    .hint("Send it again without pausing. Nothing has run.")
}

struct Heard {
    /// Nothing once it is over.
    body: Option<BodyDataStream>,
    bytes: u64,
    /// How long its reader has waited for it.
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    is_late: Arc<OnceLock<()>>,
}

impl Heard {
    /// How long its reader waits from now on, at most.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.bytes / limits::BODY_BYTES_PER_SECOND_MIN);
        (limits::BODY_GRACE + earned).saturating_sub(self.waited)
    }
}

impl Stream for Heard {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = body.poll_next_unpin(context);
        if polled.is_pending() {
            let patience = self.patience();
            let (_, timer) = self
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(patience))));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.is_late.set(()).ok();
            self.body = None;
            return Poll::Ready(Some(Err(axum::Error::new(late()))));
        }
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        match &polled {
            Poll::Ready(Some(Ok(piece))) => self.bytes += piece.len() as u64,
            _ => self.body = None,
        }
        polled
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take() else {
            return;
        };
        // Most bodies are there already, and many are read to their end without being asked for it.
        while let Some(piece) = body.next().now_or_never() {
            if !matches!(piece, Some(Ok(_))) {
                return;
            }
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let rest = async { while let Some(Ok(_)) = body.next().await {} };
                tokio::time::timeout(limits::LINGER, rest).await.ok();
            });
        }
    }
}
