//! The WebSocket door: who may come in, calls and their ends, garbage, slow readers, the hub's stop.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Dial, Reply};
use tokio_tungstenite::tungstenite::Message;
use wire::CallId;

use crate::socket::Socket;
use crate::{House, call, with};

/// The same call as a frame.
fn frame(id: &str, call: Value) -> Value {
    with(with(call, "type", json!("call")), "id", json!(id))
}

#[tokio::test]
async fn a_token_in_the_first_frame_or_in_the_header_opens_it() {
    let house = House::open().await;
    let owner = house.owner();
    let token = owner.token.clone().unwrap();
    let mut socket = Socket::open(house.address, &[]).await.unwrap();
    let welcome = socket
        .ask(&json!({"type": "hello", "id": 1, "token": token}))
        .await;
    assert_eq!(
        (&welcome["type"], &welcome["caller"]),
        (&json!("welcome"), &json!("owner"))
    );
    assert!(welcome["epoch"].is_string() && welcome["seq"].is_u64());
    let bearer = format!("Bearer {token}");
    let own = format!("http://{}", house.address);
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("authorization", bearer.as_str()), ("origin", own.as_str())],
    ] {
        let mut socket = Socket::open(house.address, &headers).await.unwrap();
        assert_eq!(socket.next().await["type"], "welcome");
        assert_eq!(
            socket.ask(&json!({"type": "ping", "id": "p"})).await["type"],
            "pong"
        );
    }
}

#[tokio::test]
async fn nobody_else_comes_in() {
    let house = House::open().await;
    let token = house.owner().token.unwrap();
    let bearer = format!("Bearer {token}");
    let foreign: [&[(&str, &str)]; 4] = [
        &[
            ("authorization", &bearer),
            ("origin", "http://evil.example"),
        ],
        &[("authorization", &bearer), ("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("authorization", &bearer), ("host", "evil.example")],
    ];
    for headers in foreign {
        assert_eq!(
            Socket::open(house.address, headers).await.err(),
            Some(403),
            "{headers:?}"
        );
    }
    let refused = Socket::open(house.address, &[("authorization", "Bearer nonsense")]).await;
    assert_eq!(refused.err(), Some(401));
    for first in [
        json!({"type": "hello", "token": "nonsense"}).to_string(),
        json!({"type": "hello"}).to_string(),
        json!({"type": "ping"}).to_string(),
        "garbage".to_owned(),
    ] {
        let mut socket = Socket::open(house.address, &[]).await.unwrap();
        socket.send_text(&first).await;
        let ((code, reason), before) = socket.until_closed().await;
        assert_eq!(code, 4401, "{first}: {reason}");
        assert_eq!(before[0]["problem"]["code"], "unauthenticated", "{first}");
    }
    // Not a WebSocket at all.
    let answer = house.owner().get("/v1/ws").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "arguments_invalid")
    );
}

#[tokio::test]
async fn who_says_no_hello_in_time_is_closed_with_the_reason() {
    let house = House::open().await;
    let mut socket = Socket::open(house.address, &[]).await.unwrap();
    let ((code, reason), before) = socket.until_closed().await;
    assert_eq!(code, 4408);
    assert!(
        reason.contains("hello") && reason.contains("5 s"),
        "{reason}"
    );
    assert_eq!(before[0]["problem"]["code"], "unauthenticated");
}

#[tokio::test]
async fn a_call_is_told_from_accepted_to_its_outcome() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    let accepted = socket.ask(&frame("a", call("toy.echo", json!({})))).await;
    assert_eq!(
        (&accepted["type"], &accepted["status"]),
        (&json!("accepted"), &json!("queued"))
    );
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    let started = socket.next().await;
    assert_eq!(
        (&started["type"], &started["id"]),
        (&json!("started"), &json!("a"))
    );
    bridge.output(&sent.id, "printed\n").await;
    let output = socket.next().await;
    assert_eq!(
        (&output["type"], &output["stream"], &output["text"]),
        (&json!("output"), &json!("stdout"), &json!("printed\n"))
    );
    bridge.progress(&sent.id, 0.5, "half").await;
    let progress = socket.next().await;
    assert_eq!(
        progress["progress"],
        json!({"fraction": 0.5, "text": "half"})
    );
    bridge
        .end(&sent.id, testkit::succeeded(json!({"n": 1})))
        .await;
    let mut outcome = socket.next().await;
    assert_eq!(
        (&outcome["type"], &outcome["id"]),
        (&json!("outcome"), &json!("a"))
    );
    // But for the frame around it, it is what HTTP answers.
    let path = format!("/v1/calls/{}", sent.id);
    let mut over_http = house.owner().get(&path).await.json();
    // A look at a call tells what was asked, too.
    let asked = over_http.as_object_mut().unwrap().remove("args");
    assert_eq!(asked, Some(json!({"text": "hello"})));
    let frame = outcome.as_object_mut().unwrap();
    frame.remove("type");
    frame.remove("id");
    assert_eq!(outcome, over_http);
}

#[tokio::test]
async fn a_thousand_calls_in_one_go() {
    const CALLS: usize = 1_000;
    let house = House::open().await;
    let _bridge = house.echo().await;
    let mut socket = Socket::of(&house.owner()).await;
    for number in 0..CALLS {
        let text = number.to_string();
        socket
            .send(&frame(&text, call("toy.echo", json!({"text": text}))))
            .await;
    }
    let mut ended = vec![false; CALLS];
    let mut accepted = 0;
    while ended.iter().any(|ended| !ended) {
        let frame = socket.next().await;
        match frame["type"].as_str().unwrap() {
            "accepted" => accepted += 1,
            "outcome" => {
                let number: usize = frame["id"].as_str().unwrap().parse().unwrap();
                assert_eq!(
                    frame["value"]["text"], frame["id"],
                    "the answer to its own call"
                );
                assert!(
                    !std::mem::replace(&mut ended[number], true),
                    "{number} twice"
                );
            }
            "started" | "queued" => {}
            other => panic!("{other}: {frame}"),
        }
    }
    assert_eq!(accepted, CALLS);
}

#[tokio::test]
async fn what_cannot_run_is_a_problem_with_the_id() {
    let house = House::open().await;
    let mut socket = Socket::of(&house.owner()).await;
    for (body, code) in [
        (call("toy.ecko", json!({})), "command_unknown"),
        (
            with(call("toy.echo", json!({})), "app", json!("tyo")),
            "app_unknown",
        ),
        (
            call("toy.make", json!({"kind": "cube"})),
            "arguments_invalid",
        ),
        (call("toy.echo", json!({})), "no_instance"),
        (
            with(call("toy.echo", json!({})), "tiemout", json!(1)),
            "body_malformed",
        ),
    ] {
        let answer = socket.run(&body).await;
        assert_eq!(answer["type"], "problem", "{answer}");
        assert_eq!(answer["problem"]["code"], code, "{answer}");
    }
}

#[tokio::test]
async fn check_only_all_instances_and_no_wait() {
    let house = House::open().await;
    let _left = house.bridge("left", |_| Reply::Value(json!("l"))).await;
    let _right = house.bridge("right", |_| Reply::Value(json!("r"))).await;
    let mut socket = Socket::of(&house.owner()).await;
    let all = with(call("toy.echo", json!({})), "instance", json!("*"));
    let checked = socket
        .run(&with(all.clone(), "check_only", json!(true)))
        .await;
    assert_eq!(
        (&checked["type"], &checked["instance"]),
        (&json!("checked"), &json!(["left", "right"]))
    );
    let accepted = socket.ask(&frame("all", all)).await;
    assert_eq!(accepted["calls"].as_array().unwrap().len(), 2);
    let mut values = [
        socket.next_of("outcome").await,
        socket.next_of("outcome").await,
    ]
    .map(|outcome| outcome["value"].as_str().unwrap().to_owned());
    values.sort();
    assert_eq!(values, ["l", "r"]);
    let quiet = with(
        with(call("toy.echo", json!({})), "instance", json!("left")),
        "wait",
        json!(false),
    );
    let accepted = socket.ask(&frame("quiet", quiet)).await;
    let get =
        json!({"type": "get", "id": "get", "call_id": accepted["call_id"], "wait_ms": 20_000});
    // The next thing that comes is the answer to `get`: the call itself tells nothing more.
    socket.send(&get).await;
    let got = socket.next().await;
    assert_eq!(
        (&got["type"], &got["id"], &got["status"]),
        (&json!("call"), &json!("get"), &json!("succeeded"))
    );
}

#[tokio::test]
async fn a_call_can_be_cancelled_and_looked_at() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    let accepted = socket.ask(&frame("a", call("toy.echo", json!({})))).await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    assert_eq!(socket.next().await["type"], "started");
    let id = accepted["call_id"].clone();
    let got = socket
        .ask(&json!({"type": "get", "id": "g", "call_id": id}))
        .await;
    assert_eq!(
        (&got["type"], &got["status"]),
        (&json!("call"), &json!("running"))
    );
    socket
        .send(&json!({"type": "cancel", "id": "c", "call_id": id}))
        .await;
    let mut both = [socket.next().await, socket.next().await];
    both.sort_by_key(|frame| frame["id"].to_string());
    assert_eq!(
        (&both[0]["type"], &both[0]["status"]),
        (&json!("outcome"), &json!("cancelled"))
    );
    assert_eq!(
        (&both[1]["type"], &both[1]["status"]),
        (&json!("call"), &json!("cancelled"))
    );
    for kind in ["get", "cancel"] {
        let answer = socket
            .ask(&json!({"type": kind, "id": "x", "call_id": "call_x"}))
            .await;
        assert_eq!(answer["problem"]["code"], "call_unknown", "{kind}");
    }
    let whole = id.as_str().unwrap();
    let subscribed = socket
        .ask(&json!({"type": "subscribe", "id": "s", "topics": [format!("call:{}", &whole[..20])]}))
        .await;
    assert_eq!(
        subscribed["topics"],
        json!([format!("call:{whole}")]),
        "{subscribed}"
    );
}

#[tokio::test]
async fn who_leaves_cancels_nothing() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    socket.ask(&frame("a", call("toy.echo", json!({})))).await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    drop(socket);
    bridge.round_trip().await;
    bridge.end(&sent.id, testkit::succeeded(json!("on"))).await;
    let path = format!("/v1/calls/{}?wait_ms=20000", sent.id);
    assert_eq!(house.owner().get(&path).await.json()["value"], "on");
    assert!(bridge.cancels().is_empty());
}

#[tokio::test]
async fn waiting_calls_hear_how_their_place_changes() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    let body = call("toy.echo", json!({})).to_string();
    let mut places = Vec::new();
    // Many more than a bridge is given ahead of their turn.
    for number in 0..60 {
        let accepted = socket
            .ask(&frame(&number.to_string(), call("toy.echo", json!({}))))
            .await;
        places.push(accepted["position"].clone());
    }
    let mut events = house.owner().events("POST", "/v1/calls", &body).await;
    let first = events.next().await.unwrap().1;
    assert!(first["position"].as_u64().unwrap() > 0, "{first}");
    for _ in 0..3 {
        let sent = bridge.next_call().await;
        bridge.answer(&sent.id, json!(1)).await;
    }
    let (name, moved) = events.next().await.unwrap();
    assert_eq!(name, "queued");
    assert!(
        moved["position"].as_u64() < first["position"].as_u64(),
        "{moved}"
    );
    let queued = socket.next_of("queued").await;
    assert_eq!(queued["status"], "queued");
}

#[tokio::test]
async fn garbage_is_answered_and_the_connection_goes_on() {
    let house = House::open().await;
    let mut socket = Socket::of(&house.owner()).await;
    for garbage in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"type":"dance"}"#,
        r#"{"type":1}"#,
    ] {
        socket.send_text(garbage).await;
        let answer = socket.next().await;
        assert_eq!(answer["type"], "problem", "{garbage}");
        assert_eq!(answer["problem"]["code"], "body_malformed", "{garbage}");
        assert!(answer["problem"]["hint"].is_string());
    }
    for garbage in [
        &b""[..],
        b"\x00",
        b"\x01",
        b"\x01\xff\xff{}",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        assert!(socket.send_raw(Message::binary(garbage.to_vec())).await);
        assert_eq!(
            socket.next().await["problem"]["code"],
            "body_malformed",
            "{garbage:?}"
        );
    }
    let answer = socket.ask(&json!({"type": "get", "id": "mine"})).await;
    assert_eq!(answer["problem"]["code"], "body_malformed");
    assert_eq!(
        socket.ask(&json!({"type": "ping", "id": 3})).await["type"],
        "pong"
    );
}

#[tokio::test]
async fn a_message_over_the_bound_closes_it_with_the_reason() {
    let house = House::open().await;
    let mut socket = Socket::of(&house.owner()).await;
    let long = vec![b' '; doors::limits::WS_MESSAGE_BYTES_MAX + 1];
    // The hub stops reading at its head, and says so; the rest of it never leaves.
    let sending = socket.send_raw(Message::binary(long));
    tokio::time::timeout(Duration::from_secs(1), sending)
        .await
        .ok();
    let ((code, reason), _) = socket.until_closed().await;
    assert_eq!(code, 1009, "{reason}");
    assert!(reason.contains("blobs"), "{reason}");
}

#[tokio::test]
async fn a_slow_reader_is_dropped_with_the_reason_and_its_call_goes_on() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::of(&house.owner()).await;
    socket.ask(&frame("a", call("toy.echo", json!({})))).await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    let line = "x".repeat(1_000);
    // Nothing is read meanwhile. More than what waits at the most, and what two sockets hold.
    for _ in 0..doors::limits::WS_WAITING_MESSAGES_MAX + 1_000 {
        bridge.output(&sent.id, &line).await;
    }
    bridge.round_trip().await;
    let ((code, reason), _) = socket.until_closed().await;
    assert_eq!(code, 4429, "{reason}");
    assert!(
        reason.contains("slow reader") && reason.contains("calls carry on"),
        "{reason}"
    );
    bridge.end(&sent.id, testkit::succeeded(json!("on"))).await;
    let path = format!("/v1/calls/{}?wait_ms=20000", sent.id);
    assert_eq!(house.owner().get(&path).await.json()["value"], "on");
}

#[tokio::test]
async fn others_calls_need_the_scope_and_a_revoked_token_ends_it() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let asked = house
        .owner()
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "wait", json!(false)),
        )
        .await
        .json();
    let writer = house.caller("writer", &["write"], &["write"]).await;
    let mut socket = Socket::of(&writer).await;
    for message in [
        json!({"type": "get", "id": 1, "call_id": asked["call_id"]}),
        json!({"type": "cancel", "id": 1, "call_id": asked["call_id"]}),
        json!({"type": "subscribe", "id": 1, "topics": ["calls"]}),
        json!({"type": "subscribe", "id": 1, "topics": ["state"]}),
        json!({"type": "subscribe", "id": 1, "topics": [format!("call:{}", asked["call_id"].as_str().unwrap())]}),
        json!({"type": "blob_get", "id": 1, "blob": "sha256:x"}),
    ] {
        let answer = socket.ask(&message).await;
        assert_eq!(answer["problem"]["code"], "forbidden", "{message}");
    }
    let refused = socket.run(&call("toy.echo", json!({}))).await;
    assert_eq!(refused["problem"]["code"], "forbidden");
    // A person is asked first; the value goes back with the same call.
    let make = call("toy.make", json!({"kind": "top"}));
    let asks = socket.run(&make).await;
    assert_eq!(asks["problem"]["code"], "confirmation_required");
    let confirm = asks["problem"]["details"]["confirm"].clone();
    let accepted = socket
        .ask(&frame("yes", with(make, "confirm", confirm)))
        .await;
    assert_eq!(accepted["type"], "accepted", "{accepted}");
    bridge.next_call().await;
    let own = accepted["call_id"].as_str().unwrap();
    let subscribed = socket
        .ask(&json!({"type": "subscribe", "id": 2, "topics": [format!("call:{own}")]}))
        .await;
    assert_eq!(subscribed["type"], "subscribed");
    let gone = house.owner().delete("/v1/tokens/writer").await;
    assert_eq!(gone.status, 200);
    socket.send(&json!({"type": "ping"})).await;
    let ((code, _), before) = socket.until_closed().await;
    assert_eq!(code, 4401);
    assert_eq!(before.last().unwrap()["problem"]["code"], "unauthenticated");
    bridge
        .answer(&CallId::from(own.to_owned()), json!("on"))
        .await;
    let path = format!("/v1/calls/{own}?wait_ms=20000");
    house.owner().get(&path).await;
}

#[tokio::test]
async fn when_the_hub_stops_ends_are_told_and_then_the_reason() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut idle = Socket::of(&house.owner()).await;
    let mut busy = Socket::of(&house.owner()).await;
    busy.ask(&frame("a", call("toy.echo", json!({})))).await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    assert_eq!(busy.next().await["type"], "started");
    house.hub.hub.stop().await;
    let ((code, reason), _) = idle.until_closed().await;
    assert_eq!((code, reason.as_str()), (1001, "the hub is shutting down"));
    let ((code, _), before) = busy.until_closed().await;
    assert_eq!(code, 1001);
    assert_eq!(
        before.last().unwrap()["status"],
        "interrupted",
        "{before:?}"
    );
}

/// With the runtime's clock: it takes nothing, and says nothing either.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_takes_nothing_is_cut_off_in_time() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let mut socket = Socket::of(&house.owner()).await;
    socket
        .ask(&json!({"type": "subscribe", "id": 1, "topics": ["calls", "instances"]}))
        .await;
    for _ in 0..2_000 {
        house.hub.run("toy.echo", json!({})).await;
    }
    tokio::time::sleep(doors::limits::WS_SILENCE_MAX * 2).await;
    // What two sockets hold is still there; then it ends, with a reason if there is room for one.
    let events = socket.until_gone().await;
    assert!((1..4_000).contains(&events), "{events}");
    drop(bridge);
}
