//! `kapelle mcp`: what an MCP client meets on stdin and stdout, over the life of several hubs.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::environment::{Environment, its_id};
use crate::hub::HubEnds;

struct Pipe {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Pipe {
    fn open(environment: &Environment) -> Self {
        let mut command = environment.command(&["mcp"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            lines: BufReader::new(stdout).lines(),
        }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").unwrap();
    }

    /// The next line; every one is a message.
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("the pipe is open").unwrap();
        let message: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        message
    }

    fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn begin(&mut self) {
        let client = json!({"name": "tests", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let begun = self.ask(0, "initialize", params);
        assert_eq!(begun["result"]["serverInfo"]["name"], "kapelle", "{begun}");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    /// Ends stdin; gives what was still said, and the exit code.
    fn end(mut self) -> (Vec<String>, Option<i32>) {
        drop(self.stdin);
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        (rest, self.child.wait().unwrap().code())
    }
}

fn kill_hub(environment: &Environment) {
    let status = environment.run(&["status", "--json"]).document();
    let pid = status["hub"]["pid"].as_u64().expect("a hub runs");
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_session_outlives_its_hub() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let mut pipe = Pipe::open(&environment);
    pipe.begin();
    let listed = pipe.ask(1, "tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap().len();
    assert!(tools >= 12, "{listed}");
    let uri = json!({"uri": "kapelle://status"});
    assert!(pipe.ask(2, "resources/subscribe", uri)["result"].is_object());
    kill_hub(&environment);
    // What the pipe wrote before it saw the end may have run, so it is not sent again.
    let status_tool = json!({"name": "status", "arguments": {}});
    let mut status = pipe.ask(3, "tools/call", status_tool.clone());
    if status["result"]["isError"] == true {
        let problem = &status["result"]["structuredContent"]["problem"];
        assert_eq!(problem["code"], "hub_unreachable", "{status}");
        status = pipe.ask(4, "tools/call", status_tool);
    }
    // The pipe has started another one, and the session goes on.
    assert_eq!(
        status["result"]["structuredContent"]["instances"],
        json!([]),
        "{status}"
    );
    let (rest, exit) = pipe.end();
    assert_eq!((rest, exit), (Vec::new(), Some(0)));
}

#[cfg(unix)]
#[test]
fn what_was_open_when_the_hub_went_is_answered() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let mut pipe = Pipe::open(&environment);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let notifications = json!({"resourceSubscriptions": ["kapelle://status"]});
    pipe.send(
        &json!({"jsonrpc": "2.0", "id": "listening", "method": "subscriptions/listen",
        "params": {"_meta": meta, "notifications": notifications}}),
    );
    let acknowledged = pipe.next();
    assert_eq!(
        acknowledged["method"], "notifications/subscriptions/acknowledged",
        "{acknowledged}"
    );
    kill_hub(&environment);
    let answer = pipe.next();
    assert_eq!(answer["id"], "listening");
    assert_eq!(
        answer["error"]["data"]["code"], "hub_unreachable",
        "{answer}"
    );
    let discovered = pipe.ask(2, "server/discover", json!({ "_meta": meta }));
    assert!(
        discovered["result"]["capabilities"].is_object(),
        "{discovered}"
    );
    assert_eq!(pipe.end().1, Some(0));
}

#[test]
fn without_a_hub_at_the_address_nothing_is_said_on_stdout() {
    let environment = Environment::new();
    let ran = environment.run(&["--url", "http://127.0.0.1:9", "mcp"]);
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("127.0.0.1:9"), "{}", ran.err);
}

#[test]
fn an_unknown_app_is_named_at_once() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let (app, wrong) = its_id();
    let ran = environment.run(&["mcp", "--app", &wrong]);
    assert_eq!(ran.exit, Some(2), "{ran:?}");
    assert!(ran.err.contains(&app), "{}", ran.err);
    assert_eq!(ran.out, "");
}
