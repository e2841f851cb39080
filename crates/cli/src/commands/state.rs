use std::time::Duration;

use clap::Args;
use client::segment;
use terminal::ago::short;
use terminal::answer::{Answered, Shown};
use terminal::pretty::Pretty;
use terminal::session::Session;
use terminal::ui::FAINT;

use crate::pick;

/// Show the last known state of an instance
///
/// Answers at once, even if the app is busy or frozen.
#[derive(Args, Debug)]
pub struct State {
    /// The instance [default: the only one, or the one named like its app]
    pub instance: Option<String>,
}

impl State {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
        let name = pick::instance(&client, self.instance.as_deref(), "state")?;
        let document = client.get(&format!(
            "/v1/instances/{}/state",
            segment("instance name", &name)?
        ))?;
        let (state, revision) = (document["state"].clone(), document["revision"].clone());
        let age = document["age_ms"]
            .as_u64()
            .map(Duration::from_millis)
            .map(short);
        let link = if document["connected"] == true {
            "connected"
        } else {
            "not connected"
        };
        session.ui.say(format_args!(
            "{FAINT}{name}, revision {revision}, {link}, known for {}{FAINT:#}",
            age.as_deref().unwrap_or("an unknown time")
        ));
        Ok(Shown::boxed(document, move |out| {
            writeln!(out, "{}", Pretty(&state))
        }))
    }
}
