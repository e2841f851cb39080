//! A full disk, made by a bound on the pages of the file: SQLite says the same then. The real thing is in
//! `test_full_disk.py`, beside the app.

use std::sync::Arc;

use hub::store::JobChange;
use serde_json::json;
use testkit::store_holds::job;
use wire::Code;

use super::*;

fn with_bytes(id: &str, bytes: usize) -> Vec<JobWrite> {
    let args = json!({"data": "x".repeat(bytes)});
    vec![JobWrite::Insert(Box::new(Job {
        args: args.as_object().cloned().map(Arc::new),
        ..job(id)
    }))]
}

async fn pages(jobs: &Jobs, max: u32) {
    let (sender, done) = oneshot::channel();
    jobs.writer.task(move |connection| {
        let sql = format!("PRAGMA max_page_count = {max}");
        sender.send(connection.execute_batch(&sql)).ok();
    });
    done.await.unwrap().unwrap();
}

#[tokio::test]
async fn on_a_full_disk_large_writes_fail_alone_and_nothing_else_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let jobs = Jobs::open(&dir.path().join("jobs.db")).unwrap();
    let first = vec![JobWrite::Insert(Box::new(job("first")))];
    jobs.write(first, Durability::Fsync).await.unwrap();
    pages(&jobs, 60).await;
    // Handed over at once, so that they come into one group.
    let mut news = JobChange::of(&"first".into());
    news.status = Some(JobStatus::Running);
    let before = jobs.write(with_bytes("small", 10), Durability::Fsync);
    let large = jobs.write(with_bytes("large", 1 << 20), Durability::Fsync);
    let after = jobs.write(vec![JobWrite::Change(Box::new(news))], Durability::Fsync);
    before.await.unwrap();
    after.await.unwrap();
    let problem = large.await.unwrap_err();
    assert_eq!(problem.code, Code::DISK_FULL);
    assert!(problem.retryable && problem.hint.is_some());
    let running = jobs.job(&"first".into(), Parts::NONE).await.unwrap();
    assert_eq!(running.unwrap().status, JobStatus::Running);
    assert!(
        jobs.job(&"large".into(), Parts::ALL)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(jobs.counts(None).await.unwrap().values().sum::<u64>(), 2);
    // There is room again.
    pages(&jobs, 100_000).await;
    jobs.write(with_bytes("large", 1 << 20), Durability::Fsync)
        .await
        .unwrap();
}
