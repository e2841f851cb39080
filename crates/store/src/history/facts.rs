//! The table of facts: what the file says of itself, as numbers by name.

use rusqlite::{Connection, OptionalExtension as _, params};

/// The number of a name in the table of facts; that one when it has none yet.
pub(super) fn fact(connection: &Connection, name: &str, or: i64) -> rusqlite::Result<i64> {
    // A look first: an insert that changes nothing is a write all the same, and fails where there is no room.
    let known = connection
        .query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    connection.execute("INSERT INTO facts VALUES (?1, ?2)", params![name, or])?;
    Ok(or)
}
