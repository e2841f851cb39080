//! Ids by their beginning, for people who type only that.
//!
//! In comes a beginning and whose ids are looked for; out come some that fit, by the index of the ids.

use hub::store::Like;
use rusqlite::{Connection, params};
use wire::CallerName;

use crate::readers::Fault;

/// Ids of a table that begin so; those of the table's key.
pub(crate) fn ids(connection: &Connection, table: &str, like: &Like) -> Result<Vec<String>, Fault> {
    let sql = format!(
        "SELECT id FROM {table} WHERE id >= ?1 AND id < ?2 AND caller = ifnull(?3, caller) LIMIT ?4"
    );
    // No id has a character beyond it.
    let end = format!("{}~", like.prefix);
    let caller = like.caller.as_ref().map(CallerName::as_str);
    let limit = i64::try_from(like.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map(params![like.prefix, end, caller, limit], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}
