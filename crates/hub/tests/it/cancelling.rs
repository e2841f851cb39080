//! Cancel and time limits, wherever the call is; and callers who leave.

use std::time::Duration;

use hub::callers::{Caller, Scope};
use serde_json::json;
use testkit::{Dial, Ended as _, Manners, Reply, TestHub, caller, request};
use wire::link::CancelReason;
use wire::{Code, Status};

fn slow(_: &wire::link::CallMessage) -> Reply {
    Reply::After(Duration::from_secs(60), json!("slept"))
}

#[tokio::test]
async fn a_call_that_waits_in_the_hub_never_reaches_the_app() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    for _ in 0..hub::limits::LANE_WINDOW {
        drop(hub.ask("toy.echo", json!({})));
    }
    let call = hub.ask("toy.echo", json!({"text": "never"}));
    hub.hub.cancel(&Caller::owner(), &call.id).unwrap();
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "cancelled"));
    assert!(!call.has_started());
    bridge.round_trip().await;
    assert!(bridge.calls().iter().all(|sent| sent.id != call.id));
    assert!(bridge.cancels().is_empty());
}

#[tokio::test]
async fn a_call_that_waits_at_the_bridge_ends_there() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).connect(slow).await.unwrap();
    let (running, waiting) = (
        hub.ask("toy.echo", json!({})),
        hub.ask("toy.echo", json!({})),
    );
    hub.started(&running).await;
    hub.hub.cancel(&Caller::owner(), &waiting.id).unwrap();
    assert!(hub.end_of(&waiting).await.is(Status::Cancelled));
    assert!(!waiting.has_started());
    assert_eq!(running.status(), Status::Running);
    assert_eq!(bridge.cancel_of(&waiting.id).await, CancelReason::Cancelled);
}

#[tokio::test]
async fn a_call_that_runs_is_interrupted_and_the_next_one_runs() {
    let hub = TestHub::start().await;
    let answer = |call: &wire::link::CallMessage| match call.command.as_str() {
        "toy.sleep" => slow(call),
        _ => Reply::Value(json!("next")),
    };
    let _bridge = Dial::new(&hub).connect(answer).await.unwrap();
    let (running, next) = (
        hub.ask("toy.sleep", json!({"ms": 1})),
        hub.ask("toy.echo", json!({})),
    );
    hub.started(&running).await;
    hub.hub.cancel(&Caller::owner(), &running.id).unwrap();
    assert!(hub.end_of(&running).await.is(Status::Cancelled));
    assert!(running.has_started());
    assert_eq!(hub.end_of(&next).await.value(), &json!("next"));
}

#[tokio::test]
async fn a_call_that_was_cancelled_is_so_when_its_process_goes_first() {
    let hub = TestHub::start().await;
    let manners = Manners {
        cancels: false,
        ..Manners::default()
    };
    let dial = Dial::new(&hub).manners(manners);
    let mut bridge = dial.by_hand().await.unwrap();
    let (cancelled, other) = (
        hub.ask("toy.echo", json!({})),
        hub.ask("toy.echo", json!({})),
    );
    bridge.next_call().await;
    bridge.started(&cancelled.id).await;
    hub.started(&cancelled).await;
    let owner = Caller::owner();
    hub.hub.cancel(&owner, &cancelled.id).unwrap();
    let name = cancelled.instance();
    hub.hub.stop_instance(&owner, &name, false).await.unwrap();
    let view = hub.end_of(&cancelled).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "cancelled"));
    let outcome = view.outcome.unwrap();
    assert!(outcome.duration_ms > 0.0, "it ran: {outcome:?}");
    let message = &outcome.problem.as_ref().unwrap().message;
    assert!(message.ends_with("was stopped."), "{message}");
    let view = hub.end_of(&other).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "interrupted")
    );
}

#[tokio::test]
async fn a_cancel_after_the_end_changes_nothing() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    hub.end_of(&call).await;
    let same = hub.hub.cancel(&Caller::owner(), &call.id).unwrap();
    assert_eq!(same.status(), Status::Succeeded);
    bridge.round_trip().await;
    assert!(bridge.cancels().is_empty());
    let unknown = hub
        .hub
        .cancel(&Caller::owner(), &"call_unknown".into())
        .err()
        .unwrap();
    assert_eq!(unknown.code, Code::CALL_UNKNOWN);
    assert!(unknown.hint.unwrap().contains("goes back to"));
}

#[tokio::test]
async fn the_time_limit_is_the_calls_own() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).connect(slow).await.unwrap();
    let mut limited = request("toy.echo", json!({}));
    limited.timeout_ms = Some(80);
    let call = hub.try_ask(&Caller::owner(), limited.clone()).unwrap();
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::TimedOut, "timed_out"));
    assert_eq!(bridge.calls()[0].timeout_ms, Some(80));
    for wrong in [0, u64::MAX] {
        limited.timeout_ms = Some(wrong);
        let problem = hub
            .try_ask(&Caller::owner(), limited.clone())
            .err()
            .unwrap();
        assert_eq!(problem.code, Code::ARGUMENTS_INVALID);
    }
}

/// The cancel is not lost with the link: the bridge hears it when it is back.
#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_link_is_down_is_told_when_it_is_back() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    let id = bridge.next_call().await.id;
    bridge.started(&id).await;
    hub.started(&call).await;
    bridge.drop_link().await;
    hub.until_state(&bridge.instance, wire::InstanceState::Disconnected)
        .await;
    hub.hub.cancel(&Caller::owner(), &id).unwrap();
    tokio::time::sleep(hub::limits::WEDGED_AFTER * 2).await;
    assert_eq!(
        call.status(),
        Status::Running,
        "nobody knows what became of it"
    );
    bridge.redial(hub.addr).await.unwrap();
    assert_eq!(bridge.cancel_of(&id).await, CancelReason::Cancelled);
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "cancelled"));
}

#[tokio::test]
async fn a_caller_who_leaves_changes_nothing() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let id = {
        let call = hub.ask("toy.echo", json!({}));
        let wait = call.ended(None);
        let gone = tokio::time::timeout(Duration::from_millis(5), wait).await;
        assert!(gone.is_err());
        call.id.clone()
    };
    assert_eq!(bridge.next_call().await.id, id);
    bridge.answer(&id, json!("for nobody")).await;
    bridge.ack_of(&id).await;
    assert!(bridge.cancels().is_empty());
    let call = hub.hub.call(&id).unwrap();
    assert_eq!(hub.hub.view(&call).value(), &json!("for nobody"));
}

#[tokio::test]
async fn only_its_caller_or_an_admin_cancels_a_call() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).by_hand().await.unwrap();
    let (ann, bob) = (
        caller("ann", &[Scope::Read], &[]),
        caller("bob", &[Scope::Code], &[]),
    );
    let call = hub.try_ask(&ann, request("toy.echo", json!({}))).unwrap();
    assert_eq!(
        hub.hub.cancel(&bob, &call.id).err().unwrap().code,
        Code::FORBIDDEN
    );
    assert!(!call.status().is_end());
    hub.hub.cancel(&ann, &call.id).unwrap();
    assert!(hub.end_of(&call).await.is(Status::Cancelled));
}
