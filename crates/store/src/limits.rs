//! Every bound of the store, with unit and reason.

use std::time::Duration;

/// Writes of jobs in one group: a larger group makes its first writer wait and gains nothing.
pub(crate) const JOB_GROUP_MAX: usize = 256;
/// Ended calls in one group. Nobody waits for them, and fewer commits write less: each one writes the last pages of
/// every index again.
pub(crate) const CALL_GROUP_MAX: usize = 512;
/// How long a group waits for the writers of the last one: less than an fsync takes.
pub(crate) const FSYNC_GROUP_WAIT: Duration = Duration::from_millis(2);
/// The same without an fsync: committing one write takes about half of it.
pub(crate) const JOURNAL_GROUP_WAIT: Duration = Duration::from_micros(100);
/// How long the history collects calls for a group: nobody waits for it, and every commit costs processor time.
pub(crate) const HISTORY_WAIT: Duration = Duration::from_millis(50);
/// New jobs waiting for the disk: several seconds of work for a slow one; beyond it, new jobs are refused.
pub(crate) const INSERTS_WAITING_MAX: usize = 4_096;
/// All writes waiting for the disk: this leaves room for changes to jobs that already exist.
pub(crate) const WRITES_WAITING_MAX: usize = 65_536;
/// Approximate size of the new jobs waiting for the disk, in bytes.
pub(crate) const INSERTS_WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Approximate size of all writes waiting for the disk, in bytes.
pub(crate) const WRITES_WAITING_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Ended calls waiting for the disk; beyond it, the thread that brings them waits too, and the hub counts those it
/// cannot store.
pub(crate) const CALLS_WAITING_MAX: usize = 1_024;
/// Size of a file's log, in bytes, at which it is merged into the file.
pub(crate) const LOG_BYTES: u64 = 4 * 1024 * 1024;
/// Size of a file's log, in bytes, at which a warning is logged: a reader must be stuck.
pub(crate) const LOG_ALARM_BYTES: u64 = 64 * 1024 * 1024;
/// How long no write must have arrived before the log is merged into the file for that reason alone.
pub(crate) const IDLE: Duration = Duration::from_secs(1);
/// Queries waiting for a reader; beyond it, they are refused.
pub(crate) const READS_WAITING_MAX: usize = 256;
/// Readers of each file, so that one long list does not delay a query for one job.
pub(crate) const READERS: usize = 2;
/// Size in bytes up to which a file is checked for damage when it is opened: this takes some tenths of a second.
pub(crate) const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Rows that one step of a purge deletes: other writes go in between.
pub(crate) const PURGE_ROWS: usize = 2_000;
/// Jobs in one page of a list.
pub(crate) const PAGE_JOBS_MAX: usize = 10_000;
/// SQL statements kept compiled: there are about twenty, and changes of jobs have several forms.
pub(crate) const STATEMENTS: usize = 64;
/// How long a connection waits for a lock: only another program that reads the file can hold one.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
