//! Commands that the hub runs itself: the same walk, one outcome, and nothing that outlives it.

use std::sync::Arc;

use hub::app::App;
use hub::callers::Scope;
use serde_json::json;
use testkit::toy::{Behaviour, Toy, program_if_asked};
use testkit::{Dial, Ended as _, TestHub, caller, capped, job, request};
use wire::{Code, InstanceState, JobStatus, Status};

use crate::Ends;

/// Not a test: the program of the toys that this module's hubs launch.
#[test]
fn program() {
    program_if_asked();
}

async fn start_launching() -> TestHub {
    let toy: Arc<dyn App> = Arc::new(Toy::with_program("conducting::program", Behaviour::Serves));
    TestHub::start_with(vec![toy]).await
}

#[tokio::test]
async fn it_needs_no_instance_and_has_one_outcome() {
    let hub = TestHub::start().await;
    let mut ends = Ends::of(&hub);
    let view = hub.run("toy.tour", json!({"way": "answer"})).await;
    assert!(view.is(Status::Succeeded), "{view:?}");
    assert_eq!(
        view.value(),
        &json!({"args": {"way": "answer", "times": 1}, "caller": "owner"})
    );
    assert_eq!(view.instance.as_str(), "hub");
    let (_, history) = hub.hub.history(&hub::store::CallsWanted {
        limit: 10,
        ..Default::default()
    });
    assert_eq!(history.len(), 1, "it is in the journal");

    let failed = hub.run("toy.tour", json!({"way": "fail"})).await;
    assert_eq!(
        (failed.status, failed.code()),
        (Status::Failed, "not_found")
    );
    let broken = hub.run("toy.tour", json!({"way": "break"})).await;
    assert_eq!((broken.status, broken.code()), (Status::Failed, "internal"));
    assert_eq!(
        ends.take(),
        vec![view.call_id, failed.call_id, broken.call_id]
    );
}

#[tokio::test]
async fn it_goes_the_way_of_all_calls() {
    let hub = TestHub::start().await;
    let reader = caller("reader", &[Scope::Read], &[]);
    let wanted = || request("toy.tour", json!({"way": "answer"}));
    let refused = hub.try_ask(&reader, wanted()).err().unwrap();
    assert_eq!(refused.code, Code::FORBIDDEN);
    let asked = caller("asked", &[Scope::Write], &[Scope::Write]);
    let refused = hub.try_ask(&asked, wanted()).err().unwrap();
    assert_eq!(refused.code, Code::CONFIRMATION_REQUIRED);
    let mut wrong = wanted();
    wrong.args.insert("times".into(), json!("often"));
    let refused = hub.hub.ask(&hub::callers::Caller::owner(), wrong).err();
    assert_eq!(refused.unwrap().code, Code::ARGUMENTS_INVALID);
    let mut named = wanted();
    named.instance = Some("toy".into());
    let refused = hub.hub.ask(&hub::callers::Caller::owner(), named).err();
    assert_eq!(refused.unwrap().code, Code::ARGUMENTS_INVALID);
    let mut checked = wanted();
    checked.check_only = true;
    let hub::Asked::Checked(told) = hub
        .hub
        .ask(&hub::callers::Caller::owner(), checked)
        .unwrap()
    else {
        panic!("it was only to be checked")
    };
    assert_eq!(told.instance, vec!["hub".into()]);
}

#[tokio::test]
async fn it_is_cancelled_or_ends_at_its_limit() {
    let hub = TestHub::start().await;
    let call = hub.ask("toy.tour", json!({"way": "wait"}));
    let progress = hub.wait_for("progress", |_| call.stage().progress).await;
    assert_eq!(progress.details.unwrap()["miles"], 3);
    let other = caller("other", &[Scope::Write], &[]);
    assert_eq!(
        hub.hub.cancel(&other, &call.id).err().unwrap().code,
        Code::FORBIDDEN
    );
    hub.hub
        .cancel(&hub::callers::Caller::owner(), &call.id)
        .unwrap();
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "cancelled"));
    let outcome = view.outcome.unwrap();
    assert_eq!(outcome.output.logs[0].text, "it waits");

    let mut late = request("toy.tour", json!({"way": "wait"}));
    late.timeout_ms = Some(20);
    let call = hub
        .try_ask(&hub::callers::Caller::owner(), late)
        .expect("the hub takes it");
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::TimedOut, "timed_out"));
}

#[tokio::test]
async fn a_hub_that_stops_ends_it() {
    let hub = TestHub::start().await;
    let call = hub.ask("toy.tour", json!({"way": "wait"}));
    hub.started(&call).await;
    hub.hub.stop().await;
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "hub_stopping")
    );
}

#[tokio::test]
async fn calls_that_it_asks_are_its_children_and_in_its_callers_name() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let view = hub.run("toy.tour", json!({"way": "ask", "times": 2})).await;
    let children = view.value().as_array().cloned().unwrap_or_default();
    assert_eq!(children.len(), 2, "{view:?}");
    for child in children {
        assert_eq!(child["parent_id"], json!(view.call_id));
        assert_eq!(
            (&child["caller"], &child["status"]),
            (&json!("owner"), &json!("succeeded"))
        );
    }
}

#[tokio::test]
async fn scopes_are_looked_up_again_for_each_of_them() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let gone = caller("gone", &[Scope::Read, Scope::Write], &[]);
    let call = hub
        .try_ask(&gone, request("toy.tour", json!({"way": "ask"})))
        .unwrap();
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::Failed, "forbidden"));
}

#[tokio::test]
async fn its_instances_are_its_own_and_end_with_it() {
    let hub = start_launching().await;
    let view = hub.run("toy.tour", json!({"way": "start"})).await;
    assert!(view.is(Status::Succeeded), "{view:?}");
    let value = view.value();
    assert_eq!(value["first"]["instance"], "on-tour");
    assert_eq!(value["view"]["reserved_for"], "tour");
    assert_eq!(value["marked"], 1);
    assert!(hub.hub.instances().is_empty(), "it ended with the command");
    let longer = value["longer"].as_str().unwrap().into();
    let longer = hub.hub.call(&longer).unwrap();
    let longer = hub.end_of(&longer).await;
    assert!(!longer.is(Status::Succeeded), "{longer:?}");
}

#[tokio::test]
async fn nobody_is_given_an_instance_that_is_reserved() {
    let hub = start_launching().await;
    let mut watching = hub.hub.listen();
    let call = hub.ask("toy.tour", json!({"way": "start"}));
    // While it runs, a call without a name finds no instance, and does not get the tour's.
    loop {
        let event = watching.recv().await.unwrap();
        if let wire::Event::Instance { instance } = event
            && instance.state == InstanceState::Idle
        {
            break;
        }
    }
    let refused = hub.try_ask(
        &hub::callers::Caller::owner(),
        request("toy.echo", json!({})),
    );
    assert_eq!(refused.err().unwrap().code, Code::NO_INSTANCE);
    hub.end_of(&call).await;
}

#[tokio::test]
async fn as_a_job_it_outlives_the_hub_that_ran_it() {
    let apps = || -> Vec<Arc<dyn App>> { vec![Arc::new(Toy::default())] };
    let owner = hub::callers::Caller::owner();
    let old = TestHub::start_killable(apps()).await;
    let done = old.job("toy.tour", json!({"way": "answer"})).await;
    let view = old.until_job(&done.id, JobStatus::Succeeded).await;
    assert_eq!(view.value.unwrap()["args"]["way"], "answer");
    let once = old.job("toy.tour", json!({"way": "fail"})).await;
    let view = old.until_job(&once.id, JobStatus::Failed).await;
    assert_eq!(view.problem.unwrap().code, Code::NOT_FOUND);
    let waits = old.job("toy.tour", json!({"way": "wait"})).await;
    old.until_job(&waits.id, JobStatus::Running).await;
    let id = waits.id.clone();
    let home = old.kill();

    let new = TestHub::killable_in(home, apps()).await;
    // It may run twice, and does.
    let again = async {
        loop {
            let view = new.job_view(&id).await;
            if (view.status, view.attempt) == (JobStatus::Running, 2) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    capped("the second attempt", again).await;
    new.hub.cancel(&owner, &id).unwrap();
    let view = new.until_job(&id, JobStatus::Cancelled).await;
    assert_eq!(view.problem.unwrap().message, "The tour was broken off.");
}

#[tokio::test]
async fn a_job_that_a_stopping_hub_ends_is_queued_again_and_nothing_is_counted() {
    let apps = || -> Vec<Arc<dyn App>> { vec![Arc::new(Toy::default())] };
    let old = TestHub::start_killable(apps()).await;
    let waits = old.job("toy.tour", json!({"way": "wait"})).await;
    old.until_job(&waits.id, JobStatus::Running).await;
    let id = waits.id.clone();
    let home = old.stop().await;
    let new = TestHub::killable_in(home, apps()).await;
    new.until_job(&id, JobStatus::Running).await;
}

#[tokio::test]
async fn its_jobs_wait_for_no_instance_and_no_instance_is_given_one() {
    let hub = TestHub::start().await;
    let waits = hub.job("toy.tour", json!({"way": "wait"})).await;
    hub.until_job(&waits.id, JobStatus::Running).await;
    let next = hub.job("toy.tour", json!({"way": "answer"})).await;
    let view = hub.until_job(&next.id, JobStatus::Succeeded).await;
    assert_eq!(view.instance.unwrap().as_str(), "hub");
    // An instance gets its own jobs and nothing else.
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let echo = hub
        .try_job(&hub::callers::Caller::owner(), job("toy.echo", json!({})))
        .await
        .unwrap();
    let call = bridge.next_call().await;
    assert_eq!(call.command, "toy.echo");
    bridge.answer(&call.id, json!(1)).await;
    hub.until_job(&echo.id, JobStatus::Succeeded).await;
}
