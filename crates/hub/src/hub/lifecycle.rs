//! The hub's life: it serves bridges, is asked to stop, and stops with every call settled.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use wire::{Code, Problem};

use super::Hub;
use crate::strangers::Strangers;
use crate::{descriptors, limits};

impl Hub {
    /// Names the `kapelle` binary, by which instances and what bridges start are confined. Without it nothing is.
    pub fn use_launcher(&self, kapelle: PathBuf) {
        self.0.confinement.use_launcher(kapelle);
    }

    /// Why nothing can be confined here, for people.
    #[must_use]
    pub fn why_unconfined(&self) -> Option<String> {
        self.0.confinement.why_not()
    }

    /// Serves bridges that dial `listener`, until the hub stops.
    pub async fn serve_bridges(&self, listener: TcpListener) {
        if let Ok(address) = listener.local_addr() {
            self.0.confinement.serve_at(address);
            self.0.supervisor.renew_confined(address);
        }
        let strangers = Strangers::new(descriptors::share_of(limits::HANDSHAKES_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.0.stopping.cancelled() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, say: wait a little instead of spinning.
                    tracing::warn!(%error, "a bridge cannot be accepted");
                    tokio::time::sleep(limits::PROCESS_LOOK).await;
                    continue;
                }
            };
            let stranger = tokio::select! {
                stranger = strangers.admit() => stranger,
                () = self.0.stopping.cancelled() => return,
            };
            let links = Arc::clone(&self.0.links);
            self.0
                .link_tasks
                .spawn(crate::link::serve(links, stream, stranger));
        }
    }

    /// Resolves when somebody asked the hub to stop.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Asks the hub to stop: from now on it takes nothing new.
    pub fn begin_stop(&self) {
        self.0.stopping.cancel();
    }

    /// Stops: background instances that the hub started leave (with a recovery copy of unsaved work), every
    /// call has its outcome, links are closed.
    pub async fn stop(&self) {
        self.begin_stop();
        let names = self.0.supervisor.owned_names();
        let stops = names.into_iter().map(|name| {
            let supervisor = Arc::clone(&self.0.supervisor);
            tokio::spawn(async move { supervisor.stop(&name, false).await })
        });
        for stop in stops.collect::<Vec<_>>() {
            stop.await.ok();
        }
        self.0.conductors.end().await;
        let why = Problem::new(
            Code::HUB_STOPPING,
            "The hub was stopped while this call was running or waiting.",
        )
        .hint(
            "A program that the hub did not start carries on with it; look for the outcome once the hub is back.",
        );
        for instance in self.0.roster.all() {
            instance.lane.close(&why);
        }
        self.0.jobs.settle_all(&self.0.reach).await;
        self.0.links.closing.cancel();
        self.0.link_tasks.close();
        tokio::time::timeout(Duration::from_millis(200), self.0.link_tasks.wait())
            .await
            .ok();
        if let Err(problem) = self.0.records.history.flush().await {
            tracing::warn!(%problem, "the end of the history is not stored");
        }
    }
}

impl Hub {
    /// Whether the disk of the home has no room: calls go on, and what must be stored is refused.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.0.disk_space.is_full()
    }
}
