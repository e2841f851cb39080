//! Commands that the hub runs itself for an app of which no copy is connected: the same answer in the terminal, over HTTP
//! and over MCP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::hub::HubEnds;

/// The app of workflows: the one that the hub starts no copy of.
fn app() -> String {
    let all = apps::all();
    let app = all.iter().find(|app| !app.starts()).unwrap();
    app.id().to_string()
}

fn workflow() -> Value {
    json!({
        "nodes": [
            {"id": 1, "type": "Picture", "mode": 0, "inputs": [], "widgets_values": ["a.png", "image"],
             "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [7]}]},
            {"id": 2, "type": "Save", "mode": 0, "outputs": [], "widgets_values": ["out"],
             "inputs": [{"name": "images", "type": "IMAGE", "link": 7}]},
        ],
        "links": [[7, 1, 0, 2, 0, "IMAGE"]],
    })
}

fn object_info() -> Value {
    json!({
        "Picture": {"input": {"required": {"image": [["b.png"], {"image_upload": true}]}}, "output": ["IMAGE"]},
        "Save": {"input": {"required": {"images": ["IMAGE"], "prefix": ["STRING", {}]}}, "output": [], "output_node": true},
    })
}

fn graph() -> Value {
    json!({
        "1": {"class_type": "Picture", "inputs": {"image": "a.png"}, "_meta": {"title": "Picture"}},
        "2": {"class_type": "Save", "inputs": {"prefix": "out", "images": ["1", 0]}, "_meta": {"title": "Save"}},
    })
}

#[test]
fn a_workflow_is_converted_and_checked_at_every_door_with_no_instance() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let app = app();
    environment.write("w.json", &workflow().to_string());
    environment.write("info.json", &object_info().to_string());
    let words = [
        "run",
        &app,
        "workflow.convert",
        "workflow=@w.json",
        "object_info=@info.json",
    ];
    let ran = environment.run(&words);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(ran.document(), json!({"graph": graph(), "warnings": []}));
    let words = [
        "run",
        &app,
        "workflow.check",
        "workflow=@w.json",
        "object_info=@info.json",
    ];
    let checked = environment.run(&words).document();
    assert_eq!(checked["ok"], false, "{checked}");
    assert_eq!(checked["faults"][0]["code"], "missing_file", "{checked}");
    assert_eq!(checked["faults"][0]["node"], "1");

    let args = json!({"workflow": workflow(), "object_info": object_info()});
    let call = json!({"app": app, "command": "workflow.convert", "args": args});
    let answer = post(&environment, "/v1/calls", &call);
    assert_eq!(answer["status"], "succeeded", "{answer}");
    assert_eq!(answer["value"]["graph"], graph());
    // By path, and what is refused.
    let path = environment.path().join("w.json");
    let call = json!({"app": app, "command": "workflow.convert", "args": {"workflow": path, "object_info": {}}});
    let refused = post(&environment, "/v1/calls", &call);
    assert_eq!(refused["problem"]["code"], "not_supported", "{refused}");
    assert_eq!(
        refused["problem"]["details"]["refusals"][0]["code"], "missing_node_class",
        "{refused}"
    );
    let call = json!({"app": app, "command": "workflow.check", "args": {"workflow": workflow()}});
    let unknown = post(&environment, "/v1/calls", &call);
    assert_eq!(unknown["problem"]["code"], "no_instance", "{unknown}");

    let told = over_mcp(
        &environment,
        &json!({"command": "workflow.convert", "args": args}),
    );
    assert_eq!(
        told["result"]["structuredContent"]["value"]["graph"],
        graph(),
        "{told}"
    );
}

#[test]
fn an_app_that_is_not_started_by_the_hub_says_so() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let app = app();
    let ran = environment.run(&["start", &app]);
    assert_ne!(ran.exit, Some(0), "{ran:?}");
    assert!(ran.err.contains("cannot start "), "{ran:?}");
}

/// Posts to the hub that runs; gives its answer.
fn post(environment: &Environment, path: &str, body: &Value) -> Value {
    let run = std::fs::read_to_string(environment.home().join("run/hub.json")).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    let url = run["url"].as_str().unwrap();
    let token = environment.run(&["token", "show"]).out;
    let host = url.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        token.trim(),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// One call of the tool `run` through `kapelle mcp`.
fn over_mcp(environment: &Environment, arguments: &Value) -> Value {
    let mut child = environment
        .command(&["mcp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let begin = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}});
    let call = json!({"name": "run", "arguments": arguments});
    for message in [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": begin}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}),
    ] {
        writeln!(stdin, "{message}").unwrap();
    }
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let messages = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let answer = messages.into_iter().find(|message| message["id"] == 1);
    drop(stdin);
    child.wait().unwrap();
    answer.unwrap()
}
