//! The store of a hub in a test: memory that behaves as the files of `kapelle-store` do, found again by the
//! next hub in the same home.
//!
//! What it was told it has at once, whatever the durability; [`MemoryStore::fail_writes`] makes it a disk
//! in trouble. It passes the same tests as the real one ([`crate::store_holds`]).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use hub::store::CallsWanted;
use hub::store::{
    Acknowledge, Attempt, Batch, CallRecord, Counts, HistoryStore, Job, JobStore, JobWrite,
    JobsPage, JobsWanted, Like, Parts, Purged, QueueState, Reading, Stored, Stores,
};
use time::OffsetDateTime;
use wire::{AppId, CallId, CallerId, Durability, JobStatus, Problem};

mod table;

use table::Table;

/// A store in memory.
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

struct Inner {
    jobs: Table,
    calls: BTreeMap<CallId, CallRecord>,
    since: OffsetDateTime,
    looked_at: Option<OffsetDateTime>,
    trouble: Option<Problem>,
    /// Of a slow disk: what waits for it, in the order in which it came.
    held: Option<VecDeque<Held>>,
    /// Writes that were stored, in their order.
    written: Vec<(JobWrite, Durability)>,
}

type Held = (Vec<JobWrite>, Durability, Acknowledge);

impl Inner {
    fn store(&mut self, writes: Vec<JobWrite>, durability: Durability) -> Result<(), Problem> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        self.jobs.apply(&writes)?;
        let writes = writes.into_iter().map(|write| (write, durability));
        self.written.extend(writes);
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                jobs: Table::default(),
                calls: BTreeMap::new(),
                since: OffsetDateTime::now_utc(),
                looked_at: None,
                trouble: None,
                held: None,
                written: Vec::new(),
            }),
        }
    }
}

impl MemoryStore {
    /// The store of a home; the same one for as long as this process lives, as a file would be.
    #[must_use]
    pub fn of(home: &Path) -> Arc<Self> {
        static HOMES: Mutex<Option<HashMap<PathBuf, Arc<MemoryStore>>>> = Mutex::new(None);
        let mut homes = HOMES
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let homes = homes.get_or_insert_with(HashMap::new);
        Arc::clone(homes.entry(home.to_owned()).or_default())
    }

    #[must_use]
    pub fn stores(self: &Arc<Self>) -> Stores {
        Stores {
            jobs: Arc::clone(self) as Arc<dyn JobStore>,
            history: Arc::clone(self) as Arc<dyn HistoryStore>,
        }
    }

    /// From now on every write of jobs fails like this; `None`: no more.
    pub fn fail_writes(&self, with: Option<Problem>) {
        self.lock().trouble = with;
    }

    /// From now on writes of jobs wait for [`Self::let_through`], as those of a slow disk do.
    pub fn hold_writes(&self) {
        self.lock().held.get_or_insert_with(VecDeque::new);
    }

    /// So many of the writes that wait are done, in their order.
    pub fn let_through(&self, count: usize) {
        let mut inner = self.lock();
        for _ in 0..count {
            let next = inner.held.as_mut().and_then(VecDeque::pop_front);
            let Some((writes, durability, acknowledge)) = next else {
                return;
            };
            acknowledge.with(inner.store(writes, durability));
        }
    }

    /// All writes that wait are done, and later ones do not wait.
    pub fn let_all_through(&self) {
        self.let_through(usize::MAX);
        self.lock().held = None;
    }

    /// All writes of jobs that were stored, in their order, with the durability that was asked for.
    #[must_use]
    pub fn written(&self) -> Vec<(JobWrite, Durability)> {
        self.lock().written.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn those_like<'a>(all: impl Iterator<Item = (&'a str, &'a CallerId)>, like: &Like) -> Vec<String> {
    all.filter(|(id, caller)| {
        id.starts_with(&like.prefix) && like.caller.as_ref().is_none_or(|own| own == *caller)
    })
    .take(like.limit)
    .map(|(id, _)| id.to_owned())
    .collect()
}

fn now<T: Send + 'static>(value: T) -> Reading<T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl JobStore for MemoryStore {
    fn write(&self, writes: Vec<JobWrite>, durability: Durability) -> Stored {
        let mut inner = self.lock();
        if let Some(held) = &mut inner.held {
            let (acknowledge, stored) = Stored::pair();
            held.push_back((writes, durability, acknowledge));
            return stored;
        }
        Stored::now(inner.store(writes, durability))
    }

    fn open_jobs(&self) -> Result<Vec<Job>, Problem> {
        let inner = self.lock();
        let open = inner.jobs.all().filter(|job| !job.status.is_end());
        Ok(open
            .map(|job| table::with_parts(job, Parts::NONE))
            .collect())
    }

    fn queues(&self) -> Result<Vec<QueueState>, Problem> {
        Ok(self.lock().jobs.queues())
    }

    fn adopt(&self, _known: Vec<CallerId>) -> Result<(), Problem> {
        Ok(())
    }

    fn job(&self, id: &CallId, parts: Parts) -> Reading<Option<Job>> {
        let inner = self.lock();
        now(inner.jobs.get(id).map(|job| table::with_parts(job, parts)))
    }

    fn jobs(&self, ids: Vec<CallId>, parts: Parts) -> Reading<Vec<Job>> {
        let inner = self.lock();
        let found = ids.iter().filter_map(|id| inner.jobs.get(id));
        now(found.map(|job| table::with_parts(job, parts)).collect())
    }

    fn by_key(&self, caller: &CallerId, key: &str) -> Reading<Option<Job>> {
        let inner = self.lock();
        now(inner
            .jobs
            .by_key(caller, key)
            .map(|job| table::with_parts(job, Parts::NONE)))
    }

    fn list(&self, wanted: JobsWanted) -> Reading<JobsPage> {
        Box::pin(std::future::ready(self.lock().jobs.list(&wanted)))
    }

    fn counts(&self, app: Option<AppId>) -> Reading<Counts> {
        let mut counts = Counts::new();
        for job in self.lock().jobs.all() {
            if app.as_ref().is_none_or(|app| *app == job.app) {
                *counts.entry(job.status).or_default() += 1;
            }
        }
        now(counts)
    }

    fn attempts(&self, id: &CallId) -> Reading<Vec<Attempt>> {
        now(self.lock().jobs.attempts(id))
    }

    fn batch(&self, id: &str) -> Reading<Option<Batch>> {
        now(self.lock().jobs.batch(id))
    }

    fn like(&self, like: Like) -> Reading<Vec<String>> {
        let inner = self.lock();
        let all = inner.jobs.all().map(|job| (job.id.as_str(), &job.caller));
        now(those_like(all, &like))
    }

    fn batches_like(&self, like: Like) -> Reading<Vec<String>> {
        let inner = self.lock();
        let all = inner.jobs.batches();
        now(those_like(
            all.map(|batch| (batch.id.as_str(), &batch.caller)),
            &like,
        ))
    }

    fn forget_ended(&self, before: OffsetDateTime, with_dead: bool) -> Reading<u64> {
        let mut inner = self.lock();
        now(inner.jobs.forget(|job| {
            let is_old = job.end.as_ref().is_some_and(|end| end.at < before);
            job.status.is_end() && (with_dead || job.status != JobStatus::Dead) && is_old
        }))
    }

    /// It holds what it is given: no test fills memory.
    fn shrink(&self, _: u64) -> Reading<u64> {
        now(0)
    }
}

impl HistoryStore for MemoryStore {
    fn keep(&self, record: Box<CallRecord>) {
        let mut inner = self.lock();
        match inner.calls.get_mut(&record.view.call_id) {
            Some(known) => {
                known.view.status = record.view.status;
                known.view.outcome = record.view.outcome;
            }
            None => {
                inner.calls.insert(record.view.call_id.clone(), *record);
            }
        }
    }

    fn flush(&self) -> Reading<()> {
        now(())
    }

    fn get(&self, id: &CallId) -> Reading<Option<CallRecord>> {
        now(self.lock().calls.get(id).cloned())
    }

    fn list(&self, wanted: CallsWanted) -> Reading<Vec<CallRecord>> {
        let inner = self.lock();
        let fits = inner.calls.values().rev().filter(|record| {
            let view = &record.view;
            wanted.app.as_ref().is_none_or(|app| *app == view.app)
                && wanted
                    .instance
                    .as_ref()
                    .is_none_or(|name| *name == view.instance)
                && wanted.status.is_none_or(|status| status == view.status)
                && wanted.before.as_ref().is_none_or(|id| view.call_id < *id)
        });
        now(fits.take(wanted.limit).cloned().collect())
    }

    fn like(&self, like: Like) -> Reading<Vec<String>> {
        let inner = self.lock();
        let all = inner.calls.values();
        let all = all.map(|record| (record.view.call_id.as_str(), &record.caller));
        now(those_like(all, &like))
    }

    fn undone(&self, calls: Vec<CallId>, by: Option<CallId>) {
        let mut inner = self.lock();
        for call in calls {
            if let Some(record) = inner.calls.get_mut(&call) {
                record.view.undone_by.clone_from(&by);
            }
        }
    }

    fn purge(&self, before: Option<OffsetDateTime>) -> Reading<Purged> {
        let mut inner = self.lock();
        let goes = |record: &CallRecord| before.is_none_or(|before| record.asked_at < before);
        let (gone, stay): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut inner.calls)
            .into_iter()
            .partition(|(_, record)| goes(record));
        inner.calls = stay;
        let until = before.unwrap_or_else(OffsetDateTime::now_utc);
        inner.since = inner.since.max(until);
        let still_named = |name: &String| {
            let mut left = inner.calls.values();
            left.any(|record| record.args_blob.as_ref() == Some(name))
        };
        let mut blobs: Vec<String> = gone
            .values()
            .filter_map(|record| record.args_blob.clone())
            .filter(|name| !still_named(name))
            .collect();
        blobs.sort();
        blobs.dedup();
        now(Purged {
            calls: gone.len() as u64,
            blobs,
        })
    }

    fn shrink(&self, bytes_max: u64) -> Reading<Purged> {
        let size = |record: &CallRecord| {
            let text = serde_json::to_string(&record.view);
            text.map_or(0, |text| text.len() as u64)
        };
        let mut inner = self.lock();
        let mut bytes: u64 = inner.calls.values().map(size).sum();
        let mut purged = Purged::default();
        while bytes > bytes_max
            && let Some((_, gone)) = inner.calls.pop_first()
        {
            bytes -= size(&gone);
            purged.calls += 1;
            purged.blobs.extend(gone.args_blob);
            inner.since = inner.since.max(gone.asked_at);
        }
        now(purged)
    }

    fn looked_at(&self, at: OffsetDateTime) -> Reading<OffsetDateTime> {
        let before = self.lock().looked_at.replace(at);
        now(before.unwrap_or(at))
    }

    fn since(&self) -> OffsetDateTime {
        self.lock().since
    }

    fn left_out(&self) -> u64 {
        0
    }
}
