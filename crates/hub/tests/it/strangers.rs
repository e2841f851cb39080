//! A bridge that has the right token and no manners, beside a good one: what it says counts for itself alone.

use std::sync::Arc;
use std::time::Duration;

use hub::app::App;
use hub::callers::{Caller, Scope};
use hub::store::CallsWanted;
use serde_json::json;
use testkit::{Dial, Ended as _, FakeBridge, TestHub, outcome, request, succeeded, toy};
use wire::link::{KnownCall, KnownCalls};
use wire::{AppId, CallRequest, Code, CommandSpec, Effect, Event, Status};

fn apps() -> Vec<Arc<dyn App>> {
    vec![Arc::new(toy::Toy::default())]
}

fn specs(effect: &str, args: &str) -> Vec<CommandSpec> {
    let text = format!("summary='A'\n[do]\nsummary='Does.'\neffect='{effect}'\n{args}");
    CommandSpec::from_toml("a", &text).unwrap()
}

async fn stranger(hub: &TestHub, name: &str, effect: &str, args: &str) -> FakeBridge {
    let dial = Dial::new(hub).app("stage").name(name);
    dial.commands(specs(effect, args)).echo().await.unwrap()
}

fn ask(instance: Option<&str>) -> CallRequest {
    CallRequest {
        instance: instance.map(Into::into),
        ..CallRequest::new(AppId::from("stage"), "a.do", serde_json::Map::new())
    }
}

#[tokio::test]
async fn a_bridge_does_not_speak_for_another_instance() {
    let hub = TestHub::start().await;
    let reader = testkit::caller("reader", &[Scope::Read], &[]);
    // In both orders: who comes last does not count more, nor who comes first.
    for (first, second) in [("code", "read"), ("read", "code")] {
        let one = stranger(&hub, "one", first, "").await;
        let two = stranger(&hub, "two", second, "").await;
        let (strict, lax) = if first == "code" {
            ("one", "two")
        } else {
            ("two", "one")
        };
        let refused = hub.try_ask(&reader, ask(Some(strict))).err().unwrap();
        assert_eq!(refused.code, Code::FORBIDDEN);
        let allowed = hub.try_ask(&reader, ask(Some(lax))).unwrap();
        assert!(hub.end_of(&allowed).await.is(Status::Succeeded));
        // What is told of the app is the stricter, and nobody is asked blindly.
        let told = hub.hub.command(&"stage".into(), "a.do").unwrap();
        assert_eq!(told.effect, Effect::Code);
        for instance in [None, Some("*")] {
            let unclear = hub.try_ask(&Caller::owner(), ask(instance)).err().unwrap();
            assert_eq!(unclear.code, Code::INSTANCE_AMBIGUOUS, "{instance:?}");
            assert!(unclear.message.contains("differently"), "{unclear}");
        }
        let job = CallRequest {
            durable: Some(wire::Durability::Journal),
            ..ask(None)
        };
        let unclear = hub.hub.ask(&Caller::owner(), job).err().unwrap();
        assert_eq!(unclear.code, Code::INSTANCE_AMBIGUOUS);
        for bridge in [one, two] {
            bridge.bye().await;
            hub.wait_for("it is forgotten", |hub| {
                hub.instance(&bridge.instance).is_err().then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn arguments_are_checked_as_the_instance_describes_them() {
    let hub = TestHub::start().await;
    let _one = stranger(
        &hub,
        "one",
        "read",
        "[do.args]\nn={type='integer', required=true, doc='N.'}\n",
    )
    .await;
    let _two = stranger(&hub, "two", "read", "").await;
    let owner = Caller::owner();
    assert_eq!(
        hub.try_ask(&owner, ask(Some("one"))).err().unwrap().code,
        Code::ARGUMENTS_INVALID
    );
    let call = hub.try_ask(&owner, ask(Some("two"))).unwrap();
    assert!(hub.end_of(&call).await.is(Status::Succeeded));
}

#[tokio::test]
async fn an_app_goes_with_its_last_instance() {
    let hub = TestHub::start().await;
    let one = stranger(&hub, "one", "write", "").await;
    let two = stranger(&hub, "two", "read", "").await;
    let effect = || Some(hub.hub.command(&"stage".into(), "a.do").ok()?.effect);
    assert_eq!(effect(), Some(Effect::Write));
    one.bye().await;
    hub.wait_for("the first has left", |_| {
        (effect() == Some(Effect::Read)).then_some(())
    })
    .await;
    two.bye().await;
    hub.wait_for("the app is forgotten", |hub| {
        let id = AppId::from("stage");
        hub.apps().iter().all(|(app, _)| app.id != id).then_some(())
    })
    .await;
    let refused = hub.try_ask(&Caller::owner(), ask(None)).err().unwrap();
    assert_eq!(refused.code, Code::APP_UNKNOWN);
}

#[tokio::test]
async fn what_a_link_says_counts_for_its_own_calls_only() {
    let hub = TestHub::start_with(apps()).await;
    let mut good = Dial::new(&hub).name("good").by_hand().await.unwrap();
    let bad = Dial::new(&hub).name("bad").by_hand().await.unwrap();
    let asked = CallRequest {
        instance: Some("good".into()),
        ..request("toy.echo", json!({}))
    };
    let call = hub.try_ask(&Caller::owner(), asked).unwrap();
    good.next_call().await;
    let mut events = hub.hub.listen();
    for id in [&call.id, &"call_nobody".into()] {
        bad.send(&json!({"t": "started", "id": id})).await;
        bad.output(id, "FORGED").await;
        bad.progress(id, 0.5, "FORGED").await;
        bad.end(id, succeeded(json!("FORGED"))).await;
    }
    bad.round_trip().await;
    while let Ok(event) = events.try_recv() {
        assert!(
            !matches!(
                event,
                Event::CallStarted { .. }
                    | Event::CallOutput { .. }
                    | Event::CallProgress { .. }
                    | Event::CallEnded { .. }
            ),
            "{event:?}"
        );
    }
    assert_eq!(call.status(), Status::Queued);
    good.started(&call.id).await;
    good.output(&call.id, "honest").await;
    good.answer(&call.id, json!("honest")).await;
    assert_eq!(hub.end_of(&call).await.value(), &json!("honest"));
    let heard = std::iter::from_fn(|| events.try_recv().ok());
    assert_eq!(
        heard
            .filter(|event| matches!(event, Event::CallOutput { .. }))
            .count(),
        1
    );
}

fn known(id: &str, owner: &str, mark: Option<&str>) -> KnownCall {
    KnownCall {
        id: id.into(),
        command: "code.run".to_owned(),
        owner: owner.to_owned(),
        owner_id: None,
        mark: mark.map(str::to_owned),
    }
}

#[tokio::test]
async fn calls_that_no_hub_gave_are_not_taken_over() {
    let hub = TestHub::start_with(apps()).await;
    let invented = KnownCalls {
        running: vec![known("call_r", "owner", None)],
        queued: vec![known("call_q", "owner", Some(&"0".repeat(32)))],
        ended: vec![
            known("call_e", "owner", Some("picture")),
            known("call_e2", "ann", Some("")),
        ],
        complete: false,
    };
    let bad = Dial::new(&hub).known(invented).by_hand().await.unwrap();
    for id in ["call_r", "call_q", "call_e", "call_e2"] {
        bad.end(&id.into(), succeeded(json!("never happened")))
            .await;
    }
    bad.round_trip().await;
    let all = hub
        .hub
        .remembered(&CallsWanted {
            limit: 50,
            ..CallsWanted::default()
        })
        .await
        .unwrap();
    assert!(all.calls.is_empty(), "{}", all.calls.len());
    assert_eq!(
        bad.cancels(),
        ["call_q".into()],
        "what waits there does not run"
    );
    let fine = Dial::new(&hub).name("fine").echo().await.unwrap();
    let call = CallRequest {
        instance: Some(fine.instance.clone()),
        ..request("toy.echo", json!({}))
    };
    let call = hub.try_ask(&Caller::owner(), call).unwrap();
    assert!(hub.end_of(&call).await.is(Status::Succeeded));
}

/// A bridge that was given a call by an earlier hub tells it as another's, of another command, twice.
#[tokio::test]
async fn a_seal_is_good_for_its_own_call_once() {
    let old = TestHub::start_killable(apps()).await;
    let mut bridge = Dial::new(&old).by_hand().await.unwrap();
    let ann = testkit::caller("ann", &[Scope::Read], &[]);
    let id = old
        .try_ask(&ann, request("toy.echo", json!({})))
        .unwrap()
        .id
        .clone();
    let mark = bridge.next_call().await.mark.unwrap();
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    let told = |id: &str, command: &str, owner: &str| KnownCall {
        id: id.into(),
        command: command.to_owned(),
        owner: owner.to_owned(),
        owner_id: None,
        mark: Some(mark.clone()),
    };
    let lies = KnownCalls {
        ended: vec![
            told(id.as_str(), "toy.echo", "owner"),
            told(id.as_str(), "code.run", "ann"),
            told("call_other", "toy.echo", "ann"),
        ],
        ..KnownCalls::default()
    };
    let bad = Dial::new(&new).known(lies).by_hand().await.unwrap();
    bad.end(&id, outcome("succeeded", json!("lie"), None)).await;
    bad.round_trip().await;
    assert_eq!(new.hub.call(&id).err().unwrap().code, Code::CALL_UNKNOWN);
    bridge.redial(new.addr).await.unwrap();
    bridge.round_trip().await;
    bridge.answer(&id, json!("true")).await;
    let call = new.hub.call(&id).unwrap();
    let end = tokio::time::timeout(Duration::from_secs(30), new.end_of(&call));
    let end = end.await.unwrap();
    assert_eq!((end.caller.as_str(), end.value()), ("ann", &json!("true")));
}
