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
            owner_id: None,
            mark: None,
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
