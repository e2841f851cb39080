//! Tokens and what they may: over HTTP, for every route that asks.

use serde_json::json;

use crate::{House, call, shape, with};

#[tokio::test]
async fn tokens_are_made_listed_and_taken_back() {
    let house = House::open().await;
    let owner = house.owner();
    let body = json!({"name": "viewer", "scopes": ["read"], "ask": []});
    let made = owner.post("/v1/tokens", &body).await;
    assert_eq!(made.status, 201);
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    assert!(secret.len() >= 32);
    assert_eq!(made.json()["scopes"], json!(["read"]));
    let list = owner.get("/v1/tokens").await;
    assert_eq!(
        list.json(),
        json!({"tokens": [{"name": "viewer", "scopes": ["read"], "ask": []}]})
    );
    let viewer = crate::Client::new(house.address, Some(secret.clone()));
    assert_eq!(viewer.get("/v1/instances").await.status, 200);
    assert_eq!(
        shape(&owner.post("/v1/tokens", &body).await),
        "409 name_taken"
    );
    let revoked = owner.delete("/v1/tokens/viewer").await;
    assert_eq!(
        (revoked.status, revoked.json()),
        (200, json!({"revoked": "viewer"}))
    );
    assert_eq!(
        shape(&viewer.get("/v1/instances").await),
        "401 unauthenticated",
        "at once"
    );
    assert_eq!(
        shape(&owner.delete("/v1/tokens/viewer").await),
        "404 token_unknown"
    );
    assert_eq!(
        shape(&owner.delete("/v1/tokens/owner").await),
        "404 token_unknown"
    );
    let kept = std::fs::read_to_string(house.hub.home().join("tokens/callers.json")).unwrap();
    assert!(!kept.contains(&secret));
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused() {
    let house = House::open().await;
    let owner = house.owner();
    for (body, expected) in [
        (json!({"name": "", "scopes": []}), "400 arguments_invalid"),
        (
            json!({"name": "a b", "scopes": []}),
            "400 arguments_invalid",
        ),
        (
            json!({"name": "../x", "scopes": []}),
            "400 arguments_invalid",
        ),
        (
            json!({"name": "x".repeat(65), "scopes": []}),
            "400 arguments_invalid",
        ),
        (
            json!({"name": "owner", "scopes": ["read"]}),
            "409 name_taken",
        ),
        (
            json!({"name": "x", "scopes": ["all"]}),
            "400 body_malformed",
        ),
        (json!({"name": "x"}), "400 body_malformed"),
        (json!({"scopes": ["read"]}), "400 body_malformed"),
    ] {
        assert_eq!(
            shape(&owner.post("/v1/tokens", &body).await),
            expected,
            "{body}"
        );
    }
}

#[tokio::test]
async fn each_effect_wants_its_scope() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let commands = [
        ("read", call("toy.echo", json!({}))),
        ("write", call("toy.make", json!({"kind": "top"}))),
        ("destructive", call("toy.delete", json!({"name": "x"}))),
        ("code", call("code.run", json!({"code": "1"}))),
    ];
    for scope in ["read", "write", "destructive", "code", "admin"] {
        let caller = house.caller(&format!("only-{scope}"), &[scope], &[]).await;
        for (needed, body) in &commands {
            let expected = if *needed == scope {
                "200"
            } else {
                "403 forbidden"
            };
            let answer = caller.post("/v1/calls", body).await;
            assert_eq!(shape(&answer), expected, "{scope} for {needed}");
            let checked = caller
                .post("/v1/calls", &with(body.clone(), "check_only", json!(true)))
                .await;
            assert_eq!(shape(&checked), expected, "checking is no way around");
            if answer.status == 403 {
                let problem = answer.json();
                assert!(
                    problem["message"]
                        .as_str()
                        .unwrap()
                        .contains(&format!("`{needed}`")),
                    "{problem}"
                );
                assert!(problem["hint"].as_str().unwrap().contains(scope));
            }
        }
    }
    assert_eq!(bridge.calls().len(), 4);
}

#[tokio::test]
async fn routes_beside_the_calls_ask_as_well() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let nobody = house.caller("nobody", &[], &[]).await;
    for path in [
        "/v1/calls",
        "/v1/instances/toy/state",
        "/v1/recovery",
        "/v1/tokens",
        "/v1/blobs/sha256:00",
    ] {
        assert_eq!(shape(&nobody.get(path).await), "403 forbidden", "{path}");
    }
    assert_eq!(shape(&nobody.put("/v1/blobs", b"x").await), "403 forbidden");
    let all_but_admin = house
        .caller("worker", &["read", "write", "destructive", "code"], &[])
        .await;
    let token = json!({"name": "more", "scopes": ["admin"], "ask": []});
    assert_eq!(
        shape(&all_but_admin.post("/v1/tokens", &token).await),
        "403 forbidden"
    );
    assert_eq!(
        shape(&all_but_admin.delete("/v1/tokens/nobody").await),
        "403 forbidden"
    );
    assert_eq!(
        shape(&all_but_admin.post("/v1/stop", &json!({})).await),
        "403 forbidden"
    );
    let by_path = json!({"app": "toy", "program": "/bin/true"});
    assert_eq!(
        shape(&all_but_admin.post("/v1/instances", &by_path).await),
        "403 forbidden"
    );
    let reader = house.caller("reader", &["read"], &[]).await;
    assert_eq!(
        shape(&reader.post("/v1/instances", &json!({"app": "toy"})).await),
        "403 forbidden"
    );
    assert_eq!(
        shape(&reader.delete("/v1/instances/toy").await),
        "403 forbidden"
    );
    assert_eq!(reader.get("/v1/instances/toy").await.status, 200);
}

#[tokio::test]
async fn ones_own_calls_can_be_seen_and_ended_and_not_those_of_others() {
    let house = House::open().await;
    let _bridge = testkit::Dial::new(&house.hub).by_hand().await.unwrap();
    let coder = house.caller("coder", &["code"], &[]).await;
    let other = house.caller("other", &["code"], &[]).await;
    let reader = house.caller("reader", &["read"], &[]).await;
    let body = with(call("code.run", json!({"code": "1"})), "wait", json!(false));
    let id = coder.post("/v1/calls", &body).await.json()["call_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/calls/{id}");
    assert_eq!(coder.get(&path).await.status, 200);
    assert_eq!(reader.get(&path).await.status, 200);
    assert_eq!(shape(&other.get(&path).await), "403 forbidden");
    assert_eq!(
        shape(&other.get(&format!("{path}/events")).await),
        "403 forbidden"
    );
    assert_eq!(shape(&reader.delete(&path).await), "403 forbidden");
    assert_eq!(shape(&other.delete(&path).await), "403 forbidden");
    assert_eq!(coder.delete(&path).await.json()["status"], "cancelled");
}

#[tokio::test]
async fn a_confirmation_is_for_one_call_of_one_caller_with_these_arguments() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let scopes = ["read", "destructive"];
    let asked = house.caller("asked", &scopes, &["destructive"]).await;
    let other = house.caller("other", &scopes, &["destructive"]).await;
    let delete = |name: &str| call("toy.delete", json!({"name": name}));
    let ask = async |body| asked.post("/v1/calls", &body).await;
    let refused = ask(delete("a")).await;
    assert_eq!(shape(&refused), "409 confirmation_required");
    let confirm = refused.json()["details"]["confirm"].clone();
    assert!(confirm.as_str().is_some_and(|value| value.len() >= 16));
    assert!(refused.json()["hint"].as_str().unwrap().contains("confirm"));
    let said = |body, value| with(body, "confirm", value);
    assert_eq!(
        shape(&ask(said(delete("b"), confirm.clone())).await),
        "409 confirmation_required"
    );
    let stolen = other
        .post("/v1/calls", &said(delete("a"), confirm.clone()))
        .await;
    assert_eq!(shape(&stolen), "409 confirmation_required");
    assert_eq!(
        shape(&ask(said(delete("a"), json!("guess"))).await),
        "409 confirmation_required"
    );
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    let done = ask(said(delete("a"), confirm.clone())).await;
    assert_eq!(
        (done.status, &done.json()["status"]),
        (200, &json!("succeeded"))
    );
    assert_eq!(
        shape(&ask(said(delete("a"), confirm)).await),
        "409 confirmation_required",
        "once"
    );
    assert_eq!(bridge.calls().len(), 1);
    assert_eq!(
        ask(call("toy.echo", json!({}))).await.status,
        200,
        "nobody is asked for a look"
    );
}

#[tokio::test]
async fn stopping_is_for_admins_and_ends_the_door() {
    let house = House::open().await;
    let admin = house.caller("admin", &["admin"], &[]).await;
    let answer = admin.post("/v1/stop", &json!({})).await;
    assert_eq!(
        (answer.status, answer.json()),
        (202, json!({"stopping": true}))
    );
    house.hub.hub.stopping().await;
}
