//! Random operations on the files and on the plainest model, with the file closed and opened at random points:
//! both always say the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hub::store::{
    Attempt, Batch, Job, JobChange, JobEnd, JobStore, JobWrite, JobsWanted, Key, Lease, Parts,
    QueueState,
};
use kapelle_store::Jobs;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use testkit::MemoryStore;
use testkit::store_holds::{at, job, outcome};
use wire::{Code, Durability, JobStatus, Problem};

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<JobWrite>, Durability),
    Forget(i64, bool),
    Reopen,
}

fn id() -> impl Strategy<Value = String> {
    (0..12_u8).prop_map(|n| format!("job-{n}"))
}

fn status() -> impl Strategy<Value = JobStatus> {
    prop::sample::select(JobStatus::ALL.to_vec())
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[ab]", "[12]", 0..3)
}

fn end_of(status: JobStatus, ms: i64) -> Option<JobEnd> {
    status.is_end().then(|| JobEnd {
        at: at(ms),
        duration_ms: ms as f64 / 8.0,
        problem: (ms % 2 == 0).then(|| Problem::new(Code::CALL_FAILED, "ä").detail("n", ms)),
    })
}

fn insert() -> impl Strategy<Value = JobWrite> {
    let names = (id(), "[xy]", "[mn]", prop::option::of("[ij]"));
    let rest = (
        prop::option::of("[kl]"),
        status(),
        0..20_i64,
        labels(),
        0..10_u8,
    );
    (names, rest).prop_map(
        |((id, app, caller, instance), (key, status, ms, labels, priority))| {
            JobWrite::Insert(Box::new(Job {
                app: app.into(),
                caller: caller.into(),
                instance: instance.map(Into::into),
                key: key.map(|text| Key {
                    text,
                    request_hash: id.clone(),
                }),
                labels,
                priority,
                status,
                end: end_of(status, ms),
                outcome: status.is_end().then(|| outcome(json!({"ms": ms}))),
                ..job(&id)
            }))
        },
    )
}

fn change() -> impl Strategy<Value = JobWrite> {
    let turn = prop::option::of((status(), 0..20_i64));
    let rest = (
        prop::option::of(any::<i64>()),
        prop::option::of(any::<bool>()),
        prop::option::of(labels()),
        prop::option::of(prop::option::of("[ij]")),
        any::<bool>(),
    );
    (id(), turn, rest).prop_map(|(id, turn, (place, paused, labels, instance, args))| {
        let mut change = JobChange::of(&id.as_str().into());
        if let Some((status, ms)) = turn {
            change.status = Some(status);
            change.end = Some(end_of(status, ms));
            change.outcome = Some(status.is_end().then(|| outcome(json!([ms]))));
            let lease = Lease {
                instance: "i".into(),
                process: ms.to_string(),
            };
            change.lease = Some((status == JobStatus::Leased).then_some(lease));
        }
        change.place = place;
        change.paused = paused;
        change.labels = labels;
        change.instance = instance.map(|name| name.map(Into::into));
        if args {
            let new = json!({"edited": true});
            change.args = new.as_object().cloned().map(Arc::new);
        }
        JobWrite::Change(Box::new(change))
    })
}

fn attempt() -> impl Strategy<Value = JobWrite> {
    (id(), 1..4_u32, status()).prop_map(|(id, number, status)| {
        let attempt = Attempt {
            number,
            instance: "i".into(),
            started_at: at(i64::from(number)),
            ended_at: status.is_end().then(|| at(9)),
            status,
            problem: None,
        };
        JobWrite::Attempt(id.into(), Box::new(attempt))
    })
}

fn queue() -> impl Strategy<Value = JobWrite> {
    ("[xy]", any::<bool>(), any::<bool>()).prop_map(|(app, paused, draining)| {
        JobWrite::Queue(QueueState {
            app: app.into(),
            paused,
            draining,
        })
    })
}

fn batch() -> impl Strategy<Value = JobWrite> {
    ("[pqr]", vec(id(), 1..4)).prop_map(|(name, jobs)| {
        JobWrite::Batch(Box::new(Batch {
            id: name,
            caller: "m".into(),
            asked_at: at(3),
            jobs: jobs.into_iter().map(Into::into).collect(),
        }))
    })
}

fn step() -> impl Strategy<Value = Step> {
    let write =
        prop_oneof![4 => insert(), 6 => change(), 1 => attempt(), 1 => queue(), 2 => batch()];
    let durability = prop::sample::select(vec![Durability::Journal, Durability::Fsync]);
    prop_oneof![
        12 => (vec(write, 1..4), durability).prop_map(|(writes, how)| Step::Write(writes, how)),
        1 => (0..20_i64, any::<bool>()).prop_map(|(ms, dead)| Step::Forget(ms, dead)),
        1 => Just(Step::Reopen),
    ]
}

/// Everything that can be asked, as text.
async fn told(store: &dyn JobStore) -> Vec<String> {
    let mut told = vec![
        format!("{:?}", store.open_jobs()),
        format!("{:?}", store.queues()),
        format!("{:?}", store.counts(None).await),
        format!("{:?}", store.counts(Some("x".into())).await),
    ];
    for n in 0..12 {
        let id = format!("job-{n}").into();
        told.push(format!("{:?}", store.job(&id, Parts::ALL).await));
        told.push(format!("{:?}", store.attempts(&id).await));
    }
    for batch in ["p", "q", "r"] {
        told.push(format!("{:?}", store.batch(batch).await));
    }
    for caller in ["m", "n"] {
        told.push(format!("{:?}", store.by_key(&caller.into(), "k").await));
    }
    let all = JobsWanted {
        limit: 5,
        ..JobsWanted::default()
    };
    let wishes = [
        all.clone(),
        JobsWanted {
            app: Some("x".into()),
            ..all.clone()
        },
        JobsWanted {
            statuses: vec![JobStatus::Queued, JobStatus::Dead, JobStatus::Queued],
            label: Some(("a".to_owned(), "1".to_owned())),
            ..all.clone()
        },
        JobsWanted {
            caller: Some("n".into()),
            instance: Some("i".into()),
            limit: 2,
            ..all
        },
    ];
    for mut wanted in wishes {
        let page = store.list(wanted.clone()).await.unwrap();
        told.push(format!("{:?}", page.jobs));
        wanted.cursor = page.next_cursor;
        let more = wanted.cursor.is_some();
        told.push(format!("{more}"));
        if more {
            told.push(format!("{:?}", store.list(wanted).await.unwrap().jobs));
        }
    }
    told
}

async fn holds(path: &Path, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let model = MemoryStore::default();
    let mut jobs = Jobs::open(path).unwrap();
    for step in steps {
        match step {
            Step::Write(writes, durability) => {
                let expected = model.write(writes.clone(), durability).await;
                prop_assert_eq!(jobs.write(writes, durability).await, expected);
            }
            Step::Forget(ms, with_dead) => {
                let expected = model.forget_ended(at(ms), with_dead).await;
                prop_assert_eq!(jobs.forget_ended(at(ms), with_dead).await, expected);
            }
            Step::Reopen => {
                prop_assert_eq!(told(&jobs).await, told(&model).await);
                drop(jobs);
                jobs = Jobs::open(path).unwrap();
            }
        }
    }
    prop_assert_eq!(told(&jobs).await, told(&model).await);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn files_say_what_the_model_says(steps in vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(holds(&dir.path().join("jobs.db"), steps))?;
    }
}
