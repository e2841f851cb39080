//! What is remembered, and in what order. Its bounds are tested beside `journal::Memory`.

use hub::store::CallsWanted;
use serde_json::json;
use testkit::{Dial, TestHub};
use wire::Status;

fn wanted(limit: usize) -> CallsWanted {
    CallsWanted {
        limit,
        ..CallsWanted::default()
    }
}

#[tokio::test]
async fn history_is_newest_first_in_pages() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let calls: Vec<_> = (0..60)
        .map(|n| hub.ask("toy.echo", json!({"data": n})))
        .collect();
    for call in &calls {
        hub.end_of(call).await;
    }
    let ids = |wanted: &CallsWanted| -> Vec<_> {
        hub.hub
            .history(wanted)
            .1
            .iter()
            .map(|call| call.id.clone())
            .collect()
    };
    let newest_first: Vec<_> = calls.iter().rev().map(|call| call.id.clone()).collect();
    let first = ids(&wanted(25));
    assert_eq!(first, newest_first[..25], "also within one millisecond");
    let before = first.last().cloned();
    assert_eq!(
        ids(&CallsWanted {
            before,
            ..wanted(25)
        }),
        newest_first[25..50]
    );
    assert_eq!(ids(&wanted(1_000)).len(), 60);
    assert!(
        ids(&CallsWanted {
            status: Some(Status::Failed),
            ..wanted(9)
        })
        .is_empty()
    );
    assert_eq!(
        ids(&CallsWanted {
            instance: Some("toy".into()),
            ..wanted(9)
        })
        .len(),
        9
    );
    assert!(
        ids(&CallsWanted {
            app: Some("other".into()),
            ..wanted(9)
        })
        .is_empty()
    );
}
