//! What jobs cost: a claim with ten and with 100,000 queued, and an interactive call beside them.
//!
//! **A claim.** The hub's own queue in this process: the next of ten, and of 100,000, for an instance; in turns. Then
//! through a real hub with an echo bridge: how long 300 jobs take of 400 that are queued, and of 100,000 (each is a
//! claim, a stored lease, a run and a stored outcome).
//!
//! **An interactive call.** Two hubs with an echo bridge each, one without jobs and one with 100,000 that wait for an
//! instance that is not there; asked in turns.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub::jobs::order::{Entry, Needs, Offer, Order};
use hub::store::{Job, JobStore as _, JobWrite};
use serde_json::json;
use store::Jobs;
use wire::{Durability, JobStatus, Mode};

use crate::fault::Fault;
use crate::goals::Goal;
use crate::http::Client;
use crate::kapelle::{self, Hub};
use crate::processes::Processes;
use crate::rounds::{End, Length, Way, one_client};
use crate::stats::median;
use crate::store::start_echo;

const FEW: usize = 10;
const MANY: usize = 100_000;
/// Callers whose jobs are queued.
const CALLERS: usize = 8;
/// Claims in one measurement.
const CLAIMS: usize = 2_000;
/// A claim, at most: what the measured floors of SQLite make a good figure.
const CLAIM_US: f64 = 200.0;
/// What a job may take with a full queue, times what it takes with a short one.
const WITH_MANY: f64 = 1.1;
/// What a call may cost with jobs queued, times what it costs without.
const WITH_JOBS: f64 = 1.1;
/// Jobs that are run through a hub, after as many as warm it up.
const RUN: usize = 300;
const WARM_UP: usize = 50;
const WAIT_MS: u64 = 40_000;

/// Measures and prints.
///
/// # Errors
/// What keeps it from measuring.
pub(crate) fn measure(kapelle: Option<PathBuf>, quick: bool) -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        println!("NOT A RELEASE BUILD: these figures mean nothing.");
    }
    let program = kapelle::program(kapelle)?;
    let length = if quick { Length::QUICK } else { Length::FULL };
    let mut goals = vec![claims(length.rounds)];
    goals.push(through_a_hub(&program, if quick { 2 } else { 5 })?);
    goals.push(beside_calls(&program, &length)?);
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

/// The queue alone. Each job that was claimed goes to the end again, so that the queue keeps its length.
fn claims(rounds: usize) -> Goal {
    let mut queues = [filled(FEW), filled(MANY)];
    let mut took: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for turn in [round % 2, (round + 1) % 2] {
            took[turn].push(claim_us(&mut queues[turn]));
        }
    }
    let [few, many] = took.map(|all| median(all.into_iter()));
    println!("a claim, queue alone: {few:.2} µs of {FEW} queued, {many:.2} µs of {MANY}");
    Goal::at_most(
        format!("a claim of {MANY} queued, queue alone"),
        CLAIM_US,
        many,
        "µs",
    )
}

fn filled(count: usize) -> Order {
    let mut order = Order::default();
    for number in 0..count {
        let place = order.place_last();
        order.add(
            Entry {
                id: format!("call_{number:026}").into(),
                needs: Needs {
                    app: "echo".into(),
                    instance: None,
                    version: None,
                    mode: None,
                    label: None,
                    file: None,
                },
                turn_of: format!("caller-{}", number % CALLERS).as_str().into(),
                priority: 5,
                place,
                not_before: None,
                deadline: None,
                after: Vec::new(),
                paused: false,
            },
            0,
        );
    }
    order
}

/// Microseconds for one claim.
#[expect(clippy::cast_precision_loss, reason = "thousands fit")]
fn claim_us(order: &mut Order) -> f64 {
    let offer = Offer {
        app: "echo".into(),
        instance: "echo".into(),
        version: Some("4.5.3".to_owned()),
        mode: Mode::Background,
        labels: vec!["gpu".to_owned()],
        file: Some("/film/010.blend".to_owned()),
        is_reserved: false,
    };
    let mut spent = Duration::ZERO;
    for _ in 0..CLAIMS {
        let begin = Instant::now();
        let claimed = order.claim(&offer);
        spent += begin.elapsed();
        if let Some(mut entry) = claimed.and_then(|id| order.take(&id)) {
            entry.place = order.place_last();
            order.add(entry, 0);
        }
    }
    spent.as_secs_f64() * 1e6 / CLAIMS as f64
}

/// Jobs one after the other through a hub, with few and with many behind them.
fn through_a_hub(program: &Path, rounds: usize) -> Result<Goal, Fault> {
    let (mut ratios, mut each) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        let mut took = [0.0; 2];
        for turn in [round % 2, (round + 1) % 2] {
            let queued = [RUN + WARM_UP + 50, MANY][turn];
            took[turn] = run_ms(program, queued)?;
            each[turn].push(took[turn]);
        }
        ratios.push(took[1] / took[0]);
    }
    let [few, many] = each.map(|all| median(all.into_iter()));
    println!(
        "a job through the hub (lease and outcome stored, journal): {few:.2} ms with {} queued, {many:.2} ms with {MANY}",
        RUN + WARM_UP + 50
    );
    Ok(Goal::at_most(
        format!("a job with {MANY} queued, times one with few"),
        WITH_MANY,
        median(ratios.into_iter()),
        "×",
    ))
}

#[expect(clippy::cast_precision_loss, reason = "hundreds fit")]
fn run_ms(program: &Path, queued: usize) -> Result<f64, Fault> {
    let mut processes = Processes::new()?;
    let dir = tempfile::tempdir()?;
    processes.remove_at_end(dir.path())?;
    let home = dir.path().join("home");
    fill(&home, queued, None)?;
    let hub = Hub::start(&mut processes, program, &home)?;
    start_echo(&mut processes, &hub)?;
    let mut client = Client::new(&hub.target)?;
    wait_for(&mut client, WARM_UP)?;
    let begin = Instant::now();
    wait_for(&mut client, WARM_UP + RUN)?;
    Ok(begin.elapsed().as_secs_f64() * 1e3 / RUN as f64)
}

/// Until that many have ended: they run in their order.
fn wait_for(client: &mut Client, number: usize) -> Result<(), Fault> {
    let last = id(number);
    let call = client.get(&format!("/v1/calls/{last}?wait_ms={WAIT_MS}"))?;
    match call["status"].as_str() {
        Some("succeeded") => Ok(()),
        _ => Err(format!("the job did not end in time: {call}").into()),
    }
}

/// An interactive call with jobs queued for an instance that is not there, beside one without any.
fn beside_calls(program: &Path, length: &Length) -> Result<Goal, Fault> {
    let mut processes = Processes::new()?;
    let dir = tempfile::tempdir()?;
    processes.remove_at_end(dir.path())?;
    let mut hubs = Vec::new();
    for (name, queued) in [("without", 0), ("with", MANY)] {
        let home = dir.path().join(name);
        fill(&home, queued, Some("not-there"))?;
        let hub = Hub::start(&mut processes, program, &home)?;
        start_echo(&mut processes, &hub)?;
        hubs.push(hub);
    }
    let way = |at: usize, name| Way {
        name,
        end: End::Http(hubs[at].target.clone()),
    };
    let ways = [way(0, "without jobs"), way(1, "with jobs")];
    let mut one = Vec::new();
    for round in 0..length.rounds {
        let mut small = [0.0; 2];
        for turn in [round % 2, (round + 1) % 2] {
            small[turn] = one_client(&ways[turn], length.calls)?.0.p50_ms;
        }
        one.push(small);
    }
    let of = |at: usize| median(one.iter().map(|pair: &[f64; 2]| pair[at]));
    println!(
        "a call, one client, p50: {:.3} ms without jobs, {:.3} ms with {MANY} queued",
        of(0),
        of(1)
    );
    Ok(Goal::at_most(
        format!("a call with {MANY} jobs queued, p50, times one without"),
        WITH_JOBS,
        median(one.iter().map(|pair| pair[1] / pair[0])),
        "×",
    ))
}

/// A home whose store has that many jobs, as a hub before would have left them.
fn fill(home: &Path, count: usize, instance: Option<&str>) -> Result<(), Fault> {
    let home = hub::home::Home::open(home)?;
    std::fs::create_dir_all(home.join("store"))?;
    let store = Jobs::open(&home.join("store/jobs.db"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for first in (0..count).step_by(1_000) {
        let writes = (first..count.min(first + 1_000))
            .map(|number| JobWrite::Insert(Box::new(job(number, instance))))
            .collect();
        runtime.block_on(store.write(writes, Durability::Journal))?;
    }
    store.close();
    Ok(())
}

fn id(number: usize) -> wire::CallId {
    format!("call_{number:026}").into()
}

fn job(number: usize, instance: Option<&str>) -> Job {
    let map = |value: serde_json::Value| Arc::new(value.as_object().cloned().unwrap_or_default());
    Job {
        id: id(number),
        // As the echo bridge says it is.
        app: "blender".into(),
        instance: instance.map(Into::into),
        command: "code.run".to_owned(),
        caller: "owner".into(),
        asked_at: time::OffsetDateTime::now_utc(),
        durability: Durability::Journal,
        key: None,
        labels: std::collections::BTreeMap::new(),
        request: map(json!({"instance": instance, "repeatable": true})),
        args: Some(map(json!({"code": "1+1"}))),
        status: JobStatus::Queued,
        priority: 5,
        place: i64::try_from(number + 1).unwrap_or_default() << 32,
        paused: false,
        attempt: 0,
        lease: None,
        end: None,
        outcome: None,
    }
}
