use std::time::{Duration, Instant};

use clap::Args;
use client::{Client, problems, typed};
use hub::home::Home;
use serde_json::Value;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use wire::{Code, InstanceState, InstanceView, Problem};

use crate::blender::lay_out_bridge;
use crate::blender::probe::{Dialect, PORTS, look, run};

/// How long the adopted Blender may take to connect: a window may be busy drawing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a port that a person has named is asked who is there; each time takes some seconds at most.
const LOOKS: usize = 4;
/// Between two looks whether it has come: its dial has no event here.
const LOOK: Duration = Duration::from_millis(100);

/// Take over a Blender that already runs another add-on's server
///
/// mcp-for-blender, blender-remote and Blender Lab's add-on run code for anyone who connects. Kapelle uses
/// that once, to load its own bridge beside them. The Blender then becomes an instance like any other, and
/// the other add-on keeps working.
#[derive(Args, Debug)]
pub(super) struct Adopt {
    /// The port the other add-on listens on [default: try the known ports]
    pub port: Option<u16>,
    /// A name for the instance [default: blender, numbered if it is taken]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl Adopt {
    pub(super) fn run(self, session: &Session) -> Answered {
        let (port, dialect) = match self.port {
            Some(port) => (port, look_patiently(port).ok_or_else(|| nobody(&[port]))?),
            None => find().ok_or_else(|| nobody(&known_ports()))?,
        };
        if !dialect.is_adoptable() {
            return Err(problems::new(
                Code::NOT_SUPPORTED,
                format!(
                    "Port {port} belongs to {}, which cannot be adopted.",
                    dialect.says()
                ),
                "You can adopt mcp-for-blender, blender-remote and Blender Lab's add-on. See what is listening: kapelle doctor",
            ));
        }
        let client = session.hub_or_start()?;
        let before = names(&client)?;
        let package = lay_out_bridge(&Home::open(session.home.path())?)?;
        session
            .ui
            .say(format_args!("port {port}: {}", dialect.says()));
        let code = loader(&package, session.home.path(), self.name.as_deref());
        let Some(answer) = run(port, &dialect, &code) else {
            return Err(problems::new(
                Code::START_FAILED,
                format!("The add-on on port {port} did not answer."),
                "Its Blender may be busy, or running in the background, where some add-ons run nothing. Try again.",
            ));
        };
        if answer["status"] == "error" {
            return Err(refused(port, &answer));
        }
        let instance = wait(&client, &before)?;
        let line = format!(
            "{} is {}: {} {}, adopted from port {port}",
            instance.name,
            instance.state.as_str(),
            instance.app,
            instance.version.as_deref().unwrap_or_default()
        );
        let document = serde_json::to_value(&instance).unwrap_or(Value::Null);
        Ok(Shown::boxed(document, move |out| writeln!(out, "{line}")))
    }
}

/// A window that draws for the first time, or whose main thread is busy, answers seconds later.
fn look_patiently(port: u16) -> Option<Dialect> {
    let mut seen = look(port)?;
    for _ in 1..LOOKS {
        if seen != Dialect::Unknown {
            break;
        }
        seen = look(port)?;
    }
    Some(seen)
}

fn find() -> Option<(u16, Dialect)> {
    let found = PORTS
        .iter()
        .filter_map(|(port, _)| Some((*port, look(*port)?)));
    found
        .into_iter()
        .find(|(_, dialect)| dialect.is_adoptable())
}

fn known_ports() -> Vec<u16> {
    PORTS.iter().map(|(port, _)| *port).collect()
}

fn nobody(ports: &[u16]) -> Box<Problem> {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    problems::new(
        Code::NOT_FOUND,
        format!(
            "No add-on that can be adopted answered on port {}.",
            ports.join(", ")
        ),
        "Start its server in Blender and name its port: kapelle adopt PORT",
    )
}

fn refused(port: u16, answer: &Value) -> Box<Problem> {
    let message = answer["message"].as_str().unwrap_or("no reason given");
    problems::new(
        Code::START_FAILED,
        format!("The Blender behind port {port} could not load Kapelle's bridge: {message}"),
        "Install the add-on there instead: kapelle install blender",
    )
}

/// The code that the other add-on runs: a window's timer does the rest, so it returns at once.
fn loader(package: &std::path::Path, home: &std::path::Path, name: Option<&str>) -> String {
    let text = |path: &std::path::Path| Value::from(path.to_string_lossy()).to_string();
    let folder = package.parent().unwrap_or(package);
    let module = package.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "import bpy, importlib, os, sys\n\
         if bpy.app.background:\n    raise RuntimeError('this Blender has no window, and so no timer that could run the bridge')\n\
         ours = sys.modules.get('_kapelle_bridge_running')\n\
         if ours is not None:\n    raise RuntimeError('it runs there already, as ' + str(ours.link.status()['instance']))\n\
         os.environ['KAPELLE_HOME'] = {home}\n\
         os.environ['KAPELLE_NAME'] = {name}\n\
         os.environ['KAPELLE_ADOPTED'] = '1'\n\
         sys.path.insert(0, {folder})\n\
         importlib.import_module('{module}').register()\n\
         sys.path.remove({folder})\n",
        home = text(home),
        name = Value::from(name.unwrap_or_default()),
        folder = text(folder),
    )
}

fn names(client: &Client) -> Result<Vec<String>, Box<Problem>> {
    let instances: Vec<InstanceView> = typed(&client.get("/v1/instances")?["instances"])?;
    Ok(instances.iter().map(|one| one.name.to_string()).collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the hub sends this client no events"
)]
fn wait(client: &Client, before: &[String]) -> Result<InstanceView, Box<Problem>> {
    let end = Instant::now() + CONNECT_TIMEOUT;
    while Instant::now() < end {
        let instances: Vec<InstanceView> = typed(&client.get("/v1/instances")?["instances"])?;
        let came = instances.into_iter().find(|one| {
            !before.contains(&one.name.to_string()) && one.state != InstanceState::Starting
        });
        if let Some(instance) = came {
            return Ok(instance);
        }
        std::thread::sleep(LOOK);
    }
    Err(problems::new(
        Code::START_FAILED,
        format!(
            "The bridge was loaded but did not connect within {} s.",
            CONNECT_TIMEOUT.as_secs()
        ),
        "Blender's console and its panel (sidebar, tab Kapelle) say why. Another copy of the bridge may be running there already.",
    ))
}
