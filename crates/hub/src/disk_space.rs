//! Whether the disk of the home has room, looked at now and then, so that everybody can be told before he tries.
//!
//! It refuses nothing: what finds no room says so itself (`disk_full`).

use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::home::Home;
use crate::limits;

#[derive(Debug, Default)]
pub(crate) struct DiskSpace {
    is_full: AtomicBool,
}

impl DiskSpace {
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Looks, keeps the reserve where there is room for it, and says when it has changed. Blocks.
    pub(crate) fn look(&self, home: &Home) {
        let Some(bytes) = home.room_bytes() else {
            return;
        };
        let is_full = bytes < limits::ROOM_BYTES_MIN;
        let was_full = self.is_full.swap(is_full, Ordering::Relaxed);
        let home_path = home.root().display();
        if is_full && !was_full {
            tracing::error!(home = %home_path, "the disk is full: whatever must be stored is \
             refused");
        } else if was_full && !is_full {
            tracing::info!(home = %home_path, "the disk has room again");
        }
        if !is_full && let Err(error) = home.keep_reserve() {
            tracing::warn!(%error, "no disk space is reserved for the next start");
        }
    }

    /// For as long as the hub lives.
    pub(crate) async fn keep_looking(space: Weak<Self>, home: Home, stopping: CancellationToken) {
        while let Some(space) = space.upgrade() {
            let home = home.clone();
            // A disk that hangs holds up one thread that nobody waits for.
            let look = tokio::task::spawn_blocking(move || space.look(&home));
            look.await.ok();
            tokio::select! {
                () = tokio::time::sleep(limits::ROOM_LOOK) => {}
                () = stopping.cancelled() => return,
            }
        }
    }
}
