//! A disk that takes its time: another program holds the file, which looks the same from here. New jobs are refused
//! when too many wait; news of the old ones still have room; nothing is lost, and the order stays.

use hub::store::{JobChange, JobStore as _, JobWrite, Parts};
use kapelle_store::Jobs;
use rusqlite::Connection;
use testkit::store_holds::job;
use wire::{Code, Durability};

#[tokio::test]
async fn a_flood_is_refused_and_what_was_taken_is_stored_when_the_disk_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let jobs = Jobs::open(&path).unwrap();
    let first = vec![JobWrite::Insert(Box::new(job("first")))];
    jobs.write(first, Durability::Fsync).await.unwrap();

    let slow = Connection::open(&path).unwrap();
    slow.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut taken = Vec::new();
    let refused = loop {
        let id = format!("flood-{}", taken.len());
        let write = vec![JobWrite::Insert(Box::new(job(&id)))];
        let mut stored = jobs.write(write, Durability::Journal);
        // It has resolved only if it was refused: nothing can be stored now.
        let now = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::future::Future::poll(
                std::pin::Pin::new(&mut stored),
                context,
            ))
        });
        match now.await {
            std::task::Poll::Ready(outcome) => break outcome.unwrap_err(),
            std::task::Poll::Pending => taken.push((id, stored)),
        }
        assert!(taken.len() < 100_000, "there is a bound");
    };
    assert_eq!(refused.code, Code::STORE_BUSY);
    assert!(refused.retryable && taken.len() > 1_000, "{}", taken.len());
    let mut news = JobChange::of(&"first".into());
    news.priority = Some(9);
    let news = jobs.write(vec![JobWrite::Change(Box::new(news))], Durability::Fsync);

    slow.execute_batch("COMMIT").unwrap();
    news.await.expect("there was room for it");
    for (id, stored) in taken {
        stored.await.unwrap();
        assert!(
            jobs.job(&id.as_str().into(), Parts::NONE)
                .await
                .unwrap()
                .is_some()
        );
    }
    let stored = jobs.job(&"first".into(), Parts::NONE).await.unwrap();
    assert_eq!(stored.unwrap().priority, 9);
    let refused = format!(
        "flood-{}",
        jobs.counts(None).await.unwrap().values().sum::<u64>() - 1
    );
    assert!(
        jobs.job(&refused.as_str().into(), Parts::NONE)
            .await
            .unwrap()
            .is_none()
    );
}
