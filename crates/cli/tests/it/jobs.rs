//! `kapelle jobs` against a hub of canned answers: how jobs look, what is asked of the hub, and which exit code comes.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::environment::{Environment, Ran};
use crate::fake_hub::{FakeHub, Reply, Request, ended, problem};

/// Later than any clock says, which is shown as `now`: how long ago something was would differ each day.
const NOW: &str = "9999-01-01T00:00:00Z";

fn job(status: &str) -> Value {
    json!({
        "call_id": "call_01KBW3X9TQ1A00000000000000", "correlation_id": null, "app": "toy-app", "command": "render.still",
        "caller": "anna", "status": status, "asked_at": NOW, "priority": 5, "durability": "fsync",
        "attempt": 1
    })
}

/// The same with other members.
fn with(mut job: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    job.as_object_mut().unwrap().extend(more);
    job
}

fn page() -> Value {
    let waiting = with(
        job("queued"),
        &json!({"why": "waiting until an instance is free", "attempt": 0, "priority": 9, "subject": "shot.blend, 1-250"}),
    );
    let progress = json!({"fraction": 0.25, "text": "frame 3 of 12"});
    let running = with(
        job("running"),
        &json!({"call_id": "call_01KBW3X9TQ1A0B", "instance": "toy-app-2", "progress": progress, "attempt": 2}),
    );
    let dead = with(
        job("dead"),
        &json!({"call_id": "call_01KBW3X9TQ2C", "duration_ms": 72_000.0, "attempt": 3, "problem": problem("crashed", "It crashed.", None)}),
    );
    let cancelled = with(
        job("cancelled"),
        &json!({"call_id": "call_01KBW3X9TQ3D", "duration_ms": 2.5, "problem": problem("cancelled", "Cancelled.", None)}),
    );
    json!({
        "jobs": [waiting, running, dead, cancelled], "next_cursor": "c42",
        "counts": {"queued": 1, "running": 1, "dead": 1, "cancelled": 7},
        "queues": [
            {"app": "toy-app", "paused": true, "draining": false},
            {"app": "other", "paused": false, "draining": true},
            {"app": "third", "paused": false, "draining": false}
        ]
    })
}

/// Paths of requests, without the words of the protocol.
fn asked(hub: &FakeHub) -> Vec<String> {
    hub.requests().into_iter().map(|one| one.line).collect()
}

fn of_jobs(request: &Request) -> Reply {
    let (method, path) = request.line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    match (method, path) {
        ("GET", "/v1/jobs") => Reply::Json(200, page()),
        ("PATCH", path) if path.ends_with("running") => Reply::Json(
            409,
            problem("job_not_open", "The job is running.", Some("Cancel it.")),
        ),
        ("PATCH", _) => Reply::Json(200, job("queued")),
        _ => Reply::Json(404, problem("job_unknown", "There is no such job.", None)),
    }
}

#[test]
fn the_list_tells_what_waits_why_and_how_to_go_on() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, of_jobs);
    assert_snapshot!(environment.run(&["jobs"]).shown());
    let list = environment.run(&["jobs", "list", "--json"]);
    assert_eq!((list.exit, list.document()), (Some(0), page()));
    let dead = environment.run(&["jobs", "dead", "--app", "toy-app"]);
    assert_eq!(dead.out, environment.run(&["jobs"]).out, "the same table");
    #[rustfmt::skip]
    let filtered = environment.run(&[
        "jobs", "list", "--status", "queued,running", "--app", "toy-app", "-i", "two", "--caller", "anna",
        "--label", "shot=7", "-n", "3", "--cursor", "c42", "--order", "queue",
    ]);
    assert_eq!(filtered.exit, Some(0), "{filtered:?}");
    let asked = asked(&hub);
    assert_eq!(asked[0], "GET /v1/jobs?limit=20");
    assert_eq!(asked[2], "GET /v1/jobs?limit=20&status=dead&app=toy-app");
    assert_eq!(
        asked[4],
        "GET /v1/jobs?limit=3&status=queued%2Crunning&app=toy-app&instance=two&caller=anna&label=shot%3A7&cursor=c42&order=queue"
    );
    let wrong = environment.run(&["jobs", "list", "--label", "shot"]);
    assert_eq!(wrong.exit, Some(2));
    assert!(wrong.err.contains("write NAME=VALUE"), "{}", wrong.err);
}

#[test]
fn without_jobs_the_list_is_empty_and_says_so() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |_| {
        Reply::Json(200, json!({"jobs": [], "counts": {}, "queues": []}))
    });
    let ran = environment.run(&["jobs"]);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "", "no jobs\n")
    );
    let quiet = environment.run(&["jobs", "--quiet"]);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
}

#[test]
fn one_job_is_shown_with_all_that_was_said_of_it() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |request| {
        let failed = json!({
            "attempt": 1, "instance": "toy-app", "started_at": NOW, "status": "failed",
            "problem": problem("code_raised", "ValueError:\nno", None)
        });
        let again =
            json!({"attempt": 2, "instance": "toy-app-2", "started_at": NOW, "status": "failed"});
        let more = match request.line.as_str() {
            "GET /v1/jobs/01WAITS" => json!({
                "position": 3, "subject": "shot.blend", "not_before": "2030-05-01T00:00:00Z", "deadline": "2030-06-01T00:00:00Z",
                "retry": {"max": 3, "backoff_ms": 1000}, "idempotency_key": "k1", "labels": {"shot": "7", "take": "b"},
                "after": ["call_01A", "call_01B"], "select": {"version": "4.5", "mode": "background"}, "durability": "journal",
                "args": {"frame": 3, "text": "a\u{1b}[2Jb"}, "why": "not before 2030-05-01T00:00:00Z", "attempt": 0
            }),
            "GET /v1/jobs/01FAILED" => json!({
                "status": "failed", "instance": "toy-app-2", "attempt": 2, "attempts": [failed, again],
                "problem": problem("code_raised", "ValueError: no", Some("Look at line 1.")),
                "output": {"stdout": "one\ntwo\n", "stderr": "careful\n"}, "value": null
            }),
            "GET /v1/jobs/01TEXT" => json!({"status": "succeeded", "value": "a text"}),
            _ => json!({"status": "succeeded", "value": {"path": "/shots/1.png"}}),
        };
        Reply::Json(200, with(job("queued"), &more))
    });
    for (name, id) in [
        ("waits", "01WAITS"),
        ("failed", "01FAILED"),
        ("done", "01DONE"),
    ] {
        let ran = environment.run(&["jobs", "show", id]);
        assert_eq!(ran.exit, Some(0), "{ran:?}");
        assert_snapshot!(format!("one_job_{name}"), ran.shown());
    }
    let text = environment.run(&["jobs", "show", "01TEXT"]);
    assert!(text.out.ends_with("\na text\n"), "{}", text.out);
    let document = environment
        .run(&["jobs", "show", "01WAITS", "--json"])
        .document();
    assert_eq!(document["after"], json!(["call_01A", "call_01B"]));
}

/// A problem is stored with its steps; each door says them in its own words.
#[test]
fn the_hint_of_what_failed_is_what_a_terminal_can_do() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |request| {
        let start = wire::hint::Step::Start {
            app: "toy-app".into(),
            name: None,
            memory_mb: None,
        };
        let gone = wire::Problem::new(wire::Code::NO_INSTANCE, "None is running.")
            .hint(wire::hint!["First ", start]);
        if request.line.starts_with("GET /v1/calls/") {
            let mut end = ended("failed", Value::Null);
            end["problem"] = json!(gone);
            return Reply::Json(200, end);
        }
        let failed = json!({"status": "failed", "problem": gone});
        Reply::Json(200, with(job("failed"), &failed))
    });
    for words in [&["jobs", "show", "01J"][..], &["history", "01J"]] {
        let ran = environment.run(words);
        let hint = "no_instance: None is running.\nhint: First kapelle start toy-app\n";
        assert!(ran.out.contains(hint), "{}", ran.out);
    }
}

#[test]
fn a_job_that_is_none_may_be_a_batch() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |request| match request.line.as_str() {
        "GET /v1/batches/0123" | "GET /v1/batches/batch_0123" => {
            let view = json!({"batch_id": "batch_0123456789abcdef", "status": "running", "outcomes": [], "waiting": 2});
            Reply::Json(200, view)
        }
        line if line.contains("/v1/batches/") => {
            Reply::Json(404, problem("batch_unknown", "There is no batch.", None))
        }
        _ => Reply::Json(404, problem("job_unknown", "There is no such job.", None)),
    });
    let named = environment.run(&["jobs", "show", "batch_0123"]);
    assert_eq!(named.exit, Some(0), "{named:?}");
    assert_eq!(
        named.err,
        "still running; see it with kapelle jobs show 0123456789ab\n2 calls are waiting for the ones before\n"
    );
    assert_eq!(asked(&hub), ["GET /v1/batches/batch_0123"]);
    assert_eq!(environment.run(&["jobs", "show", "0123"]).err, named.err);
    // What is neither is told as what was asked for.
    let unknown = environment.run(&["jobs", "show", "45"]);
    assert_eq!(
        (unknown.exit, unknown.err.as_str()),
        (Some(2), "error: There is no such job.\n")
    );
}

#[test]
fn a_change_says_exactly_what_was_wanted() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, of_jobs);
    environment.write("args.json", r#"{"frame": 4}"#);
    #[rustfmt::skip]
    let cases: [(&[&str], Value); 9] = [
        (&["edit", "01A", "--priority", "9"], json!({"priority": 9})),
        (&["edit", "01A", "--retry", "3:10s", "--label", "a=b", "--label", "c="],
         json!({"retry": {"max": 3, "backoff_ms": 10_000}, "labels": {"a": "b", "c": ""}})),
        (&["edit", "01A", "--not-before", "none", "--deadline", "2031-05-04T22:00:00Z"],
         json!({"not_before": "", "deadline": "2031-05-04T22:00:00Z"})),
        (&["edit", "01A", "--args", "@args.json"], json!({"args": {"frame": 4}})),
        (&["move", "01A", "first"], json!({"place": "first"})),
        (&["move", "01A", "last"], json!({"place": "last"})),
        (&["move", "01A", "01B"], json!({"place": {"before": "01B"}})),
        (&["pause", "01A"], json!({"paused": true})),
        (&["resume", "call_01A"], json!({"paused": false})),
    ];
    for (words, body) in cases {
        let ran = environment.run(&[&["jobs"], words].concat());
        assert_eq!(
            (ran.exit, ran.out.as_str()),
            (Some(0), "01KBW3X9TQ1A: queued\n"),
            "{words:?}: {ran:?}"
        );
        let request = hub.requests().pop().unwrap();
        assert!(
            request.line.starts_with("PATCH /v1/jobs/"),
            "{}",
            request.line
        );
        assert_eq!(request.json(), body, "{words:?}");
    }
    let before = hub.requests().len();
    for words in [
        &["edit", "01A"][..],
        &["edit", "01A", "--priority", "10"],
        &["edit", "01A", "--args", "[1]"],
        &["edit", "01A", "--deadline", "soon"],
        &["move", "01A", "a/b"],
        &["edit", "../tokens", "--priority", "1"],
    ] {
        let ran = environment.run(&[&["jobs"], words].concat());
        assert_eq!(
            (ran.exit, ran.out.as_str()),
            (Some(2), ""),
            "{words:?}: {ran:?}"
        );
    }
    let nothing = environment.run(&["jobs", "edit", "01A"]);
    assert_eq!(
        nothing.err,
        "error: Nothing to change.\nhint: Say what to change, for example --priority 9\n"
    );
    assert_eq!(
        hub.requests().len(),
        before,
        "the hub was asked for none of it"
    );
}

#[test]
fn several_jobs_are_tried_again_up_to_the_first_that_cannot_be() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, of_jobs);
    let ran = environment.run(&["jobs", "retry", "01A", "01B", "--args", r#"{"frame": 1}"#]);
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Some(0), "01KBW3X9TQ1A: queued\n01KBW3X9TQ1A: queued\n")
    );
    assert_eq!(
        hub.requests()[1].json(),
        json!({"status": "queued", "args": {"frame": 1}})
    );
    let document = environment
        .run(&["jobs", "retry", "01A", "01B", "--json"])
        .document();
    assert_eq!(document["jobs"].as_array().unwrap().len(), 2);
    // One alone is the document.
    let document = environment
        .run(&["jobs", "retry", "01A", "--json"])
        .document();
    assert_eq!(document["status"], "queued");
    let ran = environment.run(&["jobs", "retry", "running", "01B"]);
    assert_eq!(
        ran.err, "error: The job is running.\nhint: Cancel it.\n",
        "{ran:?}"
    );
    assert_ne!(ran.exit, Some(0));
}

#[test]
fn a_change_that_a_person_must_confirm_is_sent_again_with_the_yes() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |request| {
        if request.json()["confirm"] == "abc" {
            return Reply::Json(200, job("queued"));
        }
        let mut asks = problem(
            "confirmation_required",
            "`scene.clear` must be confirmed.",
            None,
        );
        asks["details"] = json!({"confirm": "abc"});
        Reply::Json(409, asks)
    });
    let words = ["jobs", "edit", "01A", "--args", r#"{"all": true}"#];
    let ran = environment.run(&words);
    assert_eq!(
        (ran.exit, ran.err.as_str()),
        (
            Some(4),
            "error: `scene.clear` must be confirmed.\nhint: Add --yes to agree, or run it on a terminal and be asked.\n"
        )
    );
    assert_eq!(hub.requests().len(), 1);
    let ran = environment.run(&[&words[..], &["--yes"]].concat());
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(
        hub.requests().pop().unwrap().json(),
        json!({"args": {"all": true}, "confirm": "abc"})
    );
    assert_eq!(
        environment.run(&["jobs", "retry", "01A", "-y"]).exit,
        Some(0)
    );
}

#[test]
fn a_queue_says_how_it_stands() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |request| {
        let mut queue = json!({"app": "toy-app", "paused": false, "draining": false});
        let wanted = request.json();
        for (own, theirs) in [("paused", "paused"), ("draining", "drain")] {
            if let Some(is) = wanted.get(theirs) {
                queue[own] = is.clone();
            }
        }
        // Drained before, and paused now.
        if wanted["app"] == "drained" {
            queue["draining"] = json!(true);
        }
        Reply::Json(200, queue)
    });
    for (verb, app, body, words) in [
        (
            "pause",
            "toy-app",
            json!({"app": "toy-app", "paused": true}),
            "is paused",
        ),
        (
            "pause",
            "drained",
            json!({"app": "drained", "paused": true}),
            "is paused and accepts no new jobs",
        ),
        (
            "drain",
            "toy-app",
            json!({"app": "toy-app", "drain": true}),
            "accepts no new jobs; those in it still run",
        ),
        (
            "resume",
            "toy-app",
            json!({"app": "toy-app", "paused": false, "drain": false}),
            "is running",
        ),
    ] {
        let ran = environment.run(&["jobs", verb, app]);
        assert_eq!(
            (ran.exit, ran.out),
            (Some(0), format!("the queue of toy-app {words}\n"))
        );
        let request = hub.requests().pop().unwrap();
        assert_eq!(request.line, "POST /v1/jobs/queue");
        assert_eq!(request.json(), body);
    }
}

#[test]
fn a_job_is_followed_to_its_end_with_its_exit_code() {
    for (status, exit) in [
        ("succeeded", 0),
        ("failed", 1),
        ("dead", 1),
        ("cancelled", 5),
        ("timed_out", 5),
        ("interrupted", 5),
    ] {
        let environment = Environment::new();
        let hub = FakeHub::start(&environment, move |request| {
            if request.line.starts_with("GET /v1/jobs/") {
                return Reply::Json(200, job(status));
            }
            // A call is never `dead`: its last attempt failed.
            let of_call = if status == "dead" { "failed" } else { status };
            let mut end = ended(of_call, json!("done"));
            if of_call != "succeeded" {
                end["value"] = Value::Null;
                end["problem"] = json!({"code": "code_raised", "message": "Boom.", "severity": "error", "retryable": false});
            }
            end["output"]["stdout"] = json!("one\n");
            let output = json!({"call_id": "call_01J", "stream": "stdout", "text": "one\n"});
            Reply::Stream(vec![("output", output), ("ended", end)], None)
        });
        let ran = environment.run(&["jobs", "watch", "01J"]);
        assert_eq!(ran.exit, Some(exit), "{status}: {ran:?}");
        let (out, err) = match status {
            "succeeded" => ("one\ndone\n", ""),
            _ => ("one\n", "error: Boom.\n"),
        };
        assert_eq!((ran.out.as_str(), ran.err.as_str()), (out, err), "{status}");
        assert_eq!(
            asked(&hub),
            ["GET /v1/calls/01J/events", "GET /v1/jobs/01J"]
        );
        let document = environment
            .run(&["jobs", "watch", "01J", "--json"])
            .document();
        assert_eq!(document["call_id"], "call_01J");
    }
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, of_jobs);
    let unknown = environment.run(&["jobs", "watch", "01J"]);
    assert_eq!(
        (unknown.exit, unknown.err.as_str()),
        (Some(2), "error: There is no such job.\n")
    );
}

#[test]
fn the_feed_of_jobs_has_a_line_for_each_change() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |_| {
        let resync = json!({"epoch": "run1", "seq": 10, "why": "window", "jobs": [job("queued")]});
        let statuses = [
            json!({"status": "leased"}),
            json!({"status": "running", "instance": "toy-app-2", "attempt": 2}),
            json!({"status": "queued", "why": "again in 10 s"}),
            json!({"status": "failed", "problem": problem("code_raised", "ValueError: no", None)}),
            json!({"status": "cancelled"}),
            json!({"status": "succeeded", "app": "other-app", "caller": "a caller with a very long name indeed"}),
        ];
        let events = statuses.iter().zip(11..).map(|(more, seq)| {
            let event = json!({"event": "job", "job": with(job("queued"), more), "epoch": "run1", "seq": seq, "at": "2030-01-01T12:00:01Z"});
            ("job", event)
        });
        let mut all = vec![("resync", resync)];
        all.extend(events);
        Reply::Stream(all, None)
    });
    let mut command = environment.command(&["jobs", "watch", "-n", "6"]);
    let ran = Ran::new(command.env("TZ", "UTC").output().unwrap(), &environment);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert_eq!(asked(&hub), ["GET /v1/events?topics=jobs"]);
    assert_snapshot!(ran.shown());
    // Only those of an app, by the verb that takes one.
    let mut command =
        environment.command(&["watch", "--topics", "jobs", "--app", "other-app", "-n", "1"]);
    let ran = Ran::new(command.env("TZ", "UTC").output().unwrap(), &environment);
    assert!(
        ran.out.contains("other-app") && !ran.out.contains("again in"),
        "{}",
        ran.out
    );
}
