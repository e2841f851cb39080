//! The doors, each as its users meet it.

use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::house::House;
use super::{Ask, Ending, JobVerb};
use crate::environment::Environment;

/// One way in.
pub(super) trait Door {
    fn name(&self) -> &'static str;

    /// Runs a call to its end; says yes where it is asked and the row wants it.
    fn run(&self, house: &House, ask: &Ask) -> Ending;

    /// Does something to a job, as the owner; gives the job as it stands then, or the problem.
    fn change(&self, house: &House, id: &str, verb: JobVerb) -> Value;

    /// Brings the bytes in as this door does, and runs a command with them as an argument; gives its
    /// value. Nothing when the door takes no bytes.
    fn run_with_blob(
        &self,
        house: &House,
        command: &'static str,
        key: &str,
        bytes: &[u8],
    ) -> Option<Value>;
}

pub(super) fn all() -> Vec<Box<dyn Door>> {
    vec![
        Box::new(Http),
        Box::new(Enveloped),
        Box::new(Ws),
        Box::new(Mcp),
        Box::new(Terminal),
    ]
}

/// The body of a call again, with what a person said yes to.
fn confirmed(mut body: Value, problem: &Value) -> Value {
    body["confirm"] = problem["details"]["confirm"].clone();
    body
}

fn asks(ask: &Ask, problem: &Value) -> bool {
    ask.says_yes && problem["code"] == "confirmation_required"
}

struct Http;

impl Http {
    fn agent() -> ureq::Agent {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        config.build().into()
    }

    fn post(house: &House, caller: &str, body: &Value) -> (u16, Value) {
        let mut response = Self::agent()
            .post(format!("{}/v1/calls", house.url()))
            .header("Authorization", format!("Bearer {}", house.token(caller)))
            .send_json(body)
            .unwrap();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(1 << 30).read_json();
        (status, body.unwrap())
    }
}

impl Door for Http {
    fn name(&self) -> &'static str {
        "HTTP"
    }

    fn run(&self, house: &House, ask: &Ask) -> Ending {
        let (status, mut answer) = Self::post(house, ask.caller, &ask.body());
        if asks(ask, &answer) {
            let body = confirmed(ask.body(), &answer);
            let (status, answer) = Self::post(house, ask.caller, &body);
            assert_eq!(status, 200, "{answer}");
            return Ending::of_call(&answer);
        }
        if status == 200 {
            return Ending::of_call(&answer);
        }
        assert_eq!(answer["status"].take(), status);
        Ending::of_problem(&answer)
    }

    fn change(&self, house: &House, id: &str, verb: JobVerb) -> Value {
        let path = format!("{}/v1/jobs/{id}", house.url());
        let bearer = format!("Bearer {}", house.token("owner"));
        let agent = Self::agent();
        let response = match (verb, verb.change()) {
            (_, Some(body)) => agent
                .patch(path)
                .header("Authorization", bearer)
                .send_json(body),
            (JobVerb::Cancel, None) => agent.delete(path).header("Authorization", bearer).call(),
            _ => agent.get(path).header("Authorization", bearer).call(),
        };
        response.unwrap().body_mut().read_json().unwrap()
    }

    fn run_with_blob(
        &self,
        house: &House,
        command: &'static str,
        key: &str,
        bytes: &[u8],
    ) -> Option<Value> {
        let mut stored = ureq::put(format!("{}/v1/blobs", house.url()))
            .header("Authorization", format!("Bearer {}", house.token("owner")))
            .send(bytes)
            .unwrap();
        let stored: Value = stored.body_mut().read_json().unwrap();
        let args = json!({key: {"$blob": stored["$blob"]}});
        Some(self.run(house, &Ask::new(command, args)).value)
    }
}

/// The same over HTTP in an envelope.
struct Enveloped;

impl Enveloped {
    fn post(house: &House, caller: &str, payload: Value) -> Value {
        let body =
            json!({"type": "execute", "payload": payload, "metadata": {"correlationId": "walk"}});
        let mut response = Http::agent()
            .post(format!("{}/v1/envelope", house.url()))
            .header("Authorization", format!("Bearer {}", house.token(caller)))
            .send_json(body)
            .unwrap();
        let answer: Value = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_json()
            .unwrap();
        assert_eq!(answer["metadata"]["correlationId"], "walk", "{answer}");
        answer
    }
}

impl Door for Enveloped {
    fn name(&self) -> &'static str {
        "envelope"
    }

    fn run(&self, house: &House, ask: &Ask) -> Ending {
        let mut answer = Self::post(house, ask.caller, ask.body());
        if asks(ask, &answer["payload"]) {
            answer = Self::post(house, ask.caller, confirmed(ask.body(), &answer["payload"]));
        }
        let mut payload = answer["payload"].take();
        if answer["type"] == "result" {
            return Ending::of_call(&payload);
        }
        let mut call = payload
            .as_object_mut()
            .unwrap()
            .remove("call")
            .unwrap_or_default();
        match call.is_object() {
            true => {
                call["problem"] = payload;
                Ending::of_call(&call)
            }
            false => Ending::of_problem(&payload),
        }
    }

    fn change(&self, house: &House, id: &str, verb: JobVerb) -> Value {
        Http.change(house, id, verb)
    }

    fn run_with_blob(
        &self,
        _house: &House,
        _command: &'static str,
        _key: &str,
        _bytes: &[u8],
    ) -> Option<Value> {
        None
    }
}

struct Ws;

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

impl Ws {
    fn open(house: &House, caller: &str) -> Socket {
        let (mut socket, _) =
            tungstenite::connect(format!("ws://{}/v1/ws", house.address)).unwrap();
        let hello = json!({"type": "hello", "token": house.token(caller)});
        socket.send(Message::text(hello.to_string())).unwrap();
        assert_eq!(Self::next(&mut socket)["type"], "welcome");
        socket
    }

    fn next(socket: &mut Socket) -> Value {
        loop {
            if let Message::Text(text) = socket.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    fn call(socket: &mut Socket, mut body: Value) -> Value {
        body["type"] = json!("call");
        body["id"] = json!(1);
        socket.send(Message::text(body.to_string())).unwrap();
        loop {
            let frame = Self::next(socket);
            if frame["type"] == "outcome" || frame["type"] == "problem" {
                return frame;
            }
        }
    }
}

impl Door for Ws {
    fn name(&self) -> &'static str {
        "WebSocket"
    }

    fn run(&self, house: &House, ask: &Ask) -> Ending {
        let mut socket = Self::open(house, ask.caller);
        let mut answer = Self::call(&mut socket, ask.body());
        if asks(ask, &answer["problem"]) {
            answer = Self::call(&mut socket, confirmed(ask.body(), &answer["problem"]));
        }
        match answer["type"].as_str() {
            Some("outcome") => Ending::of_call(&answer),
            _ => Ending::of_problem(&answer["problem"]),
        }
    }

    fn change(&self, house: &House, id: &str, verb: JobVerb) -> Value {
        let mut socket = Self::open(house, "owner");
        let mut ask = |mut frame: Value| {
            frame["id"] = json!(1);
            frame["call_id"] = json!(id);
            socket.send(Message::text(frame.to_string())).unwrap();
            let mut answer = Self::next(&mut socket);
            match answer["type"].as_str() {
                Some("problem") => answer["problem"].take(),
                _ => answer,
            }
        };
        match (verb, verb.change()) {
            (_, Some(change)) => ask(json!({"type": "job_change", "change": change})),
            (JobVerb::Cancel, None) => {
                ask(json!({"type": "cancel"}));
                ask(json!({"type": "job_get"}))
            }
            _ => ask(json!({"type": "job_get"})),
        }
    }

    fn run_with_blob(
        &self,
        house: &House,
        command: &'static str,
        key: &str,
        bytes: &[u8],
    ) -> Option<Value> {
        let mut socket = Self::open(house, "owner");
        let head = json!({"id": "up"}).to_string();
        let mut frame = vec![1];
        frame.extend(u16::try_from(head.len()).unwrap().to_be_bytes());
        frame.extend(head.as_bytes());
        frame.extend(bytes);
        socket.send(Message::binary(frame)).unwrap();
        let stored = Self::next(&mut socket);
        let args = json!({key: {"$blob": stored["$blob"]}});
        let answer = Self::call(&mut socket, Ask::new(command, args).body());
        Some(answer["value"].clone())
    }
}

/// MCP over HTTP: the tool `run`, in the newer protocol.
struct Mcp;

impl Mcp {
    fn tool(house: &House, caller: &str, name: &str, arguments: &Value) -> Value {
        const PROTOCOL: &str = "2026-07-28";
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": PROTOCOL,
            "io.modelcontextprotocol/clientInfo": {"name": "walk", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({"name": name, "arguments": arguments, "_meta": meta});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let mut response = ureq::post(format!("{}/mcp", house.url()))
            .header("Authorization", format!("Bearer {}", house.token(caller)))
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .header("MCP-Protocol-Version", PROTOCOL)
            .header("MCP-Method", "tools/call")
            .header("MCP-Name", name)
            .send(body.to_string())
            .unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        // One document, or a stream of which it is the last event.
        let last = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("data:"));
        let answer: Value = serde_json::from_str(last.unwrap_or(&text).trim()).unwrap();
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// The structured form leaves out what is empty, and says where a large part is.
    fn whole(house: &House, mut told: Value) -> Value {
        told["output"] = json!({"stdout": told["stdout"].as_str().unwrap_or_default()});
        if told.get("changes").is_none() {
            told["changes"] = json!({"added": [], "changed": [], "removed": []});
        }
        if told.get("value_bytes").is_some() {
            let id = told["call_id"].as_str().unwrap_or_default();
            let mut call = ureq::get(format!("{}/v1/calls/{id}", house.url()))
                .header("Authorization", format!("Bearer {}", house.token("owner")))
                .call()
                .unwrap();
            let call: Value = call.body_mut().read_json().unwrap();
            told["value"] = call["value"].clone();
        }
        told
    }
}

impl Door for Mcp {
    fn name(&self) -> &'static str {
        "MCP"
    }

    fn run(&self, house: &House, ask: &Ask) -> Ending {
        let mut result = Self::tool(house, ask.caller, "run", &ask.body());
        if asks(ask, &result["structuredContent"]["problem"]) {
            let arguments = confirmed(ask.body(), &result["structuredContent"]["problem"]);
            result = Self::tool(house, ask.caller, "run", &arguments);
        }
        let told = result["structuredContent"].take();
        let ending = match told.get("status") {
            Some(_) => Ending::of_call(&Self::whole(house, told)),
            None => Ending::of_problem(&told["problem"]),
        };
        assert_eq!(result["isError"] == true, ending.status != "succeeded");
        ending
    }

    fn change(&self, house: &House, id: &str, verb: JobVerb) -> Value {
        let ask = |name: &str, arguments: Value| {
            let mut told = Self::tool(house, "owner", name, &arguments)["structuredContent"].take();
            match told.get("problem") {
                Some(_) if told.get("status").is_none() => told["problem"].take(),
                _ => told,
            }
        };
        let jobs = |mut arguments: Value| {
            arguments["call_id"] = json!(id);
            ask("jobs", arguments)
        };
        match verb {
            JobVerb::Show => jobs(json!({"verb": "show"})),
            JobVerb::Priority(priority) => jobs(json!({"verb": "edit", "priority": priority})),
            JobVerb::Pause => jobs(json!({"verb": "pause"})),
            JobVerb::Resume => jobs(json!({"verb": "resume"})),
            JobVerb::Retry => jobs(json!({"verb": "retry"})),
            JobVerb::Cancel => {
                ask("cancel", json!({"call_id": id}));
                jobs(json!({"verb": "show"}))
            }
        }
    }

    /// Agents hand over paths, not bytes.
    fn run_with_blob(&self, _: &House, _: &'static str, _: &str, _: &[u8]) -> Option<Value> {
        None
    }
}

/// The real binary, with `--json`.
struct Terminal;

impl Terminal {
    fn document(house: &House, ask: &Ask, environment: &Environment) -> Value {
        let args = ask.args.to_string();
        let mut words = vec!["run", ask.app, ask.command, "--json", "--args", &args];
        if let Some(instance) = ask.instance {
            words.extend(["--instance", instance]);
        }
        let timeout = ask
            .timeout_ms
            .map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000));
        if let Some(timeout) = &timeout {
            words.extend(["--timeout", timeout]);
        }
        if ask.says_yes {
            words.push("--yes");
        }
        if ask.durable {
            words.push("--job");
        }
        let mut command = environment.command(&words);
        command
            .env("KAPELLE_URL", house.url())
            .env("KAPELLE_TOKEN", house.token(ask.caller));
        let output = command.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let exit = Self::exit_code(&document);
        assert_eq!(
            output.status.code(),
            Some(exit),
            "{:.300}",
            document.to_string()
        );
        document
    }

    /// What the one table says.
    fn exit_code(document: &Value) -> i32 {
        let of = |problem: &Value| {
            let code: Option<wire::Code> = serde_json::from_value(problem["code"].clone()).ok();
            code.map_or(0, |code| i32::from(code.row().exit))
        };
        match document
            .get("call_id")
            .filter(|_| document.get("caller").is_some())
        {
            Some(_) => of(&document["problem"]),
            None => of(document),
        }
    }
}

impl Door for Terminal {
    fn name(&self) -> &'static str {
        "the terminal"
    }

    fn run(&self, house: &House, ask: &Ask) -> Ending {
        let document = Self::document(house, ask, &Environment::new());
        if document.get("caller").is_some() {
            Ending::of_call(&document)
        } else {
            Ending::of_problem(&document)
        }
    }

    fn change(&self, house: &House, id: &str, verb: JobVerb) -> Value {
        let priority;
        let words: &[&str] = match verb {
            JobVerb::Show => &["show", id],
            JobVerb::Priority(wanted) => {
                priority = wanted.to_string();
                &["edit", id, "--priority", &priority]
            }
            JobVerb::Pause => &["pause", id],
            JobVerb::Resume => &["resume", id],
            JobVerb::Cancel => &["cancel", id],
            JobVerb::Retry => &["retry", id],
        };
        let words = [&["jobs"], words, &["--json"]].concat();
        let output = Environment::new()
            .command(&words)
            .env("KAPELLE_URL", house.url())
            .env("KAPELLE_TOKEN", house.token("owner"))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn run_with_blob(
        &self,
        house: &House,
        command: &'static str,
        key: &str,
        bytes: &[u8],
    ) -> Option<Value> {
        let environment = Environment::new();
        std::fs::write(environment.path().join("bytes"), bytes).unwrap();
        let output = environment
            .command(&["run", "toy", command, &format!("{key}=@bytes"), "--json"])
            .env("KAPELLE_URL", house.url())
            .env("KAPELLE_TOKEN", house.token("owner"))
            .output()
            .unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(document["value"].clone())
    }
}
