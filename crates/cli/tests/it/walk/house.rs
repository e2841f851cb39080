//! A hub with open doors, callers with tokens, and a bridge that plays what the table needs.

use std::collections::HashMap;
use std::net::SocketAddr;

use hub::callers::Caller;
use serde_json::{Value, json};
use testkit::{Dial, FakeBridge, Reply, TestHub, outcome, succeeded};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wire::link::CallMessage;
use wire::{Code, Problem, Status};

pub(super) struct House {
    runtime: Runtime,
    hub: TestHub,
    pub(super) address: SocketAddr,
    tokens: HashMap<&'static str, String>,
}

impl House {
    /// With a bridge.
    pub(super) fn open() -> Self {
        let house = Self::empty();
        house.runtime.block_on(async {
            let bridge = Dial::new(&house.hub).connect(answer).await.unwrap();
            tokio::spawn(play(bridge));
        });
        house
    }

    /// Without any bridge.
    pub(super) fn empty() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (hub, address) = runtime.block_on(async {
            let hub = TestHub::start().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(doors::serve(hub.hub.clone(), listener));
            (hub, address)
        });
        let tokens = tokens(&hub);
        Self {
            runtime,
            hub,
            address,
            tokens,
        }
    }

    pub(super) fn token(&self, caller: &str) -> &str {
        &self.tokens[caller]
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A job that nobody runs.
    pub(super) fn waiting_job(&self) -> String {
        let job = self.hub.job("toy.echo", json!({"text": "later"}));
        self.runtime.block_on(job).id.to_string()
    }

    /// Cancels the call that runs next, as its owner does from elsewhere.
    pub(super) fn cancel_what_runs(&self) {
        let wanted = hub::store::CallsWanted {
            limit: 1,
            status: Some(Status::Running),
            ..Default::default()
        };
        self.runtime.block_on(async {
            let call = self
                .hub
                .wait_for("a call runs", |hub| hub.history(&wanted).1.pop())
                .await;
            self.hub.hub.cancel(&Caller::owner(), &call.id).unwrap();
        });
    }

    /// The bytes that the hub has under that name.
    pub(super) fn blob(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.hub.hub.blobs().path(name).unwrap()).unwrap()
    }
}

fn tokens(hub: &TestHub) -> HashMap<&'static str, String> {
    let home = hub.hub.home();
    let owner = home.secret(&home.owner_token_file()).unwrap();
    let mut tokens = HashMap::from([("owner", owner)]);
    for (name, scopes, ask) in [
        ("reader", json!(["read"]), json!([])),
        ("maker", json!(["read", "write"]), json!([])),
        ("asker", json!(["read", "code"]), json!(["code"])),
    ] {
        let view = serde_json::from_value(json!({"name": name, "scopes": scopes, "ask": ask}));
        let token = hub.hub.create_token(&Caller::owner(), &view.unwrap());
        tokens.insert(name, token.unwrap());
    }
    tokens
}

fn answer(call: &CallMessage) -> Reply {
    match call.command.as_str() {
        "code.run" => Reply::ByHand,
        "toy.sleep" => Reply::After(std::time::Duration::from_secs(600), Value::Null),
        _ => Reply::Value(json!(call.args)),
    }
}

/// Runs code: the word says what it does.
async fn play(mut bridge: FakeBridge) {
    loop {
        let call = bridge.next_call().await;
        if call.command != "code.run" {
            continue;
        }
        bridge.started(&call.id).await;
        let code = call.args["code"].as_str().unwrap_or_default();
        let end = match code {
            // Its cancel ends it.
            "cancel me" => continue,
            "raise" => {
                let problem = Problem::new(Code::CODE_RAISED, "ValueError: no")
                    .detail("traceback", "line 1\nValueError: no");
                outcome("failed", Value::Null, Some(&problem))
            }
            "print" => {
                bridge.output(&call.id, "printed\n").await;
                let mut end = succeeded(json!(null));
                end["output"]["stdout"] = json!("printed\n");
                end["changes"]["added"] = json!([{"type": "object", "name": "Ball"}]);
                end
            }
            "large" => succeeded(json!("x".repeat(5_000_000))),
            other => succeeded(json!(other)),
        };
        bridge.end(&call.id, end).await;
    }
}
