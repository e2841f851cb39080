//! A refused request is heard to its end, for a while.
//!
//! In comes a request's body; out goes the same body. When its reader drops it half read, the rest is
//! read and thrown away until it ends or [`limits::LINGER`] has passed. Without this the connection
//! would be reset while the client still sends, and the client would see a broken pipe instead of the
//! problem that says why.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::Stream;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::runtime::Handle;

use crate::limits;

/// For every route.
pub(crate) async fn linger(request: Request, next: Next) -> Response {
    let heard = |body: Body| Body::from_stream(Heard(Some(body.into_data_stream())));
    next.run(request.map(heard)).await
}

/// A body that is not over; nothing once it is.
struct Heard(Option<BodyDataStream>);

impl Stream for Heard {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = body.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take() else {
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
