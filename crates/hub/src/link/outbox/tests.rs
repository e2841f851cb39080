use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use wire::frame::{Decoder, Frame};

use super::*;

/// The hub's side of a connection, and the bridge's.
async fn linked() -> (Arc<Outbox>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap());
    let (hub, bridge) = tokio::join!(listener.accept(), dialled);
    (Outbox::new(hub.unwrap().0.into_split().1), bridge.unwrap())
}

/// Messages as they come, until `count` of them are not acknowledgements.
async fn heard(bridge: &mut TcpStream, count: usize) -> Vec<Value> {
    let (mut decoder, mut messages) = (Decoder::new(), Vec::new());
    let mut buffer = vec![0; 1 << 16];
    while messages
        .iter()
        .filter(|one: &&Value| one["t"] != "ack")
        .count()
        < count
    {
        let size = bridge.read(&mut buffer).await.unwrap();
        assert!(size > 0, "closed after {}", messages.len());
        decoder.push(&buffer[..size]);
        while let Some(Frame::Message(message)) = decoder.next_frame().unwrap() {
            messages.push(message);
        }
    }
    messages
}

fn call(id: &str, text: &str) -> CallMessage {
    let message = json!({
        "id": id, "command": "toy.echo", "args": {"data": text}, "owner": "ann", "scopes": [], "effect": "read",
        "timeout_ms": null,
    });
    serde_json::from_value(message).unwrap()
}

/// A bridge that does not read: acknowledgements wait, and what comes after them waits behind them.
#[tokio::test]
async fn nothing_is_lost_where_the_socket_takes_no_more() {
    let (outbox, mut bridge) = linked().await;
    let large = "x".repeat(ACKNOWLEDGE_BYTES_MAX + 1);
    let rounds = 1_000;
    for round in 0..rounds {
        outbox.acknowledge(&format!("call_{round}").as_str().into());
        outbox.send_raw(encode_message(&json!({"t": large})).unwrap());
    }
    let messages = heard(&mut bridge, rounds).await;
    assert_eq!(messages.len(), 2 * rounds);
}

/// Who hands a large call over holds its lane: megabytes are written out by the task, and the order stays.
#[tokio::test]
async fn a_large_call_is_written_out_when_its_turn_comes_and_in_its_order() {
    let (outbox, mut bridge) = linked().await;
    let bytes = 4 * limits::LARGE_MESSAGE_BYTES;
    let large = "x".repeat(bytes);
    outbox.start(call("before", ""), 0);
    outbox.acknowledge(&"earlier".into());
    outbox.start(call("large", &large), bytes);
    outbox.start(call("after", ""), 0);
    outbox.cancel(&"large".into(), CancelReason::Cancelled);
    {
        // On this one thread the task has not run yet: nobody has written it out.
        let inner = outbox.lock();
        let is_call =
            matches!(&inner.waiting[0], Item::Call { call, .. } if call.id.as_str() == "large");
        assert!(is_call && inner.waiting.len() == 3);
        assert!(inner.bytes >= bytes, "it counts while it waits");
    }
    let messages = heard(&mut bridge, 4).await;
    let said: Vec<_> = messages
        .iter()
        .map(|one| (one["t"].as_str().unwrap(), one["id"].as_str().unwrap()))
        .collect();
    let order = [
        ("call", "before"),
        ("ack", "earlier"),
        ("call", "large"),
        ("call", "after"),
        ("cancel", "large"),
    ];
    assert_eq!(said, order);
    assert_eq!(messages[2]["args"]["data"], large);
    outbox.finish().await;
    assert_eq!(outbox.lock().bytes, 0);
}

/// A bridge that reads nothing at all is cut off before what waits for it fills the memory, written out or not.
#[tokio::test]
async fn large_calls_count_while_they_wait() {
    let (outbox, _bridge) = linked().await;
    let most = WAITING_BYTES_MAX / limits::LARGE_MESSAGE_BYTES;
    for n in 0..=most {
        assert!(!outbox.closed.is_cancelled(), "after {n}");
        outbox.start(call("large", ""), limits::LARGE_MESSAGE_BYTES);
    }
    assert!(outbox.closed.is_cancelled());
}
