//! Who has a place at the HTTP port: strangers none that a caller needs, and nobody for longer than it works.

use std::time::Duration;

use doors::{Room, Settings, limits};
use serde_json::json;
use testkit::{TestHub, capped};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client::Client;
use crate::socket::Socket;
use crate::{House, call};

/// A house with few places.
async fn narrow(room: Room) -> House {
    let settings = Settings {
        room,
        ..Settings::default()
    };
    House::with(TestHub::start().await, settings).await
}

fn room() -> Room {
    Room {
        connections: 6,
        connections_each: 4,
        connections_kept: 2,
        strangers: 4,
    }
}

/// A connection that stays open between requests.
struct Kept {
    socket: TcpStream,
    head: String,
}

impl Kept {
    async fn of(client: &Client) -> Self {
        let head = client.head("GET", "/v1/instances", &[], None);
        Self {
            socket: TcpStream::connect(client.address).await.unwrap(),
            head: head.replace("connection: close\r\n", ""),
        }
    }

    /// The status of an answer; nothing when the connection has ended.
    async fn ask(&mut self) -> Option<u16> {
        self.socket.write_all(self.head.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = capped("an answer", self.socket.read(&mut piece))
                .await
                .ok()?;
            if count == 0 {
                return None;
            }
            answer.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap_or("0").parse().unwrap() {
                return head.split(' ').nth(1)?.parse().ok();
            }
        }
    }

    async fn is_closed(&mut self) -> bool {
        let mut one = [0];
        let read = self.socket.read(&mut one);
        matches!(capped("the end", read).await, Ok(0) | Err(_))
    }
}

#[tokio::test]
async fn strangers_take_no_place_of_a_caller() {
    let house = narrow(room()).await;
    let bridge = house.echo().await;
    let mut strangers = Vec::new();
    for number in 0..20 {
        let mut one = TcpStream::connect(house.address).await.unwrap();
        let half = ["", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "][number % 2];
        one.write_all(half.as_bytes()).await.unwrap();
        strangers.push(one);
    }
    let answer = house
        .owner()
        .post("/v1/calls", &call("toy.echo", json!({})))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(house.stranger().get("/healthz").await.status, 200);
    let mut socket = Socket::of(&house.owner()).await;
    assert_eq!(socket.ask(&json!({"type": "ping"})).await["type"], "pong");
    drop((strangers, bridge));
}

#[tokio::test]
async fn a_websocket_without_a_token_is_a_stranger_too() {
    let house = narrow(room()).await;
    let mut strangers = Vec::new();
    for _ in 0..12 {
        strangers.push(Socket::open(house.address, &[]).await.unwrap());
    }
    let mut socket = Socket::of(&house.owner()).await;
    assert_eq!(socket.ask(&json!({"type": "ping"})).await["type"], "pong");
    // Its hello is a small message: more is not heard.
    let mut large = Socket::open(house.address, &[]).await.unwrap();
    let token = "x".repeat(2 * usize::try_from(limits::BODY_SMALL_BYTES).unwrap());
    let hello = json!({"type": "hello", "token": token}).to_string();
    large.send_raw(Message::text(hello)).await;
    let ((code, _), _) = large.until_closed().await;
    assert_eq!(code, 1013, "what it said was not even read");
    drop(strangers);
}

#[tokio::test]
async fn at_its_bound_a_caller_gives_up_what_it_does_not_use_and_the_owner_always_has_a_place() {
    let house = narrow(room()).await;
    let worker = house.caller("worker", &["read"], &[]).await;
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut one = Kept::of(&worker).await;
        assert_eq!(one.ask().await, Some(200));
        kept.push(one);
    }
    let mut fifth = Kept::of(&worker).await;
    assert_eq!(fifth.ask().await, Some(200));
    assert!(kept[0].is_closed().await, "it had been idle longest");
    assert_eq!(kept[1].ask().await, Some(200));
    let mut owners = Vec::new();
    for _ in 0..2 {
        let mut one = Kept::of(&house.owner()).await;
        assert_eq!(one.ask().await, Some(200));
        owners.push(one);
    }
    // Streams are no idle connections: with them its places are really taken.
    drop((kept, fifth));
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(worker.events("GET", "/v1/events", "").await);
    }
    let refused = worker.get("/v1/instances").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(house.owner().get("/v1/instances").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_and_an_idle_connection_lives_as_long_as_it_may() {
    let house = House::open().await;
    let mut half = Kept::of(&house.stranger()).await;
    half.socket
        .write_all(b"GET /healthz HTTP/1.1\r\nX-A: ")
        .await
        .unwrap();
    let mut silent = Kept::of(&house.stranger()).await;
    let mut kept = Kept::of(&house.owner()).await;
    assert_eq!(kept.ask().await, Some(200));
    assert!(half.is_closed().await && silent.is_closed().await);
    tokio::time::sleep(limits::IDLE_MAX / 2).await;
    assert_eq!(kept.ask().await, Some(200));
    kept.socket.write_all(b"GET ").await.unwrap();
    assert!(
        kept.is_closed().await,
        "a head that was begun counts by itself"
    );
    let mut idle = Kept::of(&house.owner()).await;
    assert_eq!(idle.ask().await, Some(200));
    tokio::time::sleep(limits::IDLE_MAX + Duration::from_secs(1)).await;
    assert!(idle.is_closed().await);
}

#[tokio::test]
async fn requests_in_one_piece_are_answered_in_their_order() {
    let house = House::open().await;
    let mut kept = Kept::of(&house.owner()).await;
    let last = house.owner().head("GET", "/healthz", &[], None);
    let all = format!("{}{}{last}", kept.head, kept.head);
    kept.socket.write_all(all.as_bytes()).await.unwrap();
    let mut text = String::new();
    capped("the answers", kept.socket.read_to_string(&mut text))
        .await
        .unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert!(text.trim_end().ends_with('}') && text.contains("uptime_ms"));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let house = House::open().await;
    let mut draft = house.hub.hub.blobs().draft().unwrap();
    draft.write(&vec![7; 20_000_000]).unwrap();
    let name = draft.finish(None).unwrap();
    let path = format!("/v1/blobs/{name}");
    let head = house.owner().head("GET", &path, &[], None);
    let mut stalled = TcpStream::connect(house.address).await.unwrap();
    stalled.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    capped("the head", stalled.read_exact(&mut first))
        .await
        .unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    tokio::time::sleep(limits::READER_STALLED_MAX + Duration::from_secs(5)).await;
    let mut rest = Vec::new();
    let read = capped("the rest", stalled.read_to_end(&mut rest)).await;
    assert!(read.is_err() || rest.len() < 19_000_000, "{}", rest.len());
}
