//! Jobs in `jobs.db`.
//!
//! In come writes and questions of the queue; out come acknowledgements and rows. The writes are in [`write`], the
//! form of a row in [`row`], lists in [`list`].

use std::path::{Path, PathBuf};

use hub::store::{
    Attempt, Batch, Counts, Job, JobStore, JobWrite, JobsPage, JobsWanted, Like, Parts, QueueState,
    Reading, Stored,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use wire::{AppId, CallId, CallerId, Durability, JobStatus, Problem};

use crate::file::{self, Form};
use crate::queue::{Linger, Room};
use crate::readers::{Fault, Readers};
use crate::writer::{self, Done, Table, Writer};
use crate::{like, limits, problems};

mod list;
pub(crate) mod row;
pub(crate) mod write;

/// The form of the file.
pub(crate) const FORM: Form = Form {
    steps: &[
        include_str!("jobs/schema-1.sql"),
        include_str!("jobs/schema-2.sql"),
        include_str!("jobs/schema-3.sql"),
    ],
};

const OPEN: [JobStatus; 3] = [JobStatus::Queued, JobStatus::Leased, JobStatus::Running];

/// The store of jobs.
pub struct Jobs {
    writer: Writer<JobTable>,
    readers: Readers,
    path: PathBuf,
}

struct JobTable;

impl Table for JobTable {
    type Write = Vec<JobWrite>;

    const GROUP_MAX: usize = limits::JOB_GROUP_MAX;

    fn has_parts(writes: &Self::Write) -> bool {
        writes.len() > 1 || matches!(writes.first(), Some(JobWrite::Batch(_)))
    }

    fn apply(connection: &Connection, writes: &Self::Write) -> Result<(), writer::Fault> {
        writes
            .iter()
            .try_for_each(|one| write::apply(connection, one))
    }

    /// Those who were in the last group are likely to be in the next one, and a commit for all of them is cheaper than
    /// one for each.
    fn linger(durability: Durability, last_group: usize) -> Linger {
        Linger {
            writes: if last_group > 1 { last_group } else { 0 },
            within: match durability {
                Durability::Fsync => limits::FSYNC_GROUP_WAIT,
                Durability::Journal => limits::JOURNAL_GROUP_WAIT,
            },
        }
    }
}

impl Jobs {
    /// # Errors
    /// `store_unusable`, `home_unsafe`, `disk_full`.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let connection = file::open(path, &FORM)?;
        Ok(Self {
            writer: Writer::start(path, connection)?,
            readers: Readers::start(path)?,
            path: path.to_owned(),
        })
    }

    /// Stores what waits and lets go of the file. Blocks.
    pub fn close(&self) {
        self.readers.close();
        self.writer.close();
    }

    /// A look that blocks, on a connection of its own.
    fn look<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Problem> {
        let connection = file::open_reader(&self.path)?;
        question(&connection).map_err(|fault| fault.into_problem(&self.path))
    }
}

impl Jobs {
    /// Has the writer's connection for itself, and gives how many rows went.
    fn forget(
        &self,
        rows: impl FnOnce(&Connection) -> rusqlite::Result<u64> + Send + 'static,
    ) -> Reading<u64> {
        let (sender, answer) = oneshot::channel();
        let path = self.path.clone();
        self.writer.task(move |connection| {
            let forgotten = rows(connection).map_err(|error| problems::failed(&path, &error));
            sender.send(forgotten).ok();
        });
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(problems::closed())) })
    }
}

impl JobStore for Jobs {
    fn write(&self, writes: Vec<JobWrite>, durability: Durability) -> Stored {
        let (acknowledge, stored) = Stored::pair();
        let bytes = writes.iter().map(write::weight).sum();
        let is_new = writes
            .iter()
            .any(|write| matches!(write, JobWrite::Insert(_)));
        let room = match is_new {
            true => Room {
                writes: limits::INSERTS_WAITING_MAX,
                bytes: limits::INSERTS_WAITING_BYTES_MAX,
            },
            false => Room {
                writes: limits::WRITES_WAITING_MAX,
                bytes: limits::WRITES_WAITING_BYTES_MAX,
            },
        };
        let size = (writes.len(), bytes);
        let done = Done::Acknowledge(acknowledge);
        self.writer.write(writes, size, durability, done, room);
        stored
    }

    fn open_jobs(&self) -> Result<Vec<Job>, Problem> {
        self.look(|connection| {
            let sql = format!(
                "SELECT {} FROM jobs WHERE status IN ('{}', '{}', '{}') ORDER BY seq",
                row::COLUMNS,
                OPEN[0].as_str(),
                OPEN[1].as_str(),
                OPEN[2].as_str()
            );
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let mut jobs = Vec::new();
            while let Some(found) = rows.next()? {
                jobs.push(row::job(found)?.1);
            }
            Ok(jobs)
        })
    }

    fn queues(&self) -> Result<Vec<QueueState>, Problem> {
        self.look(|connection| {
            let mut statement =
                connection.prepare("SELECT app, paused, draining FROM queues ORDER BY app")?;
            let rows = statement.query_map([], |row| {
                Ok(QueueState {
                    app: row.get::<_, String>(0)?.into(),
                    paused: row.get(1)?,
                    draining: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn adopt(&self, known: Vec<CallerId>) -> Result<(), Problem> {
        let (sender, answer) = std::sync::mpsc::channel();
        let path = self.path.clone();
        self.writer.task(move |connection| {
            let adopted = write::adopt(connection, &known);
            let adopted = adopted.map_err(|error| problems::failed(&path, &error));
            sender.send(adopted).ok();
        });
        answer.recv().unwrap_or_else(|_| Err(problems::closed()))
    }

    fn job(&self, id: &CallId, parts: Parts) -> Reading<Option<Job>> {
        let id = id.clone();
        self.readers
            .ask(move |connection| row::by_id(connection, &id, parts))
    }

    fn jobs(&self, ids: Vec<CallId>, parts: Parts) -> Reading<Vec<Job>> {
        self.readers.ask(move |connection| {
            let found = ids
                .iter()
                .map(|id| row::by_id(connection, id, parts))
                .filter_map(Result::transpose);
            found.collect()
        })
    }

    fn by_key(&self, caller: &CallerId, key: &str) -> Reading<Option<Job>> {
        let (caller, key) = (caller.clone(), key.to_owned());
        self.readers.ask(move |connection| {
            let id: Option<String> = connection
                .prepare_cached("SELECT id FROM jobs WHERE caller_id = ?1 AND key = ?2")?
                .query_row(params![caller.as_str(), key], |row| row.get(0))
                .optional()?;
            match id {
                Some(id) => row::by_id(connection, &id.into(), Parts::NONE),
                None => Ok(None),
            }
        })
    }

    fn list(&self, wanted: JobsWanted) -> Reading<JobsPage> {
        self.readers
            .ask(move |connection| list::page(connection, &wanted))
    }

    fn counts(&self, app: Option<AppId>) -> Reading<Counts> {
        self.readers.ask(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT status, sum(jobs) FROM counts
                 WHERE app = ifnull(?1, app) GROUP BY status HAVING sum(jobs) > 0",
            )?;
            let rows = statement.query_map([app.as_ref().map(AppId::as_str)], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?))
            })?;
            let mut counts = Counts::new();
            for found in rows {
                let (status, jobs) = found?;
                counts.insert(row::status(&status)?, jobs);
            }
            Ok(counts)
        })
    }

    fn attempts(&self, id: &CallId) -> Reading<Vec<Attempt>> {
        let id = id.clone();
        self.readers
            .ask(move |connection| row::attempts(connection, &id))
    }

    fn batch(&self, id: &str) -> Reading<Option<Batch>> {
        let id = id.to_owned();
        self.readers
            .ask(move |connection| row::batch(connection, &id))
    }

    fn like(&self, like: Like) -> Reading<Vec<String>> {
        self.readers
            .ask(move |connection| like::ids(connection, "jobs", &like))
    }

    fn batches_like(&self, like: Like) -> Reading<Vec<String>> {
        self.readers
            .ask(move |connection| like::ids(connection, "batches", &like))
    }

    fn forget_ended(&self, before: OffsetDateTime, with_dead: bool) -> Reading<u64> {
        self.forget(move |connection| write::forget_ended(connection, before, with_dead))
    }

    fn shrink(&self, bytes_max: u64) -> Reading<u64> {
        self.forget(move |connection| write::down_to(connection, bytes_max))
    }
}

#[cfg(test)]
mod tests;
