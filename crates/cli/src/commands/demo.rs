use std::path::PathBuf;

use clap::{Args, ValueHint};
use terminal::answer::Answered;
use terminal::session::Session;

/// Build a scene in Blender, render it and export it
///
/// Finds a Blender or sets one up, starts it in the background and works through the hub like any other
/// client. Its instance, `demo`, keeps running, so that the next time takes seconds; other calls never go there
/// unless they name it.
#[derive(Args, Debug)]
pub struct Demo {
    /// The scene: its palette, shapes and layout follow from this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    pub seed: u64,
    /// The folder for the files [default: KAPELLE_HOME/demo]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Samples per pixel [default: 16, or 32 if this Blender cannot denoise; at most 25 s of sampling]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub samples: Option<u32>,
}

impl Demo {
    pub(crate) fn run(self, session: &Session) -> Answered {
        crate::demo::run(session, &self)
    }
}
