//! A call's row, and the way to a [`CallRecord`] and back.

use std::sync::Arc;

use hub::clock::rfc3339;
use hub::store::CallRecord;
use hub::store::CallsWanted;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params, params_from_iter};
use wire::{CallId, CallView, Effect, Status};

use crate::jobs::row::{caller, ms, read, time, written};
use crate::problems::strange_row;
use crate::readers;
use crate::writer::Fault;

/// What [`record`] reads, in its order.
const COLUMNS: &str = "id, asked_at, app, instance, command, caller, correlation_id, effect, status, \
    args, args_blob, outcome, parent_id, subject, undone_by, caller_id";

/// A call that is there already gets its end anew, and nothing else.
pub(super) fn put(connection: &Connection, record: &CallRecord) -> Result<(), Fault> {
    let view = &record.view;
    connection
        .prepare_cached(
            "INSERT INTO calls(id, asked_at, app, instance, command, caller, correlation_id, effect, status, args,
                args_blob, outcome, parent_id, subject, undone_by, caller_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT(id) DO UPDATE SET status = excluded.status, outcome = excluded.outcome",
        )?
        .execute(params![
            view.call_id.as_str(),
            ms(record.asked_at),
            view.app.as_str(),
            view.instance.as_str(),
            view.command,
            view.caller,
            view.correlation_id,
            record.effect.as_str(),
            view.status.as_str(),
            view.args.as_ref().map(written),
            record.args_blob,
            written(&view.outcome),
            view.parent_id.as_ref().map(CallId::as_str),
            view.subject,
            view.undone_by.as_ref().map(CallId::as_str),
            record.caller.as_str(),
        ])?;
    Ok(())
}

pub(super) fn by_id(
    connection: &Connection,
    id: &CallId,
) -> Result<Option<CallRecord>, readers::Fault> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(record).transpose()
}

pub(super) fn list(
    connection: &Connection,
    wanted: &CallsWanted,
) -> Result<Vec<CallRecord>, readers::Fault> {
    let mut filters = vec!["1".to_owned()];
    let mut values = Vec::new();
    let named = [
        ("app = ?", wanted.app.as_ref().map(|app| app.as_str())),
        (
            "instance = ?",
            wanted.instance.as_ref().map(|name| name.as_str()),
        ),
        ("id < ?", wanted.before.as_ref().map(|id| id.as_str())),
    ];
    for (filter, value) in named {
        if let Some(value) = value {
            filters.push(filter.to_owned());
            values.push(Sql::Text(value.to_owned()));
        }
    }
    if let Some(status) = wanted.status {
        // Written out, so that the index of those that did not succeed is seen to fit.
        filters.push(format!("status = '{}'", status.as_str()));
    }
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
    values.push(Sql::Integer(limit));
    let sql = format!(
        "SELECT {COLUMNS} FROM calls WHERE {} ORDER BY id DESC LIMIT ?",
        filters.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> Result<CallRecord, readers::Fault> {
    let asked_at = time(row.get(1)?)?;
    let args: Option<String> = row.get(9)?;
    let view = CallView {
        durability: None,
        call_id: row.get::<_, String>(0)?.into(),
        correlation_id: row.get(6)?,
        parent_id: row.get::<_, Option<String>>(12)?.map(Into::into),
        app: row.get::<_, String>(2)?.into(),
        instance: row.get::<_, String>(3)?.into(),
        command: row.get(4)?,
        subject: row.get(13)?,
        undone_by: row.get::<_, Option<String>>(14)?.map(Into::into),
        caller: row.get(5)?,
        status: word::<Status>("status", row.get(8)?)?,
        asked_at: rfc3339(asked_at),
        args: args.map(|text| read(&text)).transpose()?.map(Arc::new),
        position: None,
        behind: None,
        progress: None,
        outcome: read::<Option<_>>(&row.get::<_, String>(11)?)?.map(Arc::new),
    };
    Ok(CallRecord {
        caller: caller(&row.get::<_, String>(15)?, &view.caller),
        view,
        effect: word::<Effect>("effect", row.get(7)?)?,
        asked_at,
        args_blob: row.get(10)?,
    })
}

/// A word as serde knows it.
fn word<T: serde::de::DeserializeOwned>(what: &str, text: String) -> Result<T, readers::Fault> {
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|error| strange_row(what, &error).into())
}
