//! Blender at the command line: its verbs, one file each, its options of `start`, its checks.
//!
//! Doc comments in these files are the help that people read.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches as _, Subcommand, ValueHint};
use client::home::Home;
use serde_json::{Map, Value, json};
use terminal::answer::Answered;
use terminal::app::CommandLine;
use terminal::finding::Finding;
use terminal::session::Session;
use wire::Problem;

use crate::blender::Blender;
use crate::blender::manifest::MANIFEST;

mod addons;
mod adopt;
mod checks;
mod debug;
mod demo;
mod farm_live;
mod install;
mod paths;
mod render;
mod uninstall;

#[derive(Subcommand, Debug)]
enum Verb {
    Render(Box<render::Render>),
    Demo(demo::Demo),
    Install(install::Install),
    Uninstall(uninstall::Uninstall),
    Adopt(adopt::Adopt),
    Debug(debug::Debug),
}

/// What only a Blender can be told at its start.
#[derive(Args, Debug)]
struct StartOptions {
    /// The program to start.
    #[arg(long, value_name = "PATH", visible_alias = "program", value_hint = ValueHint::ExecutablePath)]
    blender: Option<PathBuf>,
    /// A Python that has the app installed as a module (the `bpy` wheel).
    #[arg(long, value_name = "PATH", conflicts_with_all = ["blender", "gui"], value_hint = ValueHint::ExecutablePath)]
    python: Option<PathBuf>,
}

impl CommandLine for Blender {
    fn id(&self) -> &str {
        &MANIFEST.id
    }

    fn title(&self) -> &str {
        &MANIFEST.title
    }

    fn verbs(&self, cli: Command) -> Command {
        Verb::augment_subcommands(cli)
    }

    fn run(&self, session: &Session, words: &ArgMatches) -> Answered {
        match Verb::from_arg_matches(words).map_err(|error| checked_by_clap(&error))? {
            Verb::Render(words) => words.run(session),
            Verb::Demo(words) => words.run(session),
            Verb::Install(words) => words.run(session),
            Verb::Uninstall(words) => words.run(session),
            Verb::Adopt(words) => words.run(session),
            Verb::Debug(words) => words.run(session),
        }
    }

    fn start_options(&self, start: Command) -> Command {
        StartOptions::augment_args(start)
    }

    fn start_request(&self, words: &ArgMatches) -> Result<Map<String, Value>, Box<Problem>> {
        let options =
            StartOptions::from_arg_matches(words).map_err(|error| checked_by_clap(&error))?;
        let mut request = Map::new();
        if let Some(program) = options.blender {
            request.insert("program".into(), paths::full_or_bare(&program)?);
        }
        if let Some(python) = options.python {
            let python = paths::full_or_bare(&python)?;
            request.insert("options".into(), json!({ "python": python }));
        }
        Ok(request)
    }

    fn checks(&self, home: &Home) -> Vec<Finding> {
        checks::all(home)
    }

    fn room_bytes_wanted(&self) -> u64 {
        checks::ROOM_BYTES_WANTED
    }

    fn first_steps(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "kapelle demo",
                "see it work: build, render and export a scene",
            ),
            (
                "kapelle start blender",
                "start a Blender of your own to work with",
            ),
        ]
    }

    fn examples(&self, verb: &str) -> &'static [&'static str] {
        match verb {
            "run" => &[
                "kapelle run blender object.create kind=cube location=0,0,1",
                "kapelle run blender object.create --help",
            ],
            "code" => &[
                "kapelle code blender -c 'len(bpy.data.objects)'",
                "kapelle code blender script.py --timeout 60",
                "cat script.py | kapelle code blender -",
            ],
            "batch" => {
                &[r#"{"app": "blender", "command": "object.create", "args": {"kind": "cube"}}"#]
            }
            _ => &[],
        }
    }
}

/// Clap has read these words once already, so this is a fault of ours.
fn checked_by_clap(error: &clap::Error) -> Box<Problem> {
    client::problems::usage(error.to_string(), "This is a fault in Kapelle; report it.")
}
