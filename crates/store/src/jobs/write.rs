//! What is written of a job.

use hub::store::{Attempt, Batch, Job, JobChange, JobWrite, QueueState};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use wire::outcome::OutcomeBody;
use wire::{CallId, CallerId, Code, JobStatus, Problem};

use super::row::{durability_text, ms, written};
use crate::limits;
use crate::most::{self, Amount, give_room_back};
use crate::writer::Fault;

pub(super) fn apply(connection: &Connection, write: &JobWrite) -> Result<(), Fault> {
    match write {
        JobWrite::Insert(job) => insert(connection, job),
        JobWrite::Change(change) => apply_change(connection, change),
        JobWrite::Attempt(id, attempt) => put_attempt(connection, id, attempt),
        JobWrite::Queue(state) => put_queue(connection, state),
        JobWrite::Batch(batch) => put_batch(connection, batch),
    }
}

/// Roughly the bytes that it holds.
pub(super) fn weight(write: &JobWrite) -> usize {
    const ROW_BYTES: usize = 512;
    let of_map = |map: &Map<String, Value>| map.iter().map(|(k, v)| k.len() + weight_of(v)).sum();
    let of_outcome = |outcome: &OutcomeBody| {
        weight_of(&outcome.value) + outcome.output.stdout.len() + outcome.output.stderr.len()
    };
    ROW_BYTES
        + match write {
            JobWrite::Insert(job) => {
                job.args.as_ref().map_or(0, |args| of_map(args))
                    + of_map(&job.request)
                    + job
                        .outcome
                        .as_ref()
                        .map_or(0, |outcome| of_outcome(outcome))
            }
            JobWrite::Change(change) => {
                change.args.as_ref().map_or(0, |args| of_map(args))
                    + change
                        .outcome
                        .iter()
                        .flatten()
                        .map(|outcome| of_outcome(outcome))
                        .sum::<usize>()
            }
            JobWrite::Batch(batch) => batch.jobs.iter().map(|id| id.as_str().len()).sum(),
            JobWrite::Attempt(..) | JobWrite::Queue(_) => 0,
        }
}

/// Jobs of the time before tokens were told apart are those of the tokens that are there now, or nobody's.
pub(super) fn adopt(connection: &Connection, known: &[CallerId]) -> rusqlite::Result<()> {
    let is_needed = connection
        .prepare("SELECT 1 FROM jobs WHERE caller_id = '' LIMIT 1")?
        .exists([])?;
    if !is_needed {
        return Ok(());
    }
    let whole = connection.unchecked_transaction()?;
    for table in ["jobs", "batches"] {
        for id in known {
            let sql =
                format!("UPDATE {table} SET caller_id = ?1 WHERE caller_id = '' AND caller = ?2");
            whole.execute(&sql, params![id.as_str(), id.name().as_str()])?;
        }
        let sql = format!("UPDATE {table} SET caller_id = caller || '#' WHERE caller_id = ''");
        whole.execute(&sql, [])?;
    }
    whole.commit()
}

/// In steps, each a transaction of its own, so that a fault in one leaves the others done.
pub(super) fn forget_ended(
    connection: &Connection,
    before: OffsetDateTime,
    with_dead: bool,
) -> rusqlite::Result<u64> {
    let mut forgotten = 0;
    loop {
        let gone = connection
            .prepare_cached(
                "DELETE FROM jobs WHERE seq IN (
                    SELECT seq FROM jobs WHERE ended_at < ?1 AND status <> ?2
                    AND status NOT IN ('queued', 'leased', 'running') LIMIT ?3)",
            )?
            .execute(params![
                ms(before),
                if with_dead {
                    ""
                } else {
                    JobStatus::Dead.as_str()
                },
                limits::PURGE_ROWS
            ])?;
        forgotten += gone as u64;
        if gone < limits::PURGE_ROWS {
            break;
        }
    }
    give_room_back(connection)?;
    Ok(forgotten)
}

/// Jobs that have ended, of whoever holds most of them; those that wait for a person's decision last.
pub(super) fn down_to(connection: &Connection, bytes_max: u64) -> rusqlite::Result<u64> {
    let mut forgotten = 0;
    let held = || {
        let sql = format!(
            "SELECT caller_id, count(*), sum({WEIGHT}) FROM jobs WHERE {ENDED} GROUP BY caller_id"
        );
        most::by_caller(connection, &sql)
    };
    let forget = |caller: &str, rows: usize| {
        let oldest = format!(
            "SELECT seq, {WEIGHT} AS weight FROM jobs WHERE caller_id = ?1 AND {ENDED}
             ORDER BY status = 'dead', ended_at LIMIT ?2"
        );
        // Arguments and outcomes go with their job, so they are weighed before.
        let bytes = connection
            .prepare_cached(&format!("SELECT coalesce(sum(weight), 0) FROM ({oldest})"))?
            .query_row(params![caller, rows], |row| row.get(0))?;
        let rows = connection
            .prepare_cached(&format!(
                "DELETE FROM jobs WHERE seq IN (SELECT seq FROM ({oldest}))"
            ))?
            .execute(params![caller, rows])?;
        forgotten += rows as u64;
        Ok(Amount { rows, bytes })
    };
    most::down_to(connection, bytes_max, held, forget)?;
    Ok(forgotten)
}

const ENDED: &str = "ended_at IS NOT NULL AND status NOT IN ('queued', 'leased', 'running')";

/// What a job weighs, about: its texts, and what every job has.
const WEIGHT: &str = "1024 + length(request)
    + coalesce((SELECT length(args) FROM args WHERE args.seq = jobs.seq), 0)
    + coalesce((SELECT length(outcome) FROM outcomes WHERE outcomes.seq = jobs.seq), 0)";

fn insert(connection: &Connection, job: &Job) -> Result<(), Fault> {
    let end = job.end.as_ref();
    let inserted = connection
        .prepare_cached(
            "INSERT INTO jobs(id, app, instance, command, caller, asked_at, durability, key, request_hash, status,
                priority, place, paused, attempt, lease_instance, lease_process, ended_at, duration_ms,
                problem, labels, request, caller_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                ?22)",
        )?
        .execute(params![
            job.id.as_str(),
            job.app.as_str(),
            job.instance.as_ref().map(|name| name.as_str()),
            job.command,
            job.caller.name().as_str(),
            ms(job.asked_at),
            durability_text(job.durability),
            job.key.as_ref().map(|key| &key.text),
            job.key.as_ref().map(|key| &key.request_hash),
            job.status.as_str(),
            job.priority,
            job.place,
            job.paused,
            job.attempt,
            job.lease.as_ref().map(|lease| lease.instance.as_str()),
            job.lease.as_ref().map(|lease| &lease.process),
            end.map(|end| ms(end.at)),
            end.map(|end| end.duration_ms),
            end.and_then(|end| end.problem.as_ref()).map(written),
            written(&job.labels),
            written(&job.request),
            job.caller.as_str(),
        ]);
    if let Err(error) = inserted {
        return Err(refused(connection, job, error));
    }
    let seq = connection.last_insert_rowid();
    if let Some(args) = &job.args {
        put_args(connection, seq, args)?;
    }
    if let Some(outcome) = &job.outcome {
        put_outcome(connection, seq, outcome)?;
    }
    put_labels(connection, seq, job.labels.iter())
}

/// A name or key that is there already is this job's own trouble; everything else is the group's.
fn refused(connection: &Connection, job: &Job, error: rusqlite::Error) -> Fault {
    if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) {
        return error.into();
    }
    let name_taken = || {
        Fault::Refused(Problem::new(
            Code::NAME_TAKEN,
            format!("There is already a job `{}`.", job.id),
        ))
    };
    if seq_of(connection, &job.id).is_ok() {
        return name_taken();
    }
    match other_of_key(connection, job) {
        Ok(Some(other)) => Fault::Refused(
            Problem::new(
                Code::JOB_KEY_TAKEN,
                format!("`{}` already has a job with this key.", job.caller.name()),
            )
            .of_call(&other),
        ),
        Ok(None) => name_taken(),
        Err(error) => error.into(),
    }
}

fn other_of_key(connection: &Connection, job: &Job) -> rusqlite::Result<Option<CallId>> {
    let Some(key) = &job.key else {
        return Ok(None);
    };
    let id: Option<String> = connection
        .prepare_cached("SELECT id FROM jobs WHERE caller_id = ?1 AND key = ?2 AND id <> ?3")?
        .query_row(
            params![job.caller.as_str(), key.text, job.id.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(id.map(Into::into))
}

fn apply_change(connection: &Connection, change: &JobChange) -> Result<(), Fault> {
    let seq = seq_of(connection, &change.id)?;
    let columns = columns(change);
    if !columns.is_empty() {
        let names: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, (name, _))| format!("{name} = ?{}", at + 2))
            .collect();
        let sql = format!("UPDATE jobs SET {} WHERE seq = ?1", names.join(", "));
        let values = columns.into_iter().map(|(_, value)| value);
        connection.prepare_cached(&sql)?.execute(params_from_iter(
            std::iter::once(Sql::Integer(seq)).chain(values),
        ))?;
    }
    if let Some(args) = &change.args {
        put_args(connection, seq, args)?;
    }
    match &change.outcome {
        Some(Some(outcome)) => put_outcome(connection, seq, outcome)?,
        Some(None) => {
            connection
                .prepare_cached("DELETE FROM outcomes WHERE seq = ?1")?
                .execute([seq])?;
        }
        None => {}
    }
    if let Some(labels) = &change.labels {
        connection
            .prepare_cached("DELETE FROM labels WHERE seq = ?1")?
            .execute([seq])?;
        put_labels(connection, seq, labels.iter())?;
    }
    Ok(())
}

/// The columns of the row itself that change.
fn columns(change: &JobChange) -> Vec<(&'static str, Sql)> {
    fn text(text: Option<&str>) -> Sql {
        text.map_or(Sql::Null, |text| Sql::Text(text.to_owned()))
    }
    let mut columns = Vec::new();
    let mut set = |name, value| columns.push((name, value));
    if let Some(status) = change.status {
        set("status", text(Some(status.as_str())));
    }
    if let Some(instance) = &change.instance {
        set(
            "instance",
            text(instance.as_ref().map(|name| name.as_str())),
        );
    }
    if let Some(priority) = change.priority {
        set("priority", Sql::Integer(priority.into()));
    }
    if let Some(place) = change.place {
        set("place", Sql::Integer(place));
    }
    if let Some(paused) = change.paused {
        set("paused", Sql::Integer(paused.into()));
    }
    if let Some(attempt) = change.attempt {
        set("attempt", Sql::Integer(attempt.into()));
    }
    if let Some(lease) = &change.lease {
        let lease = lease.as_ref();
        set(
            "lease_instance",
            text(lease.map(|lease| lease.instance.as_str())),
        );
        set(
            "lease_process",
            text(lease.map(|lease| lease.process.as_str())),
        );
    }
    if let Some(labels) = &change.labels {
        set("labels", Sql::Text(written(labels)));
    }
    if let Some(request) = &change.request {
        set("request", Sql::Text(written(request)));
    }
    if let Some(end) = &change.end {
        let end = end.as_ref();
        let problem = end.and_then(|end| end.problem.as_ref());
        set(
            "ended_at",
            end.map_or(Sql::Null, |end| Sql::Integer(ms(end.at))),
        );
        set(
            "duration_ms",
            end.map_or(Sql::Null, |end| Sql::Real(end.duration_ms)),
        );
        set(
            "problem",
            problem.map_or(Sql::Null, |problem| Sql::Text(written(problem))),
        );
    }
    columns
}

fn put_attempt(connection: &Connection, id: &CallId, attempt: &Attempt) -> Result<(), Fault> {
    let seq = seq_of(connection, id)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            seq,
            attempt.number,
            attempt.instance.as_str(),
            ms(attempt.started_at),
            attempt.ended_at.map(ms),
            attempt.status.as_str(),
            attempt.problem.as_ref().map(written),
        ])?;
    Ok(())
}

fn put_queue(connection: &Connection, state: &QueueState) -> Result<(), Fault> {
    if state.paused || state.draining {
        connection
            .prepare_cached("INSERT OR REPLACE INTO queues VALUES (?1, ?2, ?3)")?
            .execute(params![state.app.as_str(), state.paused, state.draining])?;
    } else {
        connection
            .prepare_cached("DELETE FROM queues WHERE app = ?1")?
            .execute([state.app.as_str()])?;
    }
    Ok(())
}

fn put_batch(connection: &Connection, batch: &Batch) -> Result<(), Fault> {
    let is_there = connection
        .prepare_cached("SELECT 1 FROM batches WHERE id = ?1")?
        .exists([&batch.id])?;
    if is_there {
        return Err(Fault::Refused(Problem::new(
            Code::NAME_TAKEN,
            format!("There is already a batch `{}`.", batch.id),
        )));
    }
    connection
        .prepare_cached("INSERT INTO batches(id, caller, asked_at, jobs, caller_id) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            batch.id,
            batch.caller.name().as_str(),
            ms(batch.asked_at),
            written(&batch.jobs),
            batch.caller.as_str(),
        ])?;
    for job in &batch.jobs {
        let seq = seq_of(connection, job)?;
        connection
            .prepare_cached("INSERT OR IGNORE INTO batch_jobs VALUES (?1, ?2)")?
            .execute(params![batch.id, seq])?;
    }
    Ok(())
}

fn put_args(connection: &Connection, seq: i64, args: &Map<String, Value>) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO args VALUES (?1, ?2)")?
        .execute(params![seq, written(args)])?;
    Ok(())
}

fn put_outcome(connection: &Connection, seq: i64, outcome: &OutcomeBody) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO outcomes VALUES (?1, ?2)")?
        .execute(params![seq, written(outcome)])?;
    Ok(())
}

fn put_labels<'a>(
    connection: &Connection,
    seq: i64,
    labels: impl Iterator<Item = (&'a String, &'a String)>,
) -> Result<(), Fault> {
    for (key, value) in labels {
        connection
            .prepare_cached("INSERT INTO labels VALUES (?1, ?2, ?3)")?
            .execute(params![key, value, seq])?;
    }
    Ok(())
}

fn seq_of(connection: &Connection, id: &CallId) -> Result<i64, Fault> {
    connection
        .prepare_cached("SELECT seq FROM jobs WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| {
            Fault::Refused(Problem::new(
                Code::CALL_UNKNOWN,
                format!("No job `{id}` is stored."),
            ))
        })
}

fn weight_of(value: &Value) -> usize {
    match value {
        Value::String(text) => 24 + text.len(),
        Value::Array(items) => 24 + items.iter().map(weight_of).sum::<usize>(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| 64 + key.len() + weight_of(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 24,
    }
}
