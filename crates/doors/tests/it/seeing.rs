//! What callers see of each other: one rule on every door.

use serde_json::{Value, json};

use crate::mcp_client::{Legacy, Modern};
use crate::{House, call, shape};

/// What the owner has, that others may be curious of.
struct Owned {
    call: String,
    job: String,
    blob: String,
}

async fn owned(house: &House) -> Owned {
    let owner = house.owner();
    let asked = call("toy.echo", json!({"data": "mine"}));
    let asked = owner.post("/v1/calls", &asked).await;
    let mut job = call("toy.echo", json!({}));
    job["durable"] = json!(true);
    job["wait"] = json!(false);
    job["not_before"] = json!("2100-01-01T00:00:00Z");
    let job = owner.post("/v1/calls", &job).await;
    let blob = owner.put("/v1/blobs", b"mine").await;
    let id = |answer: &crate::client::Answer, name: &str| {
        answer.json()[name].as_str().unwrap().to_owned()
    };
    Owned {
        call: id(&asked, "call_id"),
        job: id(&job, "call_id"),
        blob: id(&blob, "$blob"),
    }
}

#[tokio::test]
async fn who_may_not_read_sees_nothing_of_others_over_http() {
    let house = House::open().await;
    let bridge = house.echo().await;
    bridge
        .state(json!({"revision": 1, "file": "/home/ann/secret.toy"}))
        .await;
    bridge.round_trip().await;
    let Owned { call, job, blob } = owned(&house).await;
    let (reader, nobody) = (
        house.caller("reader", &["read"], &[]).await,
        house.caller("nobody", &[], &[]).await,
    );
    let instance = bridge.instance.as_str();
    for path in [
        format!("/v1/calls/{call}"),
        format!("/v1/calls/{call}/events"),
        format!("/v1/calls/{call}/picture"),
        "/v1/calls".to_owned(),
        format!("/v1/jobs/{job}"),
        format!("/v1/blobs/{blob}"),
        format!("/v1/instances/{instance}/state"),
        format!("/v1/instances/{instance}/picture"),
        "/v1/recovery".to_owned(),
        "/v1/events?topics=calls".to_owned(),
        "/v1/events?topics=jobs".to_owned(),
        "/v1/events?topics=state".to_owned(),
        "/v1/events?topics=instances".to_owned(),
        format!("/v1/events?topics=call:{call}"),
        "/v1/tokens".to_owned(),
    ] {
        assert_eq!(shape(&nobody.get(&path).await), "403 forbidden", "{path}");
    }
    assert_eq!(nobody.get("/v1/jobs").await.json()["jobs"], json!([]));
    for path in [
        "/v1/instances".to_owned(),
        format!("/v1/instances/{instance}"),
    ] {
        assert!(
            reader
                .get(&path)
                .await
                .json()
                .to_string()
                .contains("secret.toy")
        );
        let seen = nobody.get(&path).await;
        assert!(!seen.json().to_string().contains("secret.toy"), "{path}");
        assert!(seen.json().to_string().contains(instance), "{path}");
    }
    assert_eq!(
        nobody.delete(&format!("/v1/calls/{call}")).await.status,
        403
    );
    assert_eq!(reader.get(&format!("/v1/calls/{call}")).await.status, 200);
    assert_eq!(reader.get(&format!("/v1/jobs/{job}")).await.status, 200);
}

#[tokio::test]
async fn who_may_not_read_neither_reads_nor_watches_over_mcp() {
    let house = House::open().await;
    let bridge = house.echo().await;
    bridge.state(json!({"revision": 1})).await;
    bridge.round_trip().await;
    let Owned { call, blob, .. } = owned(&house).await;
    let nobody = house.caller("nobody", &[], &[]).await;
    let reader = house.caller("reader", &["read"], &[]).await;
    let uris = [
        "kapelle://status".to_owned(),
        format!("kapelle://instances/{}/state", bridge.instance),
        format!("kapelle://calls/{call}"),
        format!("kapelle://blobs/{blob}"),
    ];
    let denied = Legacy::begin(nobody.clone(), json!({})).await;
    let allowed = Legacy::begin(reader.clone(), json!({})).await;
    for uri in &uris {
        for method in ["resources/read", "resources/subscribe"] {
            let asked = json!({ "uri": uri });
            let answer = denied.ask(2, method, asked.clone()).await;
            assert_eq!(
                answer["error"]["data"]["code"], "forbidden",
                "{uri}: {answer}"
            );
            let answer = allowed.ask(2, method, asked).await;
            assert!(answer["result"].is_object(), "{uri}: {answer}");
        }
    }
    // The newer protocol answers that it listens before it knows who asks; then it tells nothing.
    let wanted = json!({"notifications": {"resourceSubscriptions": uris}});
    let mut deaf = Modern::new(nobody)
        .open("subscriptions/listen", wanted.clone())
        .await;
    let mut told = Modern::new(reader)
        .open("subscriptions/listen", wanted)
        .await;
    let updated = |message: &Value| message["method"] == "notifications/resources/updated";
    // Said first by both.
    deaf.next().await.unwrap();
    told.next().await.unwrap();
    bridge.state(json!({"revision": 2})).await;
    loop {
        let (_, message) = told.next().await.unwrap();
        if updated(&message) {
            break;
        }
    }
    let heard = tokio::time::timeout(std::time::Duration::from_millis(300), async {
        loop {
            match deaf.next().await {
                Some((_, message)) if updated(&message) => return message,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    });
    assert!(heard.await.is_err(), "it hears of nothing");
}
