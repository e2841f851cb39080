//! Calls of a bridge's direct mode: they stand in the history, under a caller that says who told of them.

use hub::store::CallsWanted;
use serde_json::json;
use testkit::{Dial, TestHub, succeeded};
use wire::CallView;

fn history(hub: &TestHub) -> Vec<CallView> {
    let (_, calls) = hub.hub.history(&CallsWanted {
        limit: 10,
        ..CallsWanted::default()
    });
    calls.iter().map(|call| call.view()).collect()
}

#[tokio::test]
async fn what_a_bridge_did_for_others_is_in_the_history() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let mut told = succeeded(json!(2));
    told["t"] = json!("direct");
    told["command"] = json!("code.run");
    told["args"] = json!({"code": "1 + 1"});
    told["client"] = json!("direct-7");
    // Neither an id nor a caller is the bridge's to choose.
    told["owner"] = json!("owner");
    told["id"] = json!("call_00000000000000000000000000");
    bridge.send(&told).await;
    bridge.round_trip().await;
    let calls = history(&hub);
    let [call] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    assert_eq!(call.caller.as_str(), format!("direct:{}", bridge.instance));
    assert_ne!(call.call_id.as_str(), "call_00000000000000000000000000");
    assert_eq!(
        (call.command.as_str(), call.instance.as_str()),
        ("code.run", bridge.instance.as_str())
    );
    assert_eq!(call.correlation_id.as_deref(), Some("direct-7"));
    assert_eq!(call.subject.as_deref(), Some("1 + 1"));
    assert_eq!(call.outcome.as_ref().unwrap().value, json!(2));
}

#[tokio::test]
async fn one_that_has_not_ended_is_refused() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    bridge
        .send(&json!({"t": "direct", "command": "code.run", "status": "running"}))
        .await;
    let problem = bridge.refused().await.expect("the link ends");
    assert_eq!(problem.code, wire::Code::FRAME_MALFORMED);
    assert!(history(&hub).is_empty());
}
