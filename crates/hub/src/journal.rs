//! What was done: every call, from the moment it was taken.
//!
//! [`Memory`] is the bounded memory of this run of the hub, and it says since when it remembers. Whoever asked most
//! forgets first. What earlier
//! runs did is in the store ([`crate::history`]). It decides nothing and runs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use time::OffsetDateTime;
use wire::CallId;

use crate::call::Call;
use crate::json_size::weight_up_to;
use crate::recent::Recent;
use crate::store::{CallsWanted, Like};
use crate::{limits, weigh};

/// Remembers calls.
pub trait Journal: Send + Sync {
    fn asked(&self, call: &Arc<Call>);
    fn ended(&self, call: &Arc<Call>);
    fn get(&self, id: &CallId) -> Option<Arc<Call>>;
    /// Newest first.
    fn history(&self, wanted: &CallsWanted) -> Vec<Arc<Call>>;
    /// Ids that begin so.
    fn like(&self, like: &Like) -> Vec<String>;
    /// From when on every call is remembered.
    fn since(&self) -> OffsetDateTime;
    /// Forgets ended calls that were asked before that time; without one, all that have ended. Gives
    /// which.
    fn forget(&self, before: Option<OffsetDateTime>) -> Vec<CallId>;
}

/// A journal in memory, bounded in calls and bytes; calls that have not ended are never dropped.
pub struct Memory {
    kept: Mutex<Kept>,
}

struct Kept {
    calls: HashMap<CallId, Arc<Call>>,
    /// Ended calls with the size of what they hold.
    ended: Recent<CallId>,
    since: OffsetDateTime,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            kept: Mutex::new(Kept {
                calls: HashMap::new(),
                ended: Recent::default(),
                since: OffsetDateTime::now_utc(),
            }),
        }
    }
}

impl Memory {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Journal for Memory {
    fn asked(&self, call: &Arc<Call>) {
        self.lock().calls.insert(call.id.clone(), Arc::clone(call));
    }

    fn ended(&self, call: &Arc<Call>) {
        // Large ones are a note as soon as they are written down, and counted where they wait for it.
        let args = call.given_args();
        let kept = args.filter(|args| weight_up_to(args, limits::HISTORY_ARGS_BYTES_MAX).is_some());
        let bytes = weigh::of_call(call) + kept.map_or(0, |args| weigh::of_map(&args));
        let mut kept = self.lock();
        kept.ended.push(&call.caller.id, call.id.clone(), bytes);
        while let Some(oldest) = kept
            .ended
            .over(limits::JOURNAL_CALLS_MAX, limits::JOURNAL_BYTES_MAX)
        {
            if let Some(call) = kept.calls.remove(&oldest) {
                kept.since = kept.since.max(call.asked_at);
            }
        }
    }

    fn get(&self, id: &CallId) -> Option<Arc<Call>> {
        self.lock().calls.get(id).cloned()
    }

    fn history(&self, wanted: &CallsWanted) -> Vec<Arc<Call>> {
        let mut calls: Vec<Arc<Call>> = self
            .lock()
            .calls
            .values()
            .filter(|call| takes(wanted, call))
            .cloned()
            .collect();
        calls.sort_by(|a, b| b.id.cmp(&a.id));
        calls.truncate(wanted.limit);
        calls
    }

    fn like(&self, like: &Like) -> Vec<String> {
        let kept = self.lock();
        let fits = kept.calls.iter().filter(|(id, call)| {
            let own = like.caller.as_ref();
            id.as_str().starts_with(&like.prefix) && own.is_none_or(|own| *own == call.caller.id)
        });
        fits.take(like.limit)
            .map(|(id, _)| id.to_string())
            .collect()
    }

    fn since(&self) -> OffsetDateTime {
        self.lock().since
    }

    fn forget(&self, before: Option<OffsetDateTime>) -> Vec<CallId> {
        let mut guard = self.lock();
        let kept = &mut *guard;
        let calls = &kept.calls;
        let gone = kept.ended.retain(|id| {
            let asked_at = calls.get(id).map(|call| call.asked_at);
            before.is_some_and(|before| asked_at.is_some_and(|asked_at| asked_at >= before))
        });
        let now = OffsetDateTime::now_utc();
        kept.since = kept.since.max(before.unwrap_or(now).min(now));
        for id in &gone {
            kept.calls.remove(id);
        }
        gone
    }
}

/// Whether it is one of those.
fn takes(wanted: &CallsWanted, call: &Call) -> bool {
    wanted.app.as_ref().is_none_or(|app| *app == call.app)
        && wanted
            .instance
            .as_ref()
            .is_none_or(|name| *name == call.instance())
        && wanted.status.is_none_or(|status| status == call.status())
        && wanted.before.as_ref().is_none_or(|id| call.id < *id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wire::{Effect, Outcome, Problem, Status};

    use super::*;
    use crate::call::CallParts;
    use crate::callers::Caller;

    fn call() -> Arc<Call> {
        call_of(Caller::owner())
    }

    fn call_of(caller: Caller) -> Arc<Call> {
        Arc::new(Call::new(CallParts {
            correlation_id: None,
            parent_id: None,
            app: "toy".into(),
            instance: "toy".into(),
            command: "toy.echo".to_owned(),
            effect: Effect::Read,
            concurrent: false,
            caller,
            timeout: std::time::Duration::from_secs(1),
            args: Arc::default(),
            revision: None,
            group: None,
            marked: Arc::default(),
        }))
    }

    fn run(memory: &Memory, value: serde_json::Value) -> Arc<Call> {
        run_as(memory, Caller::owner(), value)
    }

    fn run_as(memory: &Memory, caller: Caller, value: serde_json::Value) -> Arc<Call> {
        let call = call_of(caller);
        memory.asked(&call);
        let mut outcome =
            Outcome::without_value(Status::Succeeded, Problem::new(wire::Code::INTERNAL, ""));
        outcome.value = value;
        call.settle(outcome);
        memory.ended(&call);
        call
    }

    fn remembered(memory: &Memory) -> Vec<Arc<Call>> {
        memory.history(&CallsWanted {
            limit: usize::MAX,
            ..CallsWanted::default()
        })
    }

    /// Every call that was asked after `since` is there.
    fn keeps_its_word(memory: &Memory, asked: &[Arc<Call>]) {
        let since = memory.since();
        for call in asked.iter().filter(|call| call.asked_at > since) {
            assert!(
                memory.get(&call.id).is_some(),
                "{} is after {since}",
                call.id
            );
        }
    }

    #[test]
    fn the_oldest_ended_calls_go_first_and_it_says_since_when() {
        let memory = Memory::default();
        let open = call();
        memory.asked(&open);
        let before = memory.since();
        let asked: Vec<_> = (0..limits::JOURNAL_CALLS_MAX + 50)
            .map(|_| run(&memory, json!(1)))
            .collect();
        assert_eq!(remembered(&memory).len(), limits::JOURNAL_CALLS_MAX + 1);
        assert!(memory.get(&asked[49].id).is_none() && memory.get(&asked[50].id).is_some());
        assert!(
            memory.get(&open.id).is_some(),
            "a call without an end is never dropped"
        );
        assert!(memory.since() > before);
        keeps_its_word(&memory, &asked);
    }

    #[test]
    fn a_flood_of_one_caller_pushes_out_its_own_calls() {
        let memory = Memory::default();
        let asked: Vec<_> = (0..100).map(|_| run(&memory, json!(1))).collect();
        let flood = || Caller {
            id: "flood#1".into(),
            ..Caller::owner()
        };
        for _ in 0..limits::JOURNAL_CALLS_MAX + 500 {
            run_as(&memory, flood(), json!(2));
        }
        assert_eq!(remembered(&memory).len(), limits::JOURNAL_CALLS_MAX);
        assert!(asked.iter().all(|call| memory.get(&call.id).is_some()));
        let megabyte = "x".repeat(1 << 20);
        for _ in 0..2 * (limits::JOURNAL_BYTES_MAX >> 20) {
            run_as(&memory, flood(), json!([megabyte]));
        }
        assert!(asked.iter().all(|call| memory.get(&call.id).is_some()));
    }

    #[test]
    fn large_outcomes_push_out_the_oldest() {
        let memory = Memory::default();
        let megabyte = "x".repeat(1 << 20);
        let asked: Vec<_> = (0..70).map(|_| run(&memory, json!([megabyte]))).collect();
        let bound = limits::JOURNAL_BYTES_MAX >> 20;
        let kept = remembered(&memory).len();
        assert!(kept < bound && kept > bound - 3, "{kept}");
        assert!(memory.get(&asked[69].id).is_some() && memory.get(&asked[0].id).is_none());
        keeps_its_word(&memory, &asked);
        let huge = run(&memory, json!(["x".repeat(limits::JOURNAL_BYTES_MAX + 1)]));
        assert_eq!(remembered(&memory).len(), 1);
        assert!(
            memory.get(&huge.id).is_some(),
            "the newest stays, however large"
        );
    }
}
