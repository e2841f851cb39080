//! Pages of jobs, newest first.
//!
//! The places of the rows are found first, by an index alone, one walk for each status that is wanted; only the
//! rows of the page are read. So a page costs the same with ten jobs and with 100,000.

use hub::store::{JobsPage, JobsWanted};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use wire::{Code, JobStatus, Problem};

use super::row;
use crate::limits;
use crate::readers::Fault;

pub(super) fn page(connection: &Connection, wanted: &JobsWanted) -> Result<JobsPage, Fault> {
    let before = cursor(wanted)?;
    let limit = wanted.limit.min(limits::PAGE_JOBS_MAX);
    // One more than the page shows whether there is a next one.
    let mut places = places(connection, wanted, before, limit + 1)?;
    places.sort_unstable_by(|a, b| b.cmp(a));
    places.dedup();
    let has_more = places.len() > limit;
    places.truncate(limit);
    let next_cursor = has_more.then(|| {
        let last = places.last().copied().unwrap_or(before);
        last.to_string()
    });
    let jobs = places
        .iter()
        .filter_map(|place| row::by_seq(connection, *place).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(JobsPage { jobs, next_cursor })
}

fn cursor(wanted: &JobsWanted) -> Result<i64, Fault> {
    let Some(cursor) = &wanted.cursor else {
        return Ok(i64::MAX);
    };
    cursor.parse().map_err(|_| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`{cursor}` is not a cursor of this list."),
        )
        .hint("Use `next_cursor` from the previous page, or leave it out for the first page.")
        .into()
    })
}

fn places(
    connection: &Connection,
    wanted: &JobsWanted,
    before: i64,
    limit: usize,
) -> Result<Vec<i64>, Fault> {
    let (mut from, mut filters, mut values) = ("jobs".to_owned(), String::new(), Vec::new());
    if let Some((key, value)) = &wanted.label {
        // The label's own index leads; its rows are in the order of the jobs.
        from = "labels CROSS JOIN jobs ON jobs.seq = labels.seq".to_owned();
        filters.push_str(" AND labels.key = ? AND labels.value = ?");
        values.extend([Sql::Text(key.clone()), Sql::Text(value.clone())]);
    }
    let named = [
        ("app", wanted.app.as_ref().map(|app| app.as_str())),
        (
            "instance",
            wanted.instance.as_ref().map(|name| name.as_str()),
        ),
        (
            "caller",
            wanted.caller.as_ref().map(|caller| caller.as_str()),
        ),
        ("caller_id", wanted.owner.as_ref().map(|id| id.as_str())),
    ];
    for (column, value) in named {
        if let Some(value) = value {
            filters.push_str(&format!(" AND jobs.{column} = ?"));
            values.push(Sql::Text(value.to_owned()));
        }
    }
    let table = if wanted.label.is_some() {
        "labels"
    } else {
        "jobs"
    };
    let ask = |status: Option<JobStatus>| -> Result<Vec<i64>, Fault> {
        let of_status = if status.is_some() {
            " AND jobs.status = ?"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {table}.seq FROM {from} WHERE {table}.seq < ?{filters}{of_status}
             ORDER BY {table}.seq DESC LIMIT ?"
        );
        let status = status.map(|status| Sql::Text(status.as_str().to_owned()));
        let last = Sql::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
        let all = std::iter::once(Sql::Integer(before))
            .chain(values.iter().cloned())
            .chain(status)
            .chain(std::iter::once(last));
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(all), |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let any: &[JobStatus] = match wanted.statuses.is_empty() {
        // The indexes of app, caller and instance have the status before the place.
        true if wanted.label.is_none() && !filters.is_empty() => &JobStatus::ALL,
        true => return ask(None),
        false => &wanted.statuses,
    };
    let mut found = Vec::new();
    for status in any {
        found.extend(ask(Some(*status))?);
    }
    Ok(found)
}
