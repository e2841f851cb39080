//! What the demo did: told live on stderr, and summed up at the end.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use terminal::ago::{short, size};
use terminal::answer::Answer;
use terminal::screen::Out;
use terminal::table::{Cell, Table};
use terminal::ui::{FAINT, GOOD, HEADING, NAME, Ui};
use wire::InstanceView;

/// A part of the demo that is over.
pub(super) struct Done {
    title: &'static str,
    says: String,
    calls: usize,
    took: Duration,
}

pub(super) struct FileMade {
    pub(super) title: &'static str,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) title: String,
    pub(super) instance: InstanceView,
    pub(super) files: Vec<FileMade>,
    pub(super) done: Vec<Done>,
    pub(super) total: Duration,
}

/// Tells and keeps that a part is over.
pub(super) fn tell(
    ui: Ui,
    done: &mut Vec<Done>,
    title: &'static str,
    says: String,
    calls: usize,
    began: Instant,
) {
    let took = began.elapsed();
    ui.say(format_args!(
        "{GOOD}✓{GOOD:#} {title:<17} {says}  {FAINT}{}{FAINT:#}",
        short(took)
    ));
    done.push(Done {
        title,
        says,
        calls,
        took,
    });
}

impl Answer for Report {
    fn json(&self) -> Value {
        let steps = self.done.iter().map(|done| {
            json!({"title": done.title, "says": done.says, "calls": done.calls, "took_ms": millis(done.took)})
        });
        let files = self
            .files
            .iter()
            .map(|file| json!({"what": file.title, "path": file.path, "bytes": file.bytes}));
        json!({
            "seed": self.seed,
            "title": self.title,
            "instance": self.instance,
            "files": files.collect::<Vec<_>>(),
            "steps": steps.collect::<Vec<_>>(),
            "calls": self.done.iter().map(|done| done.calls).sum::<usize>(),
            "total_ms": millis(self.total),
        })
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        let mut table = Table::<3>::indented(0);
        for file in &self.files {
            let path = file.path.to_string_lossy();
            table.row([
                file.title.into(),
                Cell::styled(path, NAME),
                size(file.bytes).into(),
            ]);
        }
        table.write(out)
    }

    fn remarks(&self, ui: Ui) {
        let calls: usize = self.done.iter().map(|done| done.calls).sum();
        let name = &self.instance.name;
        let next = self.seed.wrapping_add(1);
        ui.say(format_args!(
            "{FAINT}{calls} calls in {}{FAINT:#}\n",
            short(self.total)
        ));
        ui.say(format_args!(
            "{HEADING}{name} keeps running. Next:{HEADING:#}"
        ));
        ui.say(format_args!("  kapelle demo --seed {next}"));
        ui.say(format_args!(
            "  kapelle code blender -i {name} -c '[thing.name for thing in bpy.context.scene.objects][:5]'"
        ));
        ui.say(format_args!(
            "  kapelle run blender object.create -i {name} kind=monkey location=0,0,3 material=Metal smooth=true"
        ));
        ui.say(format_args!(
            "  kapelle run blender render.still -i {name} frame=60"
        ));
        ui.say("  kapelle commands blender");
        ui.say(format_args!("  kapelle stop {name}"));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
