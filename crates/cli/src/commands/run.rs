use std::path::Path;

use clap::{Args, Command};
use client::{Client, problems};
use serde_json::{Map, Value};
use terminal::answer::{Answered, Shown};
use terminal::calling::{self, CallOptions};
use terminal::session::Session;
use wire::{Code, CommandSpec, Problem};

use crate::commands::describe;
use crate::{built_in, keyvalue, pick};

/// Run a command of an app
///
/// Arguments follow the command's description: text as it is, paths relative to the current folder,
/// numbers and lists as JSON, a vector as `1,2,3`, names as `a,b`; `key=@file` reads a text file or
/// uploads a blob. `kapelle run APP COMMAND --help` shows what a command takes. Ctrl-C cancels the call.
#[derive(Args, Debug)]
#[command(
    disable_help_flag = true,
    override_usage = "kapelle run [OPTIONS] <APP> <COMMAND> [KEY=VALUE]...",
    after_help = built_in::examples("run")
)]
pub struct Run {
    #[arg(help = built_in::app_help(), required_unless_present = "help")]
    pub app: Option<String>,
    /// The command, as noun.verb.
    #[arg(required_unless_present = "help")]
    pub command: Option<String>,
    /// The command's arguments.
    #[arg(value_name = "KEY=VALUE", allow_hyphen_values = false)]
    pub arguments: Vec<String>,
    /// Arguments as a JSON object, `@file` or `@-`; KEY=VALUE overrides them.
    #[arg(long, value_name = "JSON")]
    pub args: Option<String>,
    #[command(flatten)]
    pub options: CallOptions,
    /// Print help, or the page of the command
    #[arg(long, short)]
    pub help: bool,
}

impl Run {
    pub(crate) fn run(self, session: &Session, cli: &mut Command) -> Answered {
        let (Some(app), Some(command)) = (&self.app, &self.command) else {
            return Ok(own_help(cli));
        };
        if self.help {
            return describe::page_of(session, app, command);
        }
        let client = session.hub_or_start()?;
        let spec = pick::command_of_hub(&client, app, command)?;
        let args = self.collect(&client, &spec)?;
        calling::call(session, &client, &self.options, app, command, args)
    }

    fn collect(
        &self,
        client: &Client,
        spec: &CommandSpec,
    ) -> Result<Map<String, Value>, Box<Problem>> {
        let mut args = match &self.args {
            Some(text) => keyvalue::object(text)?,
            None => Map::new(),
        };
        let upload = |path: &Path| upload(client, path);
        args.extend(keyvalue::arguments(spec, &self.arguments, &upload)?);
        Ok(args)
    }
}

fn upload(client: &Client, path: &Path) -> Result<Value, Box<Problem>> {
    let file = std::fs::File::open(path)
        .map_err(|error| problems::file(path, "cannot be read", &error))?;
    let stored = client.put_blob(file)?;
    match stored.get("$blob") {
        Some(hash) => Ok(serde_json::json!({ "$blob": hash })),
        None => Err(Box::new(Problem::new(
            Code::INTERNAL,
            "The hub stored the file but gave it no name.",
        ))),
    }
}

/// What clap would have printed.
fn own_help(cli: &mut Command) -> Box<dyn terminal::answer::Answer> {
    cli.build();
    let text = cli
        .find_subcommand_mut("run")
        .map(|run| run.render_long_help().to_string())
        .unwrap_or_default();
    Shown::boxed(serde_json::json!({ "help": text }), move |out| {
        out.write_all(text.as_bytes())
    })
}
