//! The apps of this build at the command line: their verbs and options beside ours, and their names in our words.
//!
//! In come the [`CommandLine`]s of `apps`; out go verbs and options for clap, and the words with which help and hints
//! name an app. Which app it is is never known here.

use std::sync::Arc;

use clap::{ArgMatches, Command, FromArgMatches, Subcommand};
use serde_json::{Map, Value};
use terminal::answer::Answered;
use terminal::app::CommandLine;
use terminal::session::{AppName, Session};
use wire::{CommandSpec, Problem};

/// Stands for an app where a build has none.
const ANY: &str = "APP";

pub(crate) fn all() -> Vec<Arc<dyn CommandLine>> {
    apps::command_lines()
}

/// The names of the apps, for a sentence.
pub(crate) fn titles() -> String {
    let all = all();
    let titles: Vec<&str> = all.iter().map(|app| app.title()).collect();
    match titles.split_last() {
        None => "creative applications".to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The app that stands in examples and hints.
pub(crate) fn example_name() -> Option<AppName> {
    all().first().map(|app| AppName {
        id: app.id().to_owned(),
        title: app.title().to_owned(),
    })
}

/// Its id.
pub(crate) fn example() -> String {
    example_name().map_or_else(|| ANY.to_owned(), |app| app.id)
}

/// The help of an argument that names an app.
pub(crate) fn app_help() -> String {
    format!("The app, for example `{}`", example())
}

/// The lines that show a verb of ours with an app.
pub(crate) fn lines(verb: &str) -> Vec<&'static str> {
    let all = all();
    let lines = all.iter().flat_map(|app| app.examples(verb));
    lines.copied().collect()
}

/// Those lines under a heading; nothing where no app has any.
pub(crate) fn examples(verb: &str) -> String {
    match lines(verb).as_slice() {
        [] => String::new(),
        lines => format!("Examples:\n  {}", lines.join("\n  ")),
    }
}

/// The commands of an app that is built in, for pages that need no hub.
pub(crate) fn commands(app: &str) -> Option<Vec<CommandSpec>> {
    let app = apps::all()
        .into_iter()
        .find(|one| one.id().as_str() == app)?;
    Some(app.commands())
}

/// A verb of some app, as it was typed.
#[derive(Clone, Debug)]
pub struct Verb(ArgMatches);

impl Verb {
    pub(crate) fn run(&self, session: &Session) -> Answered {
        let name = self.0.subcommand_name().unwrap_or_default();
        let app = all().into_iter().find(|app| has_verb(app.as_ref(), name));
        match app {
            Some(app) => app.run(session, &self.0),
            None => Err(client::problems::usage(
                format!("No app of this build has the verb `{name}`."),
                "See what there is: kapelle --help",
            )),
        }
    }
}

fn has_verb(app: &dyn CommandLine, name: &str) -> bool {
    app.verbs(Command::new(ANY)).find_subcommand(name).is_some()
}

impl FromArgMatches for Verb {
    fn from_arg_matches(words: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(words.clone()))
    }

    fn update_from_arg_matches(&mut self, words: &ArgMatches) -> Result<(), clap::Error> {
        self.0 = words.clone();
        Ok(())
    }
}

impl Subcommand for Verb {
    fn augment_subcommands(cli: Command) -> Command {
        all().iter().fold(cli, |cli, app| app.verbs(cli))
    }

    fn augment_subcommands_for_update(cli: Command) -> Command {
        Self::augment_subcommands(cli)
    }

    fn has_subcommand(name: &str) -> bool {
        all().iter().any(|app| has_verb(app.as_ref(), name))
    }
}

/// The options of `start` that apps have of their own, as they were typed.
#[derive(Clone, Debug)]
pub struct StartOptions(ArgMatches);

impl StartOptions {
    /// Them as members of the hub's request. An option of another app than the one that is started is refused by the hub.
    ///
    /// # Errors
    /// When a path cannot be used.
    pub(crate) fn request(&self) -> Result<Map<String, Value>, Box<Problem>> {
        let mut request = Map::new();
        for app in all() {
            request.extend(app.start_request(&self.0)?);
        }
        Ok(request)
    }
}

impl FromArgMatches for StartOptions {
    fn from_arg_matches(words: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(words.clone()))
    }

    fn update_from_arg_matches(&mut self, words: &ArgMatches) -> Result<(), clap::Error> {
        self.0 = words.clone();
        Ok(())
    }
}

impl clap::Args for StartOptions {
    fn augment_args(start: Command) -> Command {
        all()
            .iter()
            .fold(start, |start, app| app.start_options(start))
    }

    fn augment_args_for_update(start: Command) -> Command {
        Self::augment_args(start)
    }
}
