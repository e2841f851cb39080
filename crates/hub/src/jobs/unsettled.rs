//! A job that a process was given and that nobody has heard of since.

use tokio::time::Instant;

use super::record::{Open, mark_of};
use crate::limits;
use crate::process::{ProcessMark, birth, is_alive};

/// A job that a process was given and that nobody has heard of since.
pub(super) struct Unsettled {
    pub(super) mark: Option<ProcessMark>,
    since: Instant,
}

impl Unsettled {
    pub(super) fn of(open: &Open) -> Self {
        // What a hub ran itself ended with it.
        let lease = open
            .job
            .lease
            .as_ref()
            .filter(|_| !open.notes.is_run_by_hub());
        Self {
            mark: lease.and_then(mark_of),
            since: Instant::now(),
        }
    }

    /// One whose process says no number is waited for as long as a link is.
    pub(super) fn lives(&self) -> bool {
        let Some(mark) = &self.mark else { return false };
        match mark.pid {
            Some(pid) => is_alive(pid) && birth(pid) == mark.born,
            None => self.since.elapsed() < limits::JOB_SILENT_MAX,
        }
    }

    /// Who is waited for, for people.
    pub(super) fn who(&self) -> String {
        let pid = self.mark.as_ref().and_then(|mark| mark.pid);
        pid.map_or_else(|| "its process".to_owned(), |pid| format!("process {pid}"))
    }
}
