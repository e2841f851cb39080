use clap::Args;
use client::typed;
use serde::Deserialize;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::NAME;

/// List the apps that the hub knows
#[derive(Args, Debug)]
pub struct Apps {}

#[derive(Deserialize)]
struct App {
    app: String,
    title: String,
    commands: u64,
    instances: Vec<String>,
    announced: bool,
}

impl Apps {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let document = session.hub()?.get("/v1/apps")?;
        let apps: Vec<App> = typed(&document["apps"])?;
        Ok(Shown::boxed(document, move |out| {
            let mut table = Table::new(["APP", "TITLE", "COMMANDS", "FROM", "INSTANCES"]);
            for app in &apps {
                table.row([
                    Cell::styled(&app.app, NAME),
                    app.title.as_str().into(),
                    app.commands.to_string().into(),
                    if app.announced {
                        "its bridge"
                    } else {
                        "Kapelle"
                    }
                    .into(),
                    app.instances.join(", ").into(),
                ]);
            }
            table.write(out)
        }))
    }
}
