//! Ended calls in `history.db`.
//!
//! In come records that are masked and bounded already; out come calls, newest first. Nobody waits for a record to
//! be stored; one that cannot be is counted. The form of a row is in [`row`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hub::store::CallsWanted;
use hub::store::{CallRecord, HistoryStore, Like, Purged, Reading};
use rusqlite::{Connection, params};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use wire::{CallId, Durability, Problem};

use crate::file::{self, Form};
use crate::jobs::row::ms;
use crate::queue::{Linger, Room};
use crate::readers::Readers;
use crate::writer::{Done, Fault, Table, Writer};
use crate::{like, limits, problems};

mod facts;
mod purge;
mod row;

use facts::fact;

/// The form of the file.
pub(crate) const FORM: Form = Form {
    steps: &[
        include_str!("history/schema-1.sql"),
        include_str!("history/schema-2.sql"),
        include_str!("history/schema-3.sql"),
        include_str!("history/schema-4.sql"),
    ],
};

/// The store of ended calls.
pub struct History {
    writer: Writer<CallTable>,
    readers: Readers,
    path: PathBuf,
    /// In milliseconds since 1970.
    since: Arc<AtomicI64>,
    left_out: Arc<AtomicU64>,
}

struct CallTable;

impl Table for CallTable {
    type Write = Box<CallRecord>;

    const GROUP_MAX: usize = limits::CALL_GROUP_MAX;

    fn has_parts(_: &Self::Write) -> bool {
        false
    }

    fn apply(connection: &Connection, record: &Self::Write) -> Result<(), Fault> {
        row::put(connection, record)
    }

    /// Nobody waits, and few commits cost less than many.
    fn linger(_: Durability, _: usize) -> Linger {
        Linger {
            writes: limits::CALL_GROUP_MAX,
            within: limits::HISTORY_WAIT,
        }
    }
}

impl History {
    /// # Errors
    /// `store_unusable`, `home_unsafe`, `disk_full`.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let connection = file::open(path, &FORM)?;
        let since = purge::since(&connection).map_err(|error| problems::failed(path, &error))?;
        Ok(Self {
            writer: Writer::start(path, connection)?,
            readers: Readers::start(path)?,
            path: path.to_owned(),
            since: Arc::new(AtomicI64::new(since)),
            left_out: Arc::default(),
        })
    }

    /// Stores what waits and lets go of the file. Blocks.
    pub fn close(&self) {
        self.readers.close();
        self.writer.close();
    }

    /// Has the writer's connection for itself, and gives what it says.
    fn task<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reading<T> {
        let (sender, answer) = oneshot::channel();
        let path = self.path.clone();
        self.writer.task(move |connection| {
            let done = task(connection).map_err(|error| problems::failed(&path, &error));
            sender.send(done).ok();
        });
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(problems::closed())) })
    }

    fn remove(
        &self,
        rows: impl FnOnce(&Connection) -> rusqlite::Result<purge::Removed> + Send + 'static,
    ) -> Reading<Purged> {
        let since = Arc::clone(&self.since);
        self.task(move |connection| {
            let removed = rows(connection)?;
            since.fetch_max(removed.since, Ordering::Relaxed);
            Ok(removed.purged)
        })
    }
}

impl HistoryStore for History {
    fn keep(&self, record: Box<CallRecord>) {
        let room = Room {
            writes: limits::CALLS_WAITING_MAX,
            bytes: usize::MAX,
        };
        let done = Done::Count(Arc::clone(&self.left_out));
        self.writer.write_waiting(record, (1, 0), done, room);
    }

    fn flush(&self) -> Reading<()> {
        self.task(|_| Ok(()))
    }

    fn get(&self, id: &CallId) -> Reading<Option<CallRecord>> {
        let id = id.clone();
        self.readers
            .ask(move |connection| row::by_id(connection, &id))
    }

    fn list(&self, wanted: CallsWanted) -> Reading<Vec<CallRecord>> {
        self.readers
            .ask(move |connection| row::list(connection, &wanted))
    }

    fn like(&self, like: Like) -> Reading<Vec<String>> {
        self.readers
            .ask(move |connection| like::ids(connection, "calls", &like))
    }

    fn undone(&self, calls: Vec<CallId>, by: Option<CallId>) {
        self.writer.task(move |connection| {
            let by = by.as_ref().map(CallId::as_str);
            let noted = calls.iter().try_for_each(|call| {
                connection
                    .prepare_cached("UPDATE calls SET undone_by = ?2 WHERE id = ?1")?
                    .execute(params![call.as_str(), by])
                    .map(drop)
            });
            if let Err(error) = noted {
                tracing::warn!(%error, "undone calls are not recorded as undone");
            }
        });
    }

    fn purge(&self, before: Option<OffsetDateTime>) -> Reading<Purged> {
        let before = before.map(ms);
        self.remove(move |connection| purge::before(connection, before))
    }

    fn shrink(&self, bytes_max: u64) -> Reading<Purged> {
        self.remove(move |connection| purge::down_to(connection, bytes_max))
    }

    fn looked_at(&self, now: OffsetDateTime) -> Reading<OffsetDateTime> {
        let now = ms(now);
        let before = self.task(move |connection| {
            let before = fact(connection, "looked_at", now)?;
            purge::say(connection, "looked_at", now)?;
            Ok(before)
        });
        Box::pin(async move { Ok(time_of(before.await?)) })
    }

    fn since(&self) -> OffsetDateTime {
        time_of(self.since.load(Ordering::Relaxed))
    }

    fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

fn time_of(ms: i64) -> OffsetDateTime {
    let nanos = i128::from(ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use testkit::store_holds::{at, record};

    use super::*;

    #[tokio::test]
    async fn what_a_full_disk_does_not_take_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(&dir.path().join("history.db")).unwrap();
        let pages = |max: u32| format!("PRAGMA max_page_count = {max}");
        history
            .task(move |connection| connection.execute_batch(&pages(40)))
            .await
            .unwrap();
        for n in 0..2_000 {
            history.keep(Box::new(record(&format!("call_{n:04}"), at(n))));
        }
        history.flush().await.unwrap();
        let all = CallsWanted {
            limit: usize::MAX,
            ..CallsWanted::default()
        };
        let stored = history.list(all).await.unwrap().len() as u64;
        assert!(
            stored < 2_000 && stored + history.left_out() == 2_000,
            "{stored}"
        );
        assert!(
            history.purge(None).await.unwrap().calls == stored,
            "there is a way out"
        );
        let counted = history.left_out();
        history.keep(Box::new(record("call_new", at(9_999))));
        history.flush().await.unwrap();
        assert_eq!(history.left_out(), counted);
        assert!(history.get(&"call_new".into()).await.unwrap().is_some());
    }
}
