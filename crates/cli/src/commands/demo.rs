use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::answer::Answered;
use crate::session::Session;

/// Build a scene in Blender, render a picture of it and export it
///
/// Finds a Blender or sets one up, starts it in the background, and works through the hub like any other
/// client. The instance stays, so a second time takes seconds.
#[derive(Args, Debug)]
pub struct Demo {
    /// Which scene: palette, forms and arrangement follow from it.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    pub seed: u64,
    /// Where the files go [default: KAPELLE_HOME/demo]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// How fine the picture is: samples per pixel [default: 16, or 32 where this Blender cannot denoise, but at most 25 s of them]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub samples: Option<u32>,
}

impl Demo {
    pub(crate) fn run(self, session: &Session) -> Answered {
        crate::demo::run(session, &self)
    }
}
