//! The older protocol's sessions, with a bound: most clients begin one and never end it.
//!
//! It wraps the library's own manager. At a caller's bound its own session that was used least recently makes room,
//! idle ones first, and at the bound of all one of whoever has the most; one in the middle of a request is never taken.
//! A session belongs to the caller that began it, so that a leaked id is of no use to another token, and ends with the
//! token.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::http::request::Parts;
use futures_util::stream::Stream;
use hub::callers::Caller;
use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::server_side_http::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionError,
};
use rmcp::transport::streamable_http_server::session::{SessionId, SessionManager};
use tokio::time::Instant;
use wire::CallerId;

use crate::limits;

/// All sessions of this hub.
pub(crate) struct Sessions {
    inner: LocalSessionManager,
    known: Arc<Mutex<HashMap<SessionId, Known>>>,
}

struct Known {
    owner: Option<CallerId>,
    used: Instant,
    /// Open answers of requests.
    requests: usize,
    /// Open streams that only listen.
    listens: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(limits::MCP_SESSION_IDLE_MAX);
        Self {
            inner,
            known: Arc::default(),
        }
    }
}

impl Sessions {
    /// Whether this caller began the session. An unknown one is for the manager to refuse.
    pub(crate) fn may_use(&self, id: &str, caller: &Caller) -> bool {
        let known = self.known();
        let owner = known.get(id).and_then(|session| session.owner.as_ref());
        owner.is_none_or(|owner| *owner == caller.id)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SessionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the sessions of callers that are none any more.
    pub(crate) async fn end_unknown(&self, is_known: impl Fn(&CallerId) -> bool) {
        let gone: Vec<SessionId> = {
            let known = self.known();
            let of_nobody = known
                .iter()
                .filter(|(_, one)| one.owner.as_ref().is_some_and(|owner| !is_known(owner)));
            of_nobody.map(|(id, _)| Arc::clone(id)).collect()
        };
        for id in gone {
            self.close_session(&id).await.ok();
        }
    }

    fn is_full(&self) -> bool {
        self.known().len() >= limits::MCP_SESSIONS_ALL_MAX
    }

    /// The session that makes room for a new one: of whoever has the most that could. Nothing when all are in the middle
    /// of a request.
    fn leaving(&self) -> Option<SessionId> {
        let known = self.known();
        let mut counts: HashMap<&Option<CallerId>, usize> = HashMap::new();
        for session in known.values() {
            *counts.entry(&session.owner).or_default() += 1;
        }
        let idle = known.iter().filter(|(_, session)| session.requests == 0);
        idle.min_by_key(|(_, session)| {
            let count = counts.get(&session.owner).copied().unwrap_or_default();
            (Reverse(count), session.listens, session.used)
        })
        .map(|(id, _)| Arc::clone(id))
    }

    /// The session of that caller that makes room for this one of its own, if it has too many.
    fn surplus_of(&self, owner: &CallerId, but: &SessionId) -> Option<SessionId> {
        let known = self.known();
        let own = known
            .iter()
            .filter(|(_, one)| one.owner.as_ref() == Some(owner));
        let others = own.filter(|(id, _)| *id != but);
        let mut idle: Vec<_> = others.collect();
        if idle.len() < limits::MCP_SESSIONS_MAX {
            return None;
        }
        idle.retain(|(_, session)| session.requests == 0);
        idle.into_iter()
            .min_by_key(|(_, session)| (session.listens, session.used))
            .map(|(id, _)| Arc::clone(id))
    }

    fn open(&self, id: &SessionId, is_request: bool) -> Open {
        if let Some(session) = self.known().get_mut(id) {
            session.used = Instant::now();
            *session.count(is_request) += 1;
        }
        Open {
            known: Arc::clone(&self.known),
            id: Arc::clone(id),
            is_request,
        }
    }
}

impl Known {
    fn count(&mut self, is_request: bool) -> &mut usize {
        if is_request {
            &mut self.requests
        } else {
            &mut self.listens
        }
    }
}

/// Counts an open stream until it is dropped.
struct Open {
    known: Arc<Mutex<HashMap<SessionId, Known>>>,
    id: SessionId,
    is_request: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = known.get_mut(&self.id) {
            session.used = Instant::now();
            let count = session.count(self.is_request);
            *count = count.saturating_sub(1);
        }
    }
}

struct Counted<S> {
    stream: Pin<Box<S>>,
    _open: Open,
}

impl<S: Stream> Stream for Counted<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

type Failed = LocalSessionManagerError;

impl SessionManager for Sessions {
    type Error = Failed;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Failed> {
        while self.is_full() {
            let Some(id) = self.leaving() else {
                let full = std::io::Error::other("every MCP session is in the middle of a request");
                return Err(SessionError::Io(full).into());
            };
            tracing::debug!(session = %id, "an idle MCP session makes room");
            self.close_session(&id).await?;
        }
        let (id, transport) = self.inner.create_session().await?;
        let fresh = Known {
            owner: None,
            used: Instant::now(),
            requests: 0,
            listens: 0,
        };
        self.known().insert(Arc::clone(&id), fresh);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Failed> {
        let owner = caller_of(&message);
        if let Some(session) = self.known().get_mut(id) {
            session.owner.clone_from(&owner);
        }
        let surplus = owner.and_then(|owner| self.surplus_of(&owner, id));
        if let Some(surplus) = surplus {
            tracing::debug!(session = %surplus, "an idle MCP session of the same caller makes room");
            self.close_session(&surplus).await?;
        }
        let _open = self.open(id, true);
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Failed> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Failed> {
        self.known().remove(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Failed> {
        let open = self.open(id, true);
        let stream = self.inner.create_stream(id, message).await?;
        Ok(counted(stream, open))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Failed> {
        let _open = self.open(id, true);
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Failed> {
        let open = self.open(id, false);
        let stream = self.inner.create_standalone_stream(id).await?;
        Ok(counted(stream, open))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Failed> {
        let open = self.open(id, false);
        let stream = self.inner.resume(id, last_event_id).await?;
        Ok(counted(stream, open))
    }
}

fn counted<S: Stream>(stream: S, open: Open) -> Counted<S> {
    Counted {
        stream: Box::pin(stream),
        _open: open,
    }
}

/// Who sent a request, as the guard left it.
fn caller_of(message: &ClientJsonRpcMessage) -> Option<CallerId> {
    let JsonRpcMessage::Request(request) = message else {
        return None;
    };
    let parts = request.request.extensions().get::<Parts>()?;
    parts
        .extensions
        .get::<Caller>()
        .map(|caller| caller.id.clone())
}
