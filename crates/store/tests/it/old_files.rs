//! Files of every earlier form are opened with all that they hold. Each form has a file in `tests/fixtures`; after
//! a new step in a schema, `KAPELLE_WRITE_FIXTURES=1 cargo test -p kapelle-store old_files` adds one, which is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub::store::{
    Attempt, Batch, HistoryStore as _, JobEnd, JobStore as _, JobWrite, JobsWanted, Parts,
    QueueState,
};
use kapelle_store::{FORMS, History, Jobs};
use serde_json::json;
use testkit::store_holds::{at, job, outcome, record};
use wire::{Code, Durability, JobStatus, Problem};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy_of(name: &str, dir: &Path) -> PathBuf {
    let path = dir.join(name);
    let bytes = std::fs::read(fixtures().join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}; KAPELLE_WRITE_FIXTURES=1 writes it"));
    hub::home::write_private(&path, &bytes).unwrap();
    path
}

fn batch() -> Batch {
    Batch {
        id: "batch_old".to_owned(),
        caller: "owner".into(),
        asked_at: at(3),
        jobs: vec!["old-1".into(), "old-2".into()],
    }
}

async fn write_jobs(path: &Path) {
    let jobs = Jobs::open(path).unwrap();
    let mut ended = job("old-1");
    ended.status = JobStatus::Dead;
    ended.labels = BTreeMap::from([("shot".to_owned(), "010".to_owned())]);
    ended.end = Some(JobEnd {
        at: at(2_000_000),
        duration_ms: 2.5,
        problem: Some(Problem::new(Code::TIMED_OUT, "Too long.")),
    });
    ended.outcome = Some(outcome(json!([1])));
    let attempt = Attempt {
        number: 1,
        instance: "toy".into(),
        started_at: at(1),
        ended_at: Some(at(2)),
        status: JobStatus::TimedOut,
        problem: None,
    };
    let paused = QueueState {
        app: "toy".into(),
        paused: true,
        draining: false,
    };
    let writes = vec![
        JobWrite::Insert(Box::new(ended)),
        JobWrite::Insert(Box::new(job("old-2"))),
        JobWrite::Attempt("old-1".into(), Box::new(attempt)),
        JobWrite::Queue(paused),
        JobWrite::Batch(Box::new(batch())),
    ];
    jobs.write(writes, Durability::Fsync).await.unwrap();
    jobs.close();
}

async fn write_history(path: &Path) {
    let history = History::open(path).unwrap();
    history.keep(Box::new(record("call_old", at(1_000_000))));
    history.flush().await.unwrap();
    history.close();
}

#[tokio::test]
async fn every_old_file_is_opened_with_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs_form, history_form) = FORMS;
    if std::env::var_os("KAPELLE_WRITE_FIXTURES").is_some() {
        std::fs::create_dir_all(fixtures()).unwrap();
        let jobs = format!("jobs-{jobs_form}.db");
        write_jobs(&dir.path().join("new-jobs.db")).await;
        std::fs::copy(dir.path().join("new-jobs.db"), fixtures().join(jobs)).unwrap();
        let history = format!("history-{history_form}.db");
        write_history(&dir.path().join("new-history.db")).await;
        std::fs::copy(dir.path().join("new-history.db"), fixtures().join(history)).unwrap();
    }
    for form in 1..=jobs_form {
        let jobs = Jobs::open(&copy_of(&format!("jobs-{form}.db"), dir.path())).unwrap();
        let old = jobs
            .job(&"old-1".into(), Parts::ALL)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(old.status, JobStatus::Dead);
        assert_eq!(old.outcome, Some(outcome(json!([1]))));
        assert_eq!(old.end.unwrap().problem.unwrap().code, Code::TIMED_OUT);
        let open = jobs.job(&"old-2".into(), Parts::ALL).await.unwrap();
        assert_eq!(open, Some(job("old-2")));
        assert_eq!(jobs.attempts(&"old-1".into()).await.unwrap().len(), 1);
        assert!(jobs.queues().unwrap()[0].paused);
        let kept = jobs.batch("batch_old").await.unwrap();
        assert_eq!(kept, (form >= 2).then(batch));
        let labelled = JobsWanted {
            label: Some(("shot".to_owned(), "010".to_owned())),
            limit: 9,
            ..JobsWanted::default()
        };
        assert_eq!(jobs.list(labelled).await.unwrap().jobs.len(), 1);
        let counts = jobs.counts(None).await.unwrap();
        assert_eq!(
            (counts[&JobStatus::Dead], counts[&JobStatus::Queued]),
            (1, 1)
        );
    }
    for form in 1..=history_form {
        let history = History::open(&copy_of(&format!("history-{form}.db"), dir.path())).unwrap();
        let old = history.get(&"call_old".into()).await.unwrap().unwrap();
        let mut expected = record("call_old", at(1_000_000)).view;
        if form < 3 {
            expected.subject = None;
        }
        if form < 2 {
            expected.parent_id = None;
        }
        if form < 3 {
            (expected.subject, expected.undone_by) = (None, None);
        }
        assert_eq!(json!(old.view), json!(expected));
    }
}

/// Before tokens were told apart a job had only its caller's name.
#[tokio::test]
async fn jobs_of_a_name_become_those_of_its_token_once_and_of_no_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = copy_of("jobs-2.db", dir.path());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "UPDATE jobs SET caller = 'agent', key = 'k', request_hash = 'h' WHERE id = 'old-1';
         UPDATE jobs SET caller = 'ghost' WHERE id = 'old-2'; UPDATE batches SET caller = 'agent';",
    )
    .unwrap();
    drop(file);
    let jobs = Jobs::open(&path).unwrap();
    let caller_of = |id: &'static str| {
        let found = jobs.job(&id.into(), Parts::NONE);
        async move { found.await.unwrap().unwrap().caller }
    };
    jobs.adopt(vec!["agent#1f".into()]).unwrap();
    assert_eq!(caller_of("old-1").await, "agent#1f".into());
    assert_eq!(caller_of("old-2").await, "ghost#".into(), "nobody's");
    let batch = jobs.batch("batch_old").await.unwrap().unwrap();
    assert_eq!(batch.caller, "agent#1f".into());
    jobs.adopt(vec!["agent#2e".into(), "ghost#3d".into()])
        .unwrap();
    assert_eq!(caller_of("old-1").await, "agent#1f".into());
    assert_eq!(caller_of("old-2").await, "ghost#".into());
    let by_key = |caller: &str| jobs.by_key(&caller.into(), "k");
    assert!(by_key("agent#1f").await.unwrap().is_some());
    assert!(by_key("agent#2e").await.unwrap().is_none());
}
