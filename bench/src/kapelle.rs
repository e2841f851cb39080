//! The `kapelle` that is measured: where it is, a hub of it, and a Blender behind that hub.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fault::Fault;
use crate::http::{Client, Target};
use crate::processes::Processes;
use crate::window::Display;

/// How long a hub may take to say that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The program to measure: the given one, or this checkout's, built as this program was.
///
/// # Errors
/// When there is none, or it does not build.
pub(crate) fn program(given: Option<PathBuf>) -> Result<PathBuf, Fault> {
    if let Some(path) = given {
        return path
            .is_file()
            .then(|| std::path::absolute(&path))
            .ok_or_else(|| format!("there is no file {}", path.display()))?
            .map_err(Into::into);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--package", "kapelle-cli"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    eprintln!("building kapelle …");
    if !build.stdout(Stdio::null()).status()?.success() {
        return Err("kapelle does not build; pass a built one: --kapelle PATH".into());
    }
    let path = std::env::current_exe()?.with_file_name("kapelle");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "the build left no {}; pass a built one: --kapelle PATH",
        path.display()
    )
    .into())
}

/// What the program calls its version.
///
/// # Errors
/// When it does not run.
pub(crate) fn version(program: &Path) -> Result<String, Fault> {
    let out = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The hub of `KAPELLE_HOME`.
///
/// # Errors
/// When none runs there.
pub(crate) fn running_hub() -> Result<Target, Fault> {
    let home = PathBuf::from(std::env::var_os("KAPELLE_HOME").ok_or("KAPELLE_HOME is not set")?);
    let run = std::fs::read(home.join("run/hub.json"))
        .map_err(|error| format!("no hub runs: {error}"))?;
    target(&serde_json::from_slice(&run)?)
}

/// Where the hub is that says this of itself.
fn target(said: &Value) -> Result<Target, Fault> {
    let (Some(url), Some(token_file)) = (said["url"].as_str(), said["token_file"].as_str()) else {
        return Err(format!("the hub did not become ready: {said}").into());
    };
    let addr: SocketAddr = url.trim_start_matches("http://").parse()?;
    let token = std::fs::read_to_string(token_file)?.trim().to_owned();
    Ok(Target {
        addr,
        token: Some(token),
    })
}

/// A hub in a process and a home of its own.
pub(crate) struct Hub {
    pub(crate) pid: u32,
    pub(crate) home: PathBuf,
    pub(crate) target: Target,
    /// From the start of the process to its line.
    pub(crate) ready: Duration,
    program: PathBuf,
}

impl Hub {
    /// # Errors
    /// When it does not become ready.
    pub(crate) fn start(
        processes: &mut Processes,
        program: &Path,
        home: &Path,
    ) -> Result<Self, Fault> {
        Self::start_by(processes, Command::new(program), home)
    }

    /// As [`Self::start`], with windows of what it starts on this display.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) fn start_on(
        processes: &mut Processes,
        program: &Path,
        home: &Path,
        display: &Display,
    ) -> Result<Self, Fault> {
        let mut command = Command::new(program);
        display.on(&mut command);
        Self::start_by(processes, command, home)
    }

    fn start_by(
        processes: &mut Processes,
        mut command: Command,
        home: &Path,
    ) -> Result<Self, Fault> {
        let program = PathBuf::from(command.get_program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--json"]);
        // What goes wrong at the start is said on stdout as well.
        command.stdin(Stdio::null()).stderr(Stdio::null());
        in_home(&mut command, home);
        let start = Instant::now();
        let (pid, line) = processes.spawn_and_hear(&mut command, READY_TIMEOUT)?;
        let ready = start.elapsed();
        let target = target(&serde_json::from_str(&line)?)?;
        Ok(Self {
            pid,
            home: home.to_owned(),
            target,
            ready,
            program,
        })
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Has a command use this hub.
    pub(crate) fn in_home(&self, command: &mut Command) {
        in_home(command, &self.home);
    }

    /// Starts a Blender with a window on this display.
    ///
    /// # Errors
    /// What `kapelle start` says.
    pub(crate) fn start_window(
        &self,
        processes: &mut Processes,
        display: &Display,
        blender: &Path,
    ) -> Result<Instance, Fault> {
        let mut command = Command::new(&self.program);
        command.args(["start", "blender", "--gui", "--json", "--blender"]);
        self.started(processes, display.on(command.arg(blender)))
    }

    /// Starts a background Blender the way a person does.
    ///
    /// # Errors
    /// What `kapelle start` says.
    pub(crate) fn start_blender(
        &self,
        processes: &mut Processes,
        options: &[&std::ffi::OsStr],
    ) -> Result<Instance, Fault> {
        let mut command = Command::new(&self.program);
        command.args(["start", "blender", "--background", "--json"]);
        self.started(processes, command.args(options))
    }

    fn started(&self, processes: &mut Processes, command: &mut Command) -> Result<Instance, Fault> {
        in_home(command.stdin(Stdio::null()), &self.home);
        let start = Instant::now();
        let out = command.output()?;
        let took = start.elapsed();
        if !out.status.success() {
            return Err(format!("kapelle start: {}", why(&out)).into());
        }
        let instances = Client::new(&self.target)?.get("/v1/instances")?;
        let view = &instances["instances"][0];
        let pid = view["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .ok_or("Blender has no pid")?;
        processes.adopt(pid)?;
        let version = view["version"]
            .as_str()
            .unwrap_or("of an unknown version")
            .to_owned();
        let mode = view["mode"].as_str().unwrap_or_default().to_owned();
        Ok(Instance {
            pid,
            version,
            mode,
            took,
        })
    }
}

/// A Blender that the hub has started.
pub(crate) struct Instance {
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) mode: String,
    /// From `kapelle start` to its end.
    pub(crate) took: Duration,
}

impl Instance {
    /// The same command line again, for a Blender that dials another home.
    ///
    /// # Errors
    /// On systems that do not show it.
    pub(crate) fn again(&self, home: &Path) -> Result<Command, Fault> {
        let words = std::fs::read(format!("/proc/{}/cmdline", self.pid))?;
        let environ = std::fs::read(format!("/proc/{}/environ", self.pid))?;
        let mut words = words
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(text);
        let mut command = Command::new(words.next().ok_or("Blender has no command line")?);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.env_clear();
        for one in environ.split(|byte| *byte == 0).map(text) {
            if let Some((name, value)) = one.split_once('=') {
                command.env(name, value);
            }
        }
        for name in ["KAPELLE_LAUNCH", "KAPELLE_NAME"] {
            command.env_remove(name);
        }
        command.env("KAPELLE_HOME", home);
        Ok(command)
    }
}

/// What a failed `kapelle … --json` said: its problem with the end of the program's output, or whatever it was.
fn why(out: &std::process::Output) -> String {
    let Ok(problem) = serde_json::from_slice::<Value>(&out.stdout) else {
        return text(&[out.stdout.as_slice(), &out.stderr].concat());
    };
    let message = problem["message"].as_str().unwrap_or_default();
    format!(
        "{message}\n{}",
        problem["details"]["output"].as_str().unwrap_or_default()
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command of `kapelle` that uses this home and no other hub.
fn in_home(command: &mut Command, home: &Path) {
    command
        .env("KAPELLE_HOME", home)
        .env_remove("KAPELLE_URL")
        .env_remove("KAPELLE_TOKEN");
}
