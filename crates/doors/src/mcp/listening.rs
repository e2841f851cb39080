//! Who is told of changes: the newer protocol's listeners and the older one's subscriptions, both fed by
//! the hub's feed. What a listener missed it is told as changed, so that it looks again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub::Hub;
use hub::callers::Caller;
use rmcp::ErrorData;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::{Peer, RoleServer, SubscriptionContext};
use tokio::sync::broadcast::error::RecvError;
use wire::Event;

use super::{Mcp, resources, uris};
use crate::limits;

/// Tells one listener of the newer protocol until it leaves.
pub(crate) async fn tell(hub: &Hub, caller: &Caller, subscription: &SubscriptionContext) {
    let wanted = subscription
        .accepted()
        .resource_subscriptions
        .clone()
        .unwrap_or_default();
    // The protocol answers what was wanted before it is known who wants it; what he may not read he is not told of.
    let wanted: HashSet<String> = wanted
        .into_iter()
        .filter(|uri| resources::may_watch(hub, caller, uri).is_ok())
        .take(limits::WATCHED_MAX)
        .collect();
    let mut events = hub.listen();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = subscription.cancelled() => return,
        };
        for uri in concerned(&event, &wanted) {
            let sent = subscription.sink().notify_resource_updated(uri);
            if !matches!(
                tokio::time::timeout(limits::NOTIFY_WAIT, sent).await,
                Ok(Ok(()))
            ) {
                tracing::debug!("an MCP listener does not take its news");
            }
        }
        if matches!(event, Err(RecvError::Closed)) {
            return;
        }
    }
}

/// The URIs that one session of the older protocol watches.
#[derive(Default)]
pub(crate) struct Watched {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    uris: HashSet<String>,
    is_told: bool,
}

impl Watched {
    /// # Errors
    /// When the session watches too much.
    pub(crate) fn add(
        self: &Arc<Self>,
        mcp: &Arc<Mcp>,
        peer: &Peer<RoleServer>,
        uri: String,
    ) -> Result<(), ErrorData> {
        let mut inner = self.lock();
        if inner.uris.len() >= limits::WATCHED_MAX {
            let message = format!(
                "A session can watch at most {} resources.",
                limits::WATCHED_MAX
            );
            return Err(ErrorData::invalid_params(message, None));
        }
        inner.uris.insert(uri);
        if !std::mem::replace(&mut inner.is_told, true) {
            tokio::spawn(Arc::clone(self).tell(Arc::clone(mcp), peer.clone()));
        }
        Ok(())
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.lock().uris.remove(uri);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(self: Arc<Self>, mcp: Arc<Mcp>, peer: Peer<RoleServer>) {
        let mut events = mcp.hub.listen();
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = mcp.ending.cancelled() => return,
                // A session's end has no event of its own.
                () = tokio::time::sleep(limits::STREAM_KEEP_ALIVE) => {
                    if peer.is_transport_closed() {
                        return;
                    }
                    continue;
                }
            };
            let wanted = self.lock().uris.clone();
            for uri in concerned(&event, &wanted) {
                let told = peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri));
                tokio::time::timeout(limits::NOTIFY_WAIT, told).await.ok();
            }
            if matches!(event, Err(RecvError::Closed)) || peer.is_transport_closed() {
                return;
            }
        }
    }
}

/// Which of the wanted resources an event has changed.
fn concerned(event: &Result<Event, RecvError>, wanted: &HashSet<String>) -> Vec<String> {
    let changed = match event {
        Ok(Event::State { instance, .. }) => vec![uris::state_uri(instance)],
        Ok(Event::Instance { instance }) => {
            vec![uris::STATUS.to_owned(), uris::state_uri(&instance.name)]
        }
        Ok(Event::CallEnded { call }) => vec![
            uris::call_uri(call.call_id.as_str()),
            uris::STATUS.to_owned(),
        ],
        Ok(_) | Err(RecvError::Closed) => Vec::new(),
        Err(RecvError::Lagged(_)) => wanted.iter().cloned().collect(),
    };
    changed
        .into_iter()
        .filter(|uri| wanted.contains(uri))
        .collect()
}
