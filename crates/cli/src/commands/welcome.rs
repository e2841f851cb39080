//! `kapelle` alone where no hub is running: what it is and what to do first.

use serde_json::json;
use terminal::answer::{Answer, Shown};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::{FAINT, HEADING, NAME};

use crate::built_in;

/// What to do first, in the order in which most people want it: what the apps are for, then ours.
fn steps() -> Vec<(&'static str, &'static str)> {
    let apps = built_in::all();
    let of_apps = apps.iter().flat_map(|app| app.first_steps()).copied();
    let ours = (
        "kapelle mcp install",
        "connect your agent (Claude, Cursor, VS Code and others)",
    );
    of_apps.chain([ours]).collect()
}

pub(crate) fn show(session: &Session) -> Box<dyn Answer> {
    let home = session.home.path().display().to_string();
    let is_new = !session.home.owner_token().exists();
    let steps = steps();
    let next: Vec<_> = steps
        .iter()
        .map(|(line, why)| json!({"run": line, "what": why}))
        .collect();
    let document = json!({"hub": null, "home": home, "new": is_new, "next": next});
    Shown::boxed(document, move |out| {
        if is_new {
            writeln!(
                out,
                "{HEADING}Welcome to Kapelle.{HEADING:#} It conducts {} for you and your agents.",
                built_in::titles()
            )?;
        } else {
            writeln!(
                out,
                "No hub is running {FAINT}(home {home}){FAINT:#}. The next call starts one."
            )?;
        }
        writeln!(out, "\nNext:")?;
        let mut table = Table::indented(2);
        for (line, why) in &steps {
            table.row([Cell::styled(*line, NAME), (*why).into()]);
        }
        table.write(out)?;
        writeln!(out, "\n{FAINT}All verbs: kapelle --help{FAINT:#}")
    })
}
