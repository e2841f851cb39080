//! The `kapelle` command line: one verb per file in `commands/`, all clients of the hub over HTTP.
//!
//! In come words typed by a person or a script; out go data on stdout, everything else on stderr, and
//! an exit code from the table in `wire::problem`. Nothing here decides what a caller may do: that is
//! the hub's. Only `serve` runs a hub (and a runtime) inside this process. What a verb stands on is in `terminal` and
//! `client`.
//!
//! | module | what it is |
//! |---|---|
//! | [`args`] | the words of the command line |
//! | `commands` | the list of verbs, and one file per verb |
//! | `built_in` | the apps of this build: their verbs beside ours, their names in our words |
//! | `watching` | the feed of the hub as lines |
//! | `keyvalue`, `page` | `key=value` by a command's schema; a command's page for people |
//! | `mcp_clients` | the entry for this Kapelle in the configuration of MCP clients |
//! | `pipe` | MCP on stdin and stdout, as a pipe to the hub |
//! | `log` | the hub's log: one line for each event, files that only their owner reads |
//! | `serve`, `signals` | the composition root: hub, doors and apps put together; what ends them |
//! | `checkup` | the checks of `doctor` that are of no app |
//! | `pick`, `names`, `subject` | which instance or command is meant; names that do not exist; what a call is about |
//! | `reference` | all help in one page |

use std::process::ExitCode;
use std::sync::Arc;

pub mod args;
mod built_in;
mod checkup;
mod commands;
#[cfg(fuzzing)]
pub mod fuzzing;
mod keyvalue;
mod log;
mod log_quota;
mod mcp_clients;
mod names;
mod page;
mod pick;
mod pipe;
mod reference;
mod serve;
mod signals;
mod subject;
mod watching;

pub use reference::reference;

use clap::{CommandFactory as _, Parser as _};
use client::problems;
use doors::mcp::Addition;
use terminal::answer::{self, Answered};
use terminal::session::Session;
use terminal::ui::Ui;
use terminal::{interrupt, screen};
use wire::Problem;
use wire::problem::exit;

/// Reads the words of this process, does what they say and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    tell_end(|| run(None))
}

/// As [`main`], with a hub that has this on `/mcp` beside its own.
#[must_use]
pub fn main_with(addition: Arc<dyn Addition>) -> ExitCode {
    tell_end(std::panic::AssertUnwindSafe(|| run(Some(addition))))
}

fn tell_end(run: impl FnOnce() -> u8 + std::panic::UnwindSafe) -> ExitCode {
    screen::tell_panics();
    // The hook has printed what broke and where.
    ExitCode::from(std::panic::catch_unwind(run).unwrap_or(exit::BUG))
}

fn run(addition: Option<Arc<dyn Addition>>) -> u8 {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_words(&error),
    };
    let ui = Ui::new(&cli.global);
    match Session::new(&cli.global, ui, built_in::example_name()) {
        Ok(session) => finish(
            ui,
            commands::run(&session, cli.verb, &mut args::Cli::command(), addition),
        ),
        Err(problem) => finish(ui, Err(problem)),
    }
}

/// Shows what a verb came to.
fn finish(ui: Ui, answered: Answered) -> u8 {
    let code = match answered {
        Ok(answer) => match answer::show(ui, answer.as_ref()) {
            Ok(()) => answer.exit_code(),
            Err(error) => {
                ui.complain(&problems::file(
                    "stdout".as_ref(),
                    "cannot be written",
                    &error,
                ));
                exit::FAILED
            }
        },
        Err(problem) => {
            ui.show_problem(&problem);
            problem.exit_code()
        }
    };
    if interrupt::was_heard() {
        exit::CTRL_C
    } else {
        code
    }
}

/// Words that clap did not take, and `--help` and `--version`, which it answers itself.
fn refuse_words(error: &clap::Error) -> u8 {
    use clap::error::ErrorKind;
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if !asked_for && std::env::args_os().any(|word| word == "--json") {
        Ui::json().show_problem(&words_problem(error));
        return exit::USAGE;
    }
    screen::clap(error);
    if asked_for { 0 } else { exit::USAGE }
}

/// What clap says, in one sentence.
fn words_problem(error: &clap::Error) -> Box<Problem> {
    let text = error.to_string();
    let message: Vec<&str> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.strip_prefix("error: ").unwrap_or(line).trim())
        .collect();
    problems::usage(
        message.join(" "),
        "`kapelle --help` lists the verbs, `kapelle VERB --help` their options.",
    )
}
