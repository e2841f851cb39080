use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use client::{INSTANCE_TIMEOUT, problems, typed};
use hub::launch::Display;
use serde_json::{Map, Value, json};
use terminal::amount;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use wire::{InstanceView, Mode, Problem};

use crate::built_in;

#[derive(Args, Debug)]
#[command(about = ABOUT, long_about = long_about())]
pub struct Start {
    #[arg(help = built_in::app_help())]
    pub app: String,
    /// Run without a window [default]
    #[arg(long, conflicts_with = "gui")]
    pub background: bool,
    /// Open its window, on your display.
    #[arg(long)]
    pub gui: bool,
    /// A name for the instance [default: the app's name, numbered if it is taken]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub of_app: built_in::StartOptions,
    /// The file to open.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Memory limit for its process, for example `4GB` or `500MB`; not with --gui.
    #[arg(long, value_name = "SIZE", value_parser = amount::megabytes, conflicts_with = "gui")]
    pub memory: Option<u64>,
    /// Time limit for its process, for example `2h`, `30m` or `90s`; not with --gui.
    #[arg(long, value_name = "TIME", value_parser = amount::seconds, conflicts_with = "gui")]
    pub time: Option<u64>,
    /// Have the system keep it to the allowed folders; only on Linux, not with --gui.
    #[arg(long)]
    pub confined: bool,
    /// A label that jobs can select it by; can be repeated.
    #[arg(long, value_name = "WORD")]
    pub label: Vec<String>,
}

const ABOUT: &str = "Start an instance of an app and wait until it is connected";

fn long_about() -> String {
    format!(
        "{ABOUT}\n\nIf an instance with that --name is already running, this shows it and starts nothing. Unless \
         you name a program, Kapelle looks for one in `KAPELLE_{}`, on the PATH and in the usual places.",
        built_in::example().to_uppercase()
    )
}

impl Start {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub_or_start()?;
        let mut body = Map::new();
        body.insert("app".into(), self.app.clone().into());
        body.insert(
            "mode".into(),
            if self.gui { "gui" } else { "background" }.into(),
        );
        // The hub may have been started elsewhere, or without a display.
        if self.gui
            && session.is_here()
            && let Some(display) = Display::of_this_process()
        {
            body.insert("display".into(), json!(display));
        }
        if let Some(name) = self.name {
            body.insert("name".into(), name.into());
        }
        body.extend(self.of_app.request()?);
        if let Some(file) = self.file {
            body.insert("file".into(), full_path(&file)?);
        }
        for (key, limit) in [("memory_mb", self.memory), ("time_s", self.time)] {
            if let Some(limit) = limit {
                body.insert(key.into(), limit.into());
            }
        }
        if self.confined {
            body.insert("confined".into(), true.into());
        }
        if !self.label.is_empty() {
            body.insert("labels".into(), self.label.into());
        }
        session.ui.say(format_args!("starting {}", self.app));
        let document = client.post_within("/v1/instances", &body, Some(INSTANCE_TIMEOUT))?;
        let instance: InstanceView = typed(&document)?;
        let line = ready_line(&instance);
        Ok(Shown::boxed(document, move |out| writeln!(out, "{line}")))
    }
}

/// The hub runs in another folder.
fn full_path(path: &Path) -> Result<Value, Box<Problem>> {
    let path = std::path::absolute(path)
        .map_err(|error| problems::file(path, "is not a usable path", &error))?;
    Ok(path.to_string_lossy().into())
}

fn ready_line(instance: &InstanceView) -> String {
    let mut about = vec![
        match instance.mode {
            Mode::Background => "background",
            Mode::Gui => "with its window",
            Mode::Module => "as a Python module",
        }
        .to_owned(),
    ];
    if instance.confined {
        about.push("confined".to_owned());
    }
    about.extend(instance.pid.map(|pid| format!("pid {pid}")));
    let version = instance.version.as_deref().unwrap_or_default();
    format!(
        "{} is {}: {} {version} ({})",
        instance.name,
        instance.state.as_str(),
        instance.app,
        about.join(", ")
    )
}
