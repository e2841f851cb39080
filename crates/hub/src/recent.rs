//! What is remembered of callers within a bound: whoever has most forgets first.
//!
//! In come things with their weight, in the order in which they ended; out come those that go when a bound is passed:
//! the oldest of the caller that has most. So somebody who does a thousand things forgets his own
//! earlier ones, and not what others did. What is remembered, and for what, is others' business.

use std::collections::{HashMap, VecDeque};

use wire::CallerId;

pub(crate) struct Recent<T> {
    of: HashMap<CallerId, Own<T>>,
    count: usize,
    weight: usize,
    /// Whose thing came last: that one stays, however heavy it is.
    newest: Option<CallerId>,
}

struct Own<T> {
    /// The oldest first, each with its weight.
    things: VecDeque<(T, usize)>,
    weight: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            of: HashMap::new(),
            count: 0,
            weight: 0,
            newest: None,
        }
    }
}

impl<T> Recent<T> {
    pub(crate) fn push(&mut self, caller: &CallerId, thing: T, weight: usize) {
        if !self.of.contains_key(caller) {
            let own = Own {
                things: VecDeque::new(),
                weight: 0,
            };
            self.of.insert(caller.clone(), own);
        }
        if let Some(own) = self.of.get_mut(caller) {
            own.things.push_back((thing, weight));
            own.weight += weight;
        }
        self.count += 1;
        self.weight += weight;
        self.newest = Some(caller.clone());
    }

    /// Forgets one thing if there are more, or they weigh more, than that.
    pub(crate) fn over(&mut self, count_max: usize, weight_max: usize) -> Option<T> {
        let is_too_heavy = self.weight > weight_max;
        if !is_too_heavy && self.count <= count_max {
            return None;
        }
        let newest = self.newest.as_ref();
        let may_go = |(caller, own): &(&CallerId, &Own<T>)| {
            own.things.len() > usize::from(newest == Some(*caller))
        };
        let most = self.of.iter().filter(may_go).max_by_key(|(_, own)| {
            if is_too_heavy {
                own.weight
            } else {
                own.things.len()
            }
        });
        let caller = most?.0.clone();
        let own = self.of.get_mut(&caller)?;
        let (oldest, weight) = own.things.pop_front()?;
        own.weight -= weight;
        if own.things.is_empty() {
            self.of.remove(&caller);
        }
        self.count -= 1;
        self.weight -= weight;
        Some(oldest)
    }

    /// Forgets all that do not stay, and gives them.
    pub(crate) fn retain(&mut self, stays: impl Fn(&T) -> bool) -> Vec<T> {
        let mut gone = Vec::new();
        self.of.retain(|_, own| {
            let things = std::mem::take(&mut own.things);
            let (stay, go): (VecDeque<_>, VecDeque<_>) =
                things.into_iter().partition(|(thing, _)| stays(thing));
            own.things = stay;
            for (thing, weight) in go {
                own.weight -= weight;
                self.weight -= weight;
                self.count -= 1;
                gone.push(thing);
            }
            !own.things.is_empty()
        });
        gone
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let all = self.of.values().flat_map(|own| &own.things);
        all.map(|(thing, _)| thing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Within the bounds, the sums right, each caller's newest kept, and nobody forgets for who has more.
        #[test]
        fn whoever_has_most_forgets_first(
            things in prop::collection::vec((0u8..5, 0usize..30), 1..120),
            count_max in 1usize..20,
            weight_max in 1usize..200,
        ) {
            let mut all = Recent::default();
            for (n, (caller, weight)) in things.into_iter().enumerate() {
                let id = CallerId::from(format!("caller#{caller}").as_str());
                all.push(&id, (n, caller, weight), weight);
                while all.count > count_max || all.weight > weight_max {
                    let heavy = all.weight > weight_max;
                    let measure = |own: &Own<_>| if heavy { own.weight } else { own.things.len() };
                    let most = all.of.values().map(&measure).max().unwrap();
                    let last = all.of[&id].things.len();
                    let Some(gone) = all.over(count_max, weight_max) else {
                        prop_assert_eq!(all.count, 1, "only the newest is left");
                        break;
                    };
                    prop_assert!(gone.0 != n, "the newest stays");
                    let whose = CallerId::from(format!("caller#{}", gone.1).as_str());
                    let (own, was) = (all.of.get(&whose).map(&measure), if heavy { gone.2 } else { 1 });
                    let had = own.unwrap_or(0) + was;
                    // The newest's caller is spared while it has nothing else.
                    prop_assert!(had == most || last == 1);
                }
                let kept: Vec<_> = all.iter().collect();
                prop_assert_eq!(kept.len(), all.count);
                prop_assert_eq!(kept.iter().map(|one| one.2).sum::<usize>(), all.weight);
            }
            let even = all.retain(|one| one.0 % 2 == 1);
            prop_assert!(even.iter().all(|one| one.0 % 2 == 0));
            prop_assert!(all.iter().all(|one| one.0 % 2 == 1));
            prop_assert_eq!(all.iter().map(|one| one.2).sum::<usize>(), all.weight);
        }
    }

    #[test]
    fn a_flood_forgets_its_own() {
        let mut all = Recent::default();
        let (calm, busy) = ("calm#1".into(), "busy#2".into());
        for n in 0..10 {
            all.push(&calm, n, 1);
        }
        for n in 100..1_000 {
            all.push(&busy, n, 1);
            while all.over(20, usize::MAX).is_some() {}
        }
        let mut kept: Vec<_> = all.iter().copied().collect();
        kept.sort_unstable();
        assert!(kept.iter().copied().eq((0..10).chain(990..1_000)));
    }
}
