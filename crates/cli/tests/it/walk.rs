//! The same call through any door has the same outcome: one table of calls, one column for each door.
//!
//! A real hub with its doors open in the test's process, the toy as its app with a fake bridge, and each
//! door as its users meet it: HTTP by a client, WebSocket by a client, the terminal as the real binary.
//! A new door is a new implementation of [`doors::Door`].

mod doors;
mod house;

use std::thread;

use serde_json::{Value, json};

use self::doors::all;
use self::house::House;
use crate::environment::Environment;

/// One call of the table.
#[derive(Clone)]
struct Ask {
    command: &'static str,
    app: &'static str,
    instance: Option<&'static str>,
    args: Value,
    timeout_ms: Option<u64>,
    /// As a job: stored before it runs.
    durable: bool,
    /// Whose token.
    caller: &'static str,
    /// A person says yes if asked.
    says_yes: bool,
}

impl Ask {
    fn new(command: &'static str, args: Value) -> Self {
        Self {
            command,
            app: "toy",
            instance: None,
            args,
            timeout_ms: None,
            durable: false,
            caller: "owner",
            says_yes: false,
        }
    }

    /// The body of `POST /v1/calls`, which other doors speak too.
    fn body(&self) -> Value {
        let mut body = json!({"app": self.app, "command": self.command, "args": self.args});
        if let Some(instance) = self.instance {
            body["instance"] = json!(instance);
        }
        if let Some(timeout_ms) = self.timeout_ms {
            body["timeout_ms"] = json!(timeout_ms);
        }
        if self.durable {
            body["durable"] = json!(true);
        }
        body
    }
}

/// What can be done to a job.
#[derive(Clone, Copy)]
enum JobVerb {
    Show,
    Priority(u8),
    Pause,
    Resume,
    Cancel,
    Retry,
}

impl JobVerb {
    /// The body of `PATCH /v1/jobs/{id}`; nothing for the verbs that have their own way.
    fn change(self) -> Option<Value> {
        match self {
            Self::Show | Self::Cancel => None,
            Self::Priority(priority) => Some(json!({"priority": priority})),
            Self::Pause => Some(json!({"paused": true})),
            Self::Resume => Some(json!({"paused": false})),
            Self::Retry => Some(json!({"status": "queued"})),
        }
    }
}

/// How it ended, as far as every door must tell it alike.
#[derive(Debug, PartialEq)]
struct Ending {
    /// `refused` when nothing ran.
    status: String,
    code: Option<String>,
    message: Option<String>,
    value: Value,
    stdout: String,
    changes: Value,
}

impl Ending {
    /// Of a call as the wire shows it.
    fn of_call(call: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            status: text(&call["status"]).unwrap_or_default(),
            code: text(&call["problem"]["code"]),
            message: text(&call["problem"]["message"]),
            value: call["value"].clone(),
            stdout: text(&call["output"]["stdout"]).unwrap_or_default(),
            changes: call["changes"].clone(),
        }
    }

    /// Of a problem, when nothing ran.
    fn of_problem(problem: &Value) -> Self {
        let text = |key: &str| problem[key].as_str().map(str::to_owned);
        Self {
            status: "refused".to_owned(),
            code: text("code"),
            message: text("message"),
            value: Value::Null,
            stdout: String::new(),
            changes: Value::Null,
        }
    }
}

/// What a row expects: its status, and the code of its problem or the value.
struct Row {
    name: &'static str,
    ask: Ask,
    status: &'static str,
    code: Option<&'static str>,
    value: Option<Value>,
}

fn row(name: &'static str, ask: Ask, status: &'static str, code: &'static str) -> Row {
    Row {
        name,
        ask,
        status,
        code: Some(code).filter(|code| !code.is_empty()),
        value: None,
    }
}

/// Jobs: the same calls, stored before they run.
fn jobs() -> Vec<Row> {
    let job = |ask: Ask| Ask {
        durable: true,
        ..ask
    };
    let code = |code: &str| Ask::new("code.run", json!({"code": code}));
    vec![
        Row {
            value: Some(json!({"text": "later"})),
            ..row(
                "a job",
                job(Ask::new("toy.echo", json!({"text": "later"}))),
                "succeeded",
                "",
            )
        },
        row(
            "a job that fails",
            job(code("raise")),
            "failed",
            "code_raised",
        ),
        row(
            "a job that times out",
            job(Ask {
                timeout_ms: Some(50),
                ..Ask::new("toy.sleep", json!({"ms": 600_000}))
            }),
            "timed_out",
            "timed_out",
        ),
        row(
            "a job with wrong arguments",
            job(Ask::new("toy.make", json!({}))),
            "refused",
            "arguments_invalid",
        ),
        row(
            "a job that holds a secret",
            job(code("key = 'ghp_Abcdefghij0123456789Abcd'")),
            "refused",
            "arguments_invalid",
        ),
        row(
            "a forbidden job",
            job(Ask {
                caller: "reader",
                ..code("1")
            }),
            "refused",
            "forbidden",
        ),
    ]
}

/// Commands that the hub runs itself, such as a render farm.
fn run_by_hub() -> Vec<Row> {
    let tour = |way: &str| Ask {
        caller: "maker",
        ..Ask::new("toy.tour", json!({"way": way, "times": 2}))
    };
    let told = json!({"args": {"way": "answer", "times": 2}, "caller": "maker"});
    vec![
        Row {
            value: Some(told.clone()),
            ..row("run by the hub", tour("answer"), "succeeded", "")
        },
        Row {
            value: Some(told),
            ..row(
                "a job that the hub runs",
                Ask {
                    durable: true,
                    ..tour("answer")
                },
                "succeeded",
                "",
            )
        },
        row("failed in the hub", tour("fail"), "failed", "not_found"),
        row("broken in the hub", tour("break"), "failed", "internal"),
        row(
            "timed out in the hub",
            Ask {
                timeout_ms: Some(50),
                ..tour("wait")
            },
            "timed_out",
            "timed_out",
        ),
        row(
            "run by the hub on an instance",
            Ask {
                instance: Some("toy"),
                ..tour("answer")
            },
            "refused",
            "arguments_invalid",
        ),
        row(
            "forbidden in the hub",
            Ask {
                caller: "reader",
                ..tour("answer")
            },
            "refused",
            "forbidden",
        ),
    ]
}

fn table() -> Vec<Row> {
    let code = |code: &str| Ask::new("code.run", json!({"code": code}));
    let echo = || Ask::new("toy.echo", json!({"text": "ä € 😀\n\"quoted\""}));
    vec![
        Row {
            value: Some(json!({"text": "ä € 😀\n\"quoted\""})),
            ..row("succeeded", echo(), "succeeded", "")
        },
        row("failed", code("raise"), "failed", "code_raised"),
        row(
            "timed out",
            Ask {
                timeout_ms: Some(50),
                ..Ask::new("toy.sleep", json!({"ms": 600_000}))
            },
            "timed_out",
            "timed_out",
        ),
        row("cancelled", code("cancel me"), "cancelled", "cancelled"),
        row(
            "arguments",
            Ask::new("toy.make", json!({"kind": "cube"})),
            "refused",
            "arguments_invalid",
        ),
        row(
            "a missing argument",
            Ask::new("toy.make", json!({})),
            "refused",
            "arguments_invalid",
        ),
        row(
            "unknown command",
            Ask::new("toy.ecko", json!({})),
            "refused",
            "command_unknown",
        ),
        row(
            "unknown app",
            Ask {
                app: "tyo",
                ..echo()
            },
            "refused",
            "app_unknown",
        ),
        row(
            "unknown instance",
            Ask {
                instance: Some("nobody"),
                ..echo()
            },
            "refused",
            "instance_unknown",
        ),
        row(
            "forbidden",
            Ask {
                caller: "reader",
                ..code("1")
            },
            "refused",
            "forbidden",
        ),
        row(
            "nobody says yes",
            Ask {
                caller: "asker",
                ..code("1")
            },
            "refused",
            "confirmation_required",
        ),
        Row {
            value: Some(json!("1")),
            ..row(
                "confirmed",
                Ask {
                    caller: "asker",
                    says_yes: true,
                    ..code("1")
                },
                "succeeded",
                "",
            )
        },
        row("output", code("print"), "succeeded", ""),
        Row {
            value: Some(json!("x".repeat(5_000_000))),
            ..row("a large value", code("large"), "succeeded", "")
        },
    ]
}

#[test]
fn the_same_call_through_any_door_has_the_same_outcome() {
    let house = House::open();
    for row in table().into_iter().chain(jobs()).chain(run_by_hub()) {
        let mut first: Option<(&'static str, Ending)> = None;
        for door in all() {
            let ending = thread::scope(|scope| {
                if row.name == "cancelled" {
                    scope.spawn(|| house.cancel_what_runs());
                }
                door.run(&house, &row.ask)
            });
            let whose = format!("{} over {}", row.name, door.name());
            assert_eq!(ending.status, row.status, "{whose}: {:?}", ending.message);
            assert_eq!(
                ending.code.as_deref(),
                row.code,
                "{whose}: {:?}",
                ending.message
            );
            if let Some(value) = &row.value {
                assert!(ending.value == *value, "{whose}");
            }
            if row.name == "output" {
                assert_eq!(ending.stdout, "printed\n", "{whose}");
                assert_eq!(ending.changes["added"][0]["name"], "Ball", "{whose}");
            }
            match &first {
                None => first = Some((door.name(), ending)),
                Some((name, other)) => assert!(*other == ending, "{whose} is not as over {name}"),
            }
        }
    }
}

/// What every door must tell alike of a job that waits, is changed, cancelled, and tried again.
#[test]
fn a_job_is_changed_through_any_door_alike() {
    let told = |job: &Value| {
        let members = [
            "status", "priority", "paused", "command", "caller", "labels",
        ];
        members.map(|name| job[name].clone())
    };
    let mut first: Option<(&'static str, Vec<[Value; 6]>)> = None;
    for door in all() {
        // Nobody is there to run them.
        let house = House::empty();
        let name = door.name();
        let id = house.waiting_job();
        let steps = [
            JobVerb::Show,
            JobVerb::Priority(9),
            JobVerb::Pause,
            JobVerb::Resume,
            JobVerb::Cancel,
            JobVerb::Show,
            JobVerb::Retry,
        ];
        let seen: Vec<[Value; 6]> = steps
            .iter()
            .map(|verb| told(&door.change(&house, &id, *verb)))
            .collect();
        assert_eq!(seen[1][1], 9, "{name}");
        assert_eq!(
            (&seen[2][2], &seen[3][2]),
            (&json!(true), &json!(false)),
            "{name}"
        );
        assert_eq!(
            (&seen[5][0], &seen[6][0]),
            (&json!("cancelled"), &json!("queued")),
            "{name}"
        );
        let gone = door.change(&house, "call_none", JobVerb::Show);
        assert_eq!(gone["code"], "job_unknown", "{name}");
        match &first {
            None => first = Some((name, seen)),
            Some((other, expected)) => assert_eq!(seen, *expected, "{name} is not as {other}"),
        }
    }
}

#[test]
fn a_blob_that_goes_in_by_any_door_is_the_same() {
    let bytes: Vec<u8> = (0_u32..3_000_000).map(|n| (n * 7 % 251) as u8).collect();
    let mut names = Vec::new();
    for door in all() {
        // The bytes reach a bridge once.
        let house = House::open();
        let Some(value) = door.run_with_blob(&house, "toy.echo", "bytes", &bytes) else {
            continue;
        };
        let name = value["bytes"]["$blob"].as_str().unwrap_or_default();
        assert!(house.blob(name) == bytes, "over {}", door.name());
        names.push(name.to_owned());
    }
    assert!(
        names.len() >= 3 && names.iter().all(|name| *name == names[0]),
        "{names:?}"
    );
}

#[test]
fn who_watches_in_the_terminal_sees_the_calls_of_other_doors() {
    use std::io::{BufRead as _, BufReader};
    let house = House::open();
    let environment = Environment::new();
    let mut command =
        environment.command(&["watch", "--topics", "calls", "--limit", "3", "--json"]);
    let mut watch = command
        .env("KAPELLE_URL", house.url())
        .env("KAPELLE_TOKEN", house.token("owner"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["event"], "resync");
    all()[1].run(&house, &Ask::new("toy.echo", json!({})));
    assert_eq!(next()["call"]["command"], "toy.echo");
    assert_eq!(next()["event"], "call_started");
    assert_eq!(next()["call"]["status"], "succeeded");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
