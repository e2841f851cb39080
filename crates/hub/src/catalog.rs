//! What can be asked: apps, their commands, and whether a call is well formed.
//!
//! In comes a command's name and its arguments; out comes the command with its arguments checked and
//! defaulted, or a problem with the names that exist. Commands come from our apps at the start and
//! from bridges that announce their own ([`announced`]). Whether the caller may is [`crate::policy`]'s question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use serde_json::{Map, Value};
use wire::command::role;
use wire::{AppId, Code, CommandSpec, InstanceName, Problem};

use crate::app::App;
use crate::find::{Found, Index};
use crate::secrets::Marked;

mod announced;
mod check;
mod fit;
mod near;
mod schema;

pub use check::{Form, Unfit};
pub use near::near_or_all;

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
    /// What its instances describe differently; never filled for an app with a folder.
    disputed: BTreeSet<String>,
    index: Index,
}

impl AppEntry {
    pub fn commands(&self) -> impl DoubleEndedIterator<Item = &Arc<Command>> {
        self.commands.values()
    }

    /// The app's own side, which knows how a copy is started.
    ///
    /// # Errors
    /// `not_supported` for an app that only its bridges describe, or that is never started here.
    pub fn startable(&self) -> Result<Arc<dyn App>, Problem> {
        self.app.clone().filter(|app| app.starts()).ok_or_else(|| {
            Problem::new(
                Code::NOT_SUPPORTED,
                format!("The hub cannot start {}.", self.title),
            )
            .hint("Start the program yourself; its bridge then connects by itself.")
        })
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

    /// The command that has a role: of several the one that takes most of these arguments.
    ///
    /// # Errors
    /// `not_supported` when the app has none, with the roles that it has.
    pub fn command_for(&self, role: &str, args: &[&str]) -> Result<&Arc<Command>, Problem> {
        let able = self
            .commands()
            .filter(|command| command.spec.has_role(role));
        let taken =
            |command: &&Arc<Command>| args.iter().filter(|name| command.spec.takes(name)).count();
        // The first of those that take as many, in the order of their names.
        able.rev().max_by_key(taken).ok_or_else(|| self.lacks(role))
    }

    fn lacks(&self, role: &str) -> Problem {
        let roles: BTreeSet<&str> = self
            .commands()
            .filter_map(|command| command.spec.role.as_deref())
            .collect();
        let roles: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
        let message = format!(
            "{} cannot {}: none of its commands has the role `{role}`.",
            self.title,
            role::what(role)
        );
        Problem::new(Code::NOT_SUPPORTED, message).hint(match roles.as_slice() {
            [] => "Its commands have no roles; call one of them by its name.".to_owned(),
            roles => format!("Its commands have the roles {}.", roles.join(", ")),
        })
    }

    /// As [`Self::command`], where no instance is meant: what they describe differently nobody can check then.
    ///
    /// # Errors
    /// `command_unknown`, `instance_ambiguous`.
    pub fn agreed_command(&self, name: &str) -> Result<&Arc<Command>, Problem> {
        let command = self.command(name)?;
        if self.disputed.contains(name) {
            return Err(Problem::new(
                Code::INSTANCE_AMBIGUOUS,
                format!(
                    "The connected instances of {} describe `{name}` differently.",
                    self.title
                ),
            )
            .hint(wire::hint![
                "Name one with ",
                wire::Opt::Instance,
                "; its own description counts.",
            ]));
        }
        Ok(command)
    }
}

/// All apps that this hub knows.
#[derive(Default)]
pub struct Catalog {
    apps: RwLock<BTreeMap<AppId, Known>>,
}

/// An app, and what its instances have announced each for itself.
struct Known {
    /// What is told of the app as a whole.
    entry: Arc<AppEntry>,
    /// Empty for an app with a folder: that alone says what its instances do.
    by: BTreeMap<InstanceName, Arc<AppEntry>>,
}

impl Catalog {
    /// # Errors
    /// When a description's schema is no schema: a fault of the app's folder.
    pub fn new(apps: Vec<Arc<dyn App>>) -> Result<Self, Problem> {
        let catalog = Self::default();
        for app in apps {
            let (id, title, specs) = (app.id(), app.title().to_owned(), app.commands());
            let commands = compile(specs)?;
            let entry = Arc::new(entry(id.clone(), title, Some(app), commands));
            let by = BTreeMap::new();
            catalog.write().insert(id, Known { entry, by });
        }
        Ok(catalog)
    }

    #[must_use]
    pub fn apps(&self) -> Vec<Arc<AppEntry>> {
        let apps = self.read();
        apps.values().map(|app| Arc::clone(&app.entry)).collect()
    }

    /// An app by its name, in whatever case it is typed.
    ///
    /// # Errors
    /// `app_unknown`, with the apps that are known.
    pub fn app(&self, id: &AppId) -> Result<Arc<AppEntry>, Problem> {
        let apps = self.read();
        known(&apps, id)
            .map(|app| Arc::clone(&app.entry))
            .ok_or_else(|| {
                let names: Vec<&str> = apps.keys().map(AppId::as_str).collect();
                Problem::new(Code::APP_UNKNOWN, format!("There is no app `{id}`."))
                    .hint(near_or_all(id.as_str(), &names, "The apps are"))
            })
    }

    /// The app as that instance describes it.
    ///
    /// # Errors
    /// `app_unknown`.
    pub fn app_of(&self, id: &AppId, instance: &InstanceName) -> Result<Arc<AppEntry>, Problem> {
        let own = |app: &Known| app.by.get(instance).cloned();
        // A statement of its own, so that its guard has gone before the apps are read again: a second one of the same
        // thread waits for ever when somebody wants to write in between.
        let own = known(&self.read(), id).and_then(own);
        own.map_or_else(|| self.app(id), Ok)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<AppId, Known>> {
        self.apps
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<AppId, Known>> {
        self.apps
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An app by its name, exactly so or else in another case.
fn known<'a>(apps: &'a BTreeMap<AppId, Known>, id: &AppId) -> Option<&'a Known> {
    let like = || {
        let same = |name: &AppId| name.as_str().eq_ignore_ascii_case(id.as_str());
        apps.iter().find(|(name, _)| same(name)).map(|(_, app)| app)
    };
    apps.get(id).or_else(like)
}

fn entry(
    id: AppId,
    title: String,
    app: Option<Arc<dyn App>>,
    commands: BTreeMap<String, Arc<Command>>,
) -> AppEntry {
    AppEntry {
        index: Index::new(&id, commands.values().map(|command| &command.spec)),
        id,
        title,
        announced: app.is_none(),
        app,
        commands,
        disputed: BTreeSet::new(),
    }
}

fn compile(specs: Vec<CommandSpec>) -> Result<BTreeMap<String, Arc<Command>>, Problem> {
    let compiled = specs.into_iter().map(|spec| {
        let command = Command {
            form: Form::new(spec.args.clone()).map_err(|why| schema::cannot(&spec, &why))?,
            marked: Arc::new(Marked::of(&spec.args)),
            spec,
        };
        Ok((command.spec.name.clone(), Arc::new(command)))
    });
    compiled.collect()
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
