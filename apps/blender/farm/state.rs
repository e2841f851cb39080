//! One farm while it works: what was asked, what is known, and who does what. All rooms of the farm work on it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock};

use hub::command_context::Context;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::board::{Board, Doing};
use super::folder::Counts;
use super::frames::{self, Frame};
use super::machine::Machine;
use super::manifest::{Made, Manifest};
use super::pool::Pool;
use super::request::Request;

/// Failed frames that the problem names one by one, as ranges.
pub(super) const RANGES_TOLD_MAX: usize = 20;

/// One farm at work.
pub(super) struct Farm {
    pub(super) context: Context,
    pub(super) request: Request,
    pub(super) machine: Machine,
    pub(super) began: Instant,
    pub(super) counts: OnceLock<Counts>,
    pub(super) state: Mutex<State>,
    /// Turns when frames are done, come back or fail.
    pub(super) news: Notify,
}

pub(super) struct State {
    pub(super) pool: Pool,
    pub(super) board: Board,
    pub(super) workers: usize,
    pub(super) replaced: usize,
    /// Something that no worker can change: nothing more is handed out.
    pub(super) broken: bool,
    pub(super) made: BTreeMap<Frame, Made>,
    pub(super) manifest: Option<Manifest>,
}

impl Farm {
    pub(super) fn new(context: Context, request: Request, before: Option<&Manifest>) -> Self {
        let machine = Machine::look();
        // With fewer frames than workers the cores are shared among fewer.
        let known = request.frames.as_ref().map(Vec::len).or_else(|| {
            let plan = &before
                .filter(|before| before.source == request.source)?
                .plan;
            let frames = frames::of_scene(plan.start, plan.end, plan.step);
            frames.ok().map(|frames| frames.len())
        });
        let card = before.is_some_and(|before| before.plan.graphics_card);
        let workers = request
            .workers
            .unwrap_or_else(|| machine.workers(request.memory_mb, card))
            .min(known.unwrap_or(usize::MAX))
            .max(1);
        Self {
            context,
            machine,
            began: Instant::now(),
            counts: OnceLock::new(),
            state: Mutex::new(State {
                pool: Pool::new(Vec::new(), request.chunk),
                board: Board::new(),
                workers,
                replaced: 0,
                broken: false,
                made: BTreeMap::new(),
                manifest: None,
            }),
            news: Notify::new(),
            request,
        }
    }

    pub(super) fn tell(&self) {
        let mut state = self.state();
        if state.board.has_news() {
            let progress = state.board.progress(&state.pool, self.began.elapsed());
            drop(state);
            self.context.progress(progress);
        }
    }

    pub(super) fn set(&self, number: usize, doing: Doing) {
        let name = self.name_of(number);
        self.state().board.set(number, &name, doing);
    }

    pub(super) fn name_of(&self, number: usize) -> String {
        format!("{}-{}", self.request.mark, number + 1)
    }

    pub(super) fn threads(&self) -> u32 {
        let workers = self.state().workers;
        self.request
            .threads
            .unwrap_or_else(|| self.machine.threads(workers))
    }

    /// Known once the first worker has told the format.
    pub(super) fn counts(&self) -> Counts {
        self.counts
            .get()
            .cloned()
            .unwrap_or_else(|| Counts::new(&self.request.out, "", 0))
    }

    pub(super) fn is_told_to_end(&self) -> bool {
        self.context.ends().is_cancelled()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
