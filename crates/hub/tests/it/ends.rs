//! Each call has exactly one outcome, whatever its bridge does.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use testkit::{Dial, Ended as _, Over, Reply, TestHub, outcome, request, succeeded};
use tokio::time::Instant;
use wire::{CallRequest, Code, InstanceState, Problem, Status};

use crate::Ends;

#[tokio::test]
async fn a_reply_is_the_outcome() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let view = hub.run("toy.echo", json!({"text": "Grüße"})).await;
    assert!(view.is(Status::Succeeded), "{view:?}");
    assert_eq!(view.value(), &json!({"text": "Grüße"}));
    assert_eq!(view.outcome.unwrap().memory.rss_mb, Some(1.0));
}

#[tokio::test]
async fn what_the_app_raises_is_the_problem_with_the_id_of_the_call() {
    let hub = TestHub::start().await;
    let raised = Problem::new(Code::NOT_FOUND, "There is no ball.").hint("Make one.");
    let _bridge = Dial::new(&hub)
        .connect(move |_| Reply::Raise(raised.clone()))
        .await
        .unwrap();
    let view = hub.run("toy.echo", json!({})).await;
    assert!(view.is(Status::Failed), "{view:?}");
    let problem = view.outcome.unwrap().problem.clone().unwrap();
    assert_eq!(
        (problem.code, problem.call_id),
        (Code::NOT_FOUND, Some(view.call_id))
    );
    assert_eq!(problem.hint.as_deref(), Some("Make one."));
}

#[tokio::test]
async fn large_messages_go_both_ways_whole() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let text = "Größe ".repeat(1_000_000);
    let view = hub.run("toy.echo", json!({"text": text})).await;
    assert!(view.value()["text"] == json!(text));
}

/// What a caller may ask is as large as what a message may be; with its names around it, it is larger.
#[tokio::test]
async fn a_call_that_is_larger_than_a_message_ends_and_the_others_go_on() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let text = "x".repeat(wire::frame::FRAME_BYTES_MAX - 10);
    let view = hub.run("toy.echo", json!({"text": text})).await;
    let problem = view.outcome.as_ref().unwrap().problem.clone().unwrap();
    assert_eq!(
        (view.status, &problem.code),
        (Status::Failed, &Code::BODY_TOO_LARGE)
    );
    assert!(problem.message.contains("did not run"), "{problem:?}");
    assert!(
        problem.hint.as_ref().unwrap().contains("PUT /v1/blobs"),
        "{problem:?}"
    );
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));
    assert_eq!(bridge.calls().len(), 1, "only the second one came");
}

#[tokio::test]
async fn a_second_outcome_changes_nothing_and_is_acknowledged() {
    let hub = TestHub::start().await;
    let mut ends = Ends::of(&hub);
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    let id = bridge.next_call().await.id;
    bridge.answer(&id, json!(1)).await;
    bridge.ack_of(&id).await;
    bridge.end(&id, outcome("failed", json!(2), None)).await;
    bridge.round_trip().await;
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.value()), (Status::Succeeded, &json!(1)));
    assert_eq!(ends.take(), vec![id]);
}

#[tokio::test]
async fn an_outcome_of_a_call_that_nobody_asked_is_acknowledged_and_ignored() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let unknown = "call_nobody".into();
    bridge.end(&unknown, succeeded(json!(1))).await;
    bridge.ack_of(&unknown).await;
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));
}

#[tokio::test]
async fn an_outcome_that_is_no_end_is_refused_with_a_sentence() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    let id = bridge.next_call().await.id;
    bridge
        .send(&{
            let mut message = outcome("running", json!(null), None);
            message["t"] = json!("outcome");
            message["id"] = json!(id);
            message
        })
        .await;
    let problem = bridge.refused().await.expect("a reason");
    assert_eq!(problem.code, Code::FRAME_MALFORMED);
    assert!(problem.message.contains("running"), "{problem:?}");
    // The bridge still has the call, and ends it rightly.
    bridge.redial(hub.addr).await.unwrap();
    bridge.answer(&id, json!(3)).await;
    assert_eq!(hub.end_of(&call).await.value(), &json!(3));
}

#[tokio::test]
async fn a_link_that_drops_in_a_call_and_comes_back_brings_the_outcome() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub)
        .connect(|_| Reply::StartAndDrop)
        .await
        .unwrap();
    let call = hub.ask("toy.echo", json!({}));
    assert_eq!(
        testkit::capped("the end of the link", bridge.over(false)).await,
        Over::Unlinked
    );
    bridge.redial(hub.addr).await.unwrap();
    bridge
        .end(&call.id, succeeded(json!("late, not lost")))
        .await;
    assert_eq!(hub.end_of(&call).await.value(), &json!("late, not lost"));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_never_comes_back_interrupts_after_the_grace() {
    for reply in [Reply::StartAndDrop, Reply::Drop] {
        let hub = TestHub::start().await;
        let _bridge = Dial::new(&hub)
            .connect(move |_| reply.clone())
            .await
            .unwrap();
        let asked = Instant::now();
        let (first, second) = (
            hub.ask("toy.echo", json!({})),
            hub.ask("toy.echo", json!({})),
        );
        for call in [first, second] {
            let view = hub.end_of(&call).await;
            assert!(view.is(Status::Interrupted), "{view:?}");
            assert_eq!(view.code(), "interrupted");
        }
        let waited = asked.elapsed();
        assert!(waited >= hub::limits::RECONNECT_GRACE, "{waited:?}");
        assert!(waited < hub::limits::RECONNECT_GRACE * 2, "{waited:?}");
    }
}

#[tokio::test]
async fn a_process_that_is_gone_interrupts_at_once() {
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub)
        .pid(dead.id())
        .connect(|_| Reply::StartAndDrop)
        .await
        .unwrap();
    let asked = Instant::now();
    let view = hub.run("toy.echo", json!({})).await;
    assert!(view.is(Status::Interrupted), "{view:?}");
    let problem = view.outcome.unwrap().problem.clone().unwrap();
    assert!(problem.message.contains("ended"), "{problem:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    hub.until_state(&bridge.instance, InstanceState::Disconnected)
        .await;
    let refused = hub.hub.ask(
        &hub::callers::Caller::owner(),
        request("toy.echo", json!({})),
    );
    assert_eq!(refused.err().unwrap().code, Code::NO_INSTANCE);
}

/// The hub writes to a link that is gone while the last words on it are still unread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn last_words_are_heard_though_nothing_can_be_answered() {
    let hub = TestHub::start().await;
    let reply = |_: &wire::link::CallMessage| Reply::ValueAndDrop(json!("the last"));
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let owner = hub::callers::Caller::owner();
    for n in 0..50 {
        let dial = Dial::new(&hub).name(&format!("t{n}")).pid(dead.id());
        let bridge = dial.connect(reply).await.unwrap();
        let on_it = |command| CallRequest {
            instance: Some(bridge.instance.clone()),
            ..request(command, json!({}))
        };
        let call = hub.try_ask(&owner, on_it("toy.echo")).unwrap();
        while !call.status().is_end() {
            // Sooner or later it is refused, because the bridge is gone.
            for _ in 0..8 {
                hub.hub.ask(&owner, on_it("toy.look")).ok();
            }
            tokio::task::yield_now().await;
        }
        let view = hub.end_of(&call).await;
        assert!(view.is(Status::Succeeded), "{view:?}");
        hub.until_state(&bridge.instance, InstanceState::Disconnected)
            .await;
    }
}

#[tokio::test]
async fn a_bridge_that_says_goodbye_interrupts_at_once_and_is_forgotten() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).connect(|_| Reply::Bye).await.unwrap();
    let view = hub.run("toy.echo", json!({})).await;
    assert!(view.is(Status::Interrupted), "{view:?}");
    let problem = view.outcome.unwrap().problem.clone().unwrap();
    assert!(problem.message.contains("it was time"), "{problem:?}");
    hub.wait_for("it is forgotten", |hub| {
        hub.instances().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn garbage_ends_the_link_with_a_sentence_and_not_the_call() {
    let hub = TestHub::start().await;
    let garbage = b"\0\0\0\x05hello".to_vec();
    let answer = move |_: &_| Reply::Garbage(garbage.clone());
    let mut bridge = Dial::new(&hub).connect(answer).await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    let problem = bridge.refused().await.expect("a reason");
    assert_eq!(problem.code, Code::FRAME_MALFORMED);
    assert!(
        problem.message.contains("neither a JSON object nor a blob"),
        "{problem:?}"
    );
    assert!(!call.status().is_end());
    bridge.redial(hub.addr).await.unwrap();
    bridge.end(&call.id, succeeded(json!(1))).await;
    assert!(hub.end_of(&call).await.is(Status::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_ends_its_call_at_the_time_limit() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).connect(|_| Reply::Freeze).await.unwrap();
    let mut limited = request("toy.echo", json!({}));
    limited.timeout_ms = Some(3_000);
    let asked = Instant::now();
    let call = hub
        .try_ask(&hub::callers::Caller::owner(), limited)
        .unwrap();
    hub.started(&call).await;
    let behind = hub.ask("toy.echo", json!({}));
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::TimedOut, "instance_wedged")
    );
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    let view = hub.end_of(&behind).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "instance_wedged")
    );
    assert!(!behind.has_started());
    hub.until_state(&bridge.instance, InstanceState::Wedged)
        .await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_and_a_waiting_call_can_be_cancelled_though_nobody_answers() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    bridge.freeze();
    let call = hub.ask("toy.echo", json!({}));
    let why = hub
        .wait_for("the silence is told", |hub| {
            hub.instance(&bridge.instance).unwrap().why
        })
        .await;
    assert!(why.contains("no sign of life"), "{why}");
    let cancelled = Instant::now();
    hub.hub
        .cancel(&hub::callers::Caller::owner(), &call.id)
        .unwrap();
    let view = hub.end_of(&call).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "cancelled"));
    assert!(
        cancelled.elapsed() < Duration::from_secs(1),
        "{:?}",
        cancelled.elapsed()
    );
    assert!(!call.has_started());
}

/// Two hundred calls to a bridge that does all of it in turn and always dials again, with half of its
/// memory lost each time.
#[tokio::test(start_paused = true)]
async fn nothing_that_happens_gives_a_call_no_end_or_two() {
    let hub = TestHub::start().await;
    let mut ends = Ends::of(&hub);
    let answer = |call: &wire::link::CallMessage| match call.args["data"].as_u64().unwrap_or(0) % 9
    {
        0..4 => Reply::Value(json!(1)),
        4 => Reply::After(Duration::from_millis(40), json!(2)),
        5 => Reply::Raise(Problem::new(Code::CALL_FAILED, "no")),
        6 => Reply::StartAndDrop,
        7 => Reply::Drop,
        _ => Reply::Garbage(b"nonsense".to_vec()),
    };
    let mut bridge = Dial::new(&hub).connect(answer).await.unwrap();
    let calls: Vec<_> = (0..200)
        .map(|n| hub.ask("toy.echo", json!({"data": n})))
        .collect();
    for call in calls.iter().step_by(7) {
        hub.hub
            .cancel(&hub::callers::Caller::owner(), &call.id)
            .unwrap();
    }
    let all = async {
        for call in &calls {
            hub.end_of(call).await;
        }
    };
    let redials = async {
        for round in 0_u32.. {
            bridge.over(false).await;
            let known: Vec<_> = bridge.known().iter().map(|one| one.id.clone()).collect();
            let forgotten: Vec<_> = known
                .into_iter()
                .skip(round as usize % 2)
                .step_by(2)
                .collect();
            bridge.forget(&forgotten);
            // What it started before the link went and still knows ends now.
            let running = bridge.known().running;
            bridge.redial(hub.addr).await.unwrap();
            for one in running {
                bridge.end(&one.id, succeeded(json!(4))).await;
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = redials => {}
    }
    let mut counts: HashMap<_, u32> = HashMap::new();
    for id in ends.take() {
        *counts.entry(id).or_default() += 1;
    }
    assert_eq!(counts.len(), calls.len());
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    let ids: Vec<_> = bridge.calls().into_iter().map(|call| call.id).collect();
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "nothing is sent twice");
}
