use std::path::PathBuf;

use clap::{Args, ValueHint};
use hub::home::Home;
use terminal::answer::Answered;
use terminal::session::Session;

use super::addons;
use super::install::{App, Report};

/// Remove Kapelle's add-on from the Blenders on this machine
#[derive(Args, Debug)]
pub(super) struct Uninstall {
    /// The app.
    #[arg(ignore_case = true)]
    pub app: App,
    /// From this Blender; can be repeated.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub blender: Vec<PathBuf>,
    /// From every Blender on this machine.
    #[arg(long, conflicts_with = "blender")]
    pub all: bool,
}

impl Uninstall {
    pub(super) fn run(self, session: &Session) -> Answered {
        let App::Blender = self.app;
        let home = Home::open(session.home.path())?;
        let candidates = addons::chosen(session, &home, self.blender, self.all)?;
        let all = candidates
            .iter()
            .map(|candidate| {
                session
                    .ui
                    .say(format_args!("removing it from {}", candidate.told()));
                candidate.remove(&home)
            })
            .collect();
        Ok(Box::new(Report {
            title: "uninstalled",
            all,
        }))
    }
}
