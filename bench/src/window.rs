//! A Blender with a window: how soon it answers alone and within a burst, and what the bridge costs it.
//!
//! Needs a display; where there is none, Xvfb is started. Without either, nothing is measured and the
//! report says so.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bridge_link::{Kept, Place};
use crate::fault::Fault;
use crate::goals::{Figure, Goal};
use crate::http::Client;
use crate::kapelle::Hub;
use crate::processes::Processes;
use crate::rounds::{CROWD, End, Way, crowd, one_client};
use crate::stats::{Summary, Times};

/// How long a window may take to come and draw itself for the first time in software.
const WINDOW_TIMEOUT: Duration = Duration::from_secs(120);
/// Calls that are alone: each waits for the next tick.
const LONE_CALLS: usize = 40;
/// Between two lone calls: far beyond what the bridge lingers.
const APART: Duration = Duration::from_millis(60);
/// One tick of the timer with room for the redraw that may be under way, in milliseconds.
const TICK_MS: f64 = 16.0;
/// A call within a burst, p50 in milliseconds.
const BURST_MS: f64 = 0.3;
/// Eight calls in flight: at the bridge alone, and through the hub, each second.
pub(crate) const BRIDGE_CALLS_PER_S: f64 = 5_000.0;
pub(crate) const HUB_CALLS_PER_S: f64 = 4_000.0;
/// How long idle windows are watched.
const IDLE: Duration = Duration::from_secs(10);
/// What an idle bridge may cost a Blender: parts of a core in per cent, and MB.
const IDLE_CORE_PERCENT: f64 = 1.0;
const IDLE_MB: f64 = 50.0;
/// A display number that nobody else uses is looked for from here.
const FIRST_DISPLAY: u32 = 90;

/// The display that windows open on.
pub(crate) struct Display(String);

impl Display {
    /// The one that is there, else an Xvfb.
    pub(crate) fn find(processes: &mut Processes) -> Option<Self> {
        if let Ok(name) = std::env::var("DISPLAY")
            && !name.is_empty()
        {
            return Some(Self(name));
        }
        let number = (FIRST_DISPLAY..FIRST_DISPLAY + 20)
            .find(|number| !Path::new(&format!("/tmp/.X11-unix/X{number}")).exists())?;
        let name = format!(":{number}");
        let mut command = Command::new("Xvfb");
        command.args([&name, "-screen", "0", "1280x800x24", "-nolisten", "tcp"]);
        processes
            .spawn(command.stdin(Stdio::null()).stderr(Stdio::null()))
            .ok()?;
        for _ in 0..500 {
            if Path::new(&format!("/tmp/.X11-unix/X{number}")).exists() {
                return Some(Self(name));
            }
            crate::machine::pause(Duration::from_millis(10));
        }
        None
    }

    /// Windows of this command open here, drawn in software.
    pub(crate) fn on<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DISPLAY", &self.0)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
    }
}

/// # Errors
/// When Blender does not come, or a call fails.
pub(crate) fn measure(
    processes: &mut Processes,
    display: &Display,
    program: &Path,
    blender: &Path,
    dir: &Path,
) -> Result<(Vec<Figure>, Vec<Goal>), Fault> {
    let hub = Hub::start_on(processes, program, &dir.join("window"), display)?;
    eprintln!("starting a Blender with a window");
    let instance = hub.start_window(processes, display, blender)?;
    // At the same time, so that both have drawn as much when they are compared.
    let mut bare = Command::new(blender);
    bare.args(["--factory-startup", "-noaudio"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let bare_pid = processes.spawn(display.on(&mut bare))?;
    let way = Way {
        name: "HTTP → Kapelle → Blender with a window",
        end: End::Http(hub.target.clone()),
    };
    settle(&way)?;
    let (mut figures, mut goals) = (Vec::new(), Vec::new());
    let lone = lone(&hub)?;
    goals.push(Goal::at_most(
        "window: a lone call, p50 (one tick)",
        TICK_MS,
        lone.percentile_ms(50.0),
        "ms",
    ));
    figures.push(Figure::new(
        "window: a lone call, p99",
        lone.percentile_ms(99.0),
        "ms",
    ));
    let rounds: Vec<_> = (0..7)
        .map(|_| one_client(&way, 300).map(|(round, _)| round))
        .collect::<Result<_, _>>()?;
    let burst = Summary::of(&rounds);
    figures.push(Figure::new(
        "window: a call within a burst, through the hub, p50",
        burst.p50_ms,
        "ms",
    ));
    let End::Http(target) = &way.end else {
        return Err("a way over HTTP".into());
    };
    let eight = crowd(target, Duration::from_secs(2))?;
    goals.push(Goal::at_least(
        "window: eight clients through the hub",
        HUB_CALLS_PER_S,
        eight.calls_per_s,
        "calls/s",
    ));

    let place = Place::new(&dir.join("window-alone"))?;
    let mut again = instance.again(place.home())?;
    let alone_pid = processes.spawn(display.on(&mut again))?;
    let link = place.accept(WINDOW_TIMEOUT)?;
    let alone = Way {
        name: "bench in the hub's place → Blender with a window",
        end: End::Link(link),
    };
    settle(&alone)?;
    let rounds: Vec<_> = (0..7)
        .map(|_| one_client(&alone, 300).map(|(round, _)| round))
        .collect::<Result<_, _>>()?;
    goals.push(Goal::at_most(
        "window: a call within a burst, bridge alone, p50",
        BURST_MS,
        Summary::of(&rounds).p50_ms,
        "ms",
    ));
    if let End::Link(link) = &alone.end {
        goals.push(Goal::at_least(
            "window: eight calls in flight, bridge alone",
            BRIDGE_CALLS_PER_S,
            in_flight(link)?,
            "calls/s",
        ));
    }
    processes.end(alone_pid)?;

    crate::machine::pause(IDLE);
    let (with, without) = (cost(instance.pid)?, cost(bare_pid)?);
    goals.push(Goal::at_most(
        "window: idle cost of the bridge, beyond a bare Blender's",
        IDLE_CORE_PERCENT,
        (with.0 - without.0).max(0.0),
        "% of a core",
    ));
    goals.push(Goal::at_most(
        "window: memory of the bridge, beyond a bare Blender's",
        IDLE_MB,
        (with.1 - without.1).max(0.0),
        "MB",
    ));
    processes.end(bare_pid)?;
    Ok((figures, goals))
}

/// Calls per second with eight in flight on one link: the median of some rounds.
pub(crate) fn in_flight(link: &Kept) -> Result<f64, Fault> {
    let calls = 2_000;
    let mut link = link.lock();
    link.run_many("1+1", CROWD, 200)?;
    let mut rates = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        link.run_many("1+1", CROWD, calls)?;
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        rates.push(calls as f64 / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[rates.len() / 2])
}

/// The first redraws of a window take seconds in software; calls are answered in between.
fn settle(way: &Way) -> Result<(), Fault> {
    let mut fast = 0;
    for _ in 0..200 {
        let start = Instant::now();
        one_client(way, 1)?;
        fast = if start.elapsed() < Duration::from_millis(500) {
            fast + 1
        } else {
            0
        };
        if fast > 5 {
            return Ok(());
        }
    }
    Err("the window never came to rest".into())
}

fn lone(hub: &Hub) -> Result<Times, Fault> {
    let mut client = Client::new(&hub.target)?;
    let mut times = Times::new();
    for _ in 0..LONE_CALLS {
        crate::machine::pause(APART);
        let start = Instant::now();
        client.call("code.run", &serde_json::json!({"code": "1+1"}))?;
        times.add(start.elapsed());
    }
    Ok(times)
}

/// Per cent of a core over some seconds, and resident MB.
fn cost(pid: u32) -> Result<(f64, f64), Fault> {
    let before = crate::machine::cpu_seconds(pid)?;
    let start = Instant::now();
    crate::machine::pause(IDLE);
    let used = crate::machine::cpu_seconds(pid)? - before;
    let percent = used / start.elapsed().as_secs_f64() * 100.0;
    let rss = crate::single::idle_rss_mb(pid).ok_or("the system does not tell memory")?;
    Ok((percent, rss))
}
