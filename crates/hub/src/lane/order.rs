//! Who is next in one lane: a pure state machine without clock, locks or I/O.
//!
//! Callers take turns: each has a line of its own, in the order of its calls, and one call of each line is next in turn. So
//! who asks for one call waits for at most one of everybody else, however many those have waiting. Jobs have a line
//! together: whose job is next is decided where they are queued.
//!
//! ```text
//! admit ─> waiting ─ next ─> sent ─ started ─> started
//!             └──── end ──────┴────── end ───────┴──> out
//! ```

use std::collections::VecDeque;

use wire::link::KnownCalls;
use wire::{CallId, CallerId};

/// Calls of one lane in their order. Each id is in at most one place.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// None is empty; the first has the turn.
    lines: VecDeque<Line>,
    sent: Vec<Sent>,
}

/// In whose turn a call runs: a caller's, or that of the jobs.
pub(crate) type TurnOf = Option<CallerId>;

#[derive(Debug)]
struct Line {
    of: TurnOf,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    id: CallId,
    concurrent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    id: CallId,
    of: TurnOf,
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
    pub(crate) fn admit(
        &mut self,
        id: CallId,
        of: TurnOf,
        concurrent: bool,
        max: usize,
    ) -> Result<(), Full> {
        if self.waiting() >= max {
            return Err(Full);
        }
        let waiting = Waiting { id, concurrent };
        match self.lines.iter_mut().find(|line| line.of == of) {
            Some(line) => line.waiting.push_back(waiting),
            None => self.lines.push_back(Line {
                of,
                waiting: VecDeque::from([waiting]),
            }),
        }
        Ok(())
    }

    /// The call to hand over now. A concurrent one passes a full window.
    pub(crate) fn next(&mut self, window: usize) -> Option<CallId> {
        let (line, at) = if self.sent.len() < window {
            (0, 0)
        } else {
            self.find(|call| call.concurrent)?
        };
        let mut line = self.lines.remove(line)?;
        let Waiting { id, concurrent } = line.waiting.remove(at)?;
        let of = line.of.clone();
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        self.sent.push(Sent {
            id: id.clone(),
            of,
            concurrent,
            started: false,
        });
        Some(id)
    }

    /// A call that the other side knows and we had forgotten.
    pub(crate) fn adopt(&mut self, id: CallId, of: TurnOf, started: bool) {
        if self.place(&id).is_none() {
            self.sent.push(Sent {
                id,
                of,
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
        if let Some((line, at)) = self.find(|call| call.id == *id) {
            self.lines[line].waiting.remove(at);
            if self.lines[line].waiting.is_empty() {
                self.lines.remove(line);
            }
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
        if self.find(|call| call.id == *id).is_some() {
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
            let at = self.lines.iter().position(|line| line.of == call.of);
            let mut line = at
                .and_then(|at| self.lines.remove(at))
                .unwrap_or_else(|| Line {
                    of: call.of,
                    waiting: VecDeque::new(),
                });
            line.waiting.push_front(Waiting {
                id: call.id,
                concurrent: call.concurrent,
            });
            self.lines.push_front(line);
        }
    }

    /// Takes out all that did not start: those that wait and those handed over, in this order.
    pub(crate) fn take_unstarted(&mut self) -> (Vec<CallId>, Vec<CallId>) {
        let waiting = self.take_waiting();
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
        sent.chain(self.take_waiting()).collect()
    }

    fn take_waiting(&mut self) -> Vec<CallId> {
        let lines = std::mem::take(&mut self.lines).into_iter();
        lines
            .flat_map(|line| line.waiting)
            .map(|call| call.id)
            .collect()
    }

    fn waiting(&self) -> usize {
        self.lines.iter().map(|line| line.waiting.len()).sum()
    }

    /// Line and place of the first waiting call that fits.
    fn find(&self, fits: impl Fn(&Waiting) -> bool) -> Option<(usize, usize)> {
        let lines = self.lines.iter().enumerate();
        lines
            .filter_map(|(n, line)| Some((n, line.waiting.iter().position(&fits)?)))
            .next()
    }

    /// How many calls come before this one, if no other caller comes; the one that runs counts.
    pub(crate) fn position(&self, id: &CallId) -> Option<usize> {
        if let Some(sent) = self.sent.iter().position(|call| call.id == *id) {
            return Some(sent);
        }
        let (own, place) = self.find(|call| call.id == *id)?;
        let before = self.lines.iter().enumerate().map(|(n, line)| {
            // Lines that have the turn before its own have one call more before it.
            let turns = place + usize::from(n < own);
            line.waiting.len().min(turns)
        });
        Some(self.sent.len() + before.sum::<usize>())
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
        self.waiting() + self.sent.iter().filter(|call| !call.started).count()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.sent.is_empty()
    }
}

#[cfg(test)]
mod tests;
