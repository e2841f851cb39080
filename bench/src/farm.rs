//! What a render farm gains on this machine: the same frames by one worker and by several, in turns.
//!
//! In come a `kapelle` and a Blender; out goes a table. Each worker of a farm computes with one thread, so that
//! the cores are what is shared; besides, one worker with all cores is what a person has without a farm. The
//! time is the whole command's, from asking to the report, with the start of the Blenders.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::http::Client;
use crate::kapelle::Hub;
use crate::processes::Processes;
use crate::{machine, stats};

/// What is measured with, and how long.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) kapelle: PathBuf,
    pub(crate) blender: Option<PathBuf>,
    pub(crate) python: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) frames: u32,
    pub(crate) samples: u32,
}

/// How long one look waits for the end of a render.
const LOOK_MS: u64 = 20_000;

/// A scene whose frames take about a second of one core: a subdivided monkey that turns.
const SCENE: &str = "
import bpy
bpy.data.objects.remove(bpy.data.objects['Cube'])
bpy.ops.mesh.primitive_monkey_add()
monkey = bpy.context.object
monkey.modifiers.new('s', 'SUBSURF').render_levels = 3
monkey.keyframe_insert('rotation_euler', frame=1)
monkey.rotation_euler.z = 3
monkey.keyframe_insert('rotation_euler', frame=100)
scene = bpy.context.scene
scene.render.engine = 'CYCLES'
scene.cycles.use_adaptive_sampling = False
scene.cycles.use_denoising = False
scene.render.resolution_x, scene.render.resolution_y = 480, 270
bpy.ops.wm.save_as_mainfile(filepath=FILE)
";

struct Way {
    name: String,
    workers: usize,
    threads: usize,
    seconds: Vec<f64>,
    /// Mean time of a frame, as its worker says.
    frame_s: Vec<f64>,
}

/// # Errors
/// When something cannot be started, or a frame fails.
pub(crate) fn measure(wanted: &Wanted) -> Result<String, Fault> {
    let mut processes = Processes::new()?;
    let dir = tempfile::Builder::new()
        .prefix("kapelle-bench-")
        .tempdir()?
        .keep();
    processes.remove_at_end(&dir)?;
    let before = machine::load();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let hub = Hub::start(&mut processes, &wanted.kapelle, &dir.join("home"))?;
    let file = dir.join("scene.blend");
    let version = make(&mut processes, &hub, wanted, &file)?;
    let way = |name: String, workers, threads| Way {
        name,
        workers,
        threads,
        seconds: Vec::new(),
        frame_s: Vec::new(),
    };
    let mut ways = vec![
        way("1 worker, 1 thread".into(), 1, 1),
        way(format!("{cores} workers, 1 thread each"), cores, 1),
        way(format!("1 worker, {cores} threads"), 1, cores),
    ];
    for round in 0..wanted.rounds {
        // Each round begins with another one.
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            let out = dir.join(format!("out-{round}-{at}"));
            eprintln!("round {}: {}", round + 1, ways[at].name);
            run(&hub, wanted, &file, &out, &mut ways[at])?;
        }
    }
    table(wanted, &ways, &version, &before)
}

/// Makes the file to render; gives the Blender's version.
fn make(
    processes: &mut Processes,
    hub: &Hub,
    wanted: &Wanted,
    file: &Path,
) -> Result<String, Fault> {
    let option = match (&wanted.blender, &wanted.python) {
        (Some(path), _) => Some(("--blender", path)),
        (_, Some(path)) => Some(("--python", path)),
        _ => None,
    };
    let mut options = vec!["--name".as_ref(), "maker".as_ref()];
    if let Some((name, path)) = option {
        options.extend([name.as_ref(), path.as_os_str()]);
    }
    let maker = hub.start_blender(processes, &options)?;
    let mut client = Client::new(&hub.target)?;
    let code = SCENE.replace("FILE", &serde_json::to_string(file)?);
    client.call("code.run", &json!({ "code": code }))?;
    Ok(format!("{} ({})", maker.version, maker.mode))
}

fn run(hub: &Hub, wanted: &Wanted, file: &Path, out: &Path, way: &mut Way) -> Result<(), Fault> {
    let mut args = json!({
        "file": file, "out": out, "frames": format!("1-{}", wanted.frames),
        "workers": way.workers, "threads": way.threads, "samples": wanted.samples, "sheet": false,
    });
    if let Some(path) = &wanted.blender {
        args["program"] = json!(path);
    }
    if let Some(path) = &wanted.python {
        args["python"] = json!(path);
    }
    let mut client = Client::new(&hub.target)?;
    let request = json!({"app": "blender", "command": "render.farm", "args": args, "wait": false});
    let id = client.post("/v1/calls", &request)?["call_id"]
        .as_str()
        .ok_or("the call has no id")?
        .to_owned();
    let call = loop {
        let call = client.get(&format!("/v1/calls/{id}?wait_ms={LOOK_MS}"))?;
        if !matches!(call["status"].as_str(), Some("queued" | "running")) {
            break call;
        }
    };
    if call["value"]["rendered"] != json!(wanted.frames) {
        return Err(format!("render.farm: {}", call["problem"]).into());
    }
    let report = std::fs::read(out.join("kapelle-render.json"))?;
    let report: Value = serde_json::from_slice(&report)?;
    let frames = report["frames"].as_object().into_iter().flatten();
    let times: Vec<f64> = frames
        .filter_map(|(_, made)| made["seconds"].as_f64())
        .collect();
    way.seconds
        .push(call["duration_ms"].as_f64().unwrap_or_default() / 1e3);
    #[expect(clippy::cast_precision_loss, reason = "a count of frames")]
    way.frame_s
        .push(times.iter().sum::<f64>() / times.len().max(1) as f64);
    std::fs::remove_dir_all(out)?;
    Ok(())
}

fn table(wanted: &Wanted, ways: &[Way], version: &str, before: &str) -> Result<String, Fault> {
    let machine = machine::describe((before.to_owned(), machine::load()));
    let mut page = format!(
        "# A render farm compared with one worker\n\n- {}; load {} before, {} after\n- {}, {} cores, {}\n- Blender {version}; {} frames of 480 × 270, {} samples; medians of {} alternating rounds\n\n\
         | setup | whole command, s | per frame, s | × one worker |\n|---|---:|---:|---:|\n",
        machine::now(),
        machine.load.0,
        machine.load.1,
        machine.processor,
        machine.cores,
        machine.kernel,
        wanted.frames,
        wanted.samples,
        wanted.rounds,
    );
    for way in ways {
        // Of the same round, so that a busy minute counts for both.
        let gains = ways[0].seconds.iter().zip(&way.seconds);
        let gain = stats::median(gains.map(|(one, this)| one / this));
        writeln!(
            page,
            "| {} | {:.1} | {:.2} | {gain:.2} |",
            way.name,
            stats::median(way.seconds.iter().copied()),
            stats::median(way.frame_s.iter().copied()),
        )?;
    }
    Ok(page)
}
