use clap::Args;
use client::{segment, typed};
use serde::Deserialize;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::NAME;
use wire::{CommandSpec, Effect};

use crate::page::{effect_cell, example};

/// Find a command in plain words, for example: kapelle find make it red
#[derive(Args, Debug)]
pub struct Find {
    /// What you want to do
    #[arg(required = true, value_name = "WORDS")]
    pub words: Vec<String>,
    /// Only commands of this app
    #[arg(long)]
    pub app: Option<String>,
    /// How many to show
    #[arg(long, short = 'n', default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=20))]
    pub limit: u16,
}

#[derive(Deserialize)]
struct Hit {
    app: String,
    command: String,
    summary: String,
    effect: Effect,
}

impl Find {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub_or_start()?;
        let mut query = vec![
            ("q", self.words.join(" ")),
            ("limit", self.limit.to_string()),
        ];
        query.extend(self.app.map(|app| ("app", app)));
        let document = client.get_with("/v1/find", &query)?;
        let hits: Vec<Hit> = typed(&document["found"])?;
        let first: Option<(String, CommandSpec)> = match hits.first() {
            Some(hit) => {
                let app = segment("app", &hit.app)?;
                let spec = client.get(&format!("/v1/apps/{app}/commands/{}", hit.command))?;
                Some((hit.app.clone(), typed(&spec)?))
            }
            None => None,
        };
        Ok(Shown::boxed(document, move |out| {
            let Some((app, spec)) = &first else {
                return writeln!(out, "The hub knows no apps. See: kapelle apps");
            };
            let mut table = Table::new(["COMMAND", "APP", "EFFECT", "WHAT IT DOES"]);
            for hit in &hits {
                table.row([
                    Cell::styled(&hit.command, NAME),
                    hit.app.as_str().into(),
                    effect_cell(hit.effect),
                    hit.summary.as_str().into(),
                ]);
            }
            table.write(out)?;
            writeln!(out, "\n{}", example(app, spec))
        }))
    }
}
