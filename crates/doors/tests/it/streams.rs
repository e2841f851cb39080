//! Calls as streams of events: everything that happens, in the order in which it happened, to the end.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Dial, Reply};
use wire::CallId;

use crate::socket::Socket;
use crate::{House, call, shape, with};

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_call_is_told_from_its_queue_to_its_end() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let body = call("toy.echo", json!({})).to_string();
    let mut events = house.owner().events("POST", "/v1/calls", &body).await;
    let (name, queued) = events.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &queued["status"]),
        ("queued", &json!("queued"))
    );
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    assert_eq!(events.next().await.unwrap().0, "started");
    for step in 1..=3 {
        bridge.output(&sent.id, &format!("line {step}\n")).await;
        bridge
            .progress(&sent.id, f64::from(step) / 4.0, "on it")
            .await;
        // It is there before the end: nothing waits for the outcome.
        let (name, output) = events.next().await.unwrap();
        assert_eq!(
            (name.as_str(), &output["text"]),
            ("output", &json!(format!("line {step}\n")))
        );
        assert_eq!(output["stream"], "stdout");
        let (name, progress) = events.next().await.unwrap();
        assert_eq!(
            (name.as_str(), &progress["progress"]["fraction"]),
            ("progress", &json!(f64::from(step) / 4.0))
        );
        assert_eq!(progress["call_id"], queued["call_id"]);
    }
    bridge
        .end(&sent.id, testkit::succeeded(json!("done")))
        .await;
    let rest = events.rest().await;
    assert_eq!(names(&rest), ["ended"]);
    assert_eq!(
        (&rest[0].1["value"], &rest[0].1["call_id"]),
        (&json!("done"), &queued["call_id"])
    );
}

#[tokio::test]
async fn quick_calls_lose_nothing() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    for _ in 0..50 {
        let body = call("toy.echo", json!({"text": "quick"})).to_string();
        let events = house
            .owner()
            .events("POST", "/v1/calls", &body)
            .await
            .rest()
            .await;
        let names = names(&events);
        assert_eq!(names.last(), Some(&"ended"));
        assert_eq!(names.iter().filter(|name| **name == "ended").count(), 1);
        assert_eq!(
            names.iter().filter(|name| **name == "started").count(),
            1,
            "{names:?}"
        );
        assert_eq!(events.last().unwrap().1["value"]["text"], "quick");
    }
}

#[tokio::test]
async fn what_never_runs_is_a_problem_and_no_stream() {
    let house = House::open().await;
    let headers = [
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
    ];
    let body = call("toy.ecko", json!({})).to_string();
    let answer = house
        .owner()
        .send("POST", "/v1/calls", &headers, body.as_bytes())
        .await;
    assert_eq!(shape(&answer), "404 command_unknown");
    let answer = house
        .owner()
        .send("GET", "/v1/calls/call_x/events", &headers, b"")
        .await;
    assert_eq!(shape(&answer), "404 call_unknown");
}

#[tokio::test]
async fn a_call_can_be_followed_later_by_several() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let owner = house.owner();
    let asked = owner
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "wait", json!(false)),
        )
        .await
        .json();
    let id = CallId::from(asked["call_id"].as_str().unwrap().to_owned());
    let path = format!("/v1/calls/{id}/events");
    let mut one = owner.events("GET", &path, "").await;
    let mut two = owner.events("GET", &path, "").await;
    for events in [&mut one, &mut two] {
        assert_eq!(events.next().await.unwrap().1["call_id"], asked["call_id"]);
    }
    bridge.answer(&id, json!(7)).await;
    for mut events in [one, two] {
        let rest = events.rest().await;
        assert_eq!(rest.last().unwrap().1["value"], 7);
        assert_eq!(names(&rest), ["started", "ended"]);
    }
    // One that has ended is told by its end alone.
    assert_eq!(
        names(&owner.events("GET", &path, "").await.rest().await),
        ["ended"]
    );
}

#[tokio::test]
async fn others_hear_a_call_without_its_secrets() {
    const TOKEN: &str = "ghp_Abcdefghij0123456789Abcd";
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let maker = house.caller("maker", &["write", "read"], &[]).await;
    let wanted = with(call("toy.echo", json!({})), "wait", json!(false));
    let asked = maker.post("/v1/calls", &wanted).await.json();
    let id = asked["call_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/calls/{id}/events");
    let mut own = maker.events("GET", &path, "").await;
    let mut others = house.owner().events("GET", &path, "").await;
    for events in [&mut own, &mut others] {
        events.next().await.unwrap();
    }
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    let said = format!("the token is {TOKEN}");
    bridge.progress(&sent.id, 0.5, &said).await;
    bridge.round_trip().await;
    let views = [
        (maker.get(&format!("/v1/calls/{id}")).await.json(), true),
        (
            house.owner().get(&format!("/v1/calls/{id}")).await.json(),
            false,
        ),
    ];
    for (view, is_own) in views {
        let told = view["progress"]["text"].as_str().unwrap();
        assert_eq!(told == said, is_own, "{told}");
    }
    bridge.output(&sent.id, &said).await;
    let mut end = testkit::succeeded(json!({"token": TOKEN}));
    end["output"]["stdout"] = json!(said);
    bridge.end(&sent.id, end).await;
    for (mut events, is_own) in [(own, true), (others, false)] {
        let rest = events.rest().await;
        assert_eq!(names(&rest), ["started", "progress", "output", "ended"]);
        for (name, data) in &rest[1..] {
            assert_eq!(data.to_string().contains(TOKEN), is_own, "{name}: {data}");
        }
    }
    let mut socket = Socket::of(&house.owner()).await;
    let topic = format!("call:{id}");
    socket
        .send(&json!({"type": "subscribe", "id": "s", "topics": [topic]}))
        .await;
    let resync = socket.next_of("resync").await.to_string();
    assert!(resync.contains(&id) && !resync.contains(TOKEN), "{resync}");
    let cancelled = house
        .owner()
        .delete(&format!("/v1/calls/{id}"))
        .await
        .json();
    assert!(!cancelled.to_string().contains(TOKEN), "{cancelled}");
}

#[tokio::test]
async fn who_leaves_the_stream_cancels_nothing() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let body = call("toy.echo", json!({})).to_string();
    let mut events = house.owner().events("POST", "/v1/calls", &body).await;
    events.next().await.unwrap();
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    drop(events);
    bridge.round_trip().await;
    bridge.end(&sent.id, testkit::succeeded(json!("on"))).await;
    let view = house
        .owner()
        .get(&format!("/v1/calls/{}?wait_ms=20000", sent.id))
        .await
        .json();
    assert_eq!(
        (&view["status"], &view["value"]),
        (&json!("succeeded"), &json!("on"))
    );
    assert!(bridge.cancels().is_empty());
}

#[tokio::test]
async fn all_instances_in_one_stream() {
    let house = House::open().await;
    let _one = house.bridge("left", |_| Reply::Value(json!("l"))).await;
    let _two = house
        .bridge("right", |_| {
            Reply::After(Duration::from_millis(50), json!("r"))
        })
        .await;
    let body = with(call("toy.echo", json!({})), "instance", json!("*")).to_string();
    let events = house
        .owner()
        .events("POST", "/v1/calls", &body)
        .await
        .rest()
        .await;
    let ends: Vec<_> = events
        .iter()
        .filter(|(name, _)| name == "ended")
        .map(|(_, call)| call["value"].clone())
        .collect();
    assert_eq!(ends, [json!("l"), json!("r")]);
}

#[tokio::test]
async fn a_flood_of_output_is_told_or_said_to_be_missed() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let body = call("toy.echo", json!({})).to_string();
    let mut events = house.owner().events("POST", "/v1/calls", &body).await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    let total = 20_000_u64;
    for number in 0..total {
        bridge.output(&sent.id, &format!("{number}\n")).await;
    }
    bridge.end(&sent.id, testkit::succeeded(json!("end"))).await;
    let events = events.rest().await;
    assert_eq!(events.last().unwrap().1["value"], "end");
    let told = events.iter().filter(|(name, _)| name == "output").count() as u64;
    let missed: u64 = events
        .iter()
        .filter(|(name, _)| name == "lagged")
        .filter_map(|(_, data)| data["missed"].as_u64())
        .sum();
    // `missed` counts events of the whole feed, so that it may be more than what is not told.
    assert!(told + missed >= total, "{told} told, {missed} missed");
    let numbers: Vec<u64> = events
        .iter()
        .filter(|(name, _)| name == "output")
        .filter_map(|(_, data)| data["text"].as_str()?.trim().parse().ok())
        .collect();
    assert!(numbers.is_sorted(), "in their order");
}
