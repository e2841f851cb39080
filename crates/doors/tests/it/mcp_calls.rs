//! Tools that do something: one call for `1 + 1`, what answers say, failures, pictures, typed tools.

use serde_json::{Value, json};
use testkit::{Reply, TestHub, toy};

use crate::House;
use crate::mcp_client::{Modern, text};

#[tokio::test]
async fn one_plus_one_is_one_call() {
    let house = House::open().await;
    let _bridge = house.bridge("toy-1", |_| Reply::Value(json!(2))).await;
    let result = Modern::new(house.owner())
        .tool("code", json!({"code": "1 + 1"}))
        .await;
    assert_eq!(result["structuredContent"]["value"], 2);
    assert_eq!(result["structuredContent"]["status"], "succeeded");
    assert!(
        result.get("isError").is_none_or(|is| is == false),
        "{result}"
    );
    let text = text(&result);
    assert!(
        text.starts_with("2\n") && text.contains("\nNext: "),
        "{text}"
    );
    assert!(text.len() < 300, "{} bytes for one number", text.len());
}

#[test]
fn a_toy_for_a_start_by_mcp() {
    toy::program_if_asked();
}

#[tokio::test]
async fn without_an_instance_one_is_started_and_told() {
    let toy = toy::Toy::with_program(
        "mcp_calls::a_toy_for_a_start_by_mcp",
        toy::Behaviour::Serves,
    );
    let house = House::of(TestHub::start_with(vec![std::sync::Arc::new(toy)]).await).await;
    let client = Modern::new(house.owner());
    let checked = client
        .tool("run", json!({"command": "toy.echo", "check_only": true}))
        .await;
    assert_eq!(
        checked["structuredContent"]["problem"]["code"], "no_instance",
        "a check starts nothing"
    );
    let nothing = client.tool("undo", json!({"app": "toy"})).await;
    assert_eq!(
        nothing["isError"], true,
        "there is nothing to undo, so nothing starts"
    );
    assert!(house.hub.hub.instances().is_empty());
    let result = client.tool("code", json!({"code": "1"})).await;
    assert_eq!(
        result["structuredContent"]["status"], "succeeded",
        "{result}"
    );
    assert!(
        text(&result).starts_with("Started `toy` in the background"),
        "{result}"
    );
    let again = client.tool("code", json!({"code": "1"})).await;
    assert!(!text(&again).contains("Started"), "{again}");
    house.hub.hub.stop().await;
}

#[tokio::test]
async fn several_apps_are_not_picked_from_in_silence() {
    let house = House::open().await;
    let command = json!({"name": "code.run", "summary": "Runs.", "effect": "code", "role": "code",
        "args": {"type": "object", "properties": {"code": {"type": "string"}}}});
    let command = serde_json::from_value(command).expect("a description");
    let dial = testkit::Dial::new(&house.hub).app("other").name("other-1");
    let _other = dial
        .commands(vec![command])
        .connect(|_| Reply::Value(json!("other")))
        .await
        .expect("the hub takes it");
    let client = Modern::new(house.owner());
    // Only one of the two runs.
    let result = client.tool("code", json!({"code": "1"})).await;
    assert_eq!(result["structuredContent"]["value"], "other", "{result}");
    let _toy = house.bridge("toy-1", |_| Reply::Value(json!("toy"))).await;
    let result = client.tool("code", json!({"code": "1"})).await;
    assert_eq!(result["isError"], true);
    assert!(text(&result).contains("other, toy"), "{result}");
    let result = client
        .tool("code", json!({"code": "1", "app": "toy"}))
        .await;
    assert_eq!(result["structuredContent"]["value"], "toy");
    let result = client
        .tool("code", json!({"code": "1", "instance": "other-1"}))
        .await;
    assert_eq!(result["structuredContent"]["value"], "other");
}

#[tokio::test]
async fn failures_are_results_with_the_next_step() {
    let house = House::open().await;
    let _bridge = house
        .bridge("toy-1", |_| {
            let problem = wire::Problem::new(wire::Code::CODE_RAISED, "NameError: no `x`")
                .hint("Did you mean `y`?");
            Reply::Raise(problem.detail("traceback", "line 1\nline 2"))
        })
        .await;
    let client = Modern::new(house.owner());
    let result = client.tool("code", json!({"code": "x"})).await;
    assert_eq!(result["isError"], true);
    assert_eq!(
        result["structuredContent"]["problem"]["code"],
        "code_raised"
    );
    let said = text(&result);
    assert!(
        said.contains("NameError")
            && said.contains("line 2")
            && said.contains("Next: Did you mean `y`?"),
        "{said}"
    );

    let result = client.tool("run", json!({"command": "toy.ecko"})).await;
    assert_eq!(
        result["structuredContent"]["problem"]["code"],
        "command_unknown"
    );
    assert!(text(&result).contains("toy.echo"), "{result}");
    let result = client
        .tool(
            "run",
            json!({"command": "toy.make", "args": {"kind": "cube"}}),
        )
        .await;
    assert_eq!(
        result["structuredContent"]["problem"]["code"],
        "arguments_invalid"
    );
    let result = client.tool("code", json!({"cod": "x"})).await;
    assert_eq!(
        result["structuredContent"]["problem"]["code"],
        "arguments_invalid"
    );
    assert!(
        text(&result).contains("`namespace`"),
        "the names that exist: {result}"
    );

    let answer = client
        .ask("tools/call", json!({"name": "nothing", "arguments": {}}))
        .await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn scopes_hold_here_too() {
    let house = House::open().await;
    let _bridge = house.bridge("toy-1", |_| Reply::Value(json!(1))).await;
    let viewer = Modern::new(house.caller("viewer", &["read"], &[]).await);
    let result = viewer.tool("code", json!({"code": "1"})).await;
    assert_eq!(result["structuredContent"]["problem"]["code"], "forbidden");
    let result = viewer.tool("run", json!({"command": "toy.echo"})).await;
    assert_eq!(result["structuredContent"]["status"], "succeeded");
    let nobody = Modern::new(house.caller("nobody", &[], &[]).await);
    for tool in ["history", "state"] {
        let result = nobody.tool(tool, json!({})).await;
        assert_eq!(
            result["structuredContent"]["problem"]["code"], "forbidden",
            "{tool}"
        );
    }
    let stranger = house.stranger().post("/mcp", &json!({})).await;
    assert_eq!(stranger.status, 401);
    let foreign = [
        ("origin", "http://evil.example"),
        ("content-type", "application/json"),
    ];
    assert_eq!(
        house
            .owner()
            .send("POST", "/mcp", &foreign, b"{}")
            .await
            .status,
        403
    );
    let foreign = [
        ("host", "evil.example"),
        ("content-type", "application/json"),
    ];
    assert_eq!(
        house
            .owner()
            .send("POST", "/mcp", &foreign, b"{}")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    let house = House::open().await;
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let body = vec![b' '; 64 * 1024 * 1024 + 1];
    let answer = house.owner().send("POST", "/mcp", &headers, &body).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn large_things_are_cut_once_and_never_sent_twice() {
    let house = House::open().await;
    let mut bridge = house.bridge("toy-1", |_| Reply::ByHand).await;
    let client = Modern::new(house.owner());
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.tool("code", json!({"code": "x"})).await }
    });
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    let outcome = json!({
        "status": "succeeded",
        "value": "v".repeat(5_000_000),
        "output": {"stdout": format!("begin {} end", "o".repeat(100_000)), "stderr": "", "logs": []},
        "changes": {"added": [{"type": "object", "name": "Cube"}], "changed": [], "removed": []},
    });
    bridge.end(&call.id, outcome).await;
    let result = asking.await.expect("it was asked");
    let bytes = result.to_string().len();
    assert!(bytes < 40_000, "{bytes} bytes");
    let said = text(&result);
    assert!(
        said.contains("begin ") && said.contains(" end"),
        "both ends of what was printed"
    );
    assert!(
        said.contains("changes: added object `Cube`"),
        "{}",
        &said[said.len() - 500..]
    );
    let place = format!("kapelle://calls/{}", call.id);
    assert!(said.contains(&place) && said.contains(&format!("GET /v1/calls/{}", call.id)));
    assert_eq!(result["structuredContent"]["value_bytes"], 5_000_002);
    assert_eq!(
        result["structuredContent"]["changes"]["added"][0]["name"],
        "Cube"
    );
    let whole = client.ask("resources/read", json!({ "uri": place })).await;
    let whole: Value = serde_json::from_str(
        whole["result"]["contents"][0]["text"]
            .as_str()
            .expect("text"),
    )
    .expect("JSON");
    assert_eq!(whole["value"].as_str().map(str::len), Some(5_000_000));
}

#[tokio::test]
async fn pictures_are_shown_and_told() {
    let house = House::open().await;
    let png = [&[0x89, b'P', b'N', b'G'][..], &[7; 500]].concat();
    let blob = house.owner().put("/v1/blobs", &png).await.json()["$blob"]
        .as_str()
        .expect("a name")
        .to_owned();
    let image = json!({"$blob": blob, "bytes": png.len(), "media_type": "image/png", "width": 4, "height": 3});
    let value = json!({"image": image, "path": "/shots/one.png"});
    let _bridge = house
        .bridge("toy-1", move |_| Reply::Value(value.clone()))
        .await;
    let client = Modern::new(house.owner());
    let result = client.tool("run", json!({"command": "toy.look"})).await;
    let content = result["content"].as_array().expect("content");
    assert_eq!(content[0]["type"], "text", "text comes first");
    assert_eq!(
        (&content[1]["type"], &content[1]["mimeType"]),
        (&json!("image"), &json!("image/png"))
    );
    assert_eq!(content[2]["type"], "resource_link");
    assert!(
        text(&result).contains("picture 4×3 image/png: /shots/one.png"),
        "{}",
        text(&result)
    );
    let read = client
        .ask("resources/read", json!({"uri": content[2]["uri"]}))
        .await;
    let contents = &read["result"]["contents"][0];
    assert_eq!(contents["blob"], content[1]["data"]);
    assert_eq!(contents["mimeType"], "image/png");
}

#[tokio::test]
async fn an_apps_commands_are_tools() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let client = Modern::new(house.owner()).at("/mcp/toy");
    let listed = client.ask("tools/list", json!({})).await;
    assert_eq!(
        listed,
        client.ask("tools/list", json!({})).await,
        "the same each time"
    );
    let tools = listed["result"]["tools"].as_array().expect("tools");
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert!(
        names.is_sorted() && names.contains(&"toy_make") && names.contains(&"code_run"),
        "{names:?}"
    );
    let named = |name: &str| {
        tools
            .iter()
            .find(|tool| tool["name"] == name)
            .expect("it is there")
    };
    assert_eq!(named("toy_echo")["annotations"]["readOnlyHint"], true);
    assert_eq!(named("toy_delete")["annotations"]["destructiveHint"], true);
    assert!(named("toy_delete")["inputSchema"]["properties"]["confirm"].is_object());
    assert_eq!(
        named("toy_make")["inputSchema"]["required"],
        json!(["kind"])
    );
    for tool in tools {
        let description = tool["description"].as_str().expect("described");
        assert!(!description.is_empty() && description.len() <= 2_048);
    }
    let result = client
        .tool("toy_make", json!({"kind": "ball", "instance": "toy"}))
        .await;
    assert_eq!(
        result["structuredContent"]["value"],
        json!({"kind": "ball", "size": 2.0}),
        "{result}"
    );
    let result = client.tool("toy_make", json!({"kind": "cube"})).await;
    assert_eq!(
        result["structuredContent"]["problem"]["code"],
        "arguments_invalid"
    );
    let answer = client
        .ask("tools/call", json!({"name": "code", "arguments": {}}))
        .await;
    assert_eq!(
        answer["error"]["code"], -32602,
        "the stable tools are elsewhere"
    );
    let unknown = house.owner().post("/mcp/nothing", &json!({})).await;
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (404, "app_unknown")
    );
}
