//! The forms of what is told without being asked each time: events, what is known at a position, and the
//! messages of the WebSocket.

use serde_json::{Map, Value, json};

use super::routes::{map, reference};

pub(super) fn schemas() -> Map<String, Value> {
    map(json!({
        "Event": {"oneOf": events()},
        "Resync": {"type": "object", "required": ["epoch", "seq", "why"], "properties": {
            "epoch": {"type": "string"}, "seq": {"type": "integer"}, "why": {"enum": ["start", "epoch", "window"]},
            "instances": {"type": "array", "items": reference("Instance")},
            "calls": {"type": "array", "items": reference("Call")}, "calls_left_out": {"type": "integer"},
            "jobs": {"type": "array", "items": reference("Job")}}},
        "Message": {
            "description": "What the hub sends over the WebSocket. `id` is that of the request \
             being answered.",
            "oneOf": messages()}
    }))
}

fn events() -> Vec<Value> {
    let text = json!({"type": "string"});
    vec![
        event("call_queued", json!({"call": reference("Call")})),
        event(
            "call_started",
            json!({"call_id": text, "instance": {"type": "string"}}),
        ),
        event(
            "call_progress",
            json!({"call_id": text, "progress": reference("Progress")}),
        ),
        event(
            "call_output",
            json!({"call_id": text, "stream": {"type": "string", "description": "`stdout`, `stderr` or `log`."}, "text": text}),
        ),
        event("call_ended", json!({"call": reference("Call")})),
        event("instance", json!({"instance": reference("Instance")})),
        event("job", json!({"job": reference("Job")})),
        with(
            event(
                "state",
                json!({"instance": text, "revision": {"type": "integer"}}),
            ),
            "changes",
            json!({"type": "object"}),
        ),
    ]
}

/// An event of that name; it has all of these members.
fn event(name: &str, members: Value) -> Value {
    let place = json!({"epoch": {"type": "string"}, "seq": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"}});
    whole(&[json!({"event": {"const": name}}), place, members])
}

fn messages() -> Vec<Value> {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    vec![
        message(
            "welcome",
            json!({"caller": text, "scopes": {"type": "array", "items": text}, "version": text,
                "epoch": text, "seq": number}),
        ),
        message(
            "subscribed",
            json!({"topics": {"type": "array", "items": text}, "epoch": text, "seq": number}),
        ),
        message("unsubscribed", json!({"ended": number})),
        around("resync", &reference("Resync")),
        around("event", &reference("Event")),
        around(
            "accepted",
            &json!({"anyOf": [reference("Call"), whole(&[json!({"calls": {"type": "array", "items": reference("Call")}})])]}),
        ),
        around("queued", &reference("Call")),
        message("started", json!({"call_id": text, "instance": text})),
        message(
            "progress",
            json!({"call_id": text, "progress": reference("Progress")}),
        ),
        message(
            "output",
            json!({"call_id": text, "stream": {"type": "string", "description": "`stdout`, `stderr` or `log`."}, "text": text}),
        ),
        message("lagged", json!({"missed": number})),
        around("outcome", &reference("Call")),
        around("call", &reference("Call")),
        around("checked", &reference("Checked")),
        around("batch", &reference("Batch")),
        around("jobs", &reference("Jobs")),
        around("job", &reference("Job")),
        around("job_queue", &reference("Queue")),
        around("blob", &reference("Blob")),
        message("problem", json!({"problem": reference("Problem")})),
        message("pong", json!({})),
    ]
}

/// A message of that type; it has all of these members.
fn message(kind: &str, members: Value) -> Value {
    let form = whole(&[json!({"type": {"const": kind}}), members]);
    with(
        form,
        "id",
        json!({"anyOf": [{"type": "string"}, {"type": "number"}]}),
    )
}

/// A message of that type around something that has a form of its own.
fn around(kind: &str, form: &Value) -> Value {
    json!({"allOf": [form, message(kind, json!({}))]})
}

/// An object that has all of these members.
fn whole(members: &[Value]) -> Value {
    let mut all = Map::new();
    for some in members {
        all.extend(map(some.clone()));
    }
    let required: Vec<&String> = all.keys().collect();
    json!({"type": "object", "required": required, "properties": all})
}

/// The same object, with a member that it may have.
fn with(mut form: Value, name: &str, member: Value) -> Value {
    form["properties"][name] = member;
    form
}
