//! A render farm on one machine: the frames of a file, shared among background Blenders that are started for it.
//!
//! In comes the call `render.farm`, conducted by the hub; out go pictures at their places, one by one, a report,
//! a contact sheet and a film. The farm renders nothing itself: its workers are ordinary instances that run
//! `render.frames`, reserved for it. It holds no truth but the folder's: what lies at a frame's place is done, so
//! the same request goes on after any crash.
//!
//! ```text
//! request ─> turn ─> folder ─> first worker ─> preflight ─> frames that are missing ─> all workers ─> finish
//!                    └ everything is there: done in a moment
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`request`] | the arguments, read and looked at |
//! | [`frames`], [`pool`], [`estimate`], [`watch`], [`board`], [`machine`] | pure: which frames, who is given which, how long it takes, when a worker is given up, what is told, how many workers |
//! | [`state`] | one farm while it works |
//! | [`folder`], [`manifest`] | what is there, and what made it |
//! | [`begin`] | before the first frame: what is missing, what counts as done |
//! | [`worker`] | one worker, and how it is replaced |
//! | [`books`] | what is written down while frames come |
//! | [`finish`], [`film`], [`report`] | the sheet, the film, and what is said in the end |

use std::sync::Arc;
use std::time::Duration;

use hub::command_context::{Conducted, Conducting, Context};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use wire::{Code, InstanceView, Problem};

mod begin;
mod board;
mod books;
mod estimate;
mod film;
mod finish;
mod folder;
mod frames;
mod machine;
mod manifest;
mod pool;
mod report;
mod request;
mod state;
mod watch;
mod worker;

use folder::{Counts, Folder};
use manifest::Manifest;
use report::already_done;
use request::Request;
use state::Farm;
use worker::told_to_end;

/// Farms that render at once: each shares out the whole machine.
static TURN: Semaphore = Semaphore::const_new(1);
/// How often news are told: quick for the eye, slow for a feed.
const TELL: Duration = Duration::from_millis(200);
/// How often the manifest is written while frames come: what is lost with a crash is only how long they took.
const SAVE: Duration = Duration::from_secs(5);
/// Conducts `render.farm`.
pub(super) fn conduct(context: Context) -> Conducting {
    Box::pin(async move {
        run(context)
            .await
            .unwrap_or_else(|problem| Err(problem).into())
    })
}

async fn run(context: Context) -> Result<Conducted, Problem> {
    let request = Request::of(&context)?;
    let _turn = turn(&context).await?;
    let folder = Folder::open(&request.out)?;
    end_leftovers(&context, &request.mark).await;
    folder.clear_parts();
    let before = Manifest::read(folder.path());
    begin::refuse_early(&request, before.as_ref())?;
    if let Some(done) = already_done(&request, before.as_ref()) {
        context.log("info", "Every frame is already there.");
        return Ok(Ok(done).into());
    }
    let farm = Arc::new(Farm::new(context, request, before.as_ref()));
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
async fn turn(context: &Context) -> Result<tokio::sync::SemaphorePermit<'static>, Problem> {
    if let Ok(turn) = TURN.try_acquire() {
        return Ok(turn);
    }
    context.progress(wire::Progress {
        fraction: None,
        text: "waiting for another render to end".to_owned(),
        details: None,
    });
    tokio::select! {
        turn = TURN.acquire() => turn.map_err(|_| told_to_end()),
        () = context.ends().cancelled() => Err(told_to_end()),
    }
}

/// Workers of the same farm under a hub that was killed go on by themselves: two would write one frame.
async fn end_leftovers(context: &Context, mark: &str) {
    let left = context.reserved_for(mark);
    let stops = left.iter().map(|view| context.stop(view, true));
    for (view, stopped) in left.iter().zip(futures_util::future::join_all(stops).await) {
        match stopped {
            Ok(()) => context.log(
                "info",
                format!(
                    "`{}` was left over from an earlier run and was ended.",
                    view.name
                ),
            ),
            Err(problem) => context.log("warning", format!("`{}`: {problem}", view.name)),
        }
    }
}

impl Farm {
    async fn render_all(self: Arc<Self>, before: Option<Manifest>) -> Result<Conducted, Problem> {
        let first = self.start(0, 1).await?;
        let plan = self.preflight(&first).await?;
        let frames = match &self.request.frames {
            Some(frames) => frames.clone(),
            None => frames::of_scene(plan.start, plan.end, plan.step)?,
        };
        let since_ms = self.since(before.as_ref(), &plan, &frames)?;
        let counts = Counts::new(&self.request.out, &plan.suffix, since_ms);
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
                    self.context
                        .log("error", format!("A worker ended: {}", problem.message));
                    why = Some(problem);
                }
                Err(error) => {
                    tracing::error!(%error, "a worker of a farm broke");
                    why = Some(Problem::new(
                        Code::INTERNAL,
                        "A worker failed because of a fault in Kapelle.",
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
                let others = living.iter().map(|view| self.context.stop(view, true));
                futures_util::future::join_all(others).await;
                Ok(kept)
            }
        }
    }
}
