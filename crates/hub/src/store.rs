//! What outlives the hub's process: jobs and ended calls, as traits.
//!
//! In come writes, each a list that is stored whole or not at all; out come an acknowledgement when
//! the disk has it, and rows that were asked for. The traits are filled by `kapelle-store` (SQLite) and
//! by the testkit (memory); both pass the same tests (`testkit::store_holds`). Nothing here decides
//! anything: what runs next is the queue's business, and the store never changes a job by itself.
//!
//! **Order.** Writes are done in the order in which they were handed over; a row read after an
//! acknowledgement shows it. **Trouble.** A write whose acknowledgement is a problem has changed
//! nothing (`disk_full`, `store_busy`, `store_failed`: all retryable, later); one whose acknowledgement never
//! came before the process died may have been stored or not. Dropping an acknowledgement changes nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::oneshot;
use wire::{AppId, CallId, CallerId, Code, Durability, InstanceName, Problem, Status};

mod rows;

pub use rows::{
    Attempt, Batch, CallRecord, Counts, Job, JobChange, JobEnd, JobWrite, JobsPage, JobsWanted,
    Key, Lease, Like, Parts, Purged, QueueState,
};

/// What a hub needs that outlives it.
#[derive(Clone)]
pub struct Stores {
    pub jobs: Arc<dyn JobStore>,
    pub history: Arc<dyn HistoryStore>,
}

/// An answer from the disk, on its way. It needs no runtime of its own.
pub type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

/// Remembers jobs.
pub trait JobStore: Send + Sync {
    /// Hands over writes that belong together: all are stored, or none is. Returns at once; `Stored`
    /// resolves when a group of writes with at least this durability is done.
    ///
    /// When too many writes wait for a slow disk it resolves at once with `store_busy`. A list with a
    /// [`JobWrite::Insert`] is refused long before other writes are, so that a flood of new jobs cannot keep the
    /// outcomes of old ones from the disk.
    ///
    /// Problems of one list alone: `job_key_taken` (its `call_id` is the job that has the caller's key),
    /// `call_unknown` (a change or a batch of a job that is not there), `name_taken` (an insert of an id that is
    /// there).
    fn write(&self, writes: Vec<JobWrite>, durability: Durability) -> Stored;

    /// Every job that has not ended, oldest first, without arguments. Blocks; for the hub's start.
    ///
    /// # Errors
    /// `store_failed`.
    fn open_jobs(&self) -> Result<Vec<Job>, Problem>;

    /// The queues that are paused or draining. Blocks; for the hub's start.
    ///
    /// # Errors
    /// `store_failed`.
    fn queues(&self) -> Result<Vec<QueueState>, Problem>;

    /// Jobs of a file from before tokens were told apart: those of a name belong to the caller of that name among these,
    /// all others to nobody. What has its caller keeps it. Blocks; for the hub's start.
    ///
    /// # Errors
    /// `store_failed`.
    fn adopt(&self, known: Vec<CallerId>) -> Result<(), Problem>;

    /// One job, with these parts of it.
    fn job(&self, id: &CallId, parts: Parts) -> Reading<Option<Job>>;

    /// These jobs, in the order of the ids; those that are not there are left out.
    fn jobs(&self, ids: Vec<CallId>, parts: Parts) -> Reading<Vec<Job>>;

    /// The job that a caller has stored under a key.
    fn by_key(&self, caller: &CallerId, key: &str) -> Reading<Option<Job>>;

    /// Jobs, newest first, without arguments and outcomes.
    fn list(&self, wanted: JobsWanted) -> Reading<JobsPage>;

    /// How many jobs there are of each status, of one app or of all.
    fn counts(&self, app: Option<AppId>) -> Reading<Counts>;

    /// The attempts of a job, the first one first.
    fn attempts(&self, id: &CallId) -> Reading<Vec<Attempt>>;

    /// The jobs that were asked for as one.
    fn batch(&self, id: &str) -> Reading<Option<Batch>>;

    /// Jobs whose ids begin so.
    fn like(&self, like: Like) -> Reading<Vec<String>>;

    /// Batches of jobs whose ids begin so.
    fn batches_like(&self, like: Like) -> Reading<Vec<String>>;

    /// Forgets jobs that ended before that time, and how they went; gives how many. Without
    /// `with_dead`, those that wait for a person's decision stay.
    fn forget_ended(&self, before: OffsetDateTime, with_dead: bool) -> Reading<u64>;

    /// Forgets jobs that have ended, of whoever holds most of them and the oldest first, until the store holds no more
    /// than that; gives how many. Those that wait for a person's decision go last.
    fn shrink(&self, bytes_max: u64) -> Reading<u64>;
}

/// Remembers calls that have ended. What is handed over is masked and bounded already ([`crate::history`]).
pub trait HistoryStore: Send + Sync {
    /// Hands over a call. A second record of the same call fills in its end and leaves the rest as it was.
    /// Blocks while too many wait for a slow disk: never called by who runs calls.
    fn keep(&self, record: Box<CallRecord>);

    /// Resolves when everything that was handed over before is stored, or counted as left out.
    fn flush(&self) -> Reading<()>;

    fn get(&self, id: &CallId) -> Reading<Option<CallRecord>>;

    /// Newest first.
    fn list(&self, wanted: CallsWanted) -> Reading<Vec<CallRecord>>;

    /// Calls whose ids begin so.
    fn like(&self, like: Like) -> Reading<Vec<String>>;

    /// Notes who took back what these calls changed; nobody: it stands again. Calls that are not there are passed over.
    fn undone(&self, calls: Vec<CallId>, by: Option<CallId>);

    /// Forgets the calls that were asked before that time; without one, all.
    fn purge(&self, before: Option<OffsetDateTime>) -> Reading<Purged>;

    /// Forgets the oldest calls when all take more bytes than this.
    fn shrink(&self, bytes_max: u64) -> Reading<Purged>;

    /// Notes what the wall's clock says now; gives what it said when this was asked before, the first time the same.
    fn looked_at(&self, now: OffsetDateTime) -> Reading<OffsetDateTime>;

    /// From when on every call that has ended is there, but for those left out.
    fn since(&self) -> OffsetDateTime;

    /// How many calls could not be stored since the store was opened, because the disk was full, say.
    fn left_out(&self) -> u64;
}

/// Resolves when a write is stored, or with what kept it from being stored.
#[derive(Debug)]
pub struct Stored(oneshot::Receiver<Result<(), Problem>>);

/// The other end of a [`Stored`]; for implementations.
#[derive(Debug)]
pub struct Acknowledge(oneshot::Sender<Result<(), Problem>>);

impl Stored {
    #[must_use]
    pub fn pair() -> (Acknowledge, Self) {
        let (sender, receiver) = oneshot::channel();
        (Acknowledge(sender), Self(receiver))
    }

    /// One that has resolved.
    #[must_use]
    pub fn now(outcome: Result<(), Problem>) -> Self {
        let (acknowledge, stored) = Self::pair();
        acknowledge.with(outcome);
        stored
    }
}

impl Acknowledge {
    pub fn with(self, outcome: Result<(), Problem>) {
        // Nobody has to wait for it.
        self.0.send(outcome).ok();
    }
}

impl Future for Stored {
    type Output = Result<(), Problem>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.0).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

fn gone() -> Problem {
    Problem::new(
        Code::STORE_FAILED,
        "The hub stopped before this was stored.",
    )
    .hint(wire::hint![
        "Start it again: ",
        wire::Step::terminal("serve")
    ])
}

/// Which calls of the history.
#[derive(Clone, Debug, Default)]
pub struct CallsWanted {
    pub limit: usize,
    pub app: Option<AppId>,
    pub instance: Option<InstanceName>,
    pub status: Option<Status>,
    /// Only calls that are older than this one.
    pub before: Option<CallId>,
}
