//! The bytes of one connection, with its time limits: for the head of a request, for an idle connection, and for a
//! reader that takes nothing.
//!
//! It is the TCP stream for hyper and for whoever takes an upgraded connection over. Timers are set only while
//! nothing moves, and moved only when they fire, so that a lively connection pays for none.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Connection;
use crate::limits;

/// Why a message that is in flight is not heard to its end.
pub(crate) const OVER_ITS_SHARE: &str = "too many bytes of messages are in flight";

pub(crate) struct Io {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// While nothing comes.
    quiet: Option<Pin<Box<Sleep>>>,
    /// While nothing can be written.
    stalled: Option<Pin<Box<Sleep>>>,
    stalled_since: Option<Instant>,
    is_narrow: bool,
}

impl Io {
    pub(crate) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self {
            stream,
            connection,
            quiet: None,
            stalled: None,
            stalled_since: None,
            is_narrow: false,
        }
    }

    /// What a reader of events does not take waits in our bounds and not in megabytes of the system's for each: there it
    /// would only be older.
    fn be_narrow(&mut self) {
        if self.is_narrow || !self.connection.is_stream.load(Ordering::Acquire) {
            return;
        }
        self.is_narrow = true;
        #[cfg(target_os = "linux")]
        if let Err(error) =
            socket2::SockRef::from(&self.stream).set_tcp_notsent_lowat(limits::UNSENT_BYTES_MAX)
        {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT cannot be set");
        }
    }

    /// Nothing has come: whether that has gone on for too long, or another one needs the place.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.connection.poll_out(context).is_ready() {
            return Poll::Ready(ErrorKind::ConnectionAborted.into());
        }
        // It changes when a request begins and ends.
        while let Some(deadline) = self.connection.deadline() {
            ready!(poll_until(&mut self.quiet, deadline, context));
            if self.connection.deadline() == Some(deadline) {
                return Poll::Ready(ErrorKind::TimedOut.into());
            }
        }
        Poll::Pending
    }

    fn written(
        &mut self,
        polled: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.stalled_since = None;
            return polled;
        }
        if self.connection.poll_out(context).is_ready() {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        let deadline = since + limits::READER_STALLED_MAX;
        ready!(poll_until(&mut self.stalled, deadline, context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

/// Ready when it is that late. A timer that is set for an earlier time is moved when it fires.
fn poll_until(
    timer: &mut Option<Pin<Box<Sleep>>>,
    deadline: Instant,
    context: &mut Context<'_>,
) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
    if timer.deadline() > deadline {
        timer.as_mut().reset(deadline);
    }
    while timer.as_mut().poll(context).is_ready() {
        if timer.deadline() >= deadline {
            return Poll::Ready(());
        }
        timer.as_mut().reset(deadline);
    }
    Poll::Pending
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            return self.poll_over(context).map(Err);
        }
        let bytes = buffer.filled().len() - before;
        if bytes > 0 && !self.connection.hears(bytes as u64) {
            return Poll::Ready(Err(io::Error::other(OVER_ITS_SHARE)));
        }
        polled
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.be_narrow();
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.be_narrow();
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        self.connection.is_closed();
    }
}
