use std::ffi::OsString;
use std::io::{BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::{Args, Subcommand, ValueHint};
use client::problems;
use hub::app::App as _;
use hub::home::Home;
use hub::launch::LaunchRequest;
use serde_json::json;
use terminal::answer::{Answered, Shown};
use terminal::screen;
use terminal::session::Session;
use terminal::ui::Ui;
use wire::{Code, Mode, Problem};

use super::install::{App, Install};
use crate::blender::Blender;

/// How the bridge says where it listens.
const GREETING: &str = "direct mode is listening on ";

/// Names the port where `--port` does not.
const PORT_VARIABLE: &str = "BLD_DEBUG_TCP_PORT";
/// What clients of other add-ons dial when nobody says otherwise.
const PORT: u16 = 7777;

/// Let clients of other Blender add-ons drive a Blender without a hub
#[derive(Args, Debug)]
pub(super) struct Debug {
    #[command(subcommand)]
    pub verb: DebugVerb,
}

#[derive(Subcommand, Debug)]
pub(super) enum DebugVerb {
    Install(DebugInstall),
    Start(DebugStart),
}

/// Install the add-on, whose preferences include direct mode
///
/// The same as `kapelle install blender`.
#[derive(Args, Debug)]
pub(super) struct DebugInstall {
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
/// program on this machine that connects can run code. It listens on loopback only. With `--port` or
/// `--python` Blender runs in the background, otherwise with a window.
#[derive(Args, Debug)]
pub(super) struct DebugStart {
    /// Without a window.
    #[arg(long)]
    pub background: bool,
    /// With a window, even with `--port`.
    #[arg(long, conflicts_with_all = ["background", "python"])]
    pub gui: bool,
    /// The port on 127.0.0.1, in the background; 0 picks a free one. Without it the variable
    /// BLD_DEBUG_TCP_PORT names it, else it is 7777.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Exit after answering code that raises SystemExit; otherwise SystemExit is only reported.
    #[arg(long)]
    pub exit_on_systemexit: bool,
    /// The program to start.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub blender: Option<PathBuf>,
    /// A Python that has the `bpy` wheel.
    #[arg(long, value_name = "PATH", conflicts_with = "blender", value_hint = ValueHint::ExecutablePath)]
    pub python: Option<PathBuf>,
    /// The file to open.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

impl Debug {
    pub(super) fn run(self, session: &Session) -> Answered {
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
        let (with_window, port) = (!self.is_background(), self.port()?);
        let request = LaunchRequest {
            mode: if with_window {
                Mode::Gui
            } else {
                Mode::Background
            },
            program: self.blender,
            file: self.file,
            options: self
                .python
                .map(|python| ("python".to_owned(), json!(python)))
                .into_iter()
                .collect(),
            ..LaunchRequest::new(Blender.id())
        };
        let launch = Blender.launch(&Home::open(session.home.path())?, &request)?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .env("KAPELLE_HOME", session.home.path())
            .env("KAPELLE_DIRECT", port.to_string())
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

impl DebugStart {
    /// Who names a port wants a server to connect to.
    fn is_background(&self) -> bool {
        self.background || (!self.gui && (self.port.is_some() || self.python.is_some()))
    }

    fn port(&self) -> Result<u16, Problem> {
        if let Some(port) = self.port {
            return Ok(port);
        }
        let Some(told) = std::env::var_os(PORT_VARIABLE).filter(|told| !told.is_empty()) else {
            return Ok(PORT);
        };
        let parsed = told.to_str().and_then(|told| told.parse().ok());
        parsed.ok_or_else(|| {
            Problem::new(
                Code::ARGUMENTS_INVALID,
                format!(
                    "{PORT_VARIABLE} is not a valid port: {}.",
                    told.to_string_lossy()
                ),
            )
            .hint("Set it to a number from 0 to 65535, or pass --port.")
        })
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
                let mut out = screen::out();
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::DebugStart;

    #[derive(clap::Parser)]
    struct Words {
        #[command(flatten)]
        start: DebugStart,
    }

    #[test]
    fn a_port_means_the_background() {
        let is_background = |words: &[&str]| {
            let words = ["start"].iter().chain(words);
            Words::try_parse_from(words).map(|words| words.start.is_background())
        };
        assert!(!is_background(&[]).unwrap());
        assert!(is_background(&["--port", "7001"]).unwrap());
        assert!(is_background(&["--background"]).unwrap());
        assert!(is_background(&["--python", "python3"]).unwrap());
        assert!(!is_background(&["--gui", "--port=7001"]).unwrap());
        assert!(is_background(&["--gui", "--background"]).is_err());
    }
}
