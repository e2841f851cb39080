//! The queue of one instance: takes allowed calls, hands them to the driver in order, settles each once.
//!
//! In come calls (from the desk), driver events (from the link), and what happens to the link and the
//! process; out go messages to the driver, settled calls, journal entries and events. The order itself
//! is [`order::Order`], a pure state machine; here are the clock, the driver and the people who wait.
//! All of it happens under one short lock, in the task of whoever brings the news: no hand-over
//! between tasks on the way of a call. The lane owns the work; callers only wait.
//!
//! ```text
//!            up                    down
//! starting ─────> up ────────────────────────> down ──(grace, or the process is gone)──> lost
//!                  ▲                             │                                         │
//!                  └──────────── up ─────────────┴───────────────── up ────────────────────┘
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;
use wire::link::{Beat, CallMessage, CancelReason, KnownCall};
use wire::{AppId, CallId, Code, Event, InstanceName, InstanceState, Outcome, Problem, Status};

use crate::call::{Call, millis};
use crate::driver::{Driver, DriverEvent, Known};
use crate::jobs::Ran;
use crate::limits;
use crate::pictures::is_look;

mod back;
mod ends;
pub(crate) mod order;
mod records;
mod turn;

use order::{Order, Place};
pub(crate) use records::Records;
use turn::Turn;

/// The lane of one instance.
pub(crate) struct Lane {
    app: AppId,
    instance: InstanceName,
    records: Records,
    inner: Mutex<Inner>,
    /// Wakes the clock when a nearer deadline was set.
    nearer: Arc<Notify>,
    /// Wakes who waits for the end of the link.
    went_down: Notify,
}

struct Inner {
    order: Order,
    calls: HashMap<CallId, InLane>,
    connection: Connection,
    /// Grows with every connection, so that news from an old one is known as such.
    epoch: u64,
    heard: Instant,
    wedged: Option<Wedged>,
    /// Why the process was asked to leave: what its calls are told that end now.
    leaving: Option<Problem>,
    turn: Turn,
    /// The deadline that the clock sleeps to.
    clock: Option<Instant>,
}

struct InLane {
    call: Arc<Call>,
    /// When it must have ended; set when it starts and when it is told to end.
    must_end: Option<Instant>,
    told: Option<CancelReason>,
    /// How often the link broke when it was the next to arrive.
    missed: u8,
}

struct Wedged {
    id: CallId,
    since: Instant,
    by: Option<KnownCall>,
}

enum Connection {
    /// Launched, never connected.
    Starting,
    Up(Arc<dyn Driver>),
    /// Waits for the bridge to dial again, or (`restarting`) for a new process.
    Down {
        since: Instant,
        restarting: bool,
    },
    /// Nobody will come back by himself.
    Lost(Problem),
}

/// What a view of the instance needs from its lane.
pub(crate) struct LaneView {
    pub(crate) state: InstanceState,
    pub(crate) why: Option<String>,
    pub(crate) queued: usize,
    pub(crate) running: Option<wire::call::Behind>,
    pub(crate) heard_ms_ago: Option<u64>,
}

impl Lane {
    pub(crate) fn new(app: AppId, instance: InstanceName, records: Records) -> Arc<Self> {
        let lane = Arc::new(Self {
            app,
            instance,
            records,
            inner: Mutex::new(Inner {
                order: Order::default(),
                calls: HashMap::new(),
                connection: Connection::Starting,
                epoch: 0,
                heard: Instant::now(),
                wedged: None,
                leaving: None,
                turn: Turn::default(),
                clock: None,
            }),
            nearer: Arc::new(Notify::new()),
            went_down: Notify::new(),
        });
        tokio::spawn(run_clock(Arc::downgrade(&lane), Arc::clone(&lane.nearer)));
        lane
    }

    /// Takes a call, or says why not; then nothing ran.
    pub(crate) fn submit(&self, call: &Arc<Call>) -> Result<(), Problem> {
        let is_job = call.front().is_some();
        // A job has one place more, or a lane that calls keep full would never have room for it.
        let waiting_max = limits::LANE_WAITING_MAX + usize::from(is_job);
        let mut inner = self.lock();
        self.accepts(&inner)?;
        let id = call.id.clone();
        let admitted = inner.order.admit(id, call.concurrent, waiting_max);
        if admitted.is_err() {
            return Err(Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "{} calls wait for `{}` already.",
                    limits::LANE_WAITING_MAX,
                    self.instance
                ),
            )
            .hint("Wait for some of them, or cancel some: kapelle history --status queued"));
        }
        let entry = InLane {
            call: Arc::clone(call),
            must_end: None,
            told: None,
            missed: 0,
        };
        if is_job {
            let in_line = !inner.calls.is_empty();
            inner.turn.came(in_line);
        }
        inner.calls.insert(call.id.clone(), entry);
        self.records.taken(call);
        self.pump(&mut inner);
        Ok(())
    }

    /// Takes an attempt of a job, if the bridge is there to have it now.
    pub(crate) fn submit_job(&self, call: &Arc<Call>) -> Result<(), Problem> {
        if !self.is_up() {
            return Err(Problem::new(
                Code::INSTANCE_NOT_CONNECTED,
                format!("`{}` is not connected.", self.instance),
            ));
        }
        self.submit(call)
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

    /// How many calls it has.
    pub(crate) fn load(&self) -> usize {
        self.lock().calls.len()
    }

    /// The outcome of a job's attempt has been recorded.
    pub(crate) fn acknowledge(&self, id: &CallId) {
        if let Connection::Up(driver) = &self.lock().connection {
            driver.acknowledge(id);
        }
    }

    /// Cancels a call, wherever it is. `false` when it is not in this lane (any more).
    pub(crate) fn cancel(&self, id: &CallId) -> bool {
        let mut inner = self.lock();
        match inner.order.place(id) {
            None => false,
            Some(Place::Waiting) => {
                self.settle(&mut inner, id, ends::cancelled_before_start());
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
                    self.arm(&mut inner, soon);
                }
                true
            }
        }
    }

    /// A bridge has connected. Gives the epoch that its news must carry.
    pub(crate) fn up(&self, driver: Arc<dyn Driver>, known: &Known) -> u64 {
        let mut inner = self.lock();
        inner.epoch += 1;
        inner.heard = Instant::now();
        inner.connection = Connection::Up(driver);
        self.settle_by(&mut inner, known);
        self.pump(&mut inner);
        self.records.jobs.lane_is_free();
        inner.epoch
    }

    /// Part of something has come over the link of that epoch: a large message takes its time.
    pub(crate) fn hear(&self, epoch: u64) {
        let mut inner = self.lock();
        if inner.epoch == epoch {
            inner.heard = Instant::now();
        }
    }

    /// The link of that epoch is gone.
    pub(crate) fn down(&self, epoch: u64) {
        let mut inner = self.lock();
        if inner.epoch != epoch || !matches!(inner.connection, Connection::Up(_)) {
            return;
        }
        let now = Instant::now();
        inner.connection = Connection::Down {
            since: now,
            restarting: false,
        };
        self.arm(&mut inner, now + limits::RECONNECT_GRACE);
        self.went_down.notify_waiters();
    }

    /// Waits until all that came over the link has been heard and it has ended; `false` when it did
    /// not end in time.
    pub(crate) async fn until_down(&self, within: std::time::Duration) -> bool {
        let down = async {
            loop {
                let went_down = self.went_down.notified();
                if !self.is_up() {
                    return;
                }
                went_down.await;
            }
        };
        tokio::time::timeout(within, down).await.is_ok()
    }

    /// The process is gone. With `restarting`, calls that did not start wait for the next one.
    pub(crate) fn gone(&self, why: &Problem, restarting: bool) {
        let mut inner = self.lock();
        // While the link was up, what the process said last may not have been heard.
        let heard_out = !matches!(inner.connection, Connection::Up(_));
        inner.epoch += 1;
        inner.wedged = None;
        inner.leaving = None;
        self.give_back_jobs(&mut inner, why, heard_out);
        let ended = if restarting {
            inner.connection = Connection::Down {
                since: Instant::now(),
                restarting: true,
            };
            let ended = inner.order.take_back_unstarted();
            self.end_unwanted(&mut inner);
            ended
        } else {
            inner.connection = Connection::Lost(why.clone());
            inner.order.take_all()
        };
        for id in ended {
            self.settle(&mut inner, &id, ends::interrupted(why));
        }
    }

    /// Ends everything that is not running on, because the hub stops. What the bridge has goes on there.
    pub(crate) fn close(&self, why: &Problem) {
        let mut inner = self.lock();
        inner.connection = Connection::Lost(why.clone());
        self.lose_jobs(&mut inner);
        for id in inner.order.take_all() {
            self.settle(&mut inner, &id, ends::interrupted(why));
        }
    }

    /// Before a process is given up: jobs that it has are decided about apart from calls.
    fn give_back_jobs(&self, inner: &mut Inner, why: &Problem, heard_out: bool) {
        for id in jobs_in(inner) {
            let ran = match self.has_started(inner, &id) {
                true => Ran::Yes,
                false if heard_out => Ran::No,
                false => Ran::Maybe,
            };
            self.settle_as(inner, &id, ends::interrupted(why), ran);
        }
    }

    /// The process may live on with them; what becomes of them is decided when it is heard of again.
    fn lose_jobs(&self, inner: &mut Inner) {
        for id in jobs_in(inner) {
            inner.order.end(&id);
            if inner.calls.remove(&id).is_some() {
                inner.turn.ended(Instant::now());
                self.records.jobs.lost(&id);
            }
        }
    }

    pub(crate) fn news(&self, epoch: u64, event: DriverEvent) {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return;
        }
        inner.heard = Instant::now();
        match event {
            DriverEvent::Started(id) => self.started(&mut inner, &id),
            DriverEvent::Progress(id, progress) => {
                if let Some(entry) = inner.calls.get(&id) {
                    entry.call.set_progress(progress.clone());
                    self.records.feed.tell(|| Event::CallProgress {
                        call_id: entry.call.public_id().clone(),
                        progress,
                    });
                }
            }
            DriverEvent::Output { id, stream, text } => {
                let call_id = match inner.calls.get(&id) {
                    Some(entry) => entry.call.public_id().clone(),
                    None => id,
                };
                self.records.feed.tell(|| Event::CallOutput {
                    call_id,
                    stream,
                    text,
                });
            }
            DriverEvent::Outcome(id, outcome) => self.ended(&mut inner, &id, *outcome),
            DriverEvent::Beat(beat) => self.beat(&mut inner, &beat),
            DriverEvent::State(_) | DriverEvent::Bye(_) => {}
        }
    }

    /// The process is about to be asked to leave: calls that the app ends now, end because of this.
    pub(crate) fn leaves_because(&self, why: &Problem) {
        self.lock().leaving = Some(why.clone());
    }

    /// Asks the app to leave. `false` when it is not connected.
    pub(crate) fn ask_to_leave(&self) -> bool {
        let inner = self.lock();
        if let Connection::Up(driver) = &inner.connection {
            driver.stop();
            return true;
        }
        false
    }

    /// Whether news of that epoch would be heard.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        self.lock().epoch == epoch
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.lock().connection, Connection::Up(_))
    }

    /// Whether new calls would be taken now.
    pub(crate) fn accepts_calls(&self) -> bool {
        self.accepts(&self.lock()).is_ok()
    }

    /// The place of a call that has not started, and who runs before it.
    pub(crate) fn place_of(&self, id: &CallId) -> (Option<usize>, Option<wire::call::Behind>) {
        let inner = self.lock();
        (inner.order.position(id), running(&inner))
    }

    pub(crate) fn view(&self) -> LaneView {
        let inner = self.lock();
        let (state, why) = state_of(&inner);
        let connected = matches!(inner.connection, Connection::Up(_));
        LaneView {
            state,
            why,
            queued: inner.order.queued(),
            running: match state {
                InstanceState::Idle => None,
                _ => running(&inner),
            },
            heard_ms_ago: connected.then(|| millis(inner.heard.elapsed())),
        }
    }

    fn accepts(&self, inner: &Inner) -> Result<(), Problem> {
        if let Some(wedged) = &inner.wedged {
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
            .hint(format!(
                "Start it again: kapelle start {} --name {}",
                self.app, self.instance
            ))),
            _ => Ok(()),
        }
    }

    fn pump(&self, inner: &mut Inner) {
        let Connection::Up(driver) = &inner.connection else {
            return;
        };
        let driver = Arc::clone(driver);
        if inner.wedged.is_some() {
            return;
        }
        while let Some(id) = inner.order.next(limits::LANE_WINDOW) {
            let Some(entry) = inner.calls.get(&id) else {
                continue;
            };
            let call = &entry.call;
            driver.start(CallMessage {
                id,
                command: call.command.clone(),
                args: call.args(),
                owner: call.caller.name.clone(),
                scopes: call.caller.scopes.names().map(str::to_owned).collect(),
                effect: call.effect,
                timeout_ms: Some(millis(call.timeout)),
                revision: call.revision,
                group: call.group.clone(),
            });
        }
    }

    fn started(&self, inner: &mut Inner, id: &CallId) {
        if !inner.order.started(id) {
            return;
        }
        let Some(entry) = inner.calls.get_mut(id) else {
            return;
        };
        entry.call.set_started();
        if entry.call.front().is_some() {
            inner.turn.started(Instant::now());
        }
        let must_end = Instant::now() + entry.call.timeout + limits::WEDGED_AFTER;
        entry.must_end = Some(entry.must_end.map_or(must_end, |at| at.min(must_end)));
        self.records.started(&entry.call, &self.instance);
        self.arm(inner, must_end);
    }

    fn ended(&self, inner: &mut Inner, id: &CallId, mut outcome: Outcome) {
        // Nobody asked for it: the bridge ended the call because its program leaves (a signal, say).
        if let Some(entry) = inner.calls.get(id).filter(|entry| entry.told.is_none())
            && outcome.status == Status::Cancelled
        {
            match &inner.leaving {
                Some(why) => {
                    outcome.status = Status::Interrupted;
                    outcome.problem = Some(why.clone());
                }
                None => ends::into_interrupted(&mut outcome, entry.call.has_started()),
            }
        }
        if inner.wedged.as_ref().is_some_and(|wedged| wedged.id == *id) {
            inner.wedged = None;
            tracing::info!(call = %id, instance = %self.instance, "the wedged call has ended; the instance is free");
        }
        let is_job = inner
            .calls
            .get(id)
            .map(|entry| entry.call.front().is_some());
        if is_job.is_some() {
            self.settle(inner, id, outcome);
        } else {
            tracing::info!(call = %id, status = outcome.status.as_str(), "a late outcome of a call that was settled before");
        }
        // Only now: what was acknowledged must be recorded, and the caller need not wait for it. The outcome
        // of a job is not recorded yet; who records it says so.
        let is_recorded = match is_job {
            Some(is_job) => !is_job,
            None => !self.records.jobs.owes(id),
        };
        if let Connection::Up(driver) = &inner.connection
            && is_recorded
        {
            driver.acknowledge(id);
        }
        self.pump(inner);
        if inner.calls.is_empty() {
            self.records.jobs.lane_is_free();
        }
    }

    fn beat(&self, inner: &mut Inner, beat: &Beat) {
        let Some(running) = &beat.running else {
            if inner.wedged.take().is_some() {
                self.records.jobs.lane_is_free();
            }
            self.pump(inner);
            return;
        };
        if running.wedged {
            self.wedge(inner, &running.id.clone());
        } else if inner
            .wedged
            .as_ref()
            .is_some_and(|wedged| wedged.id != running.id)
        {
            inner.wedged = None;
            self.pump(inner);
        }
    }

    /// A call should have ended and does not: everybody who waits is told now.
    fn wedge(&self, inner: &mut Inner, id: &CallId) {
        if inner.wedged.is_some() {
            return;
        }
        let by = inner.calls.get(id).map(|entry| KnownCall {
            id: id.clone(),
            command: entry.call.command.clone(),
            owner: entry.call.caller.name.to_string(),
        });
        let told = inner.calls.get(id).and_then(|entry| entry.told);
        inner.wedged = Some(Wedged {
            id: id.clone(),
            since: Instant::now(),
            by,
        });
        let problem = ends::wedged_problem(&self.instance, id, std::time::Duration::ZERO);
        let status = match told {
            Some(CancelReason::Cancelled) => Status::Cancelled,
            _ => Status::TimedOut,
        };
        self.settle(inner, id, Outcome::without_value(status, problem.clone()));
        let (waiting, sent) = inner.order.take_unstarted();
        if let Connection::Up(driver) = &inner.connection {
            for id in &sent {
                driver.cancel(id, CancelReason::Cancelled);
            }
        }
        for id in waiting.iter().chain(&sent) {
            self.settle_as(inner, id, ends::held_up(&problem), Ran::No);
        }
        tracing::warn!(call = %id, instance = %self.instance, "wedged: native code holds the main thread");
    }

    fn settle(&self, inner: &mut Inner, id: &CallId, outcome: Outcome) {
        let ran = match self.has_started(inner, id) {
            true => Ran::Yes,
            false => Ran::No,
        };
        self.settle_as(inner, id, outcome, ran);
    }

    /// As [`Self::settle`], by somebody who knows more of whether it ran.
    fn settle_as(&self, inner: &mut Inner, id: &CallId, outcome: Outcome, ran: Ran) {
        inner.order.end(id);
        let Some(entry) = inner.calls.remove(id) else {
            return;
        };
        if entry.call.front().is_some() {
            inner.turn.ended(Instant::now());
        }
        self.records.settle(&entry.call, outcome, ran);
    }

    fn has_started(&self, inner: &Inner, id: &CallId) -> bool {
        let entry = inner.calls.get(id);
        entry.is_some_and(|entry| entry.call.has_started())
    }

    fn arm(&self, inner: &mut Inner, at: Instant) {
        if inner.clock.is_none_or(|clock| at < clock) {
            inner.clock = Some(at);
            self.nearer.notify_one();
        }
    }

    /// What the clock does: whoever is over his time. Gives the next deadline.
    fn tick(&self) -> Option<Instant> {
        let mut inner = self.lock();
        let now = Instant::now();
        let late: Vec<CallId> = inner
            .calls
            .values()
            .filter(|entry| entry.must_end.is_some_and(|at| at <= now))
            .map(|entry| entry.call.id.clone())
            .collect();
        if matches!(inner.connection, Connection::Up(_)) {
            for id in &late {
                self.over_time(&mut inner, id);
            }
        }
        if let Connection::Down {
            since,
            restarting: false,
        } = inner.connection
            && now >= since + limits::RECONNECT_GRACE
        {
            let why = ends::link_lost(&self.instance);
            inner.connection = Connection::Lost(why.clone());
            self.lose_jobs(&mut inner);
            for id in inner.order.take_all() {
                self.settle(&mut inner, &id, ends::interrupted(&why));
            }
        }
        inner.clock = next_deadline(&inner, now);
        inner.clock
    }

    /// A call that its bridge should have ended by now.
    fn over_time(&self, inner: &mut Inner, id: &CallId) {
        match inner.order.place(id) {
            Some(Place::Started) => self.wedge(inner, id),
            // Told to end while it waited at the bridge, and the bridge does not even answer that:
            // something else holds it up. Whoever runs there is the one.
            Some(Place::Sent) => {
                let culprit = inner.order.running().cloned();
                self.settle(inner, id, ends::cancelled_before_start());
                if let (Some(culprit), None) = (culprit, &inner.wedged) {
                    tracing::info!(call = %culprit, "the bridge does not answer while this call runs");
                }
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The attempts of jobs in a lane.
fn jobs_in(inner: &Inner) -> Vec<CallId> {
    let attempts = inner
        .calls
        .values()
        .filter(|entry| entry.call.front().is_some());
    attempts.map(|entry| entry.call.id.clone()).collect()
}

fn next_deadline(inner: &Inner, now: Instant) -> Option<Instant> {
    let calls = inner
        .calls
        .values()
        .filter_map(|entry| entry.must_end)
        .filter(|at| *at > now)
        .min();
    let grace = match inner.connection {
        Connection::Down {
            since,
            restarting: false,
        } => Some(since + limits::RECONNECT_GRACE),
        _ => None,
    };
    calls.into_iter().chain(grace).min()
}

fn running(inner: &Inner) -> Option<wire::call::Behind> {
    if let Some(Wedged {
        by: Some(by),
        since,
        ..
    }) = &inner.wedged
    {
        return Some(wire::call::Behind {
            call_id: by.id.clone(),
            command: by.command.clone(),
            caller: by.owner.clone(),
            running_ms: millis(since.elapsed()),
        });
    }
    let id = inner.order.running()?;
    inner.calls.get(id).map(|entry| entry.call.as_behind())
}

fn state_of(inner: &Inner) -> (InstanceState, Option<String>) {
    match &inner.connection {
        Connection::Starting => (InstanceState::Starting, None),
        Connection::Down {
            restarting: true, ..
        } => (
            InstanceState::Starting,
            Some("the process died and is started again".to_owned()),
        ),
        Connection::Down { .. } => {
            let why = match &inner.leaving {
                Some(why) => why.message.clone(),
                None => "the link is lost; waiting for it to come back".to_owned(),
            };
            (InstanceState::Disconnected, Some(why))
        }
        Connection::Lost(why) => {
            let state = if why.code == Code::START_FAILED {
                InstanceState::Failed
            } else {
                InstanceState::Disconnected
            };
            (state, Some(why.message.clone()))
        }
        Connection::Up(_) => {
            if let Some(wedged) = &inner.wedged {
                let why = format!(
                    "call {} cannot be interrupted: native code holds the main thread for {:.1} s",
                    wedged.id,
                    wedged.since.elapsed().as_secs_f64()
                );
                return (InstanceState::Wedged, Some(why));
            }
            let silent = inner.heard.elapsed() > limits::SILENCE_MAX;
            let why = silent.then(|| {
                format!(
                    "no sign of life for {:.0} s",
                    inner.heard.elapsed().as_secs_f64()
                )
            });
            let busy = inner.order.started_ids().any(|id| {
                let entry = inner.calls.get(id);
                entry.is_none_or(|entry| !is_look(&entry.call))
            });
            (
                if busy || silent {
                    InstanceState::Busy
                } else {
                    InstanceState::Idle
                },
                why,
            )
        }
    }
}

/// Sleeps to the nearest deadline of a lane, for as long as the lane exists.
async fn run_clock(lane: std::sync::Weak<Lane>, nearer: Arc<Notify>) {
    while let Some(next) = lane.upgrade().map(|lane| lane.tick()) {
        match next {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = nearer.notified() => {}
                }
            }
            None => nearer.notified().await,
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.nearer.notify_one();
    }
}
