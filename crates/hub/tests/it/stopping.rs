//! A hub that stops: every call has its end, nothing new is taken, links are closed.

use hub::callers::Caller;
use serde_json::json;
use testkit::{Dial, Ended as _, Over, TestHub, capped, request, succeeded};
use wire::{Code, Status};

#[tokio::test]
async fn a_stop_settles_every_call() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    let calls: Vec<_> = (0..hub::limits::LANE_WINDOW + 5)
        .map(|_| hub.ask("toy.echo", json!({})))
        .collect();
    bridge.started(&calls[0].id).await;
    hub.started(&calls[0]).await;
    hub.hub.stop().await;
    for call in &calls {
        let view = hub.end_of(call).await;
        assert_eq!(
            (view.status, view.code()),
            (Status::Interrupted, "hub_stopping")
        );
    }
    assert_eq!(
        capped("the end of the link", bridge.over(true)).await,
        Over::Unlinked,
        "the link is closed"
    );
    let problem = hub
        .try_ask(&Caller::owner(), request("toy.echo", json!({})))
        .err()
        .unwrap();
    assert_eq!(
        (problem.code.clone(), problem.http_status()),
        (Code::HUB_STOPPING, 503)
    );
    hub.hub.stopping().await;
}

#[tokio::test]
async fn what_runs_on_is_brought_to_the_next_hub() {
    let old = TestHub::start().await;
    let mut bridge = Dial::new(&old).by_hand().await.unwrap();
    let call = old.ask("toy.echo", json!({}));
    let id = bridge.next_call().await.id;
    bridge.started(&id).await;
    let home = old.stop().await;
    assert!(call.status() == Status::Interrupted);
    assert_eq!(
        capped("the end of the link", bridge.over(true)).await,
        Over::Unlinked
    );
    bridge.end(&id, succeeded(json!("went on"))).await;
    let new = TestHub::killable_in(
        home,
        vec![std::sync::Arc::new(testkit::toy::Toy::default())],
    )
    .await;
    bridge.redial(new.addr).await.unwrap();
    bridge.round_trip().await;
    let call = new.hub.call(&id).unwrap();
    assert_eq!(new.end_of(&call).await.value(), &json!("went on"));
}

#[tokio::test]
async fn who_dials_a_stopping_hub_finds_nobody() {
    let hub = TestHub::start().await;
    let dial = Dial::new(&hub);
    hub.hub.stop().await;
    assert!(dial.echo().await.is_err());
}
