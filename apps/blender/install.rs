//! Puts the add-on into a Blender, takes it out, and lets it connect for a look: by running that Blender in
//! background with `installer.py`, because only Blender knows its own folders and preferences.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hub::home::{Home, random_hex};
use serde::{Deserialize, Serialize};
use wire::Step;
use wire::{Code, InstanceView, Problem};

use super::addon::addon_zip;
use super::environment::environment;
use super::find::{self, Found, Kind};
use crate::running::{end, run_within, set_apart};

/// What Blender runs.
const SCRIPT: &str = include_str!("installer.py");

/// What its one line begins with.
const MARK: &str = "KAPELLE-TOLD ";

/// A cold Blender on a busy machine needs tens of seconds; each run is one start and a small copy.
const RUN_LIMIT: Duration = Duration::from_secs(180);

/// How long one that was let go may take to end.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);

/// From the add-on's start to its handshake: its link dials at once and again after a tenth of a second.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(60);

/// Between two questions to the hub whether it has come. There is nothing at the door to wait for.
const LOOK: Duration = Duration::from_millis(100);

/// Lines of output that a problem quotes.
const TAIL_LINES: usize = 12;

/// What Blender said of the installation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Installed {
    /// The add-on's module in Blender.
    pub module: String,
    /// Blender's version.
    pub blender: String,
    /// Where it lies.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// After [`remove`]: whether there was one.
    #[serde(default)]
    pub removed: bool,
    #[serde(default, skip_serializing)]
    enabled: bool,
    #[serde(default, skip_serializing)]
    error: Option<String>,
}

/// The Blender at a path that a person gave.
///
/// # Errors
/// `file_not_found` when nothing lies there.
pub fn named(path: PathBuf) -> Result<Found, Problem> {
    let path = std::path::absolute(&path).unwrap_or(path);
    if path.is_file() {
        return Ok(find::at(path));
    }
    Err(Problem::new(
        Code::FILE_NOT_FOUND,
        format!("There is no file {}.", path.display()),
    )
    .hint("Give the path of the Blender executable."))
}

/// Installs the add-on and switches it on. `its_home`: where it looks for the hub, when that is not the
/// usual place.
///
/// # Errors
/// `call_failed` with what Blender said when it did not work.
pub fn install(home: &Home, found: &Found, its_home: Option<&str>) -> Result<Installed, Problem> {
    let zip = home.join(&format!("run/addon-{}.zip", random_hex(4)?));
    std::fs::write(&zip, addon_zip()?).map_err(|error| cannot(found, &error.to_string()))?;
    let words = [
        "install",
        &zip.to_string_lossy(),
        its_home.unwrap_or_default(),
    ];
    let told = run(home, found, &words);
    std::fs::remove_file(&zip).ok();
    told
}

/// Takes the add-on out.
///
/// # Errors
/// As [`install`].
pub fn remove(home: &Home, found: &Found) -> Result<Installed, Problem> {
    run(home, found, &["remove"])
}

/// The Blenders that the add-on can be installed in, with their versions: the first of each version stands for
/// all of it, because they share their add-ons.
#[must_use]
pub fn installable(home: &Home) -> Vec<(Found, Option<String>)> {
    let mut kept: Vec<(Found, Option<String>)> = Vec::new();
    for found in find::programs(home) {
        let version = find::version_of(&found);
        let series = version.as_deref().and_then(series);
        let is_there = kept.iter().any(|(_, other)| {
            series.is_some() && other.as_deref().and_then(self::series) == series
        });
        if !is_there {
            kept.push((found, version));
        }
    }
    kept
}

/// `4.5` of `4.5.15 LTS`.
fn series(version: &str) -> Option<(&str, &str)> {
    let mut parts = version.split('.');
    Some((parts.next()?, parts.next()?))
}

/// Starts that Blender in background, lets its add-on connect, and ends it. `look` asks the hub what it knows of
/// an instance of that name.
///
/// # Errors
/// What Blender said when the add-on is not switched on; `start_failed` when it does not reach the hub; what
/// `look` says.
pub fn verify<E: From<Problem>>(
    home: &Home,
    found: &Found,
    mut look: impl FnMut(&str) -> Result<Option<InstanceView>, E>,
) -> Result<InstanceView, E> {
    let name = format!("addon-check-{}", random_hex(4)?);
    let mut waiting = wait(home, found, &name)?;
    waiting.until_enabled(found)?;
    let until = Instant::now() + HANDSHAKE_LIMIT;
    while Instant::now() < until {
        if let Some(view) = look(&name)? {
            return Ok(of_this_build(view)?);
        }
        if !waiting.lives_on(LOOK) {
            break;
        }
    }
    Err(Problem::new(
        Code::START_FAILED,
        format!(
            "The add-on in {} is enabled but did not reach the hub.",
            found.path.display()
        ),
    )
    .hint(wire::hint![
        "Check the bridge port: ",
        Step::terminal("doctor"),
        ". The hub's log says whom it refused.",
    ])
    .into())
}

fn of_this_build(view: InstanceView) -> Result<InstanceView, Problem> {
    let ours = super::addon::bridge_version();
    if view.bridge_version.as_deref() == Some(ours) {
        return Ok(view);
    }
    let theirs = view.bridge_version.as_deref().unwrap_or("unknown");
    Err(Problem::new(
        Code::START_FAILED,
        format!("Blender loads version {theirs} of the add-on, not {ours}."),
    )
    .hint(wire::hint![
        "Another copy gets in the way. To list them: ",
        Step::terminal("doctor"),
    ]))
}

/// A Blender in background whose add-on dials the hub. It ends when this is dropped.
#[derive(Debug)]
pub struct Waiting {
    child: Child,
    lines: mpsc::Receiver<String>,
    script: PathBuf,
}

/// Lets the installed add-on connect under this name.
///
/// # Errors
/// `start_failed` when Blender cannot be started.
pub fn wait(home: &Home, found: &Found, name: &str) -> Result<Waiting, Problem> {
    let script = script(home)?;
    let (reader, writer) = std::io::pipe().map_err(|error| cannot(found, &error.to_string()))?;
    let error = writer.try_clone();
    let mut command = command(found, &script, &["wait"]);
    command
        .env("KAPELLE_HOME", home.root())
        .env("KAPELLE_NAME", name)
        .env("KAPELLE_ADDON_DIAL", "1")
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(error.map_err(|error| cannot(found, &error.to_string()))?);
    set_apart(&mut command);
    let child = command
        .spawn()
        .map_err(|error| cannot(found, &error.to_string()))?;
    let (line_in, lines) = mpsc::sync_channel(256);
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            // What comes when nobody reads any more is not needed.
            line_in.try_send(line).ok();
        }
    });
    Ok(Waiting {
        child,
        lines,
        script,
    })
}

impl Waiting {
    /// Waits for Blender to say that the add-on is switched on.
    ///
    /// # Errors
    /// `call_failed` when it is not, `start_failed` when Blender ended first.
    pub fn until_enabled(&self, found: &Found) -> Result<(), Problem> {
        let mut output = String::new();
        while let Ok(line) = self.lines.recv_timeout(RUN_LIMIT) {
            output.push_str(&line);
            output.push('\n');
            let Some(told) = told_in(&line) else { continue };
            if let Some(error) = told.error {
                return Err(failed(found, &error, &output));
            }
            if !told.enabled {
                return Err(failed(found, "the add-on is not switched on", &output));
            }
            return Ok(());
        }
        Err(failed(found, "it exited, or printed nothing", &output))
    }

    /// Waits a moment; `false` when it has ended.
    pub fn lives_on(&mut self, moment: Duration) -> bool {
        // Its output ends when it does.
        let line = self.lines.recv_timeout(moment);
        !matches!(line, Err(mpsc::RecvTimeoutError::Disconnected))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Its stdin is closed with this: it leaves by itself.
        drop(self.child.stdin.take());
        let until = Instant::now() + LEAVE_LIMIT;
        while Instant::now() < until && self.lives_on(until - Instant::now()) {}
        end(&mut self.child);
        std::fs::remove_file(&self.script).ok();
    }
}

fn run(home: &Home, found: &Found, words: &[&str]) -> Result<Installed, Problem> {
    let script = script(home)?;
    let ended = run_within(&mut command(found, &script, words), RUN_LIMIT);
    std::fs::remove_file(&script).ok();
    let ended = ended.map_err(|error| cannot(found, &error.to_string()))?;
    match ended.output.lines().find_map(told_in) {
        Some(told) if told.error.is_none() && ended.succeeded() => Ok(told),
        Some(Installed {
            error: Some(error), ..
        }) => Err(failed(found, &error, &ended.output)),
        _ => Err(failed(found, &ended.how(), &ended.output)),
    }
}

/// Lays the script out in a place of its own: several may be at work.
fn script(home: &Home) -> Result<PathBuf, Problem> {
    let path = home.join(&format!("run/installer-{}.py", random_hex(4)?));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(home.join("run"))?;
        std::fs::File::create_new(&path)?.write_all(SCRIPT.as_bytes())
    };
    write().map_err(|error| {
        Problem::new(
            Code::CALL_FAILED,
            format!("{} cannot be written: {error}.", path.display()),
        )
    })?;
    Ok(path)
}

fn command(found: &Found, script: &std::path::Path, words: &[&str]) -> Command {
    let mut command = Command::new(&found.path);
    if found.kind == Kind::Program {
        command.args(["--background", "--disable-autoexec", "--python"]);
    }
    command
        .arg(script)
        .arg("--")
        .args(words)
        .envs(environment(&found.path))
        .env_remove("KAPELLE_LAUNCH")
        .env_remove("KAPELLE_NAME")
        .env_remove("KAPELLE_ADDON_DIAL");
    command
}

fn told_in(line: &str) -> Option<Installed> {
    serde_json::from_str(line.strip_prefix(MARK)?).ok()
}

fn cannot(found: &Found, why: &str) -> Problem {
    Problem::new(
        Code::START_FAILED,
        format!("{} cannot be run: {why}.", found.path.display()),
    )
    .hint(wire::hint![
        "Try another Blender: ",
        Step::terminal("install blender --blender PATH"),
    ])
}

fn failed(found: &Found, why: &str, output: &str) -> Problem {
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with(MARK))
        .collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let why = why
        .lines()
        .last()
        .unwrap_or(why)
        .trim()
        .trim_end_matches('.');
    Problem::new(
        Code::CALL_FAILED,
        format!(
            "The Blender at {} could not install it: {why}.",
            found.path.display()
        ),
    )
    .hint(wire::hint![
        "The details show what Blender said. To install it by hand: ",
        Step::terminal("install blender --zip kapelle.zip"),
        ", then install that file in Blender's preferences.",
    ])
    .detail("output", tail)
}
