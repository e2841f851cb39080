//! The older protocol's sessions, with a bound: most clients begin one and never end it.
//!
//! It wraps the library's own manager. A session belongs to the caller that began it, so that a leaked id is of no
//! use to another token, and ends with that token. Callers do not push out each other's: at his own bound a caller's least
//! recently used session makes room, at the bound of all one of who has the most, if he has more than who asks. Idle
//! ones go first; one in the middle of a request is never taken.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
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

enum Room {
    There,
    /// When that session has ended.
    By(SessionId),
    /// All that could make room are in the middle of a request.
    None,
}

tokio::task_local! {
    /// Who asks: the library makes a session before it has anything of the request.
    static ASKS: Asks;
}

struct Asks {
    caller: CallerId,
    found_no_room: AtomicBool,
}

/// Lets the library answer a caller's request; nothing when it needed a session and there was no room for one.
pub(crate) async fn in_the_name_of<T>(
    caller: &Caller,
    answer: impl Future<Output = T>,
) -> Option<T> {
    let asks = Asks {
        caller: caller.id.clone(),
        found_no_room: AtomicBool::new(false),
    };
    let asked = async {
        let answer = answer.await;
        let found_no_room = ASKS.with(|asks| asks.found_no_room.load(Ordering::Relaxed));
        (!found_no_room).then_some(answer)
    };
    ASKS.scope(asks, asked).await
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

    /// What is to be done before that caller begins a session.
    fn room_for(&self, caller: Option<&CallerId>) -> Room {
        let known = self.known();
        let mut counts: HashMap<Option<&CallerId>, usize> = HashMap::new();
        for session in known.values() {
            *counts.entry(session.owner.as_ref()).or_default() += 1;
        }
        let count = |owner: Option<&CallerId>| counts.get(&owner).copied().unwrap_or(0);
        let own = count(caller);
        let at_own_bound = own >= limits::MCP_SESSIONS_OF_CALLER_MAX;
        if !at_own_bound && known.len() < limits::MCP_SESSIONS_MAX {
            return Room::There;
        }
        let may_go = |session: &Known| {
            let owner = session.owner.as_ref();
            session.requests == 0 && (owner == caller || !at_own_bound && count(owner) > own)
        };
        let leaves = known
            .iter()
            .filter(|(_, session)| may_go(session))
            .min_by_key(|(_, session)| {
                let most_first = std::cmp::Reverse(count(session.owner.as_ref()));
                (most_first, session.listens, session.used)
            });
        match leaves {
            Some((id, _)) => Room::By(Arc::clone(id)),
            None => Room::None,
        }
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
        let caller = ASKS.try_with(|asks| asks.caller.clone()).ok();
        loop {
            match self.room_for(caller.as_ref()) {
                Room::There => break,
                Room::By(id) => {
                    tracing::debug!(session = %id, "an idle MCP session makes room");
                    self.close_session(&id).await?;
                }
                Room::None => {
                    ASKS.try_with(|asks| asks.found_no_room.store(true, Ordering::Relaxed))
                        .ok();
                    let full =
                        std::io::Error::other("every MCP session is in the middle of a request");
                    return Err(SessionError::Io(full).into());
                }
            }
        }
        let (id, transport) = self.inner.create_session().await?;
        let fresh = Known {
            owner: caller,
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
        if let Some(session) = self.known().get_mut(id)
            && let Some(caller) = caller_of(&message)
        {
            session.owner = Some(caller);
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
