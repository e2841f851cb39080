//! Places in the queue: the last, the first, and one just before another job.

use wire::{CallId, CallerName};

use super::{Millis, Order, State, rank_of};

/// Between two places that follow each other, so that some fit between.
pub const PLACE_GAP: i64 = 1 << 32;

/// Jobs that one move may shift to make room.
const PLACES_MOVED_MAX: usize = 256;

/// A place before another job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    pub place: i64,
    pub priority: u8,
    pub turn_of: CallerName,
}

impl Order {
    /// The place behind all others.
    pub fn place_last(&mut self) -> i64 {
        self.last_place = self.last_place.max(0) + PLACE_GAP;
        self.last_place
    }

    /// The place before all others.
    pub fn place_first(&mut self) -> i64 {
        self.first_place = self.first_place.min(0) - PLACE_GAP;
        self.first_place
    }

    /// A place just before a queued job, with that job's priority and turn. Where there is no room
    /// between two neighbours, those before move on; they are given too, with their new places.
    pub fn place_before(&self, id: &CallId) -> Option<(Before, Vec<(CallId, i64)>)> {
        let target = &self.jobs.get(id)?.entry;
        let (app, class, place, _) = rank_of(target);
        // Nobody slips in handle of the turns, nor out of there.
        let is_in_front = |place: i64| place < 0;
        let earlier: Vec<(i64, &CallId)> = self
            .queued
            .range((app, class, i64::MIN, CallId::new(""))..rank_of(target))
            .rev()
            .map(|(_, _, place, id)| (*place, id))
            .take_while(|(other, _)| is_in_front(*other) == is_in_front(place))
            .take(PLACES_MOVED_MAX)
            .collect();
        // Back to the first gap with room for those behind it and for the new one.
        let room = |moved: usize, floor: i64| (place - floor) / (moved as i64 + 2);
        let far = if is_in_front(place) {
            place.saturating_sub(PLACE_GAP)
        } else {
            -1
        };
        let floors = earlier.iter().map(|(place, _)| *place).chain([far]);
        let (moved, floor) = floors
            .enumerate()
            .find(|(moved, floor)| room(*moved, *floor) > 0)?;
        let step = room(moved, floor);
        let moved: Vec<(CallId, i64)> = earlier[..moved]
            .iter()
            .rev()
            .zip(1..)
            .map(|((_, id), at)| ((*id).clone(), floor + step * at))
            .collect();
        let before = Before {
            place: floor + step * (moved.len() as i64 + 1),
            priority: target.priority,
            turn_of: target.turn_of.clone(),
        };
        Some((before, moved))
    }

    /// Another place for a queued job.
    pub fn set_place(&mut self, id: &CallId, place: i64, now: Millis) {
        let Some(slot) = self.jobs.get(id) else {
            return;
        };
        let state = slot.state;
        if state == State::Claimed {
            return;
        }
        if let Some(mut entry) = self.take(id) {
            entry.place = place;
            self.add(entry, now);
            if matches!(state, State::Frozen | State::Leaving) {
                self.stop(id, state);
            }
        }
    }
}
