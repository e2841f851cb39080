use std::collections::HashSet;

use proptest::prelude::*;
use wire::link::KnownCall;

use super::*;

fn id(n: u32) -> CallId {
    CallId::from(format!("call_{n:03}"))
}

/// The jobs, or a caller.
fn of(n: u8) -> TurnOf {
    (n > 0).then(|| CallerId::from(format!("caller#{n}").as_str()))
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
        order.admit(id(n), None, n == 4, 10).unwrap();
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
    order.admit(id(0), None, false, 1).unwrap();
    assert_eq!(order.admit(id(1), None, false, 1), Err(Full));
}

#[test]
fn what_the_other_side_does_not_know_is_lost() {
    let mut order = Order::default();
    for n in 0..3 {
        order.admit(id(n), None, false, 10).unwrap();
        order.next(10);
    }
    assert_eq!(order.lost(&known(&[1])), vec![id(0), id(2)]);
    assert_eq!(order.place(&id(1)), Some(Place::Sent));
}

#[test]
fn what_never_arrived_goes_back_to_the_front_and_what_started_is_lost() {
    let mut order = Order::default();
    for n in 0..5 {
        order.admit(id(n), None, false, 10).unwrap();
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
        order.admit(id(n), None, false, 10).unwrap();
    }
    for _ in 0..3 {
        order.next(10);
    }
    order.started(&id(0));
    assert_eq!(order.take_back_unstarted(), vec![id(0)]);
    let again: Vec<_> = std::iter::from_fn(|| order.next(10)).collect();
    assert_eq!(again, vec![id(1), id(2), id(3)]);
}

fn in_turn(order: &mut Order, window: usize) -> Vec<CallId> {
    std::iter::from_fn(|| order.next(window)).collect()
}

#[test]
fn callers_take_turns_and_each_keeps_its_order() {
    let mut order = Order::default();
    for n in 0..5 {
        order.admit(id(n), of(1), false, 10).unwrap();
    }
    order.next(1);
    for (n, caller) in [(5, 2), (6, 3), (7, 2), (8, 0)] {
        order.admit(id(n), of(caller), false, 10).unwrap();
    }
    let places: Vec<_> = (0..9).map(|n| order.position(&id(n)).unwrap()).collect();
    order.end(&id(0));
    let left = in_turn(&mut order, 10);
    assert_eq!(left, [1, 5, 6, 8, 2, 7, 3, 4].map(id));
    let told = left.iter().map(|id| {
        let n: usize = id.as_str()[5..].parse().unwrap();
        places[n]
    });
    assert!(
        told.eq(1..9),
        "places are those in which they leave: {places:?}"
    );
}

#[test]
fn what_goes_back_to_the_front_keeps_its_turn() {
    let mut order = Order::default();
    for (n, caller) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
        order.admit(id(n), of(caller), false, 10).unwrap();
    }
    let before = [order.next(2).unwrap(), order.next(2).unwrap()];
    assert_eq!(before, [id(0), id(2)]);
    assert_eq!(order.take_back_unstarted(), []);
    assert_eq!(in_turn(&mut order, 10), [0, 2, 1, 3].map(id));
}

#[derive(Clone, Debug)]
enum Step {
    Admit(u8, bool),
    Next,
    Start(u32),
    End(u32),
    Lose(Vec<u32>),
    Miss(Vec<u32>),
    TakeBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u8..4, any::<bool>()).prop_map(|(caller, concurrent)| Step::Admit(caller, concurrent)),
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
                Step::Admit(caller, concurrent) => {
                    if order.admit(id(admitted), of(caller), concurrent, 8).is_ok() {
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

    /// However many calls others have waiting, and whenever they came: one call waits for no more than one of each of
    /// them, and for what was handed over before.
    #[test]
    fn nobody_is_held_up_by_anothers_many_calls(
        others in prop::collection::vec((1u8..6, any::<bool>()), 0..200),
        later in prop::collection::vec(1u8..6, 0..50),
    ) {
        let mut order = Order::default();
        let mut n = 0u32;
        for (caller, takes_one) in others {
            order.admit(id(n), of(caller), false, 1_000).unwrap();
            n += 1;
            if takes_one && let Some(sent) = order.next(1) {
                order.end(&sent);
            }
        }
        let mine = id(900);
        order.admit(mine.clone(), of(9), false, 1_000).unwrap();
        for caller in later {
            order.admit(id(n), of(caller), false, 1_000).unwrap();
            n += 1;
        }
        prop_assert!(order.position(&mine).unwrap() <= 5);
        let left = in_turn(&mut order, 1_000);
        let before = left.iter().position(|one| *one == mine).unwrap();
        prop_assert!(before <= 5, "{before} calls of five callers");
    }
}
