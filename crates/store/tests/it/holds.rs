//! Both implementations hold the same; what only files can show is here too.

use hub::home::Home;
use hub::store::{HistoryStore as _, JobStore as _, JobWrite, Parts};
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
