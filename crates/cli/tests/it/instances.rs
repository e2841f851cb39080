//! `kapelle status` of hubs and instances that are not simply well, and what `kapelle start` asks for.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::environment::{Environment, an_app};
use crate::fake_hub::{FakeHub, Reply, problem};

fn instance(name: &str, more: &Value) -> Value {
    let mut instance = json!({
        "name": name, "app": "toy-app", "state": "idle", "since": "2030-01-01T00:00:00Z", "pid": 4711, "version": "4.5.15",
        "bridge_version": "0.1.0", "mode": "background", "file": null, "started_by_hub": true, "queued": 0
    });
    let members = instance.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    instance
}

#[test]
fn status_tells_limits_reasons_and_what_is_wrong() {
    let environment = Environment::new();
    let limits = json!({"memory_mb": 4000, "time_s": 7200, "lived_s": 90});
    let running = json!({
        "call_id": "call_1", "command": "render.still", "subject": "shot.blend", "caller": "anna", "running_ms": 72_000
    });
    let all = [
        instance(
            "confined",
            &json!({"confined": true, "limits": limits, "rss_mb": 1234.6}),
        ),
        instance(
            "new",
            &json!({"state": "starting", "pid": null, "version": null, "limits": {"memory_mb": 500}}),
        ),
        instance(
            "busy",
            &json!({"state": "busy", "mode": "gui", "running": running, "queued": 2}),
        ),
        instance(
            "lost",
            &json!({"state": "disconnected", "mode": "module", "why": "the link was lost"}),
        ),
        instance(
            "stuck",
            &json!({"state": "wedged", "notice": "Its add-on is of another version."}),
        ),
        instance("kept", &json!({"reserved_for": "call_2"})),
    ];
    let hub = FakeHub::start_in_health(&environment, &json!({"disk_full": true}), move |_| {
        Reply::Json(
            200,
            json!({"instances": all, "confinement": "this kernel has no Landlock"}),
        )
    });
    let pid = format!("pid {}", std::process::id());
    let shown = environment.run(&["status"]).shown();
    let version = format!("hub {} ", env!("CARGO_PKG_VERSION"));
    let shown = shown.replace(&version, "hub [VERSION] ");
    assert_snapshot!(shown.replace(&hub.url, "[URL]").replace(&pid, "[PID]"));
    let document = environment.run(&["status", "--json"]).document();
    assert_eq!(document["hub"]["disk_full"], true);
    assert_eq!(document["confinement"], "this kernel has no Landlock");
}

#[test]
fn status_of_a_hub_with_nothing_says_how_to_begin() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |_| Reply::Json(200, json!({"instances": []})));
    let ran = environment.run(&["status"]);
    let hint = format!(
        "no instance is running; start one: kapelle start {}\n",
        an_app().id()
    );
    assert!(ran.out.ends_with(&hint), "{}", ran.out);
}

#[test]
fn a_start_asks_for_what_was_said_and_tells_what_came() {
    let environment = Environment::new();
    let hub = FakeHub::start(&environment, |request| {
        let wanted = request.json();
        let more = match wanted["mode"].as_str() {
            Some("gui") => json!({"mode": "gui", "pid": null}),
            _ => json!({"confined": wanted["confined"] == true}),
        };
        let name = wanted["name"].as_str().unwrap_or("toy-app");
        Reply::Json(201, instance(name, &more))
    });
    let ran = environment.run(&["start", "toy-app"]);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (
            Some(0),
            "toy-app is idle: toy-app 4.5.15 (background, pid 4711)\n",
            "starting toy-app\n"
        )
    );
    let sent = hub.requests().pop().unwrap();
    assert_eq!(sent.line, "POST /v1/instances");
    assert_eq!(sent.json(), json!({"app": "toy-app", "mode": "background"}));

    #[rustfmt::skip]
    let ran = environment.run(&[
        "start", "toy-app", "--name", "shot", "--file", "shot.blend", "--memory", "4GB", "--time", "2h", "--confined",
        "--label", "gpu", "--label", "fast",
    ]);
    assert_eq!(
        ran.out,
        "shot is idle: toy-app 4.5.15 (background, confined, pid 4711)\n"
    );
    let sent = hub.requests().pop().unwrap().json();
    // The hub runs in another folder.
    let file = environment.path().join("shot.blend");
    let wanted = json!({
        "app": "toy-app", "mode": "background", "name": "shot", "file": file, "memory_mb": 4000, "time_s": 7200,
        "confined": true, "labels": ["gpu", "fast"]
    });
    assert_eq!(sent, wanted);
    let window = environment.run(&["start", "toy-app", "--gui"]);
    assert_eq!(
        window.out,
        "toy-app is idle: toy-app 4.5.15 (with its window)\n"
    );

    let before = hub.requests().len();
    for words in [
        &["--gui", "--background"][..],
        &["--gui", "--memory", "4GB"],
        &["--memory", "much"],
        &["--time", "soon"],
    ] {
        let wrong = environment.run(&[&["start", "toy-app"], words].concat());
        assert_eq!(wrong.exit, Some(2), "{words:?}: {wrong:?}");
    }
    assert_eq!(hub.requests().len(), before);
}

#[test]
fn a_start_that_failed_shows_the_programs_last_words() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |_| {
        let mut failed = problem(
            "start_failed",
            "It ended with status 3.",
            Some("Look at its log."),
        );
        failed["details"] = json!({"output": "loading\n\u{1b}[31mno display\n\n"});
        Reply::Json(500, failed)
    });
    let ran = environment.run(&["start", "toy-app", "--quiet"]);
    assert_eq!(ran.out, "");
    assert_eq!(
        ran.err,
        "error: It ended with status 3.\ndetails:\n  loading\n  no display\nhint: Look at its log.\n"
    );
    assert_ne!(ran.exit, Some(0));
}
