//! `POST /v1/calls` and the calls behind it: which status for what, and what is in the answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{CAP, Dial, Manners, Reply};
use wire::{CallId, Code, InstanceState, Problem};

use crate::{House, call, shape, with};

const SLOW: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_call_that_ran_is_200_with_its_outcome() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let body = with(
        call("toy.echo", json!({"text": "hi"})),
        "correlation_id",
        json!("mine"),
    );
    let answer = house.owner().post("/v1/calls", &body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let view = answer.json();
    assert!(view["call_id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(view["status"], "succeeded");
    assert_eq!(view["value"], json!({"text": "hi"}));
    assert_eq!(
        (&view["app"], &view["instance"], &view["command"]),
        (&json!("toy"), &json!("toy"), &json!("toy.echo"))
    );
    assert_eq!(
        (&view["correlation_id"], &view["caller"]),
        (&json!("mine"), &json!("owner"))
    );
    assert_eq!(
        view["output"],
        json!({"stdout": "", "stderr": "", "logs": []})
    );
    assert_eq!(
        view["changes"],
        json!({"added": [], "changed": [], "removed": []})
    );
    assert_eq!(view["memory"], json!({"rss_mb": 1.0, "delta_mb": 0.0}));
    assert_eq!(view["duration_ms"], 0.5);
    assert!(view.get("problem").is_none() && view.get("position").is_none());
}

#[tokio::test]
async fn a_call_that_failed_has_run_and_is_200() {
    let house = House::open().await;
    let problem = Problem::new(Code::CODE_RAISED, "It broke.").hint("Mend it.");
    let _bridge = house
        .bridge("toy", move |_| Reply::Raise(problem.clone()))
        .await;
    let answer = house
        .owner()
        .post("/v1/calls", &call("code.run", json!({"code": "1/0"})))
        .await;
    let view = answer.json();
    assert_eq!((answer.status, &view["status"]), (200, &json!("failed")));
    assert_eq!(view["problem"]["code"], "code_raised");
    assert_eq!(view["problem"]["call_id"], view["call_id"]);
}

#[tokio::test]
async fn one_that_ran_out_of_time_is_200_as_well() {
    let house = House::open().await;
    let _bridge = house.bridge("toy", |_| Reply::After(SLOW, json!(1))).await;
    let body = with(call("toy.echo", json!({})), "timeout_ms", json!(50));
    let answer = house.owner().post("/v1/calls", &body).await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &json!("timed_out"))
    );
}

#[tokio::test]
async fn one_whose_process_dies_in_it_is_200_interrupted() {
    let house = House::open().await;
    let _bridge = house.bridge("toy", |_| Reply::Bye).await;
    let answer = house
        .owner()
        .post("/v1/calls", &call("toy.echo", json!({})))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &json!("interrupted"))
    );
    assert_eq!(answer.json()["problem"]["code"], "interrupted");
}

#[tokio::test]
async fn nothing_ran_is_a_problem_with_the_status_of_the_table() {
    let house = House::open().await;
    let owner = house.owner();
    let ask = async |body: Value| shape(&owner.post("/v1/calls", &body).await);
    assert_eq!(ask(call("toy.echo", json!({}))).await, "503 no_instance");
    let bridge = house.bridge("first", |_| Reply::Value(json!(1))).await;
    assert_eq!(
        ask(call("toy.make", json!({}))).await,
        "400 arguments_invalid"
    );
    assert_eq!(
        ask(call("toy.echo", json!({"txt": "x"}))).await,
        "400 arguments_invalid"
    );
    assert_eq!(
        ask(call("toy.ecko", json!({}))).await,
        "404 command_unknown"
    );
    assert_eq!(
        ask(with(call("toy.echo", json!({})), "app", json!("tyo"))).await,
        "404 app_unknown"
    );
    assert_eq!(
        ask(with(call("toy.echo", json!({})), "instance", json!("x"))).await,
        "404 instance_unknown"
    );
    let blob = json!({"data": {"$blob": format!("sha256:{}", "0".repeat(64))}});
    assert_eq!(ask(call("toy.echo", blob)).await, "404 blob_unknown");
    for limit in [json!(0), json!(u64::MAX)] {
        let shape = ask(with(call("toy.echo", json!({})), "timeout_ms", limit)).await;
        assert_eq!(shape, "400 arguments_invalid");
    }
    let reader = house.caller("reader", &["read"], &[]).await;
    let refused = reader
        .post("/v1/calls", &call("code.run", json!({"code": "1"})))
        .await;
    assert_eq!(shape(&refused), "403 forbidden");
    let careful = house
        .caller("careful", &["read", "destructive"], &["destructive"])
        .await;
    let refused = careful
        .post("/v1/calls", &call("toy.delete", json!({"name": "x"})))
        .await;
    assert_eq!(shape(&refused), "409 confirmation_required");
    let _second = house.bridge("second", |_| Reply::Value(json!(2))).await;
    assert_eq!(
        ask(call("toy.echo", json!({}))).await,
        "409 instance_ambiguous"
    );
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    assert_eq!(owner.get("/v1/calls").await.json()["calls"], json!([]));
}

#[tokio::test]
async fn check_only_is_200_and_runs_nothing() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let body = with(
        call("toy.make", json!({"kind": "ball"})),
        "check_only",
        json!(true),
    );
    let answer = house.owner().post("/v1/calls", &body).await;
    let told = answer.json();
    assert_eq!((answer.status, &told["checked"]), (200, &json!(true)));
    assert_eq!(told["args"], json!({"kind": "ball", "size": 2.0}));
    assert_eq!(
        (&told["app"], &told["command"], &told["effect"]),
        (&json!("toy"), &json!("toy.make"), &json!("write"))
    );
    let wrong = with(
        call("toy.make", json!({"kind": "cube"})),
        "check_only",
        json!(true),
    );
    assert_eq!(
        shape(&house.owner().post("/v1/calls", &wrong).await),
        "400 arguments_invalid"
    );
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn not_waiting_is_202_and_the_call_goes_on() {
    let house = House::open().await;
    let mut bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let owner = house.owner();
    let answer = owner
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "wait", json!(false)),
        )
        .await;
    let view = answer.json();
    assert_eq!(answer.status, 202);
    assert!(
        view["status"] == "queued" || view["status"] == "running",
        "{view}"
    );
    let path = format!("/v1/calls/{}", view["call_id"].as_str().unwrap());
    let sent = bridge.next_call().await;
    assert_eq!(json!(sent.id), view["call_id"]);
    bridge.answer(&sent.id, json!("later")).await;
    let ended = owner.get(&format!("{path}?wait_ms=20000")).await;
    assert_eq!(
        (ended.status, &ended.json()["value"]),
        (200, &json!("later"))
    );
}

#[tokio::test]
async fn waiting_for_so_long_is_202_when_that_has_passed_and_200_before() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let owner = house.owner();
    let began = Instant::now();
    let answer = owner
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "wait", json!(150)),
        )
        .await;
    assert_eq!(answer.status, 202);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(150) && took < CAP, "{took:?}");
    let id = CallId::from(answer.json()["call_id"].as_str().unwrap().to_owned());
    bridge.answer(&id, json!(1)).await;
    drop(bridge);
    let house = House::open().await;
    let _bridge = house.echo().await;
    let answer = house
        .owner()
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "wait", json!(20_000)),
        )
        .await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &json!("succeeded"))
    );
}

#[tokio::test]
async fn a_look_waits_no_longer_than_it_was_told() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let owner = house.owner();
    let asked = owner
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "wait", json!(false)),
        )
        .await;
    let id = asked.json()["call_id"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let look = owner.get(&format!("/v1/calls/{id}?wait_ms=100")).await;
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!((look.status, look.json().get("value")), (200, None));
    for query in ["wait_ms=soon", "wait_ms=-1", "wiat_ms=1"] {
        let answer = owner.get(&format!("/v1/calls/{id}?{query}")).await;
        assert_eq!(shape(&answer), "400 arguments_invalid", "{query}");
    }
    assert_eq!(
        shape(&owner.get("/v1/calls/call_x").await),
        "404 call_unknown"
    );
    drop(bridge);
}

#[tokio::test]
async fn who_waits_is_told_the_place_and_whose_call_runs() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let worker = house.caller("worker", &["read"], &[]).await;
    let later = with(call("toy.echo", json!({})), "wait", json!(false));
    let first = worker.post("/v1/calls", &later).await.json()["call_id"].clone();
    bridge
        .started(&CallId::from(first.as_str().unwrap().to_owned()))
        .await;
    bridge
        .progress(
            &CallId::from(first.as_str().unwrap().to_owned()),
            0.5,
            "half",
        )
        .await;
    bridge.round_trip().await;
    let owner = house.owner();
    for place in 1..=3 {
        let view = owner.post("/v1/calls", &later).await.json();
        assert_eq!(
            (&view["status"], &view["position"]),
            (&json!("queued"), &json!(place))
        );
        let behind = &view["behind"];
        assert_eq!(
            (&behind["call_id"], &behind["caller"]),
            (&first, &json!("worker"))
        );
        assert_eq!(behind["command"], "toy.echo");
        assert!(behind["running_ms"].is_u64());
    }
    let running = owner
        .get(&format!("/v1/calls/{}", first.as_str().unwrap()))
        .await
        .json();
    assert_eq!(running["status"], "running");
    assert_eq!(
        running["progress"],
        json!({"fraction": 0.5, "text": "half"})
    );
    let instance = owner.get("/v1/instances/toy").await.json();
    assert_eq!(
        (&instance["state"], &instance["queued"]),
        (&json!("busy"), &json!(3))
    );
    assert_eq!(instance["running"]["call_id"], first);
}

#[tokio::test]
async fn delete_cancels_and_gives_the_call_as_it_stands_then() {
    let house = House::open().await;
    let _bridge = house.bridge("toy", |_| Reply::After(SLOW, json!(1))).await;
    let owner = house.owner();
    let later = with(call("toy.echo", json!({})), "wait", json!(false));
    let id = owner.post("/v1/calls", &later).await.json()["call_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let cancelled = owner.delete(&format!("/v1/calls/{id}")).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (200, &json!("cancelled"))
    );
    let again = owner.delete(&format!("/v1/calls/{id}")).await;
    assert_eq!(
        (again.status, &again.json()["status"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(
        shape(&owner.delete("/v1/calls/call_x").await),
        "404 call_unknown"
    );
}

#[tokio::test]
async fn delete_does_not_wait_for_ever_for_one_that_does_not_end() {
    let house = House::open().await;
    let deaf = Manners {
        cancels: false,
        beats: true,
    };
    let bridge = Dial::new(&house.hub).manners(deaf).by_hand().await.unwrap();
    let owner = house.owner();
    let later = with(call("toy.echo", json!({})), "wait", json!(false));
    let id = owner.post("/v1/calls", &later).await.json()["call_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let call_id = CallId::from(id.clone());
    bridge.started(&call_id).await;
    let began = Instant::now();
    let cancelled = owner.delete(&format!("/v1/calls/{id}")).await;
    assert_eq!(cancelled.status, 200);
    assert!(began.elapsed() < doors::limits::CANCEL_WAIT + Duration::from_secs(2));
    bridge.wedge(&call_id).await;
    house
        .hub
        .until_state(&"toy".into(), InstanceState::Wedged)
        .await;
    let refused = owner.post("/v1/calls", &call("toy.echo", json!({}))).await;
    assert_eq!(shape(&refused), "503 instance_wedged");
    assert_eq!(refused.json()["details"]["held_by"], json!(id));
}

#[tokio::test]
async fn a_star_is_an_outcome_each() {
    let house = House::open().await;
    let _one = house.bridge("left", |_| Reply::Value(json!("l"))).await;
    let _two = house
        .bridge("right", |_| {
            Reply::Raise(Problem::new(Code::CALL_FAILED, "No."))
        })
        .await;
    let answer = house
        .owner()
        .post(
            "/v1/calls",
            &with(call("toy.echo", json!({})), "instance", json!("*")),
        )
        .await;
    assert_eq!(answer.status, 200);
    let told = answer.json();
    let outcomes: Vec<_> = told["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["instance"], &one["status"]))
        .collect();
    assert_eq!(
        outcomes,
        [
            (&json!("left"), &json!("succeeded")),
            (&json!("right"), &json!("failed"))
        ]
    );
    let body = with(
        with(call("toy.echo", json!({})), "instance", json!("*")),
        "wait",
        json!(false),
    );
    assert_eq!(house.owner().post("/v1/calls", &body).await.status, 202);
}

#[tokio::test]
async fn a_full_queue_is_429_with_a_time_to_come_back() {
    let house = House::open().await;
    let _bridge = Dial::new(&house.hub).by_hand().await.unwrap();
    let bound = hub::limits::LANE_WAITING_MAX + hub::limits::LANE_WINDOW + 1;
    for _ in 0..bound {
        if house
            .hub
            .try_ask(
                &hub::callers::Caller::owner(),
                testkit::request("toy.echo", json!({})),
            )
            .is_err()
        {
            break;
        }
    }
    let refused = house
        .owner()
        .post("/v1/calls", &call("toy.echo", json!({})))
        .await;
    assert_eq!(shape(&refused), "429 queue_full");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["retryable"], true);
}

#[tokio::test]
async fn instances_and_their_states_are_told() {
    let house = House::open().await;
    let bridge = Dial::new(&house.hub)
        .name("stage")
        .file("/shows/a.toy")
        .echo()
        .await
        .unwrap();
    bridge
        .state(json!({"revision": 3, "file": "/shows/a.toy", "things": 7}))
        .await;
    bridge.round_trip().await;
    let owner = house.owner();
    let list = owner.get("/v1/instances").await.json();
    let one = owner.get("/v1/instances/stage").await.json();
    assert_eq!(list["instances"][0]["name"], one["name"]);
    assert_eq!(
        (&one["app"], &one["state"], &one["version"]),
        (&json!("toy"), &json!("idle"), &json!("1.2.3"))
    );
    assert_eq!(
        (&one["file"], &one["started_by_hub"]),
        (&json!("/shows/a.toy"), &json!(false))
    );
    let state = owner.get("/v1/instances/stage/state").await.json();
    assert_eq!(
        (&state["instance"], &state["revision"], &state["connected"]),
        (&json!("stage"), &json!(3), &json!(true))
    );
    assert_eq!(state["state"]["things"], 7);
    for path in ["/v1/instances/stgae", "/v1/instances/stgae/state"] {
        let answer = owner.get(path).await;
        assert_eq!(shape(&answer), "404 instance_unknown");
        assert_eq!(answer.json()["hint"], "Did you mean `stage`?");
    }
    let start = owner.post("/v1/instances", &json!({"app": "toy"})).await;
    assert_eq!(shape(&start), "503 start_failed");
    assert_eq!(
        shape(&owner.post("/v1/instances", &json!({"app": "tyo"})).await),
        "404 app_unknown"
    );
    assert_eq!(
        shape(
            &owner
                .post("/v1/instances", &json!({"app": "toy", "mode": "odd"}))
                .await
        ),
        "400 body_malformed"
    );
    assert_eq!(
        shape(&owner.delete("/v1/instances/nobody").await),
        "404 instance_unknown"
    );
    assert_eq!(
        shape(&owner.delete("/v1/instances/stage?force=maybe").await),
        "400 arguments_invalid"
    );
}

#[tokio::test]
async fn apps_and_commands_are_told() {
    let house = House::open().await;
    let owner = house.owner();
    let apps = owner.get("/v1/apps").await.json();
    assert_eq!(apps["apps"][0]["app"], "toy");
    let commands = owner.get("/v1/apps/toy/commands").await.json();
    let commands = commands["commands"].as_array().unwrap();
    assert_eq!(json!(commands.len()), apps["apps"][0]["commands"]);
    for spec in commands {
        let name = spec["name"].as_str().unwrap();
        assert_eq!(
            owner
                .get(&format!("/v1/apps/toy/commands/{name}"))
                .await
                .json(),
            *spec
        );
    }
    assert_eq!(
        shape(&owner.get("/v1/apps/tyo/commands").await),
        "404 app_unknown"
    );
    assert_eq!(
        shape(&owner.get("/v1/apps/toy/commands/toy.ecko").await),
        "404 command_unknown"
    );
}
