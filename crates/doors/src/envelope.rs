//! The envelope: a dialect in which every message has the same three members.
//!
//! ```text
//! → {"type": "init|execute|query|terminate|heartbeat", "payload": {…}, "metadata": {timestamp, source, target, correlationId}}
//! ← {"type": "result|state_update|error|heartbeat",     "payload": {…}, "metadata": {…, correlationId as it was sent}}
//! ```
//!
//! In comes text, out comes what it asks of the hub ([`Request`]), and back what the hub says as an envelope. It
//! is another way to write the same requests: who may what, and how a call ends, is as on every door.
//! `POST /v1/envelope` is in [`door`], the WebSocket in [`crate::ws`]; docs/reference/envelope.md describes it.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use hub::Hub;
use hub::catalog::{Form, Unfit, near_or_all};
use hub::launch::LaunchRequest;
use serde_json::{Map, Value, json};
use wire::call::Wait;
use wire::{AppId, CallId, CallRequest, Code, Effect, InstanceName, Problem, Status};

use crate::forms;
use crate::texts::{self, Form as TextForm};

pub(crate) mod door;

/// A mark that comes back, in characters.
const MARK_CHARS_MAX: usize = 128;
/// Who answers where no instance does.
const HUB: &str = "kapelle";

/// Where a message came from, so that its answers find back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    source: Option<String>,
    target: Option<String>,
    pub(crate) correlation_id: Option<String>,
    /// It asked for a call and waits for its end, so that what is said before is no result yet.
    follows: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Init,
    Execute,
    Query,
    Terminate,
    Heartbeat,
}

/// A message that has its form.
#[derive(Debug)]
pub(crate) struct Envelope {
    kind: Kind,
    payload: Map<String, Value>,
    pub(crate) origin: Origin,
}

/// What a message asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Welcome,
    Launch(Box<LaunchRequest>),
    /// One that is there already.
    Instance(InstanceName),
    Call(Box<CallRequest>),
    State(InstanceName),
    Overview,
    Cancel(CallId),
    Stop {
        name: InstanceName,
        force: bool,
    },
    /// The end of the conversation.
    Goodbye,
    Beat,
}

/// What could not be read, and whose it was as far as that could be.
pub(crate) struct Unread {
    pub(crate) origin: Origin,
    pub(crate) problem: Problem,
}

static FORM: LazyLock<Option<Form>> = LazyLock::new(|| {
    let form = crate::openapi::forms().shift_remove("Envelope");
    forms::made("Envelope", form.unwrap_or_default())
});

static TERMINATE: LazyLock<Option<Form>> = LazyLock::new(|| {
    forms::made(
        "Terminate",
        json!({"type": "object", "additionalProperties": false, "properties": {
            "call_id": {"type": "string", "minLength": 1},
            "force": {"type": "boolean", "default": false}}}),
    )
});

/// Reads a message. Pure.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn read(text: &[u8]) -> Result<Envelope, Box<Unread>> {
    let unread = |origin: Origin, unfit: Unfit| {
        let message = format!("This is not an envelope: {}", unfit.message);
        let problem = Problem::new(Code::BODY_MALFORMED, message).hint(unfit.hint);
        Box::new(Unread { origin, problem })
    };
    texts::check(TextForm::Request, text).map_err(|problem| {
        let origin = Origin::default();
        Box::new(Unread { origin, problem })
    })?;
    let given: Map<String, Value> = serde_json::from_slice(text).map_err(|error| {
        let unfit = Unfit {
            message: format!("{error}."),
            hint: r#"An envelope looks like {"type": "execute", "payload": {"command": "…", "args": {}}, "metadata": {"target": "…", "correlationId": "…"}}."#.to_owned(),
        };
        unread(Origin::default(), unfit)
    })?;
    // As far as it can be told, also where the rest is wrong.
    let early = origin_of(given.get("metadata"));
    let checked = match &*FORM {
        Some(form) => form.check(given),
        None => Ok(given),
    };
    let mut given = checked.map_err(|unfit| unread(early, unfit))?;
    let kind = match given.get("type").and_then(Value::as_str) {
        Some("init") => Kind::Init,
        Some("execute") => Kind::Execute,
        Some("query") => Kind::Query,
        Some("terminate") => Kind::Terminate,
        _ => Kind::Heartbeat,
    };
    let payload = match given.shift_remove("payload") {
        Some(Value::Object(payload)) => payload,
        _ => Map::new(),
    };
    let origin = origin_of(given.get("metadata"));
    Ok(Envelope {
        kind,
        payload,
        origin,
    })
}

fn origin_of(metadata: Option<&Value>) -> Origin {
    let mark = |name: &str| {
        let mark = metadata?.get(name)?;
        let text = mark
            .as_str()
            .map_or_else(|| mark.to_string(), str::to_owned);
        (!text.is_empty() && !mark.is_null() && text.chars().count() <= MARK_CHARS_MAX)
            .then_some(text)
    };
    Origin {
        source: mark("source"),
        target: mark("target"),
        correlation_id: mark("correlationId"),
        follows: false,
    }
}

impl Envelope {
    /// The token that an `init` shows. It goes no further.
    pub(crate) fn take_token(&mut self) -> Option<String> {
        let token = self.payload.shift_remove("token")?;
        token.as_str().map(str::to_owned)
    }

    pub(crate) fn is_init(&self) -> bool {
        self.kind == Kind::Init
    }

    /// What it asks for, and the origin that its answers go back to.
    ///
    /// # Errors
    /// When its target is not known or its payload does not fit its type.
    pub(crate) fn request(mut self, hub: &Hub) -> Result<(Request, Origin), Box<Unread>> {
        // A token that is shown again says nothing new.
        self.take_token();
        let mut origin = self.origin.clone();
        let request = match self.kind {
            Kind::Init => self.launch(hub),
            Kind::Execute => self.call(hub).map(|call| Request::Call(Box::new(call))),
            Kind::Query => self.query(hub),
            Kind::Terminate => self.terminate(hub),
            Kind::Heartbeat => Ok(Request::Beat),
        };
        match request {
            Ok(request) => {
                if let Request::Call(call) = &request {
                    origin.follows = call.wait != Wait::Forever(false);
                }
                Ok((request, origin))
            }
            Err(problem) => Err(Box::new(Unread { origin, problem })),
        }
    }

    fn launch(mut self, hub: &Hub) -> Result<Request, Problem> {
        if let Some(target) = self.target(hub)? {
            if let Some(name) = target.instance {
                return Ok(Request::Instance(name));
            }
            self.payload.insert("app".into(), json!(target.app));
        }
        if self.payload.is_empty() {
            return Ok(Request::Welcome);
        }
        hub.gather_options(&mut self.payload);
        let launch = forms::take(self.payload).map_err(|unfit| payload(unfit, "init"))?;
        Ok(Request::Launch(Box::new(launch)))
    }

    fn call(mut self, hub: &Hub) -> Result<CallRequest, Problem> {
        if let Some(target) = self.target(hub)? {
            self.fill("app", json!(target.app), &self.origin.target.clone())?;
            if let Some(name) = target.instance {
                self.fill("instance", json!(name), &self.origin.target.clone())?;
            }
        } else if !self.payload.contains_key("app") {
            let message =
                "The call has no app: neither `metadata.target` nor the payload names one.";
            return Err(Problem::new(Code::ARGUMENTS_INVALID, message)
                .hint("Name an instance or an app as `metadata.target`."));
        }
        if let Some(mark) = self.origin.correlation_id.clone() {
            self.payload
                .entry("correlation_id".to_owned())
                .or_insert(mark.into());
        }
        forms::take(self.payload).map_err(|unfit| payload(unfit, "execute"))
    }

    /// A member of the call that the target says as well.
    fn fill(&mut self, name: &str, own: Value, target: &Option<String>) -> Result<(), Problem> {
        match self.payload.get(name) {
            Some(said) if !said.is_null() && *said != own => Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!(
                    "`metadata.target` is `{}` and `payload.{name}` is {said}: they are not the same.",
                    target.as_deref().unwrap_or_default()
                ),
            )
            .hint("Leave one of them out.")),
            _ => {
                self.payload.insert(name.to_owned(), own);
                Ok(())
            }
        }
    }

    fn query(self, hub: &Hub) -> Result<Request, Problem> {
        if self.payload.is_empty() {
            return Ok(match self.target(hub)? {
                Some(target) => Request::State(target.one(hub)?),
                None => Request::Overview,
            });
        }
        let call = self.call(hub)?;
        let effect = hub.command(&call.app, &call.command)?.effect;
        if effect != Effect::Read {
            let message = format!(
                "A query can only read, and `{}` is {}.",
                call.command,
                effect.as_str()
            );
            return Err(Problem::new(Code::ARGUMENTS_INVALID, message)
                .hint("Send it with the type `execute`."));
        }
        Ok(Request::Call(Box::new(call)))
    }

    fn terminate(self, hub: &Hub) -> Result<Request, Problem> {
        let target = self.target(hub)?;
        let said = match &*TERMINATE {
            Some(form) => form.check(self.payload),
            None => Ok(self.payload),
        };
        let said = said.map_err(|unfit| payload(unfit, "terminate"))?;
        let force = said.get("force") == Some(&Value::Bool(true));
        match (said.get("call_id").and_then(Value::as_str), target) {
            (Some(id), _) => Ok(Request::Cancel(CallId::from(id))),
            (None, Some(target)) => Ok(Request::Stop {
                name: target.one(hub)?,
                force,
            }),
            (None, None) => Ok(Request::Goodbye),
        }
    }

    /// What the message is for: an instance, or an app.
    fn target(&self, hub: &Hub) -> Result<Option<Target>, Problem> {
        let Some(name) = &self.origin.target else {
            return Ok(None);
        };
        let instance = InstanceName::from(name.as_str());
        if let Ok(view) = hub.instance(&instance) {
            return Ok(Some(Target {
                app: view.app,
                instance: Some(view.name),
            }));
        }
        let apps = hub.apps();
        if let Some((app, _)) = apps.iter().find(|(app, _)| app.id.as_str() == name) {
            return Ok(Some(Target {
                app: app.id.clone(),
                instance: None,
            }));
        }
        // Both doors' own names say "me" this way.
        if name == HUB {
            return Ok(None);
        }
        let instances = apps
            .iter()
            .flat_map(|(_, names)| names.iter().map(InstanceName::as_str));
        let mut names: Vec<&str> = apps
            .iter()
            .map(|(app, _)| app.id.as_str())
            .chain(instances)
            .collect();
        names.sort_unstable();
        names.dedup();
        let message =
            format!("`metadata.target` is `{name}`, which is neither an instance nor an app.");
        Err(
            Problem::new(Code::INSTANCE_UNKNOWN, message).hint(near_or_all(
                name,
                &names,
                "The instances and apps are",
            )),
        )
    }
}

struct Target {
    app: AppId,
    instance: Option<InstanceName>,
}

impl Target {
    /// The instance, where only one can be meant.
    fn one(self, hub: &Hub) -> Result<InstanceName, Problem> {
        if let Some(name) = self.instance {
            return Ok(name);
        }
        let mut all = hub.instances();
        all.retain(|one| one.app == self.app);
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        match names.as_slice() {
            [only] => Ok(InstanceName::from(*only)),
            [] => Err(Problem::new(
                Code::NO_INSTANCE,
                format!("No instance of `{}` is running.", self.app),
            )
            .hint("To start one, send `init` with this target.")),
            _ => Err(Problem::new(
                Code::INSTANCE_AMBIGUOUS,
                format!(
                    "`{}` has several instances: {}.",
                    self.app,
                    names.join(", ")
                ),
            )
            .hint("Name one as `metadata.target`.")),
        }
    }
}

fn payload(unfit: Unfit, kind: &str) -> Problem {
    let message = format!("The payload of `{kind}` is not valid: {}", unfit.message);
    Problem::new(Code::BODY_MALFORMED, message).hint(unfit.hint)
}

/// What the hub says, as an envelope. `kind`: the type of the WebSocket's own frames.
pub(crate) fn tell(kind: &str, origin: &Origin, mut body: Value) -> Value {
    match kind {
        "pong" => answer("heartbeat", origin, body),
        "problem" => {
            let problem = body.get_mut("problem").map(Value::take).unwrap_or_default();
            answer("error", origin, problem)
        }
        "outcome" => ended(origin, body),
        "accepted" if origin.follows => answer("state_update", origin, named("call_queued", body)),
        "queued" | "started" | "progress" | "output" => {
            answer("state_update", origin, named(&format!("call_{kind}"), body))
        }
        "lagged" | "resync" => answer("state_update", origin, named(kind, body)),
        _ => answer("result", origin, body),
    }
}

/// The end of a call that ran: its CALL, or the problem with the CALL beside.
pub(crate) fn ended(origin: &Origin, mut call: Value) -> Value {
    if call.get("status") == Some(&json!(Status::Succeeded)) {
        return answer("result", origin, call);
    }
    let Some(Value::Object(problem)) = call.get_mut("problem").map(Value::take) else {
        return answer("error", origin, json!({ "call": call }));
    };
    let mut payload = problem;
    if let Some(members) = call.as_object_mut() {
        members.shift_remove("problem");
        payload.insert(
            "call_id".into(),
            members.get("call_id").cloned().unwrap_or_default(),
        );
    }
    payload.insert("call".into(), call);
    answer("error", origin, Value::Object(payload))
}

/// An event of the feed, for those that it concerns: all, or those who named its instance or app.
pub(crate) fn event(origin: &Origin, event: Value) -> Option<Value> {
    if let Some(target) = &origin.target {
        let of =
            |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let names = match event.get("instance") {
            Some(Value::Object(_)) => [
                of(&event["instance"], "name"),
                of(&event["instance"], "app"),
            ],
            _ => [of(&event, "instance"), None],
        };
        if target != HUB && !names.iter().flatten().any(|name| name == target) {
            return None;
        }
    }
    Some(answer("state_update", origin, event))
}

fn named(event: &str, body: Value) -> Value {
    let mut payload = Map::from_iter([("event".to_owned(), Value::from(event))]);
    match body {
        Value::Object(members) => payload.extend(members),
        other => drop(payload.insert("value".into(), other)),
    }
    Value::Object(payload)
}

pub(crate) fn answer(kind: &str, origin: &Origin, payload: Value) -> Value {
    let instance = payload
        .get("instance")
        .or_else(|| payload.get("call")?.get("instance"));
    let source = match instance {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Object(view)) => view
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or(HUB)
            .to_owned(),
        _ => HUB.to_owned(),
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    json!({
        "type": kind,
        "payload": payload,
        "metadata": {
            "timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "source": source,
            "target": origin.source.as_deref().unwrap_or_default(),
            "correlationId": origin.correlation_id.as_deref().unwrap_or_default(),
        },
    })
}

#[cfg(test)]
mod tests;
