//! Samples to figures: percentiles of one round, and the median of a figure over rounds.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest time that is told apart, in nanoseconds: a call is given up before.
const NS_MAX: u64 = 120_000_000_000;
/// Digits that are kept: 1 in 1,000.
const DIGITS: u8 = 3;

/// Times of one round.
#[derive(Clone, Debug)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, NS_MAX, DIGITS).expect("constant bounds are right"))
    }

    pub(crate) fn add(&mut self, time: Duration) {
        self.0
            .saturating_record(u64::try_from(time.as_nanos()).unwrap_or(NS_MAX));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).ok();
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Milliseconds.
    #[allow(clippy::cast_precision_loss)] // nanoseconds of minutes fit into 53 bits
    pub(crate) fn percentile_ms(&self, percentile: f64) -> f64 {
        self.0.value_at_percentile(percentile) as f64 / 1e6
    }
}

/// One way, over one round.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) calls: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) calls_per_s: f64,
}

impl Round {
    #[allow(clippy::cast_precision_loss)] // a round has thousands of calls
    pub(crate) fn new(times: &Times, took: Duration) -> Self {
        Self {
            calls: times.count(),
            p50_ms: times.percentile_ms(50.0),
            p99_ms: times.percentile_ms(99.0),
            calls_per_s: times.count() as f64 / took.as_secs_f64(),
        }
    }
}

/// One way, over all rounds: medians.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) rounds: usize,
    pub(crate) calls: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) calls_per_s: f64,
    /// Smallest and largest p50 of a round: how much the machine wavered.
    pub(crate) p50_range_ms: (f64, f64),
}

impl Summary {
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let p50s = || rounds.iter().map(|round| round.p50_ms);
        Self {
            rounds: rounds.len(),
            calls: rounds.iter().map(|round| round.calls).sum(),
            p50_ms: median(p50s()),
            p99_ms: median(rounds.iter().map(|round| round.p99_ms)),
            calls_per_s: median(rounds.iter().map(|round| round.calls_per_s)),
            p50_range_ms: (
                p50s().fold(f64::INFINITY, f64::min),
                p50s().fold(0.0, f64::max),
            ),
        }
    }
}

/// The middle one, or the mean of the two in the middle; 0 of nothing.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median(std::iter::empty()), 0.0);
    }

    #[test]
    fn a_round_counts_and_ranks_its_calls() {
        let mut times = Times::new();
        for ms in 1..=100 {
            times.add(Duration::from_millis(ms));
        }
        let round = Round::new(&times, Duration::from_secs(2));
        assert_eq!((round.calls, round.calls_per_s), (100, 50.0));
        assert!(
            (round.p50_ms - 50.0).abs() < 0.1 && (round.p99_ms - 99.0).abs() < 0.1,
            "{round:?}"
        );
    }
}
