//! The feed over WebSocket and over a stream of events: topics, positions, resume, resync.

use serde_json::{Value, json};
use testkit::{Dial, TestHub};
use tokio::io::AsyncWriteExt as _;

use crate::House;
use crate::socket::Socket;

async fn subscribe(socket: &mut Socket, topics: Value) -> (Value, Value) {
    let subscribed = socket
        .ask(&json!({"type": "subscribe", "id": "s", "topics": topics}))
        .await;
    assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
    let resync = socket.next().await;
    assert_eq!(resync["type"], "resync", "{resync}");
    (subscribed, resync)
}

/// How often the toy told its state, as the feed numbers it.
async fn states(bridge: &testkit::FakeBridge, count: u64) {
    for revision in 0..count {
        bridge.state(json!({"revision": revision})).await;
    }
    bridge.round_trip().await;
}

#[tokio::test]
async fn a_subscription_begins_with_what_is_known_and_hears_its_topics() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let waiting = house.hub.ask("toy.echo", json!({}));
    let mut socket = Socket::of(&house.owner()).await;
    let (subscribed, resync) = subscribe(&mut socket, json!(["calls", "instances", "state"])).await;
    assert_eq!(resync["why"], "start");
    assert_eq!(
        (&resync["epoch"], &resync["seq"]),
        (&subscribed["epoch"], &subscribed["seq"])
    );
    assert_eq!(resync["instances"][0]["name"], "toy");
    assert_eq!(resync["calls"][0]["call_id"], json!(waiting.id));
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    bridge.output(&sent.id, "printed").await;
    let changes =
        json!({"since": 6, "by": "artist", "added": [{"type": "object", "name": "Cube"}]});
    bridge
        .send(&json!({"t": "state", "state": {"revision": 7}, "changes": changes}))
        .await;
    bridge.end(&sent.id, testkit::succeeded(json!(1))).await;
    let mut seq = subscribed["seq"].as_u64().unwrap();
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "call_ended") {
        let event = socket.next().await;
        assert_eq!(
            (&event["type"], &event["id"]),
            (&json!("event"), &json!("s"))
        );
        assert_eq!(event["epoch"], subscribed["epoch"]);
        assert_eq!(event["seq"], seq + 1, "no number is left out");
        seq += 1;
        assert!(event["at"].as_str().unwrap().ends_with('Z'));
        if event["event"] == "state" {
            assert_eq!(
                (&event["revision"], &event["changes"]),
                (&json!(7), &changes)
            );
        }
        heard.push(event["event"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        heard,
        [
            "call_started",
            "instance",
            "call_output",
            "state",
            "call_ended"
        ]
    );
    socket
        .send(&json!({"type": "unsubscribe", "id": "s"}))
        .await;
    assert_eq!(socket.next_of("unsubscribed").await["ended"], 1);
    states(&bridge, 1).await;
    assert_eq!(
        socket.ask(&json!({"type": "ping", "id": "s"})).await["type"],
        "pong"
    );
}

#[tokio::test]
async fn who_comes_back_within_the_window_hears_exactly_what_it_missed() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    let (_, resync) = subscribe(&mut socket, json!(["state"])).await;
    states(&bridge, 2).await;
    let last = socket.next().await;
    socket.next().await;
    assert_eq!(
        last["seq"].as_u64(),
        resync["seq"].as_u64().map(|seq| seq + 1)
    );
    drop(socket);
    states(&bridge, 3).await;
    let mut again = Socket::of(&house.owner()).await;
    let subscribed = again
        .ask(&json!({"type": "subscribe", "id": "s", "topics": ["state"], "epoch": last["epoch"], "since": last["seq"]}))
        .await;
    assert_eq!(subscribed["seq"], last["seq"]);
    for missed in 1..=4 {
        let event = again.next().await;
        assert_eq!(
            event["seq"].as_u64(),
            last["seq"].as_u64().map(|seq| seq + missed)
        );
    }
    let half = again
        .ask(&json!({"type": "subscribe", "id": "h", "topics": ["state"], "since": 1}))
        .await;
    assert_eq!(half["problem"]["code"], "arguments_invalid");
    for wrong in [json!([]), json!(["everything"]), json!(["call:"])] {
        let answer = again
            .ask(&json!({"type": "subscribe", "id": "w", "topics": wrong}))
            .await;
        assert_eq!(answer["type"], "problem", "{wrong}");
    }
}

#[tokio::test]
async fn beyond_the_window_and_after_a_restart_what_is_known_comes_first() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    let (_, first) = subscribe(&mut socket, json!(["state", "instances"])).await;
    drop(socket);
    states(&bridge, hub::limits::FEED_WINDOW_EVENTS as u64 + 1).await;
    let since = json!({"type": "subscribe", "id": "s", "topics": ["instances"], "epoch": first["epoch"], "since": first["seq"]});
    let mut late = Socket::of(&house.owner()).await;
    late.ask(&since).await;
    let resync = late.next().await;
    assert_eq!(
        (&resync["type"], &resync["why"]),
        (&json!("resync"), &json!("window"))
    );
    assert_eq!(resync["instances"][0]["name"], "toy");
    drop((late, bridge));
    // Another run of the hub counts anew.
    let other = House::of(TestHub::start().await).await;
    let mut socket = Socket::of(&other.owner()).await;
    let subscribed = socket.ask(&since).await;
    assert_ne!(subscribed["epoch"], first["epoch"]);
    assert_eq!(socket.next().await["why"], "epoch");
}

#[tokio::test]
async fn who_does_not_read_events_is_dropped_when_the_window_has_passed() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    subscribe(&mut socket, json!(["state"])).await;
    let name = "x".repeat(2_000);
    let changes = json!({"added": [{"type": "object", "name": name}]});
    let state = json!({"t": "state", "state": {"revision": 1}, "changes": changes});
    // More than the window, the outbox and the system's own buffers hold.
    let sent = hub::limits::FEED_WINDOW_EVENTS * 21 / 20;
    for _ in 0..sent {
        bridge.send(&state).await;
    }
    bridge.round_trip().await;
    // Either it was looked after since, or its reading finds the window gone. Its last word waits a few seconds for a
    // reader: where all this took longer, it has gone without one.
    let (closed, frames) = socket.until_dropped().await;
    assert!(frames < sent, "all {frames} events waited for it");
    if let Some((code, reason)) = closed {
        assert_eq!(code, 4429, "{reason} after {frames}");
        assert!(reason.contains("moved past it"), "{reason}");
    }
}

#[tokio::test]
async fn the_feed_as_a_stream_of_events() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut stream = house
        .owner()
        .events("GET", "/v1/events?topics=state,calls", "")
        .await;
    let (name, resync) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &resync["why"]), ("resync", &json!("start")));
    assert_eq!(resync["calls"], json!([]));
    states(&bridge, 2).await;
    let (name, event) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &event["revision"]), ("state", &json!(0)));
    drop(stream);
    states(&bridge, 1).await;
    // As a browser's EventSource comes back.
    let id = format!("{}-{}", event["epoch"].as_str().unwrap(), event["seq"]);
    let headers = [
        ("accept", "text/event-stream"),
        ("last-event-id", id.as_str()),
    ];
    let owner = house.owner();
    let head = owner.head("GET", "/v1/events?topics=state", &headers, None);
    let mut socket = tokio::net::TcpStream::connect(house.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    while text.matches("event: state").count() < 2 {
        let mut buffer = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut socket, &mut buffer);
        let count = testkit::capped("the missed events", read).await.unwrap();
        assert!(count > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(!text.contains("resync"), "{text}");
    let next = format!(
        "id: {}-{}",
        event["epoch"].as_str().unwrap(),
        event["seq"].as_u64().unwrap() + 1
    );
    assert!(text.contains(&next), "{text}");
    for (path, shape) in [
        ("/v1/events?topics=cals", "400 arguments_invalid"),
        ("/v1/events?topics=call:call_x", "404 call_unknown"),
        ("/v1/events?since=4", "400 arguments_invalid"),
        ("/v1/events?toipcs=calls", "400 arguments_invalid"),
    ] {
        assert_eq!(crate::shape(&owner.get(path).await), shape, "{path}");
    }
    let writer = house.caller("writer", &["write"], &[]).await;
    assert_eq!(
        crate::shape(&writer.get("/v1/events").await),
        "403 forbidden"
    );
}

#[tokio::test]
async fn a_stream_ends_with_the_hub() {
    let house = House::open().await;
    let mut stream = house.owner().events("GET", "/v1/events", "").await;
    stream.next().await.unwrap();
    house.hub.hub.begin_stop();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn one_call_as_a_topic() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let one = house.hub.ask("toy.echo", json!({}));
    let two = house.hub.ask("toy.echo", json!({}));
    let mut socket = Socket::of(&house.owner()).await;
    let (_, resync) = subscribe(&mut socket, json!([format!("call:{}", two.id)])).await;
    assert_eq!(resync["calls"][0]["call_id"], json!(two.id));
    assert_eq!(resync["calls"].as_array().unwrap().len(), 1);
    assert_eq!(resync.get("instances"), None);
    for _ in 0..2 {
        let sent = bridge.next_call().await;
        bridge.answer(&sent.id, json!(1)).await;
    }
    let started = socket.next().await;
    assert_eq!(
        (&started["event"], &started["call_id"]),
        (&json!("call_started"), &json!(two.id))
    );
    assert_eq!(socket.next().await["event"], "call_ended");
    house.hub.end_of(&one).await;
    // What has ended is told at the start too.
    let (_, resync) = subscribe(&mut socket, json!([format!("call:{}", one.id)])).await;
    assert_eq!(resync["calls"][0]["status"], "succeeded");
}
