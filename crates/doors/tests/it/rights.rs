//! What stays open at a door ends with the rights of who opened it.

use serde_json::{Value, json};
use testkit::{Dial, capped};

use crate::mcp_client::Legacy;
use crate::socket::Socket;
use crate::{House, call, with};

/// The ways in which a token comes to may less, as requests of the owner.
const WAYS: [fn() -> Option<Value>; 3] = [
    || None,
    || Some(json!({"scopes": []})),
    || Some(json!({"expires_at": "2001-01-01T00:00:00Z"})),
];

async fn lose(house: &House, change: Option<Value>) {
    let owner = house.owner();
    let done = match change {
        None => owner.delete("/v1/tokens/agent").await,
        Some(change) => owner.patch("/v1/tokens/agent", &change).await,
    };
    assert_eq!(done.status, 200, "{done:?}");
}

#[tokio::test]
async fn answers_that_wait_and_streams_end_with_the_rights() {
    for way in WAYS {
        let house = House::open().await;
        let mut bridge = Dial::new(&house.hub).by_hand().await.expect("a bridge");
        let agent = house.caller("agent", &["read", "write"], &[]).await;
        let running = house
            .owner()
            .post(
                "/v1/calls",
                &with(call("toy.echo", json!({"data": 1})), "wait", json!(false)),
            )
            .await;
        let id = running.json()["call_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let got = bridge.next_call().await;
        bridge.started(&got.id).await;
        // An answer that waits for somebody else's call, one for its own, two streams, and a socket.
        let path = format!("/v1/calls/{id}?wait_ms=30000");
        let looks = tokio::spawn({
            let (agent, path) = (agent.clone(), path.clone());
            async move { agent.get(&path).await }
        });
        let asks = tokio::spawn({
            let agent = agent.clone();
            async move {
                agent
                    .post("/v1/calls", &call("toy.make", json!({"kind": "top"})))
                    .await
            }
        });
        let mut feed = agent.events("GET", "/v1/events", "").await;
        let mut follows = agent
            .events("GET", &format!("/v1/calls/{id}/events"), "")
            .await;
        let mut socket = Socket::of(&agent).await;
        bridge.next_call().await;
        lose(&house, way()).await;
        let looked = capped("the look ends", looks).await.expect("it ends");
        assert!([401, 403].contains(&looked.status), "{looked:?}");
        let asked = capped("the call ends", asks).await.expect("it ends");
        assert!([401, 403].contains(&asked.status), "{asked:?}");
        capped("the feed ends", feed.rest()).await;
        capped("the stream ends", follows.rest()).await;
        let ((code, _), _) = capped("the socket ends", socket.until_closed()).await;
        assert_eq!(code, 4401);
        // Nobody else's work ends.
        bridge.answer(&got.id, json!("done")).await;
        let ended = house.owner().get(&path).await.json();
        assert_eq!(ended["status"], "succeeded", "{ended}");
    }
}

#[tokio::test]
async fn more_rights_end_nothing() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let agent = house.caller("agent", &["read"], &[]).await;
    let mut socket = Socket::of(&agent).await;
    lose(&house, Some(json!({"scopes": ["read", "write"]}))).await;
    socket.send(&json!({"type": "ping", "id": 1})).await;
    assert_eq!(socket.next().await["type"], "pong");
    let made = agent
        .post("/v1/calls", &call("toy.make", json!({"kind": "top"})))
        .await;
    assert_eq!(made.json()["status"], "succeeded", "{made:?}");
}

#[tokio::test]
async fn an_mcp_session_is_of_no_use_to_a_later_token_of_the_same_name() {
    let house = House::open().await;
    let agent = house.caller("agent", &["read"], &[]).await;
    let session = Legacy::begin(agent, json!({})).await;
    lose(&house, None).await;
    let later = house.caller("agent", &["read"], &[]).await;
    let listed = session
        .of_another(later)
        .post(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}))
        .await;
    assert_eq!(listed.status, 404, "{listed:?}");
}
