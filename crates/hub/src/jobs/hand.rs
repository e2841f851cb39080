//! Jobs to free lanes.
//!
//! Each hand-over is a task of its own, so that a slow disk under one does not hold up the others. What a task finds changed meanwhile (the instance is another process, somebody cancelled, the
//! caller's token is gone) it acts upon before the lane gets the attempt.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::time::Instant;
use wire::{AppId, CallId, Code, InstanceName, JobStatus, Mode, Outcome, Problem, Status};

use super::ends::{self, Next};
use super::handles::handle_of;
use super::order::{Millis, Offer};
use super::reach::Reach;
use super::record::attempt_id;
use super::rows::attempt_row;
use super::state::Jobs;
use crate::call::{Call, CallParts};
use crate::callers::{self, Scope};
use crate::clock::now_millis;
use crate::corridor::{HUB, Ran};
use crate::instance::Instance;
use crate::limits;
use crate::policy::{self, Policy};
use crate::process::ProcessMark;
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

    /// Whether the process that was to run it is out of reach, or another one has its place.
    fn has_left(&self) -> bool {
        match self {
            Self::Instance(instance, process) => {
                instance.process().as_ref() != Some(process) || !instance.lane.is_up()
            }
            Self::Hub => false,
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
    pub(super) fn hand_out(self: &Arc<Self>, reach: &Arc<Reach>) -> Option<Instant> {
        // Before the look: who gets free meanwhile is looked at again.
        self.wanted.store(true, Ordering::SeqCst);
        let (mut wanted, mut next) = (false, None::<Instant>);
        for instance in reach.roster.all() {
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
                        self.give(
                            reach,
                            Host::Instance(Arc::clone(&instance), process),
                            &offer,
                        );
                    }
                }
                later => {
                    wanted = true;
                    next = next.into_iter().chain(later).min();
                }
            }
        }
        for app in reach.catalog.apps() {
            let offer = offer_of_hub(&app.id);
            while self.lock().by_hub.len() < limits::CONDUCTED_MAX
                && self.give(reach, Host::Hub, &offer)
            {}
        }
        self.wanted.store(wanted, Ordering::SeqCst);
        next
    }

    /// Gives a host the job that is next for it; `false` when there is none.
    fn give(self: &Arc<Self>, reach: &Arc<Reach>, host: Host, offer: &Offer) -> bool {
        let Some((handed, stored)) = self.lease(host, offer) else {
            return false;
        };
        let (jobs, reach) = (Arc::clone(self), Arc::clone(reach));
        self.tasks
            .spawn(async move { jobs.hand_over(&reach, handed, stored).await });
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
        let handle = handle_of(open);
        handle.set_instance(&name);
        self.kept.journal.asked(&handle);
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

    async fn hand_over(self: Arc<Self>, reach: &Arc<Reach>, handed: Handed, stored: Stored) {
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
                return self.not_handed(reach, &handed, limits::JOB_STORE_AGAIN);
            }
        };
        match self.attempt(reach, &handed, args) {
            Ok(call) => self.submit(reach, &handed, &call),
            // Its instance has left and taken its commands along: what was found says nothing about the job.
            Err(_) if handed.host.has_left() => {
                self.not_handed(reach, &handed, limits::JOB_AGAIN_UNSTARTED);
            }
            // It would end the same way on any instance.
            Err(outcome) => {
                self.finish(
                    reach,
                    &id,
                    &attempt_id(&id, handed.number),
                    outcome,
                    Ran::No,
                );
            }
        }
    }

    /// The attempt as a call, if everything still allows it.
    fn attempt(
        &self,
        reach: &Reach,
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
        let handle = handle_of(open);
        let (app, command) = (open.job.app.clone(), open.job.command.clone());
        let (owner, notes) = (open.job.caller.clone(), open.notes.clone());
        drop(room);
        let refuse = |problem: Problem| {
            let may_not = [Code::FORBIDDEN, Code::CONFIRMATION_REQUIRED].contains(&problem.code);
            let status = if may_not {
                Status::Cancelled
            } else {
                Status::Failed
            };
            Box::new(Outcome::without_value(status, problem))
        };
        let command = find_command(reach, &app, &command, &handed.host.name()).map_err(refuse)?;
        let caller = reach.callers.known(&owner);
        let caller = caller.ok_or_else(|| refuse(callers::revoked(&owner.name())))?;
        policy::require(&caller, Scope::from(command.spec.effect), || {
            format!("run `{}` any more", command.spec.name)
        })
        .map_err(refuse)?;
        // What may be asked of a person has changed since, or what the command does.
        if Policy::must_ask(&caller, command.spec.effect) && notes.confirmed == Some(false) {
            return Err(refuse(ends::never_confirmed(&handed.id, &caller.name)));
        }
        let args = command.check((*args).clone()).map_err(refuse)?;
        let timeout = time_left(notes.deadline, timeout_of(&command, notes.timeout_ms))
            .ok_or_else(|| Box::new(ends::deadline_passed(&handed.id)))?;
        let parts = CallParts {
            revision: notes.revision,
            group: notes.group,
            ..CallParts::described(
                app,
                handed.host.name(),
                &command.spec,
                &command.marked,
                caller,
                timeout,
                Arc::new(args),
            )
        };
        let call = Call::with_id(attempt_id(&handed.id, handed.number), parts);
        Ok(Arc::new(call.attempt_of(&handle)))
    }

    fn submit(self: &Arc<Self>, reach: &Arc<Reach>, handed: &Handed, call: &Arc<Call>) {
        let taken = match &handed.host {
            Host::Hub => reach.conductors.begin(call).is_ok(),
            Host::Instance(instance, process) => {
                instance.process().as_ref() == Some(process)
                    && instance.lane.submit_job(call).is_ok()
            }
        };
        if !taken {
            return self.not_handed(reach, handed, limits::JOB_AGAIN_UNSTARTED);
        }
        let cancelled = self
            .lock()
            .open
            .get(&handed.id)
            .is_some_and(|open| open.cancelled);
        match &handed.host {
            _ if !cancelled => {}
            Host::Hub => drop(reach.conductors.cancel(&call.id)),
            Host::Instance(instance, _) => drop(instance.lane.cancel(&call.id)),
        }
    }

    /// The lane never had it.
    fn not_handed(self: &Arc<Self>, reach: &Arc<Reach>, handed: &Handed, again: Duration) {
        let attempt = attempt_id(&handed.id, handed.number);
        let cancelled = self.free(&handed.id, &attempt);
        if cancelled {
            return self.finish(
                reach,
                &handed.id,
                &attempt,
                Box::new(ends::cancelled()),
                Ran::No,
            );
        }
        let next = Next::Again {
            after_ms: crate::clock::millis(again),
            retries: self.notes_of(&handed.id, |notes| notes.retries),
            crashes: self.notes_of(&handed.id, |notes| notes.crashes),
        };
        self.keep(reach, &handed.id, &attempt, ends::never_seen(), next);
    }

    fn notes_of(&self, id: &CallId, what: impl Fn(&super::record::Notes) -> u32) -> u32 {
        let room = self.lock();
        room.open.get(id).map_or(0, |open| what(&open.notes))
    }
}

fn find_command(
    reach: &Reach,
    app: &AppId,
    command: &str,
    instance: &InstanceName,
) -> Result<Arc<crate::catalog::Command>, Problem> {
    Ok(Arc::clone(
        reach.catalog.app_of(app, instance)?.command(command)?,
    ))
}

fn timeout_of(command: &crate::catalog::Command, asked_ms: Option<u64>) -> Duration {
    let asked = asked_ms.or(command.spec.timeout_ms);
    asked.map_or(limits::JOB_TIMEOUT_DEFAULT, Duration::from_millis)
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
