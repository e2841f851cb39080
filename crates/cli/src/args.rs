//! The words of the command line: the list of verbs.
//!
//! Doc comments here and in `commands/` are the help that people read.

use clap::{Parser, Subcommand};
use terminal::options::Global;

use crate::commands;

/// Run commands and code in Blender, one call at a time or many at once.
///
/// Data goes to stdout, everything else to stderr. `kapelle` on its own shows the status.
#[derive(Parser, Debug)]
#[command(
    name = "kapelle",
    bin_name = "kapelle",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_long_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the call failed
  2    wrong command line or arguments
  3    the hub or an instance cannot be reached
  4    refused: no valid token, scope or confirmation
  5    timed out, cancelled or interrupted
  70   a fault of Kapelle's own
  130  ended by Ctrl-C";

/// What can be done; each has its file in `commands/`.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Serve(commands::serve::Serve),
    Start(commands::start::Start),
    Stop(commands::stop::Stop),
    Code(commands::code::Code),
    Run(commands::run::Run),
    Batch(commands::batch::Batch),
    Render(Box<commands::render::Render>),
    Status(commands::status::Status),
    Apps(commands::apps::Apps),
    Commands(commands::commands::Commands),
    Find(commands::find::Find),
    Describe(commands::describe::Describe),
    State(commands::state::State),
    History(commands::history::History),
    Undo(commands::undo::Undo),
    Redo(commands::undo::Redo),
    Revert(commands::undo::Revert),
    Watch(commands::watch::Watch),
    Jobs(commands::jobs::Jobs),
    Cancel(commands::cancel::Cancel),
    Recover(commands::recover::Recover),
    Dashboard(commands::dashboard::Dashboard),
    Token(commands::token::Token),
    Blob(commands::blob::Blob),
    Install(commands::install::Install),
    Uninstall(commands::uninstall::Uninstall),
    Mcp(commands::mcp::Mcp),
    Doctor(commands::doctor::Doctor),
    Demo(commands::demo::Demo),
    Debug(commands::debug::Debug),
    Adopt(commands::adopt::Adopt),
    Completions(commands::completions::Completions),
    #[command(hide = true)]
    Confined(commands::confined::Confined),
}

#[cfg(test)]
mod tests {
    use wire::problem::{TABLE, exit};

    #[test]
    fn the_help_lists_every_exit_code() {
        let rows = TABLE.iter().map(|row| row.exit);
        for code in rows.chain([0, exit::CTRL_C]) {
            let listed = super::EXIT_CODES
                .lines()
                .any(|line| line.trim().split(' ').next() == Some(&code.to_string()));
            assert!(listed, "{code}");
        }
    }

    #[test]
    fn clap_finds_no_fault() {
        use clap::CommandFactory as _;
        super::Cli::command().debug_assert();
    }
}
