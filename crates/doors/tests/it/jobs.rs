//! Jobs and batches through every door: the same job, the same answers.

use serde_json::{Value, json};
use testkit::{Dial, Reply};
use wire::{Code, Problem};

use crate::mcp_client::{Modern, text};
use crate::socket::Socket;
use crate::{House, call, shape, with};

/// A call as a job that is not waited for.
fn job(args: Value) -> Value {
    with(
        with(call("toy.echo", args), "durable", json!(true)),
        "wait",
        json!(false),
    )
}

#[tokio::test]
async fn over_http_a_job_is_asked_for_listed_changed_and_cancelled() {
    let house = House::open().await;
    let owner = house.owner();
    let asked = owner.post("/v1/calls", &job(json!({"data": 1}))).await;
    assert_eq!(shape(&asked), "202");
    let asked = asked.json();
    assert_eq!(
        (&asked["durability"], &asked["status"]),
        (&json!("fsync"), &json!("queued"))
    );
    assert!(asked.get("instance").is_none(), "none has been chosen");
    let id = asked["call_id"].as_str().unwrap();
    let path = format!("/v1/jobs/{id}");
    let one = owner.get(&path).await.json();
    assert_eq!(
        (&one["args"]["data"], &one["attempt"], &one["attempts"]),
        (&json!(1), &json!(0), &json!([]))
    );
    let looked = owner.get(&format!("/v1/calls/{id}")).await;
    assert_eq!(
        (shape(&looked).as_str(), looked.json()["position"].clone()),
        ("200", json!(0))
    );
    let changed = owner
        .patch(&path, &json!({"priority": 9, "labels": {"a": "b"}}))
        .await;
    assert_eq!(changed.json()["priority"], 9);
    for query in [
        "",
        "?status=queued,running",
        "?label=a:b",
        "?app=toy&caller=owner",
        "?order=queue",
    ] {
        let page = owner.get(&format!("/v1/jobs{query}")).await.json();
        assert_eq!(page["jobs"][0]["call_id"], id, "{query}");
        assert_eq!(page["counts"]["queued"], 1);
        assert_eq!(
            page["queues"][0],
            json!({"app": "toy", "paused": false, "draining": false})
        );
    }
    assert_eq!(
        owner.get("/v1/jobs?label=a:c").await.json()["jobs"],
        json!([])
    );
    for (wrong, expected) in [
        (
            owner.get("/v1/jobs?status=done").await,
            "400 arguments_invalid",
        ),
        (owner.get("/v1/jobs/call_x").await, "404 job_unknown"),
        (
            owner.patch(&path, &json!({"status": "failed"})).await,
            "400 arguments_invalid",
        ),
        (
            owner.patch(&path, &json!({"colour": 1})).await,
            "400 body_malformed",
        ),
        (
            owner.patch("/v1/jobs/call_x", &json!({})).await,
            "404 job_unknown",
        ),
        (owner.delete("/v1/jobs/call_x").await, "404 job_unknown"),
        (
            owner
                .post(
                    "/v1/calls",
                    &with(call("toy.echo", json!({})), "labels", json!({"a": "b"})),
                )
                .await,
            "400 arguments_invalid",
        ),
    ] {
        assert_eq!(shape(&wrong), expected);
    }
    let cancelled = owner.delete(&path).await;
    assert_eq!(
        (
            shape(&cancelled).as_str(),
            cancelled.json()["status"].clone()
        ),
        ("200", json!("cancelled"))
    );
    let again = owner.patch(&path, &json!({"status": "queued"})).await;
    assert_eq!(again.json()["status"], "queued");
    let _bridge = house.echo().await;
    let ended = owner
        .get(&format!("/v1/calls/{id}?wait_ms=10000"))
        .await
        .json();
    assert_eq!(
        (&ended["status"], &ended["value"]["data"]),
        (&json!("succeeded"), &json!(1))
    );
    // One that is waited for is answered as any call.
    let body = with(job(json!({"data": 2})), "wait", json!(true));
    let ran = owner
        .post("/v1/calls", &with(body, "durable", json!("journal")))
        .await;
    assert_eq!(
        (shape(&ran).as_str(), ran.json()["value"]["data"].clone()),
        ("200", json!(2))
    );
    assert_eq!(ran.json()["durability"], "journal");
}

#[tokio::test]
async fn others_see_what_they_may() {
    let house = House::open().await;
    let writer = house.caller("writer", &["write", "read"], &[]).await;
    let mute = house.caller("mute", &["write"], &[]).await;
    let ask = |args| with(job(args), "command", json!("toy.make"));
    let theirs = writer
        .post("/v1/calls", &ask(json!({"kind": "ball"})))
        .await
        .json();
    let own = mute
        .post("/v1/calls", &ask(json!({"kind": "top"})))
        .await
        .json();
    let path = format!("/v1/jobs/{}", theirs["call_id"].as_str().unwrap());
    assert_eq!(shape(&mute.get(&path).await), "403 forbidden");
    assert_eq!(shape(&mute.delete(&path).await), "403 forbidden");
    assert_eq!(
        shape(&writer.patch(&path, &json!({"place": "first"})).await),
        "200"
    );
    let listed = mute.get("/v1/jobs").await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(listed["jobs"][0]["call_id"], own["call_id"]);
    let queue = json!({"app": "toy", "paused": true});
    assert_eq!(
        shape(&writer.post("/v1/jobs/queue", &queue).await),
        "403 forbidden"
    );
    assert_eq!(
        house.owner().post("/v1/jobs/queue", &queue).await.json()["paused"],
        true
    );
    let unknown = json!({"app": "nothing", "paused": true});
    assert_eq!(
        shape(&house.owner().post("/v1/jobs/queue", &unknown).await),
        "404 app_unknown"
    );
}

#[tokio::test]
async fn a_batch_over_http_has_one_answer() {
    let house = House::open().await;
    let owner = house.owner();
    let _bridge = house
        .bridge("toy-1", |call| match call.args["data"] == json!(1) {
            true => Reply::Raise(Problem::new(Code::CALL_FAILED, "no")),
            false => Reply::Value(json!("well")),
        })
        .await;
    let calls: Vec<Value> = (0..3)
        .map(|n| call("toy.echo", json!({ "data": n })))
        .collect();
    let stopped = owner.post("/v1/batches", &json!({ "calls": calls })).await;
    assert_eq!(shape(&stopped), "200");
    let stopped = stopped.json();
    assert_eq!(
        (&stopped["status"], &stopped["not_run"]),
        (&json!("failed"), &json!(1))
    );
    assert_eq!(stopped["outcomes"][0]["value"], "well");
    assert_eq!(
        stopped["outcomes"][0]["correlation_id"],
        stopped["batch_id"]
    );
    let on = json!({"calls": calls, "on_error": "continue", "durable": true});
    let on = owner.post("/v1/batches", &on).await.json();
    let statuses: Vec<&Value> = on["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, ["succeeded", "failed", "succeeded"]);
    let empty = owner.post("/v1/batches", &json!({"calls": []})).await;
    assert_eq!(shape(&empty), "400 arguments_invalid");
    let later = owner
        .post("/v1/batches", &json!({"calls": calls, "wait": false}))
        .await;
    assert_eq!(shape(&later), "202");
    let path = |batch: &Value| format!("/v1/batches/{}", batch["batch_id"].as_str().unwrap());
    for told in [&stopped, &on] {
        let shown = owner.get(&path(told)).await.json();
        for member in ["batch_id", "status", "not_run"] {
            assert_eq!(shown[member], told[member], "{shown}");
        }
        let statuses = |batch: &Value| -> Vec<Value> {
            let outcomes = batch["outcomes"].as_array().unwrap();
            outcomes.iter().map(|one| one["status"].clone()).collect()
        };
        assert_eq!(statuses(&shown), statuses(told));
    }
    let unknown = owner.get("/v1/batches/batch_none").await;
    assert_eq!(shape(&unknown), "404 batch_unknown");
}

#[tokio::test]
async fn over_a_websocket_it_is_the_same_job() {
    let house = House::open().await;
    let mut socket = Socket::of(&house.owner()).await;
    let asked = with(
        with(job(json!({"data": 1})), "type", json!("call")),
        "id",
        json!("a"),
    );
    let accepted = socket.ask(&asked).await;
    assert_eq!(
        (&accepted["type"], &accepted["durability"]),
        (&json!("accepted"), &json!("fsync"))
    );
    let id = accepted["call_id"].clone();
    let page = socket
        .ask(&json!({"type": "jobs", "id": "b", "status": "queued"}))
        .await;
    assert_eq!(
        (&page["type"], &page["jobs"][0]["call_id"]),
        (&json!("jobs"), &id)
    );
    let change = json!({"type": "job_change", "id": "c", "call_id": id, "change": {"priority": 1}});
    assert_eq!(socket.ask(&change).await["priority"], 1);
    let queue = json!({"type": "job_queue", "id": "d", "app": "toy", "drain": true});
    assert_eq!(socket.ask(&queue).await["draining"], true);
    let refused = socket.ask(&with(asked.clone(), "id", json!("e"))).await;
    assert_eq!(refused["problem"]["code"], "queue_draining");
    socket
        .send(&json!({"type": "subscribe", "id": "s", "topics": ["jobs"]}))
        .await;
    assert_eq!(socket.next_of("resync").await["jobs"][0]["call_id"], id);
    let _bridge = Dial::new(&house.hub).echo().await.unwrap();
    loop {
        let event = socket.next_of("event").await;
        assert_eq!(event["event"], "job");
        if event["job"]["status"] == "succeeded" {
            break;
        }
    }
    let shown = socket
        .ask(&json!({"type": "job_get", "id": "f", "call_id": id}))
        .await;
    assert_eq!(
        (&shown["type"], &shown["value"]["data"]),
        (&json!("job"), &json!(1))
    );
    let batch = json!({"type": "batch", "id": "g", "calls": [call("toy.echo", json!({}))]});
    let ended = socket.ask(&batch).await;
    assert_eq!(ended["status"], "succeeded");
    let get = json!({"type": "batch_get", "id": "h", "batch_id": ended["batch_id"]});
    let shown = socket.ask(&get).await;
    assert_eq!(shown["type"], "batch", "{shown}");
    assert_eq!(
        shown["outcomes"][0]["call_id"],
        ended["outcomes"][0]["call_id"]
    );
}

#[tokio::test]
async fn over_mcp_it_is_a_member_of_run_and_one_tool() {
    let house = House::open().await;
    let client = Modern::new(house.owner());
    let http = house.owner();
    let waiting = http
        .post("/v1/calls", &job(json!({"data": 1})))
        .await
        .json();
    let id = waiting["call_id"].clone();
    let listed = client
        .tool("jobs", json!({"verb": "list", "status": "queued"}))
        .await;
    assert!(
        text(&listed).contains("1 queued") && text(&listed).contains("no toy is running"),
        "{listed}"
    );
    assert_eq!(listed["structuredContent"]["jobs"][0]["call_id"], id);
    let edited = client
        .tool(
            "jobs",
            json!({"verb": "edit", "call_id": id, "priority": 9, "args": {"data": 3}}),
        )
        .await;
    assert_eq!(edited["structuredContent"]["priority"], 9, "{edited}");
    let held = client
        .tool("jobs", json!({"verb": "pause", "call_id": id}))
        .await;
    assert_eq!(held["structuredContent"]["paused"], true);
    let queue = client
        .tool("jobs", json!({"verb": "pause", "app": "toy"}))
        .await;
    assert!(text(&queue).contains("is paused"), "{queue}");
    let _bridge = house.echo().await;
    client
        .tool("jobs", json!({"verb": "resume", "app": "toy"}))
        .await;
    client
        .tool("jobs", json!({"verb": "resume", "call_id": id}))
        .await;
    let ended = client.tool("wait", json!({"call_id": id})).await;
    assert_eq!(ended["structuredContent"]["value"]["data"], 3, "{ended}");
    let ran = client
        .tool(
            "run",
            json!({"command": "toy.echo", "args": {"data": 4}, "durable": true}),
        )
        .await;
    assert_eq!(ran["structuredContent"]["value"]["data"], 4, "{ran}");
    let shown = client
        .tool(
            "jobs",
            json!({"verb": "show", "call_id": ran["structuredContent"]["call_id"]}),
        )
        .await;
    assert_eq!(shown["structuredContent"]["durability"], "fsync", "{shown}");
    let batch = json!({"calls": [call("toy.echo", json!({}))]});
    let batch = http.post("/v1/batches", &batch).await.json()["batch_id"].clone();
    let shown = client
        .tool("jobs", json!({"verb": "show", "call_id": batch}))
        .await;
    assert_eq!(shown["structuredContent"]["batch_id"], batch, "{shown}");
    let again = client
        .tool(
            "jobs",
            json!({"verb": "retry", "call_id": id, "args": {"data": 5}}),
        )
        .await;
    assert_eq!(again["structuredContent"]["status"], "queued", "{again}");
    let wrong = client.tool("jobs", json!({"verb": "edit"})).await;
    assert_eq!(
        wrong["structuredContent"]["problem"]["code"],
        "arguments_invalid"
    );
}
