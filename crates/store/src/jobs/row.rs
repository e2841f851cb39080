//! A job's row: its columns, and the way from them to a [`Job`] and back.

use std::sync::Arc;

use hub::store::{Attempt, Batch, Job, JobEnd, Key, Lease, Parts};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use wire::{CallId, CallerId, Durability, JobStatus};

use crate::problems::strange_row;
use crate::readers::Fault;

/// What [`job`] reads, in its order.
pub(crate) const COLUMNS: &str = "seq, id, app, instance, command, caller, asked_at, durability, \
    key, request_hash, status, priority, place, paused, attempt, lease_instance, lease_process, \
    ended_at, duration_ms, problem, labels, request, caller_id";

/// A row's place among all, and the job.
pub(crate) fn job(row: &Row<'_>) -> Result<(i64, Job), Fault> {
    let text = |at: usize| row.get::<_, String>(at);
    let maybe = |at: usize| row.get::<_, Option<String>>(at);
    let key = match (maybe(8)?, maybe(9)?) {
        (Some(text), Some(request_hash)) => Some(Key { text, request_hash }),
        _ => None,
    };
    let lease = match (maybe(15)?, maybe(16)?) {
        (Some(instance), Some(process)) => Some(Lease {
            instance: instance.into(),
            process,
        }),
        _ => None,
    };
    let end = match row.get::<_, Option<i64>>(17)? {
        Some(at) => Some(JobEnd {
            at: time(at)?,
            duration_ms: row.get(18)?,
            problem: maybe(19)?.map(|text| read(&text)).transpose()?,
        }),
        None => None,
    };
    let job = Job {
        id: text(1)?.into(),
        app: text(2)?.into(),
        instance: maybe(3)?.map(Into::into),
        command: text(4)?,
        caller: caller(&text(22)?, &text(5)?),
        asked_at: time(row.get(6)?)?,
        durability: durability(&text(7)?)?,
        key,
        labels: read(&text(20)?)?,
        request: Arc::new(read(&text(21)?)?),
        args: None,
        status: status(&text(10)?)?,
        priority: row.get(11)?,
        place: row.get(12)?,
        paused: row.get(13)?,
        attempt: row.get(14)?,
        lease,
        end,
        outcome: None,
    };
    Ok((row.get(0)?, job))
}

pub(crate) fn by_id(
    connection: &Connection,
    id: &CallId,
    parts: Parts,
) -> Result<Option<Job>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id.as_str()])?;
    let Some(found) = rows.next()? else {
        return Ok(None);
    };
    let (seq, mut job) = job(found)?;
    if parts.args {
        job.args = body(connection, "SELECT args FROM args WHERE seq = ?1", seq)?.map(Arc::new);
    }
    if parts.outcome {
        let sql = "SELECT outcome FROM outcomes WHERE seq = ?1";
        job.outcome = body(connection, sql, seq)?.map(Arc::new);
    }
    Ok(Some(job))
}

pub(crate) fn by_seq(connection: &Connection, seq: i64) -> Result<Option<Job>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE seq = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([seq])?;
    match rows.next()? {
        Some(found) => Ok(Some(job(found)?.1)),
        None => Ok(None),
    }
}

pub(crate) fn attempts(connection: &Connection, id: &CallId) -> Result<Vec<Attempt>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT number, instance, started_at, ended_at, status, problem FROM attempts
         WHERE seq = (SELECT seq FROM jobs WHERE id = ?1) ORDER BY number",
    )?;
    let mut rows = statement.query([id.as_str()])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let problem: Option<String> = row.get(5)?;
        attempts.push(Attempt {
            number: row.get(0)?,
            instance: row.get::<_, String>(1)?.into(),
            started_at: time(row.get(2)?)?,
            ended_at: row.get::<_, Option<i64>>(3)?.map(time).transpose()?,
            status: status(&row.get::<_, String>(4)?)?,
            problem: problem.map(|text| read(&text)).transpose()?,
        });
    }
    Ok(attempts)
}

pub(crate) fn batch(connection: &Connection, id: &str) -> Result<Option<Batch>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT caller, asked_at, jobs, caller_id FROM batches WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Batch {
        id: id.to_owned(),
        caller: caller(&row.get::<_, String>(3)?, &row.get::<_, String>(0)?),
        asked_at: time(row.get(1)?)?,
        jobs: read(&row.get::<_, String>(2)?)?,
    }))
}

/// Whose a row is; from before tokens were told apart there is a name alone.
pub(crate) fn caller(id: &str, name: &str) -> CallerId {
    match id {
        "" => CallerId::of_name(name),
        id => CallerId::new(id),
    }
}

/// A time as it is stored: milliseconds since 1970.
pub(crate) fn ms(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

pub(crate) fn time(ms: i64) -> Result<OffsetDateTime, Fault> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .map_err(|error| strange_row("time", &error).into())
}

/// JSON as it is stored. What is stored has no map whose keys are no texts, so that it cannot fail.
pub(crate) fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a value has no JSON");
        "null".to_owned()
    })
}

pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| strange_row("JSON", &error).into())
}

pub(crate) fn status(text: &str) -> Result<JobStatus, Fault> {
    JobStatus::parse(text).ok_or_else(|| strange_row("status", &text).into())
}

pub(crate) fn durability_text(durability: Durability) -> &'static str {
    match durability {
        Durability::Journal => "journal",
        Durability::Fsync => "fsync",
    }
}

fn durability(text: &str) -> Result<Durability, Fault> {
    match text {
        "journal" => Ok(Durability::Journal),
        "fsync" => Ok(Durability::Fsync),
        other => Err(strange_row("durability", &other).into()),
    }
}

fn body<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    seq: i64,
) -> Result<Option<T>, Fault> {
    let text: Option<String> = connection
        .prepare_cached(sql)?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    text.map(|text| read(&text)).transpose()
}
