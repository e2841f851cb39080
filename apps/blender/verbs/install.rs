use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use client::problems;
use hub::home::Home;
use serde_json::{Value, json};
use terminal::answer::{Answer, Answered, Shown};
use terminal::screen::{Out, one_line};
use terminal::session::Session;
use terminal::ui::{BAD, FAINT, GOOD, NAME};
use wire::problem::exit;

use super::addons::{self, Became};
use crate::blender;

/// Install Kapelle's add-on in the Blenders on this machine
///
/// Each Blender is started once in the background to install and enable it, and once more to check that it
/// reaches the hub. An open Blender picks it up after a restart. Instances from `kapelle start` do not need
/// it: they bring their own bridge.
#[derive(Args, Debug)]
pub(super) struct Install {
    /// The app.
    #[arg(ignore_case = true)]
    pub app: App,
    /// In this Blender; can be repeated.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub blender: Vec<PathBuf>,
    /// In every Blender on this machine.
    #[arg(long, conflicts_with = "blender")]
    pub all: bool,
    /// Skip the check that it reaches the hub.
    #[arg(long)]
    pub no_verify: bool,
    /// Only write the add-on's file, for installing by hand.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["blender", "all", "no_verify"], value_hint = ValueHint::FilePath)]
    pub zip: Option<PathBuf>,
}

/// Apps that have something to be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum App {
    Blender,
}

impl Install {
    pub(super) fn run(self, session: &Session) -> Answered {
        let App::Blender = self.app;
        if let Some(path) = self.zip {
            return write_zip(path);
        }
        let home = Home::open(session.home.path())?;
        let candidates = addons::chosen(session, &home, self.blender, self.all)?;
        let client = match self.no_verify {
            true => None,
            false => Some(session.hub_or_start()?),
        };
        let elsewhere = (!session.home.is_usual()).then(|| session.home.path().to_string_lossy());
        let mut all = Vec::new();
        for candidate in candidates {
            session
                .ui
                .say(format_args!("installing in {}", candidate.told()));
            let mut became = candidate.install(&home, elsewhere.as_deref());
            if let (None, Some(client)) = (&became.problem, &client) {
                session.ui.say("checking that it reaches the hub");
                match candidate.verify(&home, client) {
                    Ok(seen) => became.seen = Some(seen),
                    Err(problem) => became.problem = Some(*problem),
                }
            }
            all.push(became);
        }
        Ok(Box::new(Report {
            title: "installed",
            all,
        }))
    }
}

fn write_zip(path: PathBuf) -> Answered {
    let bytes = blender::addon_zip()?;
    std::fs::write(&path, &bytes)
        .map_err(|error| problems::file(&path, "cannot be written", &error))?;
    let document = json!({
        "path": std::path::absolute(&path).unwrap_or_else(|_| path.clone()),
        "bytes": bytes.len(),
        "version": blender::bridge_version(),
    });
    Ok(Shown::boxed(document, move |out| {
        writeln!(out, "{}", path.display())
    }))
}

/// What became of each Blender.
pub(super) struct Report {
    pub(super) title: &'static str,
    pub(super) all: Vec<Became>,
}

impl Answer for Report {
    fn json(&self) -> Value {
        json!({ self.title: self.all })
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        for one in &self.all {
            let program = one.program.display();
            write!(
                out,
                "{NAME}Blender {}{NAME:#} {FAINT}{program}{FAINT:#}: ",
                one.blender
            )?;
            match (&one.problem, &one.seen, one.removed) {
                (Some(problem), ..) => {
                    writeln!(out, "{BAD}failed{BAD:#}: {}", one_line(&problem.message))?;
                    if let Some(hint) = problem.hint_at(wire::Door::Terminal) {
                        writeln!(out, "  {FAINT}{hint}{FAINT:#}")?;
                    }
                }
                (None, _, Some(true)) => writeln!(out, "removed")?,
                (None, _, Some(false)) => writeln!(out, "was not installed")?,
                (None, Some(seen), None) => writeln!(
                    out,
                    "{GOOD}installed{GOOD:#}, and it reached the hub (add-on {})",
                    seen.bridge_version
                        .as_deref()
                        .unwrap_or("of an unknown version")
                )?,
                (None, None, None) => writeln!(out, "installed")?,
            }
        }
        Ok(())
    }

    fn exit_code(&self) -> u8 {
        let failed = self.all.iter().any(|one| one.problem.is_some());
        if failed { exit::FAILED } else { 0 }
    }
}
