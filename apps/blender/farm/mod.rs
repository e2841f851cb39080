//! A render farm on one machine: the frames of a file, shared among background Blenders that are started for it.
//!
//! In comes the call `render.farm`, conducted by the hub; out go pictures at their places, one by one, a report,
//! a contact sheet and a film. The farm renders nothing itself: its workers are ordinary instances that run
//! `render.frames`, reserved for it. It holds no truth but the folder's: what lies at a frame's place is done, so
//! the same wish goes on after any crash.
//!
//! ```text
//! wish ─> turn ─> folder ─> first worker ─> preflight ─> frames that are missing ─> all workers ─> finish
//!                    └ everything is there: done in a moment
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`wish`] | the arguments, read and looked at |
//! | [`frames`], [`pool`], [`estimate`], [`board`], [`machine`] | pure: which frames, who is given which, how long it takes, what is told, how many workers |
//! | [`folder`], [`manifest`] | what is there, and what made it |
//! | [`worker`] | one worker, and how it is replaced |
//! | [`finish`] | the sheet and the film |

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use hub::conduct::{Conducted, Conducting, Podium};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use wire::{Code, InstanceView, Problem};

mod board;
mod estimate;
mod finish;
mod folder;
mod frames;
mod machine;
mod manifest;
mod pool;
mod wish;
mod worker;

use board::{Board, Doing};
use folder::{Counts, Folder};
use frames::Frame;
use machine::Machine;
use manifest::{Made, Manifest, Plan};
use pool::Pool;
use wish::{Existing, Wish};
use worker::told_to_end;

/// Farms that render at once: each shares out the whole machine.
static TURN: Semaphore = Semaphore::const_new(1);
/// How often news are told: quick for the eye, slow for a feed.
const TELL: Duration = Duration::from_millis(200);
/// How often the manifest is written while frames come: what is lost with a crash is only how long they took.
const SAVE: Duration = Duration::from_secs(5);
/// Failed frames that the problem names one by one, as ranges.
const RANGES_TOLD_MAX: usize = 20;
/// Missing files that the problem names.
const MISSING_TOLD_MAX: usize = 8;

/// One farm at work.
struct Farm {
    podium: Podium,
    wish: Wish,
    machine: Machine,
    began: Instant,
    counts: OnceLock<Counts>,
    state: Mutex<State>,
    /// Turns when frames are done, come back or fail.
    news: Notify,
}

struct State {
    pool: Pool,
    board: Board,
    workers: usize,
    replaced: usize,
    /// Something that no worker can change: nothing more is handed out.
    broken: bool,
    made: std::collections::BTreeMap<Frame, Made>,
    manifest: Option<Manifest>,
}

/// Conducts `render.farm`.
pub(super) fn conduct(podium: Podium) -> Conducting {
    Box::pin(async move {
        run(podium)
            .await
            .unwrap_or_else(|problem| Err(problem).into())
    })
}

async fn run(podium: Podium) -> Result<Conducted, Problem> {
    let wish = Wish::of(&podium)?;
    let _turn = turn(&podium).await?;
    let folder = Folder::open(&wish.out)?;
    end_leftovers(&podium, &wish.mark).await;
    folder.clear_parts();
    let before = Manifest::read(folder.path());
    if let Some(done) = already_done(&wish, before.as_ref()) {
        podium.log("info", "Every frame is there already.");
        return Ok(Ok(done).into());
    }
    let farm = Arc::new(Farm::new(podium, wish, before.as_ref()));
    let work = Arc::clone(&farm).render_all(before);
    tokio::pin!(work);
    let mut tells = tokio::time::interval(TELL);
    tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut saves = tokio::time::interval(SAVE);
    saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = tells.tick() => farm.tell(),
            _ = saves.tick() => farm.save_news().await,
        }
    };
    farm.tell();
    if farm.is_told_to_end() {
        farm.save_news().await;
        return Err(farm.stopped());
    }
    done
}

/// Waits until no other farm renders.
async fn turn(podium: &Podium) -> Result<tokio::sync::SemaphorePermit<'static>, Problem> {
    if let Ok(turn) = TURN.try_acquire() {
        return Ok(turn);
    }
    podium.progress(wire::Progress {
        fraction: None,
        text: "waiting for another farm to end".to_owned(),
        details: None,
    });
    tokio::select! {
        turn = TURN.acquire() => turn.map_err(|_| told_to_end()),
        () = podium.ends().cancelled() => Err(told_to_end()),
    }
}

/// Workers of the same farm under a hub that was killed go on by themselves: two would write one frame.
async fn end_leftovers(podium: &Podium, mark: &str) {
    let left = podium.reserved_for(mark);
    let stops = left.iter().map(|view| podium.stop(view, true));
    for (view, stopped) in left.iter().zip(futures_util::future::join_all(stops).await) {
        match stopped {
            Ok(()) => podium.log(
                "info",
                format!("`{}` of an earlier run was ended.", view.name),
            ),
            Err(problem) => podium.log("warning", format!("`{}`: {problem}", view.name)),
        }
    }
}

/// The answer when nothing is left to do, for which no Blender is needed.
fn already_done(wish: &Wish, before: Option<&Manifest>) -> Option<Value> {
    let before = before.filter(|before| before.finished && before.source == wish.source)?;
    if wish.existing == Existing::Overwrite {
        return None;
    }
    let plan = &before.plan;
    let frames = match &wish.frames {
        Some(frames) => frames.clone(),
        None => frames::of_scene(plan.start, plan.end, plan.step).ok()?,
    };
    let counts = Counts::new(&wish.out, &plan.suffix, before.since_ms);
    let is_there = |wanted: bool, file: &Option<PathBuf>| {
        !wanted || file.as_ref().is_some_and(|file| file.is_file())
    };
    let all = is_there(wish.sheet, &before.sheet)
        && is_there(wish.film, &before.film)
        && frames.iter().all(|frame| counts.has(*frame));
    all.then(|| report(wish, before, frames.len(), 0, 0.0, 0))
}

fn report(
    wish: &Wish,
    manifest: &Manifest,
    frames: usize,
    rendered: usize,
    seconds: f64,
    replaced: usize,
) -> Value {
    let failed: Vec<Value> = manifest
        .failed
        .iter()
        .map(|(frame, why)| {
            json!({"frame": frame, "tries": manifest.retried.get(frame).unwrap_or(&1), "why": why})
        })
        .collect();
    let retried: Vec<Value> = manifest
        .retried
        .iter()
        .map(|(frame, tries)| json!({"frame": frame, "failed": tries}))
        .collect();
    let plan = &manifest.plan;
    json!({
        "path": wish.out, "frames": frames, "rendered": rendered,
        "skipped": frames - rendered - failed.len(),
        "failed": failed, "retried": retried, "replaced": replaced,
        "seconds": (seconds * 10.0).round() / 10.0, "workers": manifest.workers,
        "sheet": manifest.sheet, "film": manifest.film,
        "report": wish.out.join(manifest::FILE),
        "scene": plan.scene, "camera": plan.camera, "engine": plan.engine, "samples": plan.samples,
        "width": plan.width, "height": plan.height, "format": plan.format,
    })
}

impl Farm {
    fn new(podium: Podium, wish: Wish, before: Option<&Manifest>) -> Self {
        let machine = Machine::look();
        // With fewer frames than workers the cores are shared among fewer.
        let known = wish.frames.as_ref().map(Vec::len).or_else(|| {
            let plan = &before.filter(|before| before.source == wish.source)?.plan;
            let frames = frames::of_scene(plan.start, plan.end, plan.step);
            frames.ok().map(|frames| frames.len())
        });
        let card = before.is_some_and(|before| before.plan.graphics_card);
        let workers = wish
            .workers
            .unwrap_or_else(|| machine.workers(wish.memory_mb, card))
            .min(known.unwrap_or(usize::MAX))
            .max(1);
        Self {
            podium,
            machine,
            began: Instant::now(),
            counts: OnceLock::new(),
            state: Mutex::new(State {
                pool: Pool::new(Vec::new(), wish.chunk),
                board: Board::new(),
                workers,
                replaced: 0,
                broken: false,
                made: std::collections::BTreeMap::new(),
                manifest: None,
            }),
            news: Notify::new(),
            wish,
        }
    }

    async fn render_all(self: Arc<Self>, before: Option<Manifest>) -> Result<Conducted, Problem> {
        let first = self.start(0, 1).await?;
        let plan = self.preflight(&first).await?;
        let frames = match &self.wish.frames {
            Some(frames) => frames.clone(),
            None => frames::of_scene(plan.start, plan.end, plan.step)?,
        };
        let since_ms = self.since(before.as_ref(), &plan, &frames)?;
        let counts = Counts::new(&self.wish.out, &plan.suffix, since_ms);
        let counts = self.counts.get_or_init(|| counts).clone();
        let all = frames.clone();
        let left = tokio::task::spawn_blocking(move || {
            let mut left = all;
            left.retain(|frame| !counts.has(*frame));
            left
        })
        .await
        .unwrap_or_else(|_| frames.clone());
        self.begin(before, plan, &frames, left, since_ms).await?;
        let blender = self.all_workers(first).await?;
        if self.is_told_to_end() {
            return Err(told_to_end());
        }
        self.finish(&frames, blender).await
    }

    /// What the first worker finds before anything is rendered.
    async fn preflight(&self, first: &InstanceView) -> Result<Plan, Problem> {
        self.state().board.stage("looking for missing files");
        let found = self.ask(&first.name, "file.missing", json!({})).await?;
        let named = |key: &str| -> Vec<String> {
            let all = found[key].as_array().into_iter().flatten();
            all.map(|one| {
                let text = |key: &str| one[key].as_str().unwrap_or_default();
                match text("path") {
                    "" => format!("{} `{}`", text("kind"), text("name")),
                    path => format!("{} `{}` ({path})", text("kind"), text("name")),
                }
            })
            .collect()
        };
        let missing = named("missing");
        for one in &missing {
            self.podium.log("warning", format!("Missing: {one}"));
        }
        for one in named("unbaked") {
            self.podium.log(
                "warning",
                format!(
                    "Not baked: {one}. A worker that begins in its middle shows it differently."
                ),
            );
        }
        if !missing.is_empty() && !self.wish.ignore_missing {
            let more = missing.len().saturating_sub(MISSING_TOLD_MAX);
            let mut told = missing;
            told.truncate(MISSING_TOLD_MAX);
            if more > 0 {
                told.push(format!("{more} more"));
            }
            return Err(Problem::new(
                Code::FILE_NOT_FOUND,
                format!("{} does not find: {}.", self.wish.file.display(), told.join(", ")),
            )
            .hint("Bring them to their places or mend the paths in the file; or render without them: --ignore-missing (ignore_missing).")
            .detail("missing", found["missing"].clone()));
        }
        let args = Value::Object(self.wish.settings.clone());
        let plan = self.ask(&first.name, "render.plan", args).await?;
        serde_json::from_value(plan).map_err(|error| {
            Problem::new(
                Code::INTERNAL,
                format!("The worker's plan cannot be read: {error}."),
            )
        })
    }

    /// From when on frames count that are there; refuses where other pictures are in the way.
    fn since(
        &self,
        before: Option<&Manifest>,
        plan: &Plan,
        frames: &[Frame],
    ) -> Result<u64, Problem> {
        let same = before.filter(|before| before.source == self.wish.source);
        match (self.wish.existing, same) {
            (Existing::Overwrite, Some(same)) if !same.finished && same.since_ms > 0 => {
                Ok(same.since_ms)
            }
            (Existing::Overwrite, _) => Ok(manifest::now_ms()),
            (Existing::Skip, _) => Ok(0),
            (Existing::Resume, Some(same)) => Ok(same.since_ms),
            (Existing::Resume, None) => {
                let counts = Counts::new(&self.wish.out, &plan.suffix, 0);
                let there: Vec<Frame> = frames
                    .iter()
                    .copied()
                    .filter(|it| counts.has(*it))
                    .collect();
                if there.is_empty() {
                    return Ok(0);
                }
                let told = frames::words(&there, RANGES_TOLD_MAX);
                if before.is_none() {
                    self.podium.log(
                        "info",
                        format!("These frames were there already, and count; what made them is not known: {told}."),
                    );
                    return Ok(0);
                }
                Err(Problem::new(
                    Code::FILE_EXISTS,
                    format!(
                        "{} has frames that another version of the file or other settings made: {told}.",
                        self.wish.out.display()
                    ),
                )
                .hint("Render them again: --overwrite (existing=overwrite); take them as they are: --skip (existing=skip); or name another folder: --out"))
            }
        }
    }

    /// Everything is known: the manifest is written, frames can be handed out.
    async fn begin(
        &self,
        before: Option<Manifest>,
        plan: Plan,
        frames: &[Frame],
        left: Vec<Frame>,
        since_ms: u64,
    ) -> Result<(), Problem> {
        let source = self.wish.source.clone();
        let mut manifest = before
            .filter(|before| before.source == source && before.since_ms == since_ms)
            .unwrap_or_else(|| Manifest::new(source, plan.clone()));
        let graphics_card = plan.graphics_card;
        manifest.plan = plan;
        manifest.since_ms = since_ms;
        manifest.finished = false;
        manifest.failed.clear();
        manifest.retried.clear();
        {
            let mut state = self.state();
            if self.wish.workers.is_none() {
                let fitting = self.machine.workers(self.wish.memory_mb, graphics_card);
                state.workers = state.workers.min(fitting);
            }
            state.workers = state.workers.min(left.len()).max(1);
            manifest.workers = state.workers;
            state.board.all = frames.len();
            state.board.skipped = frames.len() - left.len();
            state.board.stage("");
            state.pool = Pool::new(left, self.wish.chunk);
            state.manifest = Some(manifest);
        }
        self.save().await
    }

    /// Lets all workers work until nothing is left. Gives a Blender that lives, if there is one.
    ///
    /// # Errors
    /// When frames are left and no worker can go on.
    async fn all_workers(
        self: &Arc<Self>,
        first: InstanceView,
    ) -> Result<Option<InstanceView>, Problem> {
        let count = self.state().workers;
        let mut first = Some(first);
        let mut workers = JoinSet::new();
        for number in 0..count {
            workers.spawn(Arc::clone(self).work(number, first.take()));
        }
        let (mut living, mut why) = (Vec::new(), None);
        while let Some(ended) = workers.join_next().await {
            match ended {
                Ok(Ok(blender)) => living.extend(blender),
                Ok(Err(problem)) => {
                    self.state().broken = worker::is_everybody_s(&problem);
                    self.news.notify_waiters();
                    self.podium
                        .log("error", format!("A worker ended: {}", problem.message));
                    why = Some(problem);
                }
                Err(error) => {
                    tracing::error!(%error, "a worker of a farm broke");
                    why = Some(Problem::new(
                        Code::INTERNAL,
                        "A worker ended by a fault of ours.",
                    ));
                }
            }
        }
        let left = self.state().pool.left();
        match why {
            Some(problem) if left > 0 => {
                self.save_news().await;
                let done = self.done_words();
                Err(Problem {
                    message: format!("{} {done}", problem.message),
                    ..problem
                })
            }
            _ => {
                let kept = living.pop();
                let others = living.iter().map(|view| self.podium.stop(view, true));
                futures_util::future::join_all(others).await;
                Ok(kept)
            }
        }
    }

    /// The sheet, the film, the report.
    async fn finish(
        &self,
        frames: &[Frame],
        blender: Option<InstanceView>,
    ) -> Result<Conducted, Problem> {
        let counts = self.counts();
        let mut there: Vec<Frame> = frames
            .iter()
            .copied()
            .filter(|it| counts.has(*it))
            .collect();
        there.sort_unstable();
        let pictures: Vec<PathBuf> = there.iter().map(|frame| counts.path_of(*frame)).collect();
        let rendered = self.state().pool.done_count();
        let (sheet, film, fps) = {
            let state = self.state();
            let manifest = state.manifest.as_ref();
            let missing = |file: Option<&PathBuf>| !file.is_some_and(|file| file.is_file());
            let is_new = |file: Option<&PathBuf>| rendered > 0 || missing(file);
            (
                self.wish.sheet && is_new(manifest.and_then(|it| it.sheet.as_ref())),
                self.wish.film && is_new(manifest.and_then(|it| it.film.as_ref())),
                manifest.map_or(24.0, |it| it.plan.fps),
            )
        };
        if (sheet || film) && !pictures.is_empty() {
            let worker = match blender {
                Some(worker) => Ok(worker),
                None => self.start(0, 1).await,
            };
            match worker {
                Ok(worker) => self.extras(&worker, &pictures, sheet, film, fps).await,
                Err(problem) => self
                    .podium
                    .log("warning", format!("No sheet and no film: {problem}")),
            }
        }
        if self.is_told_to_end() {
            return Err(told_to_end());
        }
        self.book_end(true);
        self.save().await?;
        let state = self.state();
        let manifest = state
            .manifest
            .as_ref()
            .ok_or_else(|| Problem::new(Code::INTERNAL, "The farm has lost its manifest."))?;
        let seconds = self.began.elapsed().as_secs_f64();
        let value = report(
            &self.wish,
            manifest,
            frames.len(),
            rendered,
            seconds,
            state.replaced,
        );
        let failed: Vec<Frame> = manifest.failed.keys().copied().collect();
        let problem = manifest.failed.first_key_value().map(|(frame, why)| {
            Problem::new(
                Code::CALL_FAILED,
                format!(
                    "{} of {} frames could not be rendered: {}. Frame {frame}: {why}",
                    failed.len(),
                    frames.len(),
                    frames::words(&failed, RANGES_TOLD_MAX)
                ),
            )
            .hint("The others are there. Asked again in the same way, only these are rendered; the workers' logs are in logs/ of Kapelle's home.")
            .detail("failed", value["failed"].clone())
        });
        Ok(Conducted { value, problem })
    }

    async fn extras(
        &self,
        worker: &InstanceView,
        pictures: &[PathBuf],
        sheet: bool,
        film: bool,
        fps: f64,
    ) {
        let warn = |what: &str, problem: &Problem| {
            self.podium.log(
                "warning",
                format!("There is no {what}: {}", problem.message),
            );
        };
        if sheet {
            self.set(0, Doing::Finishing("the contact sheet"));
            self.state().board.stage("making the contact sheet");
            match self.sheet(&worker.name, pictures).await {
                Ok(path) => self.with_manifest(|it| it.sheet = Some(path)),
                Err(problem) => warn("contact sheet", &problem),
            }
        }
        if film {
            self.set(0, Doing::Finishing("the film"));
            self.state().board.stage("making the film");
            match self.film(&worker.name, pictures, fps).await {
                Ok(path) => self.with_manifest(|it| it.film = Some(path)),
                Err(problem) => warn("film", &problem),
            }
        }
        self.set(0, Doing::Ended);
        self.state().board.stage("");
    }

    /// Told when somebody stopped it.
    fn stopped(&self) -> Problem {
        Problem::new(
            Code::CANCELLED,
            format!("The render was stopped. {}", self.done_words()),
        )
        .hint("Asked again in the same way, it goes on with the others.")
    }

    fn done_words(&self) -> String {
        let state = self.state();
        let there = state.pool.done_count() + state.board.skipped;
        format!(
            "{there} of {} frames are finished and stay in {}.",
            state.board.all,
            self.wish.out.display()
        )
    }

    fn tell(&self) {
        let mut state = self.state();
        if state.board.has_news() {
            let progress = state.board.progress(&state.pool, self.began.elapsed());
            drop(state);
            self.podium.progress(progress);
        }
    }

    /// Moves what came since the last time into the manifest.
    fn book(&self) -> bool {
        let mut state = self.state();
        let made = std::mem::take(&mut state.made);
        let retried = state.pool.retried().collect();
        let failed = state.pool.failed().clone();
        let Some(manifest) = state.manifest.as_mut() else {
            return false;
        };
        let is_new = !made.is_empty() || failed.len() != manifest.failed.len();
        manifest.frames.extend(made);
        manifest.retried = retried;
        manifest.failed = failed;
        is_new
    }

    fn book_end(&self, all: bool) {
        self.book();
        let seconds = self.began.elapsed().as_secs_f64();
        self.with_manifest(|manifest| {
            manifest.finished = all && manifest.failed.is_empty();
            manifest.seconds += seconds;
        });
    }

    fn with_manifest(&self, change: impl FnOnce(&mut Manifest)) {
        if let Some(manifest) = self.state().manifest.as_mut() {
            change(manifest);
        }
    }

    /// Writes the manifest when frames came since.
    async fn save_news(&self) {
        if self.book()
            && let Err(problem) = self.save().await
        {
            tracing::warn!(%problem, "the report of a farm cannot be written");
        }
    }

    async fn save(&self) -> Result<(), Problem> {
        let Some(manifest) = self.state().manifest.clone() else {
            return Ok(());
        };
        let out = self.wish.out.clone();
        let written = tokio::task::spawn_blocking(move || manifest.write(&out)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if hub::home::is_disk_full(&error) => {
                Err(hub::home::disk_full(&self.wish.out))
            }
            Ok(Err(error)) => Err(Problem::new(
                Code::PATH_REFUSED,
                format!("{} cannot be written: {error}.", self.wish.out.display()),
            )),
            Err(error) => Err(Problem::new(Code::INTERNAL, error.to_string())),
        }
    }

    fn set(&self, number: usize, doing: Doing) {
        let name = self.name_of(number);
        self.state().board.set(number, &name, doing);
    }

    fn name_of(&self, number: usize) -> String {
        format!("{}-{}", self.wish.mark, number + 1)
    }

    fn threads(&self) -> u32 {
        let workers = self.state().workers;
        self.wish
            .threads
            .unwrap_or_else(|| self.machine.threads(workers))
    }

    /// Known once the first worker has told the format.
    fn counts(&self) -> Counts {
        self.counts
            .get()
            .cloned()
            .unwrap_or_else(|| Counts::new(&self.wish.out, "", 0))
    }

    fn is_told_to_end(&self) -> bool {
        self.podium.ends().is_cancelled()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
