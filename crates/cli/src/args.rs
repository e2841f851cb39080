//! The words of the command line.
//!
//! Doc comments here and in `commands/` are the help that people read.

use clap::Parser;
use terminal::options::Global;

use crate::built_in;
use crate::commands::Verb;

#[derive(Parser, Debug)]
#[command(
    name = "kapelle",
    bin_name = "kapelle",
    version,
    about = about(),
    long_about = format!("{}.\n\n{ABOUT_STREAMS}", about()),
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

const ABOUT_STREAMS: &str =
    "Data goes to stdout, everything else to stderr. `kapelle` on its own shows the status.";

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

fn about() -> String {
    format!(
        "Conduct {}, one call at a time or many at once",
        built_in::titles()
    )
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
