//! Commands that the hub runs itself: the same walk, one outcome, and nothing that outlives it.

use std::sync::Arc;

use hub::app::App;
use hub::callers::Scope;
use serde_json::json;
use testkit::toy::{Behaviour, Toy, program_if_asked};
use testkit::{Dial, Ended as _, TestHub, caller, request};
use wire::{Code, InstanceState, Status};

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
    let (_, history) = hub.hub.history(&hub::journal::Wanted {
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
