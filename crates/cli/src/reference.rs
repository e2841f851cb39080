//! All help in one page, for `docs/reference/cli.md`.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use crate::args::{Cli, GLOBAL_OPTIONS};

/// Columns of the page, whatever terminal it is made in.
const COLUMNS: usize = 100;

/// The whole help as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut cli = Cli::command().term_width(COLUMNS);
    cli.build();
    let mut page = String::from(
        "# The command line\n\nThe global options of `kapelle` work with every verb.\n",
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

#[cfg(test)]
mod tests {
    #[test]
    fn all_help() {
        insta::assert_snapshot!("cli-reference", super::reference());
    }
}
