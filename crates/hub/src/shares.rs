//! How much of something callers hold at once: each for itself, and all together.
//!
//! In comes a wish (a connection, a megabyte of a body); out comes a share that is given back when it is dropped, or
//! who is at its bound. A part of the whole is kept for those who administer the hub, so that no number of
//! other tokens can shut them out; they themselves have only the bound of all. It waits for nobody and
//! knows nothing of what it counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::CallerName;

use crate::callers::{Caller, Scope};

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// In all.
    pub all: u64,
    /// Of one caller that does not administer.
    pub each: u64,
    /// Of all, only for callers that administer.
    pub kept: u64,
}

/// What is held of one thing.
pub struct Shares {
    bound: Bound,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: u64,
    each: HashMap<CallerName, u64>,
}

/// Whose bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The caller's own.
    Own,
    /// That of all together.
    All,
}

/// A part of it, for as long as this lives.
pub struct Share {
    shares: Arc<Shares>,
    name: CallerName,
    administers: bool,
    amount: u64,
}

impl Shares {
    #[must_use]
    pub fn new(bound: Bound) -> Arc<Self> {
        Arc::new(Self {
            bound,
            held: Mutex::default(),
        })
    }

    /// # Errors
    /// Whose bound is reached.
    pub fn take(self: &Arc<Self>, caller: &Caller, amount: u64) -> Result<Share, Full> {
        let mut share = self.nothing(caller);
        share.grow(amount)?;
        Ok(share)
    }

    /// A share that is to grow.
    #[must_use]
    pub fn nothing(self: &Arc<Self>, caller: &Caller) -> Share {
        Share {
            shares: Arc::clone(self),
            name: caller.name.clone(),
            administers: caller.scopes.has(Scope::Admin),
            amount: 0,
        }
    }

    #[must_use]
    pub fn bound(&self) -> Bound {
        self.bound
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes more.
    ///
    /// # Errors
    /// Whose bound is reached; then it is as large as before.
    pub fn grow(&mut self, more: u64) -> Result<(), Full> {
        let bound = self.shares.bound;
        let mut held = self.shares.lock();
        let own = held.each.get(&self.name).copied().unwrap_or(0);
        if !self.administers && own.saturating_add(more) > bound.each {
            return Err(Full::Own);
        }
        let all = match self.administers {
            true => bound.all,
            false => bound.all.saturating_sub(bound.kept),
        };
        if held.all.saturating_add(more) > all {
            return Err(Full::All);
        }
        held.all += more;
        if more > 0 {
            *held.each.entry(self.name.clone()).or_default() += more;
        }
        self.amount += more;
        Ok(())
    }

    /// Gives all of it back, and stays.
    pub fn clear(&mut self) {
        let amount = std::mem::take(&mut self.amount);
        if amount == 0 {
            return;
        }
        let mut held = self.shares.lock();
        held.all -= amount;
        if let Some(own) = held.each.get_mut(&self.name) {
            *own -= amount;
            if *own == 0 {
                held.each.remove(&self.name);
            }
        }
    }

    #[must_use]
    pub fn caller(&self) -> &CallerName {
        &self.name
    }

    /// Whether it is of one who administers.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.administers
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> Caller {
        Caller {
            name: name.into(),
            scopes: [Scope::Read].into_iter().collect(),
            ..Caller::owner()
        }
    }

    #[test]
    fn each_has_a_bound_and_something_is_kept_for_the_owner() {
        let shares = Shares::new(Bound {
            all: 10,
            each: 4,
            kept: 3,
        });
        let (one, other) = (caller("one"), caller("other"));
        let mut first = shares.take(&one, 3).unwrap();
        assert_eq!(first.grow(2), Err(Full::Own));
        first.grow(1).unwrap();
        assert_eq!(shares.take(&one, 1).err(), Some(Full::Own));
        let mut second = shares.take(&other, 3).unwrap();
        assert_eq!(second.grow(1), Err(Full::All), "the rest is the owner's");
        let _owner = shares.take(&Caller::owner(), 3).unwrap();
        assert_eq!(shares.take(&Caller::owner(), 1).err(), Some(Full::All));
        second.clear();
        drop(first);
        assert!(shares.take(&other, 4).is_ok());
        assert_eq!(
            shares.lock().each.len(),
            1,
            "nobody who holds nothing is kept"
        );
    }
}
