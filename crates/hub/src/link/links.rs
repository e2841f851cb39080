//! What every link reaches.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::confine::Confinement;
use crate::file_access::FileAccess;
use crate::home::Home;
use crate::jobs::Jobs;
use crate::records::Records;
use crate::roster::Roster;

pub(crate) struct Links {
    pub(crate) roster: Arc<Roster>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) records: Records,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) home: Home,
    pub(crate) config: Arc<Config>,
    pub(crate) confinement: Arc<Confinement>,
    pub(crate) bridge_token: String,
    /// Places of large announcements whose proof has not been seen.
    pub(crate) large_announcements: Semaphore,
    /// Turns with every bridge that has connected.
    pub(crate) joined: Notify,
    /// The end of all links, after the last word on them.
    pub(crate) closing: CancellationToken,
}

impl Links {
    /// The folders that callers may use.
    pub(super) fn files(&self) -> FileAccess<'_> {
        FileAccess {
            home: &self.home,
            roots: &self.config.files.roots,
            catalog: &self.catalog,
        }
    }
}
