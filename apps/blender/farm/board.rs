//! How far the farm is, as people and programs see it. Pure: it is told what happens, and gives a progress.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use wire::Progress;

use super::estimate::{self, Estimate};
use super::frames::Frame;
use super::pool::Pool;

/// As far as a farm can be that has frames left, 0 to 1.
const UNFINISHED_MAX: f64 = 0.99;

/// What a worker does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doing {
    /// Its Blender is being started, for the how-manieth time.
    Starting(u32),
    /// It opened the file and has nothing to do now.
    Waiting,
    Rendering {
        frame: Option<Frame>,
        /// Done of this frame, 0 to 1.
        part: f64,
        /// Of samples, where the engine counts some.
        samples: Option<(u64, u64)>,
    },
    Finishing(&'static str),
    /// It could not be started any more.
    Lost(String),
    Ended,
}

#[derive(Clone, Debug)]
struct Worker {
    name: String,
    doing: Doing,
    done: usize,
}

/// The farm as a whole.
#[derive(Debug)]
pub(super) struct Board {
    workers: Vec<Worker>,
    pub(super) estimate: Estimate,
    /// Frames that were asked for, and that were there before.
    pub(super) all: usize,
    pub(super) skipped: usize,
    pub(super) last: Option<PathBuf>,
    stage: &'static str,
    changed: bool,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            workers: Vec::new(),
            estimate: Estimate::default(),
            all: 0,
            skipped: 0,
            last: None,
            stage: "starting the first worker",
            changed: true,
        }
    }

    pub(super) fn stage(&mut self, stage: &'static str) {
        self.stage = stage;
        self.changed = true;
    }

    pub(super) fn set(&mut self, number: usize, name: &str, doing: Doing) {
        while self.workers.len() <= number {
            self.workers.push(Worker {
                name: String::new(),
                doing: Doing::Waiting,
                done: 0,
            });
        }
        let worker = &mut self.workers[number];
        if worker.name != name || worker.doing != doing {
            name.clone_into(&mut worker.name);
            worker.doing = doing;
            self.changed = true;
        }
    }

    /// A frame is done: what its worker said of it does not count beside it any more.
    pub(super) fn made(
        &mut self,
        number: usize,
        frame: Frame,
        path: PathBuf,
        seconds: Option<f64>,
    ) {
        if let Some(worker) = self.workers.get_mut(number) {
            worker.done += 1;
            worker.leave(Some(frame));
        }
        if let Some(seconds) = seconds {
            self.estimate.made(seconds);
        }
        self.last = Some(path);
        self.changed = true;
    }

    /// A worker is not at work on its frame any more, done or not.
    pub(super) fn leave(&mut self, number: usize) {
        if let Some(worker) = self.workers.get_mut(number) {
            self.changed |= worker.leave(None);
        }
    }

    /// Whether there is something new since it was last asked.
    pub(super) fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn progress(&self, pool: &Pool, elapsed: Duration) -> Progress {
        let (done, failed) = (pool.done_count(), pool.failed().len());
        let parts: Vec<f64> = self.parts().collect();
        let left = self.estimate.left(pool.left(), &parts);
        let text = self.text(pool, left);
        let workers: Vec<Value> = self.workers.iter().map(Worker::told).collect();
        let details = json!({
            "frames": self.all, "done": done, "skipped": self.skipped, "failed": failed,
            "elapsed_s": elapsed.as_secs(), "left_s": left.map(|left| left.as_secs()),
            "last": self.last, "workers": workers,
        });
        Progress {
            fraction: self.fraction(pool, parts.iter().sum()),
            text,
            details: details.as_object().cloned(),
        }
    }

    fn fraction(&self, pool: &Pool, parts: f64) -> Option<f64> {
        // Those that were there count, as they do in the text.
        let (ended, left) = (
            self.skipped + pool.done_count() + pool.failed().len(),
            pool.left(),
        );
        if self.all == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of frames")]
        let (ended, all) = (ended as f64, (ended + left) as f64);
        // All of it is done only when nothing is left: the last samples of a frame are not yet its file.
        Some(match left {
            0 => 1.0,
            _ => ((ended + parts) / all).clamp(0.0, UNFINISHED_MAX),
        })
    }

    fn text(&self, pool: &Pool, left: Option<Duration>) -> String {
        if !self.stage.is_empty() {
            return self.stage.to_owned();
        }
        let there = pool.done_count() + self.skipped;
        let mut text = format!("{there} of {} frames", self.all);
        if !pool.failed().is_empty() {
            text.push_str(&format!(", {} failed", pool.failed().len()));
        }
        if let Some(left) = left.filter(|_| pool.left() > 0) {
            text.push_str(&format!(", {} left", estimate::words(left)));
        }
        text
    }

    fn parts(&self) -> impl Iterator<Item = f64> {
        self.workers.iter().filter_map(|worker| match worker.doing {
            Doing::Rendering { part, .. } => Some(part),
            _ => None,
        })
    }
}

impl Worker {
    /// It goes on to another frame than this one, or than any. `false` when it was not at work on it.
    fn leave(&mut self, left: Option<Frame>) -> bool {
        match self.doing {
            Doing::Rendering { frame, .. } if left.is_none() || frame == left => {
                self.doing = Doing::Rendering {
                    frame: None,
                    part: 0.0,
                    samples: None,
                };
                true
            }
            _ => false,
        }
    }

    fn told(&self) -> Value {
        let (state, frame, part, more) = match &self.doing {
            Doing::Starting(times) => ("starting", None, None, json!(times)),
            Doing::Waiting => ("waiting", None, None, Value::Null),
            Doing::Rendering {
                frame,
                part,
                samples,
            } => ("rendering", *frame, Some(*part), json!(samples)),
            Doing::Finishing(what) => ("finishing", None, None, json!(what)),
            Doing::Lost(why) => ("lost", None, None, json!(why)),
            Doing::Ended => ("ended", None, None, Value::Null),
        };
        let mut told = json!({"name": self.name, "state": state, "done": self.done});
        let key = match &self.doing {
            Doing::Starting(_) => "start",
            Doing::Rendering { .. } => "samples",
            Doing::Finishing(_) => "what",
            _ => "why",
        };
        for (key, value) in [("frame", json!(frame)), ("part", json!(part)), (key, more)] {
            if !value.is_null() {
                told[key] = value;
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_whole_and_each_worker() {
        let mut pool = Pool::new((1..=4).collect(), Some(1));
        let mut board = Board::new();
        assert!(board.has_news() && !board.has_news());
        assert_eq!(board.progress(&pool, Duration::ZERO).fraction, None);
        (board.all, board.skipped) = (5, 1);
        board.stage("");
        pool.take(1);
        pool.done(1);
        board.set(0, "a", Doing::Waiting);
        board.made(0, 1, "/x/frame_0001.png".into(), Some(10.0));
        pool.take(1);
        let doing = Doing::Rendering {
            frame: Some(2),
            part: 0.5,
            samples: Some((8, 16)),
        };
        board.set(0, "a", doing);
        let progress = board.progress(&pool, Duration::from_secs(15));
        assert_eq!(progress.fraction, Some(0.5), "2.5 of 5, as the text says");
        assert_eq!(progress.text, "2 of 5 frames, 25 s left");
        let told = Value::Object(progress.details.unwrap());
        assert_eq!(
            told,
            json!({"frames": 5, "done": 1, "skipped": 1, "failed": 0, "elapsed_s": 15, "left_s": 25,
                "last": "/x/frame_0001.png",
                "workers": [{"name": "a", "state": "rendering", "done": 1, "frame": 2, "part": 0.5, "samples": [8, 16]}]})
        );
    }

    #[test]
    fn a_frame_that_is_done_is_counted_once() {
        let mut pool = Pool::new((1..=4).collect(), Some(1));
        let mut board = Board::new();
        board.all = 4;
        board.stage("");
        let at = |frame, part| Doing::Rendering {
            frame: Some(frame),
            part,
            samples: None,
        };
        pool.take(2);
        pool.take(2);
        board.set(0, "a", at(1, 0.9));
        board.set(1, "b", at(2, 0.5));
        pool.done(1);
        board.made(0, 1, "/x/1.png".into(), Some(10.0));
        let fraction = |board: &Board, pool: &Pool| board.progress(pool, Duration::ZERO).fraction;
        assert_eq!(fraction(&board, &pool), Some(1.5 / 4.0));
        // What it says of the next one stays.
        board.set(1, "b", at(3, 0.25));
        pool.done(2);
        board.made(1, 2, "/x/2.png".into(), None);
        assert_eq!(fraction(&board, &pool), Some(2.25 / 4.0));
        board.has_news();
        board.leave(1);
        assert!(board.has_news());
        assert_eq!(fraction(&board, &pool), Some(2.0 / 4.0));
    }

    #[test]
    fn it_is_never_all_of_it_while_a_frame_is_left() {
        let mut pool = Pool::new((1..=10).collect(), Some(10));
        let mut board = Board::new();
        board.all = 10;
        pool.take(1);
        for frame in 1..=9 {
            pool.done(frame);
        }
        let doing = Doing::Rendering {
            frame: Some(10),
            part: 1.0,
            samples: Some((64, 64)),
        };
        board.set(0, "a", doing);
        let fraction = board.progress(&pool, Duration::ZERO).fraction;
        assert_eq!(fraction, Some(UNFINISHED_MAX));
        pool.done(10);
        let fraction = board.progress(&pool, Duration::ZERO).fraction;
        assert_eq!(fraction, Some(1.0));
    }
}
