//! When a job may go into a lane that calls keep busy: a pure rule without clock, locks or I/O.
//!
//! A lane that has nothing to do gets a job at once; that is no business of this rule. A lane that calls never leave
//! would keep jobs waiting for ever, so one job may stand in line with them when it has waited for
//! [`limits::JOB_TURN_AFTER`]; then the calls have the lane [`limits::JOB_TURN_SHARE`] times as long as that job ran
//! before the next one may. So a job's wait is bounded, and calls lose at most a tenth of the lane.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Since when a job waits for this lane.
    waits_since: Option<Instant>,
    /// The job in the lane came while calls kept it busy.
    in_line: bool,
    /// When it began to run.
    runs_since: Option<Instant>,
    /// When the last one that stood in line ended, and how long it ran.
    last: Option<(Instant, Duration)>,
}

impl Turn {
    /// A job waits for the lane, and the lane is busy with calls. Gives when it may come.
    pub(crate) fn waits(&mut self, now: Instant) -> Instant {
        let since = *self.waits_since.get_or_insert(now);
        let after = since + limits::JOB_TURN_AFTER;
        match self.last {
            Some((ended, ran)) => after.max(ended + ran * limits::JOB_TURN_SHARE),
            None => after,
        }
    }

    /// No job waits for the lane any more.
    pub(crate) fn nobody_waits(&mut self) {
        self.waits_since = None;
    }

    /// A job has come into the lane, in line with calls or alone.
    pub(crate) fn came(&mut self, in_line: bool) {
        self.waits_since = None;
        self.in_line = in_line;
    }

    /// The job in the lane runs.
    pub(crate) fn started(&mut self, now: Instant) {
        self.runs_since = Some(now);
    }

    /// The job has left the lane, however it ended.
    pub(crate) fn ended(&mut self, now: Instant) {
        let ran = self.runs_since.take().map(|since| now - since);
        if std::mem::take(&mut self.in_line) {
            self.last = Some((now, ran.unwrap_or_default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_job_waits_a_while_and_then_as_long_as_the_last_one_has_earned() {
        let mut turn = Turn::default();
        let begin = Instant::now();
        assert_eq!(turn.waits(begin), begin + limits::JOB_TURN_AFTER);
        let later = begin + 5 * SECOND;
        let due = turn.waits(later);
        assert_eq!(due, begin + limits::JOB_TURN_AFTER, "it has waited since");
        turn.nobody_waits();
        assert_eq!(turn.waits(later), later + limits::JOB_TURN_AFTER);
        turn.came(true);
        turn.started(due);
        turn.ended(due + 30 * SECOND);
        let share = 30 * SECOND * limits::JOB_TURN_SHARE;
        let next = turn.waits(due + 40 * SECOND);
        assert_eq!(next, due + 30 * SECOND + share);
        // One that found the lane free has taken nothing from calls, nor has one that never began.
        turn.came(false);
        turn.started(next);
        turn.ended(next + 3_600 * SECOND);
        assert_eq!(turn.waits(next), next + limits::JOB_TURN_AFTER);
        turn.came(true);
        turn.ended(next);
        assert_eq!(turn.waits(next), next + limits::JOB_TURN_AFTER);
    }

    /// A lane that always has calls, each as long as the next of these, in milliseconds; and jobs that are always
    /// there. Gives the waits of the jobs and how long they ran.
    fn crowded(calls: &[u64], jobs: &[u64]) -> (Vec<Duration>, Vec<Duration>, Duration) {
        let begin = Instant::now();
        let (mut now, mut turn) = (begin, Turn::default());
        let (mut waits, mut runs) = (Vec::new(), Vec::new());
        let mut calls = calls.iter().cycle();
        let mut free_since = now;
        for job in jobs {
            while turn.waits(now) > now {
                now += Duration::from_millis(*calls.next().unwrap());
            }
            turn.came(true);
            waits.push(now - free_since);
            turn.started(now);
            now += Duration::from_millis(*job);
            turn.ended(now);
            free_since = now;
            runs.push(Duration::from_millis(*job));
        }
        (waits, runs, now - begin)
    }

    proptest! {
        /// Every job comes, within a bound, and jobs take no more than their share but for the last one.
        #[test]
        fn no_job_starves_and_calls_keep_their_share(
            calls in prop::collection::vec(1..5_000u64, 1..20),
            jobs in prop::collection::vec(1..600_000u64, 1..20),
        ) {
            let longest_call = Duration::from_millis(*calls.iter().max().unwrap());
            let (waits, runs, whole) = crowded(&calls, &jobs);
            let mut before = Duration::ZERO;
            for (wait, run) in waits.iter().zip(&runs) {
                let bound = limits::JOB_TURN_AFTER.max(before * limits::JOB_TURN_SHARE);
                prop_assert!(*wait <= bound + longest_call, "{wait:?} of {bound:?}");
                before = *run;
            }
            let last = *runs.last().unwrap();
            let of_jobs = runs.iter().sum::<Duration>() - last;
            let of_calls = whole - of_jobs - last;
            prop_assert!(of_jobs * limits::JOB_TURN_SHARE <= of_calls);
        }
    }
}
