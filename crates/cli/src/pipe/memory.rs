//! What the pipe remembers of the lines that pass: which requests are open, and how the session began.

use std::collections::HashMap;

use client::problems;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::Problem;

/// Requests that the pipe sends by itself; their answers are not for the client.
const OWN: &str = "kapelle-pipe-";
/// JSON-RPC's code for a fault that is not the request's.
const INTERNAL_ERROR: i64 = -32_603;

/// What a line is about. A batch or what is no JSON has none of it and just passes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Params,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    #[serde(default, rename = "_meta")]
    meta: Value,
    #[serde(default)]
    uri: Option<String>,
}

impl Head {
    pub(super) fn of(line: &str) -> Self {
        Self::of_bytes(line.as_bytes())
    }

    /// Only an object has one: serde would take a list for the members in their order.
    fn of_bytes(line: &[u8]) -> Self {
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Self::default();
        }
        serde_json::from_slice(line).unwrap_or_default()
    }

    /// The newer protocol says its version with every request.
    fn is_modern(&self) -> bool {
        self.params
            .meta
            .get("io.modelcontextprotocol/protocolVersion")
            .is_some()
    }
}

/// A request without an answer.
struct Open {
    id: Value,
    method: String,
    is_modern: bool,
    /// The connection that it went over.
    number: u64,
    line: Option<String>,
}

#[derive(Default)]
pub(super) struct Memory {
    open: HashMap<String, Open>,
    /// The line that began the session.
    initialize: Option<String>,
    watched: Vec<String>,
    own: u64,
    /// The last connection whose end was told: nobody would answer what is sent over it now.
    ended: u64,
}

impl Memory {
    /// A line is about to go to the hub; `false` when that connection has ended meanwhile.
    pub(super) fn sent(&mut self, head: &Head, line: &str, number: u64) -> bool {
        if number <= self.ended {
            return false;
        }
        let (Some(id), Some(method)) = (&head.id, &head.method) else {
            return true;
        };
        match (method.as_str(), &head.params.uri) {
            ("resources/subscribe", Some(uri)) if !self.watched.contains(uri) => {
                self.watched.push(uri.clone());
            }
            ("resources/unsubscribe", Some(uri)) => self.watched.retain(|own| own != uri),
            _ => {}
        }
        let open = Open {
            id: id.clone(),
            method: method.clone(),
            is_modern: head.is_modern(),
            number,
            line: (method == "initialize").then(|| line.to_owned()),
        };
        self.open.insert(id.to_string(), open);
        true
    }

    /// A line could not be written; `false` when its request has been answered meanwhile.
    pub(super) fn take_back(&mut self, head: &Head, number: u64) -> bool {
        let (Some(id), Some(_)) = (&head.id, &head.method) else {
            return true;
        };
        let key = id.to_string();
        let is_open = self
            .open
            .get(&key)
            .is_some_and(|open| open.number == number);
        if is_open {
            self.open.remove(&key);
        }
        is_open
    }

    /// A line came from the hub; `false` when it is an answer to the pipe itself.
    pub(super) fn came(&mut self, line: &[u8]) -> bool {
        let head = Head::of_bytes(line);
        let (Some(id), None) = (&head.id, &head.method) else {
            return true;
        };
        if id.as_str().is_some_and(|id| id.starts_with(OWN)) {
            return false;
        }
        if let Some(open) = self.open.remove(&id.to_string())
            && head.error.is_none()
            && open.line.is_some()
        {
            self.initialize = open.line;
        }
        true
    }

    /// What a new hub must hear first.
    pub(super) fn again(&mut self) -> Vec<String> {
        let Some(initialize) = self.initialize.clone() else {
            return Vec::new();
        };
        let mut first: Value = serde_json::from_str(&initialize).unwrap_or_default();
        first["id"] = self.own_id();
        let mut lines = vec![
            first.to_string(),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        ];
        for uri in self.watched.clone() {
            let id = self.own_id();
            let line = json!({"jsonrpc": "2.0", "id": id, "method": "resources/subscribe", "params": {"uri": uri}});
            lines.push(line.to_string());
        }
        lines
    }

    /// A connection has ended: answers for what was open on it.
    pub(super) fn lost(&mut self, number: u64) -> Vec<String> {
        self.ended = self.ended.max(number);
        let (lost, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|(_, open)| open.number == number);
        self.open = open;
        let lost: HashMap<String, Open> = lost;
        let gone = problems::hub_went_away(None);
        lost.values()
            .map(|open| answer(&open.id, &open.method, open.is_modern, &gone))
            .collect()
    }

    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    fn own_id(&mut self) -> Value {
        self.own += 1;
        format!("{OWN}{}", self.own).into()
    }
}

/// The answer to a request that did not get through; nothing for what wants no answer.
pub(super) fn refusal(head: &Head, problem: &Problem) -> Option<String> {
    let (Some(id), Some(method)) = (&head.id, &head.method) else {
        return None;
    };
    Some(answer(id, method, head.is_modern(), problem))
}

/// A tool's failure is told as its result: an error of the protocol does not reach the model.
fn answer(id: &Value, method: &str, is_modern: bool, problem: &Problem) -> String {
    let hint = problem.hint_at(wire::Door::Mcp).unwrap_or_default();
    let text = format!("{}: {} {hint}", problem.code, problem.message);
    let mut line = json!({"jsonrpc": "2.0", "id": id});
    if method == "tools/call" {
        let mut result = json!({
            "content": [{"type": "text", "text": text}],
            "structuredContent": {"problem": problem.clone().told_at(wire::Door::Mcp)},
            "isError": true,
        });
        if is_modern {
            result["resultType"] = "complete".into();
        }
        line["result"] = result;
    } else {
        line["error"] =
            json!({"code": INTERNAL_ERROR, "message": text, "data": {"code": problem.code}});
    }
    format!("{line}\n")
}

/// Lines by turns from the client and the hub; then the connection is lost and a new one begins.
#[cfg(fuzzing)]
pub(super) fn fuzzing(data: &[u8]) {
    let mut memory = Memory::default();
    for (turn, line) in data.split(|byte| *byte == b'\n').enumerate() {
        if turn % 2 == 0 {
            let line = String::from_utf8_lossy(line);
            let head = Head::of(&line);
            memory.sent(&head, &line, 1);
            refusal(&head, &problems::hub_went_away(None));
        } else {
            memory.came(line);
        }
    }
    for line in memory.lost(1) {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.get("id").is_some()));
    }
    assert!(!memory.has_open());
    for line in memory.again() {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(memory: &mut Memory, line: &Value, number: u64) {
        let line = line.to_string();
        memory.sent(&Head::of(&line), &line, number);
    }

    #[test]
    fn what_was_under_way_is_answered_once() {
        let mut memory = Memory::default();
        sent(
            &mut memory,
            &json!({"id": 1, "method": "tools/call", "params": {"name": "code"}}),
            1,
        );
        sent(&mut memory, &json!({"id": "a", "method": "tools/list"}), 1);
        sent(&mut memory, &json!({"id": 3, "method": "ping"}), 2);
        assert!(memory.came(br#"{"id": "a", "result": {}}"#));
        let lost = memory.lost(1);
        assert_eq!(lost.len(), 1);
        let answer: Value = serde_json::from_str(&lost[0]).unwrap();
        assert_eq!(
            (&answer["id"], &answer["result"]["isError"]),
            (&json!(1), &json!(true))
        );
        assert!(memory.lost(1).is_empty() && memory.has_open());
    }

    #[test]
    fn nothing_goes_over_a_connection_whose_end_was_told() {
        let mut memory = Memory::default();
        memory.lost(1);
        for line in [r#"{"id": 2, "method": "ping"}"#, r#"{"method": "note"}"#] {
            assert!(!memory.sent(&Head::of(line), line, 1));
        }
        assert!(!memory.has_open());
        let line = r#"{"id": 2, "method": "ping"}"#;
        assert!(memory.sent(&Head::of(line), line, 2) && memory.has_open());
    }

    #[test]
    fn a_session_begins_again_only_after_it_had_begun() {
        let mut memory = Memory::default();
        let initialize =
            json!({"id": 0, "method": "initialize", "params": {"clientInfo": {"name": "x"}}});
        sent(&mut memory, &initialize, 1);
        assert!(memory.again().is_empty());
        assert!(memory.came(br#"{"id": 0, "result": {"serverInfo": {}}}"#));
        sent(
            &mut memory,
            &json!({"id": 1, "method": "resources/subscribe", "params": {"uri": "u"}}),
            1,
        );
        let again = memory.again();
        assert_eq!(again.len(), 3);
        let first: Value = serde_json::from_str(&again[0]).unwrap();
        assert_eq!(first["params"], initialize["params"]);
        let own = json!({"id": first["id"], "result": {}}).to_string();
        assert!(!memory.came(own.as_bytes()), "not for the client");
    }
}
