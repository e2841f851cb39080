//! Jobs beside calls that never leave a lane alone: they get their turn, and the calls keep theirs.

use std::time::Duration;

use hub::limits;
use serde_json::json;
use testkit::{Dial, FakeBridge, TestHub};
use tokio::time::Instant;
use wire::{CallId, JobStatus};

/// Between two looks, and how long each call takes.
const STEP: Duration = Duration::from_secs(5);

/// A lane that always has one call that runs and one that waits.
struct Crowded {
    hub: TestHub,
    bridge: FakeBridge,
    /// Handed over and not answered, in their order.
    open: Vec<CallId>,
}

impl Crowded {
    async fn new() -> Self {
        let hub = TestHub::start().await;
        let bridge = Dial::new(&hub).by_hand().await.unwrap();
        let mut crowded = Self {
            hub,
            bridge,
            open: Vec::new(),
        };
        crowded.ask();
        crowded
    }

    fn ask(&mut self) {
        let _call = self.hub.ask("toy.echo", json!({"data": "call"}));
    }

    /// Calls go on until a job was handed over; gives it and when that was.
    async fn until_job(&mut self) -> (CallId, Instant) {
        loop {
            self.ask();
            let next = self.bridge.next_call().await;
            if next.args["data"] == "job" {
                return (next.id, Instant::now());
            }
            self.open.push(next.id);
            tokio::time::advance(STEP).await;
            self.bridge.round_trip().await;
            while self.open.len() > 1 {
                let first = self.open.remove(0);
                self.bridge.answer(&first, json!(1)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_job_gets_its_turn_and_the_calls_keep_their_share() {
    let mut crowded = Crowded::new().await;
    tokio::time::pause();
    let first = crowded.hub.job("toy.echo", json!({"data": "job"})).await;
    let asked = Instant::now();
    let (id, came) = crowded.until_job().await;
    assert_eq!(id, first.id);
    let waited = came - asked;
    let bound = limits::JOB_TURN_AFTER + 2 * STEP;
    assert!(
        waited >= limits::JOB_TURN_AFTER - STEP && waited <= bound,
        "{waited:?}"
    );
    let second = crowded.hub.job("toy.echo", json!({"data": "job"})).await;
    let ran = 4 * STEP;
    crowded.bridge.started(&id).await;
    crowded.hub.until_job(&id, JobStatus::Running).await;
    tokio::time::advance(ran).await;
    crowded.bridge.end(&id, testkit::succeeded(json!(1))).await;
    crowded.hub.until_job(&id, JobStatus::Succeeded).await;
    let ended = Instant::now();
    let (id, came) = crowded.until_job().await;
    assert_eq!(id, second.id);
    let waited = came - ended;
    let share = ran * limits::JOB_TURN_SHARE;
    assert!(
        waited >= share - STEP && waited <= share + 3 * STEP,
        "{waited:?}"
    );
}
