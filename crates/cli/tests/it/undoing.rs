//! `kapelle undo`, `redo` and `revert`: what is asked, what is told of the steps, and what says that there is none.

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::fake_hub::{FakeHub, Reply, Request, call, ended, problem};

fn instance(name: &str) -> Value {
    json!({
        "name": name, "app": "toy-app", "state": "idle", "since": "2030-01-01T00:00:00Z", "pid": 4711, "version": "4.5.15",
        "bridge_version": "0.1.0", "mode": "background", "file": null, "started_by_hub": true, "queued": 0
    })
}

fn steps(list: &str) -> Value {
    let ours = json!({"by": "call", "label": "x", "command": "object.create", "owner": "anna"});
    let theirs = json!({"by": "artist", "label": "Move"});
    json!({list: [ours, theirs], "invalid_variables": []})
}

/// A hub with two instances, whose calls end as `end` says.
fn hub_with(
    environment: &Environment,
    end: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> FakeHub {
    FakeHub::start(environment, move |request| {
        match request.line.split_once(' ').unwrap() {
            ("GET", "/v1/instances") => Reply::Json(
                200,
                json!({"instances": [instance("toy-app"), instance("other")]}),
            ),
            ("GET", "/v1/instances/nowhere") => Reply::Json(
                404,
                problem(
                    "instance_unknown",
                    "`nowhere` is not running.",
                    Some("Running: toy-app, other"),
                ),
            ),
            ("GET", path) if path.starts_with("/v1/instances/") => {
                Reply::Json(200, instance(path.rsplit('/').next().unwrap()))
            }
            ("GET", "/v1/calls/01J" | "/v1/calls/call_01J") => {
                let mut found = ended("succeeded", Value::Null);
                found["instance"] = json!("other");
                Reply::Json(200, found)
            }
            ("GET", "/v1/calls/01UNDONE") => {
                let mut undone = ended("succeeded", Value::Null);
                undone["undone_by"] = json!("call_02K");
                Reply::Json(200, undone)
            }
            ("POST", "/v1/calls") => end(request),
            _ => Reply::Json(404, problem("call_unknown", "There is no such call.", None)),
        }
    })
}

#[test]
fn steps_are_told_by_who_made_them() {
    for (verb, command, list) in [
        ("undo", "history.undo", "undone"),
        ("redo", "history.redo", "redone"),
    ] {
        let environment = Environment::new();
        let hub = hub_with(&environment, move |_| {
            Reply::Json(200, ended("succeeded", steps(list)))
        });
        let ran = environment.run(&[verb]);
        assert_eq!(
            (ran.exit, ran.out, ran.err.as_str()),
            (
                Some(0),
                format!("{list}: object.create by anna\n{list}: Move by the artist\n"),
                ""
            )
        );
        // The one that is named like its app is meant.
        let asked = hub.requests().pop().unwrap().json();
        assert_eq!(
            asked,
            json!({"app": "toy-app", "instance": "toy-app", "command": command, "args": {"steps": 1}})
        );
        let ran = environment.run(&[verb, "3", "-i", "other", "--through"]);
        assert_eq!(ran.exit, Some(0), "{ran:?}");
        let asked = hub.requests().pop().unwrap().json();
        assert_eq!(asked["instance"], "other");
        assert_eq!(asked["args"], json!({"steps": 3, "through": true}));
        let document = environment.run(&[verb, "--json"]).document();
        assert_eq!(document["value"], steps(list));
        let before = hub.requests().len();
        assert_eq!(environment.run(&[verb, "0"]).exit, Some(2));
        assert_eq!(environment.run(&[verb, "257"]).exit, Some(2));
        assert_eq!(hub.requests().len(), before);
    }
}

#[test]
fn variables_that_point_nowhere_now_are_named() {
    let environment = Environment::new();
    let _hub = hub_with(&environment, |_| {
        let value = json!({"undone": [{"label": ""}], "invalid_variables": ["cube", "light"]});
        Reply::Json(200, ended("succeeded", value))
    });
    let ran = environment.run(&["undo"]);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (
            Some(0),
            "undone: {\"label\":\"\"}\n",
            "warning: these variables refer to things that are gone: cube, light\n"
        )
    );
}

#[test]
fn nothing_to_undo_is_a_failure_that_says_so() {
    let environment = Environment::new();
    let _hub = hub_with(&environment, |_| {
        let mut end = ended("failed", Value::Null);
        end["problem"] = problem(
            "nothing_to_undo",
            "There is nothing to undo.",
            Some("See what was done: kapelle history"),
        );
        Reply::Json(200, end)
    });
    let ran = environment.run(&["undo"]);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (
            Some(1),
            "",
            "error: There is nothing to undo.\nhint: See what was done: kapelle history\n"
        )
    );
    let nowhere = environment.run(&["undo", "-i", "nowhere"]);
    assert_ne!(nowhere.exit, Some(0));
    assert!(
        nowhere.err.contains("Running: toy-app, other"),
        "{}",
        nowhere.err
    );
}

#[test]
fn a_step_that_has_not_ended_is_told_as_what_it_is() {
    let environment = Environment::new();
    let _hub = hub_with(&environment, |_| Reply::Json(200, call("running")));
    let ran = environment.run(&["undo"]);
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("", "running\n"),
        "{ran:?}"
    );
}

#[test]
fn a_call_is_taken_back_where_it_ran() {
    let environment = Environment::new();
    let hub = hub_with(&environment, |_| {
        Reply::Json(200, ended("succeeded", steps("undone")))
    });
    // By the beginning of its id.
    let ran = environment.run(&["revert", "01J"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert!(
        ran.out.starts_with("undone: object.create by anna\n"),
        "{}",
        ran.out
    );
    let asked = hub.requests().pop().unwrap().json();
    assert_eq!(
        asked,
        json!({"app": "toy-app", "instance": "other", "command": "history.revert", "args": {"id": "call_01J"}}),
        "the whole id, and the instance of the call"
    );
    let ran = environment.run(&["revert", "call_01J", "--through"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    let asked = hub.requests().pop().unwrap().json();
    assert_eq!(asked["args"], json!({"id": "call_01J", "through": true}));

    let count = |hub: &FakeHub| {
        let lines = hub.requests().into_iter().map(|one| one.line);
        lines.filter(|line| line.starts_with("POST")).count()
    };
    let before = count(&hub);
    let twice = environment.run(&["revert", "01UNDONE"]);
    assert_eq!(
        (twice.exit, twice.err.as_str()),
        (
            Some(1),
            "error: call_01J has already been undone, by call_02K.\n\
             hint: To bring it back, as long as nothing else was done since: kapelle redo\n"
        )
    );
    let unknown = environment.run(&["revert", "01X"]);
    assert_eq!(
        (unknown.exit, unknown.err.as_str()),
        (Some(2), "error: There is no such call.\n")
    );
    assert_eq!(environment.run(&["revert", "a/b"]).exit, Some(2));
    assert_eq!(count(&hub), before, "nothing was undone");
}

#[test]
fn what_a_person_must_confirm_is_asked_again_only_with_a_yes() {
    let environment = Environment::new();
    let hub = hub_with(&environment, |request| {
        if request.json()["confirm"] == "abc" {
            return Reply::Json(200, ended("succeeded", steps("undone")));
        }
        let mut asks = problem(
            "confirmation_required",
            "`history.undo` must be confirmed.",
            None,
        );
        asks["details"] = json!({"confirm": "abc"});
        Reply::Json(409, asks)
    });
    for words in [&["undo"][..], &["revert", "01J"]] {
        let ran = environment.run(words);
        assert_eq!((ran.exit, ran.out.as_str()), (Some(4), ""), "{ran:?}");
        assert!(ran.err.contains("Add --yes to agree"), "{}", ran.err);
        let ran = environment.run(&[words, &["--yes"]].concat());
        assert_eq!(ran.exit, Some(0), "{ran:?}");
        let asked = hub.requests().pop().unwrap().json();
        assert_eq!(asked["confirm"], "abc");
    }
}
