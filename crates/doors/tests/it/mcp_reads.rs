//! What is read and listened to: tools that look, resources, subscriptions, prompts, completion.

use serde_json::{Value, json};
use testkit::{Reply, TestHub};

use crate::House;
use crate::mcp_client::{Legacy, Modern, text};

#[tokio::test]
async fn the_stable_tools_are_the_same_for_everybody() {
    let house = House::open().await;
    let owner = Modern::new(house.owner())
        .ask("tools/list", json!({}))
        .await;
    let viewer = Modern::new(house.caller("viewer", &["read"], &[]).await)
        .ask("tools/list", json!({}))
        .await;
    assert_eq!(owner, viewer);
    let tools = owner["result"]["tools"].as_array().expect("tools");
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    let legacy = Legacy::begin(house.owner(), json!({}))
        .await
        .ask(1, "tools/list", json!({}))
        .await;
    assert_eq!(legacy["result"]["tools"], owner["result"]["tools"]);
    let discovered = Modern::new(house.owner())
        .ask("server/discover", json!({}))
        .await["result"]
        .clone();
    assert!(
        discovered["capabilities"].get("logging").is_none(),
        "{discovered}"
    );
    let instructions = discovered["instructions"].as_str().expect("instructions");
    assert!(instructions.len() <= 2_048);
}

#[tokio::test]
async fn looking_costs_little_and_tells_the_next_step() {
    let house = House::open().await;
    let _bridge = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    let client = Modern::new(house.owner());
    let found = client.tool("find", json!({"query": "make a thing"})).await;
    let said = text(&found);
    assert!(
        said.starts_with("toy.make") && said.len() <= 2_048 && said.contains("Next: run"),
        "{said}"
    );
    assert_eq!(
        found["structuredContent"]["found"][0]["command"],
        "toy.make"
    );
    let page = text(
        &client
            .tool("describe", json!({"command": "toy.make"}))
            .await,
    );
    assert!(
        page.contains("kind*") && page.contains("How large"),
        "{page}"
    );
    let all = text(&client.tool("describe", json!({})).await);
    assert!(
        all.contains("toy.echo") && all.contains("code.run"),
        "{all}"
    );
    let status = client.tool("status", json!({})).await;
    assert!(text(&status).contains("toy-1 (toy) is idle"), "{status}");
    client.tool("run", json!({"command": "toy.echo"})).await;
    let history = text(&client.tool("history", json!({})).await);
    assert!(
        history.contains("toy.echo of owner on toy-1 succeeded"),
        "{history}"
    );
    let nothing = client.tool("docs", json!({"query": "x"})).await;
    assert_eq!(
        nothing["structuredContent"]["problem"]["code"], "not_supported",
        "this app has no docs"
    );
    for tool in ["docs", "undo"] {
        let both = json!({"query": "x", "name": "y", "steps": 1, "call": "z"});
        let keys: &[&str] = if tool == "docs" {
            &["query", "name"]
        } else {
            &["steps", "call"]
        };
        let wrong: Vec<(&str, Value)> = keys.iter().map(|key| (*key, both[*key].clone())).collect();
        let refused = client.tool(tool, crate::mcp_client::object(&wrong)).await;
        assert_eq!(
            refused["structuredContent"]["problem"]["code"], "arguments_invalid",
            "{tool}"
        );
    }
}

#[tokio::test]
async fn a_start_by_tool_says_what_is_wrong() {
    let house = House::of(TestHub::start().await).await;
    let client = Modern::new(house.owner());
    let refused = client.tool("start", json!({})).await;
    assert_eq!(
        refused["structuredContent"]["problem"]["code"],
        "start_failed"
    );
    let refused = client.tool("state", json!({})).await;
    assert_eq!(
        refused["structuredContent"]["problem"]["code"],
        "no_instance"
    );
    let refused = client
        .tool("screenshot", json!({"views": ["front", "top"]}))
        .await;
    assert_eq!(
        refused["structuredContent"]["problem"]["code"], "not_supported",
        "{refused}"
    );
}

#[tokio::test]
async fn resources_are_listed_read_and_unknown_by_era() {
    let house = House::open().await;
    let bridge = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    bridge.state(json!({"revision": 1, "mood": "calm"})).await;
    bridge.round_trip().await;
    let client = Modern::new(house.owner());
    let listed = client.ask("resources/list", json!({})).await["result"].clone();
    let uris: Vec<&str> = listed["resources"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["uri"].as_str())
        .collect();
    assert!(
        uris.contains(&"kapelle://instances/toy-1/state")
            && uris.contains(&"kapelle://commands/toy"),
        "{uris:?}"
    );
    for uri in &uris {
        let read = client.ask("resources/read", json!({ "uri": uri })).await;
        let contents = &read["result"]["contents"][0];
        assert!(
            contents["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{uri}: {read}"
        );
        assert!(contents["mimeType"].is_string());
    }
    let state = client
        .ask(
            "resources/read",
            json!({"uri": "kapelle://instances/toy-1/state"}),
        )
        .await;
    assert!(state.to_string().contains("calm"), "{state}");
    let command = client
        .ask(
            "resources/read",
            json!({"uri": "kapelle://commands/toy/toy.make"}),
        )
        .await;
    assert!(command.to_string().contains("kind*"));

    let missing = json!({"uri": "kapelle://nowhere"});
    assert_eq!(
        client.ask("resources/read", missing.clone()).await["error"]["code"],
        -32602
    );
    let legacy = Legacy::begin(house.owner(), json!({})).await;
    assert_eq!(
        legacy.ask(1, "resources/read", missing).await["error"]["code"],
        -32002
    );
    let nobody = Modern::new(house.caller("nobody", &[], &[]).await);
    let refused = nobody
        .ask(
            "resources/read",
            json!({"uri": "kapelle://instances/toy-1/state"}),
        )
        .await;
    assert!(refused["error"].is_object(), "{refused}");

    let reference = json!({"type": "ref/resource", "uri": "kapelle://instances/{instance}/state"});
    let params = json!({"ref": reference, "argument": {"name": "instance", "value": "to"}});
    let completed = client.ask("completion/complete", params).await;
    assert_eq!(
        completed["result"]["completion"]["values"],
        json!(["toy-1"]),
        "{completed}"
    );
}

#[tokio::test]
async fn changes_are_told_in_both_eras() {
    let house = House::open().await;
    let bridge = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    let uri = "kapelle://instances/toy-1/state";
    let filter = json!({"notifications": {"resourceSubscriptions": [uri]}});
    let mut modern = Modern::new(house.owner())
        .open("subscriptions/listen", filter)
        .await;
    let (_, acknowledged) = modern.next().await.expect("an acknowledgment");
    assert_eq!(
        acknowledged["method"], "notifications/subscriptions/acknowledged",
        "{acknowledged}"
    );
    let legacy = Legacy::begin(house.owner(), json!({})).await;
    let mut listening = legacy.listen().await;
    let subscribed = legacy
        .ask(2, "resources/subscribe", json!({ "uri": uri }))
        .await;
    assert!(subscribed["result"].is_object(), "{subscribed}");
    let wrong = legacy
        .ask(
            3,
            "resources/subscribe",
            json!({"uri": "kapelle://nowhere"}),
        )
        .await;
    assert!(wrong["error"].is_object());
    bridge.state(json!({"revision": 2})).await;
    for (era, events) in [("modern", &mut modern), ("legacy", &mut listening)] {
        let (_, told) = events.next().await.expect("news");
        assert_eq!(
            told["method"], "notifications/resources/updated",
            "{era}: {told}"
        );
        assert_eq!(told["params"]["uri"], uri, "{era}");
    }
}

#[tokio::test]
async fn prompts_are_filled() {
    let house = House::open().await;
    let _bridge = house
        .bridge("toy-1", |_| {
            Reply::Raise(wire::Problem::new(wire::Code::CALL_FAILED, "It broke."))
        })
        .await;
    let client = Modern::new(house.owner());
    let listed = client.ask("prompts/list", json!({})).await["result"].clone();
    assert_eq!(listed["prompts"].as_array().map(Vec::len), Some(3));
    let params = json!({"name": "make_a_scene", "arguments": {"brief": "a red chair"}});
    let got = client.ask("prompts/get", params).await;
    assert!(
        got["result"]["messages"][0]["content"]["text"]
            .as_str()
            .is_some_and(|text| text.contains("a red chair"))
    );
    let missing = client
        .ask("prompts/get", json!({"name": "make_a_scene"}))
        .await;
    assert_eq!(missing["error"]["code"], -32602);
    let failed = client.tool("run", json!({"command": "toy.echo"})).await;
    let id = failed["structuredContent"]["call_id"]
        .as_str()
        .expect("an id");
    let got = client
        .ask("prompts/get", json!({"name": "what_went_wrong"}))
        .await;
    assert!(got.to_string().contains(id), "{got}");
}
