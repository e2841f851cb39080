//! Whether a caller may: yes, no, or a person has to say so first.
//!
//! In comes a [`CheckedCall`]; out comes an [`AllowedCall`] or a problem. It decides from caller,
//! effect and instance, never from the door. It runs nothing and knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Mutex;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;
use wire::{CallerId, Code, Effect, InstanceName, Problem};
use wire::{Opt, Step};

use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::corridor::{AllowedCall, CheckedCall};
use crate::home::random_hex;
use crate::limits;
use crate::question::{Question, Target};

/// The rules, and the confirmations that are still open.
pub struct Policy {
    rate: DefaultKeyedRateLimiter<CallerId>,
    open: Mutex<Open>,
}

/// Open confirmations of each caller, the oldest first.
type Open = HashMap<CallerId, VecDeque<Confirmation>>;

struct Confirmation {
    value: String,
    /// What a yes covers.
    asked: [u8; 32],
    made: Instant,
}

impl Default for Policy {
    fn default() -> Self {
        let per_second = NonZeroU32::new(limits::CALLER_RATE_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(limits::CALLER_RATE_BURST).unwrap_or(NonZeroU32::MIN);
        Self {
            rate: RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            open: Mutex::default(),
        }
    }
}

/// What somebody wants to see that may be of others.
#[derive(Clone, Copy)]
pub enum Seen<'a> {
    /// A call: how it stands, its arguments, its output, its outcome.
    Call(&'a Call),
    /// A job of that caller.
    Job(&'a CallerId),
    /// A batch of that caller.
    Batch(&'a CallerId),
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
        Seen::Call(call) if call.caller.id == caller.id => return Ok(()),
        Seen::Job(owner) | Seen::Batch(owner) if *owner == caller.id => return Ok(()),
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
    /// Of a call that its caller may make ([`Self::may`]): whether now, and whether a person says so. `on`: where it is to
    /// run. `question`: what a person would be asked about it, if one has to be.
    ///
    /// # Errors
    /// `rate_limited`, or `confirmation_required` with a single-use `confirm` value.
    pub(crate) fn allow(
        &self,
        call: CheckedCall,
        mut on: Vec<InstanceName>,
        question: impl FnOnce(&CheckedCall, &[InstanceName]) -> Question,
    ) -> Result<AllowedCall, Problem> {
        self.within_rate(&call.caller)?;
        let mut confirmed = false;
        if Self::must_ask(&call.caller, call.command.spec.effect) && !call.check_only {
            let question = question(&call, &on);
            self.confirmed(&call.caller, &question, call.confirm.as_deref())?;
            confirmed = true;
            // What was agreed to runs where it was agreed to.
            if let Target::These(names) = question.target {
                on = names;
            }
        }
        Ok(AllowedCall::new(call, confirmed, on))
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

    /// Whether a person is asked before that caller does such a thing.
    pub(crate) fn must_ask(caller: &Caller, effect: Effect) -> bool {
        caller.asks.has(Scope::from(effect))
    }

    /// Takes the yes that was given for exactly this; it is good once.
    ///
    /// # Errors
    /// `confirmation_required`, with a value that a yes is given with.
    pub(crate) fn confirmed(
        &self,
        caller: &Caller,
        question: &Question,
        given: Option<&str>,
    ) -> Result<(), Problem> {
        let asked = question.hash();
        let mut open = self
            .open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for own in open.values_mut() {
            own.retain(|one| one.made.elapsed() < limits::CONFIRMATION_LIFE);
        }
        open.retain(|_, own| !own.is_empty());
        if let Some(given) = given
            && let Some(own) = open.get_mut(&caller.id)
            && let Some(at) = own
                .iter()
                .position(|one| one.value == *given && one.asked == asked)
        {
            own.remove(at);
            return Ok(());
        }
        let value = random_hex(16)?;
        make_room(&mut open, &caller.id);
        let own = open.entry(caller.id.clone()).or_default();
        own.push_back(Confirmation {
            value: value.clone(),
            asked,
            made: Instant::now(),
        });
        Err(required(caller, question, value))
    }

    fn within_rate(&self, caller: &Caller) -> Result<(), Problem> {
        if caller.is_owner() || self.rate.check_key(&caller.id).is_ok() {
            return Ok(());
        }
        Err(Problem::new(
            Code::RATE_LIMITED,
            format!(
                "`{}` sends more than {} requests per second.",
                caller.name,
                limits::CALLER_RATE_PER_SECOND
            ),
        )
        .hint("Wait a second, or do more in each call."))
    }
}

/// At its own bound a caller forgets its own oldest; at the bound of all, whoever has the most does.
fn make_room(open: &mut Open, caller: &CallerId) {
    let all: usize = open.values().map(VecDeque::len).sum();
    let own = open.get(caller).map_or(0, VecDeque::len);
    if own >= limits::CONFIRMATIONS_PER_CALLER_MAX {
        if let Some(own) = open.get_mut(caller) {
            own.pop_front();
        }
    } else if all >= limits::CONFIRMATIONS_MAX
        && let Some(most) = open.values_mut().max_by_key(|own| own.len())
    {
        most.pop_front();
    }
}

fn required(caller: &Caller, question: &Question, value: String) -> Problem {
    Problem::new(
        Code::CONFIRMATION_REQUIRED,
        format!(
            "`{}` {}, so `{}` must ask a person first. {}",
            question.command,
            plainly(question.effect),
            caller.name,
            question.words()
        ),
    )
    .hint(wire::hint![
        "Show the person what will happen. If they agree, repeat the call within five minutes with ",
        Opt::Confirm.with(value.clone()),
        ".",
    ])
    .detail("confirm", value)
    .detail("effect", question.effect.as_str())
    .detail("call", question.details())
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
            "`{}` may not {}: that needs the scope `{}`.",
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
