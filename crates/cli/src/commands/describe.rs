use clap::Args;
use serde_json::json;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;

use crate::built_in;
use crate::{page, pick};

/// Show what a command does and takes, with an example
#[derive(Args, Debug)]
pub struct Describe {
    #[arg(help = built_in::app_help())]
    pub app: String,
    /// The command, as noun.verb.
    pub command: String,
}

impl Describe {
    pub(crate) fn run(self, session: &Session) -> Answered {
        page_of(session, &self.app, &self.command)
    }
}

pub(crate) fn page_of(session: &Session, app: &str, command: &str) -> Answered {
    let spec = pick::command(session, app, command)?;
    let app = app.to_owned();
    Ok(Shown::boxed(json!(spec), move |out| {
        page::write(out, &app, &spec)
    }))
}
