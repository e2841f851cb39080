//! The older protocol's sessions: bounded, evicted, and of one caller.

use serde_json::json;
use testkit::Reply;

use crate::House;
use crate::mcp_client::{Legacy, initialize};

/// As the door has it, for one caller.
const SESSIONS_MAX: usize = 256;
/// What a busy machine leaves behind in a day.
const ABANDONED: usize = 2_000;

#[tokio::test]
async fn abandoned_sessions_make_room_and_used_ones_stay() {
    let house = House::open().await;
    let _bridge = house.bridge("toy-1", |_| Reply::Value(json!(2))).await;
    let used = Legacy::begin(house.owner(), json!({})).await;
    let first = Legacy::begin(house.owner(), json!({})).await;
    let before = resident_kb();
    for number in 0..ABANDONED {
        initialize(&house.owner(), "/mcp", json!({})).await;
        if number % (SESSIONS_MAX / 2) == 0 {
            let answer = used
                .ask(
                    3,
                    "tools/call",
                    json!({"name": "code", "arguments": {"code": "1"}}),
                )
                .await;
            assert_eq!(
                answer["result"]["structuredContent"]["value"], 2,
                "after {number}: {answer}"
            );
        }
    }
    let gone = first
        .post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
        .await;
    assert_eq!(gone.status, 404, "the one that nobody used made room");
    let fresh = Legacy::begin(house.owner(), json!({})).await;
    assert!(fresh.ask(1, "tools/list", json!({})).await["result"]["tools"].is_array());
    // Some 60 kB each: all of them would be more than 100 MB.
    let grown = resident_kb().saturating_sub(before);
    assert!(grown < 60_000, "{grown} kB more");
}

/// What the system says of this process; nothing where it says nothing.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_session_in_the_middle_of_a_call_is_not_taken() {
    let house = House::open().await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let busy = Legacy::begin(house.owner(), json!({})).await;
    let mut events = busy
        .open(
            4,
            "tools/call",
            json!({"name": "code", "arguments": {"code": "1"}}),
        )
        .await;
    let call = bridge.next_call().await;
    for _ in 0..SESSIONS_MAX + 10 {
        initialize(&house.owner(), "/mcp", json!({})).await;
    }
    bridge.answer(&call.id, json!("still here")).await;
    let (_, response) = crate::mcp_client::until_response(&mut events).await;
    assert_eq!(
        response["result"]["structuredContent"]["value"],
        "still here"
    );
}

#[tokio::test]
async fn a_session_is_of_the_caller_who_began_it() {
    let house = House::open().await;
    let mut session = Legacy::begin(house.owner(), json!({})).await;
    assert!(session.ask(1, "ping", json!({})).await["result"].is_object());
    session.client = house.caller("other", &["read"], &[]).await;
    let refused = session
        .post(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "route_unknown")
    );
}

#[tokio::test]
async fn a_caller_pushes_out_nobody_elses_session() {
    let house = House::open().await;
    let reader = house.caller("reader", &["read"], &[]).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let idle = Legacy::begin(house.owner(), json!({})).await;
    let mut first = None;
    for _ in 0..SESSIONS_MAX + 10 {
        let session = Legacy::begin(reader.clone(), json!({})).await;
        first.get_or_insert(session);
    }
    assert_eq!(idle.post(&ping).await.status, 200, "the owner's stays");
    assert_eq!(
        first.unwrap().post(&ping).await.status,
        404,
        "one of the caller's own made room"
    );
    // When all are taken, who has few takes one of who has most.
    let second = house.caller("second", &["read"], &[]).await;
    for _ in 0..SESSIONS_MAX {
        initialize(&second, "/mcp", json!({})).await;
    }
    let third = house.caller("third", &["read"], &[]).await;
    let late = Legacy::begin(third, json!({})).await;
    assert_eq!(late.post(&ping).await.status, 200);
    assert_eq!(idle.post(&ping).await.status, 200);
}

#[tokio::test]
async fn a_session_is_ended_by_its_caller_alone() {
    let house = House::open().await;
    let owned = Legacy::begin(house.owner(), json!({})).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let reader = house.caller("reader", &["read"], &[]).await;
    let id = [("mcp-session-id", owned.session.as_str())];
    for method in ["DELETE", "GET", "POST"] {
        let answer = reader.send(method, "/mcp", &id, b"").await;
        assert_eq!(answer.status, 404, "{method}");
    }
    assert_eq!(owned.post(&ping).await.status, 200);
    let ended = house.owner().send("DELETE", "/mcp", &id, b"").await;
    assert!(ended.status < 300, "{}", ended.status);
    assert_eq!(owned.post(&ping).await.status, 404);
}
