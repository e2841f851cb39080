//! Resources, subscriptions, completion and tasks over MCP: what is there, what is refused, and in which words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doors::mcp::Pace;
use serde_json::{Value, json};
use testkit::{Dial, Reply, TestHub};

use crate::House;
use crate::mcp_client::{Legacy, Modern, text};

/// The contents of a resource, or the error.
async fn read(client: &Modern, uri: &str) -> Result<Value, Value> {
    let mut answer = client.ask("resources/read", json!({ "uri": uri })).await;
    match answer.get_mut("result") {
        Some(result) => Ok(result["contents"][0].take()),
        None => Err(answer["error"].take()),
    }
}

#[tokio::test]
async fn templates_name_all_that_can_be_read_by_name() {
    let house = House::open().await;
    let client = Modern::new(house.owner());
    let listed = client.ask("resources/templates/list", json!({})).await;
    let templates = listed["result"]["resourceTemplates"].as_array().unwrap();
    let uris: Vec<&str> = templates
        .iter()
        .map(|one| one["uriTemplate"].as_str().unwrap())
        .collect();
    assert_eq!(
        uris,
        [
            "kapelle://instances/{instance}/state",
            "kapelle://calls/{call_id}",
            "kapelle://commands/{app}",
            "kapelle://commands/{app}/{command}",
            "kapelle://blobs/{blob}"
        ]
    );
    for template in templates {
        assert!(template["description"].is_string(), "{template}");
    }
    // Only bytes have no kind before they are read.
    let without = templates.iter().filter(|one| one["mimeType"].is_null());
    assert_eq!(without.count(), 1);
}

#[tokio::test]
async fn at_an_apps_own_address_are_its_resources_alone() {
    let house = House::open().await;
    let _toy = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    let other = Dial::new(&house.hub).app("other").name("other-1");
    let _other = other.connect(|_| Reply::Value(json!(1))).await.unwrap();
    let uris = async |path: &str| {
        let client = Modern::new(house.owner()).at(path);
        let listed = client.ask("resources/list", json!({})).await;
        let all = listed["result"]["resources"].as_array().unwrap().clone();
        let uris = all
            .iter()
            .map(|one| one["uri"].as_str().unwrap().to_owned());
        uris.collect::<Vec<String>>()
    };
    assert_eq!(
        uris("/mcp/toy").await,
        [
            "kapelle://status",
            "kapelle://commands/toy",
            "kapelle://instances/toy-1/state"
        ]
    );
    let all = uris("/mcp").await;
    assert!(
        all.contains(&"kapelle://instances/other-1/state".to_owned()) && all.len() == 5,
        "{all:?}"
    );
}

#[tokio::test]
async fn bytes_are_read_with_their_kind_and_within_a_bound() {
    let house = House::open().await;
    let client = Modern::new(house.owner());
    let put = async |bytes: &[u8]| {
        let stored = house.owner().put("/v1/blobs", bytes).await.json();
        stored["$blob"].as_str().unwrap().to_owned()
    };
    for (bytes, kind) in [
        (&[0x89, b'P', b'N', b'G', 1][..], "image/png"),
        (&[0xff, 0xd8, 0xff, 0xe0], "image/jpeg"),
        (b"glTF", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ] {
        let name = put(bytes).await;
        let contents = read(&client, &format!("kapelle://blobs/{name}"))
            .await
            .unwrap();
        assert_eq!(contents["mimeType"], kind);
        assert_eq!(
            STANDARD.decode(contents["blob"].as_str().unwrap()).unwrap(),
            bytes
        );
    }
    let large = put(&vec![
        7;
        usize::try_from(doors::limits::RESOURCE_BYTES_MAX)
            .unwrap()
            + 1
    ])
    .await;
    let refused = read(&client, &format!("kapelle://blobs/{large}"))
        .await
        .unwrap_err();
    assert_eq!(refused["data"]["code"], "value_too_large", "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.contains("too large for one message")
            && message.contains(&format!("GET /v1/blobs/{large}")),
        "{message}"
    );
    let unknown = format!("kapelle://blobs/sha256:{}", "0".repeat(64));
    let refused = read(&client, &unknown).await.unwrap_err();
    assert_eq!(refused["data"]["code"], "blob_unknown", "{refused}");
    assert_eq!(refused["data"]["uri"], json!(unknown));
}

#[tokio::test]
async fn what_is_not_there_is_told_by_its_kind() {
    let house = House::open().await;
    let client = Modern::new(house.owner());
    for (uri, code) in [
        ("kapelle://instances/toy-9/state", "instance_unknown"),
        ("kapelle://calls/call_0", "call_unknown"),
        ("kapelle://commands/nothing", "app_unknown"),
        ("kapelle://commands/toy/toy.ecko", "command_unknown"),
    ] {
        let refused = read(&client, uri).await.unwrap_err();
        assert_eq!(refused["data"]["code"], code, "{refused}");
        assert_eq!(refused["data"]["uri"], uri);
    }
    for uri in [
        "kapelle://calls",
        "kapelle://instances/toy-1",
        "file:///etc/passwd",
        "",
    ] {
        let refused = read(&client, uri).await.unwrap_err();
        let message = refused["message"].as_str().unwrap();
        assert!(
            message.contains("resources/templates/list"),
            "{uri}: {refused}"
        );
    }
}

#[tokio::test]
async fn names_are_completed_by_what_was_typed() {
    let house = House::open().await;
    let _one = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    let client = Modern::new(house.owner());
    let complete = async |kind: &str, name: &str, typed: &str| {
        let reference = match kind {
            "resource" => {
                json!({"type": "ref/resource", "uri": "kapelle://commands/{app}/{command}"})
            }
            _ => json!({"type": "ref/prompt", "name": "what_went_wrong"}),
        };
        let params = json!({"ref": reference, "argument": {"name": name, "value": typed}});
        let answer = client.ask("completion/complete", params).await;
        answer["result"]["completion"]["values"].clone()
    };
    assert_eq!(complete("resource", "app", "t").await, json!(["toy"]));
    assert_eq!(complete("resource", "app", "x").await, json!([]));
    let commands = complete("resource", "command", "toy.").await;
    let commands = commands.as_array().unwrap();
    assert!(commands.contains(&json!("toy.echo")), "{commands:?}");
    assert!(
        commands
            .iter()
            .all(|name| name.as_str().unwrap().starts_with("toy."))
    );
    assert!(commands.is_sorted_by_key(|name| name.as_str().unwrap().to_owned()));
    assert_eq!(complete("prompt", "instance", "").await, json!(["toy-1"]));
    assert_eq!(
        complete("prompt", "brief", "").await,
        json!([]),
        "anything may be written there"
    );
}

#[tokio::test]
async fn who_stopped_listening_hears_nothing_more() {
    let house = House::open().await;
    let bridge = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    let (state, status) = ("kapelle://instances/toy-1/state", "kapelle://status");
    let client = Legacy::begin(house.owner(), json!({})).await;
    let mut listening = client.listen().await;
    for (id, uri) in [(1, state), (2, status)] {
        let answer = client
            .ask(id, "resources/subscribe", json!({ "uri": uri }))
            .await;
        assert!(answer["result"].is_object(), "{answer}");
    }
    bridge.state(json!({"revision": 2})).await;
    // The instance's arrival may be told as well.
    while listening.next().await.unwrap().1["params"]["uri"] != state {}
    let answer = client
        .ask(3, "resources/unsubscribe", json!({ "uri": state }))
        .await;
    assert!(answer["result"].is_object(), "{answer}");
    bridge.state(json!({"revision": 3})).await;
    bridge.round_trip().await;
    // The other subscription still holds, and what comes is of it alone.
    for name in ["toy-2", "toy-3"] {
        drop(house.bridge(name, |_| Reply::Value(json!(1))).await);
        let (_, told) = listening.next().await.unwrap();
        assert_eq!(told["params"]["uri"], status, "{told}");
    }
    // Nobody subscribes to what it may not read, or to what is not there.
    let nobody = Legacy::begin(house.caller("nobody", &[], &[]).await, json!({})).await;
    let refused = nobody
        .ask(1, "resources/subscribe", json!({ "uri": state }))
        .await;
    assert_eq!(refused["error"]["data"]["code"], "forbidden", "{refused}");
    let refused = client
        .ask(
            4,
            "resources/subscribe",
            json!({"uri": "kapelle://calls/call_0"}),
        )
        .await;
    assert_eq!(
        refused["error"]["data"]["code"], "call_unknown",
        "{refused}"
    );
}

#[tokio::test]
async fn what_the_hub_does_not_offer_is_refused_as_the_protocol_says() {
    let house = House::open().await;
    let legacy = Legacy::begin(house.owner(), json!({})).await;
    let level = legacy
        .ask(1, "logging/setLevel", json!({"level": "debug"}))
        .await;
    assert_eq!(level["error"]["code"], -32601, "{level}");
    let unknown = legacy.ask(2, "toys/list", json!({})).await;
    assert_eq!(
        (&unknown["error"]["code"], &unknown["error"]["message"]),
        (&json!(-32601), &json!("toys/list"))
    );
    // The session goes on.
    assert!(legacy.ask(3, "ping", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn a_tool_called_with_text_for_arguments_is_read_as_json() {
    let house = House::open().await;
    let _bridge = house.bridge("toy-1", |_| Reply::Value(json!(2))).await;
    let legacy = Legacy::begin(house.owner(), json!({})).await;
    let code = json!({"name": "code", "arguments": "{\"code\": \"1 + 1\"}"});
    let answer = legacy.ask(1, "tools/call", code).await;
    assert_eq!(
        answer["result"]["structuredContent"]["value"], 2,
        "{answer}"
    );
    let wrong = json!({"name": "code", "arguments": "1 + 1"});
    let answer = legacy.ask(2, "tools/call", wrong).await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(
        answer["result"]["structuredContent"]["problem"]["code"],
        "arguments_invalid"
    );
}

#[tokio::test]
async fn a_task_is_known_to_its_caller_and_gone_when_it_never_was() {
    let mut settings = doors::Settings::default();
    settings.mcp.pace = Pace {
        task_after: std::time::Duration::from_millis(50),
        ..settings.mcp.pace
    };
    let house = House::with(TestHub::start().await, settings).await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let able = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let client = Modern::new(house.owner()).able(able.clone());
    let made = client
        .ask(
            "tools/call",
            json!({"name": "code", "arguments": {"code": "x"}}),
        )
        .await["result"]
        .clone();
    let id = json!({"taskId": made["taskId"]});
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    // It asks for nothing while it runs, so there is nothing to answer; that is no fault.
    let update = json!({"taskId": made["taskId"], "inputResponses": {}});
    let updated = client.ask("tasks/update", update.clone()).await;
    assert!(updated["result"].is_object(), "{updated}");
    let stranger = Modern::new(house.caller("nobody", &[], &[]).await).able(able);
    for (method, params) in [
        ("tasks/get", &id),
        ("tasks/update", &update),
        ("tasks/cancel", &id),
    ] {
        let refused = stranger.ask(method, params.clone()).await;
        assert!(refused["error"].is_object(), "{method}: {refused}");
    }
    assert!(bridge.cancels().is_empty(), "a stranger cancels nothing");
    let mut failed = json!({"status": "failed", "value": null});
    failed["problem"] = json!(wire::Problem::new(
        wire::Code::CODE_RAISED,
        "ValueError: no"
    ));
    bridge.end(&call.id, failed).await;
    let known = house.hub.hub.call(&call.id).unwrap();
    house.hub.end_of(&known).await;
    let done = client.ask("tasks/get", id).await["result"].clone();
    assert_eq!(done["status"], "completed", "{done}");
    assert!(text(&done["result"]).contains("ValueError: no"), "{done}");

    let nothing = json!({"taskId": "call_0", "inputResponses": {}});
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let refused = client.ask(method, nothing.clone()).await;
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("There is no task `call_0`"),
            "{method}: {refused}"
        );
    }
}

#[tokio::test]
async fn the_tools_that_look_tell_the_state_the_work_and_the_way_out() {
    let house = House::open().await;
    let mut one = house.bridge("toy-1", |_| Reply::ByHand).await;
    one.state(json!({"revision": 4, "mood": "calm"})).await;
    one.round_trip().await;
    let client = Modern::new(house.owner());
    let state = client.tool("state", json!({})).await;
    let told = &state["structuredContent"];
    assert!(
        state["content"].to_string().contains("calm") || told.to_string().contains("calm"),
        "{state}"
    );
    let call = house.hub.ask("code.run", json!({"code": "x"}));
    let running = one.next_call().await;
    one.started(&running.id).await;
    house.hub.started(&call).await;
    let status = text(&client.tool("status", json!({})).await);
    assert!(
        status.contains("toy-1 (toy) is busy")
            && status.contains("; running code.run of owner for "),
        "{status}"
    );
    one.end(&running.id, json!({"status": "succeeded", "value": "done"}))
        .await;
    house.hub.end_of(&call).await;
    // Of two that are no more meant than each other, none is picked.
    let _two = house.bridge("toy-2", |_| Reply::Value(json!(1))).await;
    let refused = client.tool("state", json!({})).await;
    assert_eq!(
        refused["structuredContent"]["problem"]["code"],
        "instance_ambiguous"
    );
    assert!(text(&refused).contains("toy-1, toy-2"), "{refused}");
    let named = client.tool("state", json!({"instance": "toy-1"})).await;
    assert!(named["structuredContent"]["problem"].is_null(), "{named}");

    let found = client.tool("history", json!({"call_id": running.id})).await;
    assert_eq!(found["structuredContent"]["value"], "done", "{found}");
    let unknown = client.tool("describe", json!({"app": "toi"})).await;
    assert_eq!(
        unknown["structuredContent"]["problem"]["code"],
        "app_unknown"
    );
}
