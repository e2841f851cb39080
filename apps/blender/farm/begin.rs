//! Before the first frame: what is missing, which frames count as done, and the manifest that says so.

use serde_json::{Value, json};
use wire::Step;
use wire::{Code, InstanceView, Problem};

use super::folder::Counts;
use super::frames::{self, Frame};
use super::manifest::{self, Manifest, Plan};
use super::pool::Pool;
use super::request::{Existing, Request};
use super::state::{Farm, RANGES_TOLD_MAX};

/// Missing files that the problem names.
const MISSING_TOLD_MAX: usize = 8;

impl Farm {
    /// What the first worker finds before anything is rendered.
    pub(super) async fn preflight(&self, first: &InstanceView) -> Result<Plan, Problem> {
        self.state().board.stage("looking for missing files");
        let found = self.ask(&first.name, "file.missing", json!({})).await?;
        let named = |key: &str| -> Vec<String> {
            let all = found[key].as_array().into_iter().flatten();
            all.map(|one| {
                let text = |key: &str| one[key].as_str().unwrap_or_default();
                match text("path") {
                    "" => format!("{} `{}`", text("kind"), text("name")),
                    path => format!("{} `{}` ({path})", text("kind"), text("name")),
                }
            })
            .collect()
        };
        let missing = named("missing");
        for one in &missing {
            self.context.log("warning", format!("Missing: {one}"));
        }
        for one in named("unbaked") {
            self.context.log(
                "warning",
                format!(
                    "Not baked: {one}. A worker that starts in the middle of it will show it differently."
                ),
            );
        }
        if !missing.is_empty() && !self.request.ignore_missing {
            let more = missing.len().saturating_sub(MISSING_TOLD_MAX);
            let mut told = missing;
            told.truncate(MISSING_TOLD_MAX);
            if more > 0 {
                told.push(format!("{more} more"));
            }
            return Err(Problem::new(
                Code::FILE_NOT_FOUND,
                format!(
                    "{} refers to files that are missing: {}.",
                    self.request.file.display(),
                    told.join(", ")
                ),
            )
            .hint(wire::hint![
                "Put them in place or correct the paths in the file; or render without them: ",
                Step::argument("ignore_missing", true, "--ignore-missing"),
            ])
            .detail("missing", found["missing"].clone()));
        }
        let args = Value::Object(self.request.settings.clone());
        let plan = self.ask(&first.name, "render.plan", args).await?;
        serde_json::from_value(plan).map_err(|error| {
            Problem::new(
                Code::INTERNAL,
                format!("The worker's plan cannot be read: {error}."),
            )
        })
    }

    /// From when on frames count that are there; refuses where other pictures are in the way.
    pub(super) fn since(
        &self,
        before: Option<&Manifest>,
        plan: &Plan,
        frames: &[Frame],
    ) -> Result<u64, Problem> {
        let same = before.filter(|before| before.source == self.request.source);
        match (self.request.existing, same) {
            (Existing::Overwrite, Some(same)) if !same.finished && same.since_ms > 0 => {
                Ok(same.since_ms)
            }
            (Existing::Overwrite, _) => Ok(manifest::now_ms()),
            (Existing::Skip, _) => Ok(0),
            (Existing::Resume, Some(same)) => Ok(same.since_ms),
            (Existing::Resume, None) => {
                let counts = Counts::new(&self.request.out, &plan.suffix, 0);
                let there: Vec<Frame> = frames
                    .iter()
                    .copied()
                    .filter(|it| counts.has(*it))
                    .collect();
                if there.is_empty() {
                    return Ok(0);
                }
                let told = frames::words(&there, RANGES_TOLD_MAX);
                if before.is_none() {
                    self.context.log(
                        "info",
                        format!("These frames were already there and are kept, though what made them is unknown: {told}."),
                    );
                    return Ok(0);
                }
                Err(in_the_way(&self.request, &told))
            }
        }
    }

    /// Everything is known: the manifest is written, frames can be handed out.
    pub(super) async fn begin(
        &self,
        before: Option<Manifest>,
        plan: Plan,
        frames: &[Frame],
        left: Vec<Frame>,
        since_ms: u64,
    ) -> Result<(), Problem> {
        let source = self.request.source.clone();
        let mut manifest = before
            .filter(|before| before.source == source && before.since_ms == since_ms)
            .unwrap_or_else(|| Manifest::new(source, plan.clone()));
        let graphics_card = plan.graphics_card;
        manifest.plan = plan;
        manifest.since_ms = since_ms;
        manifest.finished = false;
        manifest.failed.clear();
        manifest.retried.clear();
        {
            let mut state = self.state();
            if self.request.workers.is_none() {
                let fitting = self.machine.workers(self.request.memory_mb, graphics_card);
                state.workers = state.workers.min(fitting);
            }
            state.workers = state.workers.min(left.len()).max(1);
            manifest.workers = state.workers;
            state.board.all = frames.len();
            state.board.skipped = frames.len() - left.len();
            state.board.stage("");
            state.pool = Pool::new(left, self.request.chunk);
            state.manifest = Some(manifest);
        }
        self.save().await
    }
}

/// What is known to be refused before any Blender is started: frames of another version of the file or of other
/// settings lie where these would go.
///
/// # Errors
/// `file_exists`, with those frames.
pub(super) fn refuse_early(request: &Request, before: Option<&Manifest>) -> Result<(), Problem> {
    let Some(before) = before.filter(|before| before.source != request.source) else {
        return Ok(());
    };
    if request.existing != Existing::Resume || request.settings.contains_key("format") {
        return Ok(());
    }
    let plan = &before.plan;
    let frames = match &request.frames {
        Some(frames) => frames.clone(),
        None => frames::of_scene(plan.start, plan.end, plan.step)?,
    };
    let counts = Counts::new(&request.out, &plan.suffix, 0);
    let there: Vec<Frame> = frames.into_iter().filter(|it| counts.has(*it)).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(in_the_way(request, &frames::words(&there, RANGES_TOLD_MAX)))
}

fn in_the_way(request: &Request, told: &str) -> Problem {
    Problem::new(
        Code::FILE_EXISTS,
        format!(
            "{} has frames made from another version of the file, or with other settings: {told}.",
            request.out.display()
        ),
    )
    .hint(wire::hint![
        "Render them again: ",
        Step::argument("existing", "overwrite", "--overwrite"),
        "; keep them as they are: ",
        Step::argument("existing", "skip", "--skip"),
        "; or name another folder: ",
        Step::argument("out", "/path/to/folder", "--out DIR"),
    ])
}
