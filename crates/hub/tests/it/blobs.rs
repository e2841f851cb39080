//! Large bytes through a link, both ways, by their hash.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use testkit::{Dial, Ended as _, TestHub, succeeded};
use wire::{Code, Status};

const MB: usize = 1_000_000;

/// Bytes that do not repeat in any piece.
fn noise(bytes: usize) -> Vec<u8> {
    let mut x = 0x2545_f491_4f6c_dd1d_u64;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out.extend_from_slice(&x.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

fn name_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[tokio::test]
async fn twenty_megabytes_go_in_before_the_call_that_names_them() {
    go_in_before_the_call("").await;
}

/// A large call is written out elsewhere than a small one.
#[tokio::test]
async fn twenty_megabytes_go_in_before_the_large_call_that_names_them() {
    go_in_before_the_call(&"x".repeat(MB)).await;
}

async fn go_in_before_the_call(text: &str) {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let bytes = noise(20 * MB);
    let name = {
        let blobs = hub.hub.blobs();
        let mut draft = blobs.draft().unwrap();
        draft.write(&bytes).unwrap();
        draft.finish(None).unwrap()
    };
    assert_eq!(name, name_of(&bytes));
    let reference = json!({"$blob": name, "bytes": bytes.len(), "dtype": "float32", "shape": [5]});
    let call = hub.ask("toy.echo", json!({"data": [reference], "text": text}));
    let next = hub.ask("toy.echo", json!({"text": "after it"}));
    let got = bridge.next_call().await;
    assert_eq!(got.id, call.id);
    assert!(
        bridge.blob(&name).await == bytes,
        "it is there when the call is, whole"
    );
    bridge.answer(&got.id, json!(1)).await;
    let got = bridge.next_call().await;
    assert_eq!(got.id, next.id);
    bridge.answer(&got.id, json!(2)).await;
    assert!(hub.end_of(&call).await.is(Status::Succeeded));
    assert!(hub.end_of(&next).await.is(Status::Succeeded));
}

#[tokio::test]
async fn twenty_megabytes_come_out_before_the_outcome_that_names_them() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let bytes = noise(20 * MB);
    let name = name_of(&bytes);
    let call = hub.ask("toy.echo", json!({}));
    let id = bridge.next_call().await.id;
    bridge.started(&id).await;
    bridge.send_blob(&name, &bytes).await;
    bridge
        .end(&id, succeeded(json!({"$blob": name, "bytes": bytes.len()})))
        .await;
    let view = hub.end_of(&call).await;
    let path = hub
        .hub
        .blobs()
        .path(view.value()["$blob"].as_str().unwrap())
        .unwrap();
    assert!(std::fs::read(path).unwrap() == bytes);
}

#[tokio::test]
async fn small_and_empty_blobs_are_blobs_too() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    for bytes in [&b"x"[..], &b"xyz"[..]] {
        bridge.send_blob(&name_of(bytes), bytes).await;
        bridge.round_trip().await;
        let path = hub.hub.blobs().path(&name_of(bytes)).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), bytes);
    }
    let head = wire::frame::PieceHead {
        blob: name_of(b""),
        offset: 0,
        total: 0,
    };
    bridge
        .send_bytes(&wire::frame::encode_piece(&head, b"").unwrap())
        .await;
    bridge.round_trip().await;
    assert!(hub.hub.blobs().path(&name_of(b"")).is_ok());
}

#[tokio::test]
async fn bytes_that_are_not_what_their_name_says_are_refused() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    let claimed = name_of(b"something else");
    bridge.send_blob(&claimed, b"these bytes").await;
    let problem = bridge.refused().await.expect("a reason");
    assert_eq!(problem.code, Code::BLOB_MISMATCH);
    assert_eq!(
        hub.hub.blobs().path(&claimed).unwrap_err().code,
        Code::BLOB_UNKNOWN
    );
    let left = std::fs::read_dir(hub.home().join("blobs")).unwrap().count();
    assert_eq!(left, 0, "nothing is kept of it");
}

#[tokio::test]
async fn pieces_out_of_order_are_refused() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    let piece = |offset| {
        let head = wire::frame::PieceHead {
            blob: name_of(b"abcdef"),
            offset,
            total: 6,
        };
        wire::frame::encode_piece(&head, b"abc").unwrap()
    };
    bridge.send_bytes(&piece(3)).await;
    let problem = bridge.refused().await.expect("a reason");
    assert_eq!(problem.code, Code::FRAME_MALFORMED);
    assert!(problem.message.contains("out of order"), "{problem:?}");
}

#[tokio::test]
async fn a_blob_that_breaks_off_with_its_link_leaves_nothing() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    let head = wire::frame::PieceHead {
        blob: name_of(b"abcdef"),
        offset: 0,
        total: 6,
    };
    bridge
        .send_bytes(&wire::frame::encode_piece(&head, b"abc").unwrap())
        .await;
    bridge.round_trip().await;
    bridge.drop_link().await;
    hub.wait_for("the draft is gone", |hub| {
        let left = std::fs::read_dir(hub.home().join("blobs")).unwrap().count();
        (left == 0).then_some(())
    })
    .await;
}

/// A draft that is a link to a device which is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_and_the_hub_lives() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    for number in 0..2 {
        let draft = format!("blobs/{}-{number}.draft", std::process::id());
        std::os::unix::fs::symlink("/dev/full", hub.home().join(draft)).unwrap();
    }
    let problem = hub.hub.blobs().draft().unwrap().write(b"abc").unwrap_err();
    assert_eq!(
        (problem.code.clone(), problem.http_status()),
        (Code::DISK_FULL, 507)
    );
    assert!(problem.hint.unwrap().contains("KAPELLE_HOME"));

    // A value that finds no room: its call has run, and says so; the link and the other calls go on.
    let value = json!({"picture": {"$blob": name_of(b"abc"), "bytes": 3}});
    let call = hub.ask("toy.echo", json!({}));
    bridge.next_call().await;
    bridge.started(&call.id).await;
    bridge.send_blob(&name_of(b"abc"), b"abc").await;
    bridge.end(&call.id, succeeded(value.clone())).await;
    let end = hub.end_of(&call).await;
    let problem = end.outcome.as_ref().unwrap().problem.as_ref().unwrap();
    assert_eq!(
        (end.status, &problem.code, problem.retryable),
        (Status::Failed, &Code::DISK_FULL, false)
    );
    assert!(problem.message.contains("ran"), "{problem:?}");
    bridge.ack_of(&call.id).await;

    let again = hub.ask("toy.echo", json!({}));
    bridge.next_call().await;
    bridge.started(&again.id).await;
    bridge.send_blob(&name_of(b"abc"), b"abc").await;
    bridge.end(&again.id, succeeded(value)).await;
    assert!(
        hub.end_of(&again).await.is(Status::Succeeded),
        "the disk has room again"
    );
    assert!(hub.hub.blobs().path(&name_of(b"abc")).is_ok());
}
