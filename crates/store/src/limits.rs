//! Every bound of the store, with unit and reason.

use std::time::Duration;

/// Writes of jobs in one group: a longer one keeps its first writer waiting for no gain.
pub(crate) const JOB_GROUP_MAX: usize = 256;
/// Ended calls in one group. Nobody waits for it, and the fewer commits the less is written: each has the last pages of
/// every index again.
pub(crate) const CALL_GROUP_MAX: usize = 512;
/// How long a group waits for those that were in the last one: less than a fsync takes.
pub(crate) const FSYNC_GROUP_WAIT: Duration = Duration::from_millis(2);
/// The same where no fsync is waited for: a commit of one takes about half of it.
pub(crate) const JOURNAL_GROUP_WAIT: Duration = Duration::from_micros(100);
/// How long the history waits for a group: nobody waits for it, and every commit costs some time of a
/// processor.
pub(crate) const HISTORY_WAIT: Duration = Duration::from_millis(50);
/// New jobs that wait for the disk: seconds of work of a slow one; beyond it they are refused.
pub(crate) const INSERTS_WAITING_MAX: usize = 4_096;
/// All writes that wait for the disk: room for the news of the jobs that are there already.
pub(crate) const WRITES_WAITING_MAX: usize = 65_536;
/// Bytes of new jobs that wait for the disk, roughly.
pub(crate) const INSERTS_WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of all writes that wait for the disk, roughly.
pub(crate) const WRITES_WAITING_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Ended calls that wait for the disk: beyond it their thread waits too, and the hub counts.
pub(crate) const CALLS_WAITING_MAX: usize = 1_024;
/// The log of a file, in bytes, at which it is put into the file.
pub(crate) const LOG_BYTES: u64 = 4 * 1024 * 1024;
/// The log of a file, in bytes, at which somebody is told: a reader must be stuck.
pub(crate) const LOG_ALARM_BYTES: u64 = 64 * 1024 * 1024;
/// How long nothing must have come before the log is put into the file for that reason alone.
pub(crate) const IDLE: Duration = Duration::from_secs(1);
/// Questions that wait for a reader; beyond it they are refused.
pub(crate) const READS_WAITING_MAX: usize = 256;
/// Readers of each file: one long list does not hold up a look at one job.
pub(crate) const READERS: usize = 2;
/// A file up to this size, in bytes, is looked through for damage when it is opened: some tenths of a second.
pub(crate) const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Rows that one step of a purge takes away: others write in between.
pub(crate) const PURGE_ROWS: usize = 2_000;
/// Jobs in one page of a list.
pub(crate) const PAGE_JOBS_MAX: usize = 10_000;
/// Statements that are kept compiled; there are some twenty, and changes of jobs in a few forms.
pub(crate) const STATEMENTS: usize = 64;
/// How long a connection waits for another one: only another program that looks into the file holds it.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
