//! Jobs as doors show them: one, or a page of many with counts.
//!
//! In come rows of the store and jobs in memory; out come views. What is in memory is newer than what the
//! store has and goes over it. It changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use wire::job::{Attempt, QueueView};
use wire::{
    AppId, CallId, CallerId, CallerName, InstanceName, JobPage, JobStatus, JobView, Problem,
};

use super::handles::ended_handle;
use super::order::{Held, Needs, Offer};
use super::problems::unknown;
use super::reach::Reach;
use super::record::{Notes, Open};
use super::state::{Jobs, Room};
use crate::call::Call;
use crate::clock::rfc3339;
use crate::clock::{now_millis, rfc3339_of};
use crate::limits;
use crate::store::{self, JobsWanted, Parts};

/// Which jobs a list shows.
#[derive(Clone, Debug, Default)]
pub struct JobsAsked {
    pub statuses: Vec<JobStatus>,
    pub app: Option<AppId>,
    pub instance: Option<InstanceName>,
    pub caller: Option<CallerName>,
    /// Only those of this caller, by its token.
    pub owner: Option<CallerId>,
    pub label: Option<(String, String)>,
    pub limit: usize,
    pub cursor: Option<String>,
    /// Queued ones in the order in which they stand, instead of all by age.
    pub in_queue_order: bool,
}

/// What a job waits for, as far as the instances are concerned.
struct Around {
    offers: Vec<Offer>,
    positions: HashMap<CallId, usize>,
    now: u64,
}

impl Jobs {
    /// One job in whole, and whose it is.
    pub(crate) async fn show(
        &self,
        reach: &Reach,
        id: &CallId,
    ) -> Result<(JobView, CallerId), Problem> {
        let store = &self.kept.store;
        let whole = store.job(id, Parts::ALL).await?;
        let attempts = store.attempts(id).await?;
        let mut whole = whole.ok_or_else(|| unknown(id))?;
        let args = whole.args.take();
        let offers = offers(reach);
        let room = self.lock();
        let around = Around::of(offers, &room);
        let mut told = match room.open.get(id) {
            Some(open) => with_reason(self.of_open(open), open, &room, &around),
            None => of_row(&whole, &Notes::of(&whole)),
        };
        drop(room);
        if let Some(outcome) = &whole.outcome
            && told.status.is_end()
        {
            told.value = Some(outcome.value.clone());
            told.output = Some(outcome.output.clone());
            told.changes = Some(outcome.changes.clone());
            told.memory = Some(outcome.memory);
        }
        told.started_at = attempts.last().map(|last| rfc3339(last.started_at));
        told.attempts = Some(attempts.into_iter().map(of_attempt).collect());
        told.args = args.map(|args| (*args).clone());
        Ok((told, whole.caller))
    }

    /// A page of jobs.
    pub(crate) async fn list(&self, reach: &Reach, asked: JobsAsked) -> Result<JobPage, Problem> {
        let store = &self.kept.store;
        let counts = store.counts(asked.app.clone()).await?;
        let (jobs, next_cursor) = if asked.in_queue_order {
            self.queue_page(reach, &asked)
        } else {
            let wanted = JobsWanted {
                statuses: asked.statuses.clone(),
                app: asked.app.clone(),
                instance: asked.instance.clone(),
                caller: asked.caller.clone(),
                owner: asked.owner.clone(),
                label: asked.label.clone(),
                limit: asked.limit.clamp(1, limits::JOBS_PAGE_MAX),
                cursor: asked.cursor.clone(),
            };
            let page = store.list(wanted).await?;
            let offers = offers(reach);
            let room = self.lock();
            let around = Around::of(offers, &room);
            let told = page.jobs.iter().map(|job| match room.open.get(&job.id) {
                Some(open) => with_reason(self.of_open(open), open, &room, &around),
                None => of_row(job, &Notes::of(job)),
            });
            (told.collect(), page.next_cursor)
        };
        Ok(JobPage {
            jobs,
            next_cursor,
            counts,
            queues: self.queues(reach),
        })
    }

    /// A job that has ended, as the call that people waited for.
    pub(crate) async fn ended_call(&self, id: &CallId) -> Option<Arc<Call>> {
        let store = &self.kept.store;
        let (id, _) = super::record::job_of(id);
        let parts = Parts {
            args: false,
            outcome: true,
        };
        let found = store.job(&id, parts).await.ok()??;
        if let Some(handle) = self.handle(&id) {
            return Some(handle);
        }
        found.status.is_end().then(|| ended_handle(&found))
    }

    /// Jobs that have not ended, those that are next first, for who begins to listen.
    pub(crate) fn snapshot(&self, reach: &Reach) -> Vec<JobView> {
        let offers = offers(reach);
        let room = self.lock();
        let around = Around::of(offers, &room);
        let with_instances = room
            .open
            .values()
            .filter(|open| room.order.is_claimed(&open.job.id));
        let queued = room.order.queue().filter_map(|id| room.open.get(id));
        with_instances
            .chain(queued)
            .take(limits::SNAPSHOT_CALLS_MAX)
            .map(|open| with_reason(self.of_open(open), open, &room, &around))
            .collect()
    }

    /// The place of a queued job, and why it waits.
    pub(crate) fn place_of(&self, id: &CallId) -> Option<usize> {
        let room = self.lock();
        let app = &room.open.get(id)?.job.app;
        let ahead = room.order.queue_of(app);
        ahead
            .take(limits::JOBS_POSITIONS_MAX)
            .position(|other| other == id)
    }

    fn queue_page(&self, reach: &Reach, asked: &JobsAsked) -> (Vec<JobView>, Option<String>) {
        let offers = offers(reach);
        let room = self.lock();
        let around = Around::of(offers, &room);
        let limit = asked.limit.clamp(1, limits::JOBS_PAGE_MAX);
        let mut queue = room
            .order
            .queue()
            .filter_map(|id| room.open.get(id))
            .filter(|open| asked.takes(&open.job));
        if let Some(cursor) = &asked.cursor {
            // Behind the one that was last told; if it has left the queue, from the handle again.
            let is_there = room.order.entry(&cursor.as_str().into()).is_some();
            if is_there {
                queue.by_ref().find(|open| open.job.id.as_str() == cursor);
            }
        }
        let page: Vec<&Open> = queue.by_ref().take(limit).collect();
        let more = queue.next().is_some();
        let cursor = page
            .last()
            .filter(|_| more)
            .map(|open| open.job.id.to_string());
        let told = page
            .into_iter()
            .map(|open| with_reason(self.of_open(open), open, &room, &around))
            .collect();
        (told, cursor)
    }

    /// A job in memory, as its row would be told: to everybody, so without secrets.
    pub(super) fn of_open(&self, open: &Open) -> JobView {
        let mut told = of_row(&open.job, &open.notes);
        told.progress = open
            .handle
            .as_ref()
            .and_then(|handle| handle.stage().progress);
        if let Some(progress) = &mut told.progress {
            self.kept.masking.progress(progress);
        }
        if open.job.status != JobStatus::Queued {
            told.started_at = open.handed_at.map(rfc3339);
        }
        told
    }

    /// How the queue of each app stands.
    pub(crate) fn queues(&self, reach: &Reach) -> Vec<QueueView> {
        let apps = reach.catalog.apps();
        let room = self.lock();
        let apps = apps.iter().map(|app| app.id.clone());
        apps.map(|app| QueueView {
            paused: room.order.is_app_paused(&app),
            draining: room.draining.contains(&app),
            app,
        })
        .collect()
    }
}

impl JobsAsked {
    fn takes(&self, job: &store::Job) -> bool {
        let fits_label = |(name, value): &(String, String)| job.labels.get(name) == Some(value);
        (self.statuses.is_empty() || self.statuses.contains(&job.status))
            && self.app.as_ref().is_none_or(|app| *app == job.app)
            && self
                .instance
                .as_ref()
                .is_none_or(|name| job.instance.as_ref() == Some(name))
            && self
                .caller
                .as_ref()
                .is_none_or(|name| *name == job.caller.name())
            && self.owner.as_ref().is_none_or(|id| *id == job.caller)
            && self.label.as_ref().is_none_or(fits_label)
    }
}

/// What all instances are. Before the room's lock is taken: the roster has locks of its own.
fn offers(reach: &Reach) -> Vec<Offer> {
    let all = reach.roster.all();
    all.iter().map(|instance| instance.offer()).collect()
}

impl Around {
    fn of(offers: Vec<Offer>, room: &Room) -> Self {
        let mut positions = HashMap::new();
        let mut of_app: HashMap<AppId, usize> = HashMap::new();
        for id in room.order.queue() {
            let Some(entry) = room.order.entry(id) else {
                continue;
            };
            let place = of_app.entry(entry.needs.app.clone()).or_default();
            if *place < limits::JOBS_POSITIONS_MAX {
                positions.insert(id.clone(), *place);
            }
            *place += 1;
            if positions.len() >= limits::JOBS_POSITIONS_MAX {
                break;
            }
        }
        Self {
            offers,
            positions,
            now: now_millis(),
        }
    }

    /// Why a job that could run does not.
    fn why_ready(&self, needs: &Needs) -> String {
        let select = wire::job::Select {
            version: needs.version.clone(),
            mode: needs.mode,
            label: needs.label.clone(),
            file: needs.file.clone(),
        };
        let of_app: Vec<&Offer> = self
            .offers
            .iter()
            .filter(|offer| offer.app == needs.app)
            .collect();
        if let Some(name) = &needs.instance {
            return match of_app.iter().any(|offer| offer.instance == *name) {
                true => format!("waiting for `{name}` to become free"),
                false => format!("`{name}` is not running"),
            };
        }
        if of_app.is_empty() {
            return format!("no {} is running; it waits until one is started", needs.app);
        }
        match of_app.iter().any(|offer| offer.fits(&select)) {
            true => format!("waiting for an instance of {} to become free", needs.app),
            false => format!(
                "no running instance of {} fits what the job selects",
                needs.app
            ),
        }
    }
}

/// Adds where it stands in its queue and what it waits for.
fn with_reason(mut told: JobView, open: &Open, room: &Room, around: &Around) -> JobView {
    let id = &open.job.id;
    if let Some(unsettled) = room.unsettled.get(id) {
        told.why = Some(format!(
            "{} had it when the hub or the link was lost; waiting to hear from it",
            unsettled.who()
        ));
        return told;
    }
    if told.status != JobStatus::Queued {
        return told;
    }
    told.position = around.positions.get(id).copied();
    told.why = Some(match room.order.held(id, around.now) {
        Some(Held::Paused) => "it is paused".to_owned(),
        Some(Held::After(earlier)) => format!("waiting for {earlier}"),
        Some(Held::Until(at)) if open.notes.again_at == Some(at) => {
            format!("will be tried again at {}", rfc3339_of(at))
        }
        Some(Held::Until(at)) => format!("not before {}", rfc3339_of(at)),
        None if room.order.is_app_paused(&open.job.app) => {
            format!("the queue of {} is paused", open.job.app)
        }
        None => match room.order.entry(id) {
            Some(entry) => around.why_ready(&entry.needs),
            None => String::new(),
        },
    });
    told
}

/// A job as the store has it.
fn of_row(job: &store::Job, notes: &Notes) -> JobView {
    let end = job.end.as_ref();
    JobView {
        call_id: job.id.clone(),
        correlation_id: notes.correlation_id.clone(),
        app: job.app.clone(),
        instance: job.instance.clone(),
        command: job.command.clone(),
        subject: notes.subject.clone(),
        caller: job.caller.name().to_string(),
        status: job.status,
        why: notes.why.clone().filter(|_| job.status == JobStatus::Dead),
        asked_at: rfc3339(job.asked_at),
        started_at: None,
        ended_at: end.map(|end| rfc3339(end.at)),
        position: None,
        progress: None,
        priority: job.priority,
        not_before: notes.not_before.map(rfc3339_of),
        deadline: notes.deadline.map(rfc3339_of),
        timeout_ms: notes.timeout_ms,
        retry: notes.retry,
        idempotency_key: job.key.as_ref().map(|key| key.text.clone()),
        labels: job.labels.clone(),
        after: notes.after.clone(),
        select: notes.select.clone(),
        durability: job.durability,
        attempt: job.attempt,
        paused: job.paused,
        value: None,
        output: None,
        duration_ms: end.map(|end| end.duration_ms),
        changes: None,
        memory: None,
        problem: end.and_then(|end| end.problem.clone()),
        attempts: None,
        args: None,
    }
}

fn of_attempt(row: store::Attempt) -> Attempt {
    Attempt {
        attempt: row.number,
        instance: row.instance,
        started_at: rfc3339(row.started_at),
        ended_at: row.ended_at.map(rfc3339),
        status: row.status,
        problem: row.problem,
    }
}
