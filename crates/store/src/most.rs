//! Down to a bound: whoever holds most in a file loses its oldest rows first, so that nobody's flood makes others' forgotten.
//!
//! In comes what each caller holds; the caller of this room deletes. In steps, each a transaction of its own.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::limits;

/// What somebody holds that may go, or what has gone of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
}

/// Down to nine tenths of the bound, so that not every look has something to do. `held`: asked only when it is over the
/// bound. `forget`: so many of a caller's oldest rows; it gives what has gone. Whether anything has.
pub(crate) fn down_to(
    connection: &Connection,
    bytes_max: u64,
    held: impl FnOnce() -> rusqlite::Result<HashMap<String, Amount>>,
    mut forget: impl FnMut(&str, usize) -> rusqlite::Result<Amount>,
) -> rusqlite::Result<bool> {
    if bytes(connection)? <= bytes_max {
        return Ok(false);
    }
    let target = bytes_max / 10 * 9;
    let mut held = held()?;
    loop {
        let over = bytes(connection)?.saturating_sub(target);
        let most = held.iter().max_by_key(|(_, amount)| amount.bytes);
        let Some((caller, amount)) = most.map(|(caller, amount)| (caller.clone(), *amount)) else {
            break;
        };
        if over == 0 {
            break;
        }
        let each = (amount.bytes / amount.rows.max(1) as u64).max(1);
        let rows = usize::try_from(over / each + 1).unwrap_or(usize::MAX);
        let gone = forget(&caller, rows.min(limits::PURGE_ROWS))?;
        let left = Amount {
            rows: amount.rows.saturating_sub(gone.rows),
            bytes: amount.bytes.saturating_sub(gone.bytes),
        };
        match gone.rows > 0 && left.rows > 0 {
            true => held.insert(caller, left),
            false => held.remove(&caller),
        };
    }
    give_room_back(connection)?;
    Ok(true)
}

/// Pages that hold nothing any more go back to the disk.
pub(crate) fn give_room_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// What the rows need, without the pages that wait to be given back.
fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
    let pages = ask("PRAGMA page_count")?.saturating_sub(ask("PRAGMA freelist_count")?);
    Ok(pages * ask("PRAGMA page_size")?)
}

/// From rows of a caller, a count and a sum of bytes.
pub(crate) fn by_caller(
    connection: &Connection,
    sql: &str,
) -> rusqlite::Result<HashMap<String, Amount>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let amount = Amount {
            rows: row.get(1)?,
            bytes: row.get(2)?,
        };
        Ok((row.get(0)?, amount))
    })?;
    rows.collect()
}
