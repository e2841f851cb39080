//! What runs is what the record of a job says: edits, releases, retries, cancels and hand-overs in any order, on a disk
//! that takes its time and sometimes takes nothing.

use std::collections::HashMap;
use std::time::Duration;

use hub::callers::Caller;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{Dial, FakeBridge, MemoryStore, TestHub, job};
use tokio::task::JoinHandle;
use wire::{CallId, CallRequest, Code, JobChange, JobStatus, JobView, Problem};

const FAR: &str = "2099-01-01T00:00:00Z";

type Changing = JoinHandle<Result<JobView, Problem>>;

fn change(hub: &TestHub, id: &CallId, change: Value) -> Changing {
    let (hub, id) = (hub.hub.clone(), id.clone());
    let change: JobChange = serde_json::from_value(change).unwrap();
    tokio::spawn(async move { hub.change_job(&Caller::owner(), &id, change).await })
}

/// A job that waits for a time that never comes.
async fn far_off(hub: &TestHub, n: u64) -> CallId {
    let request = CallRequest {
        not_before: Some(FAR.to_owned()),
        ..job("toy.echo", json!({"data": n}))
    };
    let stored = hub.try_job(&Caller::owner(), request).await.unwrap();
    stored.id.clone()
}

/// What a bridge was given for a job, in the order of its attempts.
fn given(bridge: &FakeBridge, id: &CallId) -> Vec<u64> {
    let calls = bridge.calls();
    let of_job = |call: &&wire::link::CallMessage| call.id.as_str().starts_with(id.as_str());
    let data = |call: &wire::link::CallMessage| call.args["data"].as_u64().unwrap_or_default();
    calls.iter().filter(of_job).map(data).collect()
}

/// Lets everything that can go on go on.
async fn settle() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test]
async fn an_edit_is_stored_before_an_instance_can_get_the_job() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    for edit in [
        json!({"args": {"data": 2}, "not_before": ""}),
        json!({"args": {"data": 2}, "not_before": "", "priority": 9, "place": "first"}),
        json!({"args": {"data": 2}, "paused": false, "not_before": "", "labels": {"a": "b"}}),
    ] {
        let id = far_off(&hub, 1).await;
        store.hold_writes();
        let edited = change(&hub, &id, edit);
        settle().await;
        bridge.round_trip().await;
        assert!(
            given(&bridge, &id).is_empty(),
            "nothing runs before the disk has it"
        );
        store.let_all_through();
        edited.await.unwrap().unwrap();
        hub.until_job(&id, JobStatus::Succeeded).await;
        assert_eq!(given(&bridge, &id), [2]);
        assert_eq!(hub.job_view(&id).await.args.unwrap()["data"], 2);
    }
}

#[tokio::test]
async fn edits_in_two_steps_run_with_the_last() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let id = far_off(&hub, 1).await;
    store.hold_writes();
    let first = change(&hub, &id, json!({"args": {"data": 2}}));
    settle().await;
    let second = change(&hub, &id, json!({"not_before": ""}));
    settle().await;
    store.let_all_through();
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    hub.until_job(&id, JobStatus::Succeeded).await;
    assert_eq!(given(&bridge, &id), [2]);
}

#[tokio::test]
async fn an_edit_that_cannot_be_stored_changes_nothing() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let id = far_off(&hub, 1).await;
    store.fail_writes(Some(Problem::new(Code::DISK_FULL, "full")));
    let wanted =
        json!({"args": {"data": 2}, "not_before": "", "priority": 9, "labels": {"a": "b"}});
    let refused = change(&hub, &id, wanted).await.unwrap().unwrap_err();
    assert_eq!(refused.code, Code::DISK_FULL);
    store.fail_writes(None);
    bridge.round_trip().await;
    let told = hub.job_view(&id).await;
    assert_eq!((told.status, told.priority), (JobStatus::Queued, 5));
    assert!(told.not_before.is_some() && told.labels.is_empty());
    assert!(given(&bridge, &id).is_empty());
    change(&hub, &id, json!({"not_before": ""}))
        .await
        .unwrap()
        .unwrap();
    hub.until_job(&id, JobStatus::Succeeded).await;
    assert_eq!(given(&bridge, &id), [1], "it runs as it was");
}

#[tokio::test]
async fn an_ended_job_is_tried_again_once_however_many_ask() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let ended = hub.job("toy.echo", json!({"data": 1})).await;
    hub.end_of(&ended).await;
    store.hold_writes();
    let asked: Vec<Changing> = (2..6)
        .map(|n| {
            change(
                &hub,
                &ended.id,
                json!({"status": "queued", "args": {"data": n}}),
            )
        })
        .collect();
    settle().await;
    store.let_all_through();
    let mut taken = 0;
    for one in asked {
        taken += usize::from(one.await.unwrap().is_ok());
    }
    hub.until_job(&ended.id, JobStatus::Succeeded).await;
    let runs = given(&bridge, &ended.id);
    assert_eq!(runs.len(), 1 + taken, "{runs:?}");
    let told = hub.job_view(&ended.id).await;
    assert_eq!(told.args.unwrap()["data"], *runs.last().unwrap());
}

#[tokio::test]
async fn who_asks_for_a_retry_and_leaves_leaves_no_job_that_never_runs() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let ended = hub.job("toy.echo", json!({"data": 1})).await;
    hub.end_of(&ended).await;
    store.hold_writes();
    let asked = change(
        &hub,
        &ended.id,
        json!({"status": "queued", "args": {"data": 2}}),
    );
    settle().await;
    asked.abort();
    settle().await;
    store.let_all_through();
    hub.wait_for("it runs again", |_| {
        (given(&bridge, &ended.id) == [1, 2]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_edit_does_not_bring_back_a_job_that_is_on_its_way_out() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let id = far_off(&hub, 1).await;
    store.hold_writes();
    let edited = change(&hub, &id, json!({"args": {"data": 2}, "not_before": ""}));
    settle().await;
    hub.hub.cancel(&Caller::owner(), &id).unwrap();
    let late = change(&hub, &id, json!({"not_before": ""}));
    settle().await;
    store.let_all_through();
    assert_eq!(edited.await.unwrap().unwrap_err().code, Code::JOB_NOT_OPEN);
    assert_eq!(late.await.unwrap().unwrap_err().code, Code::JOB_NOT_OPEN);
    hub.until_job(&id, JobStatus::Cancelled).await;
    bridge.round_trip().await;
    assert!(given(&bridge, &id).is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Edit(usize, bool),
    Release(usize),
    Hold(usize),
    Labels(usize),
    Retry(usize, bool),
    Cancel(usize),
    First(usize),
    LetThrough(usize),
    FailNext,
    Wait,
}

const JOBS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..JOBS, any::<bool>()).prop_map(|(at, releases)| Step::Edit(at, releases)),
        2 => (0..JOBS).prop_map(Step::Release),
        1 => (0..JOBS).prop_map(Step::Hold),
        1 => (0..JOBS).prop_map(Step::Labels),
        3 => (0..JOBS, any::<bool>()).prop_map(|(at, anew)| Step::Retry(at, anew)),
        1 => (0..JOBS).prop_map(Step::Cancel),
        1 => (0..JOBS).prop_map(Step::First),
        4 => (1..5usize).prop_map(Step::LetThrough),
        1 => Just(Step::FailNext),
        2 => Just(Step::Wait),
    ]
}

/// Which arguments each attempt had to run with: those that were stored when it was leased.
fn leased(store: &MemoryStore) -> HashMap<(CallId, u32), u64> {
    let (mut args, mut leased) = (HashMap::new(), HashMap::new());
    for (write, _) in store.written() {
        match write {
            hub::store::JobWrite::Insert(job) => {
                args.insert(job.id.clone(), job.args.unwrap()["data"].as_u64().unwrap());
            }
            hub::store::JobWrite::Change(change) => {
                if let Some(new) = &change.args {
                    args.insert(change.id.clone(), new["data"].as_u64().unwrap());
                }
                if change.status == Some(JobStatus::Leased) {
                    let number = change.attempt.unwrap();
                    leased.insert((change.id.clone(), number), args[&change.id]);
                }
            }
            _ => {}
        }
    }
    leased
}

async fn walk(steps: Vec<Step>) {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let mut ids = Vec::new();
    for n in 0..JOBS {
        ids.push(far_off(&hub, n as u64).await);
    }
    store.hold_writes();
    let (mut next, mut asked) = (100, Vec::new());
    for step in steps {
        let mut ask =
            |at: usize, wanted: Value| asked.push((wanted.clone(), change(&hub, &ids[at], wanted)));
        next += 1;
        match step {
            Step::Edit(at, true) => ask(at, json!({"args": {"data": next}, "not_before": ""})),
            Step::Edit(at, false) => ask(at, json!({"args": {"data": next}})),
            Step::Release(at) => ask(at, json!({"not_before": "", "paused": false})),
            Step::Hold(at) => ask(at, json!({"paused": true})),
            Step::Labels(at) => ask(at, json!({"labels": {"n": next.to_string()}})),
            Step::Retry(at, true) => ask(at, json!({"status": "queued", "args": {"data": next}})),
            Step::Retry(at, false) => ask(at, json!({"status": "queued"})),
            Step::Cancel(at) => drop(hub.hub.cancel(&Caller::owner(), &ids[at])),
            Step::First(at) => ask(at, json!({"place": "first"})),
            Step::LetThrough(count) => store.let_through(count),
            Step::FailNext => {
                store.fail_writes(Some(Problem::new(Code::DISK_FULL, "full")));
                store.let_through(1);
                store.fail_writes(None);
            }
            Step::Wait => settle().await,
        }
        tokio::task::yield_now().await;
    }
    store.let_all_through();
    let mut refused = Vec::new();
    for (wanted, asked) in asked {
        let answer = asked.await.unwrap();
        if answer.is_err_and(|problem| problem.code == Code::DISK_FULL) {
            refused.extend(wanted["args"]["data"].as_u64());
        }
    }
    let is_still = |job: &JobView| {
        job.status.is_end()
            || (job.status == JobStatus::Queued && (job.paused || job.not_before.is_some()))
    };
    for id in &ids {
        while !is_still(&hub.job_view(id).await) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let leased = leased(&store);
    for call in bridge.calls() {
        let (id, number) = match call.id.as_str().rsplit_once('.') {
            Some((id, number)) => (CallId::new(id), number.parse().unwrap()),
            None => (call.id.clone(), 1),
        };
        let ran = call.args["data"].as_u64().unwrap();
        assert_eq!(
            ran,
            leased[&(id, number)],
            "{} ran with other arguments than its record had",
            call.id
        );
        assert!(!refused.contains(&ran), "{ran} was refused and ran");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_runs_is_what_the_record_says(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(testkit::capped("the steps end", walk(steps)));
    }
}
