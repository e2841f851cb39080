//! `kapelle batch`: several calls as one, as people and scripts meet them.

use std::io::Write as _;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::environment::{Environment, Ran};
use crate::fake_hub::{FakeHub, Reply, ended, problem};

const CALLS: &str = "{\"app\": \"toy-app\", \"command\": \"object.create\"}\n\n{\"app\": \"toy-app\", \"command\": \"object.delete\"}\n";

fn outcome(id: &str, status: &str, value: Value) -> Value {
    let mut call = ended(status, value);
    call["call_id"] = json!(id);
    call
}

fn view(status: &str, outcomes: &[Value], not_run: usize) -> Value {
    json!({"batch_id": "batch_0123456789abcdef", "status": status, "outcomes": outcomes, "not_run": not_run})
}

fn hub_with(environment: &Environment, view: Value) -> FakeHub {
    FakeHub::start(environment, move |_| Reply::Json(200, view.clone()))
}

#[test]
fn what_succeeded_is_a_line_each_with_short_values() {
    let environment = Environment::new();
    let mut with_subject = outcome("call_01KBW3X9TQ1A", "succeeded", json!({"name": "Cube"}));
    with_subject["subject"] = json!("Cube");
    let outcomes = [
        with_subject,
        outcome("call_01KBW3X9TQ1B", "succeeded", json!("/shots/1.png")),
        outcome("call_01KBW3X9TQ1C", "succeeded", json!(7)),
        outcome("call_01KBW3X9TQ1D", "succeeded", json!(false)),
        outcome("call_01KBW3X9TQ1E", "succeeded", json!("two\nlines")),
        outcome("call_01KBW3X9TQ1F", "succeeded", json!("x".repeat(61))),
    ];
    let hub = hub_with(&environment, view("succeeded", &outcomes, 0));
    let file = environment.write("calls.jsonl", CALLS);
    let ran = environment.run(&["batch", file.to_str().unwrap()]);
    assert_snapshot!(ran.shown());
    let request = hub.requests().pop().unwrap();
    assert_eq!(request.line, "POST /v1/batches");
    let sent = request.json();
    assert_eq!(sent["calls"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&sent["on_error"], &sent["wait"], &sent["durable"]),
        (&json!("stop"), &json!(true), &json!(false))
    );
}

#[test]
fn what_failed_says_why_and_what_did_not_run() {
    let environment = Environment::new();
    let mut failed = outcome("call_01KBW3X9TQ1B", "failed", Value::Null);
    failed["problem"] = problem(
        "not_found",
        "There is no object `Cub`.\nNone.",
        Some("Did you mean `Cube`?"),
    );
    let refused = json!({"problem": problem("no_instance", "No instance is running.", None)});
    let forgotten = json!({"call_id": "call_01KBW3X9TQ1C"});
    let outcomes = [
        outcome("call_01KBW3X9TQ1A", "succeeded", json!(1)),
        failed,
        forgotten,
        refused,
    ];
    let shown = view("failed", &outcomes, 2);
    let _hub = hub_with(&environment, shown.clone());
    let file = environment.write("calls.jsonl", CALLS);
    let ran = environment.run(&["batch", file.to_str().unwrap()]);
    assert_eq!(ran.exit, Some(1));
    assert_snapshot!(ran.shown());
    let json = environment.run(&["batch", file.to_str().unwrap(), "--json"]);
    assert_eq!((json.exit, json.document()), (Some(1), shown));
}

#[test]
fn the_words_of_the_command_go_before_those_of_the_file() {
    let environment = Environment::new();
    let hub = hub_with(&environment, view("running", &[], 0));
    let one = json!({"app": "toy-app", "command": "code.run"});
    let whole = json!({"calls": [one], "on_error": "continue", "wait": 5, "durable": "journal"});
    environment.write("whole.json", &whole.to_string());
    let ran = environment.run(&["batch", "whole.json"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(
        hub.requests().pop().unwrap().json(),
        whole,
        "as it was written"
    );
    let ran = environment.run(&["batch", "whole.json", "--no-wait", "--job"]);
    assert_eq!(
        (ran.exit, ran.err.as_str()),
        (
            Some(0),
            "still running; see it with kapelle jobs show 0123456789ab\n"
        )
    );
    let wanted = json!({"calls": [one], "on_error": "continue", "wait": false, "durable": true});
    assert_eq!(hub.requests().pop().unwrap().json(), wanted);
    environment.write("calls.jsonl", CALLS);
    let ran = environment.run(&["batch", "calls.jsonl", "--on-error", "continue"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(hub.requests().pop().unwrap().json()["on_error"], "continue");
}

#[test]
fn calls_come_from_stdin_too() {
    let environment = Environment::new();
    let hub = hub_with(&environment, view("succeeded", &[], 0));
    let mut command = environment.command(&["batch", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(CALLS.as_bytes()).unwrap();
    drop(stdin);
    let ran = Ran::new(child.wait_with_output().unwrap(), &environment);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "", "all succeeded\n")
    );
    assert_eq!(
        hub.requests().pop().unwrap().json()["calls"][1]["command"],
        "object.delete"
    );
}

#[test]
fn what_is_no_batch_is_named_with_its_place_and_never_sent() {
    let environment = Environment::new();
    let hub = hub_with(&environment, view("succeeded", &[], 0));
    for (text, place) in [
        ("{\"app\": \"a\"}\n{\"app\": \n", "line 2: "),
        ("[{\"app\": \"a\"},]", "trailing comma"),
    ] {
        environment.write("calls.json", text);
        let ran = environment.run(&["batch", "calls.json"]);
        assert_eq!(ran.exit, Some(2), "{ran:?}");
        assert!(
            ran.err.contains("The calls cannot be read") && ran.err.contains(place),
            "{}",
            ran.err
        );
        assert!(
            ran.err.contains("hint: Write a JSON array of calls"),
            "{}",
            ran.err
        );
    }
    let missing = environment.run(&["batch", "nowhere.json"]);
    assert_ne!(missing.exit, Some(0));
    assert!(missing.err.contains("nowhere.json"), "{}", missing.err);
    assert!(hub.requests().is_empty());
}
