//! Messages of the bridge protocol, both ways. Their meaning is in `docs/reference/bridge-protocol.md`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::command::{CommandSpec, Effect};
use crate::id::{AppId, CallId, CallerId, CallerName, InstanceName};
use crate::instance::Mode;
use crate::outcome::Outcome;
use crate::problem::Problem;

/// The first word of both sides.
pub const MAGIC: &str = "kapelle";
/// The version of the protocol that this hub speaks.
pub const PROTOCOL: u32 = 1;

/// What the hub says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromHub {
    Challenge {
        magic: String,
        protocol: u32,
        nonce: String,
        proof: String,
    },
    Welcome {
        instance: InstanceName,
        heartbeat_ms: u64,
        /// Whether it wants to be told of calls that came by the direct mode.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        direct: bool,
        /// What callers may use, as the configuration has it now.
        #[serde(default)]
        folders: Folders,
        #[serde(default)]
        confine: Confine,
    },
    Refused {
        problem: Box<Problem>,
    },
    Call(Box<CallMessage>),
    Cancel {
        id: CallId,
        reason: CancelReason,
    },
    Ack {
        id: CallId,
    },
    Beat,
    Stop,
}

/// The files that callers without the scope `code` may use through an instance, beside those next to the open one: all
/// paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// With everything in them.
    pub allowed: Vec<String>,
    /// Files and folders in them that are the hub's own.
    pub private: Vec<String>,
    /// Those that may be read and not written.
    pub kept: Vec<String>,
}

/// How a bridge has a program of its own confined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confine {
    /// The program that confines itself and becomes another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launcher: Option<String>,
    /// Why there is none, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// Run this.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallMessage {
    pub id: CallId,
    pub command: String,
    /// Shared with the lane, which keeps them until the call has started: no copy of 5 MB of code.
    pub args: Arc<Map<String, Value>>,
    /// Who asks, for people.
    pub owner: CallerName,
    /// Who asks, where something is kept for them: a later token of the same name is another caller. The name itself
    /// when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<CallerId>,
    pub scopes: Vec<String>,
    pub effect: Effect,
    /// From the start of the run.
    pub timeout_ms: Option<u64>,
    /// The state must still be at that revision when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Calls that belong together: what they change is one undo step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// A short note of the hub to a later run of itself: a bridge makes nothing of it and tells it in [`KnownCall`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// Which calls a call belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: String,
    /// No further call of the group comes.
    pub last: bool,
    /// No further call of the group comes if this one does not succeed.
    pub stop: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    Cancelled,
    TimedOut,
}

/// What a bridge says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromBridge {
    Hello {
        magic: String,
        protocol: u32,
        nonce: String,
        /// Of a confined process, which knows the secret of its launch and not the bridge token: which launch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        launch: Option<String>,
    },
    Proof {
        proof: String,
        #[serde(flatten)]
        announcement: Box<Announcement>,
    },
    Started {
        id: CallId,
    },
    Progress {
        id: CallId,
        fraction: Option<f64>,
        #[serde(default)]
        text: String,
        #[serde(default)]
        details: Option<Map<String, Value>>,
    },
    Output {
        id: CallId,
        stream: String,
        text: String,
    },
    Outcome {
        id: CallId,
        #[serde(flatten)]
        outcome: Box<Outcome>,
    },
    /// A call of its direct mode has ended: one that the hub did not ask for.
    Direct(Box<DirectCall>),
    Beat(Beat),
    State {
        state: Map<String, Value>,
        /// What moved since an earlier revision; passed on to who listens.
        #[serde(default)]
        changes: Option<Value>,
    },
    Bye {
        reason: String,
    },
}

/// A call that came by a bridge's own listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DirectCall {
    pub command: String,
    #[serde(default)]
    pub args: Map<String, Value>,
    /// The bridge's name for whoever asked.
    #[serde(default)]
    pub client: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Who a bridge is and what it still knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Announcement {
    pub app: AppId,
    /// Random, one per process.
    pub session: String,
    #[serde(default)]
    pub name: Option<InstanceName>,
    /// The mark of a launch by the hub.
    #[serde(default)]
    pub launch: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub bridge_version: Option<String>,
    #[serde(default)]
    pub pid: Option<u32>,
    pub mode: Mode,
    #[serde(default)]
    pub file: Option<String>,
    #[serde(default)]
    pub host: Map<String, Value>,
    #[serde(default)]
    pub commands: Vec<CommandSpec>,
    #[serde(default)]
    pub calls: KnownCalls,
}

/// Calls that a bridge knows from before the link went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCalls {
    #[serde(default)]
    pub running: Vec<KnownCall>,
    #[serde(default)]
    pub queued: Vec<KnownCall>,
    #[serde(default)]
    pub ended: Vec<KnownCall>,
    /// Nothing is missing in these lists: a call of this session that is in none of them, and whose end
    /// was not acknowledged, has never arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
}

impl KnownCalls {
    pub fn iter(&self) -> impl Iterator<Item = &KnownCall> {
        self.running.iter().chain(&self.queued).chain(&self.ended)
    }
}

/// A call by id, and enough to say whose it is to a hub that has forgotten it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCall {
    pub id: CallId,
    #[serde(default)]
    pub command: String,
    #[serde(default)]
    pub owner: String,
    /// As it came with the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<CallerId>,
    /// As it came with the call; a bridge older than the hub does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// A sign of life, from a thread that never needs the app's main thread.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Beat {
    #[serde(default)]
    pub running: Option<RunningBeat>,
    #[serde(default)]
    pub waiting: u64,
    /// How long ago the main thread last came by.
    #[serde(default)]
    pub pulse_ms: u64,
    /// How much memory the process holds, in MB of 1,000,000 bytes, where it can tell.
    #[serde(default)]
    pub rss_mb: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunningBeat {
    pub id: CallId,
    pub age_ms: u64,
    #[serde(default)]
    pub wedged: bool,
}

/// The texts whose HMAC each side shows.
#[must_use]
pub fn proof_text(side: Side, bridge_nonce: &str, hub_nonce: &str) -> String {
    let side = match side {
        Side::Hub => "kapelle-hub-1",
        Side::Bridge => "kapelle-bridge-1",
    };
    format!("{side}:{bridge_nonce}:{hub_nonce}")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Hub,
    Bridge,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_that_is_known_without_a_mark_is_known_all_the_same() {
        let known = json!({
            "running": [{"id": "call_1", "command": "toy.look", "owner": "ann", "mark": "m"}],
            "queued": [{"id": "call_2", "command": "toy.look", "owner": "ann"}],
            "ended": [{"id": "call_3", "mark": null}],
        });
        let known: KnownCalls = serde_json::from_value(known).unwrap();
        let marks: Vec<_> = known.iter().map(|call| call.mark.as_deref()).collect();
        assert_eq!(marks, [Some("m"), None, None]);
        assert!(!known.complete);
    }

    #[test]
    fn what_an_older_bridge_does_not_know_is_not_said_without_need() {
        let call = json!({
            "t": "call", "id": "call_1", "command": "toy.look", "args": {}, "owner": "ann", "scopes": [],
            "effect": "read", "timeout_ms": null,
        });
        let FromHub::Call(mut message) = serde_json::from_value(call.clone()).unwrap() else {
            unreachable!("it is a call")
        };
        assert_eq!(json!(FromHub::Call(message.clone())), call);
        message.mark = Some("m".to_owned());
        assert_eq!(json!(FromHub::Call(message))["mark"], "m");
    }
}
