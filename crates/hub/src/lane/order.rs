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
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use wire::link::KnownCall;

    use super::*;

    fn id(n: u32) -> CallId {
        CallId::from(format!("call_{n:03}"))
    }

    fn known(ids: &[u32]) -> KnownCalls {
        let running = ids
            .iter()
            .map(|n| KnownCall {
                id: id(*n),
                command: String::new(),
                owner: String::new(),
            })
            .collect();
        KnownCalls {
            running,
            ..KnownCalls::default()
        }
    }

    #[test]
    fn calls_leave_in_the_order_they_came_within_the_window() {
        let mut order = Order::default();
        for n in 0..5 {
            order.admit(id(n), n == 4, 10).unwrap();
        }
        assert_eq!(order.next(2), Some(id(0)));
        assert_eq!(order.next(2), Some(id(1)));
        assert_eq!(
            order.next(2),
            Some(id(4)),
            "a concurrent call passes a full window"
        );
        assert_eq!(order.next(2), None);
        assert!(order.started(&id(0)) && !order.started(&id(0)));
        assert_eq!(order.running(), Some(&id(0)));
        assert_eq!(order.position(&id(3)), Some(4));
        assert_eq!(order.end(&id(0)), Some(Place::Started));
        assert_eq!(order.end(&id(0)), None);
    }

    #[test]
    fn a_full_lane_refuses() {
        let mut order = Order::default();
        order.admit(id(0), false, 1).unwrap();
        assert_eq!(order.admit(id(1), false, 1), Err(Full));
    }

    #[test]
    fn what_the_other_side_does_not_know_is_lost() {
        let mut order = Order::default();
        for n in 0..3 {
            order.admit(id(n), false, 10).unwrap();
            order.next(10);
        }
        assert_eq!(order.lost(&known(&[1])), vec![id(0), id(2)]);
        assert_eq!(order.place(&id(1)), Some(Place::Sent));
    }

    #[test]
    fn what_never_arrived_goes_back_to_the_front_and_what_started_is_lost() {
        let mut order = Order::default();
        for n in 0..5 {
            order.admit(id(n), false, 10).unwrap();
        }
        for _ in 0..4 {
            order.next(10);
        }
        order.started(&id(0));
        assert_eq!(
            order.take_back_missed(&known(&[1])),
            vec![id(2), id(3)],
            "started or known: it has arrived"
        );
        assert_eq!(order.lost(&known(&[1])), vec![id(0)]);
        let again: Vec<_> = std::iter::from_fn(|| order.next(10)).collect();
        assert_eq!(again, vec![id(2), id(3), id(4)]);
    }

    #[test]
    fn unstarted_calls_go_back_to_the_front() {
        let mut order = Order::default();
        for n in 0..4 {
            order.admit(id(n), false, 10).unwrap();
        }
        for _ in 0..3 {
            order.next(10);
        }
        order.started(&id(0));
        assert_eq!(order.take_back_unstarted(), vec![id(0)]);
        let again: Vec<_> = std::iter::from_fn(|| order.next(10)).collect();
        assert_eq!(again, vec![id(1), id(2), id(3)]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Admit(bool),
        Next,
        Start(u32),
        End(u32),
        Lose(Vec<u32>),
        Miss(Vec<u32>),
        TakeBack,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<bool>().prop_map(Step::Admit),
            Just(Step::Next),
            (0u32..20).prop_map(Step::Start),
            (0u32..20).prop_map(Step::End),
            prop::collection::vec(0u32..20, 0..5).prop_map(Step::Lose),
            prop::collection::vec(0u32..20, 0..5).prop_map(Step::Miss),
            Just(Step::TakeBack),
        ]
    }

    proptest! {
        /// Whatever happens, each admitted call leaves exactly once.
        #[test]
        fn every_call_leaves_exactly_once(steps in prop::collection::vec(step(), 0..80)) {
            let mut order = Order::default();
            let mut admitted = 0u32;
            let mut left: Vec<CallId> = Vec::new();
            for step in steps {
                match step {
                    Step::Admit(concurrent) => {
                        if order.admit(id(admitted), concurrent, 8).is_ok() {
                            admitted += 1;
                        }
                    }
                    Step::Next => { order.next(3); }
                    Step::Start(n) => { order.started(&id(n)); }
                    Step::End(n) => if order.end(&id(n)).is_some() { left.push(id(n)); },
                    Step::Lose(ids) => left.extend(order.lost(&known(&ids))),
                    Step::Miss(ids) => { order.take_back_missed(&known(&ids)); }
                    Step::TakeBack => left.extend(order.take_back_unstarted()),
                }
            }
            left.extend(order.take_all());
            prop_assert!(order.is_empty());
            let unique: HashSet<&CallId> = left.iter().collect();
            prop_assert_eq!(unique.len(), left.len());
            prop_assert_eq!(left.len() as u32, admitted);
        }
    }
}
