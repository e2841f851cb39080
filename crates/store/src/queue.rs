//! What waits for the writer: bounded, in the order in which it came.
//!
//! In come entries from anybody; out come groups, to the writer alone. It knows nothing of SQLite.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something for the writer, and roughly what it costs.
pub(crate) struct Entry<T> {
    pub(crate) what: T,
    pub(crate) writes: usize,
    pub(crate) bytes: usize,
    /// Not part of a group, and not to be waited with.
    pub(crate) alone: bool,
}

/// How much may wait.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) writes: usize,
    pub(crate) bytes: usize,
}

/// What the writer is to do.
pub(crate) enum Step<T> {
    Group(Vec<T>),
    /// Nothing came for that long.
    Idle,
    /// Nothing more will come.
    Closed,
}

/// How long a group is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Linger {
    /// Until so many writes are there …
    pub(crate) writes: usize,
    /// … but no longer than this.
    pub(crate) within: Duration,
}

/// Why an entry was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    news: Condvar,
    room: Condvar,
}

struct Inner<T> {
    entries: VecDeque<Entry<T>>,
    writes: usize,
    bytes: usize,
    /// The writer sleeps until so many writes are there.
    wake_at: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                entries: VecDeque::new(),
                writes: 0,
                bytes: 0,
                wake_at: 1,
                closed: false,
            }),
            news: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Takes an entry, or gives it back. The first one always has room.
    pub(crate) fn push(&self, entry: Entry<T>, room: Room) -> Result<(), (Refused, T)> {
        let inner = self.lock();
        if inner.closed {
            return Err((Refused::Closed, entry.what));
        }
        if !inner.has_room(&entry, room) {
            return Err((Refused::Full, entry.what));
        }
        self.take(inner, entry);
        Ok(())
    }

    /// As [`Self::push`], but waits for room.
    pub(crate) fn push_waiting(&self, entry: Entry<T>, room: Room) -> Result<(), (Refused, T)> {
        let mut inner = self.lock();
        while !inner.closed && !inner.has_room(&entry, room) {
            inner = self
                .room
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if inner.closed {
            return Err((Refused::Closed, entry.what));
        }
        self.take(inner, entry);
        Ok(())
    }

    /// Nothing more is taken; what waits is still given out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
        self.room.notify_all();
    }

    /// The next group, as soon as there is one; `idle_after`: how long to wait for it.
    pub(crate) fn next(
        &self,
        idle_after: Option<Duration>,
        linger: impl FnOnce(&T) -> Linger,
        writes_max: usize,
    ) -> Step<T> {
        let mut inner = self.lock();
        inner.wake_at = 1;
        let idle_at = idle_after.map(|after| Instant::now() + after);
        while inner.entries.is_empty() {
            if inner.closed {
                return Step::Closed;
            }
            let Some(left) = left_until(idle_at) else {
                return Step::Idle;
            };
            inner = self.wait(inner, left);
        }
        if let Some(first) = inner.entries.front().filter(|first| !first.alone) {
            let linger = linger(&first.what);
            let until = Some(Instant::now() + linger.within);
            let must_not_wait = inner.entries.back().is_some_and(|last| last.alone);
            inner.wake_at = if must_not_wait { 0 } else { linger.writes };
            while inner.writes < inner.wake_at && !inner.closed {
                let Some(left) = left_until(until) else { break };
                inner = self.wait(inner, left);
            }
        }
        let group = inner.group(writes_max);
        drop(inner);
        self.room.notify_all();
        Step::Group(group)
    }

    fn take(&self, mut inner: MutexGuard<'_, Inner<T>>, entry: Entry<T>) {
        inner.writes += entry.writes;
        inner.bytes += entry.bytes;
        if entry.alone {
            // It does not wait for others.
            inner.wake_at = 0;
        }
        inner.entries.push_back(entry);
        let wakes = inner.writes >= inner.wake_at;
        drop(inner);
        if wakes {
            self.news.notify_one();
        }
    }

    fn wait<'a>(
        &self,
        inner: MutexGuard<'a, Inner<T>>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Inner<T>> {
        match left {
            None => self
                .news
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                let waited = self.news.wait_timeout(inner, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn has_room(&self, entry: &Entry<T>, room: Room) -> bool {
        self.entries.is_empty()
            || (self.writes + entry.writes <= room.writes && self.bytes + entry.bytes <= room.bytes)
    }

    /// From the front, up to the bound or to an entry that stands alone.
    fn group(&mut self, writes_max: usize) -> Vec<T> {
        let mut group = Vec::new();
        let mut writes = 0;
        while let Some(entry) = self.entries.front() {
            let ends = entry.alone || writes + entry.writes > writes_max;
            if !group.is_empty() && ends {
                break;
            }
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            writes += entry.writes;
            self.writes -= entry.writes;
            self.bytes -= entry.bytes;
            let alone = entry.alone;
            group.push(entry.what);
            if alone {
                break;
            }
        }
        group
    }
}

/// How long until then; nothing when it is over. Without an end: as long as it takes.
fn left_until(until: Option<Instant>) -> Option<Option<Duration>> {
    match until {
        None => Some(None),
        Some(until) => {
            let left = until.saturating_duration_since(Instant::now());
            (!left.is_zero()).then_some(Some(left))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room {
        writes: 3,
        bytes: 100,
    };
    const NO_LINGER: Linger = Linger {
        writes: 0,
        within: Duration::ZERO,
    };

    fn entry(what: u32, bytes: usize, alone: bool) -> Entry<u32> {
        Entry {
            what,
            writes: 1,
            bytes,
            alone,
        }
    }

    fn next(queue: &Queue<u32>) -> Vec<u32> {
        match queue.next(Some(Duration::ZERO), |_| NO_LINGER, 2) {
            Step::Group(group) => group,
            Step::Idle => vec![],
            Step::Closed => vec![u32::MAX],
        }
    }

    #[test]
    fn groups_keep_the_order_and_the_bounds() {
        let queue = Queue::new();
        assert!(next(&queue).is_empty());
        for what in 0..3 {
            queue.push(entry(what, 1, false), ROOM).unwrap();
        }
        assert_eq!(
            queue.push(entry(9, 1, false), ROOM).unwrap_err(),
            (Refused::Full, 9)
        );
        assert_eq!(next(&queue), [0, 1]);
        queue.push(entry(3, 1, true), ROOM).unwrap();
        assert_eq!(next(&queue), [2]);
        queue.push(entry(4, 1, false), ROOM).unwrap();
        assert_eq!(next(&queue), [3], "it stands alone");
        assert_eq!(next(&queue), [4]);
        queue.push(entry(5, 1_000, false), ROOM).unwrap();
        assert!(queue.push(entry(6, 1, false), ROOM).is_err(), "bytes count");
        queue.close();
        assert_eq!(
            queue.push(entry(7, 1, false), ROOM).unwrap_err(),
            (Refused::Closed, 7)
        );
        assert_eq!(next(&queue), [5], "what waits is still given out");
        assert_eq!(next(&queue), [u32::MAX]);
    }

    #[test]
    fn a_group_waits_for_as_many_as_it_is_told_and_for_no_one_who_stands_alone() {
        let queue = Queue::new();
        let forever = |_: &u32| Linger {
            writes: 3,
            within: Duration::from_secs(3_600),
        };
        let group = |queue: &Queue<u32>| match queue.next(None, forever, 256) {
            Step::Group(group) => group,
            _ => vec![],
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| group(&queue));
            for what in 0..3 {
                queue.push_waiting(entry(what, 1, false), ROOM).unwrap();
            }
            assert_eq!(waiting.join().unwrap(), [0, 1, 2]);
            let waiting = scope.spawn(|| group(&queue));
            queue.push(entry(3, 1, false), ROOM).unwrap();
            queue.push(entry(4, 1, true), ROOM).unwrap();
            assert_eq!(waiting.join().unwrap(), [3]);
        });
    }
}
