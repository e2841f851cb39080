//! What bridges announce: each speaks for its own instance, and for nobody else.
//!
//! In come the commands of an instance of an app that has no folder here; out goes, for a call that names the
//! instance, its own description, and for the app as a whole the union of what is announced. Where two describe one
//! command differently, the stricter effect is told, and a call must say which instance it means. When an instance
//! leaves, what it announced goes with it, and with the last one the app.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wire::command::role;
use wire::{AppId, Code, CommandSpec, InstanceName, Problem, Runs};

use super::{AppEntry, Catalog, Command, Known, compile, entry, schema};
use crate::limits;

/// What one bridge announces, checked: it can be kept once the instance has a name. Nothing for an app with a folder.
pub struct Announced(Option<Arc<AppEntry>>);

impl Catalog {
    /// Looks at what a bridge announces, and makes it ready for use.
    ///
    /// # Errors
    /// `arguments_invalid` when a description cannot be used.
    pub fn check_announced(
        &self,
        id: &AppId,
        mut specs: Vec<CommandSpec>,
    ) -> Result<Announced, Problem> {
        let has_folder = |known: &Known| !known.entry.announced;
        if self.read().get(id).is_some_and(has_folder) {
            return Ok(Announced(None));
        }
        if !wire::id::is_plain_name(id.as_str()) || specs.len() > limits::ANNOUNCED_COMMANDS_MAX {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!(
                    "The bridge's app `{}`, or the number of its commands, cannot be accepted.",
                    id.as_str().escape_debug()
                ),
            )
            .hint(format!(
                "An app's name consists of letters, digits, `-`, `_` and `.`; an app can announce \
                 up to {} commands.",
                limits::ANNOUNCED_COMMANDS_MAX
            )));
        }
        for spec in &specs {
            check_spec(spec)?;
        }
        with_roles(&mut specs);
        let before = self.read().get(id).map(|known| known.by.clone());
        let own = match before.as_ref().and_then(|by| same_as_one(by, &specs)) {
            // What several say alike is kept once.
            Some(entry) => entry,
            None => Arc::new(entry(id.clone(), id.to_string(), None, compile(specs)?)),
        };
        Ok(Announced(Some(own)))
    }

    /// Keeps what an instance announced, in place of what it announced before.
    pub fn announce(&self, id: &AppId, instance: &InstanceName, announced: Announced) {
        let Some(own) = announced.0 else {
            return;
        };
        let mut apps = self.write();
        let known = apps.entry(id.clone()).or_insert_with(|| Known {
            entry: Arc::clone(&own),
            by: BTreeMap::new(),
        });
        known.by.insert(instance.clone(), own);
        known.entry = union(id, &known.by);
    }

    /// An instance has left: what it announced is forgotten.
    pub fn leave(&self, id: &AppId, instance: &InstanceName) {
        let mut apps = self.write();
        let Some(known) = apps.get_mut(id) else {
            return;
        };
        if known.by.remove(instance).is_none() {
            return;
        }
        if known.by.is_empty() {
            apps.remove(id);
        } else {
            known.entry = union(id, &known.by);
        }
    }
}

/// A bridge that was written before there were roles says of none of its commands what its role is.
fn with_roles(specs: &mut [CommandSpec]) {
    if specs.iter().all(|spec| spec.role.is_none()) {
        for spec in specs {
            spec.role = role::of_name(&spec.name).map(str::to_owned);
        }
    }
}

fn check_spec(spec: &CommandSpec) -> Result<(), Problem> {
    if spec.runs == Runs::Hub {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "The bridge's command `{}` says that the hub runs it.",
                spec.name
            ),
        )
        .hint("A bridge can only announce what its own program runs."));
    }
    if let Some(role) = spec
        .role
        .as_deref()
        .filter(|role| !wire::id::is_plain_name(role))
    {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "The role `{}` of `{}` cannot be taken.",
                role.escape_debug(),
                spec.name
            ),
        )
        .hint(format!(
            "A role is one word, for example {}.",
            role::known().collect::<Vec<_>>().join(", ")
        )));
    }
    schema::stands_alone(spec)
}

/// What another instance announced in the same words.
fn same_as_one(
    by: &BTreeMap<InstanceName, Arc<AppEntry>>,
    specs: &[CommandSpec],
) -> Option<Arc<AppEntry>> {
    let is_same = |entry: &&Arc<AppEntry>| {
        entry.commands.len() == specs.len()
            && specs.iter().all(|spec| {
                entry
                    .commands
                    .get(&spec.name)
                    .is_some_and(|own| own.spec == *spec)
            })
    };
    by.values().find(is_same).cloned()
}

/// What is told of the app as a whole.
fn union(id: &AppId, by: &BTreeMap<InstanceName, Arc<AppEntry>>) -> Arc<AppEntry> {
    let mut all = by.values();
    let Some(first) = all.next() else {
        return Arc::new(entry(id.clone(), id.to_string(), None, BTreeMap::new()));
    };
    if all.clone().all(|entry| Arc::ptr_eq(entry, first)) {
        return Arc::clone(first);
    }
    let mut commands = first.commands.clone();
    let mut disputed = BTreeSet::new();
    for (name, command) in all.flat_map(|entry| &entry.commands) {
        let Some(told) = commands.get_mut(name) else {
            commands.insert(name.clone(), Arc::clone(command));
            continue;
        };
        if told.spec != command.spec {
            disputed.insert(name.clone());
            if command.spec.effect > told.spec.effect {
                *told = Arc::clone(command);
            }
        }
    }
    let mut union = entry(id.clone(), id.to_string(), None, commands);
    union.disputed = disputed;
    Arc::new(union)
}

impl Command {
    /// Whether the other is the same command in the same words.
    #[must_use]
    pub fn is_same_as(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other) || self.spec == other.spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who reads twice while somebody waits to write in between waits for ever.
    #[test]
    fn apps_are_read_while_bridges_leave() {
        let catalog = Catalog::default();
        let (app, instance) = (AppId::from("lamp"), InstanceName::from("lamp"));
        let rounds = || 0..20_000;
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for _ in rounds() {
                    let announced = catalog.check_announced(&app, Vec::new());
                    catalog.announce(&app, &instance, announced.expect("no commands are fine"));
                    catalog.leave(&app, &instance);
                }
            });
            threads.spawn(|| {
                for _ in rounds() {
                    drop(catalog.app_of(&app, &instance));
                    drop(catalog.app_of(&app, &"another".into()));
                }
            });
        });
        assert_eq!(catalog.apps().len(), 0);
    }
}
