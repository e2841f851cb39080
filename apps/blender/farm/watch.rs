//! When a worker that renders is given up: pure, it is told what is seen and what time it is.

use std::time::Duration;

use tokio::time::Instant;
use wire::{Code, Problem};

use super::frames::Frame;

/// How long somebody waits for a worker, as asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Patience {
    /// For one frame; without it as long as it goes on.
    pub(super) frame: Option<Duration>,
    /// For progress.
    pub(super) stall: Duration,
    /// For a sign of life of the process.
    pub(super) silence: Duration,
}

/// What is seen of a chunk on its way.
#[derive(Debug)]
pub(super) struct Watch {
    began: Instant,
    frame: Option<Frame>,
    frame_began: Instant,
    progress: Instant,
}

impl Watch {
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            began: now,
            frame: None,
            frame_began: now,
            progress: now,
        }
    }

    /// The worker says how far it is.
    pub(super) fn progress(&mut self, frame: Option<Frame>, now: Instant) {
        self.progress = now;
        if frame != self.frame {
            self.frame = frame;
            self.frame_began = now;
        }
    }

    /// Why it is given up, if it is. `heard`: how long ago its process gave a sign of life, if that is known.
    pub(super) fn why_given_up(
        &self,
        patience: &Patience,
        heard: Option<Duration>,
        now: Instant,
    ) -> Option<Problem> {
        let is_over = |limit: &Duration| now - self.frame_began > *limit;
        if let Some(limit) = patience.frame.filter(is_over) {
            return Some(Problem::new(
                Code::TIMED_OUT,
                format!("It took longer than {} s.", limit.as_secs_f64()),
            ));
        }
        if now - self.progress > patience.stall {
            return Some(Problem::new(
                Code::INSTANCE_WEDGED,
                format!(
                    "It made no progress for {} s.",
                    patience.stall.as_secs_f64()
                ),
            ));
        }
        // Before the chunk nobody waited for it.
        let silent = heard?.min(now - self.began);
        (silent > patience.silence).then(|| {
            Problem::new(
                Code::INSTANCE_WEDGED,
                format!(
                    "The worker gave no sign of life for {} s.",
                    patience.silence.as_secs_f64()
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn patience(frame: Option<u32>) -> Patience {
        Patience {
            frame: frame.map(|seconds| SECOND * seconds),
            stall: 1_800 * SECOND,
            silence: 60 * SECOND,
        }
    }

    #[test]
    fn a_frame_has_its_time_from_where_it_began() {
        let begin = Instant::now();
        let mut watch = Watch::begin(begin);
        let limited = patience(Some(10));
        watch.progress(Some(1), begin + 4 * SECOND);
        watch.progress(Some(1), begin + 9 * SECOND);
        let at = |watch: &Watch, seconds: u32| {
            watch.why_given_up(&limited, Some(SECOND), begin + seconds * SECOND)
        };
        assert_eq!(at(&watch, 14), None);
        assert_eq!(at(&watch, 15).unwrap().code, Code::TIMED_OUT);
        watch.progress(Some(2), begin + 14 * SECOND);
        assert_eq!(at(&watch, 24), None, "the next frame has its own");
    }

    #[test]
    fn no_progress_is_borne_for_half_an_hour_and_silence_for_a_minute() {
        let begin = Instant::now();
        let mut watch = Watch::begin(begin);
        watch.progress(Some(1), begin + 100 * SECOND);
        let at = |seconds: u32, heard: Option<u32>| {
            let heard = heard.map(|seconds| SECOND * seconds);
            watch.why_given_up(&patience(None), heard, begin + seconds * SECOND)
        };
        assert_eq!(at(1_900, Some(1)), None);
        let stalled = at(1_901, Some(1)).unwrap();
        assert!(stalled.message.contains("no progress for 1800 s"));
        assert_eq!(at(1_900, Some(60)), None);
        let silent = at(1_900, Some(61)).unwrap();
        assert!(silent.message.contains("no sign of life for 60 s"));
        assert_eq!(at(59, Some(600)), None, "it was not waited for before");
        assert_eq!(at(1_900, None), None, "nobody can tell");
    }
}
