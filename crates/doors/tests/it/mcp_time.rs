//! Calls that take long: progress, cancel, the handle after a while, tasks.

use std::time::Duration;

use doors::mcp::Pace;
use serde_json::json;
use testkit::{Reply, TestHub};
use wire::Status;

use crate::House;
use crate::mcp_client::{Legacy, Modern, text, until_response};

const LONG: Duration = Duration::from_secs(3600);

async fn house(answer_within: Duration, task_after: Duration, heartbeat: Duration) -> House {
    let mut settings = doors::Settings::default();
    settings.mcp.pace = Pace {
        answer_within,
        task_after,
        heartbeat,
    };
    House::with(TestHub::start().await, settings).await
}

#[tokio::test]
async fn progress_goes_to_those_who_gave_a_token() {
    let house = house(LONG, LONG, LONG).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let params =
        json!({"name": "code", "arguments": {"code": "x"}, "_meta": {"progressToken": "p"}});
    for era in ["modern", "legacy"] {
        let (owner, params) = (house.owner(), params.clone());
        // The newer protocol's answer begins with the first word.
        let opening = tokio::spawn(async move {
            if era == "modern" {
                Modern::new(owner).open("tools/call", params).await
            } else {
                let client = Legacy::begin(owner, json!({})).await;
                client.open(7, "tools/call", params).await
            }
        });
        let call = bridge.next_call().await;
        bridge.started(&call.id).await;
        bridge.progress(&call.id, 0.5, "half").await;
        let mut events = opening.await.expect("it opens");
        let (_, half) = events.next().await.expect("progress");
        assert_eq!(half["method"], "notifications/progress", "{half}");
        let told = &half["params"];
        assert_eq!(
            (&told["progressToken"], &told["message"]),
            (&json!("p"), &json!("half"))
        );
        assert_eq!(
            (told["progress"].as_f64(), told["total"].as_f64()),
            (Some(50.0), Some(100.0))
        );
        bridge.progress(&call.id, 1.0, "whole").await;
        let (_, whole) = events.next().await.expect("progress");
        assert_eq!(whole["params"]["message"], "whole");
        // In one breath: what came before the end is told before the end.
        bridge.progress(&call.id, 1.0, "the last word").await;
        bridge
            .end(&call.id, json!({"status": "succeeded", "value": 3}))
            .await;
        let (before, response) = until_response(&mut events).await;
        let last = before.last().map(|told| &told["params"]["message"]);
        assert_eq!(last, Some(&json!("the last word")), "{era}");
        assert_eq!(response["result"]["structuredContent"]["value"], 3, "{era}");
    }
}

#[tokio::test]
async fn a_silent_call_beats() {
    let house = house(LONG, LONG, Duration::from_millis(20)).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let params = json!({"name": "code", "arguments": {"code": "x"}, "_meta": {"progressToken": 4}});
    let mut events = Modern::new(house.owner()).open("tools/call", params).await;
    let call = bridge.next_call().await;
    let mut last = 0.0;
    for _ in 0..3 {
        let (_, beat) = events.next().await.expect("a beat");
        let progress = beat["params"]["progress"].as_f64().expect("a number");
        assert!(
            progress > last && beat["params"]["progressToken"] == 4,
            "{beat}"
        );
        last = progress;
    }
    bridge.answer(&call.id, json!(1)).await;
}

#[tokio::test]
async fn who_leaves_the_stream_cancels() {
    let house = house(LONG, LONG, LONG).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let params = json!({"name": "code", "arguments": {"code": "x"}, "_meta": {"progressToken": 1}});
    for speaks in [true, false] {
        let (client, params) = (Modern::new(house.owner()), params.clone());
        let opening = tokio::spawn(async move { client.open("tools/call", params).await });
        let call = bridge.next_call().await;
        bridge.started(&call.id).await;
        if speaks {
            bridge.progress(&call.id, 0.1, "at work").await;
            drop(opening.await.expect("it opens"));
        } else {
            // Nothing has come back yet, not even a head.
            opening.abort();
        }
        bridge.cancel_of(&call.id).await;
        bridge.end(&call.id, json!({"status": "cancelled"})).await;
    }
}

#[tokio::test]
async fn the_older_protocol_cancels_by_a_word() {
    let house = house(LONG, LONG, LONG).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let client = Legacy::begin(house.owner(), json!({})).await;
    let params = json!({"name": "code", "arguments": {"code": "x"}});
    let _events = client.open(9, "tools/call", params).await;
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    let word = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9, "reason": "enough"}});
    assert_eq!(client.post(&word).await.status, 202);
    bridge.cancel_of(&call.id).await;
}

#[tokio::test]
async fn after_a_while_an_answer_gives_the_handle() {
    let house = house(Duration::from_millis(50), LONG, LONG).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let client = Modern::new(house.owner());
    let result = client.tool("code", json!({"code": "x"})).await;
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    assert_eq!(result["structuredContent"]["call_id"], json!(call.id));
    let said = text(&result);
    assert!(
        said.contains("carries on")
            && said.contains(&format!("wait {{\"call_id\": \"{}\"}}", call.id)),
        "{said}"
    );
    assert!(result.get("isError").is_none_or(|is| is == false));
    let result = client.tool("wait", json!({"call_id": call.id})).await;
    assert_eq!(
        result["structuredContent"]["status"], "running",
        "waiting has a bound too"
    );
    assert!(bridge.cancels().is_empty(), "nobody cancelled");
    bridge
        .end(&call.id, json!({"status": "succeeded", "value": "late"}))
        .await;
    house
        .hub
        .end_of(&house.hub.hub.call(&call.id).expect("known"))
        .await;
    let result = client.tool("wait", json!({"call_id": call.id})).await;
    assert_eq!(result["structuredContent"]["value"], "late");

    let result = client.tool("code", json!({"code": "y"})).await;
    let id = &result["structuredContent"]["call_id"];
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    client.tool("cancel", json!({"call_id": id})).await;
    bridge.cancel_of(&call.id).await;
    let unknown = client.tool("wait", json!({"call_id": "call_0"})).await;
    assert_eq!(
        unknown["structuredContent"]["problem"]["code"],
        "call_unknown"
    );
}

#[tokio::test]
async fn a_client_that_knows_tasks_gets_one() {
    let house = house(LONG, Duration::from_millis(50), LONG).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let able = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let client = Modern::new(house.owner()).able(able);
    let params = json!({"name": "code", "arguments": {"code": "x"}});

    let made = client.ask("tools/call", params.clone()).await["result"].clone();
    assert_eq!(
        (&made["resultType"], &made["status"]),
        (&json!("task"), &json!("working")),
        "{made}"
    );
    let call = bridge.next_call().await;
    assert_eq!(made["taskId"], json!(call.id));
    bridge.started(&call.id).await;
    bridge.progress(&call.id, 0.3, "a third").await;
    let known = house.hub.hub.call(&call.id).expect("known");
    house
        .hub
        .wait_for("progress is known", |_| known.stage().progress)
        .await;
    let looked = client.ask("tasks/get", json!({"taskId": call.id})).await["result"].clone();
    assert_eq!(
        (&looked["status"], &looked["statusMessage"]),
        (&json!("working"), &json!("a third")),
        "{looked}"
    );
    bridge
        .end(&call.id, json!({"status": "succeeded", "value": 5}))
        .await;
    house.hub.end_of(&known).await;
    let done = client.ask("tasks/get", json!({"taskId": call.id})).await["result"].clone();
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["result"]["structuredContent"]["value"], 5);

    let made = client.ask("tools/call", params).await["result"].clone();
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    let stranger =
        Modern::new(house.caller("nobody", &[], &[]).await).able(client.capabilities.clone());
    assert!(
        stranger
            .ask("tasks/cancel", json!({"taskId": made["taskId"]}))
            .await["error"]
            .is_object()
    );
    client
        .ask("tasks/cancel", json!({"taskId": made["taskId"]}))
        .await;
    bridge.cancel_of(&call.id).await;
    bridge.end(&call.id, json!({"status": "cancelled"})).await;
    let known = house.hub.hub.call(&call.id).expect("known");
    assert_eq!(house.hub.end_of(&known).await.status, Status::Cancelled);
    let done = client.ask("tasks/get", json!({"taskId": call.id})).await["result"].clone();
    assert_eq!(done["status"], "cancelled", "{done}");
}
