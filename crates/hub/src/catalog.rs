//! What can be asked: apps, their commands, and whether a call is well formed.
//!
//! In comes a command's name and its arguments; out comes the command with its arguments checked and
//! defaulted, or a problem with the names that exist. Commands come from our apps at the start and
//! from bridges that announce their own. Whether the caller may is [`crate::policy`]'s question.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use serde_json::{Map, Value};
use wire::{AppId, Code, CommandSpec, Problem, Runs};

use crate::app::App;
use crate::find::{Found, Index};
use crate::limits;
use crate::secrets::Marked;

mod check;
mod fit;

pub use check::{Form, Unfit};

/// A command with its schema compiled.
pub struct Command {
    pub spec: CommandSpec,
    /// Which arguments are never written down.
    pub marked: Arc<Marked>,
    form: Form,
}

/// One app and what it can do.
pub struct AppEntry {
    pub id: AppId,
    pub title: String,
    /// Whether the commands come from a bridge and not from an app folder.
    pub announced: bool,
    pub app: Option<Arc<dyn App>>,
    commands: BTreeMap<String, Arc<Command>>,
    index: Index,
}

impl AppEntry {
    pub fn commands(&self) -> impl Iterator<Item = &Arc<Command>> {
        self.commands.values()
    }

    /// The commands that fit these words, best first.
    #[must_use]
    pub fn find(&self, query: &str) -> Vec<Found> {
        self.index.search(query)
    }

    /// # Errors
    /// `command_unknown`, with near names or all of them.
    pub fn command(&self, name: &str) -> Result<&Arc<Command>, Problem> {
        self.commands.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.commands.keys().map(String::as_str).collect();
            Problem::new(
                Code::COMMAND_UNKNOWN,
                format!("{} has no command `{name}`.", self.title),
            )
            .hint(near_or_all(name, &names, "The commands are"))
        })
    }
}

/// All apps that this hub knows.
#[derive(Default)]
pub struct Catalog {
    apps: RwLock<BTreeMap<AppId, Arc<AppEntry>>>,
}

impl Catalog {
    /// # Errors
    /// When a description's schema is no schema: a fault of the app's folder.
    pub fn new(apps: Vec<Arc<dyn App>>) -> Result<Self, Problem> {
        let catalog = Self::default();
        for app in apps {
            let (id, title, specs) = (app.id(), app.title().to_owned(), app.commands());
            catalog.put(id, title, false, Some(app), specs)?;
        }
        Ok(catalog)
    }

    #[must_use]
    pub fn apps(&self) -> Vec<Arc<AppEntry>> {
        self.read().values().cloned().collect()
    }

    /// An app by its name, in whatever case it is typed.
    ///
    /// # Errors
    /// `app_unknown`, with the apps that are known.
    pub fn app(&self, id: &AppId) -> Result<Arc<AppEntry>, Problem> {
        let apps = self.read();
        let same = || {
            let mut like = apps
                .iter()
                .filter(|(known, _)| known.as_str().eq_ignore_ascii_case(id.as_str()));
            like.next().map(|(_, entry)| entry)
        };
        apps.get(id).or_else(same).cloned().ok_or_else(|| {
            let names: Vec<&str> = apps.keys().map(AppId::as_str).collect();
            Problem::new(Code::APP_UNKNOWN, format!("There is no app `{id}`.")).hint(near_or_all(
                id.as_str(),
                &names,
                "The apps are",
            ))
        })
    }

    /// Takes the commands that a bridge announces, for an app that has no folder here.
    ///
    /// # Errors
    /// `arguments_invalid` when a description cannot be used.
    pub fn announce(&self, id: &AppId, specs: Vec<CommandSpec>) -> Result<(), Problem> {
        if self.read().get(id).is_some_and(|entry| !entry.announced) {
            return Ok(());
        }
        if !wire::id::is_plain_name(id.as_str()) || specs.len() > limits::ANNOUNCED_COMMANDS_MAX {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!("The bridge announced an app `{id}` with an invalid name or too many commands."),
            )
            .hint(format!(
                "An app's name consists of letters, digits, `-`, `_` and `.`; it can announce up to {} commands.",
                limits::ANNOUNCED_COMMANDS_MAX
            )));
        }
        if let Some(spec) = specs.iter().find(|spec| spec.runs == Runs::Hub) {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!(
                    "The bridge announced `{}` as a command that the hub runs.",
                    spec.name
                ),
            )
            .hint("A bridge can only announce commands that its own program runs."));
        }
        if specs.is_empty() && self.read().contains_key(id) {
            return Ok(());
        }
        self.put(id.clone(), id.to_string(), true, None, specs)
    }

    fn put(
        &self,
        id: AppId,
        title: String,
        announced: bool,
        app: Option<Arc<dyn App>>,
        specs: Vec<CommandSpec>,
    ) -> Result<(), Problem> {
        let index = Index::new(&id, specs.iter());
        let mut commands = BTreeMap::new();
        for spec in specs {
            let form = Form::new(spec.args.clone()).map_err(|error| {
                Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!(
                        "The argument schema of `{}` cannot be used: {error}.",
                        spec.name
                    ),
                )
            })?;
            let marked = Arc::new(Marked::of(&spec.args));
            let command = Command { spec, marked, form };
            commands.insert(command.spec.name.clone(), Arc::new(command));
        }
        let entry = AppEntry {
            id: id.clone(),
            title,
            announced,
            app,
            commands,
            index,
        };
        self.apps
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(id, Arc::new(entry));
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<AppId, Arc<AppEntry>>> {
        self.apps
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Command {
    /// Checks the arguments and fills in the defaults.
    ///
    /// # Errors
    /// `arguments_invalid`: which argument, what was wrong, what would be right.
    pub fn check(&self, args: Map<String, Value>) -> Result<Map<String, Value>, Problem> {
        self.form.check(args).map_err(|unfit| {
            let name = &self.spec.name;
            let message = format!("{name}: {}", unfit.message);
            Problem::new(Code::ARGUMENTS_INVALID, message)
                .hint(unfit.hint)
                .detail("command", name.clone())
        })
    }
}

/// "Did you mean …?" when something is near, else all that there is (in bounds).
#[must_use]
pub fn near_or_all(wrong: &str, names: &[&str], lead: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let mut near: Vec<(f64, &str)> = names
        .iter()
        .map(|name| (nearness(wrong, name), *name))
        .filter(|(score, _)| *score > 0.72)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(3);
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(|(_, name)| format!("`{name}`")).collect();
        return format!("Did you mean {}?", near.join(" or "));
    }
    if names.is_empty() {
        return format!("{lead}: none.");
    }
    let more = names.len().saturating_sub(SHOWN_MAX);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 {
        format!("{lead}: {shown} and {more} more.")
    } else {
        format!("{lead}: {shown}.")
    }
}

/// 0 to 1. `cube.create` for `create.cube`, `object_create` and `create` should all find
/// `object.create`, so the parts are compared as well as the whole.
fn nearness(wrong: &str, name: &str) -> f64 {
    let (wrong, name) = (wrong.to_lowercase().replace('_', "."), name.to_lowercase());
    let whole = strsim::jaro_winkler(&wrong, &name);
    let part = name
        .split('.')
        .map(|part| {
            if part.len() > 3 {
                strsim::jaro_winkler(&wrong, part)
            } else {
                0.0
            }
        })
        .fold(0.0, f64::max);
    whole.max(part * 0.9).max(typo(&wrong, &name))
}

/// Likes one slip of the fingers in every four letters, also where the word is short.
fn typo(wrong: &str, name: &str) -> f64 {
    let slips = strsim::osa_distance(wrong, name);
    let allowed = name.chars().count().div_ceil(4);
    if slips <= allowed { 0.8 } else { 0.0 }
}
