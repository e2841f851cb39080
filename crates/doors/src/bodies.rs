//! What large bodies hold while they are in flight: of one caller, and in all.
//!
//! In comes a request whose caller is known; its body's bytes count from their announcement to the answer, as much as
//! they are in memory. Where there is no room the request is refused before its body is read, with the time after which to
//! try again. Small bodies count nothing: each connection has room for one. A large answer counts in the same way
//! until its reader has it. Blobs are no bodies: they go to disk as they come ([`crate::blobs`]).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::Stream;
use hub::callers::Caller;
use hub::shares::{Bound, Full, Share, Shares};
use wire::{Code, Problem};

use crate::limits;
use crate::problem::Refused;

/// The bounds of one hub's doors.
#[derive(Clone)]
pub(crate) struct Bodies {
    coming: Arc<Shares>,
    going: Arc<Shares>,
}

impl Default for Bodies {
    fn default() -> Self {
        let bound = Bound {
            all: limits::BODIES_BYTES_MAX,
            each: limits::CALLER_BODIES_BYTES_MAX,
            kept: limits::BODIES_BYTES_KEPT,
        };
        Self {
            coming: Shares::new(bound),
            going: Shares::new(bound),
        }
    }
}

impl Bodies {
    /// Serves a request within the bounds.
    pub(crate) async fn pass(&self, caller: &Caller, request: Request, next: Next) -> Response {
        let is_question = request.method().is_safe();
        let (share, request) = match self.weighed(caller, request) {
            Ok(weighed) => weighed,
            Err(problem) => return Refused(problem).into_response(),
        };
        let response = next.run(request).await;
        if let Some(full) = share.as_ref().and_then(Coming::refused) {
            return Refused(no_room(full)).into_response();
        }
        drop(share);
        self.answered(caller, response, is_question)
    }

    /// The bytes of a message that is in flight over a connection which is no HTTP any more.
    pub(crate) fn part(&self, caller: &Caller) -> Share {
        // Nothing is always there.
        self.coming.nothing(caller)
    }

    fn weighed(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<(Option<Coming>, Request), Problem> {
        let announced = |name| request.headers().get(name);
        let Some(length) = announced(header::CONTENT_LENGTH) else {
            return Ok(match announced(header::TRANSFER_ENCODING) {
                Some(_) => {
                    let coming = Coming::of(self.coming.nothing(caller));
                    let request = request.map(|body| coming.weigh(body));
                    (Some(coming), request)
                }
                None => (None, request),
            });
        };
        // hyper has read it already.
        let bytes: u64 = length
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let is_refused_anyway = bytes > limits::BODY_BYTES_MAX as u64;
        if bytes <= limits::BODY_SMALL_BYTES || is_refused_anyway {
            return Ok((None, request));
        }
        let share = self.coming.take(caller, bytes).map_err(no_room)?;
        Ok((Some(Coming::of(share)), request))
    }

    fn answered(&self, caller: &Caller, response: Response, is_question: bool) -> Response {
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        if bytes <= limits::BODY_SMALL_BYTES {
            return response;
        }
        match self.going.take(caller, bytes) {
            Ok(share) => response.map(|body| {
                Body::new(Going {
                    body,
                    _share: share,
                })
            }),
            Err(full) => {
                let mut problem = not_taken(full);
                // What was asked for has been done: to ask again is to do it again.
                problem.retryable = is_question;
                Refused(problem).into_response()
            }
        }
    }
}

/// What the body of a request holds.
#[derive(Clone)]
struct Coming(Arc<Mutex<(Share, Option<Full>)>>);

impl Coming {
    fn of(share: Share) -> Self {
        Self(Arc::new(Mutex::new((share, None))))
    }

    /// The body, each piece of which counts.
    fn weigh(&self, body: Body) -> Body {
        Body::from_stream(Weighed {
            coming: self.clone(),
            bytes: 0,
            body: Some(body.into_data_stream()),
        })
    }

    fn grow(&self, bytes: u64) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = held.0.grow(bytes);
        held.1 = grown.err().or(held.1);
        grown.is_ok()
    }

    /// Why the body was not heard to its end, if so.
    fn refused(&self) -> Option<Full> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// A body that does not say how long it is.
struct Weighed {
    coming: Coming,
    bytes: u64,
    body: Option<BodyDataStream>,
}

impl Stream for Weighed {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = body.poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            let more = piece.len() as u64;
            self.bytes += more;
            // From the first byte on when it is no small one.
            let due = match self.bytes - more <= limits::BODY_SMALL_BYTES {
                true if self.bytes <= limits::BODY_SMALL_BYTES => 0,
                true => self.bytes,
                false => more,
            };
            if !self.coming.grow(due) {
                self.body = None;
                let full = std::io::Error::other("too many bytes are in flight");
                return Poll::Ready(Some(Err(axum::Error::new(full))));
            }
        }
        polled
    }
}

/// An answer that its reader has not taken yet.
struct Going {
    body: Body,
    _share: Share,
}

impl axum::body::HttpBody for Going {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

fn no_room(full: Full) -> Problem {
    let (whose, bytes) = bound_of(full);
    Problem::new(
        Code::RATE_LIMITED,
        format!("The request bodies {whose} in flight would exceed {bytes} bytes."),
    )
    .hint("Send them one after another; send large values as blobs (PUT /v1/blobs).")
}

fn not_taken(full: Full) -> Problem {
    let (whose, bytes) = bound_of(full);
    Problem::new(
        Code::RATE_LIMITED,
        format!("The answers {whose} in flight would exceed {bytes} bytes."),
    )
    .hint("Read the pending ones first. The call itself has run: find it with GET /v1/calls.")
}

fn bound_of(full: Full) -> (&'static str, u64) {
    match full {
        Full::Own => ("this caller has", limits::CALLER_BODIES_BYTES_MAX),
        Full::All => (
            "all callers have",
            limits::BODIES_BYTES_MAX - limits::BODIES_BYTES_KEPT,
        ),
    }
}
