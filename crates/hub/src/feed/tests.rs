use serde_json::json;
use wire::outcome::Progress;
use wire::{CallView, Outcome, Status};

use super::*;

fn feed() -> Arc<Feed> {
    Arc::new(Feed::new("run", None))
}

fn progress(id: &str, text: &str) -> Event {
    Event::CallProgress {
        call_id: id.into(),
        progress: Progress {
            fraction: None,
            text: text.to_owned(),
            details: None,
        },
    }
}

fn state(revision: u64) -> Event {
    Event::State {
        instance: "toy".into(),
        revision,
        changes: None,
    }
}

fn ended(value: serde_json::Value, stdout: &str) -> Event {
    let mut outcome = Outcome::without_value(
        Status::Succeeded,
        wire::Problem::new(wire::Code::INTERNAL, "x"),
    );
    outcome.value = value;
    stdout.clone_into(&mut outcome.output.stdout);
    outcome.problem = None;
    let call: CallView = serde_json::from_value(json!({
        "call_id": "call_1", "correlation_id": null, "app": "toy", "instance": "toy", "command": "toy.echo",
        "caller": "owner", "status": "succeeded", "asked_at": "2030-01-01T00:00:00Z"
    }))
    .unwrap();
    Event::CallEnded {
        call: Box::new(CallView {
            outcome: Some(Arc::new(outcome.into())),
            ..call
        }),
    }
}

fn seqs(subscription: &mut Subscription) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let some = subscription.take(100).unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some.iter().map(|told| told.seq));
    }
}

#[test]
fn events_are_not_built_until_somebody_cares() {
    let feed = feed();
    feed.tell(|| unreachable!("nobody listens"));
    let (subscription, why) = feed.subscribe(vec![Topic::State], None);
    assert_eq!(why, Some(Why::Start));
    feed.tell(|| state(1));
    drop(subscription);
    feed.tell(|| state(2));
    assert_eq!(feed.lock().told.len(), 2, "kept for who comes back");
}

#[test]
fn a_topic_hears_its_events_and_numbers_go_on_over_the_others() {
    let feed = feed();
    let (mut calls, _) = feed.subscribe(vec![Topic::Calls], None);
    let (mut one, _) = feed.subscribe(vec![Topic::Call("b".into()), Topic::State], None);
    let first = calls.position().seq;
    feed.tell(|| progress("a", ""));
    feed.tell(|| state(1));
    feed.tell(|| progress("b", ""));
    assert_eq!(seqs(&mut calls), [first + 1, first + 3]);
    assert_eq!(seqs(&mut one), [first + 2, first + 3]);
}

#[test]
fn who_comes_back_hears_what_it_missed_and_no_more() {
    let feed = feed();
    let (subscription, _) = feed.subscribe(vec![Topic::Calls], None);
    feed.tell(|| progress("a", "1"));
    let left_at = feed.position();
    drop(subscription);
    feed.tell(|| progress("a", "2"));
    feed.tell(|| progress("a", "3"));
    let (mut again, why) = feed.subscribe(vec![Topic::Calls], Some(&left_at));
    assert_eq!(why, None);
    assert_eq!(seqs(&mut again), [left_at.seq + 1, left_at.seq + 2]);
    let other_run = Position {
        epoch: "other".into(),
        seq: left_at.seq,
    };
    assert_eq!(feed.subscribe(vec![], Some(&other_run)).1, Some(Why::Epoch));
    let future = Position {
        seq: 1_000,
        ..left_at
    };
    assert_eq!(feed.subscribe(vec![], Some(&future)).1, Some(Why::Window));
}

#[test]
fn the_window_is_bounded_in_events_and_who_falls_out_of_it_is_told() {
    let feed = feed();
    let (mut slow, _) = feed.subscribe(vec![Topic::State], None);
    let start = slow.position();
    for revision in 0..limits::FEED_WINDOW_EVENTS as u64 {
        feed.tell(|| state(revision));
    }
    let (mut again, why) = feed.subscribe(vec![Topic::State], Some(&start));
    assert_eq!(why, None, "the last that is still inside");
    feed.tell(|| state(0));
    assert_eq!(feed.lock().told.len(), limits::FEED_WINDOW_EVENTS);
    assert_eq!(slow.take(1).unwrap_err(), FellBehind);
    assert_eq!(again.take(1).unwrap_err(), FellBehind);
    let (_, why) = feed.subscribe(vec![Topic::State], Some(&start));
    assert_eq!(why, Some(Why::Window));
}

#[test]
fn the_window_is_bounded_in_bytes_and_large_values_are_notes() {
    let feed = feed();
    let (mut subscription, _) = feed.subscribe(vec![Topic::Calls], None);
    let large = "x".repeat(5 * 1024 * 1024);
    feed.tell(|| ended(json!({"text": large}), &large));
    let told = subscription.take(1).unwrap().remove(0);
    let text: serde_json::Value = serde_json::from_str(told.json()).unwrap();
    let note = &text["call"]["value"]["$omitted"];
    assert_eq!(note["get"], "/v1/calls/call_1");
    assert!(note["bytes"].as_u64().unwrap() >= 5 * 1024 * 1024);
    let stdout = text["call"]["output"]["stdout"].as_str().unwrap();
    assert!(stdout.len() < 2 * limits::FEED_TEXT_BYTES_MAX && stdout.contains("/v1/calls/call_1"));
    let page = "y".repeat(limits::FEED_TEXT_BYTES_MAX);
    for _ in 0..limits::FEED_WINDOW_EVENTS {
        feed.tell(|| progress("a", &page));
    }
    let window = feed.lock();
    assert!(window.bytes <= limits::FEED_WINDOW_BYTES);
    assert!(window.told.len() < limits::FEED_WINDOW_EVENTS);
    let counted: usize = window.told.iter().map(|kept| kept.bytes).sum();
    assert_eq!(counted, window.bytes);
}

/// An event that was read is there twice, as it is and as its JSON; the window counts both.
#[test]
fn the_window_counts_what_it_holds() {
    let feed = feed();
    let (mut subscription, _) = feed.subscribe(vec![Topic::Calls], None);
    let page = "y".repeat(limits::FEED_TEXT_BYTES_MAX);
    feed.tell(|| progress("a", &page));
    feed.tell(|| ended(json!({"text": &page[..4_000]}), ""));
    let texts = [page.len(), 4_000];
    for (told, text) in subscription.take(2).unwrap().iter().zip(texts) {
        let held = text + told.json().len();
        assert!(
            held <= told.bytes && told.bytes < 2 * held,
            "{held} of {}",
            told.bytes
        );
    }
}

#[test]
fn small_values_stand_whole() {
    let feed = feed();
    let (mut subscription, _) = feed.subscribe(vec![Topic::Calls], None);
    feed.tell(|| ended(json!({"a": [1, 2]}), "hello\n"));
    let told = subscription.take(1).unwrap().remove(0);
    let text: serde_json::Value = serde_json::from_str(told.json()).unwrap();
    assert_eq!(text["call"]["value"], json!({"a": [1, 2]}));
    assert_eq!(text["call"]["output"]["stdout"], "hello\n");
}

#[test]
fn long_lists_of_changes_become_a_count() {
    let names: Vec<_> = (0..10_000)
        .map(|n| json!({"type": "object", "name": n.to_string()}))
        .collect();
    let changes = bounded_changes(json!({"since": 4, "by": "artist", "added": names})).unwrap();
    assert_eq!(json!(changes)["omitted"]["added"], 10_000);
    assert_eq!(
        (&changes["since"], &changes["by"]),
        (&json!(4), &json!("artist"))
    );
    let few = json!({"since": 4, "added": [{"type": "object", "name": "Cube"}]});
    assert_eq!(json!(bounded_changes(few.clone()).unwrap()), few);
    assert!(bounded_changes(json!([1])).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_window_that_nobody_wants_is_given_up() {
    let feed = feed();
    let (subscription, _) = feed.subscribe(vec![Topic::State], None);
    feed.tell(|| state(1));
    let left_at = feed.position();
    drop(subscription);
    tokio::time::advance(limits::FEED_KEPT_ALONE + std::time::Duration::from_secs(1)).await;
    feed.tell(|| state(2));
    feed.tell(|| unreachable!("nothing is kept any more"));
    let (mut again, why) = feed.subscribe(vec![Topic::State], Some(&left_at));
    assert_eq!(why, Some(Why::Window), "two events were not kept");
    feed.tell(|| state(4));
    assert_eq!(seqs(&mut again).len(), 1);
}

/// What `tell` costs on the way of a call. Run by hand, with optimisation:
/// `cargo nextest run --release -p kapelle-hub feed::tests::cost --run-ignored only --no-capture`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_macros, reason = "its figures are for who runs it")]
fn cost() {
    let nanos = |feed: &Feed, count: u32| {
        let began = std::time::Instant::now();
        for _ in 0..count {
            feed.tell(|| ended(json!({"a": 1}), ""));
        }
        began.elapsed().as_nanos() / u128::from(count)
    };
    let feed = feed();
    println!("nobody: {} ns an event", nanos(&feed, 1_000_000));
    let (subscription, _) = feed.subscribe(vec![Topic::Calls], None);
    println!(
        "kept: {} ns an event, its making included",
        nanos(&feed, 100_000)
    );
    drop(subscription);
}
