//! The history: pages, filters, and since when it remembers.

use serde_json::{Value, json};
use testkit::{Dial, Reply};
use wire::{Code, Problem};

use crate::{House, call, shape, with};

fn ids(page: &Value) -> Vec<String> {
    let calls = page["calls"].as_array().expect("a list").iter();
    calls
        .map(|call| call["call_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let owner = house.owner();
    let mut made = Vec::new();
    for number in 0..25 {
        let view = owner
            .post(
                "/v1/calls",
                &call("toy.echo", json!({"text": number.to_string()})),
            )
            .await
            .json();
        made.push(view["call_id"].as_str().unwrap().to_owned());
    }
    made.reverse();
    let mut seen = Vec::new();
    let mut path = "/v1/calls?limit=10".to_owned();
    loop {
        let page = owner.get(&path).await.json();
        let page = ids(&page);
        let Some(last) = page.last() else { break };
        path = format!("/v1/calls?limit=10&before={last}");
        seen.extend(page);
    }
    assert_eq!(seen, made);
    let page = owner.get("/v1/calls").await.json();
    assert_eq!(ids(&page), made);
    assert!(page["since"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        ids(&owner.get("/v1/calls?limit=0").await.json()),
        Vec::<String>::new()
    );
    assert_eq!(
        ids(&owner.get("/v1/calls?limit=1000000").await.json()).len(),
        25
    );
}

#[tokio::test]
async fn filters_pick_by_app_instance_and_status() {
    let house = House::open().await;
    let _left = house.bridge("left", |_| Reply::Value(json!(1))).await;
    let _right = house
        .bridge("right", |_| {
            Reply::Raise(Problem::new(Code::CALL_FAILED, "No."))
        })
        .await;
    let held = Dial::new(&house.hub).name("held").by_hand().await.unwrap();
    let owner = house.owner();
    let ask = async |instance: &str, wait: bool| {
        let body = with(
            with(call("toy.echo", json!({})), "instance", json!(instance)),
            "wait",
            json!(wait),
        );
        owner.post("/v1/calls", &body).await.json()["call_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let left = ask("left", true).await;
    let right = ask("right", true).await;
    let waiting = ask("held", false).await;
    let find = async |query: &str| ids(&owner.get(&format!("/v1/calls?{query}")).await.json());
    assert_eq!(find("instance=left").await, std::slice::from_ref(&left));
    assert_eq!(find("status=failed").await, std::slice::from_ref(&right));
    assert_eq!(
        find("status=succeeded&instance=right").await,
        Vec::<String>::new()
    );
    assert_eq!(find("app=toy&limit=2").await.len(), 2);
    assert_eq!(find("app=other").await, Vec::<String>::new());
    assert_eq!(
        find("instance=held").await,
        [waiting],
        "what has not ended is there as well"
    );
    held.round_trip().await;
    assert_eq!(find(&format!("before={right}")).await, [left]);
}

#[tokio::test]
async fn a_query_that_cannot_be_read_says_why() {
    let house = House::open().await;
    let owner = house.owner();
    for query in [
        "limit=many",
        "limit=-1",
        "status=odd",
        "limt=5",
        "before=x&before=y",
    ] {
        let answer = owner.get(&format!("/v1/calls?{query}")).await;
        assert_eq!(shape(&answer), "400 arguments_invalid", "{query}");
        assert!(answer.json()["hint"].is_string());
    }
}

#[tokio::test]
async fn the_list_shows_what_was_asked_and_a_purge_takes_it_away() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let owner = house.owner();
    let token = "ghp_Abcdefghij0123456789Abcd";
    let body = call("toy.echo", json!({"text": token, "data": 7}));
    let answer = owner.post("/v1/calls", &body).await.json();
    assert!(
        answer.to_string().contains(token),
        "who asked gets it whole"
    );
    let page = owner.get("/v1/calls").await.json();
    assert_eq!(page["left_out"], 0);
    assert_eq!(
        page["calls"][0]["args"],
        json!({"text": "[masked]", "data": 7})
    );
    assert!(!page.to_string().contains(token));

    let reader = house.caller("reader", &["read"], &[]).await;
    assert_eq!(reader.delete("/v1/calls?all=true").await.status, 403);
    for wrong in [
        "/v1/calls",
        "/v1/calls?all=false",
        "/v1/calls?before=yesterday",
        "/v1/calls?all=true&before=2030-01-01T00:00:00Z",
    ] {
        assert_eq!(owner.delete(wrong).await.status, 400, "{wrong}");
    }
    let kept = owner.delete("/v1/calls?before=2020-01-01T00:00:00Z").await;
    assert_eq!(kept.json(), json!({"calls": 0, "jobs": 0, "blobs": 0}));
    assert_eq!(ids(&owner.get("/v1/calls").await.json()).len(), 1);
    let gone = owner.delete("/v1/calls?all=true").await;
    assert_eq!((gone.status, &gone.json()["calls"]), (200, &json!(1)));
    assert!(ids(&owner.get("/v1/calls").await.json()).is_empty());
}
