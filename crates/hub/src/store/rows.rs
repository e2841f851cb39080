//! The rows of the store: what is remembered of a job, and what can be changed of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use wire::outcome::OutcomeBody;
use wire::{
    AppId, CallId, CallView, CallerId, CallerName, Durability, Effect, InstanceName, JobStatus,
    Problem,
};

/// Ids by their beginning.
#[derive(Clone, Debug)]
pub struct Like {
    pub prefix: String,
    /// Only those of this caller, by its token.
    pub caller: Option<CallerId>,
    pub limit: usize,
}

/// A job as it is stored. Times are kept to the millisecond.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: CallId,
    pub app: AppId,
    /// Where it must run, where it runs, or where it ran; the queue decides which.
    pub instance: Option<InstanceName>,
    pub command: String,
    pub caller: CallerId,
    pub asked_at: OffsetDateTime,
    /// What was promised for it.
    pub durability: Durability,
    pub key: Option<Key>,
    pub labels: BTreeMap<String, String>,
    /// Everything else of the request and of the queue's own notes; the store does not look into it.
    pub request: Arc<Map<String, Value>>,
    /// Absent where [`Parts`] did not ask for it.
    pub args: Option<Arc<Map<String, Value>>>,
    pub status: JobStatus,
    pub priority: u8,
    /// Where it stands among its equals; the queue gives it a meaning.
    pub place: i64,
    pub paused: bool,
    /// 1 for the first; 0 before it.
    pub attempt: u32,
    pub lease: Option<Lease>,
    pub end: Option<JobEnd>,
    /// Absent before the end, and where [`Parts`] did not ask for it.
    pub outcome: Option<Arc<OutcomeBody>>,
}

/// A caller's own name for a job, so that asking twice stores it once. Unique per caller for as long
/// as the job is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    /// Tells whether the same thing was asked.
    pub request_hash: String,
}

/// To whom a job was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub instance: InstanceName,
    /// The bridge's mark of its process; another one means that the process is another.
    pub process: String,
}

/// What a list shows of an end; the whole is the outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct JobEnd {
    pub at: OffsetDateTime,
    pub duration_ms: f64,
    pub problem: Option<Problem>,
}

/// One try of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub number: u32,
    pub instance: InstanceName,
    pub started_at: OffsetDateTime,
    pub ended_at: Option<OffsetDateTime>,
    pub status: JobStatus,
    pub problem: Option<Problem>,
}

/// Whether an app's jobs are held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    pub app: AppId,
    pub paused: bool,
    pub draining: bool,
}

/// Jobs that were asked for as one. Kept for as long as one of them is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub id: String,
    pub caller: CallerId,
    pub asked_at: OffsetDateTime,
    /// In their order; those that were stored before it, too.
    pub jobs: Vec<CallId>,
}

/// One thing to be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum JobWrite {
    Insert(Box<Job>),
    Change(Box<JobChange>),
    /// Adds an attempt, or takes the place of the one of that number.
    Attempt(CallId, Box<Attempt>),
    /// A queue's state; neither paused nor draining is not kept.
    Queue(QueueState),
    /// Of jobs that are stored, or stored before it in the same list.
    Batch(Box<Batch>),
}

/// What is to be changed of a job: what is `None` stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct JobChange {
    pub id: CallId,
    pub status: Option<JobStatus>,
    pub instance: Option<Option<InstanceName>>,
    pub priority: Option<u8>,
    pub place: Option<i64>,
    pub paused: Option<bool>,
    pub attempt: Option<u32>,
    pub lease: Option<Option<Lease>>,
    pub labels: Option<BTreeMap<String, String>>,
    pub request: Option<Arc<Map<String, Value>>>,
    pub args: Option<Arc<Map<String, Value>>>,
    pub end: Option<Option<JobEnd>>,
    pub outcome: Option<Option<Arc<OutcomeBody>>>,
}

impl JobChange {
    /// No change yet.
    #[must_use]
    pub fn of(id: &CallId) -> Self {
        Self {
            id: id.clone(),
            status: None,
            instance: None,
            priority: None,
            place: None,
            paused: None,
            attempt: None,
            lease: None,
            labels: None,
            request: None,
            args: None,
            end: None,
            outcome: None,
        }
    }
}

/// The large parts of a job; those that are not asked for are not read from the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub args: bool,
    pub outcome: bool,
}

impl Parts {
    pub const ALL: Self = Self {
        args: true,
        outcome: true,
    };
    pub const NONE: Self = Self {
        args: false,
        outcome: false,
    };
}

/// Which jobs; all filters must fit.
#[derive(Clone, Debug, Default)]
pub struct JobsWanted {
    /// Any of these; empty: of any status.
    pub statuses: Vec<JobStatus>,
    pub app: Option<AppId>,
    pub instance: Option<InstanceName>,
    pub caller: Option<CallerName>,
    /// Only those of this caller, by its token.
    pub owner: Option<CallerId>,
    pub label: Option<(String, String)>,
    pub limit: usize,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Some jobs, and where to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobsPage {
    pub jobs: Vec<Job>,
    /// Present when there may be more, also when fewer than `limit` were found: one page looks at a
    /// bounded number of jobs.
    pub next_cursor: Option<String>,
}

/// How many jobs there are of each status; those without any are left out.
pub type Counts = BTreeMap<JobStatus, u64>;

/// A call that has ended, as the history keeps it: without secrets, and nothing in it too large.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// With its outcome, and with its arguments if they are known.
    pub view: CallView,
    /// Whose call it was; the view has the name.
    pub caller: CallerId,
    pub effect: Effect,
    pub asked_at: OffsetDateTime,
    /// The blob that holds the arguments, when they are too large for a row.
    pub args_blob: Option<String>,
}

/// What a purge has taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    pub calls: u64,
    /// Blobs that only these calls named.
    pub blobs: Vec<String>,
}
