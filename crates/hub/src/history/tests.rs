use std::sync::Mutex;

use serde_json::json;
use wire::{Effect, Outcome, Status};

use super::*;
use crate::call::CallParts;
use crate::callers::{Caller, Callers};
use crate::home::Home;
use crate::secrets::Marked;
use crate::store::{CallsWanted, Purged, Reading};

/// Keeps what it is given, when it is allowed to.
struct Slow {
    gate: Mutex<()>,
    kept: Mutex<Vec<CallRecord>>,
}

impl HistoryStore for Slow {
    fn keep(&self, record: Box<CallRecord>) {
        drop(self.gate.lock());
        self.kept.lock().unwrap().push(*record);
    }

    fn flush(&self) -> Reading<()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn get(&self, _: &wire::CallId) -> Reading<Option<CallRecord>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn list(&self, _: CallsWanted) -> Reading<Vec<CallRecord>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn like(&self, _: crate::store::Like) -> Reading<Vec<String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn undone(&self, _: Vec<wire::CallId>, _: Option<wire::CallId>) {}

    fn purge(&self, _: Option<time::OffsetDateTime>) -> Reading<Purged> {
        Box::pin(std::future::ready(Ok(Purged::default())))
    }

    fn shrink(&self, _: u64) -> Reading<Purged> {
        Box::pin(std::future::ready(Ok(Purged::default())))
    }

    fn looked_at(&self, now: time::OffsetDateTime) -> Reading<time::OffsetDateTime> {
        Box::pin(std::future::ready(Ok(now)))
    }

    fn since(&self) -> time::OffsetDateTime {
        time::OffsetDateTime::UNIX_EPOCH
    }

    fn left_out(&self) -> u64 {
        0
    }
}

struct House {
    _dir: tempfile::TempDir,
    store: Arc<Slow>,
    history: History,
    blobs: Arc<Blobs>,
}

fn house() -> House {
    house_that(true)
}

fn house_that(keeps: bool) -> House {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let callers = Arc::new(Callers::open(&home).unwrap());
    let blobs = Arc::new(Blobs::open(home.join("blobs")));
    let store = Arc::new(Slow {
        gate: Mutex::new(()),
        kept: Mutex::new(Vec::new()),
    });
    let history = History::open(
        Arc::clone(&store) as Arc<dyn HistoryStore>,
        Arc::new(Masking::new(callers, "b".repeat(64))),
        Arc::clone(&blobs),
        keeps,
    )
    .unwrap();
    House {
        _dir: dir,
        store,
        history,
        blobs,
    }
}

fn ended(args: Value, value: Value, stdout: &str) -> Arc<Call> {
    let schema = json!({"properties": {"password": {"type": "string", "writeOnly": true}}});
    let call = Arc::new(Call::new(CallParts {
        correlation_id: None,
        parent_id: None,
        app: "toy".into(),
        instance: "toy".into(),
        command: "toy.echo".to_owned(),
        effect: Effect::Read,
        concurrent: false,
        caller: Caller::owner(),
        timeout: std::time::Duration::from_secs(1),
        args: Arc::new(as_map(args)),
        revision: None,
        group: None,
        marked: Arc::new(Marked::of(&schema)),
    }));
    let mut outcome = Outcome::without_value(Status::Failed, Problem::new(Code::CALL_FAILED, "x"));
    outcome.value = value;
    outcome.output.stdout = stdout.to_owned();
    call.settle(outcome);
    call
}

#[tokio::test]
async fn what_is_written_down_has_no_secrets_and_bounds() {
    let house = house();
    let token = "ghp_Abcdefghij0123456789Abcd";
    let long = "x".repeat(limits::HISTORY_TEXT_BYTES_MAX + 10);
    let plain = ended(
        json!({"password": "hunter2", "code": format!("t = '{token}'")}),
        json!({"seen": token}),
        token,
    );
    let large = ended(
        json!({"password": "hunter2", "data": [long, token]}),
        json!([long]),
        &long,
    );
    house.history.ended(&plain);
    house.history.ended(&large);
    house.history.flush().await.unwrap();
    let kept = house.store.kept.lock().unwrap();
    let text = serde_json::to_string(&kept[0].view).unwrap();
    assert!(!text.contains(token) && !text.contains("hunter2"), "{text}");
    assert_eq!(
        kept[0].view.args.as_deref(),
        Some(&as_map(
            json!({"password": "[masked]", "code": "t = '[masked]'"})
        ))
    );
    let args = kept[1].view.args.as_deref().unwrap();
    let name = args["$blob"].as_str().unwrap();
    assert_eq!(kept[1].args_blob.as_deref(), Some(name));
    let blob = std::fs::read_to_string(house.blobs.path(name).unwrap()).unwrap();
    assert!(!blob.contains(token) && !blob.contains("hunter2") && blob.contains("xxx"));
    let text = serde_json::to_string(&kept[1].view).unwrap();
    assert!(
        text.len() < 2 * limits::HISTORY_TEXT_BYTES_MAX,
        "{}",
        text.len()
    );
    assert!(text.contains("bytes in all") && text.contains("$omitted"));
    // What was given is not held any longer.
    assert!(plain.given_args().is_none() && large.given_args().is_none());
    assert_eq!(house.history.left_out(), 0);
}

#[tokio::test]
async fn nobody_waits_for_a_slow_disk_and_what_is_left_out_is_counted() {
    let house = house();
    let hold = house.store.gate.lock().unwrap();
    let count = limits::HISTORY_WAITING_MAX + 100;
    for _ in 0..count {
        house.history.ended(&ended(json!({"a": 1}), json!(1), ""));
    }
    let left_out = house.history.left_out();
    // One may be in the hands of the thread.
    assert!((99..=100).contains(&left_out), "{left_out}");
    drop(hold);
    house.history.flush().await.unwrap();
    let kept = house.store.kept.lock().unwrap().len();
    assert_eq!(kept as u64 + house.history.left_out(), count as u64);
}

#[tokio::test]
async fn few_large_calls_wait_at_once() {
    let house = house();
    let hold = house.store.gate.lock().unwrap();
    let long = "x".repeat(limits::HISTORY_VALUE_BYTES_MAX);
    for _ in 0..40 {
        house.history.ended(&ended(json!({}), json!(long), ""));
    }
    let room = limits::HISTORY_WAITING_BYTES_MAX / limits::HISTORY_LARGE_BYTES;
    let left_out = house.history.left_out() as usize;
    assert!(left_out >= 40 - room - 1, "{left_out}");
    drop(hold);
    house.history.flush().await.unwrap();
    house.history.ended(&ended(json!({}), json!(long), ""));
    house.history.flush().await.unwrap();
    assert_eq!(
        house.history.left_out() as usize,
        left_out,
        "the disk has room again"
    );
}

#[tokio::test]
async fn a_hub_that_keeps_nothing_writes_nothing_down() {
    let house = house_that(false);
    let small = ended(json!({"password": "hunter2"}), json!(1), "");
    let long = "x".repeat(limits::HISTORY_ARGS_BYTES_MAX);
    let large = ended(json!({ "data": long }), json!(1), "");
    house.history.ended(&small);
    house.history.ended(&large);
    house.history.flush().await.unwrap();
    assert!(house.store.kept.lock().unwrap().is_empty());
    assert_eq!(house.history.left_out(), 0);
    let shown = small.shown_args(&house.history.shared.masking).unwrap();
    assert_eq!(shown["password"], "[masked]");
    assert!(large.given_args().is_none(), "memory is not filled by it");
}
