//! Where the demo plays: the hub, its instance, and what was done so far.

use std::path::{Path, PathBuf};
use std::time::Instant;

use client::follow::follow;
use client::{Client, INSTANCE_TIMEOUT, problems, typed};
use serde_json::{Value, json};
use terminal::interrupt::{Interrupt, Target};
use terminal::live::Live;
use terminal::session::Session;
use terminal::ui::Ui;
use wire::{CallRequest, InstanceView, Problem, Status};

use super::report::{self, Done, FileMade};
use super::scene::{Chapter, Step};
use super::set_up;

const APP: &str = "blender";
const INSTANCE: &str = "demo";

/// Where the demo plays: the hub, the instance, and what was done so far.
pub(super) struct Stage {
    ui: Ui,
    client: Client,
    interrupt: Interrupt,
    pub(super) instance: InstanceView,
    pub(super) denoises: bool,
    pub(super) done: Vec<Done>,
}

impl Stage {
    pub(super) fn open(session: &Session) -> Result<Self, Box<Problem>> {
        let mut done = Vec::new();
        set_up::blender(session, &mut done)?;
        let client = session.hub_or_start()?;
        let began = Instant::now();
        let wanted =
            json!({"app": APP, "mode": "background", "name": INSTANCE, "reserved_for": INSTANCE});
        let document = client.post_within("/v1/instances", &wanted, Some(INSTANCE_TIMEOUT))?;
        let instance: InstanceView = typed(&document)?;
        let version = instance.version.as_deref().unwrap_or_default();
        let what = format!("Blender {version}, instance {}", instance.name);
        report::tell(session.ui, &mut done, "start", what, 0, began);
        Ok(Self {
            ui: session.ui,
            interrupt: Interrupt::arm(&client, session.ui, Target::Unknown)?,
            client,
            instance,
            denoises: true,
            done,
        })
    }

    /// Runs the calls of a chapter, one after the other.
    pub(super) fn play(&mut self, chapter: &Chapter) -> Result<(), Box<Problem>> {
        let began = Instant::now();
        for step in &chapter.steps {
            let value = self.call(step)?;
            if let Some(denoises) = value["denoises"].as_bool() {
                self.denoises = denoises;
            }
        }
        let count = chapter.steps.len();
        report::tell(
            self.ui,
            &mut self.done,
            chapter.title,
            format!("{count} calls"),
            count,
            began,
        );
        Ok(())
    }

    pub(super) fn make_files(
        &mut self,
        out: &Path,
        seed: u64,
        samples: u32,
        seconds: Option<u32>,
    ) -> Result<Vec<FileMade>, Box<Problem>> {
        let path = |suffix: &str| -> PathBuf { out.join(format!("demo-{seed}.{suffix}")) };
        let works = [
            (
                "picture",
                "render.still",
                path("png"),
                json!({"samples": samples, "time_limit": seconds}),
            ),
            ("model", "file.export", path("glb"), json!({})),
            (
                "blend file",
                "file.save",
                path("blend"),
                json!({"copy": true}),
            ),
        ];
        let mut files = Vec::new();
        for (title, command, path, mut args) in works {
            let began = Instant::now();
            args["path"] = path.to_string_lossy().into();
            args["overwrite"] = true.into();
            let args = args.as_object().cloned().unwrap_or_default();
            let value = self.call(&Step { command, args })?;
            let bytes = value["bytes"].as_u64().unwrap_or_default();
            report::tell(
                self.ui,
                &mut self.done,
                title,
                path.display().to_string(),
                1,
                began,
            );
            files.push(FileMade { title, path, bytes });
        }
        Ok(files)
    }

    /// One call to its end; gives its value.
    fn call(&self, step: &Step) -> Result<Value, Box<Problem>> {
        let request = CallRequest {
            instance: Some(self.instance.name.clone()),
            ..CallRequest::new(APP.into(), step.command, step.args.clone())
        };
        // What Blender's exporters print is no data of ours.
        let mut live = Live::without_output(self.ui);
        let ended = follow(
            &self.client,
            &request,
            &mut self.interrupt.around(&mut live),
        )?;
        live.finish(&ended.call);
        let (status, outcome) = (ended.call.status, ended.call.outcome);
        match outcome.as_ref().and_then(|outcome| outcome.problem.clone()) {
            None if status == Status::Succeeded => Ok(outcome
                .map(|outcome| outcome.value.clone())
                .unwrap_or_default()),
            Some(problem) => Err(Box::new(Problem {
                message: format!("{}: {}", step.command, problem.message),
                ..problem
            })),
            None => Err(problems::strange_answer(format_args!(
                "{} {} without a reason",
                step.command,
                status.as_str()
            ))),
        }
    }
}
