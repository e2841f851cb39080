//! Links that are lost and come back: names, calls, what is sent again (only what never arrived).

use std::collections::HashSet;

use hub::callers::Caller;
use serde_json::json;
use testkit::{Dial, Ended as _, FakeBridge, TestHub, request, succeeded};
use wire::{InstanceState, Status};

fn sent_twice(bridge: &FakeBridge) -> bool {
    let calls = bridge.calls();
    let ids: HashSet<_> = calls.iter().map(|call| &call.id).collect();
    ids.len() != calls.len()
}

#[tokio::test]
async fn a_bridge_that_is_back_keeps_name_order_and_calls() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).name("stage").by_hand().await.unwrap();
    assert_eq!(bridge.instance.as_str(), "stage");
    let calls: Vec<_> = (0..hub::limits::LANE_WINDOW + 4)
        .map(|n| hub.ask("toy.echo", json!({"data": n})))
        .collect();
    bridge.round_trip().await;
    bridge.started(&calls[0].id).await;
    hub.started(&calls[0]).await;
    bridge.drop_link().await;
    hub.until_state(&bridge.instance, InstanceState::Disconnected)
        .await;
    // It ends while there is no link, and one more is asked.
    bridge
        .end(&calls[0].id, succeeded(json!("meanwhile")))
        .await;
    let last = hub.ask("toy.echo", json!({"data": "last"}));

    bridge.redial(hub.addr).await.unwrap();
    assert_eq!(bridge.instance.as_str(), "stage");
    assert_eq!(hub.end_of(&calls[0]).await.value(), &json!("meanwhile"));
    for call in calls[1..].iter().chain([&last]) {
        let next = loop {
            let next = bridge.next_call().await;
            if next.id != calls[0].id {
                break next;
            }
        };
        assert_eq!(next.id, call.id, "the order is kept");
        bridge.answer(&next.id, json!(next.args)).await;
        assert!(hub.end_of(call).await.is(Status::Succeeded));
    }
    assert!(!sent_twice(&bridge));
    assert_eq!(hub.hub.instances().len(), 1);
}

#[tokio::test]
async fn a_call_that_the_bridge_has_forgotten_is_interrupted() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let (lost, kept) = (
        hub.ask("toy.echo", json!({})),
        hub.ask("toy.echo", json!({})),
    );
    bridge.round_trip().await;
    bridge.forget(std::slice::from_ref(&lost.id));
    bridge.redial(hub.addr).await.unwrap();
    let view = hub.end_of(&lost).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "interrupted")
    );
    assert!(
        view.outcome
            .unwrap()
            .problem
            .as_ref()
            .unwrap()
            .message
            .contains("no longer knows")
    );
    bridge.answer(&kept.id, json!(1)).await;
    assert!(hub.end_of(&kept).await.is(Status::Succeeded));
    assert!(!sent_twice(&bridge));
}

#[tokio::test]
async fn a_call_that_has_not_arrived_is_handed_over_anew() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).complete().by_hand().await.unwrap();
    let calls: Vec<_> = (0..4)
        .map(|n| hub.ask("toy.echo", json!({"data": n})))
        .collect();
    bridge.round_trip().await;
    bridge.started(&calls[0].id).await;
    hub.started(&calls[0]).await;
    // The first is lost in its run, the second is known, the others never came; the last is not wanted.
    bridge.forget(std::slice::from_ref(&calls[0].id));
    bridge.never_got(&[2, 3].map(|n: usize| calls[n].id.clone()));
    bridge.drop_link().await;
    hub.hub.cancel(&Caller::owner(), &calls[3].id).unwrap();
    bridge.redial(hub.addr).await.unwrap();
    assert!(hub.end_of(&calls[0]).await.is(Status::Interrupted));
    assert!(hub.end_of(&calls[3]).await.is(Status::Cancelled));
    for n in [1, 2] {
        bridge.answer(&calls[n].id, json!(n)).await;
        assert_eq!(hub.end_of(&calls[n]).await.value(), &json!(n));
    }
    let sent: Vec<_> = bridge.calls().into_iter().map(|call| call.id).collect();
    let arrived: Vec<_> = calls[..3].iter().map(|call| call.id.clone()).collect();
    assert_eq!(sent, arrived, "each once, in their order");
}

/// A call whose frame breaks the link whenever it comes must not break it for ever.
#[tokio::test]
async fn a_call_that_never_arrives_is_given_up() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).complete().by_hand().await.unwrap();
    let (bad, good) = (
        hub.ask("toy.echo", json!({})),
        hub.ask("toy.echo", json!({})),
    );
    for round in 0..hub::limits::MISSED_MAX {
        assert!(
            !hub.hub.view(&bad).status.is_end(),
            "given up after {round}"
        );
        bridge.round_trip().await;
        bridge.never_got(&[bad.id.clone(), good.id.clone()]);
        bridge.redial(hub.addr).await.unwrap();
    }
    let end = hub.end_of(&bad).await;
    let problem = end.outcome.as_ref().unwrap().problem.as_ref().unwrap();
    assert_eq!((end.status, problem.retryable), (Status::Interrupted, true));
    assert!(problem.message.contains("has not run"), "{problem:?}");
    bridge.answer(&good.id, json!(1)).await;
    assert!(hub.end_of(&good).await.is(Status::Succeeded));
}

#[tokio::test]
async fn a_start_that_was_not_heard_is_learnt_when_the_link_is_back() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    let id = bridge.next_call().await.id;
    bridge.drop_link().await;
    bridge.started(&id).await;
    bridge.redial(hub.addr).await.unwrap();
    hub.started(&call).await;
    assert_eq!(
        hub.hub.instance(&bridge.instance).unwrap().state,
        InstanceState::Busy
    );
    bridge.end(&id, succeeded(json!(1))).await;
    assert!(hub.end_of(&call).await.is(Status::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_does_not_run_later() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let (running, waiting) = (
        hub.ask("toy.echo", json!({})),
        hub.ask("toy.echo", json!({})),
    );
    bridge.round_trip().await;
    bridge.started(&running.id).await;
    bridge.drop_link().await;
    assert!(hub.end_of(&running).await.is(Status::Interrupted));
    assert!(hub.end_of(&waiting).await.is(Status::Interrupted));
    let refused = hub
        .hub
        .ask(&Caller::owner(), request("toy.echo", json!({})));
    assert_eq!(refused.err().unwrap().code, wire::Code::NO_INSTANCE);
    bridge.redial(hub.addr).await.unwrap();
    bridge.cancel_of(&waiting.id).await;
    // The late outcome of the other is taken off the bridge's hands; its end stands.
    bridge.end(&running.id, succeeded(json!("late"))).await;
    bridge.ack_of(&running.id).await;
    assert!(hub.hub.view(&running).is(Status::Interrupted));
    let next = hub.ask("toy.echo", json!({}));
    while bridge.next_call().await.id != next.id {}
    bridge.answer(&next.id, json!(1)).await;
    assert!(hub.end_of(&next).await.is(Status::Succeeded));
}

#[tokio::test]
async fn a_second_link_of_the_same_session_takes_over() {
    let hub = TestHub::start().await;
    let dial = Dial::new(&hub).name("stage");
    let first = dial.clone().echo().await.unwrap();
    let second = dial.echo().await.unwrap();
    assert_eq!(first.instance, second.instance);
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));
    assert_eq!((first.calls().len(), second.calls().len()), (0, 1));
    // The end of the old link, and what it still says, changes nothing.
    first.drop_link().await;
    second.round_trip().await;
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));
    assert_eq!(
        hub.hub.instance(&second.instance).unwrap().state,
        InstanceState::Idle
    );
}

#[tokio::test]
async fn names_are_given_and_given_again() {
    let hub = TestHub::start().await;
    let first = Dial::new(&hub).echo().await.unwrap();
    let second = Dial::new(&hub).echo().await.unwrap();
    let wished = Dial::new(&hub).name("toy").echo().await.unwrap();
    let unsafe_name = Dial::new(&hub).name("../../etc").echo().await.unwrap();
    let names = [&first, &second, &wished, &unsafe_name].map(|bridge| bridge.instance.to_string());
    assert_eq!(names, ["toy", "toy-2", "toy-3", "toy-4"]);
    second.bye().await;
    hub.wait_for("it is forgotten", |hub| {
        (hub.instances().len() == 3).then_some(())
    })
    .await;
    let next = Dial::new(&hub).echo().await.unwrap();
    assert_eq!(next.instance.as_str(), "toy-2");
    let view = hub.hub.instance(&next.instance).unwrap();
    assert_eq!(view.version.as_deref(), Some("1.2.3"));
    assert_eq!(
        (view.pid, view.started_by_hub),
        (Some(std::process::id()), false)
    );
}
