//! How far the farm is, as people and programs see it. Pure: it is told what happens, and gives a progress.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use wire::Progress;

use super::estimate::{self, Estimate};
use super::frames::Frame;
use super::pool::Pool;

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

    pub(super) fn made(&mut self, number: usize, path: PathBuf, seconds: Option<f64>) {
        if let Some(worker) = self.workers.get_mut(number) {
            worker.done += 1;
        }
        if let Some(seconds) = seconds {
            self.estimate.made(seconds);
        }
        self.last = Some(path);
        self.changed = true;
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
        Some(if all == 0.0 {
            1.0
        } else {
            ((ended + parts) / all).clamp(0.0, 1.0)
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
        board.made(0, "/x/frame_0001.png".into(), Some(10.0));
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
}
