//! The forms of a call: where it stands, what it told, how it ended; and of several.

use serde_json::{Map, Value, json};

use super::routes::{list, map, reference, text_or_null};

pub(super) fn schemas() -> Map<String, Value> {
    let mut all = whole();
    all.extend(parts());
    all
}

fn whole() -> Map<String, Value> {
    let text_or_null = text_or_null();
    map(json!({
        "Call": {"type": "object", "required": ["call_id", "app", "command", "caller", "status", "asked_at"],
            "properties": {
                "call_id": {"type": "string"}, "correlation_id": text_or_null, "parent_id": {"type": "string"}, "app": {"type": "string"},
                "instance": {"type": "string"}, "command": {"type": "string"},
                "subject": {"type": "string", "description": "What it is about, in a few words: a \
                 file, an object, the first line of code."},
                "caller": {"type": "string"}, "status": reference("Status"),
                "undone_by": {"type": "string", "description": "The call that undid this one's \
                 changes, while they remain undone."}, "durability": reference("Durability"),
                "asked_at": {"type": "string", "format": "date-time"},
                "args": {"type": "object", "description": "In the history, without secrets; large \
                 arguments are a `$blob`."},
                "position": {"type": "integer"}, "behind": reference("Behind"), "progress": reference("Progress"),
                "value": {}, "output": reference("Output"), "duration_ms": {"type": "number"},
                "changes": reference("Changes"), "memory": reference("Memory"), "problem": reference("Problem")}},
        "Outcomes": list("outcomes", "Call"),
        "Checked": {"type": "object", "required": ["checked"], "properties": {"checked": {"const": true},
            "app": {"type": "string"}, "instance": {"type": "array", "items": {"type": "string"}},
            "command": {"type": "string"}, "args": {"type": "object"}, "effect": {"type": "string"}}},
        "History": {"type": "object", "required": ["since", "calls"], "properties": {
            "since": {"type": "string", "format": "date-time"},
            "left_out": {"type": "integer", "description": "Calls since the hub started that could \
             not be stored."},
            "calls": {"type": "array", "items": reference("Call")}}},
        "Purged": {"type": "object", "required": ["calls", "jobs", "blobs"], "properties": {
            "calls": {"type": "integer"}, "jobs": {"type": "integer"}, "blobs": {"type": "integer"}}}
    }))
}

fn parts() -> Map<String, Value> {
    let items = json!({"type": "array", "items": reference("Item")});
    map(json!({
        "Status": {"enum": ["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "interrupted"]},
        "Problem": {"type": "object", "required": ["code", "message", "severity", "retryable"], "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"},
            "hint": {"type": "string"}, "call_id": {"type": "string"},
            "hint_parts": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": true}]},
                "description": "The hint in parts: texts, and steps (`do`) that each door puts \
                 in its own words."},
            "severity": {"enum": ["info", "warning", "error", "critical", "bug"]}, "retryable": {"type": "boolean"},
            "details": {"type": "object"}}},
        "Behind": {"type": "object", "required": ["call_id", "command", "caller", "running_ms"], "properties": {
            "call_id": {"type": "string"}, "command": {"type": "string"}, "subject": {"type": "string"}, "caller": {"type": "string"}, "running_ms": {"type": "integer"}}},
        "Item": {"type": "object", "required": ["type", "name"],
            "properties": {"type": {"type": "string"}, "name": {"type": "string"}}},
        "Changes": {"type": "object", "required": ["added", "changed", "removed"],
            "properties": {"added": items, "changed": items, "removed": items, "truncated": {"type": "integer"},
                "cannot_undo": {"type": "string", "description": "Why the call cannot be undone."}}},
        "LogRecord": {"type": "object", "required": ["level", "source", "text"], "properties": {
            "level": {"type": "string"}, "source": {"type": "string"}, "text": {"type": "string"}}},
        "Output": {"type": "object", "required": ["stdout", "stderr", "logs"], "properties": {
            "stdout": {"type": "string"}, "stderr": {"type": "string"}, "logs": {"type": "array", "items": reference("LogRecord")}}},
        "Memory": {"type": "object", "required": ["rss_mb", "delta_mb"], "properties": {
            "rss_mb": {"type": ["number", "null"]}, "delta_mb": {"type": ["number", "null"]}}},
        "Progress": {"type": "object", "required": ["fraction", "text"], "properties": {
            "fraction": {"type": ["number", "null"], "minimum": 0, "maximum": 1}, "text": {"type": "string"},
            "details": {"type": "object", "description": "Depends on the command; for shared \
             work, a Share."}}},
        "Share": share()
    }))
}

/// What work that is shared out among workers tells of itself beside its progress.
fn share() -> Value {
    let worker = json!({"type": "object", "required": ["name", "state"], "properties": {
        "name": {"type": "string"}, "state": {"type": "string"}, "done": {"type": "integer"},
        "frame": {"type": "integer"}, "part": {"type": "number", "minimum": 0, "maximum": 1, "description": "How much of that frame is done."},
        "why": {"type": "string"}}});
    json!({"type": "object", "properties": {
        "frames": {"type": "integer"}, "done": {"type": "integer"}, "skipped": {"type": "integer"}, "failed": {"type": "integer"},
        "elapsed_s": {"type": "integer"}, "left_s": {"type": ["integer", "null"]},
        "last": {"type": ["string", "null"], "description": "The path of the last frame."},
        "workers": {"type": "array", "items": worker}}})
}
