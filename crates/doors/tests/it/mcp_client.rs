//! Clients of MCP as raw JSON-RPC over HTTP: one of the newer protocol, one of the older.

use serde_json::{Map, Value, json};

use crate::client::{Answer, Client, Events};

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";

/// A client without sessions: every request says everything.
#[derive(Clone)]
pub(crate) struct Modern {
    pub(crate) client: Client,
    pub(crate) path: String,
    pub(crate) capabilities: Value,
}

impl Modern {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            path: "/mcp".to_owned(),
            capabilities: json!({}),
        }
    }

    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn able(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    fn request(&self, method: &str, params: &Value) -> (String, Vec<(String, String)>) {
        let mut params = params.clone();
        let mut meta = params["_meta"].as_object().cloned().unwrap_or_default();
        meta.insert(
            "io.modelcontextprotocol/protocolVersion".into(),
            MODERN.into(),
        );
        meta.insert(
            "io.modelcontextprotocol/clientInfo".into(),
            json!({"name": "tests", "version": "1"}),
        );
        meta.insert(
            "io.modelcontextprotocol/clientCapabilities".into(),
            self.capabilities.clone(),
        );
        let named = params["name"]
            .as_str()
            .or(params["uri"].as_str())
            .or(params["taskId"].as_str());
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            (
                "accept".to_owned(),
                "application/json, text/event-stream".to_owned(),
            ),
            ("mcp-protocol-version".to_owned(), MODERN.to_owned()),
            ("mcp-method".to_owned(), method.to_owned()),
        ];
        if let Some(name) = named {
            headers.push(("mcp-name".to_owned(), name.to_owned()));
        }
        params["_meta"] = Value::Object(meta);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        (body.to_string(), headers)
    }

    /// The whole answer: `result` or `error`.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let (body, headers) = self.request(method, &params);
        let answer = self
            .client
            .send("POST", &self.path, &borrowed(&headers), body.as_bytes())
            .await;
        last_message(&answer)
    }

    /// The result of a tool.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Value {
        let answer = self
            .ask("tools/call", json!({"name": name, "arguments": arguments}))
            .await;
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    pub(crate) async fn open(&self, method: &str, params: Value) -> Events {
        let (body, headers) = self.request(method, &params);
        self.client
            .stream("POST", &self.path, &borrowed(&headers), &body)
            .await
    }
}

/// A client with a session.
pub(crate) struct Legacy {
    pub(crate) client: Client,
    pub(crate) session: String,
    path: String,
}

impl Legacy {
    pub(crate) async fn begin(client: Client, capabilities: Value) -> Self {
        let (session, answer) = initialize(&client, "/mcp", capabilities).await;
        assert_eq!(answer["result"]["protocolVersion"], LEGACY, "{answer}");
        let begun = Self {
            client,
            session,
            path: "/mcp".to_owned(),
        };
        let noted = begun
            .post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
        assert_eq!(noted.status, 202);
        begun
    }

    /// The same session, used by somebody else.
    pub(crate) fn of_another(self, client: Client) -> Self {
        Self { client, ..self }
    }

    fn headers(&self) -> [(&str, &str); 4] {
        [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", LEGACY),
            ("mcp-session-id", &self.session),
        ]
    }

    pub(crate) async fn post(&self, message: &Value) -> Answer {
        let body = message.to_string();
        self.client
            .send("POST", &self.path, &self.headers(), body.as_bytes())
            .await
    }

    pub(crate) async fn ask(&self, id: u64, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        last_message(&self.post(&request).await)
    }

    pub(crate) async fn open(&self, id: u64, method: &str, params: Value) -> Events {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.client
            .stream("POST", &self.path, &self.headers(), &request.to_string())
            .await
    }

    /// What comes without having been asked for.
    pub(crate) async fn listen(&self) -> Events {
        self.client
            .stream("GET", &self.path, &self.headers(), "")
            .await
    }
}

/// Begins a session and leaves it at that; gives its id and the answer.
pub(crate) async fn initialize(
    client: &Client,
    path: &str,
    capabilities: Value,
) -> (String, Value) {
    let params = json!({
        "protocolVersion": LEGACY, "capabilities": capabilities,
        "clientInfo": {"name": "tests", "version": "1"},
    });
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let answer = client
        .send("POST", path, &headers, body.to_string().as_bytes())
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let session = answer
        .header("mcp-session-id")
        .expect("a session has an id")
        .to_owned();
    (session, last_message(&answer))
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// The last message of an answer, as one document or as a stream.
pub(crate) fn last_message(answer: &Answer) -> Value {
    if answer.header("content-type") == Some("application/json") {
        return answer.json();
    }
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let data = text
        .lines()
        .rev()
        .filter_map(|line| line.strip_prefix("data:"));
    let last = data.map(str::trim).find(|data| !data.is_empty());
    let last = last.unwrap_or_else(|| panic!("no message in {} {text:?}", answer.status));
    serde_json::from_str(last).expect("a message is JSON")
}

/// All text of a tool's result.
pub(crate) fn text(result: &Value) -> String {
    let blocks = result["content"].as_array().expect("a result has content");
    let texts: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    texts.join("\n")
}

/// The messages of a stream up to the response.
pub(crate) async fn until_response(events: &mut Events) -> (Vec<Value>, Value) {
    let mut before = Vec::new();
    while let Some((_, message)) = events.next().await {
        if message.get("id").is_some() && message.get("method").is_none() {
            return (before, message);
        }
        before.push(message);
    }
    panic!("no response after {before:?}");
}

pub(crate) fn object(pairs: &[(&str, Value)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::Object(Map::from_iter(pairs))
}
