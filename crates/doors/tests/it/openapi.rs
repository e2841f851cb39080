//! The OpenAPI document is whole, and what the routes answer has the form that it says.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};
use testkit::Dial;

use crate::socket::Socket;
use crate::{House, call, with};

/// A schema of the document, with all others in reach.
fn schema(document: &Value, name: &str) -> Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::validator_for(&whole).unwrap_or_else(|error| panic!("{name} is no schema: {error}"))
}

fn assert_fits(document: &Value, name: &str, value: &Value) {
    let errors: Vec<String> = schema(document, name)
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{value:#}");
}

fn each_reference(value: &Value, tell: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                tell(target);
            }
            map.values().for_each(|value| each_reference(value, tell));
        }
        Value::Array(items) => items.iter().for_each(|value| each_reference(value, tell)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let house = House::open().await;
    let document = house.owner().get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    each_reference(&document, &mut |target| {
        let pointer = target.strip_prefix('#').expect("references stay inside");
        assert!(
            document.pointer(pointer).is_some(),
            "{target} leads nowhere"
        );
    });
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        schema(&document, name);
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let own = item["parameters"].as_array().cloned().unwrap_or_default();
        let named: BTreeSet<&str> = own
            .iter()
            .filter(|one| one["in"] == "path")
            .filter_map(|one| one["name"].as_str())
            .collect();
        let in_path: BTreeSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        assert_eq!(named, in_path, "{path}");
        for (method, operation) in item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| *key != "parameters")
        {
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} has no id"));
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["summary"].is_string());
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses
                    .keys()
                    .any(|status| status.starts_with('2') || status == "101"),
                "{method} {path}"
            );
            assert_eq!(
                responses.contains_key("401"),
                path != "/healthz",
                "{method} {path}"
            );
        }
    }
    assert_eq!(document["paths"]["/healthz"]["get"]["security"], json!([]));
}

#[tokio::test]
async fn every_path_of_the_document_answers_and_no_other() {
    let house = House::open().await;
    let document = house.owner().get("/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in ["get", "put", "post", "delete", "patch"] {
            // They stop the hub, or never end.
            if (path == "/v1/stop" && method == "post") || (path == "/v1/events" && method == "get")
            {
                continue;
            }
            let json = [("content-type", "application/json")];
            let answer = house
                .owner()
                .send(&method.to_uppercase(), &path, &json, b"")
                .await;
            let is_known = answer.status != 404 || answer.code() != "route_unknown";
            assert_eq!(
                is_known,
                item.get(method).is_some(),
                "{method} {path}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn commands_are_in_it_with_their_arguments() {
    let house = House::open().await;
    let owner = house.owner();
    let document = owner.get("/openapi.json").await.json();
    let commands = owner.get("/v1/apps/toy/commands").await.json();
    for spec in commands["commands"].as_array().unwrap() {
        let name = format!("toy.{}", spec["name"].as_str().unwrap());
        assert_eq!(
            document["components"]["schemas"][&name]["properties"]["args"], spec["args"],
            "{name}"
        );
    }
    let good = call("toy.make", json!({"kind": "ball"}));
    assert_fits(&document, "CallRequest", &good);
    let request = schema(&document, "CallRequest");
    assert!(!request.is_valid(&call("toy.make", json!({"kind": "cube"}))));
    assert!(!request.is_valid(&with(good.clone(), "tiemout_ms", json!(1))));
    for (name, value) in [
        ("wait", json!(5)),
        ("instance", json!("*")),
        ("timeout_ms", json!(9)),
        ("confirm", Value::Null),
    ] {
        assert!(request.is_valid(&with(good.clone(), name, value)), "{name}");
    }
}

#[tokio::test]
async fn what_is_answered_has_the_form_that_it_says() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).name("toy").echo().await.unwrap();
    bridge.state(json!({"revision": 1, "file": null})).await;
    bridge.round_trip().await;
    let owner = house.owner();
    let document = owner.get("/openapi.json").await.json();
    let fits = |name: &str, value: &Value| assert_fits(&document, name, value);
    let ended = owner
        .post("/v1/calls", &call("toy.echo", json!({})))
        .await
        .json();
    fits("Call", &ended);
    let held = Dial::new(&house.hub).name("held").by_hand().await.unwrap();
    let later = with(
        with(call("toy.echo", json!({})), "instance", json!("held")),
        "wait",
        json!(false),
    );
    fits("Call", &owner.post("/v1/calls", &later).await.json());
    fits("Call", &owner.post("/v1/calls", &later).await.json());
    let all = with(
        with(call("toy.echo", json!({})), "instance", json!("*")),
        "wait",
        json!(1),
    );
    fits("Outcomes", &owner.post("/v1/calls", &all).await.json());
    let one = with(call("toy.echo", json!({})), "instance", json!("toy"));
    fits(
        "Checked",
        &owner
            .post("/v1/calls", &with(one, "check_only", json!(true)))
            .await
            .json(),
    );
    fits(
        "Problem",
        &owner
            .post("/v1/calls", &call("toy.ecko", json!({})))
            .await
            .json(),
    );
    for (path, name) in [
        ("/healthz", "Health"),
        ("/v1/calls", "History"),
        ("/v1/apps", "Apps"),
        ("/v1/apps/toy/commands", "Commands"),
        ("/v1/apps/toy/commands/toy.echo", "Command"),
        ("/v1/instances", "Instances"),
        ("/v1/instances/toy", "Instance"),
        ("/v1/instances/held", "Instance"),
        ("/v1/instances/toy/state", "State"),
        ("/v1/recovery", "Copies"),
    ] {
        fits(name, &owner.get(path).await.json());
    }
    let mut events = owner.events("GET", "/v1/events", "").await;
    let (name, resync) = events.next().await.unwrap();
    assert_eq!(name, "resync");
    fits("Resync", &resync);
    owner
        .post("/v1/calls", &with(later, "instance", json!("toy")))
        .await;
    bridge.state(json!({"revision": 2})).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 5 {
        let (name, event) = events.next().await.unwrap();
        fits("Event", &event);
        seen.insert(name);
    }
    fits("Blob", &owner.put("/v1/blobs", b"x").await.json());
    let token = json!({"name": "x", "scopes": ["read"], "ask": ["code"]});
    fits("NewToken", &owner.post("/v1/tokens", &token).await.json());
    fits("Tokens", &owner.get("/v1/tokens").await.json());
    fits("Stopped", &owner.delete("/v1/instances/toy").await.json());
    drop((bridge, held));
}

#[tokio::test]
async fn what_the_websocket_says_has_the_form_that_it_says() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).name("toy").by_hand().await.unwrap();
    let owner = house.owner();
    let document = owner.get("/openapi.json").await.json();
    let bearer = format!("Bearer {}", owner.token.clone().unwrap());
    let mut socket = Socket::open(house.address, &[("authorization", &bearer)])
        .await
        .unwrap();
    let mut seen = BTreeSet::new();
    let mut fits = |message: &Value| {
        assert_fits(&document, "Message", message);
        seen.insert(message["type"].as_str().unwrap().to_owned());
    };
    fits(&socket.next().await);
    let topics = json!(["calls", "instances", "state", "jobs"]);
    socket
        .send(&json!({"type": "subscribe", "id": "feed", "topics": topics}))
        .await;
    let asked = with(call("toy.echo", json!({})), "type", json!("call"));
    socket.send(&with(asked.clone(), "id", json!(1))).await;
    let sent = bridge.next_call().await;
    bridge.started(&sent.id).await;
    bridge.output(&sent.id, "printed\n").await;
    bridge.progress(&sent.id, 0.5, "half").await;
    bridge.answer(&sent.id, json!(1)).await;
    let mut last = Value::Null;
    while last["type"] != "outcome" {
        last = socket.next().await;
        fits(&last);
    }
    // One round trip each; what else is told in the meantime is looked at too.
    let id = last["call_id"].clone();
    for message in [
        json!({"type": "get", "call_id": id}),
        json!({"type": "get", "call_id": "call_x"}),
        json!({"type": "jobs"}),
        json!({"type": "job_queue", "app": "toy", "paused": false}),
        json!({"type": "ping"}),
        with(asked, "check_only", json!(true)),
    ] {
        socket.send(&with(message, "id", json!(7))).await;
        while last["id"] != 7 {
            last = socket.next().await;
            fits(&last);
        }
        last = Value::Null;
    }
    socket
        .send(&json!({"type": "unsubscribe", "id": "feed"}))
        .await;
    while last["type"] != "unsubscribed" {
        last = socket.next().await;
        fits(&last);
    }
    let told = [
        "accepted",
        "call",
        "checked",
        "event",
        "job_queue",
        "jobs",
        "outcome",
        "output",
        "pong",
        "problem",
        "progress",
        "resync",
        "started",
        "subscribed",
        "unsubscribed",
        "welcome",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), told);
}
