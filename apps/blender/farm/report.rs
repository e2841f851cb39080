//! What a farm says in the end: of all frames, of those that failed, and when there was nothing to do.

use std::path::PathBuf;

use serde_json::{Value, json};
use wire::{Code, Problem};

use super::folder::Counts;
use super::frames;
use super::manifest::{self, Manifest};
use super::request::{Existing, Request};
use super::state::Farm;

/// The answer when nothing is left to do, for which no Blender is needed.
pub(super) fn already_done(request: &Request, before: Option<&Manifest>) -> Option<Value> {
    let before = before.filter(|before| before.finished && before.source == request.source)?;
    if request.existing == Existing::Overwrite {
        return None;
    }
    let plan = &before.plan;
    let frames = match &request.frames {
        Some(frames) => frames.clone(),
        None => frames::of_scene(plan.start, plan.end, plan.step).ok()?,
    };
    let counts = Counts::new(&request.out, &plan.suffix, before.since_ms);
    let is_there = |wanted: bool, file: &Option<PathBuf>| {
        !wanted || file.as_ref().is_some_and(|file| file.is_file())
    };
    let all = is_there(request.sheet, &before.sheet)
        && is_there(request.film, &before.film)
        && frames.iter().all(|frame| counts.has(*frame));
    all.then(|| {
        let mut told = report(request, before, frames.len(), 0, 0.0, 0);
        // What an earlier run had to try again is in its report.
        told["retried"] = json!([]);
        told
    })
}

pub(super) fn report(
    request: &Request,
    manifest: &Manifest,
    frames: usize,
    rendered: usize,
    seconds: f64,
    replaced: usize,
) -> Value {
    let failed: Vec<Value> = manifest
        .failed
        .iter()
        .map(|(frame, why)| {
            json!({"frame": frame, "tries": manifest.retried.get(frame).unwrap_or(&1), "why": why})
        })
        .collect();
    let retried: Vec<Value> = manifest
        .retried
        .iter()
        .map(|(frame, tries)| json!({"frame": frame, "failed": tries}))
        .collect();
    let plan = &manifest.plan;
    json!({
        "path": request.out, "frames": frames, "rendered": rendered,
        "skipped": frames - rendered - failed.len(),
        "failed": failed, "retried": retried, "replaced": replaced,
        "seconds": (seconds * 10.0).round() / 10.0, "workers": manifest.workers,
        "sheet": manifest.sheet, "film": manifest.film,
        "report": request.out.join(manifest::FILE),
        "scene": plan.scene, "camera": plan.camera, "engine": plan.engine, "samples": plan.samples,
        "width": plan.width, "height": plan.height, "format": plan.format,
        "left_out": plan.left_out,
    })
}

impl Farm {
    /// Told when somebody stopped it.
    pub(super) fn stopped(&self) -> Problem {
        Problem::new(
            Code::CANCELLED,
            format!("The render was stopped. {}", self.done_words()),
        )
        .hint("Run it again the same way to render the rest.")
    }

    pub(super) fn done_words(&self) -> String {
        let state = self.state();
        let there = state.pool.done_count() + state.board.skipped;
        format!(
            "{there} of {} frames are finished and stay in {}.",
            state.board.all,
            self.request.out.display()
        )
    }
}
