//! The next thing to do, in the language of whoever reads it.
//!
//! In come the parts of a hint: plain text, and steps such as "start an instance" or "set the time limit". Out comes
//! one text for each door: `-t` and `kapelle start toy` in the terminal, `timeout_ms` and a route over HTTP, a tool
//! with its arguments over MCP. The parts travel with a problem, so that a call that one door asked for can be read
//! through another. Nothing here knows which steps make sense; whoever makes the problem does.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::id::{AppId, CallId, InstanceName};

/// Behind an argument, where a call has its arguments in a member of their own.
pub const IN_ARGS: &str = " in `args`";

/// Who reads a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Http,
    Terminal,
    Mcp,
}

/// A hint as it is written: text and steps in the order of reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hint(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    Text(String),
    Step(Step),
    /// A step of a newer Kapelle: the hint is read as its text.
    Unknown(Value),
}

/// Something that a reader can do or say, whatever the door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Says something about the call, for example how long it may run; nothing but its name without a value.
    Option {
        name: Opt,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Value>,
    },
    /// An argument of the command, with what it would be.
    Argument {
        name: String,
        value: Value,
        /// How the terminal's verb for this command says the same, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flag: Option<String>,
    },
    Start {
        app: AppId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<InstanceName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_mb: Option<u64>,
    },
    Stop {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<InstanceName>,
        #[serde(default)]
        force: bool,
    },
    /// Looks at the instances.
    Status,
    /// Looks at the state of an instance.
    State,
    /// Looks at calls, or at one.
    History {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
    },
    Undo {
        call: CallId,
    },
    Cancel {
        call: CallId,
    },
    Jobs {
        #[serde(default)]
        in_queue_order: bool,
    },
    Job {
        call: CallId,
    },
    RetryJob {
        call: CallId,
    },
    CancelJob {
        call: CallId,
    },
    ResumeQueue {
        app: AppId,
    },
    Describe {
        app: Option<AppId>,
        command: String,
    },
    /// Calls a command that needs no arguments.
    Command {
        app: AppId,
        command: String,
    },
    /// Stores a value of any size.
    StoreBlob,
    Tokens,
    RevokeToken {
        name: String,
    },
    CreateToken,
    /// A line that only a terminal has, without the program's name.
    Terminal {
        line: String,
    },
}

/// What can be said of a call beside its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opt {
    Instance,
    TimeoutMs,
    Select,
    Durable,
    IdempotencyKey,
    Confirm,
    OnError,
}

impl Opt {
    /// Only its name.
    #[must_use]
    pub fn step(self) -> Step {
        Step::Option {
            name: self,
            value: None,
        }
    }

    #[must_use]
    pub fn with(self, value: impl Into<Value>) -> Step {
        Step::Option {
            name: self,
            value: Some(value.into()),
        }
    }

    fn member(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::TimeoutMs => "timeout_ms",
            Self::Select => "select",
            Self::Durable => "durable",
            Self::IdempotencyKey => "idempotency_key",
            Self::Confirm => "confirm",
            Self::OnError => "on_error",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Instance => "-i",
            Self::TimeoutMs => "-t",
            Self::Select => "--select",
            Self::Durable => "--job",
            Self::IdempotencyKey => "--key",
            Self::Confirm => "--yes",
            Self::OnError => "--on-error",
        }
    }
}

impl Step {
    #[must_use]
    pub fn start(app: &AppId) -> Self {
        Self::Start {
            app: app.clone(),
            name: None,
            memory_mb: None,
        }
    }

    #[must_use]
    pub fn start_again(app: &AppId, name: &InstanceName) -> Self {
        Self::Start {
            app: app.clone(),
            name: Some(name.clone()),
            memory_mb: None,
        }
    }

    /// Ends the process, whatever it does.
    #[must_use]
    pub fn force_stop(instance: &InstanceName) -> Self {
        Self::Stop {
            instance: Some(instance.clone()),
            force: true,
        }
    }

    #[must_use]
    pub fn history() -> Self {
        Self::History {
            call: None,
            status: None,
        }
    }

    /// Looks at the calls of that status.
    #[must_use]
    pub fn history_of(status: &str) -> Self {
        Self::History {
            call: None,
            status: Some(status.to_owned()),
        }
    }

    #[must_use]
    pub fn call(id: &CallId) -> Self {
        Self::History {
            call: Some(id.clone()),
            status: None,
        }
    }

    #[must_use]
    pub fn jobs() -> Self {
        Self::Jobs {
            in_queue_order: false,
        }
    }

    #[must_use]
    pub fn terminal(line: impl Into<String>) -> Self {
        Self::Terminal { line: line.into() }
    }

    /// `name` with that value; `flag` is what the terminal's own verb calls it.
    #[must_use]
    pub fn argument(name: &str, value: impl Into<Value>, flag: &str) -> Self {
        Self::Argument {
            name: name.to_owned(),
            value: value.into(),
            flag: Some(flag.to_owned()),
        }
    }

    /// How this step is written at a door.
    #[must_use]
    pub fn at(&self, door: Door) -> String {
        match door {
            Door::Terminal => self.in_terminal(),
            Door::Http => self.over_http(),
            Door::Mcp => self.over_mcp(),
        }
    }

    fn in_terminal(&self) -> String {
        let line = match self {
            Self::Option { name, value } => return flag(*name, value.as_ref()),
            Self::Argument {
                flag: Some(flag), ..
            } => return flag.clone(),
            Self::Argument { name, value, .. } => return format!("{name}={}", plain(value)),
            Self::StoreBlob => return "give the path of a file instead".to_owned(),
            Self::Start {
                app,
                name,
                memory_mb,
            } => {
                let name = name.as_ref().filter(|name| !name.is_default_of(app));
                let name = name.map_or(String::new(), |name| format!(" --name {name}"));
                let memory = memory_mb.map_or(String::new(), |mb| format!(" --memory {mb}MB"));
                format!("start {app}{name}{memory}")
            }
            Self::Stop { instance, force } => {
                let name = instance.as_ref().map_or("NAME", |name| name.as_str());
                format!("stop {name}{}", if *force { " --force" } else { "" })
            }
            Self::Status => "status".to_owned(),
            Self::State => "state".to_owned(),
            Self::History { call: Some(id), .. } => format!("history {id}"),
            Self::History { status, .. } => match status {
                Some(status) => format!("history --status {status}"),
                None => "history".to_owned(),
            },
            Self::Undo { call } => format!("revert {call}"),
            Self::Cancel { call } => format!("cancel {call}"),
            Self::Jobs { in_queue_order } => match in_queue_order {
                true => "jobs list --order queue".to_owned(),
                false => "jobs list".to_owned(),
            },
            Self::Job { call } => format!("jobs show {call}"),
            Self::RetryJob { call } => format!("jobs retry {call}"),
            Self::CancelJob { call } => format!("jobs cancel {call}"),
            Self::ResumeQueue { app } => format!("jobs resume {app}"),
            Self::Describe {
                app: Some(app),
                command,
            } => format!("describe {app} {command}"),
            Self::Describe { command, .. } => format!("describe {command}"),
            Self::Command { app, command } => format!("run {app} {command}"),
            Self::Tokens => "token list".to_owned(),
            Self::RevokeToken { name } => format!("token revoke {name}"),
            Self::CreateToken => "token create NAME --scope SCOPE".to_owned(),
            Self::Terminal { line } => line.clone(),
        };
        format!("kapelle {line}")
    }

    fn over_http(&self) -> String {
        match self {
            Self::Option { name, value } => member(name.member(), value.as_ref()),
            Self::Argument { name, value, .. } => format!("`\"{name}\": {value}`{IN_ARGS}"),
            Self::Start {
                app,
                name,
                memory_mb,
            } => format!(
                "POST /v1/instances {}",
                said(&[
                    ("app", json!(app)),
                    ("name", json!(name)),
                    ("memory_mb", json!(memory_mb))
                ])
            ),
            Self::Stop { instance, force } => {
                let name = instance.as_ref().map_or("{name}", |name| name.as_str());
                let force = if *force { "?force=true" } else { "" };
                format!("DELETE /v1/instances/{name}{force}")
            }
            Self::Status => "GET /v1/instances".to_owned(),
            Self::State => "GET /v1/instances/{name}/state".to_owned(),
            Self::History { call: Some(id), .. } => format!("GET /v1/calls/{id}"),
            Self::History { status, .. } => match status {
                Some(status) => format!("GET /v1/calls?status={status}"),
                None => "GET /v1/calls".to_owned(),
            },
            Self::Undo { call } => {
                format!(
                    "POST /v1/calls with `history.revert` {}",
                    json!({"id": call})
                )
            }
            Self::Cancel { call } => format!("DELETE /v1/calls/{call}"),
            Self::Jobs { in_queue_order } => match in_queue_order {
                true => "GET /v1/jobs?order=queue".to_owned(),
                false => "GET /v1/jobs".to_owned(),
            },
            Self::Job { call } => format!("GET /v1/jobs/{call}"),
            Self::RetryJob { call } => {
                format!("PATCH /v1/jobs/{call} {}", json!({"status": "queued"}))
            }
            Self::CancelJob { call } => format!("DELETE /v1/jobs/{call}"),
            Self::ResumeQueue { app } => format!(
                "POST /v1/jobs/queue {}",
                json!({"app": app, "drain": false, "paused": false})
            ),
            Self::Describe {
                app: Some(app),
                command,
            } => format!("GET /v1/apps/{app}/commands/{command}"),
            Self::Describe { command, .. } => format!("GET /v1/find?q={command}"),
            Self::StoreBlob => {
                "store it with PUT /v1/blobs and refer to it by {\"$blob\": …}".to_owned()
            }
            Self::Command { app, command } => {
                format!("POST /v1/calls {}", json!({"app": app, "command": command}))
            }
            Self::Tokens => "GET /v1/tokens".to_owned(),
            Self::RevokeToken { name } => format!("DELETE /v1/tokens/{name}"),
            Self::CreateToken => {
                "POST /v1/tokens {\"name\": \"…\", \"scopes\": [\"…\"]}".to_owned()
            }
            Self::Terminal { line } => format!("`kapelle {line}` in a terminal"),
        }
    }

    fn over_mcp(&self) -> String {
        let job =
            |verb: &str, call: &CallId| format!("jobs {}", json!({"call_id": call, "verb": verb}));
        match self {
            Self::Option { name, value } => member(name.member(), value.as_ref()),
            Self::Argument { name, value, .. } => format!("`\"{name}\": {value}`{IN_ARGS}"),
            Self::Start { app, name, .. } => {
                format!(
                    "start {}",
                    said(&[("app", json!(app)), ("name", json!(name))])
                )
            }
            Self::Status => "status {}".to_owned(),
            Self::State => "state {}".to_owned(),
            Self::History { call: Some(id), .. } => {
                format!("history {}", json!({"call_id": id}))
            }
            Self::History { .. } => "history {}".to_owned(),
            Self::Undo { call } => format!("undo {}", json!({"call": call})),
            Self::Cancel { call } => format!("cancel {}", json!({"call_id": call})),
            Self::Jobs { .. } => "jobs {\"verb\": \"list\"}".to_owned(),
            Self::Job { call } => job("show", call),
            Self::RetryJob { call } => job("retry", call),
            Self::CancelJob { call } => job("cancel", call),
            Self::Describe { app, command } => format!(
                "describe {}",
                said(&[("app", json!(app)), ("command", json!(command))])
            ),
            Self::StoreBlob => "give the path of a file instead".to_owned(),
            Self::Command { app, command } => {
                format!("run {}", json!({"app": app, "command": command}))
            }
            // No tool does it: a person at a terminal can.
            other => format!(
                "ask the person to run `{}` in a terminal",
                other.in_terminal()
            ),
        }
    }
}

/// `-t 30` of 30,000 ms.
fn flag(name: Opt, value: Option<&Value>) -> String {
    let flag = name.flag();
    match (name, value) {
        (_, None) | (Opt::Durable | Opt::Confirm, _) => flag.to_owned(),
        (Opt::TimeoutMs, Some(value)) => match value.as_f64() {
            Some(ms) => format!("{flag} {}", ms / 1_000.0),
            None => flag.to_owned(),
        },
        (_, Some(value)) => format!("{flag} {}", plain(value)),
    }
}

fn member(name: &str, value: Option<&Value>) -> String {
    match value {
        None => format!("`{name}`"),
        Some(value) => format!("`\"{name}\": {value}`"),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A JSON object of those that are said.
fn said(members: &[(&str, Value)]) -> String {
    let members = members.iter().filter(|(_, value)| !value.is_null());
    let members: Vec<String> = members
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", members.join(", "))
}

impl Hint {
    /// The text for that door.
    #[must_use]
    pub fn at(&self, door: Door) -> String {
        text_of(&self.0, door).unwrap_or_default()
    }

    #[must_use]
    pub fn of(parts: &[Part]) -> Self {
        Self(parts.to_vec())
    }

    /// This one and then that one.
    #[must_use]
    pub fn then(mut self, more: Self) -> Self {
        if !self.0.is_empty() && !more.0.is_empty() {
            self.0.push(" ".into());
        }
        self.0.extend(more.0);
        self
    }

    /// Whether it reads differently at different doors.
    fn has_steps(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::Text(_)))
    }

    /// The parts, when they say more than the text does.
    #[must_use]
    pub fn into_parts(self) -> Box<[Part]> {
        if self.has_steps() {
            self.0.into()
        } else {
            Box::default()
        }
    }
}

/// What these parts say at a door; nothing when there are none, or one of them is not known here.
#[must_use]
pub fn text_of(parts: &[Part], door: Door) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    let said = parts.iter().map(|part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Step(step) => Some(step.at(door)),
        Part::Unknown(_) => None,
    });
    said.collect()
}

/// Says the hints of all problems in a document at that door, in place of what was said at another one.
pub fn retell(document: &mut Value, door: Door) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| retell(item, door)),
        Value::Object(members) => {
            let is_problem = members.contains_key("code") && members.contains_key("message");
            let parts = is_problem.then(|| members.remove("hint_parts")).flatten();
            let parts = parts.and_then(|parts| Vec::<Part>::deserialize(parts).ok());
            if let Some(text) = parts.and_then(|parts| text_of(&parts, door)) {
                members.insert("hint".to_owned(), text.into());
            }
            members.values_mut().for_each(|member| retell(member, door));
        }
        _ => {}
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self(vec![text.into()])
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(vec![Part::Text(text)])
    }
}

impl<const COUNT: usize> From<[Part; COUNT]> for Hint {
    fn from(parts: [Part; COUNT]) -> Self {
        Self(parts.into())
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Step> for Part {
    fn from(step: Step) -> Self {
        Self::Step(step)
    }
}

impl From<Opt> for Part {
    fn from(name: Opt) -> Self {
        Self::Step(name.step())
    }
}

/// A hint of texts and steps: `hint!["Start one: ", Step::start(app)]`.
#[macro_export]
macro_rules! hint {
    ($($part:expr),+ $(,)?) => {
        $crate::hint::Hint::from([$($crate::hint::Part::from($part)),+])
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_all(hint: &Hint) -> [String; 3] {
        [Door::Terminal, Door::Http, Door::Mcp].map(|door| hint.at(door))
    }

    #[test]
    fn each_door_is_spoken_to_in_its_own_words() {
        let toy = AppId::from("toy");
        assert_eq!(
            at_all(&hint!["Start one: ", Step::start(&toy)]),
            [
                "Start one: kapelle start toy",
                "Start one: POST /v1/instances {\"app\": \"toy\"}",
                "Start one: start {\"app\": \"toy\"}"
            ]
        );
        assert_eq!(
            at_all(&hint![
                "Allow more time: ",
                Opt::TimeoutMs.with(30_000),
                "."
            ]),
            [
                "Allow more time: -t 30.",
                "Allow more time: `\"timeout_ms\": 30000`.",
                "Allow more time: `\"timeout_ms\": 30000`."
            ]
        );
        assert_eq!(
            at_all(&hint!["Name one with ", Opt::Instance, "."])[0],
            "Name one with -i."
        );
    }

    /// Of every step: the terminal never hears of members and routes, the others never of flags.
    #[test]
    fn no_door_hears_the_words_of_another() {
        let call = CallId::from("call_1");
        let app = AppId::from("toy");
        let options = [
            Opt::Instance,
            Opt::TimeoutMs,
            Opt::Select,
            Opt::Durable,
            Opt::IdempotencyKey,
            Opt::Confirm,
            Opt::OnError,
        ];
        let mut steps: Vec<Step> = options.map(Opt::step).into();
        steps.extend([
            Step::start(&app),
            Step::force_stop(&"toy".into()),
            Step::Status,
            Step::State,
            Step::history(),
            Step::history_of("queued"),
            Step::call(&call),
            Step::Undo { call: call.clone() },
            Step::Cancel { call: call.clone() },
            Step::jobs(),
            Step::Job { call: call.clone() },
            Step::RetryJob { call: call.clone() },
            Step::CancelJob { call: call.clone() },
            Step::ResumeQueue { app: app.clone() },
            Step::Describe {
                app: Some(app),
                command: "toy.echo".to_owned(),
            },
            Step::Command {
                app: "toy".into(),
                command: "toy.redo".to_owned(),
            },
            Step::StoreBlob,
            Step::Tokens,
            Step::CreateToken,
        ]);
        for step in steps {
            let terminal = step.at(Door::Terminal);
            for word in ["/v1/", "timeout_ms", "`instance`", "idempotency_key", "{"] {
                assert!(!terminal.contains(word), "{step:?}: {terminal}");
            }
            let http = step.at(Door::Http);
            for word in ["kapelle ", "-i", "-t ", "--"] {
                assert!(!http.contains(word), "{step:?}: {http}");
            }
            let mcp = step.at(Door::Mcp);
            assert!(!mcp.contains("/v1/"), "{step:?}: {mcp}");
            // What a terminal is named for over MCP, a person is asked for.
            assert!(
                !mcp.contains("kapelle ") || mcp.contains("ask the person"),
                "{mcp}"
            );
        }
    }

    #[test]
    fn parts_go_over_a_wire_and_those_of_a_newer_kapelle_are_read_as_text() {
        let parts = hint!["Start one: ", Step::start(&"toy".into())].into_parts();
        let sent = serde_json::to_value(&parts).unwrap();
        assert_eq!(sent, json!(["Start one: ", {"do": "start", "app": "toy"}]));
        let back: Box<[Part]> = serde_json::from_value(sent).unwrap();
        assert_eq!(back, parts);
        let newer: Box<[Part]> = serde_json::from_value(json!(["Fly: ", {"do": "fly"}])).unwrap();
        assert_eq!(text_of(&newer, Door::Terminal), None);
        assert!(hint!["Only text."].into_parts().is_empty());
    }
}
