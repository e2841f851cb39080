//! What an app brings to the command line: verbs of its own, its checks, and the words that name it.
//!
//! An app hands over one [`CommandLine`]; `cli` puts them beside its own verbs. Nothing here is run by the hub, and
//! nothing is known of an app that dials in from outside: that one has the verbs that all apps have.

use clap::{ArgMatches, Command};
use client::home::Home;
use serde_json::{Map, Value};
use wire::Problem;

use crate::answer::Answered;
use crate::finding::Finding;
use crate::session::Session;

/// An app at the command line. All but its names has a default: the least app brings no verb at all.
pub trait CommandLine: Send + Sync {
    /// As callers write it, for example `toy`.
    fn id(&self) -> &str;

    /// As people write it, for example `Toy`.
    fn title(&self) -> &str;

    /// Adds its verbs, with their help. A name belongs to one app; clap's own check in the tests of `cli` holds it.
    fn verbs(&self, cli: Command) -> Command {
        cli
    }

    /// Runs the verb that was typed, which is one of [`CommandLine::verbs`].
    ///
    /// # Errors
    /// The verb's own.
    fn run(&self, _session: &Session, words: &ArgMatches) -> Answered {
        unreachable!("no verb of {}: {:?}", self.id(), words.subcommand_name())
    }

    /// Adds the options of `start` that only this app understands.
    fn start_options(&self, start: Command) -> Command {
        start
    }

    /// Those options as members of the hub's request.
    ///
    /// # Errors
    /// When a path cannot be used.
    fn start_request(&self, _words: &ArgMatches) -> Result<Map<String, Value>, Box<Problem>> {
        Ok(Map::new())
    }

    /// What `doctor` finds of it on this machine. Nothing is changed.
    fn checks(&self, _home: &Home) -> Vec<Finding> {
        Vec::new()
    }

    /// The room, in bytes, under which `doctor` warns: this app could not be set up.
    fn room_bytes_wanted(&self) -> u64 {
        0
    }

    /// What to do first: a line to type, and what it is for.
    fn first_steps(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Lines that show one of the common verbs (`run`, `code`, …) with this app.
    fn examples(&self, _verb: &str) -> &'static [&'static str] {
        &[]
    }
}
