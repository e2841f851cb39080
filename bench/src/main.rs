//! What Kapelle costs, measured beside a bare axum hub in the same run.
//!
//! In come options and a built `kapelle`; out goes a table on stdout and, where asked, a report as
//! Markdown or JSON. It starts every process that it measures, measures them in turns ([`rounds`]) and
//! ends all of them, whatever happens to itself ([`processes`]). It asserts no times: the report says
//! which goals are met.
//!
//! The floor ([`floor`]), the responder and the echo bridge ([`echo`]) are this same program in
//! another role, each in a process of its own.
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "its tables are made of figures, and it talks to who runs it"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use crate::fault::Fault;

mod arrays;
mod bridge_link;
mod echo;
mod fanout;
mod farm;
mod fault;
mod floor;
mod goals;
mod history;
mod http;
mod jobs;
mod kapelle;
mod machine;
mod mcp;
mod messages;
mod processes;
mod report;
mod rounds;
mod scene;
mod single;
mod stats;
mod store;
mod window;

/// The hub's allocator, so that the floors have what it has.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// Measure Kapelle beside a bare axum hub
#[derive(Parser, Debug)]
#[command(name = "kapelle-bench", max_term_width = 100)]
struct Words {
    /// The Blender to measure with [default: the one that `kapelle start blender` finds]
    #[arg(long, value_name = "PATH")]
    blender: Option<PathBuf>,
    /// A Python with the `bpy` wheel, instead of a Blender.
    #[arg(long, value_name = "PATH", conflicts_with = "blender")]
    python: Option<PathBuf>,
    /// A Blender that can open a window, for what only that shows [default: the one on PATH]
    #[arg(long, value_name = "PATH")]
    window: Option<PathBuf>,
    /// Measure without a Blender.
    #[arg(long, conflicts_with_all = ["blender", "python"])]
    no_blender: bool,
    /// The `kapelle` to measure [default: built from this checkout]
    #[arg(long, value_name = "PATH")]
    kapelle: Option<PathBuf>,
    /// Fewer and shorter rounds: about two minutes.
    #[arg(long)]
    quick: bool,
    /// Only these parts, by commas [default: all]
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    parts: Vec<scene::Part>,
    /// Where the report goes; `.md` or `.json`. Can be given twice.
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What else this program can be: in processes that it starts itself, and `hammer` for people.
#[derive(Subcommand, Debug)]
enum Role {
    /// Runs `1+1` at the hub of `KAPELLE_HOME` without end, one client: something to profile.
    Hammer,
    /// What is stored: enqueueing jobs beside bare SQLite, and what the history costs a call.
    Store,
    /// Jobs: a claim with ten and with 100,000 queued, and what they cost an interactive call.
    Jobs,
    /// What it costs to tell 1,000 WebSocket subscribers of an event, beside a bare hub.
    Fanout,
    /// Measures what a render farm gains over one worker on this machine's cores; minutes.
    Farm {
        /// Frames of each render.
        #[arg(long, default_value_t = 24)]
        frames: u32,
        /// Samples of each frame.
        #[arg(long, default_value_t = 24)]
        samples: u32,
    },
    /// The bare hub; prints where it listens.
    #[command(hide = true)]
    Floor,
    /// The bare hub of the fan-out; prints where it listens.
    #[command(hide = true)]
    FanoutFloor,
    /// Answers framed JSON.
    #[command(hide = true)]
    Responder { addr: SocketAddr },
    /// A bridge that answers at once; finds its hub by `KAPELLE_HOME`.
    #[command(hide = true)]
    EchoBridge,
    /// Ends what it is told about when its stdin closes.
    #[command(hide = true)]
    Keeper,
}

fn main() -> ExitCode {
    let mut words = Words::parse();
    let done = match words.role.take() {
        Some(Role::Hammer) => hammer(),
        Some(Role::Store) => {
            let blender = blender(words.blender, words.python, words.no_blender);
            store::measure(words.kapelle, &blender, words.quick)
        }
        Some(Role::Jobs) => jobs::measure(words.kapelle, words.quick),
        Some(Role::Fanout) => fanout::measure(words.kapelle, words.quick),
        Some(Role::FanoutFloor) => fanout::floor::serve(),
        Some(Role::Farm { frames, samples }) => measure_farm(words, frames, samples),
        Some(Role::Floor) => floor::serve(),
        Some(Role::Responder { addr }) => floor::respond(addr),
        Some(Role::EchoBridge) => echo::run(),
        Some(Role::Keeper) => processes::keep(),
        None => measure(words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("kapelle-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure_farm(words: Words, frames: u32, samples: u32) -> Result<(), Fault> {
    let page = farm::measure(&farm::Wanted {
        kapelle: kapelle::program(words.kapelle)?,
        blender: words.blender,
        python: words.python,
        rounds: if words.quick { 1 } else { 3 },
        frames,
        samples,
    })?;
    print!("{page}");
    for path in &words.out {
        std::fs::write(path, &page)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

fn hammer() -> Result<(), Fault> {
    let target = kapelle::running_hub()?;
    let way = rounds::Way {
        name: "HTTP → Kapelle",
        end: rounds::End::Http(target),
    };
    loop {
        let (round, duration_ms) = rounds::one_client(&way, 1_000)?;
        println!(
            "p50 {:.3} ms, p99 {:.3} ms, {:.0} calls/s, duration_ms {duration_ms:?}",
            round.p50_ms, round.p99_ms, round.calls_per_s
        );
    }
}

fn blender(program: Option<PathBuf>, python: Option<PathBuf>, none: bool) -> scene::Blender {
    match (program, python, none) {
        (_, _, true) => scene::Blender::None,
        (Some(path), _, _) => scene::Blender::Program(path),
        (_, Some(path), _) => scene::Blender::Python(path),
        _ => scene::Blender::Any,
    }
}

fn measure(words: Words) -> Result<(), Fault> {
    for path in &words.out {
        report::Form::of(path)?;
    }
    let wanted = scene::Wanted {
        // A program by its path may be of any commit.
        commit: if words.kapelle.is_none() {
            machine::commit()
        } else {
            None
        },
        kapelle: kapelle::program(words.kapelle)?,
        blender: blender(words.blender, words.python, words.no_blender),
        window: words.window.or_else(|| machine::on_path("blender")),
        length: if words.quick {
            rounds::Length::QUICK
        } else {
            rounds::Length::FULL
        },
        parts: words.parts,
    };
    let report = scene::measure(&wanted)?;
    print!("{}", report::table(&report));
    for path in &words.out {
        report::write(&report, path)?;
        eprintln!("wrote {}", path.display());
    }
    match report.failed.len() {
        0 => Ok(()),
        count => Err(format!("{count} parts were not measured; the report says why").into()),
    }
}
