//! Which job is next for an instance: a pure state machine without clock, locks or I/O.
//!
//! In come jobs, what instances offer, and the time; out goes the job that an instance should run now.
//! Higher priorities come first. Within a priority callers take turns: whoever has the fewest jobs
//! running is next, then whoever was served longest ago; a caller's own jobs keep their order. A job that
//! was put in handle (a place below 0) comes before all turns of its priority.
//!
//! Jobs that can run now stand in *lines*, one for each set of [`Needs`]; an instance looks into the few
//! lines that it fits, by name. So a claim costs the same with ten jobs and with 100,000.
//!
//! ```text
//!             time, earlier jobs, pause
//! add ─> held ─────────────────────────> ready ─ claim ─> claimed ─ end ─> out
//!          ├────────── take ───────────────┴──────────────────┘
//!          └─ freeze ─> frozen ─ thaw ─> held or ready; hold ─> leaving ─ take ─> out
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wire::{AppId, CallId, CallerName};

mod fit;
mod positions;

pub use fit::{Needs, Offer};
pub use positions::{Before, PLACE_GAP};

/// Milliseconds since 1970.
pub type Millis = u64;

#[derive(Clone, Debug)]
pub struct Entry {
    pub id: CallId,
    pub needs: Needs,
    /// In whose turns it runs.
    pub turn_of: CallerName,
    pub priority: u8,
    pub place: i64,
    pub not_before: Option<Millis>,
    pub deadline: Option<Millis>,
    /// Jobs that have not ended yet and must have.
    pub after: Vec<CallId>,
    pub paused: bool,
}

/// Why a queued job is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Paused,
    After(CallId),
    Until(Millis),
}

/// All jobs that have not ended.
#[derive(Debug, Default)]
pub struct Order {
    jobs: HashMap<CallId, Slot>,
    lines: HashMap<Needs, Line>,
    /// By app, priority (first ones first) and place: what is queued, ready or not.
    queued: BTreeSet<(AppId, u8, i64, CallId)>,
    timed: BTreeSet<(Millis, CallId)>,
    deadlines: BTreeSet<(Millis, CallId)>,
    followers: HashMap<CallId, Vec<CallId>>,
    running: HashMap<(AppId, CallerName), usize>,
    served: HashMap<(AppId, CallerName), u64>,
    serves: u64,
    paused: HashSet<AppId>,
    last_place: i64,
    first_place: i64,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Ready,
    Claimed,
    /// A change of it is being stored: no instance gets it as it was, nor as it is not yet.
    Frozen,
    /// On its way out.
    Leaving,
}

/// Ready jobs of equal needs, by priority (first ones first) and by who has the turn.
#[derive(Debug, Default)]
struct Line(BTreeMap<u8, BTreeMap<CallerName, BTreeSet<(i64, CallId)>>>);

impl Order {
    /// Takes a job in; one of that id takes the place of the earlier one.
    pub fn add(&mut self, entry: Entry, now: Millis) {
        self.take(&entry.id.clone());
        self.last_place = self.last_place.max(entry.place);
        self.first_place = self.first_place.min(entry.place);
        let id = entry.id.clone();
        if let Some(at) = entry.deadline {
            self.deadlines.insert((at, id.clone()));
        }
        for earlier in &entry.after {
            let followers = self.followers.entry(earlier.clone()).or_default();
            followers.push(id.clone());
        }
        self.queued.insert(rank_of(&entry));
        let slot = Slot {
            entry,
            state: State::Held,
        };
        self.jobs.insert(id.clone(), slot);
        self.settle(&id, now);
    }

    /// As [`Self::add`], for a job that an instance has already.
    pub fn add_claimed(&mut self, entry: Entry) {
        let (id, key) = (entry.id.clone(), turn_key(&entry));
        self.add(entry, 0);
        self.unready(&id);
        if let Some(slot) = self.jobs.get_mut(&id) {
            self.queued.remove(&rank_of(&slot.entry));
            self.timed.retain(|(_, timed)| *timed != id);
            slot.state = State::Claimed;
            *self.running.entry(key).or_default() += 1;
        }
    }

    /// The job that the instance should run now; it is claimed from here on.
    pub fn claim(&mut self, offer: &Offer) -> Option<CallId> {
        if self.paused.contains(&offer.app) {
            return None;
        }
        let lines: Vec<&Line> = offer
            .meets()
            .filter_map(|needs| self.lines.get(&needs))
            .collect();
        let first = lines.iter().filter_map(|line| line.0.keys().next()).min()?;
        let (_, id) = lines
            .iter()
            .filter_map(|line| line.0.get(first))
            .flatten()
            .filter_map(|(caller, jobs)| jobs.first().map(|job| (caller, job)))
            .map(|(caller, (place, id))| (self.turn(&offer.app, caller, *place), id.clone()))
            .min()?;
        self.unready(&id);
        let slot = self.jobs.get_mut(&id)?;
        slot.state = State::Claimed;
        self.queued.remove(&rank_of(&slot.entry));
        let key = turn_key(&slot.entry);
        self.serves += 1;
        self.served.insert(key.clone(), self.serves);
        *self.running.entry(key).or_default() += 1;
        Some(id)
    }

    /// A claimed job goes back to its place, from a time on. One that is frozen or leaving stays so.
    pub fn give_back(&mut self, id: &CallId, not_before: Option<Millis>, now: Millis) {
        let state = self.jobs.get(id).map(|slot| slot.state);
        if let Some(mut entry) = self.take(id) {
            entry.not_before = not_before;
            self.add(entry, now);
            if let Some(State::Frozen | State::Leaving) = state {
                self.stop(id, state.unwrap_or(State::Leaving));
            }
        }
    }

    /// No instance gets a queued job any more; it is on its way out.
    pub fn hold(&mut self, id: &CallId) {
        self.stop(id, State::Leaving);
    }

    /// No instance gets a queued job until it is thawed: a change of it is being stored.
    pub fn freeze(&mut self, id: &CallId) {
        self.stop(id, State::Frozen);
    }

    /// What was frozen may be ready again.
    pub fn thaw(&mut self, id: &CallId, now: Millis) {
        if let Some(slot) = self.jobs.get_mut(id)
            && slot.state == State::Frozen
        {
            slot.state = State::Held;
            self.settle(id, now);
        }
    }

    /// A change of a job is stored: it stands where that says, and waits for the same jobs as before. Nothing for one
    /// that is leaving.
    pub fn change(&mut self, entry: Entry, now: Millis) {
        let id = &entry.id;
        if self
            .jobs
            .get(id)
            .is_none_or(|slot| slot.state == State::Leaving)
        {
            return;
        }
        let after = self.take(id).map(|old| old.after).unwrap_or_default();
        self.add(Entry { after, ..entry }, now);
    }

    /// Takes a job that is not claimed out of its line, into a state that it does not leave by itself.
    fn stop(&mut self, id: &CallId, state: State) {
        self.unready(id);
        if let Some(slot) = self.jobs.get_mut(id)
            && slot.state != State::Claimed
        {
            slot.state = state;
        }
    }

    /// Takes a job out, wherever it is. Those that wait for it go on waiting.
    pub fn take(&mut self, id: &CallId) -> Option<Entry> {
        self.unready(id);
        let Slot { entry, state } = self.jobs.remove(id)?;
        if state == State::Claimed {
            let key = turn_key(&entry);
            if let Some(count) = self.running.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.running.remove(&key);
                }
            }
        }
        self.queued.remove(&rank_of(&entry));
        if let Some(at) = entry.deadline {
            self.deadlines.remove(&(at, id.clone()));
        }
        if let Some(at) = entry.not_before {
            self.timed.remove(&(at, id.clone()));
        }
        for earlier in &entry.after {
            if let Some(followers) = self.followers.get_mut(earlier) {
                followers.retain(|follower| follower != id);
                if followers.is_empty() {
                    self.followers.remove(earlier);
                }
            }
        }
        Some(entry)
    }

    /// A job has succeeded: whoever waited for it waits no longer.
    pub fn succeeded(&mut self, id: &CallId, now: Millis) {
        for follower in self.followers.remove(id).unwrap_or_default() {
            if let Some(slot) = self.jobs.get_mut(&follower) {
                slot.entry.after.retain(|earlier| earlier != id);
            }
            self.settle(&follower, now);
        }
    }

    /// Who waits for that job.
    pub fn followers(&self, id: &CallId) -> Vec<CallId> {
        self.followers.get(id).cloned().unwrap_or_default()
    }

    /// Brings up what time brings: jobs whose time has come are ready. Gives those that wait and whose
    /// deadline has passed; they are still here.
    pub fn tick(&mut self, now: Millis) -> Vec<CallId> {
        while let Some((at, id)) = self.timed.first().filter(|(at, _)| *at <= now).cloned() {
            self.timed.remove(&(at, id.clone()));
            self.settle(&id, now);
        }
        let over = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let late: Vec<(Millis, CallId)> = over.cloned().collect();
        let mut passed = Vec::new();
        for due in late {
            self.deadlines.remove(&due);
            let slot = self.jobs.get(&due.1);
            // The one that an instance has ends by its own time limit.
            if slot.is_some_and(|slot| slot.state != State::Claimed) {
                passed.push(due.1);
            }
        }
        passed
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_time(&self) -> Option<Millis> {
        let first = |set: &BTreeSet<(Millis, CallId)>| set.first().map(|(at, _)| *at);
        first(&self.timed)
            .into_iter()
            .chain(first(&self.deadlines))
            .min()
    }

    pub fn pause_app(&mut self, app: &AppId, paused: bool) {
        if paused {
            self.paused.insert(app.clone());
        } else {
            self.paused.remove(app);
        }
    }

    pub fn is_app_paused(&self, app: &AppId) -> bool {
        self.paused.contains(app)
    }

    pub fn entry(&self, id: &CallId) -> Option<&Entry> {
        self.jobs.get(id).map(|slot| &slot.entry)
    }

    pub fn is_claimed(&self, id: &CallId) -> bool {
        self.jobs
            .get(id)
            .is_some_and(|slot| slot.state == State::Claimed)
    }

    /// Whether a job is on its way out: nothing can be changed of it.
    pub fn is_leaving(&self, id: &CallId) -> bool {
        let slot = self.jobs.get(id);
        slot.is_some_and(|slot| slot.state == State::Leaving)
    }

    /// Why a queued job is not ready; nothing when it is.
    pub fn held(&self, id: &CallId, now: Millis) -> Option<Held> {
        held(&self.jobs.get(id)?.entry, now)
    }

    /// Queued jobs in the order in which they stand, without regard to whose turn it is.
    pub fn queue(&self) -> impl Iterator<Item = &CallId> {
        self.queued.iter().map(|(_, _, _, id)| id)
    }

    /// The same of one app.
    pub fn queue_of<'a>(&'a self, app: &'a AppId) -> impl Iterator<Item = &'a CallId> {
        let first = (app.clone(), 0, i64::MIN, CallId::new(""));
        self.queued
            .range(first..)
            .take_while(move |(other, ..)| other == app)
            .map(|(_, _, _, id)| id)
    }

    /// Whether that instance could be given a job.
    pub fn has_for(&self, offer: &Offer) -> bool {
        !self.lines.is_empty()
            && !self.paused.contains(&offer.app)
            && offer.meets().any(|needs| self.lines.contains_key(&needs))
    }

    #[cfg(test)]
    pub fn open(&self) -> usize {
        self.jobs.len()
    }

    /// Whose turn: lower is sooner.
    fn turn(&self, app: &AppId, caller: &CallerName, place: i64) -> Turn {
        if place < 0 {
            return (0, 0, 0, place);
        }
        let key = (app.clone(), caller.clone());
        let running = self.running.get(&key).copied().unwrap_or_default();
        let served = self.served.get(&key).copied().unwrap_or_default();
        (1, running, served, place)
    }

    /// Puts a job where it belongs now.
    fn settle(&mut self, id: &CallId, now: Millis) {
        let Some(slot) = self.jobs.get_mut(id) else {
            return;
        };
        if !matches!(slot.state, State::Held | State::Ready) {
            return;
        }
        let entry = &slot.entry;
        match held(entry, now) {
            Some(Held::Until(at)) => {
                self.timed.insert((at, id.clone()));
            }
            Some(_) => {}
            None if slot.state == State::Ready => {}
            None => {
                slot.state = State::Ready;
                let line = self.lines.entry(entry.needs.clone()).or_default();
                let level = line.0.entry(class_of(entry.priority)).or_default();
                let turns = level.entry(entry.turn_of.clone()).or_default();
                turns.insert((entry.place, id.clone()));
            }
        }
    }

    /// Takes a ready job out of its line.
    fn unready(&mut self, id: &CallId) {
        let Some(slot) = self.jobs.get_mut(id) else {
            return;
        };
        if slot.state != State::Ready {
            return;
        }
        slot.state = State::Held;
        let entry = &slot.entry;
        let class = class_of(entry.priority);
        let Some(line) = self.lines.get_mut(&entry.needs) else {
            return;
        };
        if let Some(level) = line.0.get_mut(&class) {
            if let Some(jobs) = level.get_mut(&entry.turn_of) {
                jobs.remove(&(entry.place, id.clone()));
                if jobs.is_empty() {
                    level.remove(&entry.turn_of);
                }
            }
            if level.is_empty() {
                line.0.remove(&class);
            }
        }
        if line.0.is_empty() {
            self.lines.remove(&entry.needs);
        }
    }
}

/// (in its turn or before all turns, running, served, place)
type Turn = (u8, usize, u64, i64);

fn held(entry: &Entry, now: Millis) -> Option<Held> {
    if entry.paused {
        return Some(Held::Paused);
    }
    if let Some(earlier) = entry.after.first() {
        return Some(Held::After(earlier.clone()));
    }
    entry.not_before.filter(|at| *at > now).map(Held::Until)
}

/// Sorts the highest priority first.
fn class_of(priority: u8) -> u8 {
    u8::MAX - priority
}

fn rank_of(entry: &Entry) -> (AppId, u8, i64, CallId) {
    (
        entry.needs.app.clone(),
        class_of(entry.priority),
        entry.place,
        entry.id.clone(),
    )
}

fn turn_key(entry: &Entry) -> (AppId, CallerName) {
    (entry.needs.app.clone(), entry.turn_of.clone())
}

#[cfg(test)]
mod tests;
