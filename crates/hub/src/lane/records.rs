//! Where a call is written down and told of, from its taking to its end; what all lanes share.
//!
//! An attempt of a job goes the same way, but the jobs are told instead: they decide what becomes of it.

use std::sync::Arc;

use wire::{Event, InstanceName, Outcome, Problem, Status};

use crate::call::Call;
use crate::feed::Feed;
use crate::history::History;
use crate::jobs::{Jobs, Ran};
use crate::journal::Journal;
use crate::shares::Shares;

/// What all lanes share.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) history: Arc<History>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) jobs: Arc<Jobs>,
    /// The bytes of what has not begun.
    pub(crate) waiting: Shares,
}

impl Records {
    /// A call that no lane took: it has an end like all others and is remembered.
    pub(crate) fn never_ran(&self, call: &Arc<Call>, why: Problem) {
        self.journal.asked(call);
        let outcome = Outcome::without_value(Status::Interrupted, why);
        self.settle(call, outcome, Ran::No);
    }

    /// Everybody is told; of a job's attempt the jobs are, who decide what becomes of it.
    pub(crate) fn settle(&self, call: &Arc<Call>, outcome: Outcome, ran: Ran) {
        if call.front().is_some() {
            self.jobs.ended(call, outcome, ran);
        } else if call.settle(outcome) {
            self.journal.ended(call);
            self.history.ended(call);
            self.feed.tell(|| Event::CallEnded {
                call: Box::new(call.view()),
            });
        }
    }
}

impl Records {
    /// A call that a lane took.
    pub(crate) fn taken(&self, call: &Arc<Call>) {
        if call.front().is_none() {
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
        if call.front().is_some() {
            self.jobs.started(&call.id);
        }
    }
}
