//! Blender as a Python module, for machines without Blender: the `bpy` wheel in a virtual environment of
//! our own, in the home folder.
//!
//! An environment counts once `ready` lies in it; an unfinished one is made anew.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hub::home::Home;
use wire::{Code, Problem};

use super::pythons::{Python, pythons};

/// A version of the wheel and the Python that it is made for.
#[derive(Clone, Copy, Debug)]
pub struct Wheel {
    pub version: &'static str,
    pub python: (u8, u8),
    /// What is downloaded and what it takes on disk, in MB, roughly.
    pub download_mb: u32,
    pub disk_mb: u32,
}

/// Both are long-term versions; the newer first.
pub const WHEELS: [Wheel; 2] = [
    Wheel {
        version: "5.2",
        python: (3, 13),
        download_mb: 400,
        disk_mb: 883,
    },
    Wheel {
        version: "4.5",
        python: (3, 11),
        download_mb: 330,
        disk_mb: 800,
    },
];

/// How far the set-up is.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// This wheel for this Python will be set up.
    Chosen {
        wheel: &'static str,
        python: PathBuf,
        download_mb: u32,
        disk_mb: u32,
    },
    /// The environment is being made.
    Environment,
    /// Bytes so far, of all.
    Download { done: u64, total: u64 },
    /// It is being unpacked.
    Unpack,
    /// It is being imported for the first time.
    Try,
    /// It works; the Python to use.
    Ready { python: PathBuf, version: String },
}

/// Sets up the newest wheel for which a Python runs here. Takes minutes; safe to repeat.
///
/// # Errors
/// `start_failed`: no Python fits, or what pip said at the end.
pub fn set_up_wheel(home: &Home, tell: &mut dyn FnMut(Step)) -> Result<PathBuf, Problem> {
    let (wheel, python) = WHEELS
        .iter()
        .find_map(|wheel| Some((wheel, pythons(wheel.python).into_iter().next()?)))
        .ok_or_else(no_python)?;
    let root = home.join("blender");
    fs::create_dir_all(&root)
        .map_err(|error| failed(&format!("{} cannot be made: {error}", root.display())))?;
    // Two at once would write into each other's environment.
    let lock = File::create(root.join("set-up.lock"))
        .map_err(|error| failed(&format!("the lock cannot be made: {error}")))?;
    lock.lock()
        .map_err(|error| failed(&format!("the lock cannot be taken: {error}")))?;
    let environment = root.join(format!("bpy-{}", wheel.version));
    let inside = python_in(&environment);
    if environment.join("ready").is_file() && inside.is_file() {
        return Ok(inside);
    }
    tell(Step::Chosen {
        wheel: wheel.version,
        python: python.path.clone(),
        download_mb: wheel.download_mb,
        disk_mb: wheel.disk_mb,
    });
    install(&environment, wheel, &python, tell)?;
    tell(Step::Try);
    let version = try_it(&inside)?;
    fs::write(environment.join("ready"), &version)
        .map_err(|error| failed(&format!("the environment cannot be marked: {error}")))?;
    tell(Step::Ready {
        python: inside.clone(),
        version,
    });
    Ok(inside)
}

/// Pythons of environments that are ready, newest wheel first.
pub(super) fn installed(home: &Home) -> Vec<PathBuf> {
    WHEELS
        .iter()
        .map(|wheel| home.join(&format!("blender/bpy-{}", wheel.version)))
        .filter(|environment| environment.join("ready").is_file())
        .map(|environment| python_in(&environment))
        .filter(|python| python.is_file())
        .collect()
}

fn install(
    environment: &Path,
    wheel: &Wheel,
    python: &Python,
    tell: &mut dyn FnMut(Step),
) -> Result<(), Problem> {
    tell(Step::Environment);
    fs::remove_dir_all(environment).ok();
    run(
        Command::new(&python.path)
            .args(["-m", "venv"])
            .arg(environment),
        &mut |_| {},
    )?;
    let inside = python_in(environment);
    let pip = |args: &[&str]| {
        let mut command = Command::new(&inside);
        command
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .args(args);
        command
    };
    // Only newer ones tell their progress in a form that can be read.
    run(
        &mut pip(&["install", "--quiet", "--upgrade", "pip"]),
        &mut |_| {},
    )?;
    let requirement = format!("bpy=={}.*", wheel.version);
    let mut install = pip(&["install", "--progress-bar", "raw", &requirement]);
    run(&mut install, &mut |line| {
        if let Some((done, total)) = progress_of(line) {
            tell(Step::Download { done, total });
        } else if line.starts_with("Installing collected packages") {
            tell(Step::Unpack);
        }
    })
}

/// `Progress 1234 of 5678`
fn progress_of(line: &str) -> Option<(u64, u64)> {
    let (done, total) = line.trim().strip_prefix("Progress ")?.split_once(" of ")?;
    Some((done.parse().ok()?, total.parse().ok()?))
}

fn try_it(python: &Path) -> Result<String, Problem> {
    let mut version = String::new();
    // The wheels hang or crash at a normal exit when something is still registered.
    const TRY: &str = "import bpy, os, sys; print('bpy', bpy.app.version_string); \
         sys.stdout.flush(); os._exit(0)";
    run(Command::new(python).args(["-c", TRY]), &mut |line| {
        if let Some(found) = line.strip_prefix("bpy ") {
            version = found.trim().to_owned();
        }
    })?;
    if version.is_empty() {
        return Err(failed("the module was installed and cannot be imported"));
    }
    Ok(version)
}

/// Runs to the end, line by line; its last words are in the problem when it fails.
fn run(command: &mut Command, line_came: &mut dyn FnMut(&str)) -> Result<(), Problem> {
    const KEPT_LINES: usize = 12;
    let program = command.get_program().to_string_lossy().into_owned();
    let cannot = |error: std::io::Error| failed(&format!("{program} cannot be run: {error}"));
    let (reader, writer) = std::io::pipe().map_err(cannot)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(cannot)?)
        .stderr(writer)
        .spawn()
        .map_err(cannot)?;
    // Or our own ends of the pipe would keep it open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last = std::collections::VecDeque::new();
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        line_came(&line);
        if progress_of(&line).is_none() {
            last.push_back(line);
            if last.len() > KEPT_LINES {
                last.pop_front();
            }
        }
    }
    let status = child.wait().map_err(cannot)?;
    if status.success() {
        return Ok(());
    }
    let output: Vec<String> = last.into();
    Err(failed(&format!("{program} ended with {status}")).detail("output", output.join("\n")))
}

fn python_in(environment: &Path) -> PathBuf {
    if cfg!(windows) {
        environment.join("Scripts/python.exe")
    } else {
        environment.join("bin/python")
    }
}

fn no_python() -> Problem {
    let wanted: Vec<String> = WHEELS
        .iter()
        .map(|wheel| {
            format!(
                "{}.{} (for Blender {})",
                wheel.python.0, wheel.python.1, wheel.version
            )
        })
        .collect();
    Problem::new(
        Code::START_FAILED,
        "No Blender was found, and no Python that a bpy wheel exists for.",
    )
    .hint(format!(
        "Install Blender, or a CPython {}.",
        wanted.join(" or ")
    ))
}

fn failed(why: &str) -> Problem {
    Problem::new(Code::START_FAILED, format!("The bpy wheel could not be set up: {why}."))
        .hint("The details show the output. Fix the cause and run the command again, or set KAPELLE_BLENDER to a Blender.")
}

#[cfg(test)]
mod tests {
    use super::progress_of;

    #[test]
    fn pips_raw_progress_is_read() {
        assert_eq!(progress_of("Progress 12 of 340"), Some((12, 340)));
        assert_eq!(progress_of("Progress report"), None);
        assert_eq!(progress_of("Collecting bpy==5.2.*"), None);
    }
}
