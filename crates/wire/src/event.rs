//! What the feed tells its subscribers.

use serde::{Deserialize, Serialize};

use crate::call::{CallView, Progress};
use crate::id::{CallId, InstanceName};
use crate::instance::InstanceView;

/// Everything that a subscriber can hear; a closed list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A call was taken into a lane.
    CallQueued {
        call: Box<CallView>,
    },
    /// Its first instruction is about to run.
    CallStarted {
        call_id: CallId,
        instance: InstanceName,
    },
    CallProgress {
        call_id: CallId,
        progress: Progress,
    },
    /// Something was printed; `stream` is `stdout`, `stderr` or `log`.
    CallOutput {
        call_id: CallId,
        stream: String,
        text: String,
    },
    CallEnded {
        call: Box<CallView>,
    },
    /// An instance came, went, or is in another state than before.
    Instance {
        instance: Box<InstanceView>,
    },
    /// The app's own state moved to a new revision.
    State {
        instance: InstanceName,
        revision: u64,
    },
}
