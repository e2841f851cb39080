use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use client::follow::{self, Ended, follow};
use client::{Client, typed};
use serde_json::{Map, Value, json};
use terminal::ago::short;
use terminal::answer::{Answer, Answered, Shown};
use terminal::calling::{self, CallOptions};
use terminal::interrupt::{Interrupt, Target};
use terminal::screen::Out;
use terminal::session::Session;
use terminal::ui::{CAREFUL, FAINT, Ui};
use terminal::{amount, ids, outcome};
use wire::call::{CallView, Wait};
use wire::{CallId, CallRequest, Durability, Problem};

use super::farm_live::FarmLive;
use super::paths::full;

/// Render the frames of a .blend with several Blenders
///
/// Each picture appears (`frame_0001.png`, …) as soon as it is finished. A Blender that crashes is replaced and its
/// frames are rendered again. The render is a job: if anything is killed, even the hub, it resumes where it was, and the
/// same command follows it again. Finished frames are not rendered twice. Missing files and fonts are reported before the
/// first frame. Ctrl-C stops all workers and keeps the finished frames.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  kapelle render shot.blend\n  kapelle render shot.blend --frames 1-250x10,250 --workers 4 --samples 64 --film"
)]
pub(super) struct Render {
    /// The .blend file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The frames, in this order: `1-250`, `1-250x5` (every fifth), `1-10,20,30-40` [default: the scene's]
    #[arg(long, short, value_name = "FRAMES", allow_hyphen_values = true)]
    pub frames: Option<String>,
    /// The folder for the pictures [default: NAME-frames beside the file]
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// How many Blenders to use [default: as many as cores and memory allow]
    #[arg(long, short, value_name = "N", help_heading = "Workers")]
    pub workers: Option<u64>,
    /// Frames to give a worker at a time [default: fewer towards the end]
    #[arg(long, value_name = "N", help_heading = "Workers")]
    pub chunk: Option<u64>,
    /// Threads per worker [default: share the cores]
    #[arg(long, value_name = "N", help_heading = "Workers")]
    pub threads: Option<u64>,
    /// Memory limit per worker, for example `4GB`; a worker that exceeds it is replaced.
    #[arg(long, value_name = "SIZE", value_parser = amount::megabytes, help_heading = "Workers")]
    pub memory: Option<u64>,
    /// Replace a worker when one frame takes longer than this, for example `20m`.
    #[arg(long, value_name = "TIME", value_parser = amount::seconds, help_heading = "Workers")]
    pub frame_timeout: Option<u64>,
    /// Replace a worker that makes no progress for this long [default: 30m]
    #[arg(long, value_name = "TIME", value_parser = amount::seconds, help_heading = "Workers")]
    pub stall_timeout: Option<u64>,
    /// Replace a worker that does not respond for this long [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = amount::seconds, help_heading = "Workers")]
    pub silence_timeout: Option<u64>,
    /// The Blender to start [default: the one found]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = "Workers")]
    pub blender: Option<PathBuf>,
    /// A Python that has Blender installed as a module (the `bpy` wheel).
    #[arg(long, value_name = "PATH", conflicts_with = "blender", value_hint = ValueHint::ExecutablePath, help_heading = "Workers")]
    pub python: Option<PathBuf>,
    /// The scene [default: the one active when the file was saved]
    #[arg(long, value_name = "NAME", help_heading = "Pictures")]
    pub scene: Option<String>,
    /// The camera [default: the scene's]
    #[arg(long, value_name = "NAME", help_heading = "Pictures")]
    pub camera: Option<String>,
    /// `cycles`, `eevee` or `workbench` [default: the scene's]
    #[arg(long, short, value_name = "ENGINE", help_heading = "Pictures")]
    pub engine: Option<String>,
    /// Samples per picture [default: the scene's]
    #[arg(long, short, value_name = "N", help_heading = "Pictures")]
    pub samples: Option<u64>,
    /// Time limit for sampling a picture with Cycles, for example `90s` [default: the scene's]
    #[arg(long, value_name = "TIME", value_parser = amount::seconds, help_heading = "Pictures")]
    pub time_limit: Option<u64>,
    /// Width in pixels [default: the scene's]
    #[arg(long, value_name = "PX", help_heading = "Pictures")]
    pub width: Option<u64>,
    /// Height in pixels [default: the scene's]
    #[arg(long, value_name = "PX", help_heading = "Pictures")]
    pub height: Option<u64>,
    /// Percentage of width and height [default: the scene's]
    #[arg(long, value_name = "PERCENT", help_heading = "Pictures")]
    pub percentage: Option<u64>,
    /// Make the background transparent.
    #[arg(long, help_heading = "Pictures")]
    pub transparent: bool,
    /// `png`, `jpg`, `exr`, `tif` or `webp` [default: the scene's own]
    #[arg(long, value_name = "FORMAT", help_heading = "Pictures")]
    pub format: Option<String>,
    /// Render frames again that already exist.
    #[arg(long)]
    pub overwrite: bool,
    /// Keep existing frames, whatever made them.
    #[arg(long, conflicts_with = "overwrite")]
    pub skip: bool,
    /// Render even if files or fonts are missing.
    #[arg(long)]
    pub ignore_missing: bool,
    /// Allow Python scripts inside the file to run.
    #[arg(long)]
    pub scripts: bool,
    /// Make a film of the frames at the end, with ffmpeg if it is installed.
    #[arg(long)]
    pub film: bool,
    /// Make no contact sheet at the end.
    #[arg(long)]
    pub no_sheet: bool,
    /// Print the job's id and return without waiting for the end.
    #[arg(long)]
    pub no_wait: bool,
    /// Check the options and permissions, and render nothing.
    #[arg(long, conflicts_with = "no_wait")]
    pub check: bool,
}

const APP: &str = "blender";
const COMMAND: &str = "render.farm";
/// Of the job, with [`mark`].
const LABEL: &str = "render";

impl Render {
    pub(super) fn run(self, session: &Session) -> Answered {
        let args = self.args()?;
        let client = session.hub_or_start()?;
        if self.check {
            let options = CallOptions {
                check: true,
                ..CallOptions::default()
            };
            return calling::call(session, &client, &options, APP, COMMAND, args);
        }
        let mark = mark(&args);
        let open = open_job(&client, &mark)?;
        let request = CallRequest {
            durable: Some(Durability::Fsync),
            labels: BTreeMap::from([(LABEL.to_owned(), mark)]),
            wait: Wait::Forever(!self.no_wait),
            ..CallRequest::new(APP.into(), COMMAND, args)
        };
        if self.no_wait {
            let id = match open {
                Some(id) => id,
                None => typed::<CallView>(&client.post("/v1/calls", &request)?)?.call_id,
            };
            return Ok(Shown::boxed(json!({ "call_id": id }), move |out| {
                writeln!(out, "{id}")
            }));
        }
        let interrupt = Interrupt::arm(&client, session.ui, Target::Unknown)?;
        let mut live = FarmLive::new(session.ui);
        let ended = match open {
            None => follow(&client, &request, &mut interrupt.around(&mut live)),
            Some(id) => {
                session.ui.say(format_args!(
                    "this render is already running; following it (job {})",
                    ids::short(id.as_str())
                ));
                interrupt.watch(Target::Call(id.clone()));
                client
                    .events(&format!("/v1/calls/{id}/events"), None)
                    .and_then(|events| follow::rest(events, &mut live))
            }
        };
        live.finish();
        match ended {
            Ok(ended) => Ok(Box::new(Rendered { ended })),
            Err(problem) if problem.code == wire::Code::HUB_UNREACHABLE => {
                Err(Box::new(problem.hint(
                    "The render resumes as soon as a hub is running: the same command starts one and follows it.",
                )))
            }
            Err(problem) => Err(problem),
        }
    }

    fn args(&self) -> Result<Map<String, Value>, Box<Problem>> {
        let mut args = Map::new();
        args.insert("file".into(), full(&self.file)?);
        let paths = [
            ("out", &self.out),
            ("program", &self.blender),
            ("python", &self.python),
        ];
        for (key, path) in paths {
            if let Some(path) = path {
                args.insert(key.into(), full(path)?);
            }
        }
        let given = [
            ("frames", json!(self.frames)),
            ("workers", json!(self.workers)),
            ("chunk", json!(self.chunk)),
            ("threads", json!(self.threads)),
            ("memory_mb", json!(self.memory)),
            ("frame_timeout_s", json!(self.frame_timeout)),
            ("stall_timeout_s", json!(self.stall_timeout)),
            ("silence_timeout_s", json!(self.silence_timeout)),
            ("scene", json!(self.scene)),
            ("camera", json!(self.camera)),
            ("engine", json!(self.engine)),
            ("samples", json!(self.samples)),
            ("time_limit", json!(self.time_limit)),
            ("width", json!(self.width)),
            ("height", json!(self.height)),
            ("percentage", json!(self.percentage)),
            ("format", json!(self.format)),
        ];
        args.extend(
            given
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.to_owned(), value)),
        );
        let switches = [
            ("transparent", self.transparent, json!(true)),
            ("existing", self.overwrite, json!("overwrite")),
            ("existing", self.skip, json!("skip")),
            ("ignore_missing", self.ignore_missing, json!(true)),
            ("scripts", self.scripts, json!(true)),
            ("film", self.film, json!(true)),
            ("sheet", self.no_sheet, json!(false)),
        ];
        args.extend(
            switches
                .into_iter()
                .filter(|(_, on, _)| *on)
                .map(|(key, _, value)| (key.to_owned(), value)),
        );
        Ok(args)
    }
}

/// Equal for equal arguments.
fn mark(args: &Map<String, Value>) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    Value::Object(args.clone()).to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The job of the same request that has not ended: one that this terminal left, or that a new hub goes on with.
fn open_job(client: &Client, mark: &str) -> Result<Option<CallId>, Box<Problem>> {
    let path =
        format!("/v1/jobs?status=queued,leased,running&app={APP}&label={LABEL}:{mark}&limit=1");
    let found = client.get(&path)?;
    let id = found["jobs"][0]["call_id"].as_str();
    Ok(id.map(|id| CallId::from(id.to_owned())))
}

/// A farm that came to its end.
struct Rendered {
    ended: Ended,
}

impl Answer for Rendered {
    fn json(&self) -> Value {
        self.ended.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        let value = value_of(&self.ended.call);
        for key in ["path", "sheet", "film"] {
            if let Some(path) = value[key].as_str() {
                writeln!(out, "{path}")?;
            }
        }
        Ok(())
    }

    fn remarks(&self, ui: Ui) {
        let value = value_of(&self.ended.call);
        if value.is_object() {
            ui.say(summary(value));
        }
        outcome::remark(ui, &self.ended.call);
    }

    fn exit_code(&self) -> u8 {
        outcome::exit_code(&self.ended.call)
    }
}

fn value_of(call: &CallView) -> &Value {
    call.outcome
        .as_ref()
        .map_or(&Value::Null, |outcome| &outcome.value)
}

/// `250 frames: 240 rendered by 2 workers in 4 min, 10 were there`
fn summary(value: &Value) -> String {
    let count = |key: &str| value[key].as_u64().unwrap_or_default();
    let seconds = value["seconds"].as_f64().unwrap_or_default();
    let took = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let plural = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let mut parts = Vec::new();
    if count("rendered") > 0 {
        let by = plural(count("workers"), "worker");
        parts.push(format!(
            "{} rendered by {by} in {}",
            count("rendered"),
            short(took)
        ));
    }
    if count("skipped") > 0 {
        parts.push(format!("{} already there", count("skipped")));
    }
    let listed = |key: &str| value[key].as_array().map_or(0, Vec::len);
    if listed("retried") > 0 {
        parts.push(format!("{CAREFUL}{} retried{CAREFUL:#}", listed("retried")));
    }
    if count("replaced") > 0 {
        let workers = plural(count("replaced"), "worker");
        parts.push(format!("{CAREFUL}{workers} replaced{CAREFUL:#}"));
    }
    if listed("failed") > 0 {
        parts.push(format!("{CAREFUL}{} failed{CAREFUL:#}", listed("failed")));
    }
    format!(
        "{}: {} {FAINT}({}){FAINT:#}",
        plural(count("frames"), "frame"),
        parts.join(", "),
        value["report"].as_str().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_was_done() {
        let value = json!({"frames": 250, "rendered": 1, "skipped": 249, "workers": 2, "seconds": 61.0,
            "retried": [], "failed": [], "report": "/a/r.json"});
        let told = terminal::screen::plain(&summary(&value)).to_string();
        assert_eq!(
            told,
            "250 frames: 1 rendered by 2 workers in 1 min 1 s, 249 already there (/a/r.json)"
        );
    }
}
