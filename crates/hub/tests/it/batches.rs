//! Several calls as one: all are allowed before the first runs, in their order, with one group.

use std::sync::Arc;

use hub::app::App;
use hub::callers::{Caller, Scope};
use serde_json::json;
use testkit::toy::Toy;
use testkit::{Dial, Reply, TestHub, caller, request};
use wire::batch::{BatchOutcome, BatchStatus, OnError};
use wire::call::Wait;
use wire::{BatchRequest, CallId, CallRequest, Code, Durability, JobStatus, Problem, Status};

fn batch(calls: Vec<CallRequest>, on_error: OnError) -> BatchRequest {
    BatchRequest {
        calls,
        on_error,
        wait: Wait::default(),
        durable: None,
    }
}

fn echo(n: u64) -> CallRequest {
    request("toy.echo", json!({"data": n}))
}

async fn run(hub: &TestHub, request: BatchRequest) -> wire::BatchView {
    let batch = hub.hub.batch(&Caller::owner(), request).await.unwrap();
    testkit::capped("the end of a batch", batch.ended(None)).await;
    batch.view(&hub.hub, &Caller::owner())
}

fn statuses(view: &wire::BatchView) -> Vec<Status> {
    let status = |outcome: &BatchOutcome| match outcome {
        BatchOutcome::Call(call) => call.status,
        other => panic!("{other:?}"),
    };
    view.outcomes.iter().map(status).collect()
}

fn failing_at(n: u64) -> impl Fn(&wire::link::CallMessage) -> Reply + Send + Sync {
    move |call| match call.args["data"].as_u64() == Some(n) {
        true => Reply::Raise(Problem::new(Code::CALL_FAILED, "no")),
        false => Reply::Value(json!(null)),
    }
}

#[tokio::test]
async fn it_runs_in_order_and_stops_at_an_error_or_carries_on() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).connect(failing_at(1)).await.unwrap();
    let all = || vec![echo(0), echo(1), echo(2)];
    let view = run(&hub, batch(all(), OnError::Stop)).await;
    assert_eq!(view.status, BatchStatus::Failed);
    assert_eq!(statuses(&view), [Status::Succeeded, Status::Failed]);
    assert_eq!(view.not_run, 1);
    let view = run(&hub, batch(all(), OnError::Continue)).await;
    assert_eq!(
        statuses(&view),
        [Status::Succeeded, Status::Failed, Status::Succeeded]
    );
    let view = run(&hub, batch(vec![echo(5)], OnError::Stop)).await;
    assert_eq!((view.status, view.not_run), (BatchStatus::Succeeded, 0));
    let groups: Vec<_> = bridge.calls()[..2]
        .iter()
        .map(|call| call.group.clone().unwrap())
        .collect();
    assert_eq!(groups[0].id, groups[1].id);
    assert!(groups.iter().all(|group| group.stop && !group.last));
    assert!(bridge.calls()[4].group.as_ref().unwrap().last);
}

#[tokio::test]
async fn nothing_runs_when_one_of_them_is_wrong_or_a_person_must_be_asked() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let wrong = batch(
        vec![echo(0), request("toy.nothing", json!({}))],
        OnError::Stop,
    );
    let problem = hub.hub.batch(&Caller::owner(), wrong).await.err().unwrap();
    assert_eq!(
        (problem.code.as_str(), &problem.details["call"]),
        ("command_unknown", &json!(1))
    );
    let asks = hub.token(
        "agent",
        &[Scope::Read, Scope::Destructive],
        &[Scope::Destructive],
    );
    let delete = |name: &str| request("toy.delete", json!({ "name": name }));
    let calls = vec![delete("a"), echo(1), delete("b")];
    let problem = hub
        .hub
        .batch(&asks, batch(calls.clone(), OnError::Stop))
        .await
        .err()
        .unwrap();
    assert_eq!(problem.code, Code::CONFIRMATION_REQUIRED);
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    let mut confirmed = calls;
    for one in problem.details["confirms"].as_array().unwrap() {
        let at = one["call"].as_u64().unwrap() as usize;
        confirmed[at].confirm = one["confirm"].as_str().map(str::to_owned);
    }
    let batch = hub
        .hub
        .batch(&asks, batch(confirmed, OnError::Stop))
        .await
        .unwrap();
    testkit::capped("its end", batch.ended(None)).await;
    assert_eq!(batch.view(&hub.hub, &asks).status, BatchStatus::Succeeded);
}

#[tokio::test]
async fn as_jobs_they_are_stored_together_and_each_waits_for_the_one_before() {
    let hub = TestHub::start().await;
    let durable = BatchRequest {
        durable: Some(Durability::Fsync),
        ..batch(vec![echo(0), echo(1), echo(2)], OnError::Stop)
    };
    let started = hub
        .hub
        .batch(&Caller::owner(), durable.clone())
        .await
        .unwrap();
    assert_eq!(
        statuses(&started.view(&hub.hub, &Caller::owner())),
        [Status::Queued; 3]
    );
    let bridge = Dial::new(&hub).connect(failing_at(1)).await.unwrap();
    testkit::capped("its end", started.ended(None)).await;
    let view = started.view(&hub.hub, &Caller::owner());
    assert_eq!(
        statuses(&view),
        [Status::Succeeded, Status::Failed, Status::Cancelled]
    );
    assert_eq!(bridge.calls().len(), 2);
    let on = BatchRequest {
        on_error: OnError::Continue,
        ..durable
    };
    let view = run(&hub, on).await;
    assert_eq!(
        statuses(&view),
        [Status::Succeeded, Status::Failed, Status::Succeeded]
    );
}

fn keyed(n: u64, key: &str) -> CallRequest {
    CallRequest {
        idempotency_key: Some(key.to_owned()),
        ..echo(n)
    }
}

fn durable(calls: Vec<CallRequest>, on_error: OnError) -> BatchRequest {
    BatchRequest {
        durable: Some(Durability::Fsync),
        ..batch(calls, on_error)
    }
}

fn ids(view: &wire::BatchView) -> Vec<CallId> {
    let id = |outcome: &BatchOutcome| match outcome {
        BatchOutcome::Call(call) => call.call_id.clone(),
        other => panic!("{other:?}"),
    };
    view.outcomes.iter().map(id).collect()
}

#[tokio::test]
async fn a_batch_that_is_sent_again_stores_nothing_twice() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).connect(failing_at(3)).await.unwrap();
    let calls = || vec![keyed(0, "a"), keyed(1, "b")];
    let first = run(&hub, durable(calls(), OnError::Stop)).await;
    let again = run(&hub, durable(calls(), OnError::Stop)).await;
    assert_eq!(again.status, BatchStatus::Succeeded);
    assert_eq!(ids(&again), ids(&first));
    assert_ne!(again.batch_id, first.batch_id);
    // What is new comes after what was there.
    let longer = vec![keyed(0, "a"), echo(2), keyed(3, "c"), keyed(4, "d")];
    let longer = run(&hub, durable(longer, OnError::Stop)).await;
    assert_eq!(ids(&longer)[0], ids(&first)[0]);
    assert_eq!(
        statuses(&longer),
        [
            Status::Succeeded,
            Status::Succeeded,
            Status::Failed,
            Status::Cancelled
        ]
    );
    assert_eq!(bridge.calls().len(), 4);
    let refused = |request: BatchRequest| async {
        let problem = hub.hub.batch(&Caller::owner(), request).await.err();
        problem.expect("it is refused")
    };
    let other = refused(durable(vec![keyed(7, "a"), echo(8)], OnError::Stop)).await;
    assert_eq!(
        (other.code, &other.details["call"]),
        (Code::JOB_KEY_TAKEN, &json!(0))
    );
    let after_failed = vec![keyed(3, "c"), echo(5)];
    let problem = refused(durable(after_failed.clone(), OnError::Stop)).await;
    assert_eq!(
        (problem.code, &problem.details["call"]),
        (Code::ARGUMENTS_INVALID, &json!(1))
    );
    assert!(problem.hint.unwrap().contains("on_error"));
    let on = run(&hub, durable(after_failed, OnError::Continue)).await;
    assert_eq!(statuses(&on), [Status::Failed, Status::Succeeded]);
    let twice = refused(durable(vec![keyed(0, "a"), keyed(0, "a")], OnError::Stop)).await;
    assert!(twice.message.contains("`a`"), "{twice}");
    let no_jobs = refused(batch(vec![keyed(0, "a")], OnError::Stop)).await;
    assert!(no_jobs.hint.unwrap().contains("durable"));
}

#[tokio::test]
async fn a_batch_is_known_by_its_id_step_by_step() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let owner = Caller::owner();
    let calls = || vec![echo(0), echo(1), echo(2)];
    let started = hub.hub.batch(&owner, batch(calls(), OnError::Stop)).await;
    let started = started.unwrap();
    let first = bridge.next_call().await;
    let view = hub.hub.batch_view(&owner, &started.id).await.unwrap();
    assert_eq!((view.status, view.waiting), (BatchStatus::Running, 2));
    assert_eq!(view.outcomes.len(), 1);
    bridge.answer(&first.id, json!(7)).await;
    let second = bridge.next_call().await;
    bridge.started(&second.id).await;
    let no = Problem::new(Code::CALL_FAILED, "no");
    let failed = testkit::outcome("failed", json!(null), Some(&no));
    bridge.end(&second.id, failed).await;
    testkit::capped("its end", started.ended(None)).await;
    let view = hub.hub.batch_view(&owner, &started.id).await.unwrap();
    assert_eq!(statuses(&view), [Status::Succeeded, Status::Failed]);
    assert_eq!((view.waiting, view.not_run), (0, 1));
    let stranger = caller("stranger", &[], &[]);
    let problem = hub.hub.batch_view(&stranger, &started.id).await.err();
    assert_eq!(problem.unwrap().code, Code::FORBIDDEN);
    let unknown = hub.hub.batch_view(&owner, "batch_none").await.err();
    assert_eq!(unknown.unwrap().code, Code::BATCH_UNKNOWN);
}

#[tokio::test]
async fn a_batch_of_jobs_outlives_the_hub() {
    let hub = TestHub::start_killable(vec![Arc::new(Toy::default())]).await;
    let owner = Caller::owner();
    let calls = vec![echo(0), echo(1)];
    let started = hub.hub.batch(&owner, durable(calls, OnError::Stop)).await;
    let id = started.unwrap().id;
    let home = hub.kill();
    let apps: Vec<Arc<dyn App>> = vec![Arc::new(Toy::default())];
    let hub = TestHub::killable_in(home, apps).await;
    let view = hub.hub.batch_view(&owner, &id).await.unwrap();
    assert_eq!(
        (view.status, statuses(&view)),
        (BatchStatus::Running, vec![Status::Queued; 2])
    );
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    for job in ids(&view) {
        hub.until_job(&job, JobStatus::Succeeded).await;
    }
    let view = hub.hub.batch_view(&owner, &id).await.unwrap();
    assert_eq!(view.status, BatchStatus::Succeeded);
    hub.hub.purge_history(&owner, None).await.unwrap();
    let gone = hub.hub.batch_view(&owner, &id).await.err().unwrap();
    assert_eq!(gone.code, Code::BATCH_UNKNOWN);
}
