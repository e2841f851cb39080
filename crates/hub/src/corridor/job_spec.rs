//! What a call asks for as a job, in bounds.
//!
//! In comes a request; out comes its specification as a job, nothing when it is to be none, or what does not fit.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wire::job::{PRIORITY_DEFAULT, PRIORITY_MAX, Retry};
use wire::{CallId, CallRequest, Code, Durability, Opt, Problem};

use crate::clock::{millis, millis_of, now_millis};
use crate::limits;

/// What a call asks for as a job, in bounds.
#[derive(Clone, Debug)]
pub(crate) struct JobSpec {
    pub(crate) durability: Durability,
    pub(crate) priority: u8,
    pub(crate) not_before: Option<u64>,
    pub(crate) deadline: Option<u64>,
    pub(crate) retry: Option<Retry>,
    pub(crate) key: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) after: Vec<CallId>,
    pub(crate) timeout_ms: Option<u64>,
}

impl JobSpec {
    /// What a request says of it; nothing when it is to be no job.
    pub(crate) fn of(request: &CallRequest) -> Result<Option<Self>, Problem> {
        let Some(durability) = request.durable else {
            return match request.first_word_of_a_job() {
                None => Ok(None),
                Some(word) => Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!("`{word}` is only for jobs, and this call is not one."),
                )
                .hint(wire::hint![
                    "Make it a job: add ",
                    Opt::Durable.with(true),
                    "."
                ])),
            };
        };
        let time = |name: &str, text: &Option<String>| {
            text.as_ref().map(|text| millis_of(name, text)).transpose()
        };
        let spec = Self {
            durability,
            priority: request.priority.unwrap_or(PRIORITY_DEFAULT),
            not_before: time("not_before", &request.not_before)?,
            deadline: time("deadline", &request.deadline)?,
            retry: request.retry,
            key: request.idempotency_key.clone(),
            labels: request.labels.clone(),
            after: request.after.clone(),
            timeout_ms: request.timeout_ms,
        };
        spec.in_bounds()?;
        Ok(Some(spec))
    }

    /// When it may run, and after which others.
    pub(crate) fn when(&self) -> Value {
        json!({"not_before": self.not_before, "deadline": self.deadline, "after": self.after})
    }

    fn in_bounds(&self) -> Result<(), Problem> {
        priority_in_bounds(self.priority)?;
        labels_in_bounds(&self.labels)?;
        retry_in_bounds(self.retry)?;
        if self.deadline.is_some_and(|at| at <= now_millis()) {
            return Err(invalid("`deadline` has passed already.".to_owned()));
        }
        if self.after.len() > limits::JOB_AFTER_MAX {
            return Err(invalid(format!(
                "`after` names {} jobs; the most is {}.",
                self.after.len(),
                limits::JOB_AFTER_MAX
            )));
        }
        let key = self.key.as_deref().unwrap_or("key");
        if key.is_empty() || key.len() > limits::WORD_BYTES_MAX {
            return Err(invalid(format!(
                "`idempotency_key` must be 1 to {} bytes long.",
                limits::WORD_BYTES_MAX
            )));
        }
        Ok(())
    }
}

pub(crate) fn priority_in_bounds(priority: u8) -> Result<(), Problem> {
    if priority > PRIORITY_MAX {
        return Err(invalid(format!(
            "`priority` must be from 0 to {PRIORITY_MAX}; {PRIORITY_MAX} goes first."
        )));
    }
    Ok(())
}

pub(crate) fn retry_in_bounds(retry: Option<Retry>) -> Result<(), Problem> {
    let retry = retry.unwrap_or_default();
    let backoff_max = millis(limits::JOB_BACKOFF_MAX);
    if retry.max > limits::JOB_RETRIES_MAX || retry.backoff_ms.is_some_and(|ms| ms > backoff_max) {
        return Err(invalid(format!(
            "`retry.max` can be at most {}, `retry.backoff_ms` at most {backoff_max}.",
            limits::JOB_RETRIES_MAX
        )));
    }
    Ok(())
}

pub(crate) fn labels_in_bounds(labels: &BTreeMap<String, String>) -> Result<(), Problem> {
    let fits = |word: &String| word.len() <= limits::WORD_BYTES_MAX;
    let all_fit = labels
        .iter()
        .all(|(name, value)| !name.is_empty() && fits(name) && fits(value));
    if labels.len() > limits::JOB_LABELS_MAX || !all_fit {
        return Err(invalid(format!(
            "There can be at most {} labels, with names and values of at most {} bytes.",
            limits::JOB_LABELS_MAX,
            limits::WORD_BYTES_MAX
        )));
    }
    Ok(())
}

fn invalid(message: String) -> Problem {
    Problem::new(Code::ARGUMENTS_INVALID, message)
}
