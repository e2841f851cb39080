//! The routes that every hub has, whatever its apps.

use serde_json::{Map, Value, json};

/// The options of a call beside app, command and args.
pub(super) fn call_options() -> Map<String, Value> {
    map(json!({
        "instance": {"type": ["string", "null"], "description": "A name; nothing for the only one; `*` for all."},
        "timeout_ms": {"type": ["integer", "null"], "minimum": 1, "description": "From the start of the run."},
        "wait": {
            "description": "true: until the end; false: not at all; a number: so many milliseconds. The call goes on.",
            "anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0}], "default": true
        },
        "check_only": {"type": "boolean", "default": false},
        "correlation_id": {"type": ["string", "null"]},
        "confirm": {"type": ["string", "null"], "description": "The value of a confirmation_required problem."}
    }))
}

pub(super) fn paths() -> Map<String, Value> {
    map(json!({
        "/healthz": {"get": {
            "operationId": "health", "summary": "Whether the hub answers", "security": [],
            "responses": {"200": json_of("Health", "The hub answers.")}
        }},
        "/v1/calls": {
            "post": {
                "operationId": "ask", "summary": "Runs a command",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("CallRequest")}}},
                "responses": with_problems(json!({
                    "200": {
                        "description": "The call ran; its outcome. With `Accept: text/event-stream`, its events.",
                        "content": {
                            "application/json": {"schema": {"anyOf": [reference("Call"), reference("Outcomes"), reference("Checked")]}},
                            "text/event-stream": {"schema": {"type": "string"}}
                        }
                    },
                    "202": json_of("Call", "The call goes on.")
                }), &["400", "401", "403", "404", "409", "413", "415", "429", "503"])
            },
            "get": {
                "operationId": "history", "summary": "Calls, newest first",
                "parameters": [
                    query("limit", json!({"type": "integer", "minimum": 0, "maximum": 1000, "default": 50})),
                    query("app", json!({"type": "string"})), query("instance", json!({"type": "string"})),
                    query("status", reference("Status")), query("before", json!({"type": "string"}))
                ],
                "responses": with_problems(json!({"200": json_of("History", "What is remembered.")}), &["400", "401", "403", "503"])
            },
            "delete": {
                "operationId": "purge_history", "summary": "Forgets what was done",
                "parameters": [
                    query("before", json!({"type": "string", "format": "date-time", "description": "Calls that were asked before this."})),
                    query("all", json!({"type": "boolean", "default": false, "description": "All that have ended."}))
                ],
                "responses": with_problems(json!({"200": json_of("Forgotten", "How much that was.")}), &["400", "401", "403", "503"])
            }
        },
        "/v1/calls/{id}": {
            "parameters": [path("id")],
            "get": {
                "operationId": "call", "summary": "Where a call stands, or its outcome",
                "parameters": [query("wait_ms", json!({"type": "integer", "minimum": 0}))],
                "responses": with_problems(json!({"200": json_of("Call", "The call.")}), &["400", "401", "403", "404"])
            },
            "delete": {
                "operationId": "cancel", "summary": "Cancels a call",
                "responses": with_problems(json!({"200": json_of("Call", "The call as it stands then.")}), &["401", "403", "404"])
            }
        },
        "/v1/calls/{id}/events": {"parameters": [path("id")], "get": {
            "operationId": "follow", "summary": "A call as a stream of events",
            "responses": with_problems(json!({"200": {"description": "Events to the call's end.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}}}}), &["401", "403", "404"])
        }},
        "/v1/apps": {"get": {"operationId": "apps", "summary": "The apps",
            "responses": with_problems(json!({"200": json_of("Apps", "All of them.")}), &["401"])}},
        "/v1/apps/{app}/commands": {"parameters": [path("app")], "get": {
            "operationId": "commands", "summary": "What an app can do",
            "responses": with_problems(json!({"200": json_of("Commands", "With schemas.")}), &["401", "404"])}},
        "/v1/apps/{app}/commands/{name}": {"parameters": [path("app"), path("name")], "get": {
            "operationId": "command", "summary": "One command",
            "responses": with_problems(json!({"200": json_of("Command", "With its schema.")}), &["401", "404"])}},
        "/v1/find": {"get": {
            "operationId": "find", "summary": "Commands that fit plain words, best first",
            "parameters": [
                json!({"name": "q", "in": "query", "required": true, "schema": {"type": "string"}}),
                query("app", json!({"type": "string"})),
                query("limit", json!({"type": "integer", "minimum": 1, "maximum": 20, "default": 5}))
            ],
            "responses": with_problems(json!({"200": json_of("Hits", "At most 2 KB of them.")}), &["400", "401", "404"])}},
        "/v1/instances": {
            "get": {"operationId": "instances", "summary": "The instances",
                "responses": with_problems(json!({"200": json_of("Instances", "All of them.")}), &["401"])},
            "post": {"operationId": "start", "summary": "Starts a copy of an app",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Launch")}}},
                "responses": with_problems(json!({
                    "200": json_of("Instance", "It ran already."), "201": json_of("Instance", "It is connected.")
                }), &["400", "401", "403", "404", "409", "503"])}
        },
        "/v1/instances/{name}": {
            "parameters": [path("name")],
            "get": {"operationId": "instance", "summary": "One instance",
                "responses": with_problems(json!({"200": json_of("Instance", "It.")}), &["401", "404"])},
            "delete": {"operationId": "stop_instance", "summary": "Stops it",
                "parameters": [query("force", json!({"type": "boolean", "default": false}))],
                "responses": with_problems(json!({"200": json_of("Stopped", "How it ended.")}), &["400", "401", "403", "404"])}
        },
        "/v1/events": {"get": {
            "operationId": "events", "summary": "The feed as a stream of events, by topic; resumed by Last-Event-ID",
            "parameters": [
                query("topics", json!({"type": "string", "default": "calls,instances,state",
                    "description": "With commas: calls, instances, state, jobs, call:<id>."})),
                query("epoch", json!({"type": "string"})), query("since", json!({"type": "integer", "minimum": 0}))
            ],
            "responses": with_problems(json!({"200": {"description": "Each event's data is an Event, or a Resync where events were missed.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}}}}), &["400", "401", "403", "404"])}},
        "/v1/ws": {"get": {
            "operationId": "websocket", "summary": "Calls, events and blobs over a WebSocket (docs/reference/websocket.md)",
            "responses": with_problems(json!({"101": {"description": "It is a WebSocket from here on."}}),
                &["400", "401", "403", "429"])}},
        "/v1/instances/{name}/state": {"parameters": [path("name")], "get": {
            "operationId": "state", "summary": "What the hub last knew of the app's own state",
            "responses": with_problems(json!({"200": json_of("State", "At once, also when the app is frozen.")}), &["401", "403", "404", "503"])}},
        "/v1/recovery": {"get": {"operationId": "recovery", "summary": "Recovery copies, newest first",
            "responses": with_problems(json!({"200": json_of("Copies", "All of them.")}), &["401", "403"])}},
        "/v1/blobs": {"put": {"operationId": "store", "summary": "Stores bytes under their hash",
            "requestBody": {"required": true, "content": {"application/octet-stream": {}}},
            "responses": with_problems(json!({"201": json_of("Blob", "Stored.")}), &["400", "401", "403", "413", "507"])}},
        "/v1/blobs/{name}": {"parameters": [path("name")], "get": {
            "operationId": "fetch", "summary": "The bytes of a blob, whole or a range",
            "responses": with_problems(json!({
                "200": {"description": "All bytes.", "content": {"application/octet-stream": {}}},
                "206": {"description": "The asked range.", "content": {"application/octet-stream": {}}}
            }), &["401", "403", "404", "416"])}},
        "/v1/tokens": {
            "get": {"operationId": "tokens", "summary": "The tokens, without their secrets",
                "responses": with_problems(json!({"200": json_of("Tokens", "All but the owner's.")}), &["401", "403"])},
            "post": {"operationId": "create_token", "summary": "Makes a token; its secret is shown once",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Token")}}},
                "responses": with_problems(json!({"201": json_of("NewToken", "Keep the secret.")}), &["400", "401", "403", "409", "429"])}
        },
        "/v1/tokens/{name}": {"parameters": [path("name")], "delete": {
            "operationId": "revoke_token", "summary": "Takes a token back at once",
            "responses": with_problems(json!({"200": {"description": "Revoked.",
                "content": {"application/json": {"schema": {"type": "object"}}}}}), &["401", "403", "404"])}},
        "/v1/stop": {"post": {"operationId": "stop_hub", "summary": "Stops the hub",
            "responses": with_problems(json!({"202": {"description": "It stops.",
                "content": {"application/json": {"schema": {"type": "object"}}}}}), &["401", "403"])}},
        "/openapi.json": {"get": {"operationId": "openapi", "summary": "This document",
            "responses": with_problems(json!({"200": {"description": "It.",
                "content": {"application/json": {"schema": {"type": "object"}}}}}), &["401"])}}
    }))
}

pub(super) fn schemas() -> Map<String, Value> {
    let list = |name: &str, of: &str| {
        json!({"type": "object", "required": [name],
        "properties": {name: {"type": "array", "items": reference(of)}}})
    };
    let items = json!({"type": "array", "items": {"type": "object", "required": ["type", "name"],
        "properties": {"type": {"type": "string"}, "name": {"type": "string"}}}});
    let scopes = json!({"type": "array", "items": {"enum": ["read", "write", "destructive", "code", "admin"]}});
    let text_or_null = text_or_null();
    map(json!({
        "Status": {"enum": ["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "interrupted"]},
        "Problem": {"type": "object", "required": ["code", "message", "severity", "retryable"], "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"},
            "hint": {"type": "string"}, "call_id": {"type": "string"},
            "severity": {"enum": ["warning", "error", "bug"]}, "retryable": {"type": "boolean"},
            "details": {"type": "object"}}},
        "Behind": {"type": "object", "properties": {"call_id": {"type": "string"}, "command": {"type": "string"},
            "caller": {"type": "string"}, "running_ms": {"type": "integer"}}},
        "Call": {"type": "object", "required": ["call_id", "app", "command", "caller", "status", "asked_at"],
            "properties": {
                "call_id": {"type": "string"}, "correlation_id": text_or_null, "parent_id": {"type": "string"}, "app": {"type": "string"},
                "instance": {"type": "string"}, "command": {"type": "string"}, "caller": {"type": "string"},
                "status": reference("Status"), "asked_at": {"type": "string", "format": "date-time"},
                "args": {"type": "object", "description": "In the history: without what is secret; large ones as `$blob`."},
                "position": {"type": "integer"}, "behind": reference("Behind"),
                "progress": {"type": "object", "properties": {
                    "fraction": {"type": ["number", "null"], "minimum": 0, "maximum": 1}, "text": {"type": "string"},
                    "details": {"type": "object"}}},
                "value": {}, "output": {"type": "object", "properties": {
                    "stdout": {"type": "string"}, "stderr": {"type": "string"},
                    "logs": {"type": "array", "items": {"type": "object", "properties": {
                        "level": {"type": "string"}, "source": {"type": "string"}, "text": {"type": "string"}}}}}},
                "duration_ms": {"type": "number"},
                "changes": {"type": "object", "properties": {"added": items, "changed": items, "removed": items,
                    "truncated": {"type": "integer"}}},
                "memory": {"type": "object", "properties": {
                    "rss_mb": {"type": ["number", "null"]}, "delta_mb": {"type": ["number", "null"]}}},
                "problem": reference("Problem")}},
        "Outcomes": list("outcomes", "Call"),
        "Checked": {"type": "object", "required": ["checked"], "properties": {"checked": {"const": true},
            "app": {"type": "string"}, "instance": {"type": "array", "items": {"type": "string"}},
            "command": {"type": "string"}, "args": {"type": "object"}, "effect": {"type": "string"}}},
        "History": {"type": "object", "required": ["since", "calls"], "properties": {
            "since": {"type": "string", "format": "date-time"},
            "left_out": {"type": "integer", "description": "Calls of this run that could not be written down."},
            "calls": {"type": "array", "items": reference("Call")}}},
        "Forgotten": {"type": "object", "required": ["calls", "jobs", "blobs"], "properties": {
            "calls": {"type": "integer"}, "jobs": {"type": "integer"}, "blobs": {"type": "integer"}}},
        "Health": {"type": "object", "required": ["status", "version", "pid", "uptime_ms"], "properties": {
            "status": {"const": "ok"}, "version": {"type": "string"}, "pid": {"type": "integer"}, "uptime_ms": {"type": "integer"}}},
        "App": {"type": "object", "properties": {"app": {"type": "string"}, "title": {"type": "string"},
            "commands": {"type": "integer"}, "instances": {"type": "array", "items": {"type": "string"}}, "announced": {"type": "boolean"},
            "installs": {"type": "boolean"}}},
        "Apps": list("apps", "App"),
        "Command": {"type": "object", "required": ["name", "summary", "effect", "args"], "properties": {
            "name": {"type": "string"}, "summary": {"type": "string"}, "docs": {"type": "string"},
            "effect": {"enum": ["read", "write", "destructive", "code"]}, "args": {"type": "object"},
            "result": {}, "example": {"type": "object"}, "timeout_ms": {"type": "integer"},
            "concurrent": {"type": "boolean"}, "repeatable": {"type": ["boolean", "object"], "description": "Whether it may run twice; an object: when these arguments have these values."}, "runs": {"enum": ["instance", "hub"]},
            "keywords": {"type": "array", "items": {"type": "string"}}}},
        "Commands": list("commands", "Command"),
        "Instance": {"type": "object", "required": ["name", "app", "state", "since", "mode", "started_by_hub", "queued"],
            "properties": {"name": {"type": "string"}, "app": {"type": "string"},
                "state": {"enum": ["starting", "idle", "busy", "wedged", "disconnected", "failed"]},
                "why": {"type": "string"}, "since": {"type": "string", "format": "date-time"},
                "pid": {"type": ["integer", "null"]}, "version": text_or_null, "bridge_version": text_or_null,
                "mode": reference("Mode"), "labels": {"type": "array", "items": {"type": "string"}}, "file": text_or_null, "started_by_hub": {"type": "boolean"},
                "queued": {"type": "integer"}, "running": reference("Behind"),
                "heard_ms_ago": {"type": "integer"}, "restarts": {"type": "integer"},
                "rss_mb": {"type": "number"}, "limits": reference("Limits"), "reserved_for": {"type": "string"}, "notice": {"type": "string"}}},
        "Limits": {"type": "object", "properties": {
            "memory_mb": {"type": "integer"}, "time_s": {"type": "integer"}, "lived_s": {"type": "integer"}}},
        "Mode": {"enum": ["background", "gui", "module"]},
        "Hits": {"type": "object", "required": ["query", "found"], "properties": {
            "query": {"type": "string"},
            "found": {"type": "array", "items": {"type": "object", "required": ["app", "command", "summary", "effect", "args"],
                "properties": {"app": {"type": "string"}, "command": {"type": "string"}, "summary": {"type": "string"},
                    "effect": {"enum": ["read", "write", "destructive", "code"]}, "args": {"type": "string"},
                    "example": {"type": "object"}}}}}},
        "Instances": list("instances", "Instance"),
        "Launch": {"type": "object", "required": ["app"], "additionalProperties": false, "properties": {
            "app": {"type": "string"}, "mode": {"enum": ["background", "gui"], "default": "background"},
            "name": text_or_null, "program": text_or_null, "python": text_or_null, "file": text_or_null,
            "memory_mb": {"type": ["integer", "null"], "minimum": 1}, "time_s": {"type": ["integer", "null"], "minimum": 1},
            "labels": {"type": "array", "items": {"type": "string"}},
            "threads": {"type": ["integer", "null"], "minimum": 1}, "scripts": {"type": "boolean"}}},
        "Stopped": {"type": "object", "properties": {"stopped": {"type": "string"}, "how": {"enum": ["left", "killed", "disconnected"]}}},
        "State": {"type": "object", "required": ["instance", "revision", "as_of", "age_ms", "connected", "state"],
            "properties": {"instance": {"type": "string"}, "revision": {"type": "integer"},
                "as_of": {"type": "string", "format": "date-time"}, "age_ms": {"type": "integer"},
                "connected": {"type": "boolean"}, "state": {"type": "object"}}},
        "Copy": {"type": "object", "properties": {"instance": {"type": "string"}, "path": {"type": "string"},
            "taken": {"type": "string"}, "bytes": {"type": "integer"}, "file": text_or_null}},
        "Copies": list("copies", "Copy"),
        "Blob": {"type": "object", "required": ["$blob", "bytes"], "properties": {
            "$blob": {"type": "string"}, "bytes": {"type": "integer"}}},
        "Token": {"type": "object", "required": ["name", "scopes"], "properties": {
            "name": {"type": "string"}, "scopes": scopes, "ask": scopes}},
        "Tokens": list("tokens", "Token"),
        "NewToken": {"allOf": [reference("Token"), {"type": "object", "properties": {"token": {"type": "string"}}}]}
    }))
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What the feed tells.
pub(super) fn feed_schemas() -> Map<String, Value> {
    map(json!({
        "Event": {"type": "object", "required": ["epoch", "seq", "at", "event"], "properties": {
            "epoch": {"type": "string"}, "seq": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
            "event": {"enum": ["call_queued", "call_started", "call_progress", "call_output", "call_ended", "instance", "job", "state"]},
            "job": reference("Job"),
            "call": reference("Call"), "call_id": {"type": "string"},
            "instance": {"anyOf": [reference("Instance"), {"type": "string"}]},
            "progress": {"type": "object"}, "stream": {"type": "string"}, "text": {"type": "string"},
            "revision": {"type": "integer"}, "changes": {"type": "object"}}},
        "Resync": {"type": "object", "required": ["epoch", "seq", "why"], "properties": {
            "epoch": {"type": "string"}, "seq": {"type": "integer"}, "why": {"enum": ["start", "epoch", "window"]},
            "instances": {"type": "array", "items": reference("Instance")},
            "calls": {"type": "array", "items": reference("Call")}, "calls_left_out": {"type": "integer"},
            "jobs": {"type": "array", "items": reference("Job")}}}
    }))
}

pub(super) fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

pub(super) fn json_of(name: &str, description: &str) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": reference(name)}}})
}

pub(super) fn query(name: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
}

pub(super) fn path(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
}

pub(super) fn with_problems(mut responses: Value, statuses: &[&str]) -> Value {
    for status in statuses {
        responses[*status] = json!({
            "description": "Nothing ran; the problem says why.",
            "content": {"application/problem+json": {"schema": reference("Problem")}}
        });
    }
    responses
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
