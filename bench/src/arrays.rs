//! Large things between a client and Blender: a million vertices each way, and how many bytes 5 MB cost.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::fault::Fault;
use crate::goals::{Figure, Goal};
use crate::http::{Client, Target};
use crate::rounds::LARGE_BYTES;
use crate::stats::median;

/// Vertices of the large mesh.
const VERTICES: usize = 1_000_000;
/// A million vertices, one way, in milliseconds.
const VERTICES_MS: f64 = 500.0;
/// 5 MB one way, in milliseconds.
const LARGE_MS: f64 = 300.0;
/// Bytes on the wire for each byte of a large value.
const BYTES_RATIO: f64 = 1.2;
const RUNS: usize = 5;

/// # Errors
/// When a call fails, or other vertices come back than went in.
pub(crate) fn measure(target: &Target) -> Result<(Vec<Figure>, Vec<Goal>), Fault> {
    let mut goals = Vec::new();
    let (mut put, mut read) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let sent = vertices(run);
        let start = Instant::now();
        create(target, &sent, run == 0)?;
        put.push(start.elapsed());
        let start = Instant::now();
        let came = fetch(target)?;
        read.push(start.elapsed());
        if came != sent {
            return Err("other vertices came back than went in".into());
        }
    }
    goals.push(Goal::at_most(
        "a million vertices into Blender, stored and made a mesh, over HTTP",
        VERTICES_MS,
        middle(&put),
        "ms",
    ));
    goals.push(Goal::at_most(
        "a million vertices out of Blender, read and fetched, over HTTP",
        VERTICES_MS,
        middle(&read),
        "ms",
    ));
    goals.extend(large(target)?);
    Ok((Vec::new(), goals))
}

fn vertices(run: usize) -> Vec<u8> {
    #[expect(clippy::cast_precision_loss, reason = "numbers to tell vertices apart")]
    let number = |at: usize| ((at * 7 + run) % 1_000_003) as f32 / 1024.0;
    (0..VERTICES * 3)
        .flat_map(|at| number(at).to_le_bytes())
        .collect()
}

fn create(target: &Target, bytes: &[u8], is_first: bool) -> Result<(), Fault> {
    let mut client = Client::new(target)?;
    let blob = client.put("/v1/blobs", bytes)?;
    let hash = blob["blob"]
        .as_str()
        .or(blob["$blob"].as_str())
        .ok_or("the store gave no hash")?;
    let vertices =
        json!({"$blob": hash, "bytes": bytes.len(), "dtype": "float32", "shape": [VERTICES, 3]});
    let goes = if is_first { "name" } else { "replace" };
    client.call(
        "mesh.create",
        &json!({goes: "Million", "vertices": vertices}),
    )?;
    Ok(())
}

fn fetch(target: &Target) -> Result<Vec<u8>, Fault> {
    let mut client = Client::new(target)?;
    let answer = client.call(
        "mesh.read",
        &json!({"name": "Million", "parts": ["vertices"]}),
    )?;
    let hash = answer["value"]["vertices"]["$blob"]
        .as_str()
        .ok_or("mesh.read gave no blob")?;
    client.bytes(&format!("/v1/blobs/{hash}"))
}

/// 5 MB of text in and out: time, and bytes over the connection.
fn large(target: &Target) -> Result<Vec<Goal>, Fault> {
    let code_in = format!("#{}\n1+1", "x".repeat(LARGE_BYTES));
    let code_out = format!("'x' * {LARGE_BYTES}");
    let mut goals = Vec::new();
    for (name, code) in [("in", code_in), ("out", code_out)] {
        let (mut took, mut client) = (Vec::new(), Client::new(target)?);
        let mut bytes = 0;
        for _ in 0..RUNS {
            let before = client.bytes_moved();
            let start = Instant::now();
            client.call("code.run", &json!({"code": code}))?;
            took.push(start.elapsed());
            bytes = client.bytes_moved() - before;
        }
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let ratio = bytes as f64 / LARGE_BYTES as f64;
        goals.push(Goal::at_most(
            format!("5 MB of text {name} over HTTP"),
            LARGE_MS,
            middle(&took),
            "ms",
        ));
        goals.push(Goal::at_most(
            format!("bytes over HTTP for each byte of 5 MB {name}"),
            BYTES_RATIO,
            ratio,
            "×",
        ));
    }
    Ok(goals)
}

fn middle(times: &[Duration]) -> f64 {
    median(times.iter().map(|time| time.as_secs_f64() * 1e3))
}
