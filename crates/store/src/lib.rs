//! What outlives the hub's process, in two SQLite files of the home folder: `store/jobs.db` and
//! `store/history.db`.
//!
//! In come the writes and questions of [`hub::store`]; out come acknowledgements and rows. Each file has one
//! writer, a thread that is fed by a bounded queue and commits what waits as one group, and short readers on
//! connections of their own. Two files, so that a purge of the history, or a fault in it, never holds up a
//! job. It decides nothing, and it knows nothing of lanes, doors or apps.
//!
//! **Durability.** Both files are in WAL mode. A group that holds a write of [`wire::Durability::Fsync`] is
//! committed with `synchronous=FULL`: the log is on the disk before anybody is told. Any other group is
//! committed with `NORMAL`: the system has it, which the end of the process does not change, and the disk gets
//! it with the next fsync. The history is always `NORMAL`. See docs/decisions/0009-two-sqlite-files.md.

use std::path::Path;
use std::sync::Arc;

use hub::home::Home;
use hub::store::Stores;
use wire::Problem;

mod file;
mod history;
mod jobs;
mod like;
mod limits;
mod most;
mod problems;
mod queue;
mod readers;
mod writer;

/// The newest forms of both files, jobs and history: how many steps their tables have taken.
pub const FORMS: (usize, usize) = (jobs::FORM.steps.len(), history::FORM.steps.len());

pub use history::History;
pub use jobs::Jobs;

/// Both files, open.
pub struct Store {
    jobs: Arc<Jobs>,
    history: Arc<History>,
}

impl Store {
    /// Opens the files of a home; makes those that are not there.
    ///
    /// # Errors
    /// `store_unusable` for a file that is broken, newer or not ours (it is left as it is), `home_unsafe` for
    /// one that others can read, `disk_full`.
    pub fn open(home: &Home) -> Result<Self, Problem> {
        let dir = home.private_dir("store")?;
        Ok(Self {
            jobs: Arc::new(Jobs::open(&dir.join("jobs.db"))?),
            history: Arc::new(History::open(&dir.join("history.db"))?),
        })
    }

    #[must_use]
    pub fn stores(&self) -> Stores {
        Stores {
            jobs: Arc::clone(&self.jobs) as Arc<dyn hub::store::JobStore>,
            history: Arc::clone(&self.history) as Arc<dyn hub::store::HistoryStore>,
        }
    }

    /// Stores what waits, puts the logs into the files and lets go of them. Blocks. What comes after is refused.
    pub fn close(&self) {
        self.jobs.close();
        self.history.close();
    }
}

/// The bytes of a file and its log, for messages and measurements.
#[must_use]
pub fn bytes_on_disk(path: &Path) -> u64 {
    let of = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    of(path) + of(&file::log_of(path))
}
