//! How long it will still take, from what the frames took so far. Pure: it is told all times.

use std::time::Duration;

/// How much the newest frame counts: the last handful decides, because scenes grow heavier and lighter.
const NEWEST: f64 = 0.25;

/// What is known of the pace.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    /// Seconds that a frame takes a worker.
    frame_s: Option<f64>,
}

impl Estimate {
    /// A worker has made a frame.
    pub(super) fn made(&mut self, seconds: f64) {
        self.frame_s = Some(match self.frame_s {
            None => seconds,
            Some(before) => before + NEWEST * (seconds - before),
        });
    }

    /// `left`: frames that are not done; `parts`: how much of the frames at work is done, 0 to 1 each.
    /// Nothing before the first frame.
    pub(super) fn left(&self, left: usize, parts: &[f64]) -> Option<Duration> {
        let frame_s = self.frame_s?;
        let workers = parts.len().clamp(1, left.max(1));
        #[expect(clippy::cast_precision_loss, reason = "counts of frames")]
        let (left, workers) = (left as f64, workers as f64);
        let begun: f64 = parts.iter().map(|part| part.clamp(0.0, 1.0)).sum();
        let shared = (left - begun).max(0.0) * frame_s / workers;
        // The last frame of all is not shared.
        let nearest = parts.iter().copied().fold(1.0, f64::min);
        let alone = if left > 0.0 && !parts.is_empty() {
            (1.0 - nearest.clamp(0.0, 1.0)) * frame_s
        } else {
            0.0
        };
        Duration::try_from_secs_f64(shared.max(alone)).ok()
    }
}

/// A duration as people say it.
pub(super) fn words(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..60 => format!("{} s", seconds.max(1)),
        60..3600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(estimate: &Estimate, left: usize, parts: &[f64]) -> Option<u64> {
        estimate.left(left, parts).map(|left| left.as_secs())
    }

    #[test]
    fn nothing_is_known_before_the_first_frame() {
        assert_eq!(seconds(&Estimate::default(), 10, &[0.5]), None);
    }

    #[test]
    fn workers_share_what_is_left() {
        let mut estimate = Estimate::default();
        estimate.made(10.0);
        assert_eq!(seconds(&estimate, 10, &[0.0, 0.0]), Some(50));
        assert_eq!(seconds(&estimate, 10, &[0.5, 0.5]), Some(45));
        assert_eq!(
            seconds(&estimate, 1, &[0.5, 0.0]),
            Some(10),
            "the last one is not shared"
        );
        assert_eq!(seconds(&estimate, 0, &[]), Some(0));
    }

    #[test]
    fn the_last_frames_count_most() {
        let mut estimate = Estimate::default();
        for _ in 0..20 {
            estimate.made(1.0);
        }
        for _ in 0..20 {
            estimate.made(9.0);
        }
        let left = seconds(&estimate, 10, &[0.0]).unwrap();
        assert!((85..=90).contains(&left), "{left}");
    }

    #[test]
    fn people_read_it() {
        let words = |seconds| words(Duration::from_secs(seconds));
        assert_eq!(
            [words(0), words(59), words(61), words(7260)],
            ["1 s", "59 s", "2 min", "2 h 1 min"]
        );
    }
}
