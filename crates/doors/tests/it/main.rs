//! The HTTP door from the outside: a real hub, a real listener, a bridge over real TCP, and requests as
//! bytes. One module for each promise.

extern crate kapelle_doors as doors;

mod blobs;
mod bodies;
mod client;
mod connections;
mod contract;
mod dashboard;
mod envelope;
mod events;
mod guard;
mod history;
mod jobs;
mod launching;
mod mcp_arguments;
mod mcp_calls;
mod mcp_client;
mod mcp_confirm;
mod mcp_pipe;
mod mcp_reads;
mod mcp_resources;
mod mcp_sessions;
mod mcp_time;
mod openapi;
mod rights;
mod roles;
mod scopes;
mod seeing;
mod socket;
mod streams;
mod ws;
mod ws_blobs;

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::{Dial, FakeBridge, Reply, TestHub};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Answer, Client};

/// A hub with its HTTP door open.
struct House {
    hub: TestHub,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl House {
    async fn open() -> Self {
        Self::of(TestHub::start().await).await
    }

    async fn of(hub: TestHub) -> Self {
        Self::with(hub, doors::Settings::default()).await
    }

    async fn with(hub: TestHub, settings: doors::Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let inner = hub.hub.clone();
        let serving = tokio::spawn(async move {
            doors::serve_with(inner, listener, settings)
                .await
                .expect("the door serves");
        });
        Self {
            hub,
            address,
            serving,
        }
    }

    /// The owner.
    fn owner(&self) -> Client {
        let home = self.hub.hub.home();
        let token = home
            .secret(&home.owner_token_file())
            .expect("the hub made it");
        Client::new(self.address, Some(token))
    }

    fn stranger(&self) -> Client {
        Client::new(self.address, None)
    }

    /// A caller with a token of its own, made over HTTP.
    async fn caller(&self, name: &str, scopes: &[&str], ask: &[&str]) -> Client {
        let body = json!({"name": name, "scopes": scopes, "ask": ask});
        let made = self.owner().post("/v1/tokens", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        Client::new(
            self.address,
            made.json()["token"].as_str().map(str::to_owned),
        )
    }

    /// A bridge that answers with the arguments at once.
    async fn echo(&self) -> FakeBridge {
        Dial::new(&self.hub).echo().await.expect("the hub takes it")
    }

    async fn bridge(
        &self,
        name: &str,
        answer: impl Fn(&wire::link::CallMessage) -> Reply + Send + Sync + 'static,
    ) -> FakeBridge {
        let dial = Dial::new(&self.hub).name(name);
        dial.connect(answer).await.expect("the hub takes it")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The body of a call to the toy.
fn call(command: &str, args: Value) -> Value {
    json!({"app": "toy", "command": command, "args": args})
}

/// The same with one more member.
fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

/// What a caller sees of it, in words: `200`, or `409 instance_ambiguous`.
fn shape(answer: &Answer) -> String {
    if answer.header("content-type") == Some("application/problem+json") {
        let problem = answer.json();
        assert_eq!(problem["status"], json!(answer.status));
        assert_eq!(problem["detail"], problem["message"]);
        assert_eq!(problem["type"], "about:blank");
        assert!(
            problem["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert!(problem["retryable"].is_boolean() && problem["severity"].is_string());
        return format!(
            "{} {}",
            answer.status,
            problem["code"].as_str().unwrap_or("?")
        );
    }
    answer.status.to_string()
}
