//! Where a call is written down and told of, from its taking to its end; what all lanes share.
//!
//! An attempt of a job goes the same way, but who decides what becomes of it ([`Attempts`]) is told instead. Which of the
//! two a call is, is asked here and nowhere else on its way.

use std::sync::Arc;

use serde_json::Value;
use wire::command::role;
use wire::{CallId, Code, Event, InstanceName, Outcome, Problem, Status};

use crate::attempts::Attempts;
use crate::call::Call;
use crate::callers::Caller;
use crate::catalog::Catalog;
use crate::corridor::Ran;
use crate::feed::Feed;
use crate::history::History;
use crate::journal::Journal;
use crate::limits;
use crate::seal::Seal;
use crate::shares::{Full, Share, Shares};

/// What all lanes share.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) history: Arc<History>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) attempts: Arc<dyn Attempts>,
    /// The bytes of what has not begun.
    pub(crate) waiting: Arc<Shares>,
    pub(crate) seal: Seal,
}

impl Records {
    /// A call that no lane took: it has an end like all others and is remembered.
    pub(crate) fn never_ran(&self, call: &Arc<Call>, why: Problem) {
        self.journal.asked(call);
        let outcome = Outcome::without_value(Status::Interrupted, why);
        self.settle(call, outcome, Ran::No);
    }

    /// A call that a lane took.
    pub(crate) fn taken(&self, call: &Arc<Call>) {
        if self.attempts_of(call).is_none() {
            self.journal.asked(call);
            self.feed.tell(|| Event::CallQueued {
                call: Box::new(call.view()),
            });
        }
    }

    pub(crate) fn started(&self, call: &Arc<Call>, instance: &InstanceName) {
        self.feed.tell(|| Event::CallStarted {
            call_id: call.public_id().clone(),
            instance: instance.clone(),
        });
        if let Some(attempts) = self.attempts_of(call) {
            attempts.started(&call.id);
        }
    }

    /// Everybody is told; of an attempt, who decides what becomes of it.
    pub(crate) fn settle(&self, call: &Arc<Call>, outcome: Outcome, ran: Ran) {
        if let Some(attempts) = self.attempts_of(call) {
            attempts.ended(call, outcome, ran);
        } else if call.settle(outcome) {
            self.journal.ended(call);
            self.history.ended(call);
            self.note_undone(call);
            self.feed.tell(|| Event::CallEnded {
                call: Box::new(call.view()),
            });
        }
    }

    /// A part of the bytes that a caller may have waiting, of what has not begun.
    ///
    /// # Errors
    /// `queue_full`.
    pub(crate) fn take_waiting(&self, caller: &Caller, bytes: usize) -> Result<Share, Problem> {
        let taken = self.waiting.take(&caller.id, bytes as u64);
        taken.map_err(|full| too_heavy(full, caller))
    }

    /// Who is told of a call instead of everybody, when it is an attempt.
    fn attempts_of(&self, call: &Call) -> Option<&dyn Attempts> {
        call.is_attempt().then_some(&*self.attempts)
    }

    /// What a call took back, or brought back, is noted with the calls that had changed it. The outcome of a command
    /// with such a role says which: `undone` or `redone`, a list of steps, each with its `call`.
    fn note_undone(&self, call: &Arc<Call>) {
        let stage = call.stage();
        let (Status::Succeeded, Some(outcome)) = (stage.status, stage.outcome) else {
            return;
        };
        let lists = [("undone", Some(&call.id)), ("redone", None)];
        if lists
            .iter()
            .all(|(list, _)| outcome.value.get(list).is_none())
            || !self.is_step(call)
        {
            return;
        }
        for (list, by) in lists {
            let steps = outcome.value.get(list).and_then(Value::as_array);
            let ids: Vec<CallId> = steps
                .into_iter()
                .flatten()
                .filter_map(|step| step.get("call")?.as_str().map(CallId::new))
                .collect();
            for id in &ids {
                if let Some(known) = self.journal.get(id) {
                    known.set_undone_by(by.cloned());
                }
            }
            if !ids.is_empty() {
                self.history.undone(ids, by.cloned());
            }
        }
    }

    fn is_step(&self, call: &Call) -> bool {
        let app = self.catalog.app_of(&call.app, &call.instance());
        let steps = [role::UNDO, role::REDO, role::REVERT];
        app.is_ok_and(|app| {
            let command = app.command(&call.command);
            command.is_ok_and(|command| steps.iter().any(|role| command.spec.has_role(role)))
        })
    }
}

/// Calls that have not begun hold too much already.
fn too_heavy(full: Full, caller: &Caller) -> Problem {
    let (whose, bytes) = match full {
        Full::Own => (
            format!("the calls of `{}`", caller.name),
            limits::WAITING_BYTES_MAX,
        ),
        Full::All => ("all calls".to_owned(), limits::WAITING_ALL_BYTES_MAX),
    };
    Problem::new(
        Code::QUEUE_FULL,
        format!(
            "The waiting arguments of {whose} would exceed {} MB.",
            bytes / 1_000_000
        ),
    )
    .hint(wire::hint![
        "Wait for some of them, or store large values as blobs: ",
        wire::Step::StoreBlob,
        ".",
    ])
}
