//! Whether a caller may: yes, no, or a person has to say so first.
//!
//! In comes a [`CheckedCall`]; out comes an [`AllowedCall`] or a problem. It decides from caller,
//! effect and instance, never from the door. It runs nothing and knows no HTTP.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Mutex;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use wire::{CallerName, Code, Effect, Problem};
use wire::{Opt, Step};

use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::desk::{AllowedCall, CheckedCall};
use crate::home::random_hex;
use crate::limits;

/// The rules, and the confirmations that are still open.
pub struct Policy {
    rate: DefaultKeyedRateLimiter<CallerName>,
    open: Mutex<VecDeque<Confirmation>>,
}

struct Confirmation {
    value: String,
    caller: CallerName,
    command: String,
    args_hash: [u8; 32],
    made: Instant,
}

impl Default for Policy {
    fn default() -> Self {
        let per_second = NonZeroU32::new(limits::CALLER_RATE_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(limits::CALLER_RATE_BURST).unwrap_or(NonZeroU32::MIN);
        Self {
            rate: RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            open: Mutex::new(VecDeque::new()),
        }
    }
}

/// What somebody wants to see that may be of others.
#[derive(Clone, Copy)]
pub enum Seen<'a> {
    /// A call: how it stands, its arguments, its output, its outcome.
    Call(&'a Call),
    /// A job of that caller.
    Job(&'a CallerName),
    /// A batch of that caller.
    Batch(&'a CallerName),
    /// What everybody has asked for, jobs included.
    History,
    /// What the instances are doing, and for whom.
    Status,
    /// What a program says of itself, its picture included.
    State,
    /// Stored bytes.
    Blob,
    /// What was saved of programs that crashed.
    Copies,
}

/// The one rule of what callers see of each other: with the scope `read` all of it (secrets are masked where calls
/// are shown), without it what one asked for oneself, and what can be asked: apps, commands, and the names of
/// instances and whether they are free.
///
/// # Errors
/// `forbidden`.
pub fn may_see(caller: &Caller, what: Seen<'_>) -> Result<(), Problem> {
    let words = match what {
        Seen::Call(call) if call.caller.name == caller.name => return Ok(()),
        Seen::Job(owner) | Seen::Batch(owner) if *owner == caller.name => return Ok(()),
        Seen::Call(_) => "see somebody else's call",
        Seen::Job(_) => "see somebody else's job",
        Seen::Batch(_) => "see somebody else's batch",
        Seen::History => "see what others asked for",
        Seen::Status => "see what the instances are doing",
        Seen::State => "see what a program has",
        Seen::Blob => "read a blob",
        Seen::Copies => "see the recovery copies",
    };
    require(caller, Scope::Read, || words.to_owned())
}

impl Policy {
    /// # Errors
    /// `forbidden`, `rate_limited`, or `confirmation_required` with a single-use `confirm` value.
    pub fn allow(&self, call: CheckedCall) -> Result<AllowedCall, Problem> {
        Self::may(&call)?;
        let effect = call.command.spec.effect;
        self.within_rate(&call.caller)?;
        if call.caller.asks.has(Scope::from(effect)) && !call.check_only {
            self.confirmed(&call)?;
        }
        Ok(AllowedCall::new(call))
    }

    /// Whether the caller's scopes allow it at all.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn may(call: &CheckedCall) -> Result<(), Problem> {
        require(&call.caller, Scope::from(call.command.spec.effect), || {
            format!("run `{}`", call.command.spec.name)
        })
    }

    fn within_rate(&self, caller: &Caller) -> Result<(), Problem> {
        if caller.is_owner() || self.rate.check_key(&caller.name).is_ok() {
            return Ok(());
        }
        Err(Problem::new(
            Code::RATE_LIMITED,
            format!(
                "`{}` sends more than {} requests a second.",
                caller.name,
                limits::CALLER_RATE_PER_SECOND
            ),
        )
        .hint("Wait a second, or do more in each call."))
    }

    fn confirmed(&self, call: &CheckedCall) -> Result<(), Problem> {
        let args_hash = hash(&call.args);
        let name = &call.command.spec.name;
        let mut open = self
            .open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        open.retain(|one| one.made.elapsed() < limits::CONFIRMATION_LIFE);
        if let Some(value) = &call.confirm
            && let Some(at) = open.iter().position(|one| {
                one.value == *value
                    && one.caller == call.caller.name
                    && one.command == *name
                    && one.args_hash == args_hash
            })
        {
            open.remove(at);
            return Ok(());
        }
        if open.len() >= limits::CONFIRMATIONS_MAX {
            open.pop_front();
        }
        let value = random_hex(16)?;
        open.push_back(Confirmation {
            value: value.clone(),
            caller: call.caller.name.clone(),
            command: name.clone(),
            args_hash,
            made: Instant::now(),
        });
        let effect = call.command.spec.effect;
        Err(Problem::new(
            Code::CONFIRMATION_REQUIRED,
            format!("`{name}` {}, so `{}` must ask a person first.", plainly(effect), call.caller.name),
        )
        .hint(wire::hint![
            "Show the person what will happen. If they agree, repeat the call within five minutes with ",
            Opt::Confirm.with(value.clone()),
            ".",
        ])
        .detail("confirm", value)
        .detail("effect", effect.as_str()))
    }
}

/// Refuses a caller without the scope.
///
/// # Errors
/// `forbidden`, saying which scope is missing and which are there.
pub fn require(
    caller: &Caller,
    scope: Scope,
    what: impl FnOnce() -> String,
) -> Result<(), Problem> {
    if caller.scopes.has(scope) {
        return Ok(());
    }
    let has: Vec<&str> = caller.scopes.names().collect();
    let has = if has.is_empty() {
        "none".to_owned()
    } else {
        has.join(", ")
    };
    Err(Problem::new(
        Code::FORBIDDEN,
        format!(
            "`{}` may not {}: that takes the scope `{}`.",
            caller.name,
            what(),
            scope.as_str()
        ),
    )
    .hint(wire::hint![
        format!("It has: {has}. The owner can create a token with more scopes: "),
        Step::CreateToken,
    ]))
}

fn plainly(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "reads data",
        Effect::Write => "makes changes",
        Effect::Destructive => "is destructive",
        Effect::Code => "runs code",
    }
}

/// Equal arguments give equal hashes, whatever the order of their names.
pub(crate) fn hash(args: &Map<String, Value>) -> [u8; 32] {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_arguments_does_not_matter_their_values_do() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let one = hash(&map(json!({"a": 1, "b": [1, 2]})));
        assert_eq!(one, hash(&map(json!({"b": [1, 2], "a": 1}))));
        assert_ne!(one, hash(&map(json!({"b": [12], "a": 1}))));
        assert_ne!(one, hash(&map(json!({"a": 1, "b": [2, 1]}))));
    }
}
