//! What a person is asked before a call runs: exactly that call, in words that hide nothing.
//!
//! In comes what would run, where, and with what; out come the words for the person and the hash that their yes is
//! bound to. Whether somebody must be asked at all is [`crate::policy`]'s to say.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use wire::job::{Retry, Select};
use wire::{AppId, CallId, Durability, Effect, InstanceName};

use crate::clock::millis;
use crate::corridor::{CheckedCall, JobSpec, is_all};
use crate::limits;
use crate::secrets::Masking;

/// Where it would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// On these and no others, one call on each.
    These(Vec<InstanceName>),
    /// On one that fits.
    Any(Select),
    /// On whichever is free first.
    First,
    Hub,
}

/// A call that a person is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) app: AppId,
    pub(crate) target: Target,
    pub(crate) command: String,
    pub(crate) effect: Effect,
    pub(crate) args: Map<String, Value>,
    /// The arguments as a person may see them: without secrets.
    pub(crate) shown: Map<String, Value>,
    pub(crate) durable: Option<Durability>,
    pub(crate) retry: Option<Retry>,
    pub(crate) revision: Option<u64>,
    /// The job that is changed or tried again.
    pub(crate) job: Option<CallId>,
    /// Whatever else was asked that bears on what runs, and when.
    pub(crate) more: Value,
}

impl Question {
    /// About a call that would run on these instances, if they are known by now.
    pub(crate) fn of_call(masking: &Masking, call: &CheckedCall, on: &[InstanceName]) -> Self {
        let target = match (&call.instance, &call.select) {
            _ if call.is_run_by_hub() => Target::Hub,
            (_, Some(select)) => Target::Any(select.clone()),
            (Some(name), None) if !is_all(name) => Target::These(vec![name.clone()]),
            _ if call.job.is_some() => Target::First,
            _ => Target::These(on.to_vec()),
        };
        let spec = call.job.as_ref();
        Self {
            app: call.app.id.clone(),
            target,
            command: call.command.spec.name.clone(),
            effect: call.command.spec.effect,
            args: call.args.clone(),
            shown: masking.args(&call.command.marked, &call.args),
            durable: spec.map(|spec| spec.durability),
            retry: spec.and_then(|spec| spec.retry),
            revision: call.revision,
            job: None,
            more: json!({
                "timeout_ms": millis(call.timeout),
                "job": spec.map(JobSpec::when),
                // With others or alone, and whether it runs when one before it failed.
                "batch": call.origin.group.as_ref().map(|group| group.stop),
            }),
        }
    }

    /// Changes with everything that a yes covers.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let asked = json!({
            "app": self.app,
            "target": self.target.to_json(),
            "command": self.command,
            "durable": self.durable,
            "retry": self.retry,
            "revision": self.revision,
            "job": self.job,
            "more": self.more,
        });
        let mut hasher = Sha256::new();
        hasher.update(asked.to_string());
        hasher.update(hash_of(&self.args));
        hasher.finalize().into()
    }

    /// What would run, in one sentence. Every argument is named; only long values are cut, each in its middle.
    pub(crate) fn words(&self) -> String {
        let mut words = match (&self.job, self.durable) {
            (Some(job), _) => format!("Job {job} runs"),
            (None, Some(_)) => "It is stored as a job and runs".to_owned(),
            (None, None) => "It runs".to_owned(),
        };
        let app = plain(self.app.as_str());
        match &self.target {
            Target::These(names) if names.len() == 1 => {
                let _ = write!(words, " on {} ({app})", named(names));
            }
            Target::These(names) => {
                let _ = write!(words, " on each of {} ({app})", named(names));
            }
            Target::Any(select) => {
                let wanted = json!(select);
                let wanted = wanted.as_object().map_or_else(String::new, listed);
                let _ = write!(words, " on any {app} with {wanted}");
            }
            Target::First => {
                let _ = write!(words, " on the first {app} that is free");
            }
            Target::Hub => words.push_str(" in the hub itself"),
        }
        if let Some(revision) = self.revision {
            let _ = write!(words, ", if its file is still at revision {revision}");
        }
        if let Some(retry) = self.retry.filter(|retry| retry.max > 0) {
            let _ = write!(words, ", up to {} times more if it fails", retry.max);
        }
        match self.shown.is_empty() {
            true => words.push_str(", without arguments."),
            false => {
                let _ = write!(words, ", with {}.", listed(&self.shown));
            }
        }
        words
    }

    /// The same for programs, beside the words.
    pub(crate) fn details(&self) -> Value {
        let mut told = json!({"app": self.app, "command": self.command});
        if let Some(told) = told.as_object_mut() {
            if let Target::These(names) = &self.target {
                told.insert("instances".to_owned(), json!(names));
            }
            if let Target::Any(select) = &self.target {
                told.insert("select".to_owned(), json!(select));
            }
            if let Some(job) = &self.job {
                told.insert("call_id".to_owned(), json!(job));
            }
        }
        told
    }
}

impl Target {
    fn to_json(&self) -> Value {
        match self {
            Self::These(names) => json!({"instances": names}),
            Self::Any(select) => json!({"select": select}),
            Self::First => json!("first"),
            Self::Hub => json!("hub"),
        }
    }
}

fn named(names: &[InstanceName]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", plain(name.as_str())))
        .collect();
    names.join(", ")
}

/// `name = value`, all of them, as long as the whole may be: the longer ones share what the shorter ones leave.
fn listed(args: &Map<String, Value>) -> String {
    let shown = |chars_max: usize, items_max: usize| {
        let parts: Vec<String> = args
            .iter()
            .map(|(name, value)| {
                let mut text = format!("{} = ", plain(name));
                put(&mut text, value, chars_max, items_max);
                text
            })
            .collect();
        parts.join(", ")
    };
    let steps = [
        (usize::MAX, usize::MAX),
        (4_000, 200),
        (1_000, 100),
        (200, 50),
    ];
    let fits = steps
        .into_iter()
        .map(|(chars, items)| shown(chars, items))
        .find(|text| text.chars().count() <= limits::QUESTION_CHARS_MAX);
    fits.unwrap_or_else(|| shown(60, 20))
}

fn put(text: &mut String, value: &Value, chars_max: usize, items_max: usize) {
    match value {
        Value::String(said) => {
            text.push('"');
            text.push_str(&plain(&middle(said, chars_max)));
            text.push('"');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().take(items_max).enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                put(text, item, chars_max, items_max);
            }
            left_out(text, items.len(), items_max);
            text.push(']');
        }
        Value::Object(map) => {
            text.push('{');
            for (at, (name, item)) in map.iter().take(items_max).enumerate() {
                let _ = write!(text, "{}{}: ", if at > 0 { ", " } else { "" }, plain(name));
                put(text, item, chars_max, items_max);
            }
            left_out(text, map.len(), items_max);
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn left_out(text: &mut String, count: usize, shown: usize) {
    if count > shown {
        let _ = write!(text, ", … and {} more that are not shown", count - shown);
    }
}

/// Beginning and end of a text that is too long, and how much is missing between them.
fn middle(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max {
        return text.to_owned();
    }
    let half = chars_max / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!(
        "{head} […{} characters are not shown…] {tail}",
        count - 2 * half
    )
}

/// Nothing in it can end the quotes, begin a line, or turn around how the rest is read.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => plain.push_str("\\\""),
            '\\' => plain.push_str("\\\\"),
            '`' => plain.push('\''),
            '\n' => plain.push_str("\\n"),
            _ if c.is_control() || is_unseen(c) => {
                let _ = write!(plain, "\\u{{{:x}}}", u32::from(c));
            }
            c => plain.push(c),
        }
    }
    plain
}

/// Characters that show nothing and change how others are shown.
fn is_unseen(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB
        | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF)
}

/// Equal arguments give equal hashes, whatever the order of their names.
pub(crate) fn hash_of(args: &Map<String, Value>) -> [u8; 32] {
    fn feed(value: &Value, hasher: &mut Sha256) {
        match value {
            Value::Object(map) => {
                let mut names: Vec<&String> = map.keys().collect();
                names.sort();
                hasher.update(b"{");
                for name in names {
                    hasher.update(Value::from(name.as_str()).to_string());
                    feed(&map[name], hasher);
                }
                hasher.update(b"}");
            }
            Value::Array(items) => {
                hasher.update(b"[");
                items.iter().for_each(|item| feed(item, hasher));
                hasher.update(b"]");
            }
            other => hasher.update(other.to_string()),
        }
        hasher.update(b",");
    }
    let mut hasher = Sha256::new();
    feed(&Value::Object(args.clone()), &mut hasher);
    hasher.finalize().into()
}

/// Every argument is named, on one line, and nothing in it shows as something else.
#[cfg(fuzzing)]
pub(crate) fn fuzzing(args: &Map<String, Value>) {
    let words = listed(args);
    for name in args.keys() {
        assert!(words.contains(&format!("{} = ", plain(name))));
    }
    assert!(!words.contains(|c: char| c.is_control() || is_unseen(c) || c == '`'));
    let quotes = words.replace("\\\\", "").replace("\\\"", "");
    assert_eq!(quotes.matches('"').count() % 2, 0, "{words}");
}

#[cfg(test)]
mod tests;
