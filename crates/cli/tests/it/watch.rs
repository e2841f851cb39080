//! `kapelle watch`: lines for people, documents for scripts, a hub that goes and comes back.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::environment::{Environment, Ran};
use crate::fake_hub::{FakeHub, Reply, Told, call, ended, problem};

fn at(seq: u64, mut event: Value) -> Value {
    event["epoch"] = json!("run1");
    event["seq"] = json!(seq);
    event["at"] = json!("2030-01-01T12:00:01Z");
    event
}

fn instance(state: &str) -> Value {
    json!({
        "name": "toy-app", "app": "toy-app", "state": state, "since": "2030-01-01T00:00:00Z", "pid": 1,
        "version": "5.2.3", "bridge_version": "0.1.0", "mode": "gui", "file": null, "started_by_hub": false,
        "queued": 0
    })
}

fn resync(why: &str, seq: u64) -> Told {
    let resync = json!({
        "epoch": "run1", "seq": seq, "why": why, "instances": [instance("idle")], "calls": []
    });
    ("resync", resync)
}

fn story() -> Vec<Told> {
    let mut end = ended("failed", Value::Null);
    end["problem"] = problem("code_raised", "ValueError: no", None);
    let mut end_of_render = ended("succeeded", json!(1));
    end_of_render["changes"]["added"] = json!([{"type": "object", "name": "Cube"}]);
    let changes = json!({"since": 6, "by": "artist", "changed": [{"type": "object", "name": "Light"}], "added": [], "removed": []});
    let events = [
        json!({"event": "call_queued", "call": call("queued")}),
        json!({"event": "call_started", "call_id": "call_01J", "instance": "toy-app"}),
        json!({"event": "instance", "instance": instance("busy")}),
        json!({"event": "call_output", "call_id": "call_01J", "stream": "stdout", "text": "one\ntwo\n"}),
        json!({"event": "call_progress", "call_id": "call_01J", "progress": {"fraction": 0.5, "text": "half"}}),
        json!({"event": "call_ended", "call": end_of_render}),
        json!({"event": "instance", "instance": instance("idle")}),
        json!({"event": "state", "instance": "toy-app", "revision": 7, "changes": changes}),
        json!({"event": "call_ended", "call": end}),
        json!({"event": "instance", "instance": instance("wedged")}),
    ];
    let names = events
        .iter()
        .map(|event| match event["event"].as_str().unwrap() {
            "call_queued" => "call_queued",
            "call_started" => "call_started",
            "call_output" => "call_output",
            "call_progress" => "call_progress",
            "call_ended" => "call_ended",
            "instance" => "instance",
            _ => "state",
        });
    let told: Vec<Told> = names
        .zip(&events)
        .zip(11..)
        .map(|((name, event), seq)| (name, at(seq, event.clone())))
        .collect();
    told
}

fn watch(environment: &Environment, words: &[&str]) -> Ran {
    let mut all = vec!["watch"];
    all.extend(words);
    let output = environment.command(&all).env("TZ", "UTC").output().unwrap();
    Ran::new(output, environment)
}

fn hub_that_tells(environment: &Environment, first: Told) -> FakeHub {
    FakeHub::start(environment, move |_| {
        let mut events = vec![first.clone()];
        events.extend(story());
        Reply::Stream(events, None)
    })
}

#[test]
fn every_event_is_a_line() {
    let environment = Environment::new();
    let hub = hub_that_tells(&environment, resync("start", 10));
    let ran = watch(&environment, &["--limit", "8"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.shown());
    assert_eq!(
        hub.requests()[0].line,
        "GET /v1/events?topics=calls,instances,state"
    );
}

#[test]
fn only_what_was_wanted() {
    let environment = Environment::new();
    let _hub = hub_that_tells(&environment, resync("start", 10));
    let ran = watch(&environment, &["--instance", "other", "--limit", "0"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Some(0), ""));
    // Without the calls, instances tell that they work.
    let ran = watch(
        &environment,
        &["--topics", "instances", "--limit", "3", "--app", "toy-app"],
    );
    assert!(ran.out.contains("busy") && ran.exit == Some(0), "{ran:?}");
    let ran = watch(&environment, &["--topics", "cals"]);
    assert_eq!(ran.exit, Some(2));
    assert!(ran.err.contains("calls, instances, state"), "{}", ran.err);
}

#[test]
fn as_json_every_line_is_a_document() {
    let environment = Environment::new();
    let _hub = hub_that_tells(&environment, resync("start", 10));
    let ran = watch(&environment, &["--json", "--limit", "3"]);
    let documents: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = documents
        .iter()
        .map(|one| one["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["resync", "call_queued", "call_started", "call_output"]
    );
    assert_eq!(documents[1]["seq"], 11);
}

#[test]
fn a_hub_that_comes_back_is_asked_for_the_rest() {
    let environment = Environment::new();
    let times = AtomicUsize::new(0);
    let hub = FakeHub::start(&environment, move |_| {
        let story = story();
        match times.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Stream(vec![resync("start", 10), story[0].clone()], None),
            1 => Reply::Stream(vec![story[1].clone()], None),
            _ => Reply::Stream(vec![resync("epoch", 3), story[3].clone()], None),
        }
    });
    let ran = watch(&environment, &["--limit", "3"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("the hub went away") && ran.err.contains("the hub is back"),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("the hub was restarted"), "{}", ran.out);
    let heads: Vec<String> = hub
        .requests()
        .iter()
        .map(|request| request.head.to_lowercase())
        .collect();
    assert!(!heads[0].contains("last-event-id"));
    assert!(heads[1].contains("last-event-id: run1-11"), "{}", heads[1]);
    assert!(heads[2].contains("last-event-id: run1-12"), "{}", heads[2]);
}

#[test]
fn without_a_hub_or_the_right_it_says_so() {
    let environment = Environment::new();
    assert_eq!(watch(&environment, &[]).exit, Some(3));
    let _hub = FakeHub::start(&environment, |_| {
        Reply::Json(403, problem("forbidden", "Not you.", None))
    });
    let ran = watch(&environment, &[]);
    assert_eq!(ran.exit, Some(4), "{ran:?}");
}

#[test]
fn who_watches_calls_is_done_when_they_have_ended() {
    let environment = Environment::new();
    let times = AtomicUsize::new(0);
    let _hub = FakeHub::start(&environment, move |_| {
        let of_calls = |calls: Value| {
            let resync = json!({"epoch": "run1", "seq": 10, "why": "start", "calls": calls});
            ("resync", resync)
        };
        let end = json!({"event": "call_ended", "call": ended("succeeded", json!(1))});
        let events = match times.fetch_add(1, Ordering::Relaxed) {
            0 => vec![of_calls(json!([ended("succeeded", json!(1))]))],
            _ => vec![
                of_calls(json!([call("running")])),
                ("call_ended", at(11, end)),
            ],
        };
        Reply::Stream(events, None)
    });
    let over = watch(&environment, &["--topics", "call:call_01J", "-n", "1"]);
    assert_eq!(
        (over.exit, over.out.lines().count()),
        (Some(0), 1),
        "{over:?}"
    );
    assert!(!over.err.contains("went away"), "{over:?}");
    // By the beginning of its id, as it was typed.
    let ends = watch(&environment, &["--topics", "call:01j"]);
    assert_eq!(
        (ends.exit, ends.out.lines().count()),
        (Some(0), 2),
        "{ends:?}"
    );
    assert!(!ends.err.contains("went away"), "{ends:?}");
}

#[test]
fn who_comes_late_is_told_all_the_same() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |_| {
        let changes = json!({"since": 6, "by": "artist", "omitted": {"added": 1200, "changed": 0, "removed": 3}});
        let events = [
            // Asked before the feed began: only its id is known.
            json!({"event": "call_started", "call_id": "call_EARLY", "instance": "toy-app"}),
            json!({"event": "call_output", "call_id": "call_EARLY", "stream": "stdout", "text": "one\r\ntwo"}),
            json!({"event": "call_progress", "call_id": "call_EARLY", "progress": {"text": "no number"}}),
            json!({"event": "state", "instance": "toy-app", "revision": 7, "changes": changes}),
            json!({"event": "state", "instance": "toy-app", "revision": 8}),
            json!({"event": "of_a_newer_hub", "what": 1}),
            json!({"event": "instance", "instance": with_why("failed", "it ended with status 3")}),
        ];
        let told = events.into_iter().zip(11..);
        let mut all = vec![resync("window", 10)];
        all.extend(told.map(|(event, seq)| ("told", at(seq, event))));
        Reply::Stream(all, None)
    });
    let ran = watch(&environment, &["--limit", "6"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.shown());
    // Whose it is, is not known: of one instance alone it is not told.
    let ran = watch(&environment, &["--instance", "toy-app", "-n", "3"]);
    assert!(
        !ran.out.contains("EARLY") && ran.out.contains("state 7"),
        "{}",
        ran.out
    );
}

fn with_why(state: &str, why: &str) -> Value {
    let mut instance = instance(state);
    instance["why"] = json!(why);
    instance
}
