//! What waits to be written down: bounded in number, and looked at a group at a time.
//!
//! In come things from anybody, at once or never; out they go one by one, to one thread. That thread sleeps until
//! a group is there or the first of it has waited [`limits::HISTORY_LINGER`]: to be woken for each call would cost
//! the call more than all the rest of the history does.
//!
//! States of the reading thread: at work -> asleep (nothing is there) -> asleep (a group gathers) -> at work.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::limits;

pub(super) struct Waiting<T> {
    inner: Mutex<Inner<T>>,
    news: Condvar,
}

struct Inner<T> {
    things: VecDeque<T>,
    /// Of the reading thread: it wants to be woken when so many are there.
    asleep_until: Option<usize>,
    /// Somebody waits for what is here.
    hurry: bool,
    closed: bool,
}

impl<T> Waiting<T> {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                things: VecDeque::new(),
                asleep_until: None,
                hurry: false,
                closed: false,
            }),
            news: Condvar::new(),
        }
    }

    /// False when there is no room for it.
    pub(super) fn push(&self, thing: T) -> bool {
        let mut inner = self.lock();
        if inner.things.len() >= limits::HISTORY_WAITING_ALL_MAX {
            return false;
        }
        inner.things.push_back(thing);
        let wakes = inner
            .asleep_until
            .is_some_and(|count| inner.things.len() >= count);
        drop(inner);
        if wakes {
            self.news.notify_one();
        }
        true
    }

    /// Behind all that is there, whether there is room or not; nothing is gathered before it.
    pub(super) fn push_urgent(&self, thing: T) {
        let mut inner = self.lock();
        inner.things.push_back(thing);
        inner.hurry = true;
        drop(inner);
        self.news.notify_one();
    }

    /// The next one; nothing once it is closed and empty.
    pub(super) fn next(&self) -> Option<T> {
        let mut inner = self.lock();
        if inner.things.is_empty() {
            inner.hurry = false;
            inner.asleep_until = Some(1);
            let woken = self
                .news
                .wait_while(inner, |inner| inner.things.is_empty() && !inner.closed);
            inner = woken.unwrap_or_else(PoisonError::into_inner);
            inner.asleep_until = Some(limits::HISTORY_GROUP);
            let gathered = self
                .news
                .wait_timeout_while(inner, limits::HISTORY_LINGER, |inner| {
                    inner.things.len() < limits::HISTORY_GROUP && !inner.hurry && !inner.closed
                });
            inner = gathered.unwrap_or_else(PoisonError::into_inner).0;
            inner.asleep_until = None;
        }
        inner.things.pop_front()
    }

    /// What is there is still given out, and then nothing.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
