//! Waiting for what must become true: woken by events, with a cap, never by a blind sleep.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The longest that a test waits for anything, in real time also where the clock of the runtime is
/// paused: a busy machine gets room, a hang is still a failure.
pub const CAP: Duration = Duration::from_secs(20);

/// How often a wait looks at the real clock.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for the future, with the cap.
///
/// # Panics
/// When it does not come within [`CAP`]; `what` is in the message.
pub async fn capped<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let mut wait = pin!(wait);
    loop {
        tokio::select! {
            found = &mut wait => return found,
            () = tokio::time::sleep(LOOK) => {
                assert!(began.elapsed() < CAP, "waited {CAP:?} in vain for: {what}");
            }
        }
    }
}

/// Looks whenever `changed` turns; gives what the look finds.
///
/// # Panics
/// When it does not come within [`CAP`]; `what` is in the message.
pub async fn wait_for<T>(
    what: &str,
    mut changed: watch::Receiver<u64>,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let wait = async {
        loop {
            changed.borrow_and_update();
            if let Some(found) = look() {
                return found;
            }
            // The sender is gone when nothing can change any more; the cap ends the wait then.
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    capped(what, wait).await
}
