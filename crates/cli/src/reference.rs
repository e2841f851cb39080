//! All help in one page, for `docs/reference/cli.md`, which a test of `xtask` holds against it.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};
use terminal::options::GLOBAL_OPTIONS;

use crate::args::Cli;

/// Columns of the page, whatever terminal it is made in.
const COLUMNS: usize = 100;

/// The whole help as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut cli = Cli::command().term_width(COLUMNS);
    cli.build();
    let mut page = String::from(
        "# The command line\n\nThe global options of `kapelle` work with every verb.\n\n\
         No outside text can control the terminal. Control characters in names, problems, results, output and logs are shown as\n\
         visible characters (`␛`, `␇`, `�`), and a lone carriage return ends the line. Colours other than Kapelle's own and characters\n\
         that change the reading direction are left out. A name is always one line. `--json` escapes all of these instead (`\\u001b`,\n\
         `\\u009b`, `\\u202e`), so that the value stays the same. If stdout or stderr is not a terminal, text that a call returned or\n\
         printed is passed through byte for byte, for the program that reads it.\n",
    );
    add(&mut page, &mut cli, 2);
    page
}

fn add(page: &mut String, command: &mut Command, level: usize) {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let help = command.render_long_help().to_string();
    let lines = help.lines().map(str::trim_end);
    let lines: Vec<&str> = if level == 2 {
        lines.collect()
    } else {
        own(lines)
    };
    // Writing to a String cannot fail.
    write!(
        page,
        "\n{} {name}\n\n```text\n{}\n```\n",
        "#".repeat(level),
        lines.join("\n").trim_end()
    )
    .ok();
    for verb in command
        .get_subcommands_mut()
        .filter(|verb| !verb.is_hide_set())
    {
        add(page, verb, level + 1);
    }
}

/// Without the global options, which stand at the top of the page.
fn own<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut in_global = false;
    let mut own = Vec::new();
    for line in lines {
        // A line without indent begins another part.
        if !line.is_empty() && !line.starts_with(' ') {
            in_global = line == format!("{GLOBAL_OPTIONS}:");
        }
        if !in_global {
            own.push(line);
        }
    }
    own
}
