//! A connection at `/v1/ws/envelope`: the same session, asked and answered in envelopes ([`crate::envelope`]).
//!
//! Beside the answers come `state_update`s of the instances, from the first `init` on, and a `heartbeat` as often
//! as the hub pings.

use std::sync::Arc;

use serde_json::json;
use wire::Topic;

use super::frame::{self, Id, Subscribe};
use super::outbox::Close;
use super::session::Session;
use crate::envelope::{self, Origin, Request};

impl Session {
    /// One message; gives the reason when it ends the connection.
    pub(super) fn open(&mut self, text: &str) -> Option<Close> {
        let asked = envelope::read(text.as_bytes()).and_then(|message| message.request(&self.hub));
        match asked {
            Err(unread) => {
                self.refuse(&Id::Envelope(Arc::new(unread.origin)), &unread.problem);
                None
            }
            Ok((request, origin)) => self.grant(request, origin),
        }
    }

    fn grant(&mut self, request: Request, origin: Origin) -> Option<Close> {
        let id = Id::Envelope(Arc::new(origin));
        match request {
            Request::Call(request) => self.call(id, *request),
            Request::Beat => self.outbox.push(frame::tell("pong", &id, &json!({}))),
            Request::Goodbye => {
                self.outbox.push(frame::tell("goodbye", &id, &json!({})));
                return Some(Close::new(Close::NORMAL, "it said that it leaves"));
            }
            Request::Welcome => self.initialised(&id),
            other => {
                if matches!(other, Request::Launch(_) | Request::Instance(_)) {
                    self.watch(&id);
                }
                let (hub, caller, own) = (self.hub.clone(), self.caller.clone(), id.clone());
                self.later(id, async move {
                    let told = envelope::door::one(&hub, &caller, other).await?;
                    Ok(frame::tell("done", &own, &told))
                });
            }
        }
        None
    }

    /// The answer to an `init` that names nothing; it also begins a connection whose header showed a token.
    pub(super) fn initialised(&mut self, id: &Id) {
        self.watch(id);
        self.outbox.push(frame::tell(
            "welcome",
            id,
            &envelope::door::welcome(&self.hub, &self.caller),
        ));
    }

    /// From here on it is told what becomes of the instances, as far as it may know that.
    fn watch(&mut self, id: &Id) {
        let wanted = |topics| Subscribe {
            topics,
            epoch: None,
            since: None,
        };
        let all = self.try_subscribe(id, wanted(vec![Topic::Instances, Topic::State]));
        if all.is_err() {
            // Without the scope `read` there are no states to be told.
            self.try_subscribe(id, wanted(vec![Topic::Instances])).ok();
        }
    }
}
