//! The forms of apps, their commands, and the instances that run.

use serde_json::{Map, Value, json};

use super::routes::{list, map, reference, text_or_null};

pub(super) fn schemas() -> Map<String, Value> {
    let mut all = apps();
    all.extend(instances());
    all
}

fn apps() -> Map<String, Value> {
    map(json!({
        "App": {"type": "object", "required": ["app", "title", "commands", "instances", "announced", "installs"], "properties": {
            "app": {"type": "string"}, "title": {"type": "string"}, "commands": {"type": "integer"}, "instances": {"type": "array", "items": {"type": "string"}}, "announced": {"type": "boolean"},
            "options": {"type": ["object", "null"], "description": "JSON Schema of the start options that only this app has; null if the hub cannot start it."},
            "installs": {"type": "boolean"}}},
        "Apps": list("apps", "App"),
        "Command": {"type": "object", "required": ["name", "summary", "effect", "args"], "properties": {
            "name": {"type": "string"}, "summary": {"type": "string"}, "docs": {"type": "string"},
            "effect": {"enum": ["read", "write", "destructive", "code"]}, "args": reference("ArgumentSchema"),
            "result": {}, "example": {"type": "object"}, "timeout_ms": {"type": "integer"},
            "concurrent": {"type": "boolean"},
            "repeatable": {"type": ["boolean", "object"], "description": "Whether it may run twice. \
             An object: only if these arguments have these values."},
            "runs": {"enum": ["instance", "hub"]}, "role": {"type": "string", "description": "What the command is for, in every app that has such a command."}, "keywords": {"type": "array", "items": {"type": "string"}}}},
        "ArgumentSchema": argument_schema(),
        "Commands": list("commands", "Command"),
        "Hits": {"type": "object", "required": ["query", "found"], "properties": {
            "query": {"type": "string"},
            "found": {"type": "array", "items": {"type": "object", "required": ["app", "command", "summary", "effect", "args"],
                "properties": {"app": {"type": "string"}, "command": {"type": "string"}, "summary": {"type": "string"},
                    "effect": {"enum": ["read", "write", "destructive", "code"]}, "args": {"type": "string"},
                    "example": {"type": "object"}}}}}}
    }))
}

fn instances() -> Map<String, Value> {
    let text_or_null = text_or_null();
    map(json!({
        "Instance": {"type": "object", "required": ["name", "app", "state", "since", "pid", "version", "bridge_version", "mode", "file",
            "started_by_hub", "queued", "restarts", "confined", "confinement"], "properties": {"name": {"type": "string"}, "app": {"type": "string"},
                "state": {"enum": ["starting", "idle", "busy", "wedged", "disconnected", "failed"]},
                "why": {"type": "string"}, "since": {"type": "string", "format": "date-time"},
                "pid": {"type": ["integer", "null"]}, "version": text_or_null, "bridge_version": text_or_null,
                "mode": reference("Mode"), "labels": {"type": "array", "items": {"type": "string"}}, "file": text_or_null, "started_by_hub": {"type": "boolean"},
                "queued": {"type": "integer"}, "running": reference("Behind"),
                "heard_ms_ago": {"type": "integer"}, "restarts": {"type": "integer"},
                "rss_mb": {"type": "number"}, "limits": reference("Limits"), "reserved_for": {"type": "string"},
                "confined": {"type": "boolean", "description": "Whether the system confines its \
                 process to the allowed folders."},
                "confinement": {"type": ["string", "null"], "description": "Why it is not confined."}, "notice": {"type": "string"}}},
        "Limits": {"type": "object", "properties": {
            "memory_mb": {"type": "integer"}, "time_s": {"type": "integer"}, "lived_s": {"type": "integer"}}},
        "Mode": {"enum": ["background", "gui", "module"]},
        "Instances": {"type": "object", "required": ["instances"], "properties": {
            "instances": {"type": "array", "items": reference("Instance")},
            "confinement": {"type": "string", "description": "Why this hub cannot confine \
             anything, if so."}}},
        "Launch": {"type": "object", "required": ["app"], "additionalProperties": false, "properties": {
            "app": {"type": "string"}, "mode": {"enum": ["background", "gui"], "default": "background"},
            "name": text_or_null, "program": text_or_null, "file": text_or_null,
            "memory_mb": {"type": ["integer", "null"], "minimum": 1}, "time_s": {"type": ["integer", "null"], "minimum": 1},
            "labels": {"type": "array", "items": {"type": "string"}},
            "options": {"type": "object", "description": "Options that only this app has (schema: GET /v1/apps). They may also be given next to the other members."},
            "confined": {"type": ["boolean", "null"], "description": "Whether the system confines \
             it to the allowed folders (default: for callers without `code`, where possible)."},
            "display": {"oneOf": [reference("Display"), {"type": "null"}], "description": "Display \
             to open its window on (default: the hub's own). Needs `admin`."},
            "reserved_for": {"type": ["string", "null"], "description": "Name of the work it is \
             reserved for: it takes only calls that give this name."}}},
        "Display": {"type": "object", "additionalProperties": false, "properties": {
            "x11": text_or_null, "x11_authority": text_or_null, "wayland": text_or_null, "runtime_dir": text_or_null}},
        "Stopped": {"type": "object", "properties": {"stopped": {"type": "string"}, "how": {"enum": ["left", "killed", "disconnected"]}}}
    }))
}

/// The members of a JSON Schema that a form is made from; a command's schema may have others.
fn argument_schema() -> Value {
    let own = reference("ArgumentSchema");
    json!({"type": "object", "description": "A JSON Schema (2020-12). These are the members that \
     a form is built from.", "properties": {
        "type": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "enum": {"type": "array", "items": {}}, "default": {}, "description": {"type": "string"},
        "minimum": {"type": "number"}, "maximum": {"type": "number"}, "minItems": {"type": "integer"}, "maxItems": {"type": "integer"},
        "items": own, "properties": {"type": "object", "additionalProperties": own},
        "required": {"type": "array", "items": {"type": "string"}},
        "x-form": {"type": "string", "description": "`color`, `path` or `blob`."}, "x-unit": {"type": "string"}}})
}
