//! What lasts, and what it costs: enqueueing jobs beside bare SQLite, a change of one among many, and the history's price
//! for a call ([`history`]).
//!
//! **Enqueueing.** 64 submitters, each waiting for its acknowledgement before the next job, at the real store; beside
//! them the floor: one thread that inserts the same jobs into tables of the same form by hand, 64 in each
//! transaction, nobody waiting. In turns, on the same disk.
//!
//! **Changing.** One change after the other, each waited for: of jobs in their order, as claims make them, and all over
//! the file, as edits do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hub::store::{JobStore as _, JobWrite};
use rusqlite::{Connection, params};
use serde_json::json;
use store::Jobs;
use wire::{Durability, JobStatus};

use crate::fault::Fault;
use crate::goals::Goal;
use crate::history;
use crate::http::Client;
use crate::kapelle::{self, Hub};
use crate::processes::{Processes, own_role};
use crate::rounds::Length;
use crate::scene;
use crate::stats::median;

/// Who enqueues at the same time.
const SUBMITTERS: usize = 64;
/// Of the floor's rate, at least.
const OF_FLOOR: f64 = 0.6;
/// What a change may cost among many jobs, times what it costs among few.
const MANY_JOBS: f64 = 2.0;
/// How long an echo bridge is waited for: looks, and their distance in milliseconds.
const LOOKS_MAX: u32 = 500;
const LOOK_MS: u64 = 10;

/// Measures and prints.
///
/// # Errors
/// What keeps it from measuring.
pub(crate) fn measure(
    kapelle: Option<PathBuf>,
    blender: &scene::Blender,
    quick: bool,
) -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        println!("NOT A RELEASE BUILD: these figures mean nothing.");
    }
    let mut goals = Vec::new();
    let (rounds, jobs) = if quick { (5, 1_280) } else { (15, 6_400) };
    for (durability, name) in [
        (Durability::Fsync, "fsync"),
        (Durability::Journal, "journal"),
    ] {
        goals.push(enqueue(durability, name, rounds, jobs)?);
    }
    goals.push(changes(rounds)?);
    let length = if quick { Length::QUICK } else { Length::FULL };
    goals.extend(history::measure(
        &kapelle::program(kapelle)?,
        blender,
        &length,
    )?);
    println!();
    for goal in goals {
        let verdict = if goal.met { "met" } else { "NOT MET" };
        println!(
            "{}: {:.2} {} (limit {:.2}): {verdict}",
            goal.name, goal.measured, goal.unit, goal.limit
        );
    }
    Ok(())
}

fn enqueue(durability: Durability, name: &str, rounds: usize, jobs: usize) -> Result<Goal, Fault> {
    let (mut floors, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let dir = tempfile::tempdir()?;
        let mut floor = 0.0;
        let mut own = 0.0;
        // Each goes first every other time.
        for turn in [round % 2, (round + 1) % 2] {
            match turn {
                0 => floor = bare(&dir.path().join("floor.db"), durability, jobs)?,
                _ => own = submitted(&dir.path().join("jobs.db"), durability, jobs)?,
            }
        }
        floors.push(floor);
        ours.push(own);
        ratios.push(own / floor);
    }
    let (floor, own) = (median(floors.into_iter()), median(ours.into_iter()));
    println!(
        "enqueue, {name}, {SUBMITTERS} at once: {own:.0}/s; bare SQLite in transactions of {SUBMITTERS}: {floor:.0}/s"
    );
    Ok(Goal::at_least(
        format!("enqueue, {name}, of the bare floor"),
        OF_FLOOR,
        median(ratios.into_iter()),
        "× floor",
    ))
}

/// Jobs a second through the store.
fn submitted(path: &Path, durability: Durability, jobs: usize) -> Result<f64, Fault> {
    let store = Arc::new(Jobs::open(path)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1) // as the hub has on few cores
        .build()?;
    let each = jobs / SUBMITTERS;
    // Ids follow each other in time, whoever asks, as the hub's do.
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    runtime.block_on(async {
        let submitters = (0..SUBMITTERS).map(|_| {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            tokio::spawn(async move {
                for _ in 0..each {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let write = vec![JobWrite::Insert(Box::new(job(number)))];
                    store.write(write, durability).await?;
                }
                Ok::<(), wire::Problem>(())
            })
        });
        for submitter in submitters.collect::<Vec<_>>() {
            submitter.await??;
        }
        Ok::<(), Fault>(())
    })?;
    let rate = per_second(each * SUBMITTERS, begin);
    store.close();
    Ok(rate)
}

/// Jobs a second by hand, into tables of the same form.
fn bare(path: &Path, durability: Durability, jobs: usize) -> Result<f64, Fault> {
    // The store makes the tables, so that the floor writes exactly the same.
    Jobs::open(path)?.close();
    let connection = Connection::open(path)?;
    let synchronous = match durability {
        Durability::Fsync => "FULL",
        Durability::Journal => "NORMAL",
    };
    connection.execute_batch(&format!("PRAGMA synchronous = {synchronous}"))?;
    let begin = Instant::now();
    for group in 0..jobs / SUBMITTERS {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for n in 0..SUBMITTERS {
            insert(&connection, &job(group * SUBMITTERS + n))?;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(per_second(jobs / SUBMITTERS * SUBMITTERS, begin))
}

fn insert(connection: &Connection, job: &hub::store::Job) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO jobs(id, app, command, caller, asked_at, durability, status, priority, place, paused, attempt,
                labels, request)
             VALUES (?1, ?2, ?3, ?4, 0, 'fsync', 'queued', 5, 0, 0, 0, '{}', ?5)",
        )?
        .execute(params![
            job.id.as_str(),
            job.app.as_str(),
            job.command,
            job.caller.as_str(),
            serde_json::to_string(&job.request)?,
        ])?;
    connection
        .prepare_cached("INSERT INTO args VALUES (?1, ?2)")?
        .execute(params![
            connection.last_insert_rowid(),
            serde_json::to_string(&job.args)?
        ])?;
    Ok(())
}

/// A change of one job at a time, with 10 jobs in the file and with 100,000.
fn changes(rounds: usize) -> Result<Goal, Fault> {
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut stores = Vec::new();
    for count in [10_usize, 100_000] {
        let store = Jobs::open(&dir.path().join(format!("{count}.db")))?;
        for first in (0..count).step_by(1_000) {
            let writes = (first..count.min(first + 1_000))
                .map(|n| JobWrite::Insert(Box::new(job(n))))
                .collect();
            runtime.block_on(store.write(writes, Durability::Journal))?;
        }
        stores.push((store, count));
    }
    let mut in_order = Vec::new();
    for (step, name) in [(1, "in their order"), (7_919, "all over the file")] {
        let mut pairs = Vec::new();
        for round in 0..rounds {
            let mut took = [0.0; 2];
            for turn in [round % 2, (round + 1) % 2] {
                let (store, count) = &stores[turn];
                took[turn] = runtime.block_on(change(store, *count, step, round))?;
            }
            pairs.push(took);
        }
        let of = |at: usize| median(pairs.iter().map(|pair| pair[at]));
        println!(
            "a change of a job, {name}: {:.0} µs with 10 in the file, {:.0} µs with 100,000",
            of(0),
            of(1)
        );
        if step == 1 {
            in_order = pairs;
        }
    }
    for (store, count) in &stores {
        let begin = Instant::now();
        for _ in 0..20 {
            let wanted = hub::store::JobsWanted {
                app: Some("blender".into()),
                limit: 50,
                ..hub::store::JobsWanted::default()
            };
            runtime.block_on(store.list(wanted))?;
            runtime.block_on(store.counts(None))?;
        }
        let ms = begin.elapsed().as_secs_f64() * 1e3 / 20.0;
        println!("a page of 50 and the counts, {count} jobs: {ms:.2} ms");
    }
    Ok(Goal::at_most(
        "a change of a job as by a claim with 100,000 in the file, times one with 10",
        MANY_JOBS,
        median(in_order.iter().map(|pair| pair[1] / pair[0])),
        "×",
    ))
}

/// Microseconds of one change, with its acknowledgement. The jobs lie `step` apart.
#[expect(clippy::cast_precision_loss, reason = "hundreds fit")]
async fn change(store: &Jobs, count: usize, step: usize, round: usize) -> Result<f64, Fault> {
    const CHANGES: usize = 200;
    let begin = Instant::now();
    for n in 0..CHANGES {
        let id = job((round * CHANGES + n * step) % count).id;
        let mut change = hub::store::JobChange::of(&id);
        change.status = Some(JobStatus::ALL[(n + round) % 3]);
        change.attempt = Some(1);
        let write = vec![JobWrite::Change(Box::new(change))];
        store.write(write, Durability::Journal).await?;
    }
    Ok(begin.elapsed().as_secs_f64() * 1e6 / CHANGES as f64)
}

/// Starts an echo bridge and waits for it.
///
/// # Errors
/// When it does not come.
pub(crate) fn start_echo(processes: &mut Processes, hub: &Hub) -> Result<(), Fault> {
    processes.spawn(own_role("echo-bridge")?.env("KAPELLE_HOME", &hub.home))?;
    let mut client = Client::new(&hub.target)?;
    for _ in 0..LOOKS_MAX {
        if client.get("/v1/instances")?["instances"][0]["state"] == "idle" {
            return Ok(());
        }
        crate::machine::pause(std::time::Duration::from_millis(LOOK_MS));
    }
    Err("the echo bridge did not come".into())
}

/// A job as a caller might enqueue it: a frame to be rendered.
fn job(number: usize) -> hub::store::Job {
    let map = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
    hub::store::Job {
        id: format!("call_{number:026}").into(),
        app: "blender".into(),
        instance: None,
        command: "render.still".to_owned(),
        caller: "owner".into(),
        asked_at: time::OffsetDateTime::UNIX_EPOCH,
        durability: Durability::Fsync,
        key: None,
        labels: std::collections::BTreeMap::new(),
        request: Arc::new(map(
            json!({"timeout_ms": 600_000, "retry": {"max": 3, "backoff_ms": 1000}}),
        )),
        args: Some(Arc::new(map(json!({
            "frame": number, "path": "/film/shots/010/frames/0001.png", "samples": 128, "engine": "cycles"
        })))),
        status: JobStatus::Queued,
        priority: 5,
        place: 0,
        paused: false,
        attempt: 0,
        lease: None,
        end: None,
        outcome: None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "thousands fit")]
fn per_second(count: usize, begin: Instant) -> f64 {
    count as f64 / begin.elapsed().as_secs_f64()
}
