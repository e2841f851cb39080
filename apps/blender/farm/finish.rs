//! The end of a farm: the report, a contact sheet and a film of the frames that are there.
//!
//! The sheet is made by a worker, the film by [`super::film`]. Neither failing makes the render fail: it is said, and the
//! frames are there.

use std::path::PathBuf;

use hub::command_context::Conducted;
use serde_json::json;
use wire::{Code, InstanceName, InstanceView, Problem};

use super::board::Doing;
use super::frames::{self, Frame};
use super::report::report;
use super::state::{Farm, RANGES_TOLD_MAX};
use super::worker::told_to_end;

/// Pictures on a sheet; of more frames, these many at equal distances.
const SHEET_PICTURES_MAX: usize = 100;

pub(super) const SHEET: &str = "sheet.png";

impl Farm {
    /// The sheet, the film, the report.
    pub(super) async fn finish(
        &self,
        frames: &[Frame],
        blender: Option<InstanceView>,
    ) -> Result<Conducted, Problem> {
        let counts = self.counts();
        let mut there: Vec<Frame> = frames
            .iter()
            .copied()
            .filter(|it| counts.has(*it))
            .collect();
        there.sort_unstable();
        let pictures: Vec<PathBuf> = there.iter().map(|frame| counts.path_of(*frame)).collect();
        let rendered = self.state().pool.done_count();
        let (sheet, film, fps) = {
            let state = self.state();
            let manifest = state.manifest.as_ref();
            let missing = |file: Option<&PathBuf>| !file.is_some_and(|file| file.is_file());
            let is_new = |file: Option<&PathBuf>| rendered > 0 || missing(file);
            (
                self.request.sheet && is_new(manifest.and_then(|it| it.sheet.as_ref())),
                self.request.film && is_new(manifest.and_then(|it| it.film.as_ref())),
                manifest.map_or(24.0, |it| it.plan.fps),
            )
        };
        if (sheet || film) && !pictures.is_empty() {
            let worker = match blender {
                Some(worker) => Ok(worker),
                None => self.start(0, 1).await,
            };
            match worker {
                Ok(worker) => self.extras(&worker, &pictures, sheet, film, fps).await,
                Err(problem) => self
                    .context
                    .log("warning", format!("No sheet and no film: {problem}")),
            }
        }
        if self.is_told_to_end() {
            return Err(told_to_end());
        }
        self.book_end(true);
        self.save().await?;
        let state = self.state();
        let manifest = state
            .manifest
            .as_ref()
            .ok_or_else(|| Problem::new(Code::INTERNAL, "The render has lost its manifest."))?;
        let seconds = self.began.elapsed().as_secs_f64();
        let value = report(
            &self.request,
            manifest,
            frames.len(),
            rendered,
            seconds,
            state.replaced,
        );
        let failed: Vec<Frame> = manifest.failed.keys().copied().collect();
        let problem = manifest.failed.first_key_value().map(|(frame, why)| {
            Problem::new(
                Code::CALL_FAILED,
                format!(
                    "{} of {} frames could not be rendered: {}. Frame {frame}: {why}",
                    failed.len(),
                    frames.len(),
                    frames::words(&failed, RANGES_TOLD_MAX)
                ),
            )
            .hint("The other frames are done. Run it again the same way to render only these; the workers' logs are in the logs folder of Kapelle's home.")
            .detail("failed", value["failed"].clone())
        });
        Ok(Conducted { value, problem })
    }

    async fn extras(
        &self,
        worker: &InstanceView,
        pictures: &[PathBuf],
        sheet: bool,
        film: bool,
        fps: f64,
    ) {
        let warn = |what: &str, problem: &Problem| {
            self.context.log(
                "warning",
                format!("There is no {what}: {}", problem.message),
            );
        };
        if sheet {
            self.set(0, Doing::Finishing("the contact sheet"));
            self.state().board.stage("making the contact sheet");
            match self.sheet(&worker.name, pictures).await {
                Ok(path) => self.with_manifest(|it| it.sheet = Some(path)),
                Err(problem) => warn("contact sheet", &problem),
            }
        }
        if film {
            self.set(0, Doing::Finishing("the film"));
            self.state().board.stage("making the film");
            match self.film(&worker.name, pictures, fps).await {
                Ok(path) => self.with_manifest(|it| it.film = Some(path)),
                Err(problem) => warn("film", &problem),
            }
        }
        self.set(0, Doing::Ended);
        self.state().board.stage("");
    }

    /// The sheet's path.
    async fn sheet(&self, worker: &InstanceName, pictures: &[PathBuf]) -> Result<PathBuf, Problem> {
        let path = self.request.out.join(SHEET);
        let files = spread(pictures, SHEET_PICTURES_MAX);
        let args = json!({"files": files, "path": path, "overwrite": true});
        self.ask(worker, "render.sheet", args).await?;
        Ok(path)
    }
}

/// So many of them at equal distances, the first and the last among them.
fn spread(pictures: &[PathBuf], max: usize) -> Vec<&PathBuf> {
    let count = pictures.len();
    if count <= max || max < 2 {
        return pictures.iter().take(max).collect();
    }
    (0..max)
        .map(|at| &pictures[at * (count - 1) / (max - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_of_many_frames_shows_some_from_first_to_last() {
        let all: Vec<PathBuf> = (0..1000).map(|n| PathBuf::from(format!("{n}"))).collect();
        let some = spread(&all, 100);
        assert_eq!((some.len(), some[0], some[99]), (100, &all[0], &all[999]));
        assert_eq!(spread(&all[..7], 100).len(), 7);
    }
}
