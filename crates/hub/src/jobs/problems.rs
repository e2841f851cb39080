//! What is said of a job that is not there, or not as it would have to be.

use wire::{CallId, Code, Problem, Step};

pub(super) fn unknown(id: &CallId) -> Problem {
    Problem::new(Code::JOB_UNKNOWN, format!("There is no job `{id}`."))
        .hint(wire::hint!["List the jobs: ", Step::jobs()])
}

pub(super) fn not_open(id: &CallId, why: &str) -> Problem {
    Problem::new(Code::JOB_NOT_OPEN, format!("{id} {why}.")).hint(wire::hint![
        "See its status: ",
        Step::Job { call: id.clone() },
        "; run it again once it has ended: ",
        Step::RetryJob { call: id.clone() },
    ])
}
