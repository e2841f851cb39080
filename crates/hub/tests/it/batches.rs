//! Several calls as one: all are allowed before the first runs, in their order, with one group.

use hub::callers::{Caller, Scope};
use serde_json::json;
use testkit::{Dial, Reply, TestHub, caller, request};
use wire::batch::{BatchOutcome, BatchStatus, OnError};
use wire::call::Wait;
use wire::{BatchRequest, CallRequest, Code, Durability, Problem, Status};

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
    batch.view(&hub.hub)
}

fn statuses(view: &wire::BatchView) -> Vec<Status> {
    let status = |outcome: &BatchOutcome| match outcome {
        BatchOutcome::Call(call) => call.status,
        BatchOutcome::Refused { problem } => panic!("{problem}"),
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
    let asks = caller(
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
    assert_eq!(batch.view(&hub.hub).status, BatchStatus::Succeeded);
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
    assert_eq!(statuses(&started.view(&hub.hub)), [Status::Queued; 3]);
    let bridge = Dial::new(&hub).connect(failing_at(1)).await.unwrap();
    testkit::capped("its end", started.ended(None)).await;
    let view = started.view(&hub.hub);
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
