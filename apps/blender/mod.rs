//! Blender: its commands from `commands/*.toml`, and how a copy of it is started with our bridge.
//!
//! The work itself is done by the Python in `bridge/`; here is only what the hub has to know before
//! there is a Blender.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hub::app::{App, Program};
use hub::command_context::{Conducting, Context};
use hub::home::Home;
use hub::launch::{Display, Launch, LaunchRequest};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wire::{AppId, Code, CommandSpec, InstanceName, InstanceView, Mode, Problem};

use crate::bridge_files;
use crate::descriptions;
use crate::embedded::{BLENDER_BRIDGE, BLENDER_COMMANDS};

use environment::environment;
use manifest::MANIFEST;

mod addon;
mod environment;
mod farm;
mod find;
mod install;
mod manifest;
mod places;
mod probe;
mod pythons;
mod verbs;
mod wheel;

#[cfg(fuzzing)]
pub use probe::fuzzing;

pub use addon::{Addon, addon_zip, addons, bridge_version};
pub use find::{Found, Kind, find, find_all, programs, version_of};
pub use install::{Installed, Waiting, install, installable, named, remove, verify, wait};
pub use pythons::{Python, pythons};
pub use wheel::{Step, WHEELS, Wheel, set_up_wheel};

/// The app.
#[derive(Debug)]
pub struct Blender;

impl App for Blender {
    fn id(&self) -> AppId {
        AppId::new(&MANIFEST.id)
    }

    fn title(&self) -> &str {
        &MANIFEST.title
    }

    fn commands(&self) -> Vec<CommandSpec> {
        commands()
    }

    fn bridge_version(&self) -> Option<&str> {
        Some(bridge_version())
    }

    fn update_hint(&self) -> Option<&str> {
        Some("kapelle install blender")
    }

    fn launch_options(&self) -> Value {
        static OPTIONS: LazyLock<Value> = LazyLock::new(|| MANIFEST.launch.options());
        OPTIONS.clone()
    }

    fn installs(&self) -> bool {
        true
    }

    fn programs(&self, home: &Home) -> Vec<Program> {
        let windowed = installable(home).into_iter().map(|one| (one, true));
        let modules = find_all(home)
            .into_iter()
            .filter(|one| one.kind == Kind::Module);
        let modules = modules.map(|one| {
            let version = version_of(&one);
            ((one, version), false)
        });
        let all = windowed.chain(modules);
        all.map(|((found, version), installs)| Program {
            start: match found.kind {
                Kind::Program => object(json!({ "program": found.path })),
                Kind::Module => object(json!({ "options": { "python": found.path } })),
            },
            module: found.kind == Kind::Module,
            program: found.path,
            version,
            installs,
        })
        .collect()
    }

    fn install(
        &self,
        home: &Home,
        program: &Path,
        look: &mut dyn FnMut(&InstanceName) -> Option<InstanceView>,
    ) -> Result<InstanceView, Problem> {
        let found = named(program.to_owned())?;
        // Where an add-on looks by itself it need not be told.
        let usual = std::env::home_dir().map(|home| home.join(".kapelle"));
        let elsewhere =
            (usual.as_deref() != Some(home.root())).then(|| home.root().to_string_lossy());
        install(home, &found, elsewhere.as_deref())?;
        verify(home, &found, |name| Ok(look(&InstanceName::new(name))))
    }

    fn launch(&self, home: &Home, request: &LaunchRequest) -> Result<Launch, Problem> {
        let found = choose(home, request)?;
        let package = lay_out_bridge(home)?;
        let file = request.file.as_deref().map(existing).transpose()?;
        match found.kind {
            Kind::Program => program(&found.path, &package, request, file),
            Kind::Module if request.mode == Mode::Gui => Err(Problem::new(
                Code::NOT_SUPPORTED,
                "The bpy wheel has no window.",
            )
            .hint("For a window, install Blender itself; or start it in the background.")),
            Kind::Module => module(&found.path, &package, request, file),
        }
    }

    fn conduct(&self, context: Context) -> Conducting {
        match context.command() {
            "render.farm" => farm::conduct(context),
            other => {
                let unknown = Problem::new(
                    Code::NOT_SUPPORTED,
                    format!("The hub cannot run `{other}` for Blender."),
                );
                Box::pin(async move { Err(unknown).into() })
            }
        }
    }
}

/// Writes the bridge into the home folder; gives its package.
///
/// # Errors
/// When it cannot be written.
pub fn lay_out_bridge(home: &Home) -> Result<PathBuf, Problem> {
    bridge_files::lay_out(home, manifest::package(), BLENDER_BRIDGE)
}

/// The described commands.
#[must_use]
pub fn commands() -> Vec<CommandSpec> {
    descriptions::read(BLENDER_COMMANDS)
}

/// What only Blender understands at its start; `app.toml` describes it.
#[derive(Deserialize)]
struct Options {
    python: Option<PathBuf>,
    threads: Option<u32>,
    #[serde(default)]
    scripts: bool,
}

fn options_of(request: &LaunchRequest) -> Result<Options, Problem> {
    serde_json::from_value(Value::Object(request.options.clone())).map_err(|error| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("The options of the start: {error}."),
        )
    })
}

fn choose(home: &Home, request: &LaunchRequest) -> Result<Found, Problem> {
    if let Some(program) = &request.program {
        return Ok(Found {
            path: existing(program)?,
            kind: Kind::Program,
            from: "asked for".into(),
        });
    }
    if let Some(python) = options_of(request)?.python {
        return Ok(Found {
            path: existing(&python)?,
            kind: Kind::Module,
            from: "asked for".into(),
        });
    }
    // A window needs the program, whatever else is there.
    let found = find_all(home)
        .into_iter()
        .find(|found| request.mode != Mode::Gui || found.kind == Kind::Program);
    found.ok_or_else(|| {
        Problem::new(Code::START_FAILED, "No Blender was found.").hint(wire::hint![
            "Set KAPELLE_BLENDER to the program, give its path (",
            wire::Step::argument("program", "/path/to/blender", "--blender PATH"),
            "), or let the demo set up a bpy wheel: ",
            wire::Step::terminal("demo"),
        ])
    })
}

fn existing(path: &Path) -> Result<PathBuf, Problem> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if absolute.is_file() {
        return Ok(absolute);
    }
    Err(Problem::new(
        Code::START_FAILED,
        format!("There is no file {}.", absolute.display()),
    )
    .hint("Check its name, and that it is on the machine where the hub runs."))
}

fn program(
    program: &Path,
    package: &Path,
    request: &LaunchRequest,
    file: Option<PathBuf>,
) -> Result<Launch, Problem> {
    let mode = request.mode;
    let mut env = environment(program);
    if mode == Mode::Gui {
        env.extend(display(request)?);
    }
    let mut args: Vec<OsString> = Vec::new();
    if mode != Mode::Gui {
        args.push("--background".into());
    }
    let options = options_of(request)?;
    if let Some(threads) = options.threads {
        args.extend(["--threads".into(), threads.to_string().into()]);
    }
    // A file's own scripts do not run just because it was opened.
    let autoexec = if options.scripts {
        "--enable-autoexec"
    } else {
        "--disable-autoexec"
    };
    args.push(autoexec.into());
    args.extend(file.map(PathBuf::into_os_string));
    args.push("--python".into());
    args.push(package.join("boot.py").into());
    let mode = if mode == Mode::Gui {
        Mode::Gui
    } else {
        Mode::Background
    };
    let mut places = places::of_program(program);
    places.push(package.to_owned());
    Ok(Launch {
        program: program.to_owned(),
        args,
        env,
        mode,
        places,
    })
}

/// The variables of the display that the window opens on: the caller's, else the hub's own.
fn display(request: &LaunchRequest) -> Result<Vec<(String, OsString)>, Problem> {
    if !cfg!(all(unix, not(target_os = "macos"))) {
        return Ok(Vec::new());
    }
    let wanted = request.display.clone().or_else(Display::of_this_process);
    let Some(display) = wanted.filter(|it| it.x11.is_some() || it.wayland.is_some()) else {
        return Err(Problem::new(
            Code::START_FAILED,
            "A window needs a display, and there is none: neither DISPLAY nor WAYLAND_DISPLAY is set.",
        )
        .hint("Run this in a desktop session, set DISPLAY to a display you can use, or start it in the background."));
    };
    Ok(display.variables())
}

/// The wheel takes no number of threads at its start; `render.frames` gives it to the renderer.
fn module(
    python: &Path,
    package: &Path,
    request: &LaunchRequest,
    file: Option<PathBuf>,
) -> Result<Launch, Problem> {
    let mut args: Vec<OsString> = vec![package.join("boot.py").into()];
    args.extend(file.map(PathBuf::into_os_string));
    if options_of(request)?.scripts {
        args.push("--scripts".into());
    }
    let mut places = places::of_python(python);
    places.push(package.to_owned());
    Ok(Launch {
        program: python.to_owned(),
        args,
        env: Vec::new(),
        mode: Mode::Module,
        places,
    })
}

/// The members of a value that was written as an object.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
