//! Jobs: calls that are stored before they are acknowledged and that outlive every process.
//!
//! In come allowed calls that ask to be jobs, news of attempts from the lanes, bridges that are back; out
//! go attempts to free lanes, outcomes to those who wait, writes to the store. Which job is next is
//! [`order`]'s question; the [`crate::store`] is the truth after a crash. The room decides when an
//! instance is free, what becomes of a job whose attempt ended ([`ends`]), and of those that a hub before
//! this one had handed over ([`recover`]).
//!
//! What holds it together, in the order of one job's life:
//! 1. It is acknowledged when the store has it.
//! 2. `leased`, with instance and process, is stored before the lane gets the attempt.
//! 3. Its outcome is stored before anybody is told, and only then may the bridge forget it.
//! 4. A change of it is stored before an instance can get it, so its record says what runs.
//!
//! An attempt is an ordinary call in a lane, with an id of its own ([`record::attempt_id`]); its *front* is
//! the call that people wait for. Locks: a lane's lock may be held when this room's is taken, never the
//! other way round.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use wire::{AppId, CallId, CallerId, Event, InstanceName, JobStatus, Outcome, Problem};

use crate::call::{Call, CallParts};
use crate::callers::Caller;
use crate::feed::Feed;
use crate::history::History;
use crate::hub::Inner as Hub;
use crate::journal::Journal;
use crate::limits;
use crate::secrets::Masking;
use crate::shares::{Bound, Shares};
use crate::store::{self, Attempt, JobChange, JobEnd, JobStore, JobWrite};

mod again;
mod ask;
mod cancel;
mod change;
mod ends;
mod hand;
mod may;
pub mod order;
mod record;
mod recover;
mod settle;
mod together;
mod view;

pub(crate) use ask::JobWish;
pub use ask::{Queued, Storing};
pub(crate) use order::Offer;
pub(crate) use record::ProcessMark;
pub(crate) use recover::Resumed;
pub use view::JobsAsked;

use order::{Millis, Order};
use record::{Open, now_millis};
use recover::Unsettled;

/// Whether the first instruction of an attempt ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It certainly did not.
    No,
    Yes,
    /// Nobody can say.
    Maybe,
}

/// What lanes tell of attempts.
enum News {
    Started(CallId),
    Ended(CallId, Box<Outcome>, Ran),
    /// Its lane was given up, and its process may live on with it.
    Lost(CallId),
}

/// Where the jobs' room writes down and tells.
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) history: Arc<History>,
    pub(crate) masking: Arc<Masking>,
    pub(crate) feed: Arc<Feed>,
}

/// All jobs of a hub.
pub(crate) struct Jobs {
    kept: Kept,
    room: Mutex<Room>,
    wake: Notify,
    /// Some job could run: lanes tell when they are free.
    wanted: AtomicBool,
    tasks: TaskTracker,
    /// A change of some job has ended: others may wait for their turn.
    changed: Notify,
    /// Who has how many jobs open, and how much they hold.
    places: Arc<Shares>,
    bytes: Arc<Shares>,
    /// Held while a job is placed before another.
    placing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Room {
    order: Order,
    open: HashMap<CallId, Open>,
    draining: HashSet<AppId>,
    /// At most two for each attempt under way, of which an instance has one.
    news: Vec<News>,
    /// Attempts whose outcome is not stored yet.
    owed: HashSet<CallId>,
    /// Who has an attempt, or is about to.
    taken: HashMap<InstanceName, CallId>,
    /// Those that the hub itself runs, or is about to.
    by_hub: HashSet<CallId>,
    /// Jobs that a process was given and that nobody has heard of since.
    unsettled: HashMap<CallId, Unsettled>,
    /// Jobs whose change is being made.
    changing: HashSet<CallId>,
    /// What the wall's clock was at the last turn.
    seen: Millis,
}

impl Room {
    /// Looks at the wall's clock. When it was set back, what was put off is put off by no more than it was.
    fn see(&mut self, now: Millis) {
        let was_set_back = now < std::mem::replace(&mut self.seen, now);
        if !was_set_back {
            return;
        }
        for (id, open) in &mut self.open {
            if open.notes.keep_near(now) && !self.order.is_claimed(id) {
                self.order.give_back(id, open.notes.earliest(), now);
            }
        }
    }
}

impl Jobs {
    /// The jobs of a store, as a hub before this one left them; `known`: the callers of all tokens.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) fn open(kept: Kept, known: Vec<CallerId>) -> Result<Self, Problem> {
        let jobs = Self {
            kept,
            room: Mutex::default(),
            wake: Notify::new(),
            wanted: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            changed: Notify::new(),
            places: Shares::new(Bound::alike(
                limits::JOBS_OPEN_MAX,
                limits::JOBS_OPEN_ALL_MAX,
            )),
            bytes: Shares::new(Bound::alike(
                limits::JOBS_BYTES_MAX,
                limits::JOBS_ALL_BYTES_MAX,
            )),
            placing: tokio::sync::Mutex::default(),
        };
        jobs.recover(known)?;
        Ok(jobs)
    }

    /// Hands jobs to free lanes and sees to what becomes of them, for as long as the hub lives.
    pub(crate) async fn run(hub: std::sync::Weak<Hub>) {
        let Some(jobs) = hub.upgrade().map(|hub| Arc::clone(&hub.records.jobs)) else {
            return;
        };
        jobs.look_at_earlier().await;
        loop {
            let wait = match hub.upgrade() {
                Some(hub) => jobs.turn(&hub),
                None => return,
            };
            tokio::select! {
                () = jobs.wake.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// One look at everything. Gives when the next is due.
    fn turn(self: &Arc<Self>, hub: &Arc<Hub>) -> Option<Duration> {
        let news = std::mem::take(&mut self.lock().news);
        for one in news {
            self.hear(hub, one);
        }
        let now = now_millis();
        let late = {
            let mut room = self.lock();
            room.see(now);
            room.order.tick(now)
        };
        for id in late {
            self.end_unclaimed(&id, ends::deadline_passed(&id));
        }
        self.look_at_unsettled();
        let turn = match hub.stopping.is_cancelled() {
            false => self.hand_out(hub),
            true => None,
        };
        let room = self.lock();
        let due = room.order.next_time();
        let due = due.map(|at| Duration::from_millis(at.saturating_sub(now).max(1)));
        let due = due.map(|wait| wait.min(limits::JOB_CLOCK_LOOK));
        let look = (!room.unsettled.is_empty()).then_some(limits::PROCESS_LOOK);
        let turn = turn.map(|at| at.saturating_duration_since(Instant::now()));
        due.into_iter().chain(look).chain(turn).min()
    }

    fn hear(self: &Arc<Self>, hub: &Arc<Hub>, news: News) {
        match news {
            News::Started(attempt) => self.note_started(&attempt),
            News::Ended(attempt, outcome, ran) => self.note_ended(hub, &attempt, *outcome, ran),
            News::Lost(attempt) => {
                let (id, _) = record::job_of(&attempt);
                let mut room = self.lock();
                if let Some(open) = room.open.get(&id) {
                    let unsettled = Unsettled::of(open);
                    room.unsettled.insert(id, unsettled);
                }
            }
        }
    }

    // --- what lanes tell; under their lock, so nothing here waits ---

    pub(crate) fn started(&self, attempt: &CallId) {
        self.lock().news.push(News::Started(attempt.clone()));
        self.wake.notify_one();
    }

    pub(crate) fn ended(&self, attempt: &Arc<Call>, outcome: Outcome, ran: Ran) {
        {
            let mut room = self.lock();
            room.owed.insert(attempt.id.clone());
            let news = News::Ended(attempt.id.clone(), Box::new(outcome), ran);
            room.news.push(news);
        }
        self.wake.notify_one();
    }

    pub(crate) fn lost(&self, attempt: &CallId) {
        self.lock().news.push(News::Lost(attempt.clone()));
        self.wake.notify_one();
    }

    /// Whether that attempt's outcome is still to be stored.
    pub(crate) fn owes(&self, attempt: &CallId) -> bool {
        self.lock().owed.contains(attempt)
    }

    /// A lane has nothing to do. Costs an atomic load when no job waits.
    pub(crate) fn lane_is_free(&self) {
        if self.wanted.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    // --- what the hub asks ---

    /// The call that people wait for, of a job that has not ended.
    pub(crate) fn front(&self, id: &CallId) -> Option<Arc<Call>> {
        let (id, _) = record::job_of(id);
        let mut room = self.lock();
        room.open.get_mut(&id).map(front_of)
    }

    /// Waits until what has ended is stored, so that the hub can leave.
    pub(crate) async fn settle_all(&self, hub: &Arc<Hub>) {
        let news = std::mem::take(&mut self.lock().news);
        for one in news {
            hub.records.jobs.hear(hub, one);
        }
        self.tasks.close();
        tokio::time::timeout(limits::JOBS_SETTLE_TIMEOUT, self.tasks.wait())
            .await
            .ok();
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Says how a job stands now to those who listen.
    fn tell(&self, room: &Room, id: &CallId) {
        if let Some(open) = room.open.get(id) {
            self.kept.feed.tell(|| Event::Job {
                job: Box::new(self.of_open(open)),
            });
        }
    }

    /// Something may run now that could not before: the next turn looks.
    fn look_again(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// What an instance is has changed.
    pub(crate) fn instance_changed(&self) {
        self.look_again();
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// The front of an open job; made when it is first wanted.
fn front_of(open: &mut Open) -> Arc<Call> {
    let job = &open.job;
    let notes = &open.notes;
    let front = open
        .front
        .get_or_insert_with(|| Arc::new(make_front(job, notes)));
    Arc::clone(front)
}

/// A call that stands for a job, as it is stored.
fn make_front(job: &store::Job, notes: &record::Notes) -> Call {
    let parts = CallParts {
        correlation_id: notes.correlation_id.clone(),
        parent_id: None,
        app: job.app.clone(),
        instance: job.instance.clone().unwrap_or_else(|| "".into()),
        command: job.command.clone(),
        effect: wire::Effect::Write,
        concurrent: false,
        // Only who it is is looked at: what it may do is looked up when it runs.
        caller: Caller::known_as(job.caller.clone()),
        timeout: limits::CALL_TIMEOUT_MAX,
        args: Arc::default(),
        marked: Arc::default(),
        revision: None,
        group: None,
    };
    let front = Call::with_id(job.id.clone(), parts)
        .about(notes.subject.clone())
        .front_of_job(job.durability, job.asked_at);
    // The store has what was asked.
    front.show_args(None);
    front
}

/// The front of a job that has ended.
fn ended_front(job: &store::Job) -> Arc<Call> {
    let front = make_front(job, &record::Notes::of(job));
    let body = job.outcome.as_deref().cloned();
    let problem = job.end.as_ref().and_then(|end| end.problem.clone());
    let outcome = Outcome {
        status: ends::call_status(job.status, problem.as_ref()),
        value: body.as_ref().map_or(Value::Null, |body| body.value.clone()),
        output: body
            .as_ref()
            .map(|body| body.output.clone())
            .unwrap_or_default(),
        duration_ms: job.end.as_ref().map_or(0.0, |end| end.duration_ms),
        changes: body
            .as_ref()
            .map(|body| body.changes.clone())
            .unwrap_or_default(),
        memory: body.as_ref().map(|body| body.memory).unwrap_or_default(),
        problem,
    };
    if job.attempt > 0 {
        front.set_started();
    }
    front.settle(outcome);
    Arc::new(front)
}

/// What is written when an attempt has ended.
fn attempt_row(open: &Open, status: JobStatus, problem: Option<Problem>) -> Option<JobWrite> {
    let instance = open.job.lease.as_ref()?.instance.clone();
    let ended = status.is_end().then(OffsetDateTime::now_utc);
    let row = Attempt {
        number: open.job.attempt,
        instance,
        started_at: open.handed_at.unwrap_or_else(OffsetDateTime::now_utc),
        ended_at: ended,
        status,
        problem,
    };
    Some(JobWrite::Attempt(open.job.id.clone(), Box::new(row)))
}

/// The change that gives a job its end.
fn end_change(masking: &Masking, id: &CallId, status: JobStatus, outcome: &Outcome) -> JobChange {
    let body = masking.outcome(&Arc::new(outcome.clone().into()));
    let end = JobEnd {
        at: OffsetDateTime::now_utc(),
        duration_ms: outcome.duration_ms,
        problem: body.problem.clone(),
    };
    JobChange {
        status: Some(status),
        lease: Some(None),
        end: Some(Some(end)),
        outcome: Some(Some(body)),
        ..JobChange::of(id)
    }
}
