//! An app for tests: a few commands with every effect, and a program that can be launched.
//!
//! The program is the test's own binary, started again with one test chosen: that test calls
//! [`program_if_asked`], which does nothing unless a hub of a test launched it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub::app::App;
use hub::command_context::{Conducting, Context};
use hub::home::Home;
use hub::launch::{Launch, LaunchRequest};
use serde_json::{Map, Value, json};
use wire::{AppId, Code, CommandSpec, Mode, Problem, Progress};

use crate::asking::request;
pub use crate::asking::{APP, BRIDGE_VERSION};
use crate::bridge::{Dial, FakeBridge, Over, Reply};
use crate::hub::TestHub;

/// Says to the test's binary that it is the program.
const BEHAVIOUR: &str = "KAPELLE_TOY";
const FILE: &str = "KAPELLE_TOY_FILE";
const MODE: &str = "KAPELLE_TOY_MODE";

/// No program of a test outlives this, whatever happens to the test.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// How long a program looks for a hub that is gone.
const HUBLESS_MAX: Duration = Duration::from_secs(10);

/// How the launched program behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Connects and serves; leaves when asked.
    Serves,
    /// Connects and serves; does not leave when asked.
    Stays,
    /// Prints a few words and ends with status 3, without connecting.
    Fails,
}

impl Behaviour {
    fn name(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::Stays => "stays",
            Self::Fails => "fails",
        }
    }
}

type Launcher = dyn Fn(&LaunchRequest) -> Result<Launch, Problem> + Send + Sync;

/// The app.
pub struct Toy {
    launcher: Box<Launcher>,
}

impl Default for Toy {
    /// One that cannot be launched.
    fn default() -> Self {
        Self::launched_by(|_| {
            Err(Problem::new(Code::START_FAILED, "No toy was found.").hint("Make one."))
        })
    }
}

impl Toy {
    #[must_use]
    pub fn launched_by(
        launcher: impl Fn(&LaunchRequest) -> Result<Launch, Problem> + Send + Sync + 'static,
    ) -> Self {
        Self {
            launcher: Box::new(launcher),
        }
    }

    /// One whose program is this test binary; `test` is the path of the test that calls
    /// [`program_if_asked`].
    #[must_use]
    pub fn with_program(test: &'static str, behaviour: Behaviour) -> Self {
        Self::launched_by(move |request| Ok(program(test, behaviour, request)))
    }
}

/// How this test binary is launched as a toy's program.
///
/// # Panics
/// When the system does not say which binary this is.
#[must_use]
pub fn program(test: &str, behaviour: Behaviour, request: &LaunchRequest) -> Launch {
    let mode = json!(request.mode).as_str().unwrap_or_default().to_owned();
    let mut env = vec![
        (BEHAVIOUR.to_owned(), OsString::from(behaviour.name())),
        (MODE.to_owned(), OsString::from(mode)),
    ];
    if let Some(file) = &request.file {
        env.push((FILE.to_owned(), file.into()));
    }
    Launch {
        program: std::env::current_exe().expect("the system knows this binary"),
        args: ["--exact", test, "--nocapture"]
            .map(OsString::from)
            .to_vec(),
        env,
        mode: request.mode,
        places: Vec::new(),
    }
}

/// A program that is a line of shell.
#[must_use]
pub fn shell(line: &str, mode: Mode) -> Launch {
    Launch {
        program: PathBuf::from("/bin/sh"),
        args: ["-c", line].map(OsString::from).to_vec(),
        env: Vec::new(),
        mode,
        places: Vec::new(),
    }
}

impl TestHub {
    /// A hub with the toy app, in a home of its own, on the test's runtime.
    pub async fn start() -> Self {
        Self::start_with(vec![Arc::new(Toy::default())]).await
    }
}

impl App for Toy {
    fn id(&self) -> AppId {
        APP.into()
    }

    fn bridge_version(&self) -> Option<&str> {
        Some(BRIDGE_VERSION)
    }

    fn update_hint(&self) -> Option<&str> {
        Some("wind it up")
    }

    fn title(&self) -> &'static str {
        "Toy"
    }

    fn commands(&self) -> Vec<CommandSpec> {
        let mut commands = CommandSpec::from_toml(APP, TOY_COMMANDS).expect("the toy is described");
        commands.extend(CommandSpec::from_toml("code", CODE_COMMANDS).expect("code is described"));
        commands
    }

    fn launch_options(&self) -> Value {
        json!({"type": "object", "additionalProperties": false, "properties": {
            "speed": {"type": "integer", "minimum": 1},
            "trusted": {"type": "boolean", "x-scope": "code"},
        }})
    }

    fn launch(&self, _home: &Home, request: &LaunchRequest) -> Result<Launch, Problem> {
        (self.launcher)(request)
    }

    fn conduct(&self, context: Context) -> Conducting {
        Box::pin(async move { tour(&context).await.into() })
    }
}

/// What `toy.tour` does at the hub.
async fn tour(context: &Context) -> Result<Value, Problem> {
    let way = context.args()["way"].as_str().unwrap_or_default();
    match way {
        "answer" => Ok(json!({"args": context.args(), "caller": context.caller().name})),
        "fail" => Err(Problem::new(Code::NOT_FOUND, "There is no stage.").hint("Build one.")),
        "break" => panic!("a fault on purpose"),
        "wait" => {
            let details = json!({"miles": 3}).as_object().cloned();
            context.progress(Progress {
                fraction: Some(0.5),
                text: "half the way".to_owned(),
                details,
            });
            context.log("info", "it waits");
            context.ends().cancelled().await;
            Err(Problem::new(Code::CANCELLED, "The tour was broken off."))
        }
        "ask" => {
            let mut values = Vec::new();
            for _ in 0..context.args()["times"].as_u64().unwrap_or_default() {
                let call = context.ask(request("toy.echo", json!({"text": "on tour"})))?;
                call.ended(None).await;
                values.push(json!(call.view()));
            }
            Ok(json!(values))
        }
        "start" => start(context).await,
        _ => Err(Problem::new(Code::ARGUMENTS_INVALID, "No such way.")),
    }
}

/// Starts an instance of its own, asks it something and something longer, and goes without a word.
async fn start(context: &Context) -> Result<Value, Problem> {
    let wanted: LaunchRequest =
        serde_json::from_value(json!({"app": APP, "name": "on-tour", "reserved_for": "tour"}))
            .map_err(|error| Problem::new(Code::INTERNAL, error.to_string()))?;
    let view = context.start(wanted).await?;
    let mut request = request("toy.echo", json!({"text": "on tour"}));
    request.instance = Some(view.name.clone());
    let call = context.ask(request.clone())?;
    call.ended(None).await;
    let first = json!(call.view());
    "toy.sleep".clone_into(&mut request.command);
    request.args = Map::from_iter([("ms".to_owned(), json!(60_000))]);
    let longer = context.ask(request)?;
    Ok(
        json!({"first": first, "longer": longer.id, "view": view, "marked": context.reserved_for("tour").len()}),
    )
}

const TOY_COMMANDS: &str = r#"
[echo]
summary = "Gives back what it gets."
effect = "read"
args.text = { type = "string", default = "hello", doc = "What comes back." }
args.data = { type = "any", doc = "Anything." }
args.bytes = { type = "blob", doc = "Bytes of any kind." }

[look]
summary = "Looks beside the calls that run."
effect = "read"
concurrent = true

[make]
summary = "Makes a thing."
effect = "write"
args.kind = { type = "string", enum = ["ball", "top"], required = true, doc = "What to make." }
args.size = { type = "number", default = 2.0, min = 0.0, doc = "How large." }

[delete]
summary = "Breaks a thing."
effect = "destructive"
args.name = { type = "string", required = true, doc = "Which." }

[sleep]
summary = "Takes its time."
effect = "read"
args.ms = { type = "integer", required = true, doc = "How long." }

[hold]
summary = "Takes memory and keeps it."
effect = "read"
args.mb = { type = "integer", required = true, doc = "How much." }

[tour]
summary = "Is run by the hub: `way` says what it does there."
effect = "write"
runs = "hub"
repeatable = { way = ["answer", "wait"] }
args.way = { type = "string", required = true, doc = "answer, fail, break, wait, ask, start." }
args.times = { type = "integer", default = 1, doc = "How often." }

[die]
summary = "Ends its process in the middle of the call."
effect = "destructive"
"#;

const CODE_COMMANDS: &str = r#"
[run]
summary = "Runs code."
effect = "code"
role = "code"
args.code = { type = "string", required = true, doc = "The code." }
"#;

/// In a test of its own: serves as the program of a launched toy and never comes back, or does
/// nothing when nobody launched it.
///
/// # Panics
/// When the hub that launched it cannot be reached.
#[expect(
    clippy::disallowed_macros,
    reason = "what a program prints when it fails"
)]
pub fn program_if_asked() {
    let Ok(behaviour) = std::env::var(BEHAVIOUR) else {
        return;
    };
    if behaviour == Behaviour::Fails.name() {
        println!("the toy looks for its spring");
        eprintln!("the toy has no spring");
        std::process::exit(3);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let stays = behaviour == Behaviour::Stays.name();
    runtime.block_on(async { tokio::time::timeout(LIFE_MAX, live(stays)).await.ok() });
    std::process::exit(0);
}

async fn live(stays: bool) {
    let home = PathBuf::from(std::env::var_os("KAPELLE_HOME").expect("the hub says its home"));
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let token = std::fs::read_to_string(home.join("tokens/bridge")).expect("the hub made a token");
    let addr = address(&home).expect("the hub says its address");
    let mut dial = Dial::with(addr, token.trim().to_owned())
        .launch(&variable("KAPELLE_LAUNCH"))
        .name(&variable("KAPELLE_NAME"))
        .mode(serde_json::from_value(json!(variable(MODE))).expect("the toy said the mode"));
    let file = std::env::var(FILE).ok();
    if let Some(file) = &file {
        dial = dial.file(file);
    }
    let mut bridge = dial
        .connect(answer)
        .await
        .expect("the hub takes its own toy");
    bridge
        .state(json!({"file": file, "dirty": false, "revision": 1}))
        .await;
    loop {
        match bridge.over(stays).await {
            Over::Stopped => return,
            Over::Unlinked => {
                let again = redial(&mut bridge, &home);
                if tokio::time::timeout(HUBLESS_MAX, again).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn answer(call: &wire::link::CallMessage) -> Reply {
    match call.command.as_str() {
        "toy.die" => Reply::Exit(7),
        "toy.sleep" => {
            let ms = call
                .args
                .get("ms")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            Reply::After(Duration::from_millis(ms), json!(ms))
        }
        "toy.hold" => {
            let mb = call.args.get("mb").and_then(Value::as_u64);
            let bytes = mb.unwrap_or_default().saturating_mul(1_000_000);
            Reply::Hold(usize::try_from(bytes).unwrap_or_default())
        }
        _ => Reply::Value(json!(call.args)),
    }
}

async fn redial(bridge: &mut FakeBridge, home: &std::path::Path) {
    const PAUSE: Duration = Duration::from_millis(50);
    loop {
        if let Some(addr) = address(home)
            && bridge.redial(addr).await.is_ok()
        {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn address(home: &std::path::Path) -> Option<std::net::SocketAddr> {
    let text = std::fs::read(home.join("run/hub.json")).ok()?;
    let said: Value = serde_json::from_slice(&text).ok()?;
    said["bridge"].as_str()?.parse().ok()
}
