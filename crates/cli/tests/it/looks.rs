//! Verbs that look: tables for people, the hub's own words as JSON.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::fake_hub::{FakeHub, Reply, Request, call, ended, problem};

fn instance(name: &str, state: &str) -> Value {
    json!({
        "name": name, "app": "toy-app", "state": state, "since": "2030-01-01T00:00:00Z", "pid": 4711, "version": "4.5.15",
        "bridge_version": "0.1.0", "mode": "background", "file": null, "started_by_hub": true, "queued": 0, "heard_ms_ago": 12, "restarts": 0
    })
}

fn answers(request: &Request) -> Reply {
    let path = request.line.split(' ').nth(1).unwrap();
    let document = match (path, request.line.starts_with("GET")) {
        ("/v1/instances", true) => {
            let mut busy = instance("toy-app-2", "busy");
            busy["queued"] = json!(3);
            busy["file"] = json!("/film/shot_010.blend");
            busy["running"] = json!({"call_id": "call_1", "command": "render.still", "caller": "anna", "running_ms": 72_000});
            json!({"instances": [instance("toy-app", "idle"), busy]})
        }
        ("/v1/apps", true) => json!({"apps": [
            {"app": "toy-app", "title": "Toy-App", "commands": 24, "instances": ["toy-app", "toy-app-2"], "announced": false}
        ]}),
        ("/v1/instances/toy-app-2/state", true) => json!({
            "instance": "toy-app-2", "revision": 12, "as_of": "2030-01-01T00:00:00Z", "age_ms": 1500, "connected": true,
            "state": {"file": "/film/shot_010.blend", "dirty": true}
        }),
        ("/v1/calls/call_01J", true) => {
            let mut call = ended("failed", json!(null));
            call["problem"] = json!({"code": "not_found", "message": "There is no object `Cub`.", "hint": "Did you mean `Cube`?", "severity": "error", "retryable": false});
            call["output"]["stdout"] = json!("looking\n");
            call["args"] = json!({"name": "Cub", "password": "[masked]"});
            call
        }
        ("/v1/calls?limit=2&status=failed", true) => {
            let mut done = ended("succeeded", json!(1));
            done["args"] = json!({"code": "import toy; print(len(toy.data.objects))"});
            done["subject"] = json!("import toy; print(len(toy.data.objects))");
            done["undone_by"] = json!("call_02K");
            json!({"since": "2030-01-01T00:00:00Z", "left_out": 3, "calls": [call("running"), done]})
        }
        ("/v1/recovery", true) => json!({"copies": [
            {"instance": "toy-app", "path": "/copies/b.blend", "taken": "2030-01-01T00:00:00Z", "bytes": 1_234_567, "file": null},
            {"instance": "toy-app", "path": "/copies/a.blend", "taken": "2030-01-01T00:00:00Z", "bytes": 99, "file": "/film/a.blend"}
        ]}),
        ("/v1/tokens", true) => {
            json!({"tokens": [{"name": "agent", "scopes": ["read", "write"], "ask": ["destructive"]}]})
        }
        ("/v1/tokens", false) => {
            json!({"name": "agent", "token": "s3cret", "scopes": ["read"], "ask": []})
        }
        (path, false) if path.starts_with("/v1/calls?before=20") => {
            json!({"calls": 12, "jobs": 1, "blobs": 0})
        }
        ("/v1/instances/toy-app-2?force=true", false) => {
            json!({"stopped": "toy-app-2", "how": "killed"})
        }
        _ => return Reply::Json(404, problem("route_unknown", &format!("no {path}"), None)),
    };
    Reply::Json(200, document)
}

/// Everything that is shown, in one snapshot each; relative times are made alike.
#[test]
fn tables_for_people() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, answers);
    let cases: [(&str, &[&str]); 11] = [
        ("status", &[]),
        ("apps", &["apps"]),
        ("state", &["state", "toy-app-2"]),
        ("call", &["history", "call_01J"]),
        ("history", &["history", "-n", "2", "--status", "failed"]),
        ("purge", &["history", "purge", "--older-than", "30d"]),
        ("recover", &["recover"]),
        ("recover-one", &["recover", "2"]),
        ("tokens", &["token", "list"]),
        (
            "token-create",
            &["token", "create", "agent", "--scope", "read"],
        ),
        ("stop", &["stop", "toy-app-2", "--force"]),
    ];
    for (name, words) in cases {
        let ran = environment.run(words);
        let pid = format!("pid {}", std::process::id());
        let shown = ran
            .shown()
            .replace(&hub.url, "[URL]")
            .replace(&pid, "[PID]");
        insta::with_settings!({filters => vec![(r"(\d+ (min|s|h|d) )+ago|\bnow  |\bnow$", "[AGO]")]}, {
            assert_snapshot!(name, shown);
        });
        // As JSON, each is exactly one document.
        let mut words = words.to_vec();
        words.push("--json");
        environment.run(&words).document();
    }
}

#[test]
fn json_is_what_the_hub_said() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, answers);
    let status = environment.run(&["--json"]).document();
    assert_eq!(status["hub"]["uptime_ms"], 61_000);
    assert_eq!(status["instances"][1]["running"]["command"], "render.still");
    assert_eq!(
        environment.run(&["apps", "--json"]).document()["apps"][0]["title"],
        "Toy-App"
    );
}

#[test]
fn several_instances_are_never_picked_from_silently() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |request| {
        match request.line.split(' ').nth(1).unwrap() {
            "/v1/instances" => Reply::Json(
                200,
                json!({"instances": [instance("left", "idle"), instance("right", "idle")]}),
            ),
            _ => answers(request),
        }
    });
    for verb in ["state", "stop"] {
        let ran = environment.run(&[verb]);
        assert_eq!(ran.exit, Some(2));
        assert!(
            ran.err.contains("left, right") && ran.err.contains(&format!("kapelle {verb} left")),
            "{}",
            ran.err
        );
    }
}

#[test]
fn of_several_instances_the_one_named_like_its_app_is_meant() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |request| {
        match request.line.split(' ').nth(1).unwrap() {
            "/v1/instances/toy-app/state" => Reply::Json(
                200,
                json!({"instance": "toy-app", "revision": 1, "as_of": "2030-01-01T00:00:00Z", "age_ms": 5,
                "connected": true, "state": {}}),
            ),
            _ => answers(request),
        }
    });
    let state = environment.run(&["state", "--json"]).document();
    assert_eq!(state["instance"], "toy-app");
}

#[test]
fn colour_only_when_asked_for() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, answers);
    assert!(!environment.run(&["apps"]).out.contains('\u{1b}'));
    assert!(
        environment
            .run(&["apps", "--color", "always"])
            .out
            .contains('\u{1b}')
    );
    let output = environment
        .command(&["apps"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn quiet_leaves_only_the_data() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, answers);
    let ran = environment.run(&["token", "create", "agent", "--scope", "read", "--quiet"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("s3cret\n", ""));
}

#[test]
fn a_copy_is_never_written_over_something() {
    let environment = Environment::new();
    let source = environment.write("copies/c.blend", "A COPY");
    let _hub = FakeHub::start(&environment, move |_| {
        let copy = json!({"instance": "shot", "path": source, "taken": "2030-01-01T00:00:00Z", "bytes": 7, "file": null});
        Reply::Json(200, json!({"copies": [copy]}))
    });
    let ran = environment.run(&["recover", "shot", "--out", "mine.blend"]);
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Some(0), "[DIR]/mine.blend\n")
    );
    assert_eq!(
        std::fs::read(environment.path().join("mine.blend")).unwrap(),
        b"A COPY"
    );
    let ran = environment.run(&["recover", "shot", "--out", "mine.blend"]);
    assert_eq!(ran.exit, Some(1));
    assert!(ran.err.contains("already exists"), "{}", ran.err);
}
