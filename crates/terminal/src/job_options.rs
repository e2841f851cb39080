//! The words of `run`, `code` and `jobs edit` about jobs: read here, checked by the hub.

use std::collections::BTreeMap;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::job::{Retry, Select};
use wire::{CallRequest, Durability, Mode};

use crate::amount;

/// Options that make a job of a call.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Jobs")]
pub struct JobOptions {
    /// Make it a job: stored before it is acknowledged, and run even if everything is restarted.
    /// `fsync` survives a power cut, `journal` the end of any process.
    #[arg(
        long,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "fsync",
        value_parser = durability
    )]
    pub job: Option<Durability>,
    /// From 0 to 9; 9 goes first [default: 5]
    #[arg(long, value_name = "0-9", requires = "job", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub priority: Option<u8>,
    /// Run it no earlier than this: an RFC 3339 time, or a time from now such as `2h`.
    #[arg(long, value_name = "TIME", requires = "job", value_parser = time)]
    pub not_before: Option<String>,
    /// Run it no later than this.
    #[arg(long, value_name = "TIME", requires = "job", value_parser = time)]
    pub deadline: Option<String>,
    /// How often to try again after a failure or timeout, and how long to wait first: `3` or `3:10s`.
    #[arg(long, value_name = "MAX[:WAIT]", requires = "job", value_parser = retry)]
    pub retry: Option<Retry>,
    /// An idempotency key: a second request with the same key returns the same job.
    #[arg(long, value_name = "KEY", requires = "job")]
    pub key: Option<String>,
    /// A label to find it by; can be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "job", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Run it only after these jobs have succeeded; separate several with commas.
    #[arg(long, value_name = "CALL_ID", requires = "job", value_delimiter = ',')]
    pub after: Vec<String>,
    /// Run it on any instance that fits, such as `version=4.5,mode=background,label=gpu,file=/shots/7.blend`.
    #[arg(long, value_name = "WHAT", value_parser = select, conflicts_with = "instance")]
    pub select: Option<Select>,
    /// Run it only if the instance's state is still at this revision.
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<u64>,
}

impl JobOptions {
    pub fn put_into(&self, request: &mut CallRequest) {
        request.durable = self.job;
        request.priority = self.priority;
        request.not_before.clone_from(&self.not_before);
        request.deadline.clone_from(&self.deadline);
        request.retry = self.retry;
        request.idempotency_key.clone_from(&self.key);
        request.labels = labels(&self.label);
        request.after = self.after.iter().map(|id| id.as_str().into()).collect();
        request.select.clone_from(&self.select);
        request.revision = self.revision;
    }
}

pub fn labels(given: &[(String, String)]) -> BTreeMap<String, String> {
    given.iter().cloned().collect()
}

fn durability(text: &str) -> Result<Durability, String> {
    match text {
        "fsync" => Ok(Durability::Fsync),
        "journal" => Ok(Durability::Journal),
        _ => Err("write `fsync` or `journal`".to_owned()),
    }
}

/// A time as the hub takes it. `2h` is from now on.
pub fn time(text: &str) -> Result<String, String> {
    const WANTED: &str = "write a time such as 2031-05-04T22:00:00Z, or a time from now such as 2h";
    if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
        return Ok(text.to_owned());
    }
    let seconds = amount::seconds(text).map_err(|_| WANTED.to_owned())?;
    let seconds = i64::try_from(seconds).map_err(|_| WANTED.to_owned())?;
    OffsetDateTime::now_utc()
        .checked_add(time::Duration::seconds(seconds))
        .and_then(|at| at.format(&Rfc3339).ok())
        .ok_or_else(|| WANTED.to_owned())
}

/// As [`time`], or `none` to take it away.
pub fn time_or_none(text: &str) -> Result<String, String> {
    if text == "none" {
        return Ok(String::new());
    }
    time(text).map_err(|error| format!("{error}; `none` removes it"))
}

pub fn retry(text: &str) -> Result<Retry, String> {
    let wanted = || {
        "write how often, such as 3, or how often and how long to wait first, such as 3:10s"
            .to_owned()
    };
    let (max, wait) = match text.split_once(':') {
        None => (text, None),
        Some((max, wait)) => (max, Some(amount::seconds(wait).map_err(|_| wanted())?)),
    };
    Ok(Retry {
        max: max.parse().map_err(|_| wanted())?,
        backoff_ms: wait.map(|seconds| seconds * 1000),
    })
}

pub fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write NAME=VALUE".to_owned())
}

fn select(text: &str) -> Result<Select, String> {
    let mut wanted = Select::default();
    for part in text.split(',') {
        let value = |value: &str| Some(value.to_owned());
        match part.split_once('=') {
            Some(("version", text)) => wanted.version = value(text),
            Some(("label", text)) => wanted.label = value(text),
            Some(("file", text)) => wanted.file = value(text),
            Some(("mode", "background")) => wanted.mode = Some(Mode::Background),
            Some(("mode", "gui")) => wanted.mode = Some(Mode::Gui),
            Some(("mode", "module")) => wanted.mode = Some(Mode::Module),
            _ => {
                return Err(format!(
                    "`{part}` selects nothing; use version=, mode= (background, gui or module), \
                     label= or file="
                ));
            }
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        assert_eq!(
            retry("3"),
            Ok(Retry {
                max: 3,
                backoff_ms: None
            })
        );
        assert_eq!(
            retry("3:10s"),
            Ok(Retry {
                max: 3,
                backoff_ms: Some(10_000)
            })
        );
        assert!(retry("often").is_err() && retry("3:later").is_err());
        assert_eq!(label("shot=7"), Ok(("shot".to_owned(), "7".to_owned())));
        assert!(label("shot").is_err() && label("=7").is_err());
        let wanted = select("version=4.5,mode=gui").unwrap();
        assert_eq!(
            (wanted.version.as_deref(), wanted.mode),
            (Some("4.5"), Some(Mode::Gui))
        );
        assert!(select("colour=red").unwrap_err().contains("version="));
        assert!(time("2h").unwrap().ends_with('Z') && time("soon").is_err());
        assert_eq!(time_or_none("none"), Ok(String::new()));
    }
}
