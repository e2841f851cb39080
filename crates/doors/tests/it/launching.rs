//! What only one app understands at its start: checked by that app's own schema, on every way to say it.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{TestHub, toy::Toy};
use wire::{Code, Problem};

use crate::{House, shape};

/// A house whose toy never starts: it says what it was told instead.
async fn house() -> House {
    let toy = Toy::launched_by(|request| {
        Err(Problem::new(
            Code::START_FAILED,
            Value::Object(request.options.clone()).to_string(),
        ))
    });
    House::of(TestHub::start_with(vec![Arc::new(toy)]).await).await
}

#[tokio::test]
async fn options_are_checked_by_the_apps_own_schema() {
    let house = house().await;
    let owner = house.owner();
    for wanted in [
        json!({"app": "toy", "options": {"speed": 3}}),
        json!({"app": "toy", "options": "{\"speed\": \"3\"}"}),
        json!({"app": "toy", "speed": 3, "memory_mb": "500"}),
        json!({"app": "toy", "speed": 3, "options": {"trusted": null}}),
    ] {
        let told = owner.post("/v1/instances", &wanted).await.json();
        assert_eq!(told["message"], "{\"speed\":3}", "{wanted}: {told}");
    }
    let wrong = owner
        .post(
            "/v1/instances",
            &json!({"app": "toy", "options": {"sped": 3}}),
        )
        .await;
    assert_eq!(shape(&wrong), "400 arguments_invalid");
    let told = wrong.json();
    assert!(
        told["message"].as_str().unwrap().contains("`sped`"),
        "{told}"
    );
    assert!(told["hint"].as_str().unwrap().contains("`speed`"), "{told}");
    let unknown = owner
        .post("/v1/instances", &json!({"app": "toy", "sped": 3}))
        .await;
    assert_eq!(shape(&unknown), "400 body_malformed");
    let apps = owner.get("/v1/apps").await.json();
    assert_eq!(
        apps["apps"][0]["options"]["properties"]["speed"]["minimum"],
        1
    );
}

#[tokio::test]
async fn an_option_may_need_a_scope_of_its_own() {
    let house = house().await;
    let writer = house.caller("writer", &["read", "write"], &[]).await;
    let asked = async |trusted: bool| {
        let wanted = json!({"app": "toy", "options": {"trusted": trusted}});
        shape(&writer.post("/v1/instances", &wanted).await)
    };
    assert_eq!(asked(true).await, "403 forbidden");
    assert!(asked(false).await.ends_with("start_failed"));
}
