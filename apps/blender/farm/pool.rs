//! Frames on their way through the workers: a pure state machine without clock or I/O.
//!
//! ```text
//! waiting ─ take ─> at work ─ done ─> done
//!    ▲                 │ put_back, blame
//!    └─────────────────┴── blame, too often ──> failed
//! ```
//!
//! A frame that ended a worker is suspect: it waits behind all others and is handed out alone, so that it can
//! do no more harm than it must.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::frames::Frame;

/// How often a frame may end its worker, or fail, before it is given up.
pub(super) const TRIES_MAX: u32 = 3;
/// Frames that a worker is given at once when nobody says: a call for each handful costs nothing beside them.
pub(super) const CHUNK_MAX: usize = 8;

/// All frames of a farm.
#[derive(Debug)]
pub(super) struct Pool {
    waiting: VecDeque<Frame>,
    suspects: VecDeque<Frame>,
    at_work: BTreeSet<Frame>,
    tries: BTreeMap<Frame, u32>,
    failed: BTreeMap<Frame, String>,
    done: usize,
    /// As asked for.
    chunk: Option<usize>,
}

/// What becomes of a frame that was blamed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blamed {
    /// It is tried again; how often it was.
    Again(u32),
    GivenUp,
}

impl Pool {
    pub(super) fn new(frames: Vec<Frame>, chunk: Option<usize>) -> Self {
        Self {
            waiting: frames.into(),
            suspects: VecDeque::new(),
            at_work: BTreeSet::new(),
            tries: BTreeMap::new(),
            failed: BTreeMap::new(),
            done: 0,
            chunk,
        }
    }

    /// The next frames for one of so many workers; none when nothing waits.
    pub(super) fn take(&mut self, workers: usize) -> Vec<Frame> {
        let chunk = match self.chunk {
            Some(chunk) => chunk.max(1),
            // Fewer towards the end, so that all workers end together.
            None => (self.waiting.len() / (2 * workers.max(1))).clamp(1, CHUNK_MAX),
        };
        let count = chunk.min(self.waiting.len());
        let mut taken: Vec<Frame> = self.waiting.drain(..count).collect();
        if taken.is_empty() {
            taken.extend(self.suspects.pop_front());
        }
        self.at_work.extend(&taken);
        taken
    }

    /// `false` when it was known already.
    pub(super) fn done(&mut self, frame: Frame) -> bool {
        let new = self.at_work.remove(&frame);
        self.done += usize::from(new);
        new
    }

    /// Frames that were not begun: they are next.
    pub(super) fn put_back(&mut self, frames: &[Frame]) {
        for frame in frames.iter().rev() {
            if self.at_work.remove(frame) {
                match self.tries.contains_key(frame) {
                    true => self.suspects.push_front(*frame),
                    false => self.waiting.push_front(*frame),
                }
            }
        }
    }

    /// A frame failed, or its worker was lost while it was at work.
    pub(super) fn blame(&mut self, frame: Frame, why: &str) -> Blamed {
        self.at_work.remove(&frame);
        let tries = self.tries.entry(frame).or_default();
        *tries += 1;
        if *tries >= TRIES_MAX {
            self.failed.insert(frame, why.to_owned());
            return Blamed::GivenUp;
        }
        let tries = *tries;
        self.suspects.push_back(frame);
        Blamed::Again(tries)
    }

    /// Nothing waits and nobody works.
    pub(super) fn is_over(&self) -> bool {
        self.is_handed_out() && self.at_work.is_empty()
    }

    /// Nothing waits, though something may come back.
    pub(super) fn is_handed_out(&self) -> bool {
        self.waiting.is_empty() && self.suspects.is_empty()
    }

    pub(super) fn done_count(&self) -> usize {
        self.done
    }

    /// Frames that are neither done nor given up.
    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.suspects.len() + self.at_work.len()
    }

    /// Those that had to be tried again, with how often they failed.
    pub(super) fn retried(&self) -> impl Iterator<Item = (Frame, u32)> {
        self.tries.iter().map(|(frame, tries)| (*frame, *tries))
    }

    pub(super) fn failed(&self) -> &BTreeMap<Frame, String> {
        &self.failed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_grow_smaller_towards_the_end() {
        let mut pool = Pool::new((1..=40).collect(), None);
        let sizes: Vec<usize> = std::iter::from_fn(|| {
            let taken = pool.take(2);
            (!taken.is_empty()).then_some(taken.len())
        })
        .collect();
        assert_eq!(sizes.iter().sum::<usize>(), 40);
        assert_eq!((sizes[0], *sizes.last().unwrap()), (8, 1));
        assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{sizes:?}");
        assert_eq!(Pool::new(vec![1, 2, 3], Some(2)).take(9), [1, 2]);
    }

    #[test]
    fn a_suspect_comes_last_and_alone_and_is_given_up_in_the_end() {
        let mut pool = Pool::new(vec![1, 2, 3, 4], Some(2));
        assert_eq!(pool.take(1), [1, 2]);
        assert_eq!(pool.blame(1, "it crashed"), Blamed::Again(1));
        pool.put_back(&[2]);
        assert_eq!(pool.take(1), [2, 3]);
        assert!(pool.done(2) && pool.done(3) && !pool.done(3));
        assert_eq!(pool.take(1), [4]);
        pool.done(4);
        assert_eq!(pool.take(1), [1]);
        assert_eq!(pool.blame(1, "again"), Blamed::Again(2));
        assert_eq!(pool.take(1), [1]);
        assert_eq!(pool.blame(1, "for good"), Blamed::GivenUp);
        assert!(pool.is_over() && pool.done_count() == 3 && pool.left() == 0);
        assert_eq!(pool.failed()[&1], "for good");
    }

    #[derive(Clone, Debug)]
    enum Act {
        Take,
        Done(usize),
        Blame(usize),
        PutBack,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            3 => Just(Act::Take),
            3 => (0..8usize).prop_map(Act::Done),
            1 => (0..8usize).prop_map(Act::Blame),
            1 => Just(Act::PutBack),
        ];
        prop::collection::vec(act, 0..200)
    }

    proptest! {
        /// Every frame is in exactly one place, and in the end each is done or has failed.
        #[test]
        fn no_frame_is_lost_and_none_is_twice(count in 1..40i32, workers in 1..5usize, acts in acts()) {
            let mut pool = Pool::new((1..=count).collect(), None);
            let mut out: Vec<Frame> = Vec::new();
            for act in acts {
                match act {
                    Act::Take => out.extend(pool.take(workers)),
                    Act::Done(at) if at < out.len() => {
                        prop_assert!(pool.done(out.remove(at)));
                    }
                    Act::Blame(at) if at < out.len() => {
                        pool.blame(out.remove(at), "x");
                    }
                    Act::PutBack => pool.put_back(&std::mem::take(&mut out)),
                    _ => {}
                }
                let all = pool.left() + pool.done_count() + pool.failed().len();
                prop_assert_eq!(all, usize::try_from(count).unwrap());
                prop_assert_eq!(pool.at_work.len(), out.len());
            }
            pool.put_back(&out);
            for _ in 0..1000 {
                for frame in pool.take(workers) {
                    pool.done(frame);
                }
            }
            prop_assert!(pool.is_over());
        }
    }
}
