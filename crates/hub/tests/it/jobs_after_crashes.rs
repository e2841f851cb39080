//! Jobs when something dies under them: the hub, the app, both. Nothing that was acknowledged is lost,
//! and nothing runs twice that may not.

use std::sync::Arc;
use std::time::Duration;

use hub::app::App;
use hub::callers::Caller;
use serde_json::json;
use testkit::{Dial, Ended as _, MemoryStore, TestHub, capped, job, succeeded, toy};
use wire::{CallRequest, CommandSpec, JobChange, JobStatus, Status};

fn apps() -> Vec<Arc<dyn App>> {
    vec![Arc::new(toy::Toy::default())]
}

/// May not run twice; `toy.echo`, a look, may.
fn make() -> CallRequest {
    job("toy.make", json!({"kind": "ball"}))
}

/// The number of a process that is no more.
fn a_dead_process() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[tokio::test]
async fn a_hub_that_is_killed_finds_its_jobs_again() {
    let old = TestHub::start_killable(apps()).await;
    let owner = Caller::owner();
    let mut bridge = Dial::new(&old).by_hand().await.unwrap();
    let running = old.try_job(&owner, make()).await.unwrap().id.clone();
    let waiting = old.try_job(&owner, make()).await.unwrap().id.clone();
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    let home = old.kill();
    capped("the end of the link", bridge.over(false)).await;
    bridge.end(&call.id, succeeded(json!("made"))).await;

    let new = TestHub::killable_in(home, apps()).await;
    let view = new.job_view(&running).await;
    assert!(matches!(
        view.status,
        JobStatus::Leased | JobStatus::Running
    ));
    assert!(view.why.unwrap().contains("waiting to hear from it"));
    bridge.redial(new.addr).await.unwrap();
    let view = new.until_job(&running, JobStatus::Succeeded).await;
    assert_eq!((view.value, view.attempt), (Some(json!("made")), 1));
    bridge.ack_of(&running).await;
    let call = bridge.next_call().await;
    assert_eq!(call.id, waiting);
    bridge.answer(&call.id, json!(2)).await;
    new.until_job(&waiting, JobStatus::Succeeded).await;
    assert_eq!(bridge.calls().len(), 2, "each came once");
}

#[tokio::test]
async fn what_its_own_process_does_not_know_never_started_and_is_queued_again() {
    let old = TestHub::start_killable(apps()).await;
    // The first call is never seen: the link breaks under it.
    let bridge = Dial::new(&old)
        .complete()
        .connect(|call| match call.id.as_str().contains('.') {
            true => testkit::Reply::Value(json!("made")),
            false => testkit::Reply::Drop,
        });
    let mut bridge = bridge.await.unwrap();
    let id = old
        .try_job(&Caller::owner(), make())
        .await
        .unwrap()
        .id
        .clone();
    bridge.next_call().await;
    capped("the link breaks", bridge.over(false)).await;
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    bridge.redial(new.addr).await.unwrap();
    assert_eq!(bridge.next_call().await.id.as_str(), format!("{id}.2"));
    let view = new.until_job(&id, JobStatus::Succeeded).await;
    assert_eq!((view.attempt, view.value), (2, Some(json!("made"))));
    assert_eq!(view.attempts.unwrap()[0].status, JobStatus::Interrupted);
}

#[tokio::test]
async fn of_a_process_that_may_have_forgotten_nobody_can_say() {
    let old = TestHub::start_killable(apps()).await;
    let owner = Caller::owner();
    let bridge = Dial::new(&old).connect(|_| testkit::Reply::Drop);
    let mut bridge = bridge.await.unwrap();
    let id = old.try_job(&owner, make()).await.unwrap().id.clone();
    bridge.next_call().await;
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    bridge.redial(new.addr).await.unwrap();
    new.until_job(&id, JobStatus::Interrupted).await;
}

#[tokio::test]
async fn when_hub_and_app_are_killed_only_what_may_run_twice_does() {
    let old = TestHub::start_killable(apps()).await;
    let owner = Caller::owner();
    let dead = a_dead_process();
    let mut bridges = Vec::new();
    for name in ["one", "two"] {
        bridges.push(
            Dial::new(&old)
                .name(name)
                .pid(dead)
                .by_hand()
                .await
                .unwrap(),
        );
    }
    let twice = old
        .try_job(&owner, job("toy.echo", json!({"data": 1})))
        .await
        .unwrap()
        .id
        .clone();
    let once = old.try_job(&owner, make()).await.unwrap().id.clone();
    for bridge in &mut bridges {
        let call = bridge.next_call().await;
        bridge.started(&call.id).await;
    }
    old.until_job(&once, JobStatus::Running).await;
    let home = old.kill();
    drop(bridges);

    let new = TestHub::killable_in(home, apps()).await;
    let view = new.until_job(&once, JobStatus::Interrupted).await;
    let problem = view.problem.unwrap();
    assert_eq!(problem.code.as_str(), "interrupted");
    assert!(problem.hint.unwrap().contains("may not be repeated"));
    let fresh = Dial::new(&new).echo().await.unwrap();
    let view = new.until_job(&twice, JobStatus::Succeeded).await;
    assert_eq!(view.attempt, 2);
    assert_eq!(fresh.calls().len(), 1);
    assert_eq!(fresh.calls()[0].id.as_str(), format!("{twice}.2"));
    // A person has looked, and has it run after all.
    let again = wire::JobChange {
        status: Some(JobStatus::Queued),
        ..wire::JobChange::default()
    };
    new.hub.change_job(&owner, &once, again).await.unwrap();
    new.until_job(&once, JobStatus::Succeeded).await;
}

#[tokio::test]
async fn a_process_that_dies_under_a_hub_that_lives_is_told_apart() {
    let hub = TestHub::start().await;
    let owner = Caller::owner();
    for (request, started, status) in [
        (make(), false, JobStatus::Succeeded),
        (make(), true, JobStatus::Interrupted),
        (job("toy.echo", json!({})), true, JobStatus::Succeeded),
    ] {
        let mut first = Dial::new(&hub).by_hand().await.unwrap();
        let job = hub.try_job(&owner, request).await.unwrap().id.clone();
        let call = first.next_call().await;
        if started {
            first.started(&call.id).await;
        }
        first.bye().await;
        let second = Dial::new(&hub).echo().await.unwrap();
        let view = hub.until_job(&job, status).await;
        let ran_again = u32::from(status == JobStatus::Succeeded);
        assert_eq!(view.attempt, 1 + ran_again);
        second.bye().await;
        let name = second.instance.clone();
        hub.wait_for("it is gone", |hub| {
            hub.instance(&name).is_err().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_job_that_ends_its_process_again_and_again_is_dead() {
    let hub = TestHub::start().await;
    let job = hub.job("toy.echo", json!({})).await;
    for _ in 0..hub::limits::JOB_CRASHES_MAX {
        let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
        let call = bridge.next_call().await;
        bridge.started(&call.id).await;
        bridge.bye().await;
    }
    let view = hub.until_job(&job.id, JobStatus::Dead).await;
    assert!(view.why.unwrap().contains("times while running it"));
    assert_eq!(hub.end_of(&job).await.code(), "interrupted");
    assert!(job.status() == Status::Interrupted);
}

#[tokio::test]
async fn what_waits_for_others_waits_for_them_also_after_a_restart() {
    let old = TestHub::start_killable(apps()).await;
    let owner = Caller::owner();
    let first = old.try_job(&owner, make()).await.unwrap().id.clone();
    let after = |id: &wire::CallId| CallRequest {
        after: vec![id.clone()],
        ..make()
    };
    let second = old.try_job(&owner, after(&first)).await.unwrap().id.clone();
    let paused = wire::job::QueueChange {
        app: "toy".into(),
        paused: Some(true),
        drain: None,
    };
    old.hub.change_queue(&owner, paused).await.unwrap();
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    let mut bridge = Dial::new(&new).by_hand().await.unwrap();
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty(), "the queue is still paused");
    let open = wire::job::QueueChange {
        app: "toy".into(),
        paused: Some(false),
        drain: None,
    };
    new.hub.change_queue(&owner, open).await.unwrap();
    assert_eq!(bridge.next_call().await.id, first);
    assert_eq!(
        new.job_view(&second).await.why.unwrap(),
        format!("waiting for {first}")
    );
    bridge.answer(&first, json!(1)).await;
    assert_eq!(bridge.next_call().await.id, second);
    bridge.answer(&second, json!(2)).await;
    new.until_job(&second, JobStatus::Succeeded).await;
}

#[tokio::test]
async fn a_hub_that_is_stopped_in_good_order_leaves_its_jobs_for_the_next() {
    let old = TestHub::start().await;
    let owner = Caller::owner();
    let mut bridge = Dial::new(&old).by_hand().await.unwrap();
    let running = old.try_job(&owner, make()).await.unwrap().id.clone();
    let waiting = old.try_job(&owner, make()).await.unwrap().id.clone();
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    old.until_job(&running, JobStatus::Running).await;
    let home = old.stop().await;
    bridge.end(&running, succeeded(json!(1))).await;
    let new = TestHub::killable_in(home, apps()).await;
    bridge.redial(new.addr).await.unwrap();
    new.until_job(&running, JobStatus::Succeeded).await;
    let call = bridge.next_call().await;
    assert_eq!(call.id, waiting);
    bridge.answer(&call.id, json!(1)).await;
    new.until_job(&waiting, JobStatus::Succeeded).await;
}

/// An app that only its bridge describes: when the bridge has left, nobody knows its commands.
fn lamp() -> CommandSpec {
    serde_json::from_value(json!({
        "name": "lamp.dim", "summary": "Dims the lamp.", "effect": "write",
        "args": {"type": "object", "properties": {}, "additionalProperties": false},
    }))
    .unwrap()
}

#[tokio::test]
async fn a_job_whose_instance_left_on_the_way_waits_for_the_next_one() {
    let hub = TestHub::start().await;
    let dial = || Dial::new(&hub).app("lamp").commands(vec![lamp()]);
    let first = dial().by_hand().await.unwrap();
    let store = MemoryStore::of(&hub.home());
    let wanted = CallRequest {
        app: "lamp".into(),
        not_before: Some("2099-01-01T00:00:00Z".to_owned()),
        ..job("lamp.dim", json!({}))
    };
    let waiting = hub.try_job(&Caller::owner(), wanted).await.unwrap();
    let now = JobChange {
        not_before: Some(String::new()),
        ..JobChange::default()
    };
    store.hold_writes();
    let owner = Caller::owner();
    let change = hub.hub.change_job(&owner, &waiting.id, now);
    let stored = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.let_through(1);
    };
    tokio::join!(change, stored).0.unwrap();
    hub.until_job(&waiting.id, JobStatus::Leased).await;
    // It takes its commands along while the disk has the hand-over.
    first.bye().await;
    hub.wait_for("its app is forgotten", |hub| {
        hub.commands(&"lamp".into()).is_err().then_some(())
    })
    .await;
    store.let_all_through();
    hub.until_job(&waiting.id, JobStatus::Queued).await;
    let mut second = dial().by_hand().await.unwrap();
    let got = second.next_call().await;
    second.answer(&got.id, json!("dim")).await;
    assert!(hub.end_of(&waiting).await.is(Status::Succeeded));
}
