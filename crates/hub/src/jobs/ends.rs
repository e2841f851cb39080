//! What becomes of a job whose attempt has ended: a pure decision, and the words for ends of its own.
//!
//! | the attempt | the job |
//! |---|---|
//! | certainly did not start | queued again, nothing is counted |
//! | succeeded | `succeeded` |
//! | failed, timed out | again while `retry` allows, then `dead`; without `retry` as the attempt ended |
//! | its process ended under it | may run twice: again, `dead` after [`limits::JOB_CRASHES_MAX`]; else `interrupted` |
//! | any of these, and somebody cancelled it | as the attempt ended |

use wire::Step;
use wire::{CallId, CallerName, Code, JobStatus, Outcome, Problem, Status};

use super::order::Millis;
use super::record::Notes;
use crate::clock::millis;
use crate::corridor::Ran;
use crate::limits;

/// What is to be done with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    End(JobStatus),
    /// With what is counted from now on.
    Again {
        after_ms: Millis,
        retries: u32,
        crashes: u32,
    },
}

/// `cancelled`: somebody wants the job to end.
pub(super) fn next(notes: &Notes, cancelled: bool, outcome: &Outcome, ran: Ran) -> Next {
    let as_it_ended = Next::End(outcome.status.into());
    match (outcome.status, ran) {
        (Status::Succeeded, _) => as_it_ended,
        _ if cancelled && ran == Ran::No => Next::End(JobStatus::Cancelled),
        _ if cancelled => as_it_ended,
        (Status::Interrupted, Ran::No) => Next::Again {
            after_ms: millis(limits::JOB_AGAIN_UNSTARTED),
            retries: notes.retries,
            crashes: notes.crashes,
        },
        (Status::Interrupted, _) => crashed(notes),
        (Status::Failed | Status::TimedOut, _) => {
            let retry = notes.retry.unwrap_or_default();
            if retry.max == 0 {
                return as_it_ended;
            }
            if notes.retries >= retry.max {
                return Next::End(JobStatus::Dead);
            }
            Next::Again {
                after_ms: before_retry_ms(notes, notes.retries),
                retries: notes.retries + 1,
                crashes: notes.crashes,
            }
        }
        _ => as_it_ended,
    }
}

fn crashed(notes: &Notes) -> Next {
    if !notes.repeatable {
        return Next::End(JobStatus::Interrupted);
    }
    // What the hub itself runs ends with every reach, and is not the reason.
    let crashes = notes.crashes + u32::from(!notes.is_run_by_hub());
    if crashes >= limits::JOB_CRASHES_MAX {
        return Next::End(JobStatus::Dead);
    }
    Next::Again {
        after_ms: after_crash_ms(notes.crashes),
        retries: notes.retries,
        crashes,
    }
}

/// The longest that the last attempt can have put the next one off by.
fn put_off_ms(notes: &Notes) -> Millis {
    let retried = notes.retries.checked_sub(1);
    let crashed = notes.crashes.checked_sub(1);
    let by_either = retried
        .map(|before| before_retry_ms(notes, before))
        .max(crashed.map(after_crash_ms));
    by_either
        .unwrap_or_default()
        .max(millis(limits::JOB_AGAIN_UNSTARTED))
}

fn before_retry_ms(notes: &Notes, retries_before: u32) -> Millis {
    let first = notes.retry.unwrap_or_default().backoff_ms;
    let first = first.unwrap_or(millis(limits::JOB_BACKOFF_DEFAULT));
    doubled(first, retries_before)
}

fn after_crash_ms(crashes_before: u32) -> Millis {
    doubled(millis(limits::JOB_AGAIN_CRASHED), crashes_before)
}

fn doubled(first: Millis, times: u32) -> Millis {
    let factor = 1u64.checked_shl(times).unwrap_or(u64::MAX);
    first
        .saturating_mul(factor)
        .min(millis(limits::JOB_BACKOFF_MAX))
}

/// Nobody was asked before it was stored, and somebody must be by now.
pub(super) fn never_confirmed(id: &CallId, caller: &CallerName) -> Problem {
    Problem::new(
        Code::CONFIRMATION_REQUIRED,
        format!(
            "`{caller}` must now ask a person first, and nobody was asked about {id}. Nothing \
         ran."
        ),
    )
    .hint(wire::hint![
        "Run it again, which asks: ",
        Step::RetryJob { call: id.clone() }
    ])
}

/// Why a job is dead, for people.
pub(super) fn why_dead(notes: &Notes, outcome: &Outcome) -> String {
    if outcome.status == Status::Interrupted {
        return format!(
            "its process ended {} times while running it",
            limits::JOB_CRASHES_MAX
        );
    }
    format!(
        "it was tried {} times and {} each time",
        notes.retries + 1,
        match outcome.status {
            Status::TimedOut => "timed out",
            _ => "failed",
        }
    )
}

/// How a call ended that stands for such a job.
pub(super) fn call_status(status: JobStatus, problem: Option<&Problem>) -> Status {
    match status {
        JobStatus::Queued | JobStatus::Leased => Status::Queued,
        JobStatus::Running => Status::Running,
        JobStatus::Succeeded => Status::Succeeded,
        JobStatus::TimedOut => Status::TimedOut,
        JobStatus::Cancelled => Status::Cancelled,
        JobStatus::Interrupted => Status::Interrupted,
        JobStatus::Dead if problem.is_some_and(|p| p.code == Code::INTERRUPTED) => {
            Status::Interrupted
        }
        JobStatus::Failed | JobStatus::Dead => Status::Failed,
    }
}

pub(super) fn cancelled() -> Outcome {
    let problem = Problem::new(
        Code::CANCELLED,
        "The job was cancelled before it started. Nothing ran.",
    );
    Outcome::without_value(Status::Cancelled, problem)
}

/// Of a job that a process has which cannot be told.
pub(super) fn cancelled_unheard() -> Outcome {
    let problem = Problem::new(
        Code::CANCELLED,
        "The job was cancelled while its process was out of reach, so what it did is unknown.",
    )
    .hint("If the process comes back, it is told to end the job.");
    Outcome::without_value(Status::Cancelled, problem)
}

pub(super) fn deadline_passed(id: &CallId) -> Outcome {
    let problem = Problem::new(
        Code::DEADLINE_PASSED,
        "Its deadline passed before an instance became free. Nothing ran.",
    )
    .hint(wire::hint![
        "To run it anyway, without that deadline: ",
        Step::RetryJob { call: id.clone() },
    ]);
    Outcome::without_value(Status::TimedOut, problem)
}

pub(super) fn after_failed(earlier: &CallId, status: JobStatus) -> Outcome {
    let problem = Problem::new(
        Code::AFTER_FAILED,
        format!(
            "This job had to wait for {earlier} to succeed, but that one ended `{}`. Nothing ran.",
            status.as_str()
        ),
    )
    .hint(wire::hint![
        "See why: ",
        Step::Job {
            call: earlier.clone()
        },
        ". When that is fixed, run it again, then this one.",
    ]);
    Outcome::without_value(Status::Cancelled, problem)
}

/// A process is gone that had been given a job, and nobody can say how far it came.
pub(super) fn process_gone(repeatable: bool) -> Outcome {
    let mut problem = Problem::new(
        Code::INTERRUPTED,
        "The process running this job ended while the hub was down, so how far it got is unknown.",
    );
    if !repeatable {
        problem = problem.hint(
            "Its command may not be repeated automatically. Check what it did, then decide whether to run it again.",
        );
    }
    Outcome::without_value(Status::Interrupted, problem)
}

pub(super) fn never_seen() -> Outcome {
    let problem = Problem::new(
        Code::INSTANCE_NOT_CONNECTED,
        "The job never reached the instance.",
    );
    Outcome::without_value(Status::Interrupted, problem)
}

impl Notes {
    /// The wall's clock may have been set back since the next attempt was put off: it is never further away than what
    /// it was put off by. Whether that changed anything.
    pub(crate) fn keep_near(&mut self, now: Millis) -> bool {
        let latest = now.saturating_add(put_off_ms(self));
        let is_far = self.again_at.is_some_and(|at| at > latest);
        if is_far {
            self.again_at = Some(latest);
        }
        is_far
    }
}

#[cfg(test)]
mod tests {
    use wire::job::Retry;

    use super::*;

    fn outcome(status: Status) -> Outcome {
        Outcome::without_value(status, Problem::new(Code::CALL_FAILED, "no"))
    }

    fn notes(retry: Option<u32>, repeatable: bool) -> Notes {
        Notes {
            retry: retry.map(|max| Retry {
                max,
                backoff_ms: Some(100),
            }),
            repeatable,
            ..Notes::default()
        }
    }

    #[test]
    fn retries_wait_longer_each_time_and_end_in_the_dead_letters() {
        let mut notes = notes(Some(2), false);
        for (retries, after_ms) in [(1, 100), (2, 200)] {
            let next = next(&notes, false, &outcome(Status::Failed), Ran::Yes);
            let again = Next::Again {
                after_ms,
                retries,
                crashes: 0,
            };
            assert_eq!(next, again);
            notes.retries = retries;
        }
        let end = next(&notes, false, &outcome(Status::TimedOut), Ran::Yes);
        assert_eq!(end, Next::End(JobStatus::Dead));
        let end = next(
            &self::notes(None, true),
            false,
            &outcome(Status::Failed),
            Ran::Yes,
        );
        assert_eq!(end, Next::End(JobStatus::Failed));
    }

    #[test]
    fn a_clock_that_is_set_back_puts_nothing_off_by_more_than_it_was() {
        const DAY_MS: Millis = 24 * 3_600 * 1_000;
        let mut notes = notes(Some(5), true);
        for (retries, crashes, put_off) in [
            (0, 0, 100),
            (1, 0, 100),
            (3, 0, 400),
            (0, 2, 1_000),
            (3, 1, 500),
        ] {
            (notes.retries, notes.crashes) = (retries, crashes);
            notes.again_at = Some(DAY_MS + 50);
            assert!(!notes.keep_near(DAY_MS), "it is near");
            assert!(notes.keep_near(0));
            assert_eq!(notes.again_at, Some(put_off), "{retries} {crashes}");
            assert!(!notes.keep_near(0), "once is enough");
        }
        (notes.again_at, notes.not_before) = (None, Some(DAY_MS));
        assert!(
            !notes.keep_near(0),
            "what a person asked for is a time of the wall's clock"
        );
    }

    #[test]
    fn only_what_may_run_twice_runs_again_after_a_crash() {
        for ran in [Ran::Yes, Ran::Maybe] {
            let end = next(
                &notes(Some(5), false),
                false,
                &outcome(Status::Interrupted),
                ran,
            );
            assert_eq!(end, Next::End(JobStatus::Interrupted));
            let again = next(
                &notes(None, true),
                false,
                &outcome(Status::Interrupted),
                ran,
            );
            assert!(
                matches!(
                    again,
                    Next::Again {
                        crashes: 1,
                        retries: 0,
                        ..
                    }
                ),
                "{again:?}"
            );
        }
        for repeatable in [true, false] {
            let notes = notes(None, repeatable);
            let again = next(&notes, false, &outcome(Status::Interrupted), Ran::No);
            assert!(matches!(again, Next::Again { crashes: 0, .. }), "{again:?}");
        }
        let mut poison = notes(None, true);
        poison.crashes = limits::JOB_CRASHES_MAX - 1;
        let end = next(&poison, false, &outcome(Status::Interrupted), Ran::Yes);
        assert_eq!(end, Next::End(JobStatus::Dead));
    }

    #[test]
    fn a_cancelled_job_is_not_tried_again() {
        let notes = notes(Some(5), true);
        let end = next(&notes, true, &outcome(Status::Interrupted), Ran::No);
        assert_eq!(end, Next::End(JobStatus::Cancelled));
        let end = next(&notes, true, &outcome(Status::Failed), Ran::Yes);
        assert_eq!(end, Next::End(JobStatus::Failed));
        let end = next(&notes, true, &outcome(Status::Succeeded), Ran::Yes);
        assert_eq!(end, Next::End(JobStatus::Succeeded));
    }
}
