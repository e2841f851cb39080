//! `kapelle` alone where no hub is running: what it is and what to do first.

use serde_json::json;
use terminal::answer::{Answer, Shown};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::{FAINT, HEADING, NAME};

/// The first steps, in the order in which most people want them.
const STEPS: [(&str, &str); 3] = [
    (
        "kapelle demo",
        "see it work: build, render and export a scene",
    ),
    (
        "kapelle start blender",
        "start a Blender of your own to work with",
    ),
    (
        "kapelle mcp install",
        "connect your agent (Claude, Cursor, VS Code and others)",
    ),
];

pub(crate) fn show(session: &Session) -> Box<dyn Answer> {
    let home = session.home.path().display().to_string();
    let is_new = !session.home.owner_token().exists();
    let next: Vec<_> = STEPS
        .iter()
        .map(|(line, why)| json!({"run": line, "what": why}))
        .collect();
    let document = json!({"hub": null, "home": home, "new": is_new, "next": next});
    Shown::boxed(document, move |out| {
        if is_new {
            writeln!(
                out,
                "{HEADING}Welcome to Kapelle.{HEADING:#} It runs commands and code in Blender, for you and your agents."
            )?;
        } else {
            writeln!(
                out,
                "No hub is running {FAINT}(home {home}){FAINT:#}. The next call starts one."
            )?;
        }
        writeln!(out, "\nNext:")?;
        let mut table = Table::indented(2);
        for (line, why) in STEPS {
            table.row([Cell::styled(line, NAME), why.into()]);
        }
        table.write(out)?;
        writeln!(out, "\n{FAINT}All verbs: kapelle --help{FAINT:#}")
    })
}
