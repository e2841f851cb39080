//! The one thread that writes a file: what waits becomes a group, a group becomes one transaction.
//!
//! In come writes with the durability that they need, and tasks that want the connection for themselves; out go
//! acknowledgements, after the commit. Between groups it keeps the log of the file small. What a write means is
//! the [`Table`]'s business.
//!
//! A write that cannot be done alone (a key that is taken) fails alone. When the whole group fails (the disk is
//! full) it is taken back and each write is tried by itself, so that small ones pass where large ones do not.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hub::store::Acknowledge;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use wire::{Code, Durability, Problem};

use crate::queue::{Entry, Linger, Queue, Refused, Room, Step};
use crate::{file, limits, problems};

/// What the writes of a file mean.
pub(crate) trait Table: Send + 'static {
    type Write: Send + 'static;

    /// Writes of one group at most.
    const GROUP_MAX: usize;

    /// Whether it has parts that must be taken back when a later one cannot be done.
    fn has_parts(write: &Self::Write) -> bool;

    fn apply(connection: &Connection, write: &Self::Write) -> Result<(), Fault>;

    /// How long a group is waited for, when the last one had so many writes.
    fn linger(durability: Durability, last_group: usize) -> Linger;
}

/// Why a write was not done.
pub(crate) enum Fault {
    /// Only this one cannot be; the connection is as it was before it, or its parts are taken back.
    Refused(Problem),
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Who is told when a write is stored.
pub(crate) enum Done {
    Acknowledge(Acknowledge),
    /// Nobody; a failure is counted.
    Count(Arc<AtomicU64>),
}

impl Done {
    fn with(self, outcome: Result<(), Problem>) {
        match self {
            Self::Acknowledge(acknowledge) => acknowledge.with(outcome),
            Self::Count(failed) => {
                if outcome.is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

struct Write<W> {
    write: W,
    durability: Durability,
    done: Done,
}

enum Work<W> {
    Write(Write<W>),
    Task(Task),
}

type Task = Box<dyn FnOnce(&Connection) + Send>;

/// The handle of the thread.
pub(crate) struct Writer<T: Table> {
    queue: Arc<Queue<Work<T::Write>>>,
    path: PathBuf,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Table> Writer<T> {
    pub(crate) fn start(path: &Path, mut connection: Connection) -> Result<Self, Problem> {
        let queue = Arc::new(Queue::new());
        let in_log = watch_log(&mut connection).map_err(|error| problems::failed(path, &error))?;
        let mut run = Run::<T> {
            queue: Arc::clone(&queue),
            path: path.to_owned(),
            log: file::log_of(path),
            in_log,
            connection,
            synchronous: Durability::Fsync,
            last_group: 1,
            try_log_at: limits::LOG_BYTES,
            alarmed: false,
            table: PhantomData,
        };
        let thread = std::thread::Builder::new()
            .name("kapelle-store".to_owned())
            .spawn(move || run.until_closed())
            .map_err(|error| {
                Problem::new(
                    Code::INTERNAL,
                    format!("A thread could not be started: {error}."),
                )
            })?;
        Ok(Self {
            queue,
            path: path.to_owned(),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes a write, or says at once why not.
    pub(crate) fn write(
        &self,
        write: T::Write,
        (writes, bytes): (usize, usize),
        durability: Durability,
        done: Done,
        room: Room,
    ) {
        let work = Work::Write(Write {
            write,
            durability,
            done,
        });
        self.refused(self.queue.push(entry(work, writes, bytes), room));
    }

    /// As [`Self::write`], but waits for room.
    pub(crate) fn write_waiting(
        &self,
        write: T::Write,
        (writes, bytes): (usize, usize),
        done: Done,
        room: Room,
    ) {
        let work = Work::Write(Write {
            write,
            durability: Durability::Journal,
            done,
        });
        self.refused(self.queue.push_waiting(entry(work, writes, bytes), room));
    }

    /// Has the connection for itself, after everything that was handed over before.
    pub(crate) fn task(&self, task: impl FnOnce(&Connection) + Send + 'static) {
        let entry = Entry {
            alone: true,
            ..entry(Work::Task(Box::new(task)), 1, 0)
        };
        let room = Room {
            writes: limits::WRITES_WAITING_MAX,
            bytes: usize::MAX,
        };
        // Dropped, it tells who waits for it by that.
        self.queue.push(entry, room).ok();
    }

    /// Writes what waits and ends.
    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }

    fn refused(&self, pushed: Result<(), (Refused, Work<T::Write>)>) {
        if let Err((why, Work::Write(write))) = pushed {
            write.done.with(Err(match why {
                Refused::Full => problems::busy(&self.path),
                Refused::Closed => problems::closed(),
            }));
        }
    }
}

impl<T: Table> Drop for Writer<T> {
    fn drop(&mut self) {
        self.close();
    }
}

fn entry<W>(work: Work<W>, writes: usize, bytes: usize) -> Entry<Work<W>> {
    Entry {
        what: work,
        writes,
        bytes,
        alone: false,
    }
}

/// Counts what each commit leaves in the log, in bytes.
fn watch_log(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicU64>> {
    let page: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let in_log = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&in_log);
    connection.wal_hook(Some(move |_: &mut Wal, pages: c_int| {
        let pages = u64::try_from(pages).unwrap_or(0);
        told.store(pages * page, Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(in_log)
}

/// The thread's side.
struct Run<T: Table> {
    queue: Arc<Queue<Work<T::Write>>>,
    path: PathBuf,
    log: PathBuf,
    /// The bytes of the log that hold something which may not be in the file yet.
    in_log: Arc<AtomicU64>,
    connection: Connection,
    /// What the connection is set to.
    synchronous: Durability,
    last_group: usize,
    /// The bytes in the log at which it is tried to put it into the file.
    try_log_at: u64,
    alarmed: bool,
    table: PhantomData<T>,
}

impl<T: Table> Run<T> {
    fn until_closed(&mut self) {
        let mut idle_after: Option<Duration> = None;
        loop {
            let last = self.last_group;
            let linger = |work: &Work<T::Write>| match work {
                Work::Write(write) => T::linger(write.durability, last),
                Work::Task(_) => Linger {
                    writes: 0,
                    within: Duration::ZERO,
                },
            };
            match self.queue.next(idle_after, linger, T::GROUP_MAX) {
                Step::Group(group) => {
                    self.work(group);
                    self.keep_log_small();
                    idle_after = Some(limits::IDLE);
                }
                Step::Idle => {
                    self.empty_log();
                    idle_after = None;
                }
                Step::Closed => {
                    self.empty_log();
                    return;
                }
            }
        }
    }

    fn work(&mut self, group: Vec<Work<T::Write>>) {
        let mut writes = Vec::with_capacity(group.len());
        for work in group {
            match work {
                Work::Write(write) => writes.push(write),
                Work::Task(task) => task(&self.connection),
            }
        }
        if writes.is_empty() {
            return;
        }
        self.last_group = writes.len();
        match self.commit(&writes) {
            Ok(outcomes) => {
                for (write, outcome) in writes.into_iter().zip(outcomes) {
                    write.done.with(outcome);
                }
            }
            Err(error) if writes.len() == 1 => self.fail(writes, &error),
            Err(_) => {
                for write in writes {
                    let alone = [write];
                    let outcome = self.commit(&alone);
                    let [write] = alone;
                    match outcome {
                        Ok(mut outcomes) => write.done.with(outcomes.pop().unwrap_or(Ok(()))),
                        Err(error) => self.fail(vec![write], &error),
                    }
                }
            }
        }
    }

    fn fail(&self, writes: Vec<Write<T::Write>>, error: &rusqlite::Error) {
        let problem = problems::failed(&self.path, error);
        for write in writes {
            write.done.with(Err(problem.clone()));
        }
    }

    /// One transaction; afterwards either all that could be done is stored, or nothing is.
    fn commit(&mut self, writes: &[Write<T::Write>]) -> rusqlite::Result<Vec<Result<(), Problem>>> {
        let durability = writes.iter().map(|write| write.durability).max();
        self.set_synchronous(durability.unwrap_or_default())?;
        let outcome = self.transaction(writes);
        if outcome.is_err() {
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK")?;
            }
            self.cover();
        }
        outcome
    }

    /// A transaction that failed when the disk was to confirm it may lie whole in the log, and who opens the file after a
    /// crash would find it there, although it was refused. What is written next lies over it: so something is, that
    /// changes nothing and needs no disk.
    fn cover(&mut self) {
        let covered = self.connection.execute_batch(&format!(
            "PRAGMA synchronous = OFF; PRAGMA application_id = {};",
            file::APPLICATION_ID
        ));
        if let Err(error) = covered {
            // As on a full disk, where nothing was written whole either.
            tracing::warn!(path = %self.path.display(), %error, "a refused write is not covered");
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA synchronous = FULL") {
            tracing::error!(path = %self.path.display(), %error, "the store fails");
        }
        self.synchronous = Durability::Fsync;
    }

    fn transaction(
        &self,
        writes: &[Write<T::Write>],
    ) -> rusqlite::Result<Vec<Result<(), Problem>>> {
        self.run("BEGIN IMMEDIATE")?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(self.apply(&write.write)?);
        }
        self.run("COMMIT")?;
        Ok(outcomes)
    }

    fn apply(&self, write: &T::Write) -> rusqlite::Result<Result<(), Problem>> {
        let has_parts = T::has_parts(write);
        if has_parts {
            self.run("SAVEPOINT one")?;
        }
        let outcome = match T::apply(&self.connection, write) {
            Ok(()) => Ok(()),
            Err(Fault::Failed(error)) => return Err(error),
            Err(Fault::Refused(problem)) => {
                if has_parts {
                    self.run("ROLLBACK TO one")?;
                }
                Err(problem)
            }
        };
        if has_parts {
            self.run("RELEASE one")?;
        }
        Ok(outcome)
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn set_synchronous(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.synchronous != durability {
            self.connection.execute_batch(match durability {
                Durability::Fsync => "PRAGMA synchronous = FULL",
                Durability::Journal => "PRAGMA synchronous = NORMAL",
            })?;
            self.synchronous = durability;
        }
        Ok(())
    }

    /// What is in the log goes into the file, and what is written next lies over it: to cut the log short and let it grow
    /// again costs time with every page.
    fn keep_log_small(&mut self) {
        let bytes = self.in_log.load(Ordering::Relaxed);
        if bytes < self.try_log_at {
            return;
        }
        if self.put_log_into_file("PRAGMA wal_checkpoint(PASSIVE)") {
            self.try_log_at = limits::LOG_BYTES;
            self.alarmed = false;
            return;
        }
        // A reader is in the way: not again with every group.
        self.try_log_at = bytes + limits::LOG_BYTES;
        if bytes > limits::LOG_ALARM_BYTES && !self.alarmed {
            self.alarmed = true;
            tracing::warn!(
                log = %self.log.display(),
                bytes,
                "the store's log keeps growing: something never stops reading the file"
            );
        }
    }

    /// Puts the log into the file and gives its room back.
    fn empty_log(&self) {
        self.put_log_into_file("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// `false` when a reader is in the way or the disk does not take it.
    fn put_log_into_file(&self, checkpoint: &str) -> bool {
        // A reader is not waited for: writers wait meanwhile.
        let done = self.connection.busy_timeout(Duration::ZERO).and_then(|()| {
            self.connection.query_row(checkpoint, [], |row| {
                let (busy, in_log, in_file): (i64, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(busy == 0 && in_log == in_file)
            })
        });
        self.connection.busy_timeout(limits::BUSY_TIMEOUT).ok();
        match done {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the store's log was not \
                 shortened");
                false
            }
        }
    }
}
