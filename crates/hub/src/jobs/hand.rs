//! Jobs to free lanes, and what is done when an attempt has ended.
//!
//! Each hand-over and each end is a task of its own, so that a slow disk under one does not hold up the
//! others. What a task finds changed meanwhile (the instance is another process, somebody cancelled, the
//! caller's token is gone) it acts upon before the lane gets the attempt.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::time::Instant;
use wire::{AppId, CallId, Code, Event, InstanceName, JobStatus, Mode, Outcome, Problem, Status};

use super::ends::{self, Next};
use super::order::{Millis, Offer};
use super::record::{ProcessMark, attempt_id, job_of, now_millis};
use super::{Jobs, Ran, Room, attempt_row, end_change, front_of};
use crate::call::{Call, CallParts};
use crate::callers::Scope;
use crate::conduct::{self, HUB};
use crate::hub::Inner as Hub;
use crate::limits;
use crate::policy;
use crate::roster::Instance;
use crate::store::{JobChange, JobWrite, Lease, Parts, Stored};

/// A job on its way to a lane.
struct Handed {
    id: CallId,
    number: u32,
    host: Host,
}

/// Who runs it.
enum Host {
    Instance(Arc<Instance>, ProcessMark),
    /// The hub's side of its app.
    Hub,
}

impl Host {
    fn name(&self) -> InstanceName {
        match self {
            Self::Instance(instance, _) => instance.name.clone(),
            Self::Hub => HUB.into(),
        }
    }

    fn process(&self) -> String {
        match self {
            Self::Instance(_, process) => process.to_text(),
            Self::Hub => String::new(),
        }
    }
}

impl Jobs {
    /// A job for every lane that may have one. Lanes that may not tell when they are free, if there is a job for them.
    /// Gives when the first of those may have one all the same.
    pub(super) fn hand_out(self: &Arc<Self>, hub: &Arc<Hub>) -> Option<Instant> {
        // Before the look: who gets free meanwhile is looked at again.
        self.wanted.store(true, Ordering::SeqCst);
        let (mut wanted, mut next) = (false, None::<Instant>);
        for instance in hub.roster.all() {
            let offer = instance.offer();
            let (has_one, has_for) = {
                let room = self.lock();
                let has_one = room.taken.contains_key(&instance.name);
                (has_one, room.order.has_for(&offer))
            };
            if has_one {
                continue;
            }
            if !has_for {
                instance.lane.no_job_waits();
                continue;
            }
            match instance.lane.job_may_come() {
                Some(at) if at <= Instant::now() => {
                    if let Some(process) = instance.process() {
                        self.give(hub, Host::Instance(Arc::clone(&instance), process), &offer);
                    }
                }
                later => {
                    wanted = true;
                    next = next.into_iter().chain(later).min();
                }
            }
        }
        for app in hub.catalog.apps() {
            let offer = offer_of_hub(&app.id);
            while self.lock().by_hub.len() < limits::CONDUCTED_MAX
                && self.give(hub, Host::Hub, &offer)
            {}
        }
        self.wanted.store(wanted, Ordering::SeqCst);
        next
    }

    /// Gives a host the job that is next for it; `false` when there is none.
    fn give(self: &Arc<Self>, hub: &Arc<Hub>, host: Host, offer: &Offer) -> bool {
        let Some((handed, stored)) = self.lease(host, offer) else {
            return false;
        };
        let (jobs, hub) = (Arc::clone(self), Arc::clone(hub));
        self.tasks
            .spawn(async move { jobs.hand_over(&hub, handed, stored).await });
        true
    }

    /// Chooses the job for a host, and has it stored that it is leased.
    fn lease(&self, host: Host, offer: &Offer) -> Option<(Handed, Stored)> {
        let name = host.name();
        let mut room = self.lock();
        let room = &mut *room;
        let id = room.order.claim(offer)?;
        let open = room.open.get_mut(&id)?;
        let lease = Lease {
            instance: name.clone(),
            process: host.process(),
        };
        open.job.attempt += 1;
        open.job.status = JobStatus::Leased;
        open.job.instance = Some(name.clone());
        open.job.lease = Some(lease.clone());
        open.handed_at = Some(OffsetDateTime::now_utc());
        let front = front_of(open);
        front.set_instance(&name);
        self.kept.journal.asked(&front);
        let change = JobChange {
            status: Some(JobStatus::Leased),
            instance: Some(Some(name.clone())),
            attempt: Some(open.job.attempt),
            lease: Some(Some(lease)),
            ..JobChange::of(&id)
        };
        let mut writes = vec![JobWrite::Change(Box::new(change))];
        writes.extend(attempt_row(open, JobStatus::Leased, None));
        let stored = self.kept.store.write(writes, open.job.durability);
        let handed = Handed {
            id: id.clone(),
            number: open.job.attempt,
            host,
        };
        match handed.host {
            Host::Instance(..) => drop(room.taken.insert(name, id.clone())),
            Host::Hub => drop(room.by_hub.insert(id.clone())),
        }
        self.tell(room, &id);
        Some((handed, stored))
    }

    async fn hand_over(self: Arc<Self>, hub: &Arc<Hub>, handed: Handed, stored: Stored) {
        let id = handed.id.clone();
        let args = async {
            let job = self.kept.store.job(
                &id,
                Parts {
                    args: true,
                    outcome: false,
                },
            );
            let args = job.await?.and_then(|job| job.args);
            args.ok_or_else(|| Problem::new(Code::JOB_UNKNOWN, format!("{id} is not stored.")))
        };
        let (stored, args) = tokio::join!(stored, args);
        let args = match stored.and(args) {
            Ok(args) => args,
            Err(problem) => {
                tracing::warn!(job = %id, %problem, "a job cannot be handed over");
                return self.not_handed(hub, &handed, limits::JOB_STORE_AGAIN);
            }
        };
        match self.attempt(hub, &handed, args) {
            Ok(call) => self.submit(hub, &handed, &call),
            // It would end the same way on any instance.
            Err(outcome) => {
                self.finish(hub, &id, &attempt_id(&id, handed.number), outcome, Ran::No);
            }
        }
    }

    /// The attempt as a call, if everything still allows it.
    fn attempt(
        &self,
        hub: &Hub,
        handed: &Handed,
        args: Arc<Map<String, Value>>,
    ) -> Result<Arc<Call>, Box<Outcome>> {
        let mut room = self.lock();
        let Some(open) = room.open.get_mut(&handed.id) else {
            return Err(Box::new(ends::cancelled()));
        };
        if open.cancelled {
            return Err(Box::new(ends::cancelled()));
        }
        let front = front_of(open);
        let (app, command) = (open.job.app.clone(), open.job.command.clone());
        let (name, notes) = (open.job.caller.clone(), open.notes.clone());
        drop(room);
        let refuse = |problem: Problem| {
            let status = if problem.code == Code::FORBIDDEN {
                Status::Cancelled
            } else {
                Status::Failed
            };
            Box::new(Outcome::without_value(status, problem))
        };
        let command = find_command(hub, &app, &command).map_err(refuse)?;
        let caller = hub.callers.named(&name).ok_or_else(|| {
            refuse(
                Problem::new(
                    Code::FORBIDDEN,
                    format!(
                        "The token `{name}` that asked for this job was taken back; nothing ran."
                    ),
                )
                .hint("Somebody who may can ask for it again."),
            )
        })?;
        policy::require(&caller, Scope::from(command.spec.effect), || {
            format!("run `{}` any more", command.spec.name)
        })
        .map_err(refuse)?;
        let args = command.check((*args).clone()).map_err(refuse)?;
        let timeout = time_left(notes.deadline, timeout_of(&command, notes.timeout_ms))
            .ok_or_else(|| Box::new(ends::deadline_passed(&handed.id)))?;
        let parts = CallParts {
            correlation_id: None,
            app,
            parent_id: None,
            instance: handed.host.name(),
            command: command.spec.name.clone(),
            effect: command.spec.effect,
            concurrent: command.spec.concurrent,
            caller,
            timeout,
            args: Arc::new(args),
            revision: notes.revision,
            marked: Arc::clone(&command.marked),
            group: notes.group,
        };
        let call = Call::with_id(attempt_id(&handed.id, handed.number), parts);
        Ok(Arc::new(call.attempt_of(&front)))
    }

    fn submit(self: &Arc<Self>, hub: &Arc<Hub>, handed: &Handed, call: &Arc<Call>) {
        let taken = match &handed.host {
            Host::Hub => conduct::begin(hub, call).is_ok(),
            Host::Instance(instance, process) => {
                instance.process().as_ref() == Some(process)
                    && instance.lane.submit_job(call).is_ok()
            }
        };
        if !taken {
            return self.not_handed(hub, handed, limits::JOB_AGAIN_UNSTARTED);
        }
        let cancelled = self
            .lock()
            .open
            .get(&handed.id)
            .is_some_and(|open| open.cancelled);
        match &handed.host {
            _ if !cancelled => {}
            Host::Hub => drop(hub.conductors.cancel(&call.id)),
            Host::Instance(instance, _) => drop(instance.lane.cancel(&call.id)),
        }
    }

    /// The lane never had it.
    fn not_handed(self: &Arc<Self>, hub: &Arc<Hub>, handed: &Handed, again: Duration) {
        let attempt = attempt_id(&handed.id, handed.number);
        let cancelled = self.free(&handed.id, &attempt);
        if cancelled {
            return self.finish(
                hub,
                &handed.id,
                &attempt,
                Box::new(ends::cancelled()),
                Ran::No,
            );
        }
        let next = Next::Again {
            after_ms: crate::call::millis(again),
            retries: self.notes_of(&handed.id, |notes| notes.retries),
            crashes: self.notes_of(&handed.id, |notes| notes.crashes),
        };
        self.keep(hub, &handed.id, &attempt, ends::never_seen(), next);
    }

    pub(super) fn note_started(&self, attempt: &CallId) {
        let (id, number) = job_of(attempt);
        let mut room = self.lock();
        let Some(open) = room.open.get_mut(&id) else {
            return;
        };
        if open.job.attempt != number || open.job.status != JobStatus::Leased {
            return;
        }
        open.job.status = JobStatus::Running;
        let change = JobChange {
            status: Some(JobStatus::Running),
            ..JobChange::of(&id)
        };
        let change = JobWrite::Change(Box::new(change));
        let row = attempt_row(open, JobStatus::Running, None);
        // Nobody waits for it: after a crash leased and running are decided about alike.
        let writes = std::iter::once(change).chain(row).collect();
        drop(self.kept.store.write(writes, wire::Durability::Journal));
        self.tell(&room, &id);
    }

    pub(super) fn note_ended(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        attempt: &CallId,
        outcome: Outcome,
        ran: Ran,
    ) {
        let (id, number) = job_of(attempt);
        let known = self
            .lock()
            .open
            .get(&id)
            .is_some_and(|open| open.job.attempt == number);
        if !known {
            self.lock().owed.remove(attempt);
            return;
        }
        self.finish(hub, &id, attempt, Box::new(outcome), ran);
    }

    /// An attempt is over: decides, and has it stored.
    pub(super) fn finish(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        id: &CallId,
        attempt: &CallId,
        outcome: Box<Outcome>,
        ran: Ran,
    ) {
        let cancelled = self.free(id, attempt);
        let next = {
            let room = self.lock();
            let Some(open) = room.open.get(id) else {
                return;
            };
            ends::next(&open.notes, cancelled, &outcome, ran)
        };
        self.keep(hub, id, attempt, *outcome, next);
    }

    /// The instance of a job has nothing of it any more. Whether somebody wants it to end.
    fn free(&self, id: &CallId, attempt: &CallId) -> bool {
        let mut room = self.lock();
        room.owed.insert(attempt.clone());
        room.taken.retain(|_, job| job != id);
        room.by_hub.remove(id);
        room.unsettled.remove(id);
        self.wake.notify_one();
        room.open.get(id).is_some_and(|open| open.cancelled)
    }

    /// Has the store keep what came of an attempt, however long that takes, and then tells.
    fn keep(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        id: &CallId,
        attempt: &CallId,
        outcome: Outcome,
        next: Next,
    ) {
        let (jobs, hub) = (Arc::clone(self), Arc::clone(hub));
        let (id, attempt) = (id.clone(), attempt.clone());
        // Handed over here, so that writes are in the order of what happened.
        let first = jobs.write_end(&id, &outcome, &next);
        self.tasks.spawn(async move {
            let mut stored = first;
            loop {
                let Some(write) = stored else { return };
                match write.await {
                    Ok(()) => break,
                    Err(problem) => {
                        tracing::warn!(job = %id, %problem, "the end of an attempt is not stored yet");
                    }
                }
                tokio::time::sleep(limits::JOB_STORE_AGAIN).await;
                stored = jobs.write_end(&id, &outcome, &next);
            }
            jobs.stored(&hub, &id, &attempt, outcome, next);
        });
    }

    fn write_end(&self, id: &CallId, outcome: &Outcome, next: &Next) -> Option<Stored> {
        let mut room = self.lock();
        let open = room.open.get_mut(id)?;
        let status = JobStatus::from(outcome.status);
        let masking = &self.kept.masking;
        let mut problem = outcome.problem.clone();
        if let Some(problem) = &mut problem {
            masking.problem(problem);
        }
        let row = attempt_row(open, status, problem);
        let mut notes = open.notes.clone();
        let change = match next {
            Next::End(JobStatus::Dead) => {
                notes.why = Some(ends::why_dead(&notes, outcome));
                JobChange {
                    request: Some(notes.to_map()),
                    ..end_change(masking, id, JobStatus::Dead, outcome)
                }
            }
            Next::End(status) => end_change(masking, id, *status, outcome),
            Next::Again {
                after_ms,
                retries,
                crashes,
            } => {
                notes.again_at = Some(now_millis() + after_ms);
                (notes.retries, notes.crashes) = (*retries, *crashes);
                JobChange {
                    status: Some(JobStatus::Queued),
                    instance: Some(notes.instance.clone()),
                    lease: Some(None),
                    request: Some(notes.to_map()),
                    ..JobChange::of(id)
                }
            }
        };
        open.notes = notes;
        let writes = std::iter::once(JobWrite::Change(Box::new(change))).chain(row);
        Some(self.kept.store.write(writes.collect(), open.job.durability))
    }

    /// The store has what came of an attempt: everybody may know it, and the bridge may forget it.
    fn stored(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        id: &CallId,
        attempt: &CallId,
        outcome: Outcome,
        next: Next,
    ) {
        let instance = {
            let mut room = self.lock();
            room.owed.remove(attempt);
            let lease = room.open.get(id).and_then(|open| open.job.lease.clone());
            lease.map(|lease| lease.instance)
        };
        match next {
            Next::End(status) => self.ended_for_good(id, status, outcome),
            Next::Again { .. } => self.again(id),
        }
        if let Some(instance) = instance.and_then(|name| hub.roster.find(&name)) {
            instance.lane.acknowledge(attempt);
        }
        self.wake.notify_one();
    }

    fn again(&self, id: &CallId) {
        let mut room = self.lock();
        let room = &mut *room;
        let Some(open) = room.open.get_mut(id) else {
            return;
        };
        open.job.status = JobStatus::Queued;
        open.job.lease = None;
        open.job.instance.clone_from(&open.notes.instance);
        if let Some(front) = &open.front {
            front.set_queued();
        }
        let earliest = open.notes.earliest();
        room.order.give_back(id, earliest, now_millis());
        self.tell(room, id);
    }

    /// A job that no instance has ends. It is told when the store has it.
    pub(super) fn end_unclaimed(self: &Arc<Self>, id: &CallId, outcome: Outcome) {
        let Some(stored) = self.write_unclaimed_end(id, &outcome) else {
            return;
        };
        let (jobs, id) = (Arc::clone(self), id.clone());
        self.tasks.spawn(async move {
            let mut stored = stored;
            while let Err(problem) = stored.await {
                tracing::warn!(job = %id, %problem, "the end of a job is not stored yet");
                tokio::time::sleep(limits::JOB_STORE_AGAIN).await;
                match jobs.write_unclaimed_end(&id, &outcome) {
                    Some(again) => stored = again,
                    None => return,
                }
            }
            jobs.ended_for_good(&id, outcome.status.into(), outcome);
        });
    }

    /// From here on no instance gets it, whatever the store says.
    fn write_unclaimed_end(&self, id: &CallId, outcome: &Outcome) -> Option<Stored> {
        let mut room = self.lock();
        if room.order.is_claimed(id) {
            return None;
        }
        room.order.hold(id);
        let durability = room.open.get(id)?.job.durability;
        let change = end_change(&self.kept.masking, id, outcome.status.into(), outcome);
        let write = JobWrite::Change(Box::new(change));
        Some(self.kept.store.write(vec![write], durability))
    }

    /// It is stored that a job has ended: those who wait are told, and those that come after it.
    fn ended_for_good(self: &Arc<Self>, id: &CallId, status: JobStatus, outcome: Outcome) {
        let followers = {
            let mut room = self.lock();
            let room = &mut *room;
            let Some(open) = room.open.get_mut(id) else {
                return;
            };
            open.job.status = status;
            open.job.lease = None;
            let end = crate::store::JobEnd {
                at: OffsetDateTime::now_utc(),
                duration_ms: outcome.duration_ms,
                problem: outcome.problem.clone(),
            };
            open.job.end = Some(end);
            let front = front_of(open);
            self.tell(room, id);
            if open_never_ran(room, id) {
                self.kept.journal.asked(&front);
            }
            if front.settle(outcome) {
                self.kept.journal.ended(&front);
                self.kept.history.ended(&front);
                self.kept.feed.tell(|| Event::CallEnded {
                    call: Box::new(front.view()),
                });
            }
            room.open.remove(id);
            room.order.take(id);
            if status == JobStatus::Succeeded {
                room.order.succeeded(id, now_millis());
                Vec::new()
            } else {
                room.order.followers(id)
            }
        };
        for follower in followers {
            self.end_unclaimed(&follower, ends::after_failed(id, status));
        }
        self.wake.notify_one();
    }

    fn notes_of(&self, id: &CallId, what: impl Fn(&super::record::Notes) -> u32) -> u32 {
        let room = self.lock();
        room.open.get(id).map_or(0, |open| what(&open.notes))
    }
}

fn open_never_ran(room: &Room, id: &CallId) -> bool {
    room.open.get(id).is_some_and(|open| open.job.attempt == 0)
}

fn find_command(
    hub: &Hub,
    app: &AppId,
    command: &str,
) -> Result<Arc<crate::catalog::Command>, Problem> {
    Ok(Arc::clone(hub.catalog.app(app)?.command(command)?))
}

fn timeout_of(command: &crate::catalog::Command, asked_ms: Option<u64>) -> Duration {
    let asked = asked_ms.or(command.spec.timeout_ms);
    asked.map_or(limits::CALL_TIMEOUT_DEFAULT, Duration::from_millis)
}

/// What a deadline leaves of a time limit; nothing when it has passed.
fn time_left(deadline: Option<Millis>, timeout: Duration) -> Option<Duration> {
    let Some(deadline) = deadline else {
        return Some(timeout);
    };
    let left = Duration::from_millis(deadline.saturating_sub(now_millis()));
    (!left.is_zero()).then(|| timeout.min(left))
}

/// What the hub has to offer to a job of an app: itself, to those that need nothing else.
fn offer_of_hub(app: &AppId) -> Offer {
    Offer {
        app: app.clone(),
        instance: HUB.into(),
        version: None,
        mode: Mode::Background,
        labels: Vec::new(),
        file: None,
        is_reserved: true,
    }
}

/// Where an instance is that has a job.
pub(super) fn lane_of(hub: &Hub, instance: &InstanceName) -> Option<Arc<Instance>> {
    hub.roster.find(instance)
}
