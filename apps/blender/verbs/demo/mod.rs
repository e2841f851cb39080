//! `kapelle demo`: the first run, as any client would do it, through the hub over HTTP.
//!
//! Finds or sets up a Blender, starts an instance, walks through the [`scene`]'s plan, renders, exports and
//! saves. The instance stays, so that the next time takes seconds and the scene can be played with.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueHint};
use client::problems;
use terminal::answer::Answered;
use terminal::session::Session;

mod forms;
mod palette;
mod random;
mod report;
mod scene;
mod set_up;
mod stage;

use report::Report;
use stage::Stage;

/// Samples per pixel where the picture is denoised, and where Blender was built without that. One takes
/// about 1.3 s of one processor, so two processors need some 10 and 20 s.
const SAMPLES_DENOISED: u32 = 16;
const SAMPLES_NOISY: u32 = 32;
/// How long the picture may be sampled, in seconds: on a slow or busy machine it gets fewer samples, not minutes.
const PICTURE_SECONDS: u32 = 25;

/// Build a scene in Blender, render it and export it
///
/// Finds a Blender or sets one up, starts it in the background and works through the hub like any other
/// client. Its instance, `demo`, keeps running, so that the next time takes seconds; other calls never go there
/// unless they name it.
#[derive(Args, Debug)]
pub(super) struct Demo {
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
    pub(super) fn run(self, session: &Session) -> Answered {
        let began = Instant::now();
        let out = self.out.clone().unwrap_or_else(|| session.home.demo_dir());
        let out = std::path::absolute(&out)
            .map_err(|error| problems::file(&out, "is not a usable path", &error))?;
        client::home::make_private_dir(&out)
            .map_err(|error| problems::file(&out, "cannot be made", &error))?;
        let mut stage = Stage::open(session)?;
        let plan = scene::plan(self.seed, self.samples.unwrap_or(SAMPLES_DENOISED));
        session
            .ui
            .say(format_args!("scene {}: {}", self.seed, plan.title));
        for chapter in &plan.chapters {
            stage.play(chapter)?;
        }
        let samples = self.samples.unwrap_or(if stage.denoises {
            SAMPLES_DENOISED
        } else {
            SAMPLES_NOISY
        });
        // Who names the samples wants them all, however long it takes.
        let seconds = self.samples.is_none().then_some(PICTURE_SECONDS);
        let files = stage.make_files(&out, self.seed, samples, seconds)?;
        Ok(Box::new(Report {
            seed: self.seed,
            title: plan.title,
            instance: stage.instance,
            files,
            done: stage.done,
            total: began.elapsed(),
        }))
    }
}
