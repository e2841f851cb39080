//! The `kapelle` command line: one verb per file in `commands/`, all clients of the hub over HTTP.
//!
//! In come words typed by a person or a script; out go data on stdout, everything else on stderr, and
//! an exit code from the table in `wire::problem`. Nothing here decides what a caller may do: that is
//! the hub's. Only `serve` runs a hub (and a runtime) inside this process.
//!
//! | module | what it is |
//! |---|---|
//! | [`args`] | the words: global options and the list of verbs |
//! | `commands` | one file per verb |
//! | `session`, `home`, `client`, `launch` | where the hub is, how it is asked, how one is started |
//! | `calling`, `follow`, `sse`, `live`, `interrupt`, `outcome` | a call from its asking to its end, Ctrl-C included |
//! | `watching`, `sse` | the feed of the hub as lines |
//! | `keyvalue`, `page` | `key=value` by a command's schema; a command's page for people |
//! | `ids` | short ids, and ids by their beginning |
//! | `amount` | sizes and times as people write them |
//! | `job_words` | the words that make a job of a call |
//! | `terminal` | the one way to the terminal: nothing foreign steers it |
//! | `answer`, `ui`, `table`, `ago` | how answers look, for people and as JSON |
//! | `addon` | the add-on in the Blenders of this machine |
//! | `mcp_clients` | the entry for this Kapelle in the configuration of MCP clients |
//! | `pipe` | MCP on stdin and stdout, as a pipe to the hub |
//! | `farm_live` | a render farm as it happens |
//! | `demo` | the first run: a scene, a picture, a file |
//! | `log` | the hub's log: one line for each event, files that only their owner reads |
//! | `serve` | the composition root: hub, doors and apps put together |

use std::process::ExitCode;

mod addon;
mod ago;
mod amount;
mod answer;
pub mod args;
mod calling;
mod checkup;
mod client;
mod commands;
mod demo;
mod farm_live;
mod follow;
#[cfg(fuzzing)]
pub mod fuzzing;
mod home;
mod ids;
mod interrupt;
mod job_words;
mod keyvalue;
mod launch;
mod live;
mod log;
mod log_quota;
mod mcp_clients;
mod neighbours;
mod outcome;
mod page;
mod pick;
mod pipe;
mod pretty;
mod problems;
mod reference;
mod run_file;

mod serve;
mod session;
mod sse;
mod table;
mod terminal;
mod ui;
mod watching;

pub use reference::reference;

use answer::Answered;
use clap::Parser as _;
use session::Session;
use ui::Ui;
use wire::problem::exit;

/// Reads the words of this process, does what they say and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    terminal::tell_panics();
    // The hook has printed what broke and where.
    ExitCode::from(std::panic::catch_unwind(run).unwrap_or(exit::BUG))
}

fn run() -> u8 {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_words(&error),
    };
    let ui = Ui::new(&cli.global);
    match Session::new(&cli.global, ui) {
        Ok(session) => finish(ui, commands::run(&session, cli.verb)),
        Err(problem) => finish(ui, Err(problem)),
    }
}

/// Shows what a verb came to.
fn finish(ui: Ui, answered: Answered) -> u8 {
    let code = match answered {
        Ok(answer) => match ui.show(answer.as_ref()) {
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
        Ui::json().show_problem(&problems::words(error));
        return exit::USAGE;
    }
    terminal::clap(error);
    if asked_for { 0 } else { exit::USAGE }
}
