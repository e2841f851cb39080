//! Calls that are forgotten: those of before a time, or the oldest of those who have most until the file is small enough.
//!
//! In steps, each a transaction of its own. With the rows goes what the file says of itself: from when on it has
//! everything.

use std::collections::HashMap;

use hub::store::Purged;
use rusqlite::{Connection, ToSql, params};
use time::OffsetDateTime;

use super::facts::fact;
use crate::jobs::row::ms;
use crate::limits;
use crate::most::{self, Amount, give_room_back};

pub(super) struct Removed {
    pub(super) purged: Purged,
    /// In milliseconds.
    pub(super) since: i64,
}

/// From when on every call is here.
pub(super) fn since(connection: &Connection) -> rusqlite::Result<i64> {
    fact(connection, "since", ms(OffsetDateTime::now_utc()))
}

/// Without a time: all.
pub(super) fn before(connection: &Connection, before: Option<i64>) -> rusqlite::Result<Removed> {
    let now = ms(OffsetDateTime::now_utc());
    let mut removed = Removed {
        purged: Purged::default(),
        // Nothing is known of before the file was made either.
        since: since(connection)?.max(before.unwrap_or(now).min(now)),
    };
    say(connection, "since", removed.since)?;
    while step(connection, before.unwrap_or(i64::MAX), &mut removed)? {}
    give_room_back(connection)?;
    Ok(removed)
}

/// Whoever holds most forgets first.
pub(super) fn down_to(connection: &Connection, bytes_max: u64) -> rusqlite::Result<Removed> {
    let mut removed = Removed {
        purged: Purged::default(),
        since: since(connection)?,
    };
    let held = || {
        let sql =
            format!("SELECT caller_id, count(*), sum({WEIGHT}) FROM calls GROUP BY caller_id");
        most::by_caller(connection, &sql)
    };
    // Up to where each caller's oldest are gone, so that no step looks there again.
    let mut gone_to: HashMap<String, i64> = HashMap::new();
    let forget = |caller: &str, rows: usize| {
        let from = gone_to.get(caller).copied().unwrap_or(i64::MIN);
        let newest: Option<i64> = connection
            .prepare_cached(&format!("SELECT max(asked_at) FROM ({OLDEST})"))?
            .query_row(params![caller, from, rows], |row| row.get(0))?;
        let Some(newest) = newest else {
            return Ok(Amount::default());
        };
        gone_to.insert(caller.to_owned(), newest);
        removed.since = removed.since.max(newest.saturating_add(1));
        // Before they go: it never says more than is true.
        say(connection, "since", removed.since)?;
        let sql = format!(
            "DELETE FROM calls WHERE seq IN (SELECT seq FROM ({OLDEST}))
            RETURNING args_blob, {WEIGHT}"
        );
        delete(
            connection,
            &sql,
            params![caller, from, rows],
            &mut removed.purged,
        )
    };
    most::down_to(connection, bytes_max, held, forget)?;
    Ok(removed)
}

/// What a row weighs, about: its texts, and what every row has.
const WEIGHT: &str = "512 + length(outcome) + coalesce(length(args), 0)";

/// A caller's oldest rows, from a time on.
const OLDEST: &str = "SELECT seq, asked_at FROM calls WHERE caller_id = ?1 AND asked_at >= ?2 ORDER BY asked_at LIMIT ?3";

/// Another number for a name that the table of facts has.
pub(super) fn say(connection: &Connection, name: &str, number: i64) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE facts SET value = ?2 WHERE name = ?1",
        params![name, number],
    )?;
    Ok(())
}

/// Some rows; `false` when there are no more.
fn step(connection: &Connection, before: i64, removed: &mut Removed) -> rusqlite::Result<bool> {
    let sql = format!(
        "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls WHERE asked_at < ?1 LIMIT ?2)
         RETURNING args_blob, {WEIGHT}"
    );
    let purged = &mut removed.purged;
    let gone = delete(
        connection,
        &sql,
        params![before, limits::PURGE_ROWS],
        purged,
    )?;
    Ok(gone.rows == limits::PURGE_ROWS)
}

/// Rows go, and the blobs with their arguments; one that other calls name as well stays.
fn delete(
    connection: &Connection,
    sql: &str,
    which: &[&dyn ToSql],
    purged: &mut Purged,
) -> rusqlite::Result<Amount> {
    let mut blobs = std::mem::take(&mut purged.blobs);
    let mut gone = Amount::default();
    {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(which)?;
        while let Some(row) = rows.next()? {
            gone.rows += 1;
            gone.bytes += row.get::<_, u64>(1)?;
            blobs.extend(row.get::<_, Option<String>>(0)?);
        }
    }
    purged.calls += gone.rows as u64;
    blobs.sort();
    blobs.dedup();
    for blob in blobs {
        let is_named: bool = connection
            .prepare_cached("SELECT EXISTS(SELECT 1 FROM calls WHERE args_blob = ?1)")?
            .query_row([&blob], |row| row.get(0))?;
        if !is_named {
            purged.blobs.push(blob);
        }
    }
    Ok(gone)
}
