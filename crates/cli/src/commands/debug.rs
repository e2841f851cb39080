use std::ffi::OsString;
use std::io::{BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use wire::{Code, Problem};

use crate::answer::{Answered, Shown};
use crate::commands::install::{App, Install};
use crate::problems;
use crate::serve;
use crate::session::Session;
use crate::terminal;
use crate::ui::Ui;

/// How the bridge says where it listens.
const GREETING: &str = "the direct mode listens on ";

/// Let clients of other Blender add-ons drive a Blender without a hub
#[derive(Args, Debug)]
pub struct Debug {
    #[command(subcommand)]
    pub verb: DebugVerb,
}

#[derive(Subcommand, Debug)]
pub enum DebugVerb {
    Install(DebugInstall),
    Start(DebugStart),
}

/// Install the add-on, whose preferences include direct mode
///
/// The same as `kapelle install blender`.
#[derive(Args, Debug)]
pub struct DebugInstall {
    /// In this Blender; can be repeated.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub blender: Vec<PathBuf>,
    /// In every Blender on this machine.
    #[arg(long, conflicts_with = "blender")]
    pub all: bool,
}

/// Start a Blender that listens by itself, and stay until it exits
///
/// It speaks the dialects of existing clients: bare JSON, JSON with NUL, JSON with LF; messages of the
/// forms {type, params}, {action, params, id} and {type: "execute", code}. These have no token: every
/// program on this machine that connects can run code. It listens on loopback only.
#[derive(Args, Debug)]
pub struct DebugStart {
    /// Without a window.
    #[arg(long)]
    pub background: bool,
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(
        long,
        value_name = "PORT",
        env = "BLD_DEBUG_TCP_PORT",
        default_value_t = 7777
    )]
    pub port: u16,
    /// Exit after answering code that raises SystemExit; otherwise SystemExit is only reported.
    #[arg(long)]
    pub exit_on_systemexit: bool,
    /// The program to start.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub blender: Option<PathBuf>,
    /// A Python that has the `bpy` wheel.
    #[arg(long, value_name = "PATH", conflicts_with = "blender", requires = "background", value_hint = ValueHint::ExecutablePath)]
    pub python: Option<PathBuf>,
    /// The file to open.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

impl Debug {
    pub(crate) fn run(self, session: &Session) -> Answered {
        match self.verb {
            DebugVerb::Install(words) => Install {
                app: App::Blender,
                blender: words.blender,
                all: words.all,
                no_verify: false,
                zip: None,
            }
            .run(session),
            DebugVerb::Start(words) => words.run(session),
        }
    }
}

impl DebugStart {
    fn run(self, session: &Session) -> Answered {
        let launch = serve::blender_launch(
            session.home.path(),
            !self.background,
            self.blender,
            self.python,
            self.file,
        )?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .env("KAPELLE_HOME", session.home.path())
            .env("KAPELLE_DIRECT", self.port.to_string())
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let leaves: OsString = if self.exit_on_systemexit { "1" } else { "0" }.into();
        command.env("KAPELLE_DIRECT_EXIT", leaves);
        // Ctrl-C reaches Blender too; we stay to say how it ended.
        ctrlc::set_handler(|| {}).ok();
        session
            .ui
            .say(format_args!("starting {}", launch.program.display()));
        let failed =
            |error: &std::io::Error| problems::file(&launch.program, "cannot be started", error);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        pass_on_the_end(child.id());
        let heard = child
            .stdout
            .take()
            .map(|out| relay(BufReader::new(out), session.ui, child.id()));
        let ended = child.wait().map_err(|error| failed(&error))?;
        if heard == Some(true) && ended.success() {
            let document = json!({"ended": true});
            return Ok(Shown::boxed(document, |_| Ok(())));
        }
        Err(Box::new(not_well(heard == Some(true), &ended.to_string())))
    }
}

/// SIGTERM reaches this process alone: Blender gets it too, so that none stays behind.
#[cfg(unix)]
fn pass_on_the_end(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{SignalKind, signal};

    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            if let Ok(mut asked) = signal(SignalKind::terminate()) {
                asked.recv().await;
                kill_process(pid, Signal::TERM).ok();
            }
        });
    });
}

#[cfg(not(unix))]
fn pass_on_the_end(_pid: u32) {}

/// Blender's own lines go to stderr; where it listens is the one line on stdout. Whether it was said.
fn relay(lines: impl std::io::BufRead, ui: Ui, pid: u32) -> bool {
    let mut heard = false;
    for line in lines.lines().map_while(Result::ok) {
        let address = line
            .split_once(GREETING)
            .and_then(|(_, rest)| rest.split_once(". "));
        match address {
            Some((address, about)) if !heard => {
                heard = true;
                let said = if ui.json {
                    json!({"address": address, "pid": pid}).to_string()
                } else {
                    format!("listening on {address} (pid {pid}); Ctrl-C ends it")
                };
                let mut out = terminal::out();
                writeln!(out, "{said}").and_then(|()| out.flush()).ok();
                ui.warn(about);
            }
            _ => ui.text(&format!("{line}\n")),
        }
    }
    heard
}

fn not_well(listened: bool, how: &str) -> Problem {
    let message = if listened {
        format!("Blender exited by itself: {how}.")
    } else {
        format!("Blender exited before it started listening: {how}.")
    };
    Problem::new(Code::START_FAILED, message)
        .hint("The last lines above say why. If its port is taken, choose another with --port.")
}
