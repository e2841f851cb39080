//! What a WebSocket is told when it has shown its token.

use hub::callers::Caller;
use serde_json::json;

/// What `welcome` says.
pub(crate) fn welcome(hub: &hub::Hub, caller: &Caller) -> serde_json::Value {
    let position = hub.feed_position();
    json!({
        "caller": caller.name,
        "scopes": caller.scopes.names().collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": position.epoch,
        "seq": position.seq,
    })
}
