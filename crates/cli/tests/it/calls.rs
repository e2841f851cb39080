//! Calls against a hub of canned answers: streams, outcomes, problems, exit codes, Ctrl-C.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::environment::{Environment, Ran};
use crate::fake_hub::{FakeHub, Reply, Request, call, ended, later, problem};

const CODE: &[&str] = &["code", "toy-app", "-c", "1+1"];

/// A hub that answers every call with these events.
fn hub_with(environment: &Environment, events: Vec<(&'static str, Value)>) -> FakeHub {
    FakeHub::start(environment, move |_| Reply::Stream(events.clone(), None))
}

#[test]
fn the_value_goes_to_stdout() {
    let environment = Environment::new();
    let hub = hub_with(
        &environment,
        vec![
            ("queued", call("queued")),
            ("ended", ended("succeeded", json!(2))),
        ],
    );
    let ran = environment.run(CODE);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "2\n", "")
    );
    let requests = hub.requests();
    assert_eq!(requests[0].line, "POST /v1/calls");
    assert!(
        requests[0]
            .head
            .to_lowercase()
            .contains("accept: text/event-stream")
    );
    let asked = requests[0].json();
    assert_eq!(asked["command"], "code.run");
    assert_eq!(asked["args"], json!({"code": "1+1"}));
    assert_eq!(asked["wait"], true);
}

#[test]
fn as_json_the_call_is_the_only_document() {
    let environment = Environment::new();
    let output = (
        "output",
        json!({"call_id": "call_01J", "stream": "stdout", "text": "hello\n"}),
    );
    let _hub = hub_with(
        &environment,
        vec![
            ("queued", call("queued")),
            output,
            ("ended", ended("succeeded", json!({"a": 1}))),
        ],
    );
    let ran = environment.run(&["code", "toy-app", "-c", "x", "--json"]);
    assert_eq!(ran.exit, Some(0));
    assert_eq!(ran.document(), ended("succeeded", json!({"a": 1})));
}

#[test]
fn output_comes_as_it_is_printed_and_the_rest_from_the_outcome() {
    let environment = Environment::new();
    let mut end = ended("succeeded", json!("done"));
    end["output"]["stdout"] = json!("one\ntwo\nthree");
    end["output"]["stderr"] = json!("careful\n");
    end["changes"]["added"] = json!([{"type": "object", "name": "Cube"}]);
    let output = |stream: &str, text: &str| {
        (
            "output",
            json!({"call_id": "call_01J", "stream": stream, "text": text}),
        )
    };
    let log = output(
        "log",
        r#"{"level": "warning", "source": "app", "text": "hm"}"#,
    );
    let events = vec![
        ("queued", call("queued")),
        output("stdout", "one\n"),
        log,
        output("stderr", "careful\n"),
        ("lagged", json!({"missed": 3})),
        output("stdout", "three"),
        (
            "progress",
            json!({"call_id": "call_01J", "progress": {"fraction": 0.55, "text": "half"}}),
        ),
        ("ended", end),
    ];
    let _hub = hub_with(&environment, events);
    assert_snapshot!(environment.run(CODE).shown());
}

#[test]
fn who_has_to_wait_is_told_for_whom() {
    let environment = Environment::new();
    let (send, receive) = later();
    let more = Mutex::new(Some(receive));
    let _hub = FakeHub::start(&environment, move |_| {
        let mut queued = call("queued");
        queued["position"] = json!(2);
        queued["behind"] = json!({"call_id": "call_00", "command": "render.still", "caller": "anna", "running_ms": 72_000});
        Reply::Stream(vec![("queued", queued)], more.lock().unwrap().take())
    });
    let mut command = environment.command(CODE);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut note = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut note)
        .unwrap();
    assert_eq!(
        note,
        "waiting on toy-app for 2 calls ahead of it and `render.still` by anna, running for 1 min 12 s\n"
    );
    send.send(("started", json!({"call_id": "call_01J"})))
        .unwrap();
    send.send(("ended", ended("succeeded", json!(null))))
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_hardly_waits_is_told_nothing() {
    let environment = Environment::new();
    let mut queued = call("queued");
    queued["position"] = json!(1);
    let started = ("started", json!({"call_id": "call_01J"}));
    let events = vec![
        ("queued", queued),
        started,
        ("ended", ended("succeeded", json!(null))),
    ];
    let _hub = hub_with(&environment, events);
    assert_eq!(environment.run(CODE).err, "");
}

#[test]
fn a_failed_call_exits_with_its_code_and_shows_the_traceback_once() {
    let environment = Environment::new();
    let mut end = ended("failed", json!(null));
    end["problem"] = json!({
        "code": "code_raised", "message": "KeyError: 'x' (line 1)", "hint": "There are: y", "severity": "error", "retryable": false,
        "details": {"traceback": "Traceback (most recent call last):\n  line 1\nKeyError: 'x'\n"}
    });
    let _hub = hub_with(
        &environment,
        vec![("queued", call("queued")), ("ended", end)],
    );
    assert_snapshot!(environment.run(CODE).shown());
}

#[test]
fn exit_codes_follow_the_table() {
    let cases = [
        ("failed", "path_refused", 4),
        ("failed", "toaster_on_fire", 1),
        ("failed", "internal", 70),
        ("timed_out", "timed_out", 5),
        ("cancelled", "cancelled", 5),
        ("interrupted", "interrupted", 5),
    ];
    for (status, code, exit) in cases {
        let environment = Environment::new();
        let mut end = ended(status, json!(null));
        end["problem"] = json!({"code": code, "message": "It did."});
        let _hub = hub_with(&environment, vec![("ended", end)]);
        assert_eq!(environment.run(CODE).exit, Some(exit), "{code}");
    }
}

#[test]
fn a_hub_that_goes_away_is_no_success() {
    let environment = Environment::new();
    let _hub = hub_with(&environment, vec![("queued", call("queued"))]);
    let ran = environment.run(CODE);
    assert_eq!(ran.exit, Some(3));
    assert!(
        ran.err.contains("stopped before") && ran.err.contains("kapelle history call_01J"),
        "{}",
        ran.err
    );
}

#[test]
fn problems_are_passed_on_with_their_exit_code() {
    let cases = [
        ("no_instance", 503, 3),
        ("forbidden", 403, 4),
        ("command_unknown", 404, 2),
        ("queue_full", 429, 4),
    ];
    for (code, status, exit) in cases {
        let environment = Environment::new();
        let _hub = FakeHub::start(&environment, move |_| {
            Reply::Json(status, problem(code, "No.", Some("Do so.")))
        });
        let ran = environment.run(CODE);
        let hint = "Do so.";
        assert_eq!(ran.exit, Some(exit), "{code}");
        assert_eq!(
            (ran.out.as_str(), ran.err.as_str()),
            ("", &*format!("error: No.\nhint: {hint}\n"))
        );
        let json = environment.run(&["code", "toy-app", "-c", "1", "--json"]);
        assert_eq!(json.exit, Some(exit));
        assert_eq!(json.document()["code"], code);
        assert_eq!(json.err, "");
    }
}

#[test]
fn what_is_not_waited_for_prints_its_id() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |_| Reply::Json(202, call("queued")));
    let ran = environment.run(&[
        "code",
        "toy-app",
        "-c",
        "1",
        "--no-wait",
        "--timeout",
        "2.5",
        "-i",
        "toy-app-2",
    ]);
    assert_eq!((ran.exit, ran.out.as_str()), (Some(0), "call_01J\n"));
    let asked = hub.requests()[0].json();
    assert_eq!(asked["wait"], false);
    assert_eq!(asked["timeout_ms"], 2500);
    assert_eq!(asked["instance"], "toy-app-2");
}

#[test]
fn all_instances_give_an_outcome_each() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |_| {
        let mut other = ended("failed", json!(null));
        other["instance"] = json!("toy-app-2");
        other["output"]["stdout"] = json!("hi\n");
        other["problem"] = json!({"code": "code_raised", "message": "Boom.", "severity": "error", "retryable": false});
        Reply::Json(
            200,
            json!({"outcomes": [ended("succeeded", json!(4)), other]}),
        )
    });
    let ran = environment.run(&["code", "toy-app", "-c", "2+2", "-i", "*"]);
    assert_snapshot!(ran.shown());
    assert!(
        hub.requests()[0].json()["correlation_id"]
            .as_str()
            .unwrap()
            .starts_with("cli-")
    );
}

/// Answers for `run`: the description of object.create, and its call.
fn described(request: &Request) -> Reply {
    let noun = r#"
        summary = "Objects"
        [create]
        summary = "Adds an object."
        effect = "write"
        example = { kind = "cube", location = [0, 0, 1] }
        [create.args]
        kind = { type = "string", enum = ["cube", "sphere"], required = true, doc = "What to add." }
        location = { type = "vec3", unit = "m", default = [0.0, 0.0, 0.0] }
        image = { type = "blob" }
    "#;
    match request.line.as_str() {
        "GET /v1/apps/toy-app/commands/object.create" => Reply::Json(
            200,
            json!(wire::CommandSpec::from_toml("object", noun).unwrap()[0]),
        ),
        "PUT /v1/blobs" => Reply::Json(
            201,
            json!({"$blob": format!("sha256:{}", "0".repeat(64)), "bytes": request.body.len()}),
        ),
        "POST /v1/calls" => Reply::Stream(
            vec![
                ("queued", call("queued")),
                ("ended", ended("succeeded", json!({"name": "Cube"}))),
            ],
            None,
        ),
        _ => Reply::Json(
            404,
            problem(
                "command_unknown",
                "There is no such command.",
                Some("Did you mean `object.create`?"),
            ),
        ),
    }
}

#[test]
fn arguments_follow_the_description() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, described);
    environment.write("picture.png", "PNG");
    let ran = environment.run(&[
        "run",
        "toy-app",
        "object.create",
        "kind=sphere",
        "location=1,2,-3.5",
        "image=@picture.png",
        "--args",
        r#"{"kind": "cube", "x": 1}"#,
    ]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(ran.out, "{\n  \"name\": \"Cube\"\n}\n");
    let requests = hub.requests();
    assert_eq!(requests[1].body, b"PNG");
    let blob = json!({"$blob": format!("sha256:{}", "0".repeat(64))});
    assert_eq!(
        requests[2].json()["args"],
        json!({"kind": "sphere", "x": 1, "location": [1, 2, -3.5], "image": blob})
    );
}

#[test]
fn an_unknown_argument_runs_nothing() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, described);
    let ran = environment.run(&["run", "toy-app", "object.create", "locaton=1,2,3"]);
    assert_snapshot!(ran.shown());
    assert_eq!(hub.requests().len(), 1);
    assert_eq!(
        environment.run(&["run", "toy-app", "object.craete"]).exit,
        Some(2)
    );
}

#[test]
fn a_command_has_its_page() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, described);
    let page = environment.run(&["run", "toy-app", "object.create", "--help"]);
    assert_snapshot!(page.shown());
    assert_eq!(
        environment
            .run(&["describe", "toy-app", "object.create"])
            .out,
        page.out
    );
}

#[test]
fn a_confirmation_is_given_only_when_somebody_says_yes() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |request| {
        if request.json()["confirm"] == "abc" {
            return Reply::Stream(vec![("ended", ended("succeeded", json!(true)))], None);
        }
        let mut asks = problem(
            "confirmation_required",
            "`code.run` must be confirmed.",
            None,
        );
        asks["details"] = json!({"confirm": "abc"});
        Reply::Json(409, asks)
    });
    let ran = environment.run(CODE);
    assert_eq!(ran.exit, Some(4));
    assert!(ran.err.contains("--yes"), "{}", ran.err);
    assert_eq!(hub.requests().len(), 1);
    let ran = environment.run(&["code", "toy-app", "-c", "1", "--yes"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Some(0), "true\n"));
}

#[test]
fn another_program_on_the_hubs_port_gets_no_token() {
    let environment = Environment::new();
    let hub = hub_with(&environment, vec![("ended", ended("succeeded", json!(1)))]);
    let run = json!({"url": hub.url, "pid": 1});
    environment.write("home/run/hub.json", &run.to_string());
    let ran = environment.run(&["history"]);
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert!(hub.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn a_token_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let environment = Environment::new();
    let hub = hub_with(&environment, Vec::new());
    let token = environment.home().join("tokens/owner");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ran = environment.run(CODE);
    assert_eq!(ran.exit, Some(4), "{ran:?}");
    assert!(ran.err.contains("chmod 600"), "{}", ran.err);
    assert!(hub.requests().is_empty());
}

#[test]
fn the_token_of_the_environment_is_used_first() {
    let environment = Environment::new();
    let _hub = hub_with(&environment, vec![("ended", ended("succeeded", json!(1)))]);
    let output = environment
        .command(CODE)
        .env("KAPELLE_TOKEN", "wrong")
        .output()
        .unwrap();
    assert_eq!(Ran::new(output, &environment).exit, Some(4));
}

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_the_call() {
    let environment = Environment::new();
    let (send, receive) = later();
    let (more, send) = (Mutex::new(Some(receive)), Mutex::new(Some(send)));
    let hub = FakeHub::start(&environment, move |request| {
        if request.line.starts_with("DELETE") {
            if let Some(send) = send.lock().unwrap().take() {
                send.send(("ended", ended("cancelled", json!(null))))
                    .unwrap();
            }
            return Reply::Json(200, ended("cancelled", json!(null)));
        }
        let printed = (
            "output",
            json!({"call_id": "call_01J", "stream": "stdout", "text": "go\n"}),
        );
        Reply::Stream(
            vec![("queued", call("queued")), printed],
            more.lock().unwrap().take(),
        )
    });
    let mut child = environment
        .command(CODE)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    // What is printed says that the call is on its way.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    assert_eq!(first, "go\n");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let ran = Ran::new(child.wait_with_output().unwrap(), &environment);
    assert_eq!(ran.exit, Some(130), "{ran:?}");
    assert!(ran.err.contains("cancelling"), "{}", ran.err);
    assert_eq!(
        hub.requests().last().unwrap().line,
        "DELETE /v1/calls/call_01J"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_call_that_cannot_be_stopped() {
    let environment = Environment::new();
    // The stream stays open for as long as this is held.
    let (_send, receive) = later();
    let more = Mutex::new(Some(receive));
    let _hub = FakeHub::start(&environment, move |request| {
        if request.line.starts_with("DELETE") {
            return Reply::Json(200, call("running"));
        }
        let printed = (
            "output",
            json!({"call_id": "call_01J", "stream": "stdout", "text": "go\n"}),
        );
        Reply::Stream(
            vec![("queued", call("queued")), printed],
            more.lock().unwrap().take(),
        )
    });
    let mut child = environment
        .command(CODE)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let ran = Ran::new(child.wait_with_output().unwrap(), &environment);
    assert_eq!(ran.exit, Some(130), "{ran:?}");
    assert!(ran.err.contains("is in native code"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn a_call_to_all_instances_can_be_cancelled_by_its_mark() {
    // Only the choice of calls is looked at here; the signal is the same as above.
    let environment = Environment::new();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let mark = Arc::new(Mutex::new(Value::Null));
    let (hub_gate, hub_mark) = (Arc::clone(&gate), Arc::clone(&mark));
    let hub = FakeHub::start(&environment, move |request| {
        let (open, opened) = &*hub_gate;
        match request.line.split(['?', ' ']).nth(1).unwrap() {
            "/v1/calls" if request.line.starts_with("POST") => {
                *hub_mark.lock().unwrap() = request.json()["correlation_id"].clone();
                drop(
                    opened
                        .wait_while(open.lock().unwrap(), |open| !*open)
                        .unwrap(),
                );
                Reply::Json(200, json!({"outcomes": [ended("cancelled", json!(null))]}))
            }
            "/v1/calls" => {
                let (mut own, other) = (call("running"), call("running"));
                own["call_id"] = json!("call_own");
                own["correlation_id"] = hub_mark.lock().unwrap().clone();
                Reply::Json(
                    200,
                    json!({"since": "2030-01-01T00:00:00Z", "calls": [own, other]}),
                )
            }
            _ => {
                *open.lock().unwrap() = true;
                opened.notify_all();
                Reply::Json(200, ended("cancelled", json!(null)))
            }
        }
    });
    let child = environment
        .command(&["code", "toy-app", "-c", "1", "-i", "*"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while hub.requests().is_empty() {
        std::thread::yield_now();
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let ran = Ran::new(child.wait_with_output().unwrap(), &environment);
    assert_eq!(ran.exit, Some(130), "{ran:?}");
    let deleted: Vec<String> = hub
        .requests()
        .iter()
        .map(|one| one.line.clone())
        .filter(|line| line.starts_with("DELETE"))
        .collect();
    assert_eq!(deleted, ["DELETE /v1/calls/call_own"]);
}

#[test]
fn a_batch_is_cancelled_from_its_last_call_on() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |request| {
        let named = |id: &str, mut call: Value| {
            call["call_id"] = json!(id);
            call
        };
        let (done, running, waiting) = (
            named("call_01A", ended("succeeded", json!(1))),
            named("call_01B", call("running")),
            named("call_01C", call("queued")),
        );
        let document = match request.line.as_str() {
            "GET /v1/batches/0123" | "GET /v1/batches/batch_0123" => json!({
                "batch_id": "batch_0123456789abcdef", "status": "running", "outcomes": [done, running, waiting]
            }),
            "DELETE /v1/calls/call_01B" => named("call_01B", ended("cancelled", json!(null))),
            "DELETE /v1/calls/call_01C" => named("call_01C", ended("cancelled", json!(null))),
            line => {
                let unknown = match line.starts_with("GET /v1/batches/") {
                    true => problem("batch_unknown", "There is no batch `4567`.", None),
                    false => problem("job_unknown", "There is no such job.", None),
                };
                return Reply::Json(404, unknown);
            }
        };
        Reply::Json(200, document)
    });
    let ran = environment.run(&["jobs", "cancel", "batch_0123"]);
    assert_eq!(
        ran.out,
        "01A: succeeded in 2.5 ms\n01B: cancelled in 2.5 ms\n01C: cancelled in 2.5 ms\n"
    );
    let asked: Vec<String> = hub.requests().into_iter().map(|it| it.line).collect();
    assert_eq!(
        asked[1..],
        ["DELETE /v1/calls/call_01C", "DELETE /v1/calls/call_01B"]
    );
    // Without its prefix it could also be a job.
    assert_eq!(environment.run(&["jobs", "cancel", "0123"]).out, ran.out);
    let unknown = environment.run(&["jobs", "cancel", "4567"]);
    assert!(unknown.err.contains("There is no such job."), "{unknown:?}");
}

#[test]
fn a_batch_may_be_written_as_the_body_of_the_request() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |_| {
        let view = json!({"batch_id": "batch_0123456789abcdef", "status": "failed", "outcomes": [], "not_run": 1});
        Reply::Json(200, view)
    });
    let one = json!({"app": "toy-app", "command": "code.run"});
    let whole = json!({"calls": [one], "on_error": "continue"});
    for (text, on_error) in [
        (whole.to_string(), "continue"),
        (format!("{whole:#}"), "continue"),
        (json!([one]).to_string(), "stop"),
        (format!("{one}\n"), "stop"),
    ] {
        let file = environment.write("calls.json", &text);
        let ran = environment.run(&["batch", file.to_str().unwrap(), "--job"]);
        assert!(ran.err.contains("1 call did not run"), "{text}: {ran:?}");
        let sent = hub.requests().pop().unwrap().json();
        let wanted = json!({"calls": [one], "on_error": on_error, "wait": true, "durable": true});
        assert_eq!(sent, wanted, "{text}");
    }
}
