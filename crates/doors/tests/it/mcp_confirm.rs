//! A person's yes over MCP: by the newer protocol's rounds, by the older one's question, and by words.

use serde_json::{Value, json};
use testkit::{FakeBridge, Reply};

use crate::House;
use crate::mcp_client::{Legacy, Modern, text, until_response};

const ELICITS: fn() -> Value = || json!({"elicitation": {"form": {}}});
const DELETE: fn() -> Value =
    || json!({"name": "run", "arguments": {"command": "toy.delete", "args": {"name": "a"}}});

async fn house() -> (House, FakeBridge) {
    let house = House::open().await;
    let bridge = house.bridge("toy-1", |_| Reply::Value(json!("gone"))).await;
    (house, bridge)
}

async fn asked(house: &House) -> crate::client::Client {
    house
        .caller(
            "agent",
            &["read", "write", "destructive", "code"],
            &["destructive"],
        )
        .await
}

/// The same request with an answer to its question.
fn again(first: &Value, answer: Value) -> Value {
    let mut params = DELETE();
    params["inputResponses"] = json!({ "confirm": answer });
    params["requestState"] = first["result"]["requestState"].clone();
    params
}

fn yes() -> Value {
    json!({"action": "accept", "content": {"confirm": true}})
}

#[tokio::test]
async fn in_rounds_and_each_yes_is_for_one_call() {
    let (house, bridge) = house().await;
    let client = Modern::new(asked(&house).await).able(ELICITS());
    let first = client.ask("tools/call", DELETE()).await;
    assert_eq!(first["result"]["resultType"], "input_required", "{first}");
    let question = &first["result"]["inputRequests"]["confirm"]["params"];
    let message = question["message"].as_str().expect("a message");
    assert!(
        message.contains("toy.delete") && message.contains("\"a\""),
        "{message}"
    );
    assert!(bridge.calls().is_empty());

    let no = client
        .ask("tools/call", again(&first, json!({"action": "decline"})))
        .await;
    assert_eq!(no["result"]["isError"], true);
    assert!(bridge.calls().is_empty());

    let done = client.ask("tools/call", again(&first, yes())).await;
    assert_eq!(
        done["result"]["structuredContent"]["value"], "gone",
        "{done}"
    );
    assert_eq!(bridge.calls().len(), 1);

    let replayed = client.ask("tools/call", again(&first, yes())).await;
    assert_eq!(
        replayed["result"]["resultType"], "input_required",
        "it was used: {replayed}"
    );
    assert_eq!(bridge.calls().len(), 1);
}

#[tokio::test]
async fn a_state_belongs_to_its_request_and_caller() {
    let (house, bridge) = house().await;
    let client = Modern::new(asked(&house).await).able(ELICITS());
    let first = client.ask("tools/call", DELETE()).await;

    let mut tampered = again(&first, yes());
    let state = first["result"]["requestState"].as_str().expect("a state");
    let flipped = if state.ends_with('A') { "B" } else { "A" };
    tampered["requestState"] = format!("{}{flipped}", &state[..state.len() - 1]).into();
    assert_eq!(
        client.ask("tools/call", tampered).await["error"]["code"],
        -32602
    );

    let mut other_args = again(&first, yes());
    other_args["arguments"]["args"]["name"] = "b".into();
    assert_eq!(
        client.ask("tools/call", other_args).await["error"]["code"],
        -32602
    );

    let other = house
        .caller("other", &["read", "destructive"], &["destructive"])
        .await;
    let other = Modern::new(other).able(ELICITS());
    assert_eq!(
        other.ask("tools/call", again(&first, yes())).await["error"]["code"],
        -32602
    );
    assert!(bridge.calls().is_empty());

    // In another order of its names it is the same request.
    let mut same = again(&first, yes());
    same["arguments"] = json!({"args": {"name": "a"}, "command": "toy.delete"});
    let done = client.ask("tools/call", same).await;
    assert_eq!(
        done["result"]["structuredContent"]["value"], "gone",
        "{done}"
    );
}

#[tokio::test]
async fn by_a_question_in_the_middle_of_the_call() {
    let (house, bridge) = house().await;
    let client = Legacy::begin(asked(&house).await, json!({"elicitation": {}})).await;
    for (answer, runs) in [
        (json!({"action": "cancel"}), 0),
        (
            json!({"action": "accept", "content": {"confirm": false}}),
            0,
        ),
        (yes(), 1),
    ] {
        let mut events = client.open(5, "tools/call", DELETE()).await;
        let (_, question) = events.next().await.expect("a question");
        assert_eq!(question["method"], "elicitation/create", "{question}");
        let reply = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
        assert_eq!(client.post(&reply).await.status, 202);
        let (_, response) = until_response(&mut events).await;
        assert_eq!(
            response["result"]["isError"] == json!(true),
            runs == 0,
            "{response}"
        );
        assert_eq!(bridge.calls().len(), runs);
    }
}

#[tokio::test]
async fn by_words_where_the_client_cannot_ask() {
    let (house, bridge) = house().await;
    let caller = asked(&house).await;
    let client = Modern::new(caller.clone());
    let refused = client.ask("tools/call", DELETE()).await["result"].clone();
    assert_eq!(refused["isError"], true);
    let problem = &refused["structuredContent"]["problem"];
    assert_eq!(problem["code"], "confirmation_required");
    let value = problem["details"]["confirm"].as_str().expect("a value");
    assert!(
        text(&refused).contains(&format!("\"confirm\": \"{value}\"")),
        "{refused}"
    );
    assert!(bridge.calls().is_empty());

    let arguments = json!({"command": "toy.delete", "args": {"name": "b"}, "confirm": value});
    let other = client.tool("run", arguments).await;
    assert_eq!(other["isError"], true, "it was for other arguments");
    let arguments = json!({"command": "toy.delete", "args": {"name": "a"}, "confirm": value});
    assert_eq!(
        client.tool("run", arguments.clone()).await["structuredContent"]["value"],
        "gone"
    );
    assert_eq!(client.tool("run", arguments).await["isError"], true, "once");

    let typed = Modern::new(caller).at("/mcp/toy");
    let refused = typed.tool("toy_delete", json!({"name": "c"})).await;
    let value = &refused["structuredContent"]["problem"]["details"]["confirm"];
    let done = typed
        .tool("toy_delete", json!({"name": "c", "confirm": value}))
        .await;
    assert_eq!(done["structuredContent"]["value"], "gone", "{done}");
}

#[tokio::test]
async fn a_job_that_runs_otherwise_or_again_is_asked_about_again() {
    let (house, bridge) = house().await;
    let owner = house.owner();
    let until = |id: String| {
        let owner = owner.clone();
        async move {
            let path = format!("/v1/calls/{id}?wait_ms=30000");
            assert_eq!(owner.get(&path).await.json()["status"], "succeeded");
        }
    };
    let client = Legacy::begin(asked(&house).await, json!({"elicitation": {}})).await;
    let mut names = Vec::new();
    let mut job = String::new();
    for (tool, arguments) in [
        (
            "run",
            json!({"command": "toy.delete", "args": {"name": "a"}, "durable": true}),
        ),
        (
            "jobs",
            json!({"verb": "retry", "args": {"name": "EVERYTHING"}}),
        ),
        ("jobs", json!({"verb": "retry"})),
    ] {
        for answer in [json!({"action": "decline"}), yes()] {
            let mut arguments = arguments.clone();
            if tool == "jobs" {
                arguments["call_id"] = json!(job);
            }
            let params = json!({"name": tool, "arguments": arguments});
            let mut events = client.open(7, "tools/call", params).await;
            let (_, question) = events.next().await.expect("a question");
            let message = question["params"]["message"].as_str().unwrap_or_default();
            let name = if names.is_empty() {
                "\"a\""
            } else {
                "\"EVERYTHING\""
            };
            assert!(message.contains(name), "{question}");
            let reply = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
            assert_eq!(client.post(&reply).await.status, 202);
            let (_, response) = until_response(&mut events).await;
            let result = &response["result"];
            assert_eq!(
                result["isError"] == json!(true),
                answer != yes(),
                "{response}"
            );
            if answer != yes() {
                assert_eq!(bridge.calls().len(), names.len(), "a no runs nothing");
                continue;
            }
            if job.is_empty() {
                job = result["structuredContent"]["call_id"]
                    .as_str()
                    .expect("an id")
                    .to_owned();
            }
            names.push(if names.is_empty() { "a" } else { "EVERYTHING" });
            until(job.clone()).await;
        }
    }
    let ran: Vec<Value> = bridge
        .calls()
        .iter()
        .map(|call| call.args["name"].clone())
        .collect();
    assert_eq!(ran, names);
}

#[tokio::test]
async fn the_question_names_the_instance_and_cuts_out_no_argument() {
    let (house, _bridge) = house().await;
    let client = Modern::new(asked(&house).await).able(ELICITS());
    let long = "x".repeat(100_000);
    let params = json!({"name": "run", "arguments":
        {"command": "code.run", "args": {"code": format!("{long}\ndelete('EVERYTHING')")}}});
    let _ = client.ask("tools/call", params).await;
    let params = json!({"name": "run", "arguments":
        {"command": "toy.delete", "args": {"name": "EVERYTHING"}, "instance": "toy-1"}});
    let first = client.ask("tools/call", params).await;
    let message = first["result"]["inputRequests"]["confirm"]["params"]["message"].as_str();
    let message = message.expect("a question");
    assert!(
        message.contains("`toy-1`") && message.contains("\"EVERYTHING\""),
        "{message}"
    );
}
