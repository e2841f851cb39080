//! Who is next in one lane: a pure state machine without clock, locks or I/O.
//!
//! ```text
//! admit ─> waiting ─ next ─> sent ─ started ─> started
//!             └──── end ──────┴────── end ───────┴──> out
//! ```

use std::collections::VecDeque;

use wire::CallId;
use wire::link::KnownCalls;

/// Calls of one lane in their order. Each id is in at most one place.
#[derive(Debug, Default)]
pub(crate) struct Order {
    waiting: VecDeque<Waiting>,
    sent: Vec<Sent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    id: CallId,
    concurrent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    id: CallId,
    concurrent: bool,
    started: bool,
}

/// Where a call was when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Waiting,
    Sent,
    Started,
}

/// The lane is at its bound.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Order {
    pub(crate) fn admit(&mut self, id: CallId, concurrent: bool, max: usize) -> Result<(), Full> {
        if self.waiting.len() >= max {
            return Err(Full);
        }
        self.waiting.push_back(Waiting { id, concurrent });
        Ok(())
    }

    /// The call to hand over now. A concurrent one passes a full window.
    pub(crate) fn next(&mut self, window: usize) -> Option<CallId> {
        let at = if self.sent.len() < window {
            0
        } else {
            self.waiting.iter().position(|call| call.concurrent)?
        };
        let Waiting { id, concurrent } = self.waiting.remove(at)?;
        self.sent.push(Sent {
            id: id.clone(),
            concurrent,
            started: false,
        });
        Some(id)
    }

    /// A call that the other side knows and we had forgotten.
    pub(crate) fn adopt(&mut self, id: CallId, started: bool) {
        if self.place(&id).is_none() {
            self.sent.push(Sent {
                id,
                concurrent: false,
                started,
            });
        }
    }

    /// `true` the first time.
    pub(crate) fn started(&mut self, id: &CallId) -> bool {
        let Some(call) = self
            .sent
            .iter_mut()
            .find(|call| call.id == *id && !call.started)
        else {
            return false;
        };
        call.started = true;
        true
    }

    /// Takes a call out; nothing when it is not here (any more).
    pub(crate) fn end(&mut self, id: &CallId) -> Option<Place> {
        if let Some(at) = self.waiting.iter().position(|call| call.id == *id) {
            self.waiting.remove(at);
            return Some(Place::Waiting);
        }
        let at = self.sent.iter().position(|call| call.id == *id)?;
        let sent = self.sent.remove(at);
        Some(if sent.started {
            Place::Started
        } else {
            Place::Sent
        })
    }

    pub(crate) fn place(&self, id: &CallId) -> Option<Place> {
        if self.waiting.iter().any(|call| call.id == *id) {
            return Some(Place::Waiting);
        }
        let sent = self.sent.iter().find(|call| call.id == *id)?;
        Some(if sent.started {
            Place::Started
        } else {
            Place::Sent
        })
    }

    pub(crate) fn is_waiting(&self, id: &CallId) -> bool {
        self.place(id) == Some(Place::Waiting)
    }

    /// After a lost link: the calls handed over that the other side does not know. They leave the lane.
    pub(crate) fn lost(&mut self, known: &KnownCalls) -> Vec<CallId> {
        let (kept, lost): (Vec<Sent>, Vec<Sent>) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|call| known.iter().any(|other| other.id == call.id));
        self.sent = kept;
        lost.into_iter().map(|call| call.id).collect()
    }

    /// After a lost link, where the other side knows all that ever reached it: the calls handed over that
    /// it does not know and that did not start have not arrived. They go back to the front, in their order.
    pub(crate) fn take_back_missed(&mut self, known: &KnownCalls) -> Vec<CallId> {
        let arrived = |call: &Sent| call.started || known.iter().any(|other| other.id == call.id);
        let (kept, missed): (Vec<Sent>, Vec<Sent>) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(arrived);
        self.sent = kept;
        let ids = missed.iter().map(|call| call.id.clone()).collect();
        self.put_back(missed);
        ids
    }

    /// Calls handed over that certainly did not start go back to the front, in their order; the
    /// others leave the lane and are given back.
    pub(crate) fn take_back_unstarted(&mut self) -> Vec<CallId> {
        let (started, unstarted): (Vec<Sent>, Vec<Sent>) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|call| call.started);
        self.put_back(unstarted);
        started.into_iter().map(|call| call.id).collect()
    }

    fn put_back(&mut self, calls: Vec<Sent>) {
        for call in calls.into_iter().rev() {
            self.waiting.push_front(Waiting {
                id: call.id,
                concurrent: call.concurrent,
            });
        }
    }

    /// Takes out all that did not start: those that wait and those handed over, in this order.
    pub(crate) fn take_unstarted(&mut self) -> (Vec<CallId>, Vec<CallId>) {
        let waiting = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|call| call.id)
            .collect();
        let (started, sent): (Vec<Sent>, Vec<Sent>) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|call| call.started);
        self.sent = started;
        (waiting, sent.into_iter().map(|call| call.id).collect())
    }

    pub(crate) fn take_all(&mut self) -> Vec<CallId> {
        let sent = std::mem::take(&mut self.sent)
            .into_iter()
            .map(|call| call.id);
        sent.chain(
            std::mem::take(&mut self.waiting)
                .into_iter()
                .map(|call| call.id),
        )
        .collect()
    }

    /// How many calls come before this one; the one that runs counts.
    pub(crate) fn position(&self, id: &CallId) -> Option<usize> {
        let ids = self
            .sent
            .iter()
            .map(|call| &call.id)
            .chain(self.waiting.iter().map(|c| &c.id));
        ids.into_iter().position(|other| other == id)
    }

    /// The call that was started last and has not ended: a call that went on beside the main thread
    /// was started before it.
    pub(crate) fn running(&self) -> Option<&CallId> {
        self.sent
            .iter()
            .rev()
            .find(|call| call.started)
            .map(|call| &call.id)
    }

    pub(crate) fn started_ids(&self) -> impl Iterator<Item = &CallId> {
        self.sent
            .iter()
            .filter(|call| call.started)
            .map(|call| &call.id)
    }

    /// Calls that have not started.
    pub(crate) fn queued(&self) -> usize {
        self.waiting.len() + self.sent.iter().filter(|call| !call.started).count()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }
}

#[cfg(test)]
mod tests;
