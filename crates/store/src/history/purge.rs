//! Calls that are forgotten: those of before a time, or the oldest ones until the file is small enough.
//!
//! In steps, each a transaction of its own. With the rows goes what the file says of itself: from when on it has
//! everything.

use hub::store::Purged;
use rusqlite::{Connection, OptionalExtension as _, params};
use time::OffsetDateTime;

use super::fact;
use crate::jobs::row::ms;
use crate::jobs::write::give_room_back;
use crate::limits;

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

/// Down to nine tenths of the bound, so that not every look has something to do.
pub(super) fn down_to(connection: &Connection, bytes_max: u64) -> rusqlite::Result<Removed> {
    let mut removed = Removed {
        purged: Purged::default(),
        since: since(connection)?,
    };
    if bytes(connection)? <= bytes_max {
        return Ok(removed);
    }
    while bytes(connection)? > bytes_max / 10 * 9 {
        let oldest: Option<i64> = connection
            .prepare_cached("SELECT asked_at FROM calls ORDER BY asked_at LIMIT 1 OFFSET ?1")?
            .query_row([limits::PURGE_ROWS], |row| row.get(0))
            .optional()?;
        let until = oldest.unwrap_or(i64::MAX - 1).saturating_add(1);
        let newest_gone: Option<i64> = connection.query_row(
            "SELECT max(asked_at) FROM calls WHERE asked_at < ?1",
            [until],
            |row| row.get(0),
        )?;
        let Some(newest_gone) = newest_gone else {
            break;
        };
        removed.since = removed.since.max(newest_gone.saturating_add(1));
        say(connection, "since", removed.since)?;
        while step(connection, until, &mut removed)? {}
    }
    give_room_back(connection)?;
    Ok(removed)
}

/// What the rows need, without the pages that wait to be given back.
fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
    let pages = ask("PRAGMA page_count")?.saturating_sub(ask("PRAGMA freelist_count")?);
    Ok(pages * ask("PRAGMA page_size")?)
}

/// Another number for a name that the table of facts has.
pub(super) fn say(connection: &Connection, name: &str, number: i64) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE facts SET value = ?2 WHERE name = ?1",
        params![name, number],
    )?;
    Ok(())
}

/// Some rows; `false` when there are no more. A blob that other calls name as well stays.
fn step(connection: &Connection, before: i64, removed: &mut Removed) -> rusqlite::Result<bool> {
    let mut blobs = Vec::new();
    let mut gone = 0;
    {
        let mut statement = connection.prepare_cached(
            "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls WHERE asked_at < ?1 LIMIT ?2)
             RETURNING args_blob",
        )?;
        let mut rows = statement.query(params![before, limits::PURGE_ROWS])?;
        while let Some(row) = rows.next()? {
            gone += 1;
            blobs.extend(row.get::<_, Option<String>>(0)?);
        }
    }
    removed.purged.calls += gone as u64;
    blobs.extend(std::mem::take(&mut removed.purged.blobs));
    blobs.sort();
    blobs.dedup();
    for blob in blobs {
        let is_named: bool = connection
            .prepare_cached("SELECT EXISTS(SELECT 1 FROM calls WHERE args_blob = ?1)")?
            .query_row([&blob], |row| row.get(0))?;
        if !is_named {
            removed.purged.blobs.push(blob);
        }
    }
    Ok(gone == limits::PURGE_ROWS)
}
