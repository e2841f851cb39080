//! The envelope dialect: the same calls, written another way, over HTTP and the WebSocket.

use serde_json::{Value, json};
use testkit::{Dial, Reply};

use crate::socket::Socket;
use crate::{House, call};

fn message(kind: &str, payload: Value, metadata: Value) -> Value {
    json!({"type": kind, "payload": payload, "metadata": metadata})
}

fn to(target: &str) -> Value {
    json!({"timestamp": 0, "source": "test", "target": target, "correlationId": "c-1"})
}

#[tokio::test]
async fn a_call_in_an_envelope_has_the_outcome_of_any_other() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let owner = house.owner();
    let plain = owner
        .post("/v1/calls", &call("toy.echo", json!({"data": 3})))
        .await
        .json();
    for target in ["toy", plain["instance"].as_str().unwrap()] {
        let body = message(
            "execute",
            json!({"command": "toy.echo", "args": {"data": 3}}),
            to(target),
        );
        let answer = owner.post("/v1/envelope", &body).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["type"]),
            (200, &json!("result")),
            "{told}"
        );
        for member in ["value", "status", "instance", "changes", "caller"] {
            assert_eq!(told["payload"][member], plain[member], "{member}");
        }
        assert_eq!(told["payload"]["correlation_id"], "c-1");
        assert_eq!(told["metadata"]["correlationId"], "c-1");
        assert_eq!(told["metadata"]["target"], "test");
        assert_eq!(told["metadata"]["source"], plain["instance"]);
    }
}

#[tokio::test]
async fn what_is_refused_is_an_error_with_the_status_of_its_problem() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let owner = house.owner();
    let viewer = house.caller("viewer", &["read"], &[]).await;
    let careful = house
        .caller(
            "careful",
            &["read", "write", "destructive"],
            &["destructive"],
        )
        .await;
    let run = |command: &str| {
        let args = match command {
            "toy.make" => json!({"kind": "ball"}),
            "toy.delete" => json!({"name": "ball"}),
            _ => json!({}),
        };
        message(
            "execute",
            json!({"command": command, "args": args}),
            to("toy"),
        )
    };
    for (client, body, status, code) in [
        (&owner, run("toy.nothing"), 404, "command_unknown"),
        (
            &owner,
            message("execute", json!({"command": "toy.echo"}), to("toaster")),
            404,
            "instance_unknown",
        ),
        (
            &owner,
            message("execute", json!({"command": "toy.echo"}), json!({})),
            400,
            "arguments_invalid",
        ),
        (
            &owner,
            message("query", json!({"command": "toy.make"}), to("toy")),
            400,
            "arguments_invalid",
        ),
        (
            &owner,
            message("terminate", json!({}), json!({})),
            400,
            "arguments_invalid",
        ),
        (
            &owner,
            message("terminate", json!({"callId": "x"}), json!({})),
            400,
            "body_malformed",
        ),
        (
            &owner,
            message("dance", json!({}), json!({})),
            400,
            "body_malformed",
        ),
        (&viewer, run("toy.make"), 403, "forbidden"),
        (
            &viewer,
            message("terminate", json!({}), to("toy")),
            403,
            "forbidden",
        ),
        (&careful, run("toy.delete"), 409, "confirmation_required"),
    ] {
        let answer = client.post("/v1/envelope", &body).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["type"], &told["payload"]["code"]),
            (status, &json!("error"), &json!(code)),
            "{body}: {told}"
        );
        assert!(told["payload"]["hint"].is_string(), "{told}");
    }
    let stranger = house
        .stranger()
        .post("/v1/envelope", &run("toy.echo"))
        .await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn init_query_and_terminate_do_what_their_routes_do() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let owner = house.owner();
    let ask = async |kind: &str, payload: Value, metadata: Value| {
        owner
            .post("/v1/envelope", &message(kind, payload, metadata))
            .await
            .json()
    };
    let welcome = ask("init", json!({}), json!({})).await;
    assert_eq!(
        (&welcome["type"], &welcome["payload"]["caller"]),
        (&json!("result"), &json!("owner"))
    );
    assert!(
        welcome["payload"]["instances"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    );
    let there = ask("init", json!({}), to("toy")).await;
    assert_eq!(there["payload"]["new"], false, "{there}");
    let all = ask("query", json!({}), json!({})).await;
    assert!(all["payload"]["apps"].is_array());
    let read = ask("query", json!({"command": "toy.echo"}), to("toy")).await;
    assert_eq!(read["type"], "result", "{read}");
    assert_eq!(
        ask("heartbeat", json!({}), json!({})).await["type"],
        "heartbeat"
    );
    let gone = ask(
        "terminate",
        json!({"call_id": "call_00000000000000000000000000"}),
        json!({}),
    )
    .await;
    assert_eq!(gone["payload"]["code"], "call_unknown");
    let id = &read["payload"]["call_id"];
    let beginning = &id.as_str().unwrap()[..20];
    let ended = ask("terminate", json!({"call_id": beginning}), json!({})).await;
    assert_eq!(&ended["payload"]["call_id"], id, "{ended}");
    let stopped = ask("terminate", json!({}), to("toy")).await;
    assert_eq!(stopped["payload"]["stopped"], "toy", "{stopped}");
}

#[tokio::test]
async fn over_the_websocket_a_call_is_told_as_updates_and_a_result() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let mut socket = Socket::open_at(house.address, "/v1/ws/envelope", &[])
        .await
        .unwrap();
    let token = house.owner().token.unwrap();
    let init = message(
        "init",
        json!({"token": token}),
        json!({"correlationId": "i"}),
    );
    let welcome = socket.ask_for("i", &init).await;
    assert_eq!(
        (&welcome["type"], &welcome["metadata"]["correlationId"]),
        (&json!("result"), &json!("i"))
    );
    socket
        .send(&message(
            "execute",
            json!({"command": "toy.echo"}),
            to("toy"),
        ))
        .await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    bridge.progress(&sent.id, 0.5, "half").await;
    bridge.answer(&sent.id, json!(5)).await;
    let mut events = Vec::new();
    let result = loop {
        let told = socket.next().await;
        // What becomes of the instance is told beside.
        if told["metadata"]["correlationId"] != "c-1" {
            assert!(
                ["state_update", "heartbeat"].contains(&told["type"].as_str().unwrap()),
                "{told}"
            );
            continue;
        }
        match told["type"].as_str() {
            Some("state_update") => {
                events.push(told["payload"]["event"].as_str().unwrap().to_owned());
            }
            _ => break told,
        }
    };
    assert_eq!(
        (&result["type"], &result["payload"]["value"]),
        (&json!("result"), &json!(5))
    );
    assert_eq!(
        events.first().map(String::as_str),
        Some("call_queued"),
        "{events:?}"
    );
    assert!(
        events.iter().any(|event| event == "call_progress"),
        "{events:?}"
    );
    let error = socket
        .ask_for(
            "c-2",
            &message(
                "execute",
                json!({"command": "toy.nothing"}),
                json!({"target": "toy", "correlationId": "c-2"}),
            ),
        )
        .await;
    assert_eq!(
        (&error["type"], &error["payload"]["code"]),
        (&json!("error"), &json!("command_unknown"))
    );
    let unread = socket
        .ask_for(
            "c-3",
            &json!({"type": "dance", "metadata": {"correlationId": "c-3"}}),
        )
        .await;
    assert_eq!(unread["payload"]["code"], "body_malformed");
    socket
        .send(&message("terminate", json!({}), json!({})))
        .await;
    let ((code, _), _) = socket.until_closed().await;
    assert_eq!(code, 1000);
}

#[tokio::test]
async fn a_watcher_is_told_of_new_states_of_what_it_named() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let bearer = format!("Bearer {}", house.owner().token.unwrap());
    let headers = [("authorization", bearer.as_str())];
    let mut socket = Socket::open_at(house.address, "/v1/ws/envelope", &headers)
        .await
        .unwrap();
    socket.send(&message("init", json!({}), to("toy"))).await;
    loop {
        if socket.next().await["type"] == "result" {
            break;
        }
    }
    bridge.state(json!({"revision": 7, "dirty": true})).await;
    let told = loop {
        let told = socket.next().await;
        if told["payload"]["event"] == "state" {
            break told;
        }
    };
    assert_eq!(told["type"], "state_update");
    assert_eq!(
        (&told["payload"]["revision"], &told["metadata"]["source"]),
        (&json!(7), &json!("toy"))
    );
}

#[tokio::test]
async fn nobody_comes_in_by_this_door_who_could_not_by_the_others() {
    let house = House::open().await;
    let evil = [("origin", "http://evil.example")];
    assert_eq!(
        Socket::open_at(house.address, "/v1/ws/envelope", &evil)
            .await
            .err(),
        Some(403)
    );
    let refused = [("authorization", "Bearer nonsense")];
    assert_eq!(
        Socket::open_at(house.address, "/v1/ws/envelope", &refused)
            .await
            .err(),
        Some(401)
    );
    for first in [
        message("init", json!({"token": "nonsense"}), json!({})),
        message("init", json!({}), json!({})),
        message("query", json!({}), json!({})),
        json!({"type": "hello", "token": house.owner().token.unwrap()}),
    ] {
        let mut socket = Socket::open_at(house.address, "/v1/ws/envelope", &[])
            .await
            .unwrap();
        socket.send(&first).await;
        let ((code, reason), before) = socket.until_closed().await;
        assert_eq!(code, 4401, "{first}: {reason}");
        assert_eq!(
            (&before[0]["type"], &before[0]["payload"]["code"]),
            (&json!("error"), &json!("unauthenticated"))
        );
    }
}

#[tokio::test]
async fn a_part_of_the_state_goes_to_a_bridge_that_takes_it() {
    let house = House::open().await;
    let _toy = house.echo().await;
    let owner = house.owner();
    let refused = owner
        .patch("/v1/instances/toy/state", &json!({"a": 1}))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "not_supported")
    );
    let spec = json!({"name": "state.update", "summary": "Takes a part of the state.", "effect": "write",
        "args": {"type": "object", "required": ["state"], "properties": {"state": {"type": "object"}}}});
    let dial = Dial::new(&house.hub)
        .app("lamp")
        .name("lamp")
        .commands(vec![serde_json::from_value(spec).unwrap()]);
    let _lamp = dial
        .connect(|call| Reply::Value(json!(*call.args)))
        .await
        .unwrap();
    let taken = owner
        .patch("/v1/instances/lamp/state", &json!({"on": true}))
        .await;
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(taken.json()["value"], json!({"state": {"on": true}}));
    let viewer = house.caller("viewer", &["read"], &[]).await;
    assert_eq!(
        viewer
            .patch("/v1/instances/lamp/state", &json!({}))
            .await
            .status,
        403
    );
    assert_eq!(
        owner
            .patch("/v1/instances/nobody/state", &json!({}))
            .await
            .status,
        404
    );
}
