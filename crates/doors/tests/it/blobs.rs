//! Bytes in by PUT, out by GET, whole or in part.

use serde_json::json;
use testkit::Reply;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::{House, call, shape};

#[tokio::test]
async fn what_was_stored_comes_back() {
    let house = House::open().await;
    let owner = house.owner();
    // More than several pieces, and no whole number of them.
    let data: Vec<u8> = (0..5_000_003_u32)
        .map(|n| (n.wrapping_mul(31) >> 3) as u8)
        .collect();
    for bytes in [&data[..], b"", b"x"] {
        let stored = owner.put("/v1/blobs", bytes).await;
        assert_eq!(stored.status, 201);
        let told = stored.json();
        assert_eq!(told["bytes"], json!(bytes.len()));
        let name = told["$blob"].as_str().unwrap().to_owned();
        assert!(name.starts_with("sha256:") && name.len() == 71, "{name}");
        let path = format!("/v1/blobs/{name}");
        let whole = owner.get(&path).await;
        assert_eq!((whole.status, whole.body == bytes), (200, true));
        assert_eq!(whole.header("accept-ranges"), Some("bytes"));
        assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(
            owner.put("/v1/blobs", bytes).await.json()["$blob"],
            json!(name),
            "the same a second time"
        );
    }
    let known = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    assert_eq!(owner.put("/v1/blobs", b"x").await.json()["$blob"], known);
}

#[tokio::test]
async fn ranges_after_rfc_9110() {
    let house = House::open().await;
    let owner = house.owner();
    let stored = owner.put("/v1/blobs", b"0123456789").await.json();
    let path = format!("/v1/blobs/{}", stored["$blob"].as_str().unwrap());
    let get = async |range: &str| owner.send("GET", &path, &[("range", range)], b"").await;
    for (range, body, told) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=9-9", "9", "bytes 9-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = get(range).await;
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (206, body.as_bytes()),
            "{range}"
        );
        assert_eq!(answer.header("content-range"), Some(told));
        assert_eq!(
            answer.header("content-length"),
            Some(body.len().to_string().as_str())
        );
    }
    for range in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
        let answer = get(range).await;
        assert_eq!(shape(&answer), "416 range_invalid", "{range}");
        assert_eq!(answer.header("content-range"), Some("bytes */10"));
    }
    for range in ["bytes=0-1,3-4", "lines=1-2", "bytes=x", "bytes=5-2", ""] {
        let answer = get(range).await;
        assert_eq!((answer.status, answer.body.len()), (200, 10), "{range}");
    }
}

#[tokio::test]
async fn only_names_of_blobs_find_something() {
    let house = House::open().await;
    let owner = house.owner();
    for name in [
        "x",
        "sha256:",
        "sha256:00",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "..%2f..%2ftokens%2fowner",
        "sha256:..%2f..%2ftokens%2fowner",
        "%2fetc%2fpasswd",
    ] {
        assert_eq!(
            shape(&owner.get(&format!("/v1/blobs/{name}")).await),
            "404 blob_unknown",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_blob_that_does_not_arrive_whole_leaves_nothing() {
    let house = House::open().await;
    let head = house.owner().head("PUT", "/v1/blobs", &[], Some(1_000_000));
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[7; 500_000]).await.unwrap();
    drop(socket);
    let blobs = house.hub.home().join("blobs");
    house
        .hub
        .wait_for("the half blob is gone", |_| {
            std::fs::read_dir(&blobs)
                .ok()?
                .next()
                .is_none()
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn one_that_says_it_is_too_large_is_refused_at_once() {
    let house = House::open().await;
    let length = (hub::limits::BLOB_BYTES_MAX + 1).to_string();
    let headers = [("content-length", length.as_str())];
    let answer = house
        .owner()
        .send("PUT", "/v1/blobs", &headers, b"the beginning")
        .await;
    assert_eq!(shape(&answer), "413 body_too_large");
}

#[tokio::test]
async fn a_blob_goes_to_the_bridge_before_the_call_that_names_it() {
    let house = House::open().await;
    let bridge = house
        .bridge("toy", |call| Reply::Value(json!(call.args)))
        .await;
    let data = vec![9; 9 << 20];
    let stored = house.owner().put("/v1/blobs", &data).await.json();
    let name = stored["$blob"].as_str().unwrap();
    let body = call("toy.echo", json!({"data": {"$blob": name}}));
    let answer = house.owner().post("/v1/calls", &body).await;
    assert_eq!(answer.json()["value"]["data"]["$blob"], json!(name));
    assert_eq!(bridge.blob(name).await, data);
}

#[tokio::test]
async fn a_blob_of_a_value_is_there_when_the_outcome_is() {
    let house = House::open().await;
    let mut bridge = testkit::Dial::new(&house.hub).by_hand().await.unwrap();
    let owner = house.owner();
    let asking = tokio::spawn({
        let owner = owner.clone();
        async move { owner.post("/v1/calls", &call("toy.echo", json!({}))).await }
    });
    let sent = bridge.next_call().await;
    let name = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    bridge.send_blob(name, b"x").await;
    bridge
        .answer(&sent.id, json!({"$blob": name, "bytes": 1}))
        .await;
    let told = asking.await.unwrap().json();
    let path = format!("/v1/blobs/{}", told["value"]["$blob"].as_str().unwrap());
    assert_eq!(owner.get(&path).await.body, b"x");
}

/// Each sends one byte of its blob, and then nothing.
#[tokio::test]
async fn stuck_uploads_hold_no_thread_and_no_place_of_others() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let writer = house.caller("writer", &["write"], &[]).await;
    let mut stuck = Vec::new();
    for _ in 0..600 {
        let head = writer.head("PUT", "/v1/blobs", &[], Some(1_000_000));
        let mut socket = TcpStream::connect(house.address).await.unwrap();
        socket
            .write_all(format!("{head}x").as_bytes())
            .await
            .unwrap();
        stuck.push(socket);
        // A test may have 1,024 descriptors, for both ends.
        if stuck.len() > 300 {
            stuck.remove(0);
        }
    }
    let owner = house.owner();
    assert_eq!(owner.put("/v1/blobs", b"hello").await.status, 201);
    let large = json!({"text": "x".repeat(400_000)});
    assert_eq!(
        shape(&owner.post("/v1/calls", &call("toy.echo", large)).await),
        "200"
    );
    assert_eq!(
        shape(&writer.put("/v1/blobs", b"one more").await),
        "429 rate_limited"
    );
    drop((stuck, bridge));
    let again = async {
        while writer.put("/v1/blobs", b"one more").await.status != 201 {
            tokio::task::yield_now().await;
        }
    };
    testkit::capped("uploads that ended are counted no more", again).await;
    let left = std::fs::read_dir(house.hub.hub.home().join("blobs")).unwrap();
    let drafts = left
        .flatten()
        .filter(|file| file.path().extension().is_some());
    assert_eq!(drafts.count(), 0);
}
