//! Tells MCP clients of this Kapelle: one entry in each client's own configuration.
//!
//! In come the names of clients (or none: those that are here) and how the server is started; out goes
//! what was, or would be, written where. Nobody's file is touched that cannot be read whole, and what is
//! replaced is kept beside it. The server itself is not started here and no client is run.
//!
//! | module | what it is |
//! |---|---|
//! | `table` | the clients, as data |
//! | `machine` | where things are on this machine, and which clients are here |
//! | `entry` | what is written |
//! | `json`, `toml` | text in, text out: everything else in the file stays as it was |
//! | `file` | backup, draft, rename |

use std::path::{Path, PathBuf};

use client::problems;
use serde::Serialize;
use wire::{Code, Problem};

pub(crate) mod entry;
mod file;
mod json;
pub(crate) mod machine;
pub(crate) mod table;
mod toml;

use entry::Entry;
use machine::Machine;
use table::{Client, Form};

/// What is to become of a client's entry.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Put(Entry),
    Remove,
}

/// What a client's file holds and what it shall hold.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) client: &'static Client,
    pub(crate) path: PathBuf,
    before: Option<String>,
    pub(crate) after: String,
}

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    pub(crate) client: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) changed: bool,
    pub(crate) backup: Option<PathBuf>,
    pub(crate) then: &'static str,
}

/// Reads a client's file and works out what it becomes; writes nothing.
///
/// # Errors
/// `config_broken` with the reason when it is not what the client itself would take.
pub(crate) fn plan(
    machine: &Machine<'_>,
    client: &'static Client,
    edit: &Edit,
) -> Result<Plan, Box<Problem>> {
    let path = machine.config(client);
    let before =
        file::read(&path).map_err(|error| problems::file(&path, "cannot be read", &error))?;
    let text = before.as_deref().unwrap_or_default();
    let after = match (edit, client.form) {
        (Edit::Put(entry), Form::Toml) => toml::put(text, entry),
        (Edit::Put(entry), form) => json::put(text, form, entry),
        (Edit::Remove, _) if before.is_none() => Ok(String::new()),
        (Edit::Remove, Form::Toml) => toml::take_out(text),
        (Edit::Remove, form) => json::take_out(text, form),
    };
    Ok(Plan {
        client,
        after: after.map_err(|why| broken(client, &path, &why))?,
        path,
        before,
    })
}

impl Plan {
    pub(crate) fn changes(&self) -> bool {
        self.before.as_deref().unwrap_or_default() != self.after
    }

    /// Writes it, if it changes anything.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is whole then.
    pub(crate) fn carry_out(self) -> Result<Done, Box<Problem>> {
        let changed = self.changes();
        let backup = if changed {
            file::replace(&self.path, &self.after)
                .map_err(|error| problems::file(&self.path, "cannot be written", &error))?
        } else {
            None
        };
        Ok(Done {
            client: self.client.id,
            path: self.path,
            changed,
            backup,
            then: self.client.then,
        })
    }
}

fn broken(client: &Client, path: &Path, why: &str) -> Box<Problem> {
    problems::new(
        Code::CONFIG_BROKEN,
        format!(
            "{}'s {} cannot be used: {why}. It was left unchanged.",
            client.title,
            path.display()
        ),
        format!(
            "Fix the file and try again; or add the entry by hand, which `kapelle mcp install {} --print` shows once the file is fixed.",
            client.id
        ),
    )
}

#[cfg(fuzzing)]
pub(crate) fn fuzzing(text: &str) {
    let entry = Entry {
        command: "/bin/kapelle".to_owned(),
        args: vec!["mcp".to_owned()],
        home: text.starts_with('{').then(|| "/home".to_owned()),
    };
    json::fuzzing(text, &entry);
    toml::fuzzing(text, &entry);
}
