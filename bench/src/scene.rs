//! One run from its first process to its report.
//!
//! Who stands where: the floor with its responder; a hub with the echo bridge; a hub with a Blender
//! that `kapelle start` has started; an echo bridge and a Blender that dial the bench itself. Each
//! hub has a home of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::bridge_link::{Kept, Place};
use crate::fault::Fault;
use crate::goals::{self, Figure, Goal};
use crate::http::Target;
use crate::kapelle::{self, Hub, Instance};
use crate::processes::{Processes, own_role};
use crate::report::{Report, Row};
use crate::rounds::{End, Found, Length, Way, What};
use crate::single::{self, Ready, Watched};
use crate::window::Display;
use crate::{arrays, machine, mcp, window};

/// How long a Blender may take to come, on a machine that does other things as well.
const BLENDER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a process of this program may take to come.
const OWN_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) const FLOOR: usize = 0;
pub(crate) const ECHO: usize = 1;
// At 2: the echo bridge without a hub.
pub(crate) const BLENDER: usize = 3;
pub(crate) const BLENDER_ALONE: usize = 4;

/// What to measure.
pub(crate) struct Wanted {
    pub(crate) kapelle: PathBuf,
    /// What it was built from, where that is known.
    pub(crate) commit: Option<String>,
    pub(crate) blender: Blender,
    /// A Blender for the measurements that need a window.
    pub(crate) window: Option<PathBuf>,
    pub(crate) length: Length,
    /// Only these; all when there is none.
    pub(crate) parts: Vec<Part>,
}

/// What can be measured by itself. One that fails is told in the report, and the others go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// How soon a hub is ready.
    Starts,
    /// Small calls, one client and eight.
    Small,
    /// 5 MB each way.
    Large,
    /// What is answered while a call runs.
    Status,
    Mcp,
    /// A million vertices, and the bytes of 5 MB.
    Arrays,
    /// Eight calls in flight at the bridge alone.
    Flight,
    /// What only a window shows.
    Window,
}

impl Wanted {
    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

#[derive(Debug)]
pub(crate) enum Blender {
    /// Whatever `kapelle start` finds.
    Any,
    Program(PathBuf),
    Python(PathBuf),
    None,
}

impl Blender {
    /// What `kapelle start blender` is told of it.
    pub(crate) fn options(&self) -> Vec<&OsStr> {
        match self {
            Self::None | Self::Any => Vec::new(),
            Self::Program(path) => vec![OsStr::new("--blender"), path.as_os_str()],
            Self::Python(path) => vec![OsStr::new("--python"), path.as_os_str()],
        }
    }
}

/// # Errors
/// When what all parts need cannot be started. What fails within a part is told in the report; a slow answer is
/// no failure.
pub(crate) fn measure(wanted: &Wanted) -> Result<Report, Fault> {
    let mut processes = Processes::new()?;
    let dir = tempfile::Builder::new()
        .prefix("kapelle-bench-")
        .tempdir()?
        .keep();
    processes.remove_at_end(&dir)?;
    let before = machine::load();
    let mut parts = Parts {
        wanted,
        failed: Vec::new(),
    };

    let starts = wanted.length.starts;
    let ready = parts.run(Part::Starts, "starting and stopping hubs", || {
        single::ready(&mut processes, &wanted.kapelle, &dir, starts)
    });
    let floor = start_floor(&mut processes)?;
    let hub = Hub::start(&mut processes, &wanted.kapelle, &dir.join("echo"))?;
    let rss_start = single::idle_rss_mb(hub.pid);
    let echo_alone = start_echo(&mut processes, &hub, &dir.join("echo-alone"))?;
    let mut ways = vec![
        Way {
            name: "HTTP → bare axum hub → responder (the floor)",
            end: End::Http(floor),
        },
        Way {
            name: "HTTP → Kapelle → echo bridge",
            end: End::Http(hub.target.clone()),
        },
        Way {
            name: "bench in the hub's place → echo bridge",
            end: End::Link(echo_alone),
        },
    ];
    let rss_echo = single::idle_rss_mb(hub.pid);
    let blender = start_blender(&mut processes, wanted, &dir, &mut ways)?;
    let rss_blender = blender
        .as_ref()
        .and_then(|(hub, _)| single::idle_rss_mb(hub.pid));

    let teller = [BLENDER_ALONE, BLENDER]
        .into_iter()
        .find(|at| *at < ways.len());
    let mut found = Found::default();
    parts.run(Part::Small, "small calls", || {
        found.add_small(&ways, &wanted.length, teller)
    });
    let rss_small = single::idle_rss_mb(hub.pid);
    parts.run(Part::Large, "5 MB each way", || {
        found.add_large(&ways, &wanted.length)
    });
    let rss_large = single::idle_rss_mb(hub.pid);
    let mut extra = (Vec::new(), Vec::new());
    let mut watched = None;
    if let Some((hub, _)) = &blender {
        watched = parts.run(Part::Status, "status while a call runs", || {
            single::status_while_busy(&hub.target, wanted.length.busy_s)
        });
        with_blender(&mut parts, &mut extra, hub, &ways, &found);
    }
    if let (Some(_), Some(program)) = (&blender, &wanted.window) {
        let told = parts.run(Part::Window, "a window", || {
            let display = Display::find(&mut processes).ok_or("there is no display and no Xvfb")?;
            window::measure(&mut processes, &display, &wanted.kapelle, program, &dir)
        });
        let (figures, goals) = told.unwrap_or_default();
        extra.0.extend(figures);
        extra.1.extend(goals);
    }
    let singles = Singles {
        extra,
        ready,
        watched,
        start_ms: blender
            .as_ref()
            .map(|(_, instance)| instance.took.as_secs_f64() * 1e3),
        rss_mb: [
            ("after the start", rss_start),
            ("with the echo bridge connected", rss_echo),
            ("with one Blender connected", rss_blender),
            (
                "after thousands of small calls, which the journal keeps",
                rss_small,
            ),
            (
                "after large values, which the journal keeps up to its bound",
                rss_large,
            ),
        ],
        failed: parts.failed,
    };
    let load = (before, machine::load());
    let instance = blender.as_ref().map(|(_, instance)| instance);
    drop_all(processes);
    compose(wanted, &ways, &found, singles, instance, load)
}

/// What of the wanted parts could not be measured so far.
struct Parts<'a> {
    wanted: &'a Wanted,
    failed: Vec<String>,
}

impl Parts<'_> {
    /// Measures a part if it is wanted. None when it is not, or failed.
    fn run<T>(
        &mut self,
        part: Part,
        name: &str,
        measure: impl FnOnce() -> Result<T, Fault>,
    ) -> Option<T> {
        if !self.wanted.wants(part) {
            return None;
        }
        eprintln!("{name}");
        match measure() {
            Ok(told) => Some(told),
            Err(fault) => {
                eprintln!("\n{name}: {fault}");
                self.failed.push(format!("{name}: {fault}"));
                None
            }
        }
    }
}

/// What is asked of a Blender in background beside the rounds.
fn with_blender(
    parts: &mut Parts<'_>,
    extra: &mut (Vec<Figure>, Vec<Goal>),
    hub: &Hub,
    ways: &[Way],
    found: &Found,
) {
    let length = parts.wanted.length;
    let mcp = parts.run(Part::Mcp, "MCP", || {
        mcp::measure(hub, length.rounds, length.calls)
    });
    let arrays = parts.run(Part::Arrays, "large arrays", || {
        arrays::measure(&hub.target)
    });
    for (figures, goals) in [mcp, arrays].into_iter().flatten() {
        extra.0.extend(figures);
        extra.1.extend(goals);
    }
    if let Some(End::Link(link)) = ways.get(BLENDER_ALONE).map(|way| &way.end) {
        let rate = parts.run(Part::Flight, "eight calls in flight", || {
            window::in_flight(link)
        });
        extra.1.extend(rate.map(|rate| {
            Goal::at_least(
                "background: eight calls in flight, bridge alone",
                window::BRIDGE_CALLS_PER_S,
                rate,
                "calls/s",
            )
        }));
    }
    extra
        .1
        .extend(found.summary(What::Crowd, BLENDER).map(|crowd| {
            Goal::at_least(
                "background: eight clients through the hub",
                window::HUB_CALLS_PER_S,
                crowd.calls_per_s,
                "calls/s",
            )
        }));
}

struct Singles {
    /// What further parts of the run found.
    extra: (Vec<Figure>, Vec<Goal>),
    ready: Option<Ready>,
    watched: Option<Watched>,
    start_ms: Option<f64>,
    rss_mb: [(&'static str, Option<f64>); 5],
    failed: Vec<String>,
}

fn compose(
    wanted: &Wanted,
    ways: &[Way],
    found: &Found,
    singles: Singles,
    instance: Option<&Instance>,
    load: (String, String),
) -> Result<Report, Fault> {
    let mut rows = Vec::new();
    for what in [What::OneClient, What::Crowd, What::LargeIn, What::LargeOut] {
        for (at, way) in ways.iter().enumerate() {
            if let Some(summary) = found.summary(what, at) {
                let to_floor = found.in_floors(what, at, |_| 0.0);
                rows.push(Row {
                    what,
                    way: way.name,
                    summary,
                    to_floor,
                });
            }
        }
    }
    let mut figures = Vec::new();
    let mut note = |name: &str, value: Option<f64>, unit: &'static str| {
        figures.extend(value.map(|value| Figure {
            name: name.to_owned(),
            value,
            unit,
        }));
    };
    let ready = singles.ready.as_ref();
    note(
        "hub ready in a fresh home, p50",
        ready.map(|ready| ready.fresh.p50_ms),
        "ms",
    );
    note(
        "hub ready in a used home, p50",
        ready.map(|ready| ready.again.p50_ms),
        "ms",
    );
    note(
        "hub ready in a fresh home, longest of the run",
        ready.map(|ready| ready.fresh.p99_ms),
        "ms",
    );
    for (when, value) in singles.rss_mb {
        note(&format!("hub's resident memory {when}"), value, "MB");
    }
    note(
        "`kapelle start blender` until it is connected",
        singles.start_ms,
        "ms",
    );
    if let Some(watched) = &singles.watched {
        note(
            "GET /v1/instances while a call runs, p50",
            Some(watched.instances.p50_ms),
            "ms",
        );
        note(
            "GET /v1/instances while a call runs, p99",
            Some(watched.instances.p99_ms),
            "ms",
        );
        note(
            "GET state while a call runs, p50",
            Some(watched.state.p50_ms),
            "ms",
        );
        note(
            "GET state while a call runs, p99",
            Some(watched.state.p99_ms),
            "ms",
        );
    }
    note(
        "Blender's own time: running compiled `1+1`",
        found.own().map(|own| own.run_ms),
        "ms",
    );
    note(
        "Blender's own time: compiling and running `1+1`",
        found.own().map(|own| own.compile_and_run_ms),
        "ms",
    );
    note(
        "`duration_ms` of a `1+1` through the hub, p50",
        found.duration_ms(BLENDER),
        "ms",
    );
    figures.extend(singles.extra.0.iter().cloned());
    let mut goals = goals::of(found, singles.watched.as_ref(), ready, &singles.rss_mb);
    goals.extend(singles.extra.1.iter().cloned());
    let settings = wanted.length;
    let blender = instance.map_or_else(
        || "none".to_owned(),
        |instance| format!("{} ({})", instance.version, instance.mode),
    );
    Ok(Report {
        date: machine::now(),
        machine: machine::describe(load),
        kapelle: kapelle::version(&wanted.kapelle)?,
        commit: wanted.commit.clone(),
        optimised: !cfg!(debug_assertions),
        blender,
        settings,
        rows,
        figures,
        goals,
        failed: singles.failed,
    })
}

fn start_floor(processes: &mut Processes) -> Result<Target, Fault> {
    let (_, line) = processes.spawn_and_hear(&mut own_role("floor")?, OWN_TIMEOUT)?;
    let said: Value = serde_json::from_str(&line)?;
    let (Some(http), Some(link)) = (said["http"].as_str(), said["link"].as_str()) else {
        return Err(format!("the floor did not start: {line}").into());
    };
    processes.spawn(own_role("responder")?.arg(link))?;
    Ok(Target {
        addr: http.parse()?,
        token: None,
    })
}

/// One echo bridge at the hub, one that dials the bench.
fn start_echo(processes: &mut Processes, hub: &Hub, alone: &Path) -> Result<Kept, Fault> {
    crate::store::start_echo(processes, hub)?;
    let place = Place::new(alone)?;
    processes.spawn(own_role("echo-bridge")?.env("KAPELLE_HOME", place.home()))?;
    place.accept(OWN_TIMEOUT)
}

/// A Blender at a hub of its own, and the same once more that dials the bench.
fn start_blender(
    processes: &mut Processes,
    wanted: &Wanted,
    dir: &Path,
    ways: &mut Vec<Way>,
) -> Result<Option<(Hub, Instance)>, Fault> {
    if matches!(wanted.blender, Blender::None) {
        return Ok(None);
    }
    eprintln!("starting Blender");
    let hub = Hub::start(processes, &wanted.kapelle, &dir.join("blender"))?;
    let instance = hub.start_blender(processes, &wanted.blender.options())?;
    ways.push(Way {
        name: "HTTP → Kapelle → Blender",
        end: End::Http(hub.target.clone()),
    });
    let place = Place::new(&dir.join("blender-alone"))?;
    match instance.again(place.home()) {
        Ok(mut command) => {
            processes.spawn(command.stdin(Stdio::null()))?;
            let link = place.accept(BLENDER_TIMEOUT)?;
            ways.push(Way {
                name: "bench in the hub's place → Blender",
                end: End::Link(link),
            });
        }
        Err(fault) => eprintln!("the bridge alone is not measured: {fault}"),
    }
    Ok(Some((hub, instance)))
}

fn drop_all(processes: Processes) {
    eprintln!("ending all processes");
    drop(processes);
}
