//! One worker: a Blender of the farm's own, given chunk after chunk; replaced when it is lost.
//!
//! ```text
//! starting ─> waiting ─> rendering ─> waiting …                      ─> ended
//!    ▲  └ fails too often ─> lost         │ crashes, does not answer, a frame takes too long
//!    └────────────── ended by force <─────┘
//! ```
//!
//! What came of a chunk is read from the folder: a frame at its place is done, the first one that is not was at
//! work when the worker was lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hub::call::{Call, Stage};
use serde_json::{Value, json};
use tokio::time::Instant;
use wire::{CallRequest, Code, InstanceName, InstanceView, Problem, Status};

use super::board::Doing;
use super::frames::Frame;
use super::manifest;
use super::pool::{Blamed, TRIES_MAX};
use super::state::Farm;
use super::watch::Watch;

/// Starts of a worker's Blender in a row that may fail.
const STARTS_MAX: u32 = 3;
/// How often a running chunk is looked at, for what has no event: silence, and time that passes.
const LOOK: Duration = Duration::from_millis(500);
/// How long a call that was cancelled may take to end before its worker is ended: it must be less than what makes the
/// hub say that the worker is stuck.
const CANCEL_WAIT: Duration = Duration::from_millis(400);
/// How long a chunk's call may run: the farm looks after it by itself.
const CHUNK_TIMEOUT_MS: u64 = 7 * 24 * 3600 * 1000;

/// Frames that a worker says it has made, with their seconds.
type Made = BTreeMap<Frame, f64>;

/// What came of a chunk.
enum End {
    /// With what it says of it.
    Done(Value),
    /// The worker lives; it could not render this frame, if it says which.
    Failed(Option<Frame>, Problem),
    /// The worker does not live any more, or must not.
    Lost(Problem),
    /// The farm ends.
    Told,
}

impl Farm {
    /// Works until nothing is left. Gives its Blender, if it still has one.
    ///
    /// # Errors
    /// What ends the whole farm, or that this worker cannot be started.
    pub(super) async fn work(
        self: Arc<Self>,
        number: usize,
        mut blender: Option<InstanceView>,
    ) -> Result<Option<InstanceView>, Problem> {
        let mut starts = 0;
        loop {
            let Some(chunk) = self.next_chunk(number).await else {
                return Ok(blender);
            };
            let worker = match blender.take() {
                Some(worker) => worker,
                None => match self.start(number, starts + 1).await {
                    Ok(worker) => worker,
                    Err(problem) => {
                        self.put_back(&chunk);
                        if self.is_told_to_end() {
                            return Ok(None);
                        }
                        starts += 1;
                        if starts >= STARTS_MAX {
                            self.set(number, Doing::Lost(problem.message.clone()));
                            return Err(problem);
                        }
                        continue;
                    }
                },
            };
            starts = 0;
            let end = self.render(number, &worker.name, &chunk).await;
            let told = match &end {
                End::Done(value) => pairs(&value["frames"]),
                End::Failed(_, problem) => problem.details.get("made").and_then(pairs),
                _ => None,
            };
            let left = self.settle(number, &chunk, told.unwrap_or_default(), true);
            match end {
                End::Told => return Ok(None),
                End::Done(_) if left.is_empty() => blender = Some(worker),
                End::Done(_) => {
                    let why = Problem::new(
                        Code::CALL_FAILED,
                        "The worker reported that it was done, but the picture is missing.",
                    );
                    self.blame(left[0], &left, &why);
                    blender = Some(worker);
                }
                End::Failed(frame, problem) => {
                    blender = Some(worker);
                    match frame.or(left.first().copied()) {
                        // Another one would fail the same way.
                        Some(_) if is_everybody_s(&problem) => {
                            self.put_back(&left);
                            return Err(problem);
                        }
                        Some(frame) => self.blame(frame, &left, &problem),
                        None => {}
                    }
                }
                End::Lost(problem) => {
                    if let Some(frame) = left.first() {
                        self.blame(*frame, &left, &problem);
                    }
                    self.context.stop(&worker, true).await.ok();
                    self.replaced(&worker.name, &problem);
                }
            }
        }
    }

    /// Starts the Blender of a worker, with the file open.
    pub(super) async fn start(&self, number: usize, times: u32) -> Result<InstanceView, Problem> {
        let name = self.name_of(number);
        self.set(number, Doing::Starting(times));
        let request = serde_json::from_value(self.request.launch(&name, self.threads()))
            .map_err(|error| Problem::new(Code::INTERNAL, error.to_string()))?;
        tokio::select! {
            started = self.context.start(request) => {
                let view = started?;
                self.set(number, Doing::Waiting);
                Ok(view)
            }
            () = self.context.ends().cancelled() => Err(told_to_end()),
        }
    }

    /// Asks a worker and waits for the end.
    pub(super) async fn ask(
        &self,
        worker: &InstanceName,
        command: &str,
        args: Value,
    ) -> Result<Value, Problem> {
        let call = self.context.ask(request(worker, command, args)?)?;
        tokio::select! {
            _ = call.ended(None) => {}
            () = self.context.ends().cancelled() => {
                self.end_call(&call).await;
                return Err(told_to_end());
            }
        }
        outcome(&call)
    }

    /// Before its worker is ended by force: so the call is one that was cancelled, and says how long it ran.
    async fn end_call(&self, call: &Call) {
        self.context.cancel(call);
        call.ended(Some(CANCEL_WAIT)).await;
    }

    async fn render(&self, number: usize, worker: &InstanceName, chunk: &[Frame]) -> End {
        let mut args = Value::Object(self.request.settings.clone());
        args["frames"] = json!(chunk);
        args["path"] = json!(self.request.out);
        args["threads"] = json!(self.threads());
        args["dedicated"] = json!(true);
        // What lies at its place and does not count is in the way: older, or not whole.
        args["overwrite"] = json!(true);
        let asked = request(worker, "render.frames", args).and_then(|it| self.context.ask(it));
        let call = match asked {
            Ok(call) => call,
            Err(problem) if is_everybody_s(&problem) => return End::Failed(None, problem),
            Err(problem) => return End::Lost(problem),
        };
        let mut watch = Watch::begin(Instant::now());
        let mut stages = call.stages();
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                changed = stages.changed() => {
                    let stage = stages.borrow_and_update().clone();
                    self.look(number, chunk, &stage, &mut watch);
                    if changed.is_err() || stage.status.is_end() {
                        break;
                    }
                }
                _ = looks.tick() => {
                    if let Some(why) = self.is_stuck(worker, &watch) {
                        return End::Lost(why);
                    }
                }
                () = self.context.ends().cancelled() => {
                    self.end_call(&call).await;
                    return End::Told;
                }
            }
        }
        end_of(&call, outcome(&call))
    }

    /// What a chunk's call says on its way.
    fn look(&self, number: usize, chunk: &[Frame], stage: &Stage, watch: &mut Watch) {
        let Some(progress) = &stage.progress else {
            return;
        };
        let details = progress.details.as_ref();
        let number_of = |key: &str| details.and_then(|it| it.get(key)).and_then(Value::as_u64);
        let frame = details
            .and_then(|it| it.get("frame"))
            .and_then(Value::as_i64)
            .and_then(|frame| Frame::try_from(frame).ok());
        watch.progress(frame, Instant::now());
        let samples = number_of("sample").zip(number_of("samples"));
        #[expect(clippy::cast_precision_loss, reason = "counts of samples")]
        let part = samples.map_or(0.0, |(done, all)| done as f64 / all.max(1) as f64);
        if let Some(made) = details.and_then(|it| it.get("made")).and_then(pairs) {
            self.settle(number, chunk, made, false);
        }
        self.set(
            number,
            Doing::Rendering {
                frame,
                part,
                samples,
            },
        );
    }

    /// Why a worker that runs is given up.
    fn is_stuck(&self, worker: &InstanceName, watch: &Watch) -> Option<Problem> {
        let heard = self
            .context
            .instance(worker)
            .ok()
            .and_then(|view| view.heard_ms_ago);
        let heard = heard.map(Duration::from_millis);
        watch.why_given_up(&self.request.patience, heard, Instant::now())
    }

    /// Books what is done of a chunk: what the worker says (`made`, with seconds), and at its end what lies in the
    /// folder. Gives what is not done.
    fn settle(&self, number: usize, chunk: &[Frame], made: Made, at_end: bool) -> Vec<Frame> {
        let counts = self.counts();
        let mut left = Vec::new();
        for frame in chunk {
            let seconds = made.get(frame).copied();
            if seconds.is_some() || (at_end && counts.has(*frame)) {
                self.made(number, *frame, seconds);
            } else {
                left.push(*frame);
            }
        }
        if at_end {
            self.state().board.leave(number);
        }
        left
    }

    fn made(&self, number: usize, frame: Frame, seconds: Option<f64>) {
        let path = self.counts().path_of(frame);
        let worker = self.name_of(number);
        let mut state = self.state();
        if !state.pool.done(frame) {
            return;
        }
        state.board.made(number, frame, path, seconds);
        state.made.insert(frame, manifest::Made { seconds, worker });
        drop(state);
        self.news.notify_waiters();
    }

    /// A frame failed or lost its worker; the others of the chunk go back.
    fn blame(&self, frame: Frame, left: &[Frame], why: &Problem) {
        let others: Vec<Frame> = left.iter().copied().filter(|one| *one != frame).collect();
        let blamed = {
            let mut state = self.state();
            let blamed = state.pool.blame(frame, &why.message);
            state.pool.put_back(&others);
            blamed
        };
        self.news.notify_waiters();
        match blamed {
            Blamed::Again(tries) => self.context.log(
                "warning",
                format!(
                    "Rendering frame {frame} again, after {tries} of {TRIES_MAX} tries failed: {}",
                    why.message
                ),
            ),
            Blamed::GivenUp => self.context.log(
                "error",
                format!("Giving up on frame {frame}: {}", why.message),
            ),
        }
    }

    fn replaced(&self, worker: &InstanceName, why: &Problem) {
        self.state().replaced += 1;
        self.context.log(
            "warning",
            format!("Replacing worker `{worker}`: {}", why.message),
        );
    }

    fn put_back(&self, frames: &[Frame]) {
        self.state().pool.put_back(frames);
        self.news.notify_waiters();
    }

    /// The next frames; nothing when all are done or given up, or the farm ends.
    async fn next_chunk(&self, number: usize) -> Option<Vec<Frame>> {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // From here on, so that nothing is missed between the look and the wait.
            news.as_mut().enable();
            if self.is_told_to_end() {
                return None;
            }
            {
                let mut state = self.state();
                let workers = state.workers;
                let chunk = state.pool.take(workers);
                if !chunk.is_empty() {
                    return Some(chunk);
                }
                if state.pool.is_over() || state.broken {
                    return None;
                }
            }
            self.set(number, Doing::Waiting);
            tokio::select! {
                () = news => {}
                () = self.context.ends().cancelled() => return None,
            }
        }
    }
}

/// What no other worker and no other frame would change.
pub(super) fn is_everybody_s(problem: &Problem) -> bool {
    problem.code == Code::DISK_FULL
        || problem.code == Code::FORBIDDEN
        || problem.code == Code::PATH_REFUSED
        || problem.code == Code::CONFIRMATION_REQUIRED
        || problem.code == Code::HUB_STOPPING
}

/// Frames and their seconds: `[[1, 2.5]]`, or `[{"frame": 1, "seconds": 2.5}]`.
fn pairs(told: &Value) -> Option<Made> {
    let one = |one: &Value| {
        let (frame, seconds) = match one {
            Value::Array(pair) => (pair.first()?, pair.get(1)?),
            one => (one.get("frame")?, one.get("seconds")?),
        };
        Some((Frame::try_from(frame.as_i64()?).ok()?, seconds.as_f64()?))
    };
    Some(told.as_array()?.iter().filter_map(one).collect())
}

fn end_of(call: &Call, outcome: Result<Value, Problem>) -> End {
    match outcome {
        Ok(value) => End::Done(value),
        Err(problem) if call.status() == Status::Failed => {
            let frame = problem.details.get("frame").and_then(Value::as_i64);
            End::Failed(frame.and_then(|frame| Frame::try_from(frame).ok()), problem)
        }
        Err(problem) => End::Lost(problem),
    }
}

fn request(worker: &InstanceName, command: &str, args: Value) -> Result<CallRequest, Problem> {
    let request = json!({"app": "blender", "instance": worker, "command": command, "args": args,
        "timeout_ms": CHUNK_TIMEOUT_MS});
    serde_json::from_value(request).map_err(|error| Problem::new(Code::INTERNAL, error.to_string()))
}

fn outcome(call: &Call) -> Result<Value, Problem> {
    let stage = call.stage();
    let outcome = stage
        .outcome
        .ok_or_else(|| Problem::new(Code::INTERNAL, "A call ended without an outcome."))?;
    match (&outcome.problem, stage.status) {
        (None, Status::Succeeded) => Ok(outcome.value.clone()),
        (Some(problem), _) => Err(problem.clone()),
        (None, status) => Err(Problem::new(Code::CALL_FAILED, status.as_str())),
    }
}

pub(super) fn told_to_end() -> Problem {
    Problem::new(Code::CANCELLED, "The render was stopped.")
}
