//! How much of something callers hold at once: each for itself, and all together.
//!
//! In comes what somebody wants to hold (a connection, a megabyte of a body, a place in a lane); out comes a share that is given back when it
//! is dropped, or who is at its bound. A part of the whole can be kept for those who administer the hub, so that no number
//! of other tokens can shut them out; they themselves have only the bound of all. It waits for nobody and
//! knows nothing of what it counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::CallerId;

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

impl Bound {
    /// The same for everybody, whether they administer or not: nothing is kept.
    pub(crate) const fn alike(each: usize, all: usize) -> Self {
        Self {
            all: all as u64,
            each: each as u64,
            kept: 0,
        }
    }
}

/// Who holds a share.
#[derive(Clone)]
pub struct Holder {
    caller: CallerId,
    administers: bool,
}

impl From<&Caller> for Holder {
    fn from(caller: &Caller) -> Self {
        Self {
            caller: caller.id.clone(),
            administers: caller.scopes.has(Scope::Admin),
        }
    }
}

/// By its id alone everybody has a bound of his own: what waits or is stored may outlive the rights it was asked with.
impl From<&CallerId> for Holder {
    fn from(caller: &CallerId) -> Self {
        Self {
            caller: caller.clone(),
            administers: false,
        }
    }
}

/// What is held of one thing.
pub struct Shares {
    bound: Bound,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: u64,
    /// Of callers that do not administer.
    others: u64,
    each: HashMap<CallerId, u64>,
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
    holder: Holder,
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
    pub fn take(self: &Arc<Self>, holder: impl Into<Holder>, amount: u64) -> Result<Share, Full> {
        let mut share = self.nothing(holder);
        share.grow(amount)?;
        Ok(share)
    }

    /// For what is there already: beyond the bounds, if need be.
    pub(crate) fn take_anyway(self: &Arc<Self>, holder: impl Into<Holder>, amount: u64) -> Share {
        let mut share = self.nothing(holder);
        share.hold(&mut self.lock(), amount);
        share
    }

    /// A share that is to grow.
    #[must_use]
    pub fn nothing(self: &Arc<Self>, holder: impl Into<Holder>) -> Share {
        Share {
            shares: Arc::clone(self),
            holder: holder.into(),
            amount: 0,
        }
    }

    /// Whether nobody holds any.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().all == 0
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
        let shares = Arc::clone(&self.shares);
        let (bound, administers) = (shares.bound, self.holder.administers);
        let mut held = shares.lock();
        let own = held.each.get(&self.holder.caller).copied().unwrap_or(0);
        if !administers && own.saturating_add(more) > bound.each {
            return Err(Full::Own);
        }
        let for_others = bound.all.saturating_sub(bound.kept);
        let is_others_full = !administers && held.others.saturating_add(more) > for_others;
        if is_others_full || held.all.saturating_add(more) > bound.all {
            return Err(Full::All);
        }
        self.hold(&mut held, more);
        Ok(())
    }

    fn hold(&mut self, held: &mut Held, more: u64) {
        held.all += more;
        if !self.holder.administers {
            held.others += more;
        }
        if more > 0 {
            *held.each.entry(self.holder.caller.clone()).or_default() += more;
        }
        self.amount += more;
    }

    /// Gives all of it back, and stays.
    pub fn clear(&mut self) {
        let amount = std::mem::take(&mut self.amount);
        if amount == 0 {
            return;
        }
        let mut held = self.shares.lock();
        held.all -= amount;
        if !self.holder.administers {
            held.others -= amount;
        }
        if let Some(own) = held.each.get_mut(&self.holder.caller) {
            *own -= amount;
            if *own == 0 {
                held.each.remove(&self.holder.caller);
            }
        }
    }

    #[must_use]
    pub fn caller(&self) -> &CallerId {
        &self.holder.caller
    }

    /// Whether it is of one who administers.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.holder.administers
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
            id: name.into(),
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
        let owner = shares.take(&Caller::owner(), 3).unwrap();
        assert_eq!(shares.take(&Caller::owner(), 1).err(), Some(Full::All));
        second.clear();
        drop(first);
        assert!(
            shares.take(&other, 4).is_ok(),
            "what the owner holds of the kept part is nothing that others had"
        );
        drop(owner);
        drop(shares.take(&one, 1));
        assert!(
            shares.lock().each.is_empty(),
            "nobody who holds nothing is kept"
        );
    }

    #[test]
    fn what_is_there_already_counts_beyond_the_bounds() {
        let shares = Shares::new(Bound::alike(10, 25));
        let (ann, ben): (CallerId, CallerId) = ("ann#1".into(), "ben#2".into());
        let first = shares.take(&ann, 6).unwrap();
        let over = shares.take_anyway(&ann, 100);
        assert_eq!(shares.take(&ann, 1).err(), Some(Full::Own));
        assert_eq!(shares.take(&ben, 1).err(), Some(Full::All));
        drop(over);
        let second = shares.take(&ben, 10).unwrap();
        assert!(shares.take(&ann, 4).is_ok() && !shares.is_empty());
        drop((first, second));
        assert!(shares.is_empty() && shares.lock().each.is_empty());
    }

    #[test]
    fn by_its_id_alone_the_owner_has_a_bound_of_his_own() {
        let shares = Shares::new(Bound::alike(10, 25));
        let owner = Caller::owner();
        assert_eq!(shares.take(&owner.id, 11).err(), Some(Full::Own));
        assert!(shares.take(&owner, 11).is_ok());
    }
}
