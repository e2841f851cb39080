//! Calls come in and are handed on: who may, in which number, and what a cancel does to them.
//!
//! In come calls and attempts of jobs; out go messages to the driver, as far as the order's window lets them. It
//! knows nothing of what the bridge says ([`super::news`]).

use std::sync::Arc;

use tokio::time::Instant;
use wire::Step;
use wire::frame::FRAME_BYTES_MAX;
use wire::link::{CallMessage, CancelReason};
use wire::{CallId, Code, Outcome, Problem, Status};

use super::ends;
use super::order::Place;
use super::state::{Connection, InLane, Inner, Lane, Waits};
use crate::call::Call;
use crate::clock::millis;
use crate::json_size::weight_up_to;
use crate::limits;
use crate::shares::Full;

impl Lane {
    /// Takes a call, or says why not; then nothing ran.
    pub(crate) fn submit(&self, call: &Arc<Call>) -> Result<(), Problem> {
        self.admit(call, false)
    }

    fn admit(&self, call: &Arc<Call>, is_attempt: bool) -> Result<(), Problem> {
        // Before the lock: it looks at every value of megabytes.
        let bytes = weight_up_to(&call.args(), FRAME_BYTES_MAX).unwrap_or(FRAME_BYTES_MAX);
        // A job's place is in its own queue, and a lane has one of them.
        let waits = match is_attempt {
            true => None,
            false => Some(self.place_for(call, bytes)?),
        };
        let mut inner = self.lock();
        self.accepts(&inner)?;
        let id = call.id.clone();
        // A job has one place more, or a lane that calls keep full would never have room for it.
        let waiting_max = limits::LANE_WAITING_ALL_MAX + usize::from(is_attempt);
        let turn_of = (!is_attempt).then(|| call.caller.id.clone());
        let admitted = inner.order.admit(id, turn_of, call.concurrent, waiting_max);
        if admitted.is_err() {
            return Err(self.full(limits::LANE_WAITING_ALL_MAX, "calls"));
        }
        let entry = InLane {
            call: Arc::clone(call),
            is_attempt,
            bytes,
            waits,
            must_end: None,
            told: None,
            missed: 0,
        };
        if is_attempt {
            let in_line = !inner.calls.is_empty();
            inner.turn.came(in_line);
        }
        inner.calls.insert(call.id.clone(), entry);
        self.records.taken(call);
        self.pump(&mut inner);
        Ok(())
    }

    /// A waiting call's part of what its caller may have waiting.
    fn place_for(&self, call: &Call, bytes: usize) -> Result<Waits, Problem> {
        let caller = &call.caller;
        let place = self.places.take(&caller.id, 1).map_err(|full| match full {
            Full::Own => self.full(
                limits::LANE_WAITING_MAX,
                &format!("calls of `{}`", caller.name),
            ),
            Full::All => self.full(limits::LANE_WAITING_ALL_MAX, "calls"),
        })?;
        let weight = bytes + limits::WAITING_CALL_BYTES;
        Ok(Waits {
            _place: place,
            _bytes: self.records.take_waiting(caller, weight)?,
        })
    }

    fn full(&self, count: usize, of: &str) -> Problem {
        Problem::new(
            Code::QUEUE_FULL,
            format!("{count} {of} are already waiting for `{}`.", self.instance),
        )
        .hint(wire::hint![
            "Wait for some to end, or cancel some: ",
            Step::history_of("queued"),
        ])
    }

    /// Takes an attempt of a job, if the bridge is there to have it now.
    pub(crate) fn submit_job(&self, call: &Arc<Call>) -> Result<(), Problem> {
        if !self.is_up() {
            return Err(Problem::new(
                Code::INSTANCE_NOT_CONNECTED,
                format!("`{}` is not connected.", self.instance),
            ));
        }
        self.admit(call, true)
    }

    /// When a job that waits for this lane can be handed over: calls go first, but not for ever ([`turn`]). Nothing
    /// while it can have none; then it tells when it can.
    pub(crate) fn job_may_come(&self) -> Option<Instant> {
        let mut inner = self.lock();
        let is_open = matches!(inner.connection, Connection::Up(_))
            && inner.wedged.is_none()
            && inner.leaving.is_none();
        if !is_open {
            return None;
        }
        let now = Instant::now();
        match inner.calls.is_empty() {
            true => Some(now),
            false => Some(inner.turn.waits(now)),
        }
    }

    /// No job waits for this lane any more.
    pub(crate) fn no_job_waits(&self) {
        self.lock().turn.nobody_waits();
    }

    /// Whether it has that call.
    pub(crate) fn has(&self, id: &CallId) -> bool {
        self.lock().calls.contains_key(id)
    }

    /// Whether new calls would be taken now.
    pub(crate) fn accepts_calls(&self) -> bool {
        self.accepts(&self.lock()).is_ok()
    }

    /// Cancels a call, wherever it is. `false` when it is not in this lane (any more).
    pub(crate) fn cancel(&self, id: &CallId) -> bool {
        self.cancel_in(&mut self.lock(), id)
    }

    fn cancel_in(&self, inner: &mut Inner, id: &CallId) -> bool {
        match inner.order.place(id) {
            None => false,
            Some(Place::Waiting) => {
                self.settle(inner, id, ends::cancelled_before_start());
                true
            }
            Some(Place::Sent | Place::Started) => {
                if let Connection::Up(driver) = &inner.connection {
                    driver.cancel(id, CancelReason::Cancelled);
                }
                if let Some(entry) = inner.calls.get_mut(id) {
                    entry.told = Some(CancelReason::Cancelled);
                    let soon = Instant::now() + limits::WEDGED_AFTER;
                    entry.must_end = Some(entry.must_end.map_or(soon, |at| at.min(soon)));
                    self.arm(inner, soon);
                }
                true
            }
        }
    }

    /// Ends all calls that fit: those that wait at once, with these words; those that the bridge has as a cancel does.
    pub(crate) fn end_where(&self, fits: &dyn Fn(&Call) -> bool, why: &Problem) {
        let mut inner = self.lock();
        let ids: Vec<CallId> = inner
            .calls
            .iter()
            .filter(|(_, entry)| fits(&entry.call))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            if inner.order.is_waiting(&id) {
                let outcome = Outcome::without_value(Status::Cancelled, why.clone());
                self.settle(&mut inner, &id, outcome);
            } else {
                self.cancel_in(&mut inner, &id);
            }
        }
    }

    fn accepts(&self, inner: &Inner) -> Result<(), Problem> {
        if let Some(wedged) = inner.wedged.as_ref().filter(|wedged| wedged.said) {
            return Err(ends::wedged_problem(
                &self.instance,
                &wedged.id,
                wedged.since.elapsed(),
            ));
        }
        match &inner.connection {
            Connection::Lost(why) => Err(Problem::new(
                Code::INSTANCE_NOT_CONNECTED,
                format!("`{}` is not connected: {}", self.instance, why.message),
            )
            .hint(wire::hint![
                "Start it again: ",
                Step::start_again(&self.app, &self.instance),
            ])),
            _ => Ok(()),
        }
    }

    pub(super) fn pump(&self, inner: &mut Inner) {
        let Connection::Up(driver) = &inner.connection else {
            return;
        };
        let driver = Arc::clone(driver);
        if inner.wedged.is_some() {
            return;
        }
        while let Some(id) = inner.order.next(inner.window.size()) {
            let Some(entry) = inner.calls.get_mut(&id) else {
                continue;
            };
            entry.waits = None;
            let call = &entry.call;
            let message = CallMessage {
                id,
                command: call.command.clone(),
                args: call.args(),
                owner: call.caller.name.clone(),
                owner_id: call.caller.id.mark().map(|_| call.caller.id.clone()),
                scopes: call.caller.scopes.names().map(str::to_owned).collect(),
                effect: call.effect,
                timeout_ms: Some(millis(call.timeout)),
                revision: call.revision,
                group: call.group.clone(),
                mark: Some(self.records.seal.mark(call)),
            };
            driver.start(message, entry.bytes);
        }
    }
}
