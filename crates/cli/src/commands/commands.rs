use clap::Args;
use client::typed;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::{HEADING, NAME};
use wire::CommandSpec;

use crate::page::effect_cell;
use crate::pick;

/// List the commands of an app
#[derive(Args, Debug)]
pub struct Commands {
    /// The app [default: all]
    pub app: Option<String>,
}

#[derive(Deserialize)]
struct App {
    app: String,
}

impl Commands {
    pub(crate) fn run(self, session: &Session) -> Answered {
        if let Some(app) = self.app {
            let (document, specs) = pick::commands(session, &app)?;
            return Ok(Shown::boxed(document, move |out| table(&specs).write(out)));
        }
        let client = session.hub()?;
        let apps: Vec<App> = typed(&client.get("/v1/apps")?["apps"])?;
        let mut by_app = Map::new();
        let mut lists = Vec::new();
        for App { app } in apps {
            let (document, specs) = pick::commands_of_hub(&client, &app)?;
            by_app.insert(app.clone(), document);
            lists.push((app, specs));
        }
        Ok(Shown::boxed(
            json!({ "apps": Value::from(by_app) }),
            move |out| {
                for (at, (app, specs)) in lists.iter().enumerate() {
                    let gap = if at == 0 { "" } else { "\n" };
                    writeln!(out, "{gap}{HEADING}{app}{HEADING:#}")?;
                    table(specs).write(out)?;
                }
                Ok(())
            },
        ))
    }
}

fn table(specs: &[CommandSpec]) -> Table<3> {
    let mut table = Table::new(["COMMAND", "EFFECT", "WHAT IT DOES"]);
    for spec in specs {
        table.row([
            Cell::styled(&spec.name, NAME),
            effect_cell(spec.effect),
            spec.summary.as_str().into(),
        ]);
    }
    table
}
