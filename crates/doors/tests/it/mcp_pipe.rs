//! The hub's end of `kapelle mcp`: an upgraded connection with lines, and a caller of its own.

use serde_json::{Value, json};
use testkit::{Reply, capped};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::House;
use crate::client::Client;
use crate::mcp_client::{LEGACY, MODERN, text};

struct Pipe(BufReader<TcpStream>);

impl Pipe {
    async fn open(client: &Client, query: &str) -> Self {
        let headers = [("upgrade", "kapelle-mcp"), ("connection", "upgrade")];
        let head = client.head("GET", &format!("/mcp/stdio{query}"), &headers, None);
        let head = head.replace("connection: close\r\n", "");
        let mut socket = TcpStream::connect(client.address)
            .await
            .expect("the door is open");
        socket
            .write_all(head.as_bytes())
            .await
            .expect("it can be sent");
        let mut pipe = Self(BufReader::new(socket));
        let status = pipe.line().await;
        assert!(status.starts_with("HTTP/1.1 101"), "{status}");
        while !pipe.line().await.trim().is_empty() {}
        pipe
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        capped("a line", self.0.read_line(&mut line))
            .await
            .expect("the pipe is open");
        line
    }

    async fn send(&mut self, message: Value) {
        self.0
            .write_all(format!("{message}\n").as_bytes())
            .await
            .expect("it can be sent");
    }

    async fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        loop {
            let message: Value = serde_json::from_str(&self.line().await).expect("a line is JSON");
            if message["id"] == id {
                return message;
            }
        }
    }

    async fn begin(&mut self, name: &str) {
        let client = json!({"name": name, "version": "1"});
        let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client});
        let begun = self.ask(0, "initialize", params).await;
        assert_eq!(begun["result"]["serverInfo"]["name"], "kapelle", "{begun}");
        self.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
    }
}

#[tokio::test]
async fn a_pipe_is_a_caller_of_its_own() {
    let house = House::open().await;
    let bridge = house.bridge("toy-1", |_| Reply::Value(json!(2))).await;
    let mut pipe = Pipe::open(&house.owner(), "").await;
    pipe.begin("Some Client").await;
    let answer = pipe
        .ask(
            1,
            "tools/call",
            json!({"name": "code", "arguments": {"code": "1"}}),
        )
        .await;
    assert_eq!(
        answer["result"]["structuredContent"]["value"], 2,
        "{answer}"
    );
    let calls = house.owner().get("/v1/calls").await.json();
    assert_eq!(calls["calls"][0]["caller"], "mcp:Some-Client");

    let delete =
        json!({"name": "run", "arguments": {"command": "toy.delete", "args": {"name": "a"}}});
    let answer = pipe.ask(2, "tools/call", delete).await;
    assert_eq!(
        answer["result"]["structuredContent"]["problem"]["code"],
        "confirmation_required"
    );
    assert_eq!(
        bridge.calls().len(),
        1,
        "a person is asked before, though the owner opened the pipe"
    );
}

#[tokio::test]
async fn the_newer_protocol_names_its_client_in_every_request() {
    let house = House::open().await;
    let _bridge = house.bridge("toy-1", |_| Reply::Value(json!(2))).await;
    let mut pipe = Pipe::open(&house.owner(), "?app=toy").await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "newer", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let listed = pipe.ask(1, "tools/list", json!({ "_meta": meta })).await;
    assert!(listed.to_string().contains("toy_make"), "{listed}");
    let params = json!({"name": "toy_echo", "arguments": {}, "_meta": meta});
    let answer = pipe.ask(2, "tools/call", params).await;
    assert!(text(&answer["result"]).starts_with('2'), "{answer}");
    let calls = house.owner().get("/v1/calls").await.json();
    assert_eq!(calls["calls"][0]["caller"], "mcp:newer");
}

#[tokio::test]
async fn a_token_that_is_taken_back_ends_what_a_pipe_may() {
    let house = House::open().await;
    let mut pipe = Pipe::open(&house.caller("guest", &["read"], &[]).await, "").await;
    pipe.begin("x").await;
    let status = json!({"name": "status", "arguments": {}});
    let answer = pipe.ask(1, "tools/call", status).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(house.owner().delete("/v1/tokens/guest").await.status, 200);
    assert_eq!(pipe.line().await, "", "it is closed");
}

#[tokio::test]
async fn only_who_knows_what_it_is_gets_one() {
    let house = House::open().await;
    let upgrade = [("upgrade", "kapelle-mcp"), ("connection", "upgrade")];
    let refused = house
        .stranger()
        .send("GET", "/mcp/stdio", &upgrade, b"")
        .await;
    assert_eq!(refused.status, 401);
    let refused = house.owner().get("/mcp/stdio").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "route_unknown")
    );
    let refused = house
        .owner()
        .send("GET", "/mcp/stdio?app=nothing", &upgrade, b"")
        .await;
    assert_eq!(refused.code(), "app_unknown");
}

#[tokio::test]
async fn a_message_with_a_text_that_is_too_long_is_answered_and_the_pipe_goes_on() {
    let house = House::open().await;
    let mut pipe = Pipe::open(&house.owner(), "").await;
    pipe.begin("Client").await;
    let long = "x".repeat(doors::limits::TEXT_BYTES_MAX + 1);
    let params = json!({"name": "status", "arguments": {}, "_meta": {"note": long}});
    let refused = pipe.ask(1, "tools/call", params).await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("`note` has"), "{message}");
    let answer = pipe
        .ask(2, "tools/call", json!({"name": "status", "arguments": {}}))
        .await;
    assert!(answer["result"].is_object(), "{answer}");
}
