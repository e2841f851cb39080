//! What every store must hold, as tests that an implementation calls with itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hub::store::CallsWanted;
use hub::store::{
    Attempt, Batch, CallRecord, HistoryStore, Job, JobChange, JobEnd, JobStore, JobWrite,
    JobsWanted, Key, Lease, Parts, QueueState,
};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use wire::outcome::OutcomeBody;
use wire::{CallId, CallView, Code, Durability, Effect, JobStatus, Outcome, Problem, Status};

/// A job that waits.
///
/// # Panics
/// Never.
#[must_use]
pub fn job(id: &str) -> Job {
    Job {
        id: id.into(),
        app: "toy".into(),
        instance: None,
        command: "toy.echo".to_owned(),
        caller: "owner".into(),
        asked_at: at(1_000_000),
        durability: Durability::Fsync,
        key: None,
        labels: BTreeMap::new(),
        request: Arc::new(map(json!({"timeout_ms": 1000}))),
        args: Some(Arc::new(map(json!({"data": id})))),
        status: JobStatus::Queued,
        priority: 5,
        place: 0,
        paused: false,
        attempt: 0,
        lease: None,
        end: None,
        outcome: None,
    }
}

/// An outcome with a value.
#[must_use]
pub fn outcome(value: Value) -> Arc<OutcomeBody> {
    let problem = Problem::new(Code::CALL_FAILED, "It broke.").detail("at", "line 1");
    let mut outcome = Outcome::without_value(Status::Failed, problem);
    outcome.value = value;
    outcome.output.stdout = "said ä\n".to_owned();
    outcome.duration_ms = 12.5;
    Arc::new(outcome.into())
}

/// A record of an ended call.
#[must_use]
pub fn record(id: &str, asked_at: OffsetDateTime) -> CallRecord {
    CallRecord {
        caller: "owner".into(),
        view: CallView {
            durability: None,
            call_id: id.into(),
            correlation_id: Some("mine".to_owned()),
            parent_id: Some("call_parent".into()),
            app: "toy".into(),
            instance: "toy".into(),
            command: "toy.echo".to_owned(),
            subject: Some("a toy".to_owned()),
            undone_by: None,
            caller: "owner".to_owned(),
            status: Status::Failed,
            asked_at: hub::clock::rfc3339(asked_at),
            args: Some(Arc::new(map(json!({"data": [1, "ä"]})))),
            position: None,
            behind: None,
            progress: None,
            outcome: Some(outcome(json!({"n": 1}))),
        },
        effect: Effect::Write,
        asked_at,
        args_blob: None,
    }
}

/// A time of whole milliseconds.
///
/// # Panics
/// Beyond the years that a date can have.
#[must_use]
pub fn at(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).expect("a time")
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// What a store of jobs must hold. It begins empty.
///
/// # Panics
/// When it does not hold.
pub async fn jobs_hold(store: &dyn JobStore) {
    a_job_comes_back_as_it_was(store).await;
    a_list_is_stored_whole_or_not_at_all(store).await;
    a_key_is_the_callers_own(store).await;
    pages_go_on_where_they_ended(store).await;
    queues_are_remembered(store).await;
    only_ended_jobs_are_forgotten(store).await;
}

async fn insert(store: &dyn JobStore, job: Job) -> Result<(), Problem> {
    store
        .write(vec![JobWrite::Insert(Box::new(job))], Durability::Journal)
        .await
}

async fn change(store: &dyn JobStore, id: &str, with: impl FnOnce(&mut JobChange)) {
    let mut change = JobChange::of(&CallId::from(id));
    with(&mut change);
    let stored = store.write(vec![JobWrite::Change(Box::new(change))], Durability::Fsync);
    stored.await.expect("the change is stored");
}

async fn get(store: &dyn JobStore, id: &str) -> Option<Job> {
    store.job(&id.into(), Parts::ALL).await.expect("it reads")
}

async fn a_job_comes_back_as_it_was(store: &dyn JobStore) {
    let mut first = job("a1");
    first.instance = Some("toy-2".into());
    first.labels = BTreeMap::from([("shot".to_owned(), "ä 010".to_owned())]);
    first.place = -7;
    insert(store, first.clone()).await.expect("it is stored");
    assert_eq!(get(store, "a1").await.as_ref(), Some(&first));
    let lease = Lease {
        instance: "toy-3".into(),
        process: "p".to_owned(),
    };
    let end = JobEnd {
        at: at(2_000_000),
        duration_ms: 0.25,
        problem: Some(Problem::new(Code::TIMED_OUT, "Too long.")),
    };
    change(store, "a1", |change| {
        change.status = Some(JobStatus::Leased);
        change.lease = Some(Some(lease.clone()));
        change.attempt = Some(1);
        change.instance = Some(Some("toy-3".into()));
    })
    .await;
    first.status = JobStatus::Leased;
    first.lease = Some(lease);
    first.attempt = 1;
    first.instance = Some("toy-3".into());
    assert_eq!(get(store, "a1").await.as_ref(), Some(&first));
    let mut open = first.clone();
    open.args = None;
    assert_eq!(store.open_jobs().expect("it reads"), [open]);
    change(store, "a1", |change| {
        change.status = Some(JobStatus::Dead);
        change.lease = Some(None);
        change.end = Some(Some(end.clone()));
        change.outcome = Some(Some(outcome(json!([1, 2.5, null]))));
        change.labels = Some(BTreeMap::from([("take".to_owned(), "2".to_owned())]));
        change.request = Some(Arc::new(map(json!({"deadline": null}))));
        change.args = Some(Arc::new(map(json!({"data": {}}))));
        change.priority = Some(9);
        change.place = Some(i64::MIN);
        change.paused = Some(true);
    })
    .await;
    let all = get(store, "a1").await.expect("it is there");
    assert_eq!(all.end, Some(end));
    assert_eq!(all.outcome, Some(outcome(json!([1, 2.5, null]))));
    assert_eq!((all.priority, all.place, all.paused), (9, i64::MIN, true));
    assert_eq!(all.args.as_deref(), Some(&map(json!({"data": {}}))));
    assert_eq!(*all.request, map(json!({"deadline": null})));
    assert!(all.lease.is_none() && all.labels["take"] == "2" && all.labels.len() == 1);
    assert!(store.open_jobs().expect("it reads").is_empty());
    let some = store
        .jobs(vec!["no".into(), "a1".into()], Parts::NONE)
        .await;
    let some = some.expect("it reads");
    assert!(some.len() == 1 && some[0].args.is_none() && some[0].outcome.is_none());
    for number in [2, 1, 2] {
        let attempt = Attempt {
            number,
            instance: "toy".into(),
            started_at: at(5),
            ended_at: (number == 1).then(|| at(6)),
            status: JobStatus::Interrupted,
            problem: Some(Problem::new(Code::INTERRUPTED, "Gone.")),
        };
        let write = JobWrite::Attempt("a1".into(), Box::new(attempt));
        store
            .write(vec![write], Durability::Journal)
            .await
            .expect("stored");
    }
    let attempts = store.attempts(&"a1".into()).await.expect("it reads");
    let numbers: Vec<u32> = attempts.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(attempts[0].ended_at, Some(at(6)));
    assert!(attempts[1].ended_at.is_none() && attempts[1].problem.is_some());
}

async fn a_list_is_stored_whole_or_not_at_all(store: &dyn JobStore) {
    let mut unknown = JobChange::of(&"nobody".into());
    unknown.priority = Some(1);
    let mut known = JobChange::of(&"a1".into());
    known.priority = Some(1);
    let paused = QueueState {
        app: "toy".into(),
        paused: true,
        draining: false,
    };
    let writes = vec![
        JobWrite::Insert(Box::new(job("b1"))),
        JobWrite::Change(Box::new(known)),
        JobWrite::Queue(paused),
        JobWrite::Change(Box::new(unknown)),
    ];
    let problem = store.write(writes, Durability::Fsync).await.unwrap_err();
    assert_eq!(problem.code, Code::CALL_UNKNOWN);
    assert_eq!(get(store, "b1").await, None);
    assert_eq!(get(store, "a1").await.map(|job| job.priority), Some(9));
    assert!(store.queues().expect("it reads").is_empty());
    let again = insert(store, job("a1")).await.unwrap_err();
    assert_eq!(again.code, Code::NAME_TAKEN);
    store
        .write(Vec::new(), Durability::Fsync)
        .await
        .expect("nothing is stored easily");
}

async fn a_key_is_the_callers_own(store: &dyn JobStore) {
    let keyed = |id: &str, caller: &str| Job {
        caller: caller.into(),
        key: Some(Key {
            text: "k".to_owned(),
            request_hash: id.to_owned(),
        }),
        ..job(id)
    };
    insert(store, keyed("c1", "owner")).await.expect("stored");
    insert(store, keyed("c2", "other")).await.expect("stored");
    let taken = insert(store, keyed("c3", "owner")).await.unwrap_err();
    assert_eq!(taken.code, Code::JOB_KEY_TAKEN);
    assert_eq!(taken.call_id, Some("c1".into()));
    let found = store.by_key(&"other".into(), "k").await.expect("it reads");
    let found = found.expect("it is there");
    assert_eq!(found.id, "c2".into());
    assert_eq!(found.key.map(|key| key.request_hash), Some("c2".to_owned()));
    assert!(
        store
            .by_key(&"owner".into(), "K")
            .await
            .expect("it reads")
            .is_none()
    );
}

async fn pages_go_on_where_they_ended(store: &dyn JobStore) {
    for number in 0..25 {
        let mut one = job(&format!("d{number:02}"));
        one.app = "list".into();
        one.caller = if number % 2 == 0 { "even" } else { "odd" }.into();
        one.instance = (number == 3).then(|| "list-1".into());
        one.status = JobStatus::ALL[number % 3];
        one.labels = BTreeMap::from([("third".to_owned(), (number % 3).to_string())]);
        insert(store, one).await.expect("stored");
    }
    let ids = |wanted: JobsWanted| async move {
        let mut wanted = wanted;
        wanted.app = Some("list".into());
        let mut found = Vec::new();
        loop {
            let page = store.list(wanted.clone()).await.expect("it reads");
            assert!(page.jobs.len() <= wanted.limit);
            let bare = |job: &Job| job.args.is_none() && job.outcome.is_none();
            assert!(page.jobs.iter().all(bare));
            found.extend(page.jobs.iter().map(|job| job.id.to_string()));
            wanted.cursor = page.next_cursor;
            if wanted.cursor.is_none() {
                return found;
            }
        }
    };
    let expect = |fits: &dyn Fn(usize) -> bool| -> Vec<String> {
        let all = (0..25).rev().filter(|number| fits(*number));
        all.map(|number| format!("d{number:02}")).collect()
    };
    let wanted = |limit| JobsWanted {
        limit,
        ..JobsWanted::default()
    };
    for limit in [1, 5, 7, 100] {
        assert_eq!(ids(wanted(limit)).await, expect(&|_| true));
        let mut some = wanted(limit);
        some.statuses = vec![JobStatus::Running, JobStatus::Queued];
        assert_eq!(ids(some.clone()).await, expect(&|n| n % 3 != 1));
        some.caller = Some("odd".into());
        assert_eq!(
            ids(some.clone()).await,
            expect(&|n| n % 3 != 1 && n % 2 == 1)
        );
        some.label = Some(("third".to_owned(), "2".to_owned()));
        assert_eq!(ids(some).await, expect(&|n| n % 3 == 2 && n % 2 == 1));
        let mut one = wanted(limit);
        one.instance = Some("list-1".into());
        assert_eq!(ids(one).await, ["d03"]);
    }
    let counts = store.counts(Some("list".into())).await.expect("it reads");
    let expected = [
        (JobStatus::Queued, 9),
        (JobStatus::Leased, 8),
        (JobStatus::Running, 8),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    change(store, "d00", |change| {
        change.status = Some(JobStatus::Cancelled);
    })
    .await;
    let counts = store.counts(Some("list".into())).await.expect("it reads");
    assert_eq!(
        (counts[&JobStatus::Queued], counts[&JobStatus::Cancelled]),
        (8, 1)
    );
    let all = store.counts(None).await.expect("it reads");
    assert!(all[&JobStatus::Queued] > 8 && !all.contains_key(&JobStatus::Failed));
    let bad = JobsWanted {
        cursor: Some("x".to_owned()),
        ..wanted(1)
    };
    assert_eq!(
        store.list(bad).await.unwrap_err().code,
        Code::ARGUMENTS_INVALID
    );
}

async fn queues_are_remembered(store: &dyn JobStore) {
    let state = |paused, draining| QueueState {
        app: "toy".into(),
        paused,
        draining,
    };
    for (paused, draining) in [(true, false), (true, true), (false, true)] {
        let write = JobWrite::Queue(state(paused, draining));
        store
            .write(vec![write], Durability::Fsync)
            .await
            .expect("stored");
        assert_eq!(store.queues().expect("it reads"), [state(paused, draining)]);
    }
    let write = JobWrite::Queue(state(false, false));
    store
        .write(vec![write], Durability::Fsync)
        .await
        .expect("stored");
    assert!(store.queues().expect("it reads").is_empty());
}

async fn only_ended_jobs_are_forgotten(store: &dyn JobStore) {
    for (id, status, ended) in [
        ("e1", JobStatus::Succeeded, Some(10)),
        ("e2", JobStatus::Dead, Some(10)),
        ("e3", JobStatus::Failed, Some(20)),
        ("e4", JobStatus::Queued, None),
    ] {
        let mut one = job(id);
        one.app = "old".into();
        one.status = status;
        one.asked_at = at(5);
        one.labels = BTreeMap::from([("age".to_owned(), "old".to_owned())]);
        one.end = ended.map(|ms| JobEnd {
            at: at(ms),
            duration_ms: 1.0,
            problem: None,
        });
        insert(store, one).await.expect("stored");
    }
    assert_eq!(store.forget_ended(at(20), false).await, Ok(1));
    assert!(get(store, "e1").await.is_none() && get(store, "e2").await.is_some());
    assert_eq!(store.forget_ended(at(21), true).await, Ok(2));
    assert!(get(store, "e3").await.is_none() && get(store, "e4").await.is_some());
    let counts = store.counts(Some("old".into())).await.expect("it reads");
    assert_eq!(counts, BTreeMap::from([(JobStatus::Queued, 1)]));
    let labelled = JobsWanted {
        label: Some(("age".to_owned(), "old".to_owned())),
        limit: 9,
        ..JobsWanted::default()
    };
    assert_eq!(store.list(labelled).await.expect("it reads").jobs.len(), 1);
    insert(store, job("e1"))
        .await
        .expect("its id is free again");
    batches_hold(store).await;
}

async fn batches_hold(store: &dyn JobStore) {
    let batch = |id: &str, jobs: &[&str]| Batch {
        id: id.to_owned(),
        caller: "owner".into(),
        asked_at: at(7),
        jobs: jobs.iter().map(|id| (*id).into()).collect(),
    };
    let ended = |id: &str, ms| Job {
        status: JobStatus::Succeeded,
        end: Some(JobEnd {
            at: at(ms),
            duration_ms: 1.0,
            problem: None,
        }),
        ..job(id)
    };
    let write = |writes| store.write(writes, Durability::Fsync);
    let first = batch("batch_1", &["b2", "b1", "b2"]);
    let together = vec![
        JobWrite::Insert(Box::new(ended("b1", 30))),
        JobWrite::Insert(Box::new(ended("b2", 40))),
        JobWrite::Batch(Box::new(first.clone())),
    ];
    write(together).await.expect("stored");
    let again = vec![JobWrite::Batch(Box::new(first.clone()))];
    let problem = write(again).await.expect_err("it is there");
    assert_eq!(problem.code, Code::NAME_TAKEN);
    let unknown = vec![
        JobWrite::Insert(Box::new(job("b3"))),
        JobWrite::Batch(Box::new(batch("batch_2", &["b3", "b4"]))),
    ];
    let problem = write(unknown).await.expect_err("one is not there");
    assert_eq!(problem.code, Code::CALL_UNKNOWN);
    assert!(get(store, "b3").await.is_none(), "nothing of it is stored");
    assert_eq!(store.batch("batch_2").await, Ok(None));
    let other = vec![JobWrite::Batch(Box::new(batch("batch_3", &["b1"])))];
    write(other).await.expect("a job can be in several");
    assert_eq!(store.forget_ended(at(35), true).await, Ok(1));
    assert_eq!(store.batch("batch_1").await, Ok(Some(first)));
    assert_eq!(store.batch("batch_3").await, Ok(None), "none of it is left");
    assert_eq!(store.forget_ended(at(45), true).await, Ok(1));
    assert_eq!(store.batch("batch_1").await, Ok(None));
}

/// What a store of the history must hold. It begins empty.
///
/// # Panics
/// When it does not hold.
pub async fn history_holds(store: &dyn HistoryStore) {
    let born = store.since();
    for (now, before) in [(5_000, 5_000), (9_000, 5_000), (7_000, 9_000)] {
        let told = store.looked_at(at(now)).await.expect("it is noted");
        assert_eq!(told, at(before), "what the clock said at the look before");
    }
    let ids = |wanted: CallsWanted| async move {
        let found = store.list(wanted).await.expect("it reads");
        found
            .iter()
            .map(|record| record.view.call_id.to_string())
            .collect::<Vec<_>>()
    };
    let wanted = |limit| CallsWanted {
        limit,
        ..CallsWanted::default()
    };
    let base = born - Duration::from_secs(1_000);
    let asked_at = |n: u64| {
        let at = base + Duration::from_secs(n);
        at.replace_nanosecond(0).expect("0 is a nanosecond")
    };
    for n in 0..20 {
        let mut one = record(&format!("call_{n:02}"), asked_at(n));
        one.view.status = if n % 4 == 0 {
            Status::Failed
        } else {
            Status::Succeeded
        };
        one.view.instance = if n % 2 == 0 { "even" } else { "odd" }.into();
        one.args_blob = (n % 5 == 0).then(|| format!("blob-{}", n % 10));
        store.keep(Box::new(one));
    }
    store.flush().await.expect("it is stored");
    let all: Vec<String> = (0..20).rev().map(|n| format!("call_{n:02}")).collect();
    assert_eq!(ids(wanted(100)).await, all);
    assert_eq!(ids(wanted(3)).await, all[..3]);
    let mut some = wanted(100);
    some.before = Some("call_10".into());
    assert_eq!(ids(some.clone()).await, all[10..]);
    some.status = Some(Status::Failed);
    assert_eq!(ids(some.clone()).await, ["call_08", "call_04", "call_00"]);
    some.instance = Some("odd".into());
    assert!(ids(some).await.is_empty());
    let mut odd = wanted(2);
    odd.instance = Some("odd".into());
    odd.app = Some("toy".into());
    assert_eq!(ids(odd).await, ["call_19", "call_17"]);
    let mut none = wanted(2);
    none.app = Some("other".into());
    assert!(ids(none).await.is_empty());

    let known = store
        .get(&"call_03".into())
        .await
        .expect("it reads")
        .expect("there");
    let mut expected = record("call_03", asked_at(3));
    expected.view.status = Status::Succeeded;
    expected.view.instance = "odd".into();
    assert_eq!(json!(known.view), json!(expected.view));
    assert_eq!((known.effect, known.asked_at), (Effect::Write, asked_at(3)));
    let mut again = record("call_03", asked_at(19));
    again.view.status = Status::Interrupted;
    again.view.args = None;
    store.keep(Box::new(again));
    store.flush().await.expect("it is stored");
    let twice = store
        .get(&"call_03".into())
        .await
        .expect("it reads")
        .expect("there");
    assert_eq!(twice.view.status, Status::Interrupted);
    assert_eq!(
        (twice.view.args, twice.asked_at),
        (known.view.args, asked_at(3))
    );
    assert!(
        store
            .get(&"call_99".into())
            .await
            .expect("it reads")
            .is_none()
    );

    let purged = store.purge(Some(asked_at(6))).await.expect("it is stored");
    assert_eq!((purged.calls, purged.blobs), (6, Vec::new()));
    assert_eq!(ids(wanted(100)).await, all[..14]);
    assert!(store.since() >= born);
    let purged = store.purge(None).await.expect("it is stored");
    assert_eq!(purged.calls, 14);
    assert_eq!(purged.blobs, ["blob-0", "blob-5"]);
    assert!(ids(wanted(100)).await.is_empty() && store.since() > born);
    assert_eq!(store.left_out(), 0);
}
