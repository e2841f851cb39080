use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use wire::frame::{Decoder, Frame};

use super::*;

/// A bridge that does not read: acknowledgements wait, and what comes after them waits behind them.
#[tokio::test]
async fn nothing_is_lost_where_the_socket_takes_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap());
    let (hub, bridge) = tokio::join!(listener.accept(), dialled);
    let outbox = Outbox::new(hub.unwrap().0.into_split().1);
    let large = "x".repeat(ACKNOWLEDGE_BYTES_MAX + 1);
    let rounds = 1_000;
    for round in 0..rounds {
        outbox.acknowledge(&format!("call_{round}").as_str().into());
        outbox.send_raw(wire::frame::encode_message(&serde_json::json!({"t": large})).unwrap());
    }
    let (mut decoder, mut acknowledged, mut came) = (Decoder::new(), 0, 0);
    let mut bridge = bridge.unwrap();
    let mut buffer = vec![0; 1 << 16];
    while came < rounds {
        let count = bridge.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed after {came}");
        decoder.push(&buffer[..count]);
        while let Some(Frame::Message(message)) = decoder.next_frame().unwrap() {
            match message["t"].as_str() {
                Some("ack") => acknowledged += 1,
                _ => came += 1,
            }
        }
    }
    assert_eq!(acknowledged, rounds);
}
