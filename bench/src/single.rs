//! The measurements that stand alone: how soon a hub is ready, what it holds, whether it answers while
//! a call runs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fault::Fault;
use crate::http::{Client, Target};
use crate::kapelle::Hub;
use crate::processes::Processes;
use crate::stats::{Round, Times};

/// Between two looks at the status: somebody who watches, not a flood.
const LOOK: Duration = Duration::from_millis(2);
/// A hub that was just started has its pages touched after this.
const SETTLE: Duration = Duration::from_millis(500);

/// Times from the start of a hub's process to its line: in a fresh home, and in one that was used.
pub(crate) struct Ready {
    pub(crate) fresh: Round,
    pub(crate) again: Round,
}

/// # Errors
/// When a hub does not become ready.
pub(crate) fn ready(
    processes: &mut Processes,
    program: &Path,
    dir: &Path,
    starts: usize,
) -> Result<Ready, Fault> {
    let (mut fresh, mut again) = (Times::new(), Times::new());
    let begin = Instant::now();
    for at in 0..starts {
        let home = dir.join(format!("ready-{at}"));
        for times in [&mut fresh, &mut again] {
            let hub = Hub::start(processes, program, &home)?;
            processes.end(hub.pid)?;
            times.add(hub.ready);
        }
    }
    let took = begin.elapsed();
    Ok(Ready {
        fresh: Round::new(&fresh, took),
        again: Round::new(&again, took),
    })
}

/// Resident memory of a process that has come to rest, in MB (1,000,000 bytes). `None` where the system does not
/// say.
pub(crate) fn idle_rss_mb(pid: u32) -> Option<f64> {
    crate::machine::pause(SETTLE);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// `GET /v1/instances` and the state of the instance, while a call keeps its Python busy.
pub(crate) struct Watched {
    pub(crate) instances: Round,
    pub(crate) state: Round,
}

/// # Errors
/// When the call fails, or an answer does not say that it runs.
pub(crate) fn status_while_busy(target: &Target, busy_s: u32) -> Result<Watched, Fault> {
    let code = format!(
        "import time\nend = time.monotonic() + {busy_s}\nwhile time.monotonic() < end: pass\n7"
    );
    let mut runner = Client::new(target)?;
    let mut watcher = Client::new(target)?;
    let name = watcher.get("/v1/instances")?["instances"][0]["name"].take();
    let state_path = format!(
        "/v1/instances/{}/state",
        name.as_str().ok_or("no instance is there")?
    );
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            let request = json!({"app": "blender", "command": "code.run", "args": {"code": code}});
            let answer = runner.post("/v1/calls", &request);
            over.store(true, Ordering::Release);
            answer
        });
        let (mut instances, mut state) = (Times::new(), Times::new());
        let begin = Instant::now();
        while !over.load(Ordering::Acquire) {
            let start = Instant::now();
            let view = watcher.get("/v1/instances")?;
            let took = start.elapsed();
            let start = Instant::now();
            watcher.get(&state_path)?;
            // Only what was asked while the call ran counts: not its first and last moment.
            if !view["instances"][0]["running"].is_null() {
                instances.add(took);
                state.add(start.elapsed());
            }
            crate::machine::pause(LOOK);
        }
        let took = begin.elapsed();
        let answer = call.join().map_err(|_| "the caller panicked")??;
        if answer["value"] != 7 {
            return Err(format!("the long call ended so: {answer}").into());
        }
        if instances.count() < 10 {
            return Err("the status hardly ever said that the call runs".into());
        }
        Ok(Watched {
            instances: Round::new(&instances, took),
            state: Round::new(&state, took),
        })
    })
}
