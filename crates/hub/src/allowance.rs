//! What is kept for callers and has not run yet: nobody's part fills what is there for all.
//!
//! In comes somebody who wants something kept, and how much it weighs; out goes an [`Allowance`], which is given back when it
//! is dropped, or whose bound is reached. What is kept, and where, is others' business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::CallerId;

/// How much of one kind of thing callers may have kept.
#[derive(Clone)]
pub(crate) struct Allowances {
    each_max: usize,
    all_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: HashMap<CallerId, usize>,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The caller's own.
    Own,
    /// That of all together.
    All,
}

/// A part of what is there for all; given back when dropped.
pub(crate) struct Allowance {
    of: CallerId,
    weight: usize,
    taken: Arc<Mutex<Taken>>,
}

impl Allowances {
    /// `each_max`: of one caller; `all_max`: of all callers.
    pub(crate) fn new(each_max: usize, all_max: usize) -> Self {
        Self {
            each_max,
            all_max,
            taken: Arc::default(),
        }
    }

    /// # Errors
    /// Which bound it would pass. Nothing is taken then.
    pub(crate) fn take(&self, caller: &CallerId, weight: usize) -> Result<Allowance, Full> {
        let mut taken = lock(&self.taken);
        let own = taken.of.get(caller).copied().unwrap_or_default();
        if own.saturating_add(weight) > self.each_max {
            return Err(Full::Own);
        }
        if taken.all.saturating_add(weight) > self.all_max {
            return Err(Full::All);
        }
        Ok(self.take_from(&mut taken, caller, weight))
    }

    /// For what is there already: beyond the bounds, if need be.
    pub(crate) fn take_anyway(&self, caller: &CallerId, weight: usize) -> Allowance {
        self.take_from(&mut lock(&self.taken), caller, weight)
    }

    fn take_from(&self, taken: &mut Taken, caller: &CallerId, weight: usize) -> Allowance {
        taken.all += weight;
        *taken.of.entry(caller.clone()).or_default() += weight;
        Allowance {
            of: caller.clone(),
            weight,
            taken: Arc::clone(&self.taken),
        }
    }

    /// Whether nobody has any.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.taken).all == 0
    }

    #[cfg(test)]
    fn taken(&self) -> (usize, usize) {
        let taken = lock(&self.taken);
        (taken.all, taken.of.len())
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= self.weight;
        if let Some(own) = taken.of.get_mut(&self.of) {
            *own -= self.weight;
            if *own == 0 {
                taken.of.remove(&self.of);
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_at_its_bound_leaves_room_for_the_others_and_gives_all_back() {
        let shares = Allowances::new(10, 25);
        let (ann, ben, eve) = ("ann#1".into(), "ben#2".into(), "eve#3".into());
        let first = shares.take(&ann, 6).unwrap();
        assert_eq!(shares.take(&ann, 5).err(), Some(Full::Own));
        let second = shares.take(&ann, 4).unwrap();
        let third = shares.take(&ben, 10).unwrap();
        assert_eq!(shares.take(&eve, 6).err(), Some(Full::All));
        let fourth = shares.take(&eve, 5).unwrap();
        drop(first);
        assert!(shares.take(&ann, 6).is_ok());
        let over = shares.take_anyway(&ann, 100);
        assert_eq!(shares.take(&ann, 1).err(), Some(Full::Own));
        drop((second, third, fourth, over));
        assert_eq!(shares.taken(), (0, 0));
    }
}
