use clap::{Args, ValueEnum, ValueHint};
use serde_json::Map;
use terminal::answer::Answered;
use terminal::calling::{self, CallOptions};
use terminal::session::Session;
use wire::command::role;

use crate::built_in;
use crate::keyvalue::read_text;

/// Run Python in an app
///
/// Prints the code's output as it comes, then the value of the last expression or of `_result`.
/// Variables stay for your next call. Ctrl-C cancels the call.
#[derive(Args, Debug)]
#[command(
    after_help = built_in::examples("code")
)]
pub struct Code {
    #[arg(help = built_in::app_help())]
    pub app: String,
    /// The file with the code; `-` for stdin.
    #[arg(value_hint = ValueHint::FilePath, required_unless_present_any = ["code", "reset"])]
    pub file: Option<String>,
    /// The code itself.
    #[arg(
        short = 'c',
        long,
        value_name = "CODE",
        conflicts_with = "file",
        allow_hyphen_values = true
    )]
    pub code: Option<String>,
    /// Keep the code's variables in a separate namespace.
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Clear the variables of earlier calls first.
    #[arg(long)]
    pub reset: bool,
    /// Whether the call becomes an undo step.
    #[arg(long, value_name = "WHEN", value_enum)]
    pub undo: Option<Undo>,
    #[command(flatten)]
    pub options: CallOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Undo {
    Auto,
    Always,
    Never,
}

impl Undo {
    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

impl Code {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let code = match (self.code, &self.file) {
            (Some(code), _) => code,
            (None, Some(file)) => read_text(file)?,
            (None, None) => String::new(),
        };
        let mut args = Map::new();
        args.insert("code".into(), code.into());
        if let Some(namespace) = self.namespace {
            args.insert("namespace".into(), namespace.into());
        }
        if self.reset {
            args.insert("reset".into(), true.into());
        }
        if let Some(undo) = self.undo {
            args.insert("undo".into(), undo.as_str().into());
        }
        let client = session.hub_or_start()?;
        let command = calling::command_for(&client, &self.app, role::CODE)?;
        calling::call(session, &client, &self.options, &self.app, &command, args)
    }
}
