//! A hub that is killed with calls under way: the next one on the same home brings every outcome.

use std::sync::Arc;

use hub::app::App;
use hub::callers::Caller;
use serde_json::json;
use testkit::{Dial, Ended as _, FakeBridge, TestHub, request, succeeded, toy};
use wire::{CallId, Code, CommandSpec, InstanceState, Status};

use crate::Ends;

fn apps() -> Vec<Arc<dyn App>> {
    vec![Arc::new(toy::Toy::default())]
}

/// Five calls that the bridge has been given: so many at once it gets after quick ones.
async fn five_ahead(hub: &TestHub, bridge: &FakeBridge) -> Vec<CallId> {
    for _ in 0..100 {
        let known = bridge.calls().len();
        let asked = (0..5).map(|n| hub.ask("toy.echo", json!({"data": n})));
        let calls: Vec<_> = asked.collect();
        bridge.round_trip().await;
        if bridge.calls().len() == known + 5 {
            return calls.iter().map(|call| call.id.clone()).collect();
        }
        for call in &calls {
            bridge.started(&call.id).await;
            bridge.answer(&call.id, json!(null)).await;
            hub.end_of(call).await;
        }
    }
    panic!("a machine on which no call is quick");
}

#[tokio::test]
async fn five_calls_have_five_outcomes_each_run_once() {
    let old = TestHub::start_killable(apps()).await;
    let mut bridge = Dial::new(&old).name("stage").by_hand().await.unwrap();
    let ids = five_ahead(&old, &bridge).await;
    let given = bridge.calls().len();
    // The first has ended and the hub dies before it hears of it; the second runs meanwhile.
    bridge.started(&ids[0]).await;
    let home = old.kill();
    assert_eq!(
        testkit::capped("the end of the link", bridge.over(false)).await,
        testkit::Over::Unlinked
    );
    bridge.end(&ids[0], succeeded(json!(0))).await;
    bridge.started(&ids[1]).await;

    let new = TestHub::killable_in(home, apps()).await;
    assert_eq!(
        new.hub.call(&ids[0]).err().unwrap().code,
        Code::CALL_UNKNOWN
    );
    let mut ends = Ends::of(&new);
    bridge.redial(new.addr).await.unwrap();
    bridge.round_trip().await;
    assert_eq!(bridge.instance.as_str(), "stage", "it keeps its name");
    let calls: Vec<_> = ids.iter().map(|id| new.hub.call(id).unwrap()).collect();
    let first = new.end_of(&calls[0]).await;
    assert_eq!(
        (first.status, first.value()),
        (Status::Succeeded, &json!(0))
    );
    assert_eq!(
        (first.caller.as_str(), first.command.as_str()),
        ("owner", "toy.echo")
    );
    assert_eq!(calls[1].status(), Status::Running);
    assert!(
        calls[2..]
            .iter()
            .all(|call| call.status() == Status::Queued)
    );
    assert_eq!(new.hub.view(&calls[3]).position, Some(2));
    assert_eq!(
        new.hub.instance(&bridge.instance).unwrap().state,
        InstanceState::Busy
    );

    bridge.end(&ids[1], succeeded(json!(1))).await;
    new.hub.cancel(&Caller::owner(), &ids[3]).unwrap();
    bridge.cancel_of(&ids[3]).await;
    bridge.answer(&ids[2], json!(2)).await;
    bridge.answer(&ids[4], json!(4)).await;
    for n in [1, 2, 4] {
        let view = new.end_of(&calls[n]).await;
        assert_eq!((view.status, view.value()), (Status::Succeeded, &json!(n)));
    }
    assert!(new.end_of(&calls[3]).await.is(Status::Cancelled));
    assert_eq!(bridge.calls().len(), given, "nothing is sent again");
    // The feed is told a moment after who waits for the call.
    bridge.round_trip().await;
    let mut ended = ends.take();
    ended.sort();
    assert_eq!(ended, ids);
}

#[tokio::test]
async fn what_was_acknowledged_or_never_sent_is_not_known_to_the_next_hub() {
    let old = TestHub::start_killable(apps()).await;
    let mut bridge = Dial::new(&old).echo().await.unwrap();
    let ended = old.ask("toy.echo", json!({}));
    old.end_of(&ended).await;
    bridge.ack_of(&ended.id).await;
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    bridge.redial(new.addr).await.unwrap();
    bridge.round_trip().await;
    let problem = new.hub.call(&ended.id).err().unwrap();
    assert!(
        problem.hint.unwrap().contains("goes back to"),
        "it says since when it remembers"
    );
    assert!(new.run("toy.echo", json!({})).await.is(Status::Succeeded));
}

#[tokio::test]
async fn a_call_in_the_wrong_hands_of_a_new_hub_belongs_to_its_owner() {
    let old = TestHub::start_killable(apps()).await;
    let mut bridge = Dial::new(&old).by_hand().await.unwrap();
    let ann = testkit::caller("ann", &[hub::callers::Scope::Read], &[]);
    let id = old
        .try_ask(&ann, request("toy.echo", json!({})))
        .unwrap()
        .id
        .clone();
    assert_eq!(bridge.next_call().await.owner.as_str(), "ann");
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    bridge.redial(new.addr).await.unwrap();
    bridge.round_trip().await;
    let bob = testkit::caller("bob", &[hub::callers::Scope::Read], &[]);
    assert_eq!(
        new.hub.cancel(&bob, &id).err().unwrap().code,
        Code::FORBIDDEN
    );
    new.hub.cancel(&ann, &id).unwrap();
    let call = new.hub.call(&id).unwrap();
    assert!(new.end_of(&call).await.is(Status::Cancelled));
}

/// A look at an instance is under way when the hub is killed. Gives the next hub, to which the bridge has come back with it.
async fn killed_while_looking(keeps_marks: bool) -> (TestHub, FakeBridge, CallId) {
    let old = TestHub::start_killable(apps()).await;
    let specs = CommandSpec::from_toml(
        "viewport",
        "summary='Looks'\n[screenshot]\nsummary='Looks.'\neffect='read'\nrole='look'\n",
    );
    let lens = Dial::new(&old)
        .app("lens")
        .name("lens")
        .commands(specs.unwrap());
    let mut bridge = lens.by_hand().await.unwrap();
    // It is idle then, and nobody looks before.
    bridge.round_trip().await;
    let look = tokio::spawn({
        let (hub, name) = (old.hub.clone(), bridge.instance.clone());
        async move { hub.picture(&Caller::owner(), &name).await }
    });
    let id = bridge.next_call().await.id;
    bridge.started(&id).await;
    bridge.round_trip().await;
    look.abort();
    look.await.unwrap_err();
    let home = old.kill();
    assert_eq!(
        testkit::capped("the end of the link", bridge.over(false)).await,
        testkit::Over::Unlinked
    );
    if !keeps_marks {
        bridge.forget_marks();
    }
    let new = TestHub::killable_in(home, apps()).await;
    bridge.redial(new.addr).await.unwrap();
    bridge.round_trip().await;
    (new, bridge, id)
}

#[tokio::test]
async fn a_look_is_a_look_to_the_next_hub_as_well() {
    let (new, bridge, id) = killed_while_looking(true).await;
    let call = new.hub.call(&id).unwrap();
    assert_eq!(call.status(), Status::Running);
    assert_eq!(call.correlation_id.as_deref(), Some("picture"));
    let view = new.hub.instance(&bridge.instance).unwrap();
    assert_eq!(
        view.state,
        InstanceState::Idle,
        "while it is looked at as well"
    );
    bridge.end(&id, succeeded(json!({}))).await;
    assert!(new.end_of(&call).await.is(Status::Succeeded));
}

#[tokio::test]
async fn a_bridge_that_keeps_no_marks_cannot_prove_what_it_was_given() {
    let (new, bridge, id) = killed_while_looking(false).await;
    assert_eq!(new.hub.call(&id).err().unwrap().code, Code::CALL_UNKNOWN);
    bridge.end(&id, succeeded(json!({}))).await;
    bridge.ack_of(&id).await;
    assert_eq!(new.hub.call(&id).err().unwrap().code, Code::CALL_UNKNOWN);
}

#[tokio::test]
async fn who_asks_for_a_call_before_its_bridge_is_back_gets_it() {
    let old = TestHub::start_killable(apps()).await;
    let mut bridge = Dial::new(&old).by_hand().await.unwrap();
    let id = old.ask("toy.echo", json!({})).id.clone();
    bridge.next_call().await;
    let home = old.kill();
    let new = TestHub::killable_in(home, apps()).await;
    let asked = tokio::spawn({
        let (hub, id) = (new.hub.clone(), id.clone());
        async move { hub.find_call(&id).await }
    });
    tokio::task::yield_now().await;
    assert!(!asked.is_finished(), "it waits");
    bridge.redial(new.addr).await.unwrap();
    let call = testkit::capped("the call", asked).await.unwrap().unwrap();
    bridge.answer(&id, json!(1)).await;
    assert!(new.end_of(&call).await.is(Status::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_brings_is_unknown_after_a_moment() {
    let hub = TestHub::start().await;
    let asked = tokio::time::Instant::now();
    let problem = hub
        .hub
        .find_call(&"call_nobody".into())
        .await
        .err()
        .unwrap();
    assert_eq!(problem.code, Code::CALL_UNKNOWN);
    assert!(
        asked.elapsed() <= hub::limits::RETURN_GRACE * 2,
        "{:?}",
        asked.elapsed()
    );
    let again = tokio::time::Instant::now();
    assert!(hub.hub.find_call(&"call_nobody".into()).await.is_err());
    assert!(again.elapsed().is_zero(), "only after the hub's start");
}
