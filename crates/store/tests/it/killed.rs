//! A process that writes is killed: what it had said is stored, is stored. The process is this test program itself,
//! told by the environment to write and to say what was acknowledged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use hub::store::{JobChange, JobStore as _, JobWrite, Parts};
use kapelle_store::Jobs;
use testkit::store_holds::job;
use wire::{Durability, JobStatus};

const FILE: &str = "KAPELLE_TEST_STORE";
/// Rounds of one file: each begins with what the last kill left.
const ROUNDS: u32 = 6;
/// Acknowledged writes that are waited for in each round.
const ACKNOWLEDGED: usize = 150;
/// Jobs that are written at the same time.
const AT_ONCE: u32 = 8;

/// The child's life: writes and says so, until it is killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let round = std::env::var("KAPELLE_TEST_ROUND").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let jobs = Arc::new(Jobs::open(&path).unwrap());
        let writers = (0..AT_ONCE).map(|writer| {
            let (jobs, round) = (Arc::clone(&jobs), round.clone());
            tokio::task::spawn_local(async move {
                for n in 0.. {
                    let id = format!("{round}-{writer}-{n}");
                    let durability = match (writer + n) % 2 {
                        0 => Durability::Fsync,
                        _ => Durability::Journal,
                    };
                    let insert = vec![JobWrite::Insert(Box::new(job(&id)))];
                    jobs.write(insert, durability).await.unwrap();
                    say(&format!("queued {id}"));
                    let mut lease = JobChange::of(&id.as_str().into());
                    lease.status = Some(JobStatus::Leased);
                    let write = vec![JobWrite::Change(Box::new(lease))];
                    jobs.write(write, durability).await.unwrap();
                    say(&format!("leased {id}"));
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "the parent reads it")]
/// On a line of its own, whatever the test harness prints.
fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "said: {text}").unwrap();
    out.flush().unwrap();
}

/// Gives what it acknowledged before it was killed.
fn write_and_be_killed(path: &Path, round: u32) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::child", "--exact", "--nocapture"])
        .env(FILE, path)
        .env("KAPELLE_TEST_ROUND", round.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = |line: std::io::Result<String>| {
        let line = line.ok()?;
        let (_, said) = line.split_once("said: ")?;
        Some(said.to_owned())
    };
    let mut acknowledged: Vec<String> =
        lines.by_ref().filter_map(said).take(ACKNOWLEDGED).collect();
    assert_eq!(acknowledged.len(), ACKNOWLEDGED, "the child writes");
    // SIGKILL: nothing of it runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before the kill and nobody had read yet; the last line may be a half one.
    let whole = lines
        .filter_map(said)
        .filter(|text| text.matches('-').count() == 2);
    acknowledged.extend(whole);
    acknowledged.pop();
    acknowledged
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_by_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(write_and_be_killed(&path, round));
        let jobs = Jobs::open(&path).unwrap();
        for said in &acknowledged {
            let (status, id) = said.split_once(' ').unwrap();
            let stored = jobs.job(&id.into(), Parts::ALL).await.unwrap();
            let stored = stored.unwrap_or_else(|| panic!("{said} is lost in round {round}"));
            let leased = stored.status == JobStatus::Leased;
            assert!(
                leased || status == "queued",
                "{said} is {:?}",
                stored.status
            );
            assert_eq!(stored.args, job(id).args);
        }
        let counts = jobs.counts(None).await.unwrap();
        let open = jobs.open_jobs().unwrap().len() as u64;
        assert_eq!(counts.values().sum::<u64>(), open, "counts and rows agree");
    }
}
