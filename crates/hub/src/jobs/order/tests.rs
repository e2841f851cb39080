use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use wire::{InstanceName, Mode};

use super::*;

const NOW: Millis = 1_000;

fn id(n: usize) -> CallId {
    CallId::from(format!("call_{n:03}"))
}

fn needs() -> Needs {
    Needs {
        app: "toy".into(),
        instance: None,
        version: None,
        mode: None,
        label: None,
        file: None,
    }
}

fn entry(n: usize, caller: &str, priority: u8, place: i64) -> Entry {
    Entry {
        id: id(n),
        needs: needs(),
        turn_of: caller.into(),
        priority,
        place,
        not_before: None,
        deadline: None,
        after: Vec::new(),
        paused: false,
    }
}

fn offer(name: &str) -> Offer {
    Offer {
        app: "toy".into(),
        instance: name.into(),
        version: Some("4.5.3".to_owned()),
        mode: Mode::Background,
        labels: vec!["gpu".to_owned()],
        file: Some("/shots/a.toy".to_owned()),
        is_reserved: false,
    }
}

fn claims(order: &mut Order) -> Vec<CallId> {
    std::iter::from_fn(|| order.claim(&offer("toy"))).collect()
}

#[test]
fn priorities_first_then_turns_then_places() {
    let mut order = Order::default();
    for (n, caller, priority) in [
        (0, "ann", 5),
        (1, "ann", 5),
        (2, "ann", 5),
        (3, "ben", 5),
        (4, "ann", 9),
        (5, "ben", 0),
    ] {
        let place = order.place_last();
        order.add(entry(n, caller, priority, place), NOW);
    }
    let got = claims(&mut order);
    assert_eq!(got, [4, 3, 0, 1, 2, 5].map(id));
    assert_eq!(order.queue().count(), 0);
}

#[test]
fn who_has_the_fewest_running_is_next_and_a_turn_ends_with_its_job() {
    let mut order = Order::default();
    for n in 0..4 {
        let place = order.place_last();
        order.add(entry(n, "ann", 5, place), NOW);
    }
    assert_eq!(order.claim(&offer("toy")), Some(id(0)));
    assert_eq!(order.claim(&offer("toy")), Some(id(1)));
    for n in 4..8 {
        let place = order.place_last();
        order.add(entry(n, "ben", 5, place), NOW);
    }
    assert_eq!(order.claim(&offer("toy")), Some(id(4)));
    assert_eq!(order.claim(&offer("toy")), Some(id(5)));
    order.take(&id(0));
    assert_eq!(order.claim(&offer("toy")), Some(id(2)));
}

#[test]
fn a_place_in_front_comes_before_all_turns_and_before_means_just_before() {
    let mut order = Order::default();
    for n in 0..4 {
        let place = order.place_last();
        order.add(entry(n, if n == 3 { "ben" } else { "ann" }, 5, place), NOW);
    }
    let first = order.place_first();
    order.set_place(&id(2), first, NOW);
    let (before, moved) = order.place_before(&id(2)).unwrap();
    assert!(before.place < first && moved.is_empty());
    order.set_place(&id(1), before.place, NOW);
    assert_eq!(claims(&mut order), [1, 2, 3, 0].map(id));
}

#[test]
fn there_is_always_room_before_a_job() {
    let mut order = Order::default();
    for n in 0..3 {
        let place = order.place_last();
        order.add(entry(n, "ann", 5, place), NOW);
    }
    for n in 3..203 {
        let (before, moved) = order.place_before(&id(2)).unwrap();
        for (other, place) in moved {
            order.set_place(&other, place, NOW);
        }
        order.add(entry(n, "ann", 5, before.place), NOW);
    }
    let expected: Vec<CallId> = [0, 1]
        .into_iter()
        .chain(3..203)
        .chain([2])
        .map(id)
        .collect();
    assert_eq!(claims(&mut order), expected);
}

#[test]
fn an_instance_gets_what_it_fits() {
    let mut order = Order::default();
    let wanting: [(&str, Needs); 6] = [
        (
            "another's",
            Needs {
                instance: Some("other".into()),
                ..needs()
            },
        ),
        (
            "its own",
            Needs {
                instance: Some("toy".into()),
                ..needs()
            },
        ),
        (
            "its version",
            Needs {
                version: Some("4.5".into()),
                ..needs()
            },
        ),
        (
            "no such version",
            Needs {
                version: Some("4.50".into()),
                ..needs()
            },
        ),
        (
            "its label and file",
            Needs {
                label: Some("gpu".into()),
                file: Some("/shots/a.toy".into()),
                ..needs()
            },
        ),
        (
            "a window",
            Needs {
                mode: Some(Mode::Gui),
                ..needs()
            },
        ),
    ];
    for (n, (_, needs)) in wanting.iter().enumerate() {
        let place = order.place_last();
        order.add(
            Entry {
                needs: needs.clone(),
                ..entry(n, "ann", 5, place)
            },
            NOW,
        );
    }
    assert_eq!(claims(&mut order), [1, 2, 4].map(id));
    let mut reserved = offer("other");
    reserved.is_reserved = true;
    assert!(order.has_for(&reserved) && !order.has_for(&offer("toy")));
    let mut other = offer("other");
    (other.version, other.mode) = (Some("4.50.1".into()), Mode::Gui);
    assert_eq!(order.claim(&other), Some(id(0)));
    assert_eq!(order.claim(&other), Some(id(3)));
    assert_eq!(order.claim(&other), Some(id(5)));
    assert_eq!(order.claim(&other), None);
}

#[test]
fn what_holds_a_job_is_said_and_ends() {
    let mut order = Order::default();
    order.add(
        Entry {
            paused: true,
            ..entry(0, "ann", 5, 1)
        },
        NOW,
    );
    order.add(
        Entry {
            after: vec![id(9)],
            ..entry(1, "ann", 5, 2)
        },
        NOW,
    );
    order.add(
        Entry {
            not_before: Some(NOW + 5),
            ..entry(2, "ann", 5, 3)
        },
        NOW,
    );
    order.add(
        Entry {
            deadline: Some(NOW + 7),
            paused: true,
            ..entry(3, "ann", 5, 4)
        },
        NOW,
    );
    assert_eq!(order.held(&id(0), NOW), Some(Held::Paused));
    assert_eq!(order.held(&id(1), NOW), Some(Held::After(id(9))));
    assert_eq!(order.held(&id(2), NOW), Some(Held::Until(NOW + 5)));
    assert_eq!(order.claim(&offer("toy")), None);
    assert_eq!(order.next_time(), Some(NOW + 5));
    assert!(order.tick(NOW + 4).is_empty());
    assert_eq!(order.claim(&offer("toy")), None);
    assert!(order.tick(NOW + 5).is_empty());
    assert_eq!(order.claim(&offer("toy")), Some(id(2)));
    order.succeeded(&id(9), NOW);
    assert_eq!(order.claim(&offer("toy")), Some(id(1)));
    assert_eq!(order.tick(NOW + 7), [id(3)]);
    order.pause_app(&"toy".into(), true);
    order.add(entry(4, "ann", 5, 5), NOW);
    assert_eq!(order.claim(&offer("toy")), None);
    order.pause_app(&"toy".into(), false);
    assert_eq!(order.claim(&offer("toy")), Some(id(4)));
}

#[derive(Clone, Debug)]
enum Step {
    Add {
        caller: u8,
        priority: u8,
        instance: Option<u8>,
        not_before: Option<u8>,
        after: Option<u8>,
        paused: bool,
    },
    Claim(u8),
    GiveBack(u8, Option<u8>),
    Take(u8),
    Succeed(u8),
    First(u8),
    Before(u8, u8),
    Tick(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0u8..40;
    prop_oneof![
        6 => (
            0u8..3,
            0u8..3,
            prop::option::of(0u8..2),
            prop::option::weighted(0.2, 0u8..20),
            prop::option::weighted(0.2, any.clone()),
            prop::bool::weighted(0.1),
        )
            .prop_map(|(caller, priority, instance, not_before, after, paused)| Step::Add {
                caller, priority, instance, not_before, after, paused
            }),
        6 => (0u8..2).prop_map(Step::Claim),
        1 => (any.clone(), prop::option::of(0u8..20)).prop_map(|(n, at)| Step::GiveBack(n, at)),
        1 => any.clone().prop_map(Step::Take),
        2 => any.clone().prop_map(Step::Succeed),
        1 => any.clone().prop_map(Step::First),
        1 => (any.clone(), any).prop_map(|(n, other)| Step::Before(n, other)),
        1 => (0u8..5).prop_map(Step::Tick),
    ]
}

/// The queue as plainly as it can be said: a list that is looked through from one end to the other.
#[derive(Default)]
struct Model {
    waiting: Vec<Entry>,
    claimed: BTreeMap<CallId, Entry>,
    served: BTreeMap<CallerName, u64>,
    serves: u64,
}

impl Model {
    fn next(&self, instance: &InstanceName, now: Millis) -> Option<CallId> {
        let fits = self.waiting.iter().filter(|job| {
            !job.paused
                && job.after.is_empty()
                && job.not_before.is_none_or(|at| at <= now)
                && job
                    .needs
                    .instance
                    .as_ref()
                    .is_none_or(|own| own == instance)
        });
        let rank = |job: &&Entry| {
            let running = self
                .claimed
                .values()
                .filter(|other| other.turn_of == job.turn_of);
            let served = self.served.get(&job.turn_of).copied().unwrap_or(0);
            let turn = match job.place < 0 {
                true => (0, 0, 0),
                false => (1, running.count(), served),
            };
            (
                std::cmp::Reverse(job.priority),
                turn,
                job.place,
                job.id.clone(),
            )
        };
        fits.min_by_key(rank).map(|job| job.id.clone())
    }

    fn claim(&mut self, id: &CallId) {
        let at = self.waiting.iter().position(|job| job.id == *id).unwrap();
        let job = self.waiting.remove(at);
        self.serves += 1;
        self.served.insert(job.turn_of.clone(), self.serves);
        self.claimed.insert(id.clone(), job);
    }
}

proptest! {
    /// Whatever happens: each claim is the one that looking through everything finds, nothing is claimed
    /// twice, and nothing is lost.
    #[test]
    fn it_does_what_looking_through_everything_would(steps in prop::collection::vec(step(), 0..120)) {
        let (mut order, mut model) = (Order::default(), Model::default());
        let (mut now, mut added) = (NOW, 0usize);
        let mut gone: HashSet<CallId> = HashSet::new();
        for step in steps {
            match step {
                Step::Add { caller, priority, instance, not_before, after, paused } => {
                    let place = order.place_last();
                    let mut job = entry(added, &format!("caller{caller}"), priority, place);
                    job.needs.instance = instance.map(|n| InstanceName::from(format!("toy-{n}")));
                    job.not_before = not_before.map(|after| now + Millis::from(after));
                    let earlier = after.map(|n| id(usize::from(n)));
                    job.after = earlier.into_iter().filter(|id| order.entry(id).is_some()).collect();
                    job.paused = paused;
                    order.add(job.clone(), now);
                    model.waiting.push(job);
                    added += 1;
                }
                Step::Claim(n) => {
                    let name = InstanceName::from(format!("toy-{n}"));
                    let mut offer = offer("toy");
                    offer.instance = name.clone();
                    order.tick(now);
                    let expected = model.next(&name, now);
                    prop_assert_eq!(order.claim(&offer), expected.clone());
                    if let Some(id) = expected { model.claim(&id); }
                }
                Step::GiveBack(n, later) => {
                    let id = id(usize::from(n));
                    if let Some(mut job) = model.claimed.remove(&id) {
                        job.not_before = later.map(|after| now + Millis::from(after));
                        order.give_back(&id, job.not_before, now);
                        model.waiting.push(job);
                    }
                }
                Step::Take(n) => {
                    let id = id(usize::from(n));
                    let was = model.waiting.len() + model.claimed.len();
                    model.waiting.retain(|job| job.id != id);
                    model.claimed.remove(&id);
                    let is_gone = model.waiting.len() + model.claimed.len() < was;
                    prop_assert_eq!(order.take(&id).is_some(), is_gone);
                    if is_gone { gone.insert(id); }
                }
                Step::Succeed(n) => {
                    let id = id(usize::from(n));
                    if model.claimed.remove(&id).is_some() {
                        model.waiting.iter_mut().for_each(|job| job.after.retain(|other| *other != id));
                        order.take(&id);
                        order.succeeded(&id, now);
                        gone.insert(id);
                    }
                }
                Step::First(n) => {
                    let id = id(usize::from(n));
                    if let Some(job) = model.waiting.iter_mut().find(|job| job.id == id) {
                        job.place = order.place_first();
                        order.set_place(&id, job.place, now);
                    }
                }
                Step::Before(n, other) => {
                    let (id, other) = (id(usize::from(n)), id(usize::from(other)));
                    let both = [&id, &other].iter().all(|one| model.waiting.iter().any(|job| job.id == **one));
                    if id != other && both && let Some((before, moved)) = order.place_before(&other) {
                        for (id, place) in moved {
                            order.set_place(&id, place, now);
                            model.waiting.iter_mut().find(|job| job.id == id).unwrap().place = place;
                        }
                        let mut job = order.take(&id).unwrap();
                        (job.place, job.priority, job.turn_of) = (before.place, before.priority, before.turn_of);
                        order.add(job.clone(), now);
                        *model.waiting.iter_mut().find(|job| job.id == id).unwrap() = job;
                    }
                }
                Step::Tick(by) => now += Millis::from(by),
            }
            let mut told: Vec<_> = order.queue().cloned().collect();
            let mut known: Vec<_> = model.waiting.iter().map(|job| job.id.clone()).collect();
            told.sort();
            known.sort();
            prop_assert_eq!(told, known);
            prop_assert_eq!(order.open() + gone.len(), added);
        }
        // Nothing stays behind: paused ones let go, all time passed, all jobs are claimed in the end.
        for id in order.queue().cloned().collect::<Vec<_>>() {
            let mut job = order.take(&id).unwrap();
            (job.paused, job.after) = (false, Vec::new());
            order.add(job, Millis::MAX);
        }
        for n in 0..2 {
            let mut offer = offer("toy");
            offer.instance = InstanceName::from(format!("toy-{n}"));
            while order.claim(&offer).is_some() {}
        }
        prop_assert_eq!(order.queue().count(), 0);
        prop_assert_eq!(order.lines.len(), 0);
    }
}
