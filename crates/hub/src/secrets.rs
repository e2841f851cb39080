//! What must not be written down: values that a command's description marks as secret, and texts that
//! have the form of a token wherever they stand.
//!
//! In come arguments, outcomes and texts; out come the same with `[masked]` in the places of secrets. It
//! changes nothing that is run and nothing that the caller who asked gets back: only what is stored, told on
//! the feed, or shown to others. A token of an unknown form in an unmarked argument is not recognised.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};
use serde_json::{Map, Value};
use wire::outcome::OutcomeBody;
use wire::{CallView, CommandSpec, Door, Event, Problem, Progress};

use crate::callers::Callers;

mod marked;

pub use marked::{MASKED, Marked};

/// Forms of tokens. Each has a beginning that nothing else has, so that ordinary texts are left alone.
static FORMS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        // Keep the word, so that a reader knows what stood here.
        r"(?P<keep>(?:bearer|Bearer|BEARER)[ \t]+)[A-Za-z0-9._~+/=-]{12,}",
        // Our own (`home::fresh_token`), also those that were taken back.
        r"\bkapelle_[0-9a-f]{64}\b",
        // Our own from before they had a form, if this hub knows them; a blob's name is no token.
        r"\b(?P<formless>[0-9a-f]{64})\b",
        r"\bsk-[A-Za-z0-9_-]{16,}",
        r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
        r"\bgh[pousr]_[A-Za-z0-9]{20,}",
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bglpat-[A-Za-z0-9_-]{16,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"\bAIza[A-Za-z0-9_-]{35}",
        r"\bhf_[A-Za-z0-9]{20,}",
        r"\bnpm_[A-Za-z0-9]{30,}",
        r"\bpypi-[A-Za-z0-9_-]{40,}",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        // A password in an address.
        r"(?P<address>\b[a-z][a-z0-9+.-]*://[^\s/:@]+:)[^\s/@]+@",
    ];
    // A pattern that cannot be compiled is a fault of this file, and its tests say so.
    Regex::new(&forms.join("|")).ok()
});

/// Letters that stand in every form but the one without: looking for those alone is many times faster than for the
/// forms, and most texts have none.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let hints = "bearer|Bearer|BEARER|sk-|[srp]k_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|xox|AIza|hf_|npm_|pypi-|eyJ|kapelle_[0-9a-f]\
        |-----BEGIN|://";
    Regex::new(hints).ok()
});

/// Digits of a token without a form.
const FORMLESS_DIGITS: usize = 64;

/// `false` when there is certainly no token in the text.
fn may_hold(text: &str) -> bool {
    let hinted = HINTS.as_ref().is_none_or(|hints| hints.is_match(text));
    hinted || (text.len() >= FORMLESS_DIGITS && has_long_hex(text))
}

fn has_long_hex(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = match byte {
            b'0'..=b'9' | b'a'..=b'f' => run + 1,
            _ => 0,
        };
        run >= FORMLESS_DIGITS
    })
}

/// Finds and masks.
pub struct Masking {
    callers: Arc<Callers>,
    bridge_token: String,
}

impl Masking {
    #[must_use]
    pub fn new(callers: Arc<Callers>, bridge_token: String) -> Self {
        Self {
            callers,
            bridge_token,
        }
    }

    /// The text without tokens; the same text when there is none.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(forms) = FORMS.as_ref() else {
            return Cow::Borrowed(MASKED);
        };
        if !may_hold(text) || !forms.is_match(text) {
            return Cow::Borrowed(text);
        }
        forms.replace_all(text, |found: &Captures<'_>| self.instead(found))
    }

    /// Arguments as they may be stored and shown.
    #[must_use]
    pub fn args(&self, marked: &Marked, args: &Map<String, Value>) -> Map<String, Value> {
        let mut args = args.clone();
        marked.mask(&mut args);
        args.values_mut().for_each(|value| self.value(value));
        args
    }

    /// The names of arguments that hold something secret: a job with such would have to store it.
    #[must_use]
    pub fn found(&self, marked: &Marked, args: &Map<String, Value>) -> Vec<String> {
        let has_form = |value: &Value| {
            let mut masked = value.clone();
            self.value(&mut masked);
            masked != *value
        };
        args.iter()
            .filter(|(name, value)| marked.is_in(name, value) || has_form(value))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// An outcome as it may be stored and told; the same one when there is no secret in it.
    #[must_use]
    pub fn outcome(&self, outcome: &Arc<OutcomeBody>) -> Arc<OutcomeBody> {
        if !self.is_in_outcome(outcome) {
            return Arc::clone(outcome);
        }
        let mut masked = OutcomeBody::clone(outcome);
        self.value(&mut masked.value);
        self.string(&mut masked.output.stdout);
        self.string(&mut masked.output.stderr);
        for log in &mut masked.output.logs {
            self.string(&mut log.text);
        }
        if let Some(problem) = &mut masked.problem {
            self.problem(problem);
        }
        Arc::new(masked)
    }

    /// What a call says of itself and gives, as everybody may see it. Its arguments are another matter:
    /// [`Self::args`].
    pub(crate) fn view(&self, view: &mut CallView) {
        view.outcome = view.outcome.as_ref().map(|outcome| self.outcome(outcome));
        if let Some(progress) = &mut view.progress {
            self.progress(progress);
        }
    }

    /// An event as everybody may hear it.
    pub(crate) fn event(&self, event: &mut Event) {
        match event {
            Event::CallEnded { call } | Event::CallQueued { call } => self.view(call),
            Event::CallProgress { progress, .. } => self.progress(progress),
            Event::CallOutput { text, .. } => self.string(text),
            Event::Job { job } => {
                if let Some(problem) = &mut job.problem {
                    self.problem(problem);
                }
                if let Some(progress) = &mut job.progress {
                    self.progress(progress);
                }
            }
            Event::State {
                changes: Some(changes),
                ..
            } => changes.values_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }

    /// Masks every text in a value.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => map.values_mut().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(crate) fn progress(&self, progress: &mut Progress) {
        self.string(&mut progress.text);
        let details = progress.details.iter_mut().flat_map(Map::values_mut);
        details.for_each(|value| self.value(value));
    }

    pub(crate) fn problem(&self, problem: &mut Problem) {
        self.string(&mut problem.message);
        if let Some(hint) = &mut problem.hint {
            self.string(hint);
        }
        if self.is_in_parts(problem) {
            problem.hint_parts = Box::default();
        }
        let details = problem.details.values_mut();
        details.for_each(|value| self.value(value));
    }

    fn string(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }

    fn is_in_outcome(&self, outcome: &OutcomeBody) -> bool {
        let is_in = |text: &str| matches!(self.text(text), Cow::Owned(_));
        is_in(&outcome.output.stdout)
            || is_in(&outcome.output.stderr)
            || outcome.output.logs.iter().any(|log| is_in(&log.text))
            || self.is_in_value(&outcome.value)
            || outcome.problem.as_ref().is_some_and(|problem| {
                is_in(&problem.message)
                    || problem.hint.as_deref().is_some_and(is_in)
                    || self.is_in_parts(problem)
                    || problem
                        .details
                        .values()
                        .any(|value| self.is_in_value(value))
            })
    }

    /// The words of the terminal are those of all parts.
    fn is_in_parts(&self, problem: &Problem) -> bool {
        !problem.hint_parts.is_empty()
            && problem
                .hint_at(Door::Terminal)
                .is_some_and(|text| matches!(self.text(&text), Cow::Owned(_)))
    }

    fn is_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => matches!(self.text(text), Cow::Owned(_)),
            Value::Array(items) => items.iter().any(|item| self.is_in_value(item)),
            Value::Object(map) => map.values().any(|value| self.is_in_value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn instead(&self, found: &Captures<'_>) -> String {
        let group = |name: &str| found.name(name).map(|found| found.as_str());
        if let Some(formless) = group("formless") {
            return match self.is_known(formless) {
                true => MASKED.to_owned(),
                false => formless.to_owned(),
            };
        }
        if let Some(address) = group("address") {
            return format!("{address}{MASKED}@");
        }
        format!("{}{MASKED}", group("keep").unwrap_or_default())
    }

    fn is_known(&self, candidate: &str) -> bool {
        candidate == self.bridge_token || self.callers.authenticate(candidate).is_some()
    }
}

/// What a description marks as secret.
#[must_use]
pub fn marked(spec: &CommandSpec) -> Marked {
    Marked::of(&spec.args)
}

#[cfg(test)]
mod tests;
