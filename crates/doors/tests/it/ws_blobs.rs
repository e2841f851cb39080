//! Blobs over WebSocket: up in one frame and in pieces, down in pieces, and what is refused.

use serde_json::{Value, json};

use crate::House;
use crate::socket::Socket;

fn bytes(count: usize) -> Vec<u8> {
    (0..count)
        .map(|n| u8::try_from(n * 7 % 251).unwrap())
        .collect()
}

async fn down(socket: &mut Socket, name: &Value, length: u64) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let get = json!({"type": "blob_get", "id": "d", "blob": name, "offset": all.len(), "length": length});
        socket.send(&get).await;
        let (head, raw) = socket.next_piece().await;
        assert_eq!(
            (&head["id"], &head["blob"], &head["offset"]),
            (&json!("d"), name, &json!(all.len()))
        );
        assert!(raw.len() as u64 <= length);
        all.extend(raw);
        if all.len() as u64 == head["total"].as_u64().unwrap() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_blob_goes_up_whole_and_in_pieces_and_comes_back() {
    let house = House::open().await;
    let mut socket = Socket::of(&house.owner()).await;
    let raw = bytes(3_000_000);
    socket
        .send_piece(&json!({"id": "u", "media_type": "image/png"}), &raw)
        .await;
    let stored = socket.next().await;
    assert_eq!(
        (&stored["type"], &stored["id"], &stored["bytes"]),
        (&json!("blob"), &json!("u"), &json!(3_000_000))
    );
    assert_eq!(stored["media_type"], "image/png");
    let name = stored["$blob"].clone();
    // The same that HTTP stores and gives.
    assert_eq!(
        house.owner().put("/v1/blobs", &raw).await.json()["$blob"],
        name
    );
    assert_eq!(down(&mut socket, &name, 1_000_000).await, raw);
    let beginning = &name.as_str().unwrap()[.."sha256:".len() + 12];
    socket
        .send(&json!({"type": "blob_get", "id": "b", "blob": beginning, "length": 10}))
        .await;
    let (head, piece) = socket.next_piece().await;
    assert_eq!((&head["blob"], piece.as_slice()), (&name, &raw[..10]));
    let other = bytes(2_500_000);
    let mut offset = 0;
    for piece in other.chunks(1_000_000) {
        // A second one beside it.
        socket
            .send_piece(
                &json!({"id": 2, "offset": offset, "total": other.len() + 1}),
                piece,
            )
            .await;
        socket
            .send_piece(
                &json!({"id": 1, "offset": offset, "total": other.len()}),
                piece,
            )
            .await;
        offset += piece.len();
    }
    let stored = socket.next().await;
    assert_eq!(stored["id"], 1);
    socket
        .send_piece(
            &json!({"id": 2, "offset": offset, "total": other.len() + 1}),
            b"!",
        )
        .await;
    assert_eq!(socket.next().await["bytes"], other.len() + 1);
    assert_eq!(down(&mut socket, &stored["$blob"], u64::MAX).await, other);
    let path = format!("/v1/blobs/{}", stored["$blob"].as_str().unwrap());
    assert_eq!(house.owner().get(&path).await.body, other);
    socket.send_piece(&json!({"id": "empty"}), b"").await;
    let empty = socket.next().await;
    assert_eq!(empty["bytes"], 0);
    assert!(down(&mut socket, &empty["$blob"], 10).await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_blob_is_told() {
    let house = House::open().await;
    let mut socket = Socket::of(&house.owner()).await;
    let false_name = format!("sha256:{}", "0".repeat(64));
    socket
        .send_piece(&json!({"id": 1, "blob": false_name}), b"x")
        .await;
    assert_eq!(socket.next().await["problem"]["code"], "blob_mismatch");
    socket
        .send_piece(&json!({"id": 1, "offset": 5, "total": 9}), b"x")
        .await;
    assert_eq!(socket.next().await["problem"]["code"], "body_malformed");
    socket
        .send_piece(&json!({"id": 1, "total": 1_u64 << 40}), b"x")
        .await;
    assert_eq!(socket.next().await["problem"]["code"], "body_too_large");
    for id in 0..doors::limits::WS_UPLOADS_MAX {
        socket
            .send_piece(&json!({"id": id, "total": 2}), b"x")
            .await;
    }
    socket
        .send_piece(&json!({"id": "one more", "total": 2}), b"x")
        .await;
    let full = socket.next().await;
    assert_eq!(
        (&full["id"], &full["problem"]["code"]),
        (&json!("one more"), &json!("queue_full"))
    );
    for (get, code) in [
        (json!({"blob": false_name}), "blob_unknown"),
        (json!({"blob": "../../etc/passwd"}), "blob_unknown"),
    ] {
        let mut message = get;
        message["type"] = json!("blob_get");
        message["id"] = json!("g");
        assert_eq!(socket.ask(&message).await["problem"]["code"], code);
    }
    let name = house.owner().put("/v1/blobs", b"abc").await.json()["$blob"].clone();
    let beyond = json!({"type": "blob_get", "id": "b", "blob": name, "offset": 3});
    assert_eq!(
        socket.ask(&beyond).await["problem"]["code"],
        "range_invalid"
    );
    let reader = house.caller("reader", &["read"], &[]).await;
    let mut socket = Socket::of(&reader).await;
    socket.send_piece(&json!({"id": 1}), b"x").await;
    assert_eq!(socket.next().await["problem"]["code"], "forbidden");
    assert_eq!(down(&mut socket, &name, 2).await, b"abc");
}
