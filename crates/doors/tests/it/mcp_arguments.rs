//! Arguments of tools as models and their clients send them, on scripted bridges.

use serde_json::{Value, json};
use testkit::Reply;

use crate::House;
use crate::mcp_client::{Modern, text};

/// What the bridge got, by the tool `run` or a typed one; or the text of the refusal.
async fn got(client: &Modern, tool: &str, arguments: Value) -> Result<Value, String> {
    let result = client.tool(tool, arguments).await;
    match result["isError"] == true {
        true => Err(text(&result).to_owned()),
        false => Ok(result["structuredContent"]["value"].clone()),
    }
}

#[tokio::test]
async fn what_a_model_plainly_means_is_done() {
    let house = House::open().await;
    let _bridge = house
        .bridge("toy", |call| Reply::Value(json!(*call.args)))
        .await;
    let client = Modern::new(house.owner());
    let typed = Modern::new(house.owner()).at("/mcp/toy");
    let made = json!({"kind": "ball", "size": 2.0});
    for args in [
        json!({"kind": "ball"}),
        json!("{\"kind\": \"ball\"}"),
        json!("{'kind': 'ball'}"),
    ] {
        let told = got(&client, "run", json!({"command": "toy.make", "args": args})).await;
        assert_eq!(told.as_ref(), Ok(&made), "{args}");
    }
    for nothing in [json!(null), json!(""), json!("null")] {
        let more = json!({"command": "toy.echo", "args": nothing, "timeout_ms": nothing, "confirm": nothing,
            "check_only": nothing, "durable": nothing, "app": nothing, "instance": nothing});
        assert_eq!(
            got(&client, "run", more).await,
            Ok(json!({"text": "hello"})),
            "{nothing}"
        );
        let more = json!({"kind": "ball", "size": nothing, "timeout_ms": nothing, "confirm": nothing, "instance": nothing});
        assert_eq!(
            got(&typed, "toy_make", more).await.as_ref(),
            Ok(&made),
            "{nothing}"
        );
    }
    let told = got(
        &typed,
        "toy_make",
        json!({"kind": "BALL", "size": "3.5", "timeout_ms": "5000"}),
    )
    .await;
    assert_eq!(told, Ok(json!({"kind": "ball", "size": 3.5})));
    let told = got(&typed, "toy_sleep", json!({"ms": 16.0})).await;
    assert_eq!(
        told.unwrap().to_string(),
        r#"{"ms":16}"#,
        "a whole number is whole"
    );
    let told = got(
        &typed,
        "toy_echo",
        json!({"text": "[1, 2]", "data": "[1, 2]"}),
    )
    .await;
    assert_eq!(
        told,
        Ok(json!({"text": "[1, 2]", "data": "[1, 2]"})),
        "texts stay texts"
    );
    let checked = client
        .tool("run", json!({"command": "toy.make", "args": {"kind": "ball", "size": "3"}, "check_only": "true"}))
        .await;
    assert_eq!(
        checked["structuredContent"]["args"],
        json!({"kind": "ball", "size": 3})
    );
    let job = client
        .tool("run", json!({"command": "toy.echo", "durable": "yes"}))
        .await;
    assert!(text(&job).contains("`durable`"), "{job}");
}

#[tokio::test]
async fn what_is_refused_names_the_argument_and_the_near_one() {
    let house = House::open().await;
    let bridge = house
        .bridge("toy", |call| Reply::Value(json!(*call.args)))
        .await;
    let client = Modern::new(house.owner());
    let typed = Modern::new(house.owner()).at("/mcp/toy");
    for (client, tool, arguments, words) in [
        (
            &client,
            "run",
            json!({"command": "toy.echo", "arg": {}}),
            ["`arg`", "`args`"],
        ),
        (
            &client,
            "run",
            json!({"command": "toy.echo", "timeout": 5}),
            ["`timeout`", "`timeout_ms`"],
        ),
        (
            &client,
            "run",
            json!({"command": "toy.echo", "dry_run": true}),
            ["`dry_run`", "check_only"],
        ),
        (
            &client,
            "run",
            json!({"comand": "toy.echo"}),
            ["`comand`", "`command`"],
        ),
        (
            &client,
            "run",
            json!({"command": "toy.make", "args": {"knid": "ball"}}),
            ["`knid`", "`kind`"],
        ),
        (
            &client,
            "run",
            json!({"command": "toy.make", "args": [1]}),
            ["`args`", "object"],
        ),
        (
            &client,
            "run",
            json!({"command": "toy.echo", "timeout_ms": "soon"}),
            ["`timeout_ms`", "integer"],
        ),
        (&client, "wait", json!({}), ["`call_id`", "missing"]),
        (
            &client,
            "jobs",
            json!({"verb": "lst"}),
            ["`verb`", "list, show"],
        ),
        (
            &client,
            "undo",
            json!({"calls": "x"}),
            ["`calls`", "`call`"],
        ),
        (
            &typed,
            "toy_make",
            json!({"kind": "ball", "sizes": 1}),
            ["`sizes`", "`size`"],
        ),
        (
            &typed,
            "toy_make",
            json!({"kind": "cube"}),
            ["`kind`", "ball, top"],
        ),
        (
            &typed,
            "toy_make",
            json!({"kind": "ball", "timeout_ms": "soon"}),
            ["`timeout_ms`", "integer"],
        ),
    ] {
        let refusal = got(client, tool, arguments.clone()).await.unwrap_err();
        assert!(
            words.iter().all(|word| refusal.contains(word)),
            "{arguments}: {refusal}"
        );
        assert!(refusal.contains("arguments_invalid"), "{refusal}");
    }
    assert!(bridge.calls().is_empty(), "nothing ran");
}

#[tokio::test]
async fn remarks_beside_the_arguments_do_no_harm() {
    let house = House::open().await;
    let _bridge = house
        .bridge("toy", |call| Reply::Value(json!(*call.args)))
        .await;
    let client = Modern::new(house.owner());
    let typed = Modern::new(house.owner()).at("/mcp/toy");
    let told = got(
        &client,
        "code",
        json!({"code": "1", "description": "adds", "user_prompt": "add"}),
    )
    .await;
    assert_eq!(told, Ok(json!({"code": "1"})));
    let told = got(
        &typed,
        "toy_make",
        json!({"kind": "ball", "reasoning": "it is round"}),
    )
    .await;
    assert_eq!(told, Ok(json!({"kind": "ball", "size": 2.0})));
}

#[tokio::test]
async fn undo_of_a_call_says_so_in_the_apps_words() {
    let house = House::open().await;
    let spec = json!({"name": "history.revert", "summary": "Reverts.", "effect": "write", "role": "revert",
        "args": {"type": "object", "additionalProperties": false, "required": ["id"],
            "properties": {"id": {"type": "string"}, "through": {"type": "boolean"}}}});
    let dial = testkit::Dial::new(&house.hub)
        .app("lamp")
        .name("lamp")
        .commands(vec![serde_json::from_value(spec).unwrap()]);
    let _lamp = dial
        .connect(|call| Reply::Value(json!(*call.args)))
        .await
        .unwrap();
    let client = Modern::new(house.owner());
    for (arguments, wanted) in [
        (json!({"call": "call_1"}), json!({"id": "call_1"})),
        (
            json!({"call": "call_1", "through": "true", "steps": null}),
            json!({"id": "call_1", "through": true}),
        ),
    ] {
        assert_eq!(got(&client, "undo", arguments).await, Ok(wanted));
    }
}

#[tokio::test]
async fn all_arguments_may_be_one_text() {
    let house = House::open().await;
    let _bridge = house
        .bridge("toy", |call| Reply::Value(json!(*call.args)))
        .await;
    let client = Modern::new(house.owner());
    let told = got(&client, "code", json!("{\"code\": \"1\"}")).await;
    assert_eq!(told, Ok(json!({"code": "1"})));
    assert!(got(&client, "status", json!("")).await.is_ok());
    for wrong in [json!("[]"), json!([]), json!("code"), json!(7)] {
        let refusal = got(&client, "code", wrong.clone()).await.unwrap_err();
        assert!(
            refusal.contains("`arguments` must be an object"),
            "{wrong}: {refusal}"
        );
    }
}
