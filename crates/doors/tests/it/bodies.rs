//! Sizes are looked at before anything is parsed, and a body that is wrong is refused in words.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{House, call, shape};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_body_over_the_bound_is_413_before_it_is_parsed() {
    let house = House::open().await;
    let bridge = house.echo().await;
    // It is no JSON either: what counts is that nobody tried.
    let body = vec![b'{'; doors::limits::BODY_BYTES_MAX + 1];
    for path in ["/v1/calls", "/v1/instances", "/v1/tokens"] {
        let answer = house.owner().send("POST", path, &[JSON], &body).await;
        assert_eq!(shape(&answer), "413 body_too_large", "{path}");
        assert!(
            answer.json()["hint"]
                .as_str()
                .unwrap()
                .contains("/v1/blobs")
        );
    }
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn a_body_at_the_bound_is_taken() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let text = "x".repeat(8 << 20);
    let answer = house
        .owner()
        .post("/v1/calls", &call("toy.echo", json!({"text": text})))
        .await;
    assert_eq!(
        (answer.status, answer.json()["value"]["text"].as_str()),
        (200, Some(text.as_str()))
    );
}

#[tokio::test]
async fn a_body_of_unknown_length_has_the_same_bound() {
    let house = House::open().await;
    let chunk = vec![b' '; 1 << 20];
    let mut body = Vec::new();
    for _ in 0..=doors::limits::BODY_BYTES_MAX / chunk.len() {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(&chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let headers = [JSON, ("transfer-encoding", "chunked")];
    let answer = house
        .owner()
        .send("POST", "/v1/calls", &headers, &body)
        .await;
    assert_eq!(shape(&answer), "413 body_too_large");
}

#[tokio::test]
async fn a_stranger_with_a_large_body_gets_the_answer_and_not_a_reset() {
    let house = House::open().await;
    let body = vec![b'x'; 16 << 20];
    let answer = house.stranger().send("PUT", "/v1/blobs", &[], &body).await;
    assert_eq!(shape(&answer), "401 unauthenticated");
    let answer = house
        .owner()
        .send(
            "POST",
            "/v1/calls",
            &[("content-type", "text/plain")],
            &body,
        )
        .await;
    assert_eq!(shape(&answer), "415 media_type_unsupported");
}

#[tokio::test]
async fn what_is_no_call_is_400_and_says_where() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let bodies: &[&[u8]] = &[
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"\xff\xfe\x00",
        b"{\"app\":\"toy\"}",
        b"{\"app\":5,\"command\":\"toy.echo\"}",
        b"{\"app\":\"toy\",\"command\":\"toy.echo\",\"args\":[]}",
        b"{\"app\":\"toy\",\"command\":\"toy.echo\",\"args\":{},\"wait\":\"yes\"}",
        b"{\"app\":\"toy\",\"command\":\"toy.echo\",\"args\":{},\"timeout_ms\":-1}",
        b"{\"app\":\"toy\",\"command\":\"toy.echo\",\"args\":{},\"tiemout_ms\":1}",
        b"{\"app\":\"toy\",\"command\":\"toy.echo\"} trailing",
    ];
    for body in bodies {
        let answer = house.owner().send("POST", "/v1/calls", &[JSON], body).await;
        assert_eq!(
            shape(&answer),
            "400 body_malformed",
            "{}",
            String::from_utf8_lossy(body)
        );
        let problem = answer.json();
        assert!(problem["message"].as_str().unwrap().len() > 30 && problem["hint"].is_string());
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!("{{\"app\":\"toy\",\"command\":\"toy.echo\",\"args\":{{\"data\":{deep}}}}}");
    let answer = house
        .owner()
        .send("POST", "/v1/calls", &[JSON], body.as_bytes())
        .await;
    assert_eq!(
        shape(&answer),
        "400 body_malformed",
        "deeper than anybody needs"
    );
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn a_get_with_a_body_is_answered_and_the_body_ignored() {
    let house = House::open().await;
    let answer = house
        .owner()
        .send("GET", "/v1/apps", &[JSON], b"{\"app\":")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["apps"][0]["app"], "toy");
}

#[tokio::test]
async fn heads_out_of_all_measure_hurt_nobody() {
    let house = House::open().await;
    let long = "x".repeat(1 << 20);
    let huge = house
        .owner()
        .send("GET", "/v1/apps", &[("x-long", &long)], b"")
        .await;
    assert_eq!(huge.status, 431);
    let path = format!("/v1/calls/{}", "y".repeat(1 << 17));
    let answer = house.owner().get(&path).await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    let many = "x-a: b\r\n".repeat(5_000);
    let head = house.owner().head("GET", "/v1/apps", &[], None);
    let raw = head.replace("\r\n\r\n", &format!("\r\n{many}\r\n"));
    assert_eq!(house.owner().raw(raw.as_bytes()).await.status, 431);
    assert_eq!(house.owner().get("/v1/apps").await.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_closed_and_the_door_stays_open() {
    let house = House::open().await;
    let noises: &[&[u8]] = &[
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\x10{\"t\":\"hello\"}",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/calls HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST /v1/calls HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ];
    for noise in noises {
        let mut socket = TcpStream::connect(house.address).await.unwrap();
        socket.write_all(noise).await.unwrap();
        socket.shutdown().await.ok();
        let mut said = Vec::new();
        testkit::capped("the end", socket.read_to_end(&mut said))
            .await
            .ok();
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 4"),
            "{said:?}"
        );
    }
    assert_eq!(house.owner().get("/v1/apps").await.status, 200);
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_runs_nothing() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let body = call("toy.echo", json!({})).to_string();
    let head = house
        .owner()
        .head("POST", "/v1/calls", &[JSON], Some(body.len()));
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    socket
        .write_all(format!("{head}{}", &body[..body.len() - 1]).as_bytes())
        .await
        .unwrap();
    drop(socket);
    bridge.round_trip().await;
    assert_eq!(
        house.owner().get("/v1/calls").await.json()["calls"],
        json!([])
    );
    assert!(bridge.calls().is_empty());
}

/// A request that says how long its body is, and sends the first byte of it.
async fn half_sent(client: &crate::client::Client, path: &str, length: usize) -> TcpStream {
    let method = if path == "/v1/blobs" { "PUT" } else { "POST" };
    let head = client.head(method, path, &[JSON], Some(length));
    let mut socket = TcpStream::connect(client.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(b"{").await.unwrap();
    socket
}

/// The status of the answer that comes, if one comes before `socket` is asked for more.
async fn status_of(socket: &mut TcpStream) -> String {
    let mut first = [0; 12];
    testkit::capped("a status", socket.read_exact(&mut first))
        .await
        .unwrap();
    String::from_utf8_lossy(&first[9..]).into_owned()
}

#[tokio::test]
async fn bodies_in_flight_have_a_bound_for_each_caller() {
    let house = House::open().await;
    let _bridge = house.echo().await;
    let greedy = house.caller("greedy", &["read", "write"], &[]).await;
    let other = house.caller("other", &["read", "write"], &[]).await;
    let most = doors::limits::BODY_BYTES_MAX;
    let mut held = Vec::new();
    for path in ["/v1/calls", "/mcp"] {
        held.push(half_sent(&greedy, path, most).await);
    }
    // The third is refused by its announcement, as soon as the others have been seen.
    for path in ["/v1/calls", "/v1/batches", "/mcp", "/v1/tokens"] {
        let mut third = half_sent(&greedy, path, most).await;
        assert_eq!(status_of(&mut third).await, "429", "{path}");
    }
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let piece = "x".repeat(100_000);
    let body = format!("{:x}\r\n{piece}\r\n0\r\n\r\n", piece.len());
    let refused = greedy
        .send("POST", "/v1/calls", &chunked, body.as_bytes())
        .await;
    assert_eq!(
        shape(&refused),
        "429 rate_limited",
        "a length that is not told counts as it comes"
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(
        refused.json()["hint"]
            .as_str()
            .unwrap()
            .contains("/v1/blobs")
    );
    // A small one, and those of others.
    let answer = greedy.post("/v1/calls", &call("toy.echo", json!({}))).await;
    assert_eq!(shape(&answer), "200");
    let large = call("toy.echo", json!({"text": "x".repeat(1_000_000)}));
    assert_eq!(shape(&other.post("/v1/calls", &large).await), "200");
    assert_eq!(shape(&house.owner().post("/v1/calls", &large).await), "200");
    drop(held);
    let again = async {
        while shape(&greedy.post("/v1/calls", &large).await) != "200" {
            tokio::task::yield_now().await;
        }
    };
    testkit::capped("what was in flight is given back", again).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_late() {
    let house = House::open().await;
    for path in ["/v1/calls", "/mcp", "/v1/blobs"] {
        let mut socket = half_sent(&house.owner(), path, 1_000).await;
        assert_eq!(status_of(&mut socket).await, "408", "{path}");
    }
}

#[tokio::test]
async fn every_text_of_a_request_has_a_bound() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let owner = house.owner();
    let long = "x".repeat(10_000);
    let cases = [
        (
            "/v1/calls",
            json!({"app": "toy", "command": "toy.echo", "correlation_id": long}),
        ),
        (
            "/v1/calls",
            json!({"app": "toy", "command": "toy.echo", "correlation_id": "x".repeat(300)}),
        ),
        ("/v1/calls", json!({"app": long, "command": "toy.echo"})),
        (
            "/v1/calls",
            json!({"app": "toy", "command": "toy.echo", "select": {"file": long}}),
        ),
        (
            "/v1/calls",
            json!({"app": "toy", "command": "toy.echo", "labels": {"a": long}, "durable": true}),
        ),
        (
            "/v1/batches",
            json!({"calls": [{"app": "toy", "command": "toy.echo", "confirm": long}]}),
        ),
        ("/v1/instances", json!({"app": "toy", "name": long})),
        ("/v1/tokens", json!({"name": long, "scopes": ["read"]})),
        ("/v1/jobs/queue", json!({"app": long, "state": "paused"})),
    ];
    for (path, body) in cases {
        let answer = owner.post(path, &body).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.body.len() < 4_000, "{path}: it is not said back");
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {"experimental": {"a": {"b": long}}},
        "clientInfo": {"name": "x", "version": "1"},
    }});
    let accept = ("accept", "application/json, text/event-stream");
    let answer = owner
        .send(
            "POST",
            "/mcp",
            &[JSON, accept],
            message.to_string().as_bytes(),
        )
        .await;
    assert_eq!(shape(&answer), "400 arguments_invalid");
    let answer = owner.get(&format!("/v1/jobs?label={long}")).await;
    assert_eq!(shape(&answer), "400 arguments_invalid");
    // What belongs to a command is as long as it may be.
    let answer = owner
        .post("/v1/calls", &call("toy.echo", json!({"text": long})))
        .await;
    assert_eq!(answer.json()["value"]["text"], json!(long));
    bridge.round_trip().await;
    assert_eq!(bridge.calls().len(), 1);
}
