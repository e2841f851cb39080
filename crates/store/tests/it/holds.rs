//! Both implementations hold the same; what only files can show is here too.

use hub::home::Home;
use hub::store::{HistoryStore as _, JobEnd, JobStore as _, JobWrite, Parts};
use kapelle_store::{History, Jobs, Store};
use serde_json::json;
use testkit::MemoryStore;
use testkit::store_holds::{at, history_holds, job, jobs_hold, outcome, record};
use wire::{Code, Durability, JobStatus};

#[tokio::test]
async fn memory_holds() {
    jobs_hold(&MemoryStore::default()).await;
    history_holds(&MemoryStore::default()).await;
}

#[tokio::test]
async fn files_hold() {
    let dir = tempfile::tempdir().unwrap();
    jobs_hold(&Jobs::open(&dir.path().join("jobs.db")).unwrap()).await;
    history_holds(&History::open(&dir.path().join("history.db")).unwrap()).await;
}

#[tokio::test]
async fn a_home_is_opened_again_with_what_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let first = Store::open(&home).unwrap();
    let stores = first.stores();
    let write = vec![JobWrite::Insert(Box::new(job("j1")))];
    stores.jobs.write(write, Durability::Journal).await.unwrap();
    stores.history.keep(Box::new(record("call_1", at(5))));
    let since = stores.history.since();
    first.close();
    let closed = stores.jobs.write(Vec::new(), Durability::Journal).await;
    assert_eq!(closed.unwrap_err().code, Code::STORE_FAILED);
    assert!(stores.jobs.job(&"j1".into(), Parts::ALL).await.is_err());

    let again = Store::open(&home).unwrap().stores();
    let found = again.jobs.job(&"j1".into(), Parts::ALL).await.unwrap();
    assert_eq!(found, Some(job("j1")));
    assert!(again.history.get(&"call_1".into()).await.unwrap().is_some());
    assert_eq!(again.history.since(), since);
}

#[tokio::test]
async fn a_history_over_its_bound_loses_its_oldest_calls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let history = History::open(&path).unwrap();
    let born = history.since();
    for n in 0..6_000 {
        let mut one = record(
            &format!("call_{n:05}"),
            born + std::time::Duration::from_secs(n),
        );
        one.view.outcome = Some(outcome(json!("x".repeat(500))));
        one.args_blob = (n == 3 || n == 5_999).then(|| format!("blob-{n}"));
        history.keep(Box::new(one));
    }
    history.flush().await.unwrap();
    assert_eq!(history.shrink(1 << 30).await.unwrap().calls, 0);
    let before = kapelle_store::bytes_on_disk(&path);
    let purged = history.shrink(3_000_000).await.unwrap();
    assert!(
        purged.calls > 1_000 && purged.calls < 6_000,
        "{}",
        purged.calls
    );
    assert_eq!(purged.blobs, ["blob-3"]);
    assert!(history.since() > born, "it says since when it is whole");
    let last = history.get(&"call_05999".into()).await.unwrap();
    assert!(last.is_some());
    history.close();
    assert!(
        kapelle_store::bytes_on_disk(&path) < before,
        "the disk has its room back"
    );
}

#[tokio::test]
async fn whoever_has_most_loses_its_oldest_calls_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(&dir.path().join("history.db")).unwrap();
    let born = history.since();
    let keep = |id: String, caller: &str, n: u64| {
        let mut one = record(&id, born + std::time::Duration::from_secs(n));
        one.caller = caller.into();
        one.view.outcome = Some(outcome(json!("x".repeat(500))));
        history.keep(Box::new(one));
    };
    for n in 0..300 {
        keep(format!("call_a{n:05}"), "calm#1", n);
    }
    for n in 0..6_000 {
        keep(format!("call_b{n:05}"), "busy#2", 1_000 + n);
    }
    history.flush().await.unwrap();
    let purged = history.shrink(3_000_000).await.unwrap();
    assert!(purged.calls > 1_000, "{}", purged.calls);
    for n in 0..300 {
        let id = format!("call_a{n:05}");
        assert!(
            history.get(&id.as_str().into()).await.unwrap().is_some(),
            "{id}"
        );
    }
    assert!(history.get(&"call_b00000".into()).await.unwrap().is_none());
    assert!(history.get(&"call_b05999".into()).await.unwrap().is_some());
    let gone_until = born + std::time::Duration::from_secs(1_000 + purged.calls - 1);
    assert!(
        history.since() > gone_until,
        "it says since when it is whole"
    );
}

#[tokio::test]
async fn ended_jobs_have_a_room_and_open_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let jobs = Jobs::open(&dir.path().join("jobs.db")).unwrap();
    let stored = |id: &str, caller: &str, status: JobStatus, ended: i64| {
        let mut one = job(id);
        one.caller = caller.into();
        one.args = Some(std::sync::Arc::new(
            json!({"data": "x".repeat(2_000)})
                .as_object()
                .unwrap()
                .clone(),
        ));
        one.status = status;
        one.end = (status != JobStatus::Queued).then(|| JobEnd {
            at: at(ended),
            duration_ms: 1.0,
            problem: None,
        });
        JobWrite::Insert(Box::new(one))
    };
    let mut writes: Vec<JobWrite> = (0..1_500)
        .map(|n| stored(&format!("busy-{n}"), "busy#2", JobStatus::Succeeded, n))
        .collect();
    writes.push(stored("open", "busy#2", JobStatus::Queued, 0));
    writes.push(stored("dead", "busy#2", JobStatus::Dead, 0));
    let calm = |n| stored(&format!("calm-{n}"), "calm#1", JobStatus::Succeeded, n);
    writes.extend((0..50).map(calm));
    for part in writes.chunks(100) {
        let stored = jobs.write(part.to_vec(), Durability::Journal).await;
        stored.unwrap();
    }
    assert_eq!(jobs.shrink(1 << 30).await, Ok(0));
    let gone = jobs.shrink(2_000_000).await.unwrap();
    assert!(gone > 300 && gone < 1_500, "{gone}");
    for id in ["open", "dead", "calm-0", "calm-49", "busy-1499"] {
        let found = jobs.job(&id.into(), Parts::default()).await.unwrap();
        assert!(found.is_some(), "{id}");
    }
    assert!(
        jobs.job(&"busy-0".into(), Parts::default())
            .await
            .unwrap()
            .is_none()
    );
    assert!(jobs.shrink(1).await.unwrap() > 100, "all that have ended");
    assert!(
        jobs.job(&"open".into(), Parts::default())
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        jobs.job(&"dead".into(), Parts::default())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_log_of_a_file_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let jobs = Jobs::open(&path).unwrap();
    for round in 0..200 {
        let batch = (0..50).map(|n| {
            let mut one = job(&format!("r{round}-{n}"));
            one.args = Some(std::sync::Arc::new(
                json!({"data": "x".repeat(2_000)})
                    .as_object()
                    .unwrap()
                    .clone(),
            ));
            one.status = JobStatus::ALL[n % 9];
            JobWrite::Insert(Box::new(one))
        });
        jobs.write(batch.collect(), Durability::Journal)
            .await
            .unwrap();
        let log = std::fs::metadata(dir.path().join("jobs.db-wal"))
            .unwrap()
            .len();
        // One group may be added to what is still under the bound.
        assert!(log < 6 << 20, "{log} bytes in round {round}");
    }
}
