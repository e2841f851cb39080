//! Work on a large message, while everything else goes on.
//!
//! The hub's tasks share few threads: to hand a small call from thread to thread costs more than the call. Megabytes
//! of JSON must then not hold up the others; their thread takes a leave for so long. It knows no message.

use tokio::runtime::{Handle, RuntimeFlavor};
use wire::outcome::OutcomeBody;

use crate::json_size;
use crate::limits;

/// Does the work at once, or aside where it is about so many bytes.
pub fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let can_leave = || {
        Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
    };
    if bytes >= limits::LARGE_MESSAGE_BYTES && can_leave() {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// Roughly the bytes of an outcome, as far as [`aside`] needs to know.
#[must_use]
pub fn weight(outcome: Option<&OutcomeBody>) -> usize {
    outcome.map_or(0, |outcome| {
        let texts = outcome.output.stdout.len() + outcome.output.stderr.len();
        let value = json_size::weight_of_value(&outcome.value, limits::LARGE_MESSAGE_BYTES);
        texts + value.unwrap_or(limits::LARGE_MESSAGE_BYTES)
    })
}
