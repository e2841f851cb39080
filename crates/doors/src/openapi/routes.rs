//! The routes that every hub has, whatever its apps.

use serde_json::{Map, Value, json};

/// The options of a call beside app, command and args.
pub(super) fn call_options() -> Map<String, Value> {
    map(json!({
        "instance": {"type": ["string", "null"], "description": "A name (default: the only one), \
         or `*` for all."},
        "timeout_ms": {"type": ["integer", "null"], "minimum": 1, "description": "Counted from \
         the start of the run (default: the command's own limit, else 120,000; for a job \
         3,600,000)."},
        "wait": {
            "description": "true waits for the end, false does not wait, a number waits that many \
             milliseconds. The call continues in any case.",
            "anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0}], "default": true
        },
        "check_only": {"type": "boolean", "default": false},
        "correlation_id": {"type": ["string", "null"]},
        "confirm": {"type": ["string", "null"], "description": "The value from a \
         confirmation_required problem."}
    }))
}

pub(super) fn paths() -> Map<String, Value> {
    map(json!({
        "/healthz": {"get": {
            "operationId": "health", "summary": "Checks that the hub answers", "security": [],
            "responses": {"200": json_of("Health", "The hub answers.")}
        }},
        "/v1/calls": {
            "post": {
                "operationId": "ask", "summary": "Runs a command",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("CallRequest")}}},
                "responses": with_problems(json!({
                    "200": {
                        "description": "The call ran: its outcome. With `Accept: text/event-stream`: its events.",
                        "content": {
                            "application/json": {"schema": {"anyOf": [reference("Call"), reference("Outcomes"), reference("Checked")]}},
                            "text/event-stream": {"schema": {"type": "string"}}
                        }
                    },
                    "202": json_of("Call", "The call is still running.")
                }), &["400", "401", "403", "404", "409", "413", "415", "429", "503"])
            },
            "get": {
                "operationId": "history", "summary": "Calls, newest first",
                "parameters": [
                    query("limit", json!({"type": "integer", "minimum": 0, "maximum": 1000, "default": 50})),
                    query("app", json!({"type": "string"})), query("instance", json!({"type": "string"})),
                    query("status", reference("Status")), query("before", json!({"type": "string"}))
                ],
                "responses": with_problems(json!({"200": json_of("History", "The calls found.")}), &["400", "401", "403", "503"])
            },
            "delete": {
                "operationId": "purge_history", "summary": "Deletes past calls",
                "parameters": [
                    query("before", json!({"type": "string", "format": "date-time", "description": "Calls \
                     made before this."})),
                    query("all", json!({"type": "boolean", "default": false, "description": "All calls that have ended."}))
                ],
                "responses": with_problems(json!({"200": json_of("Purged", "How many were \
                 deleted.")}), &["400", "401", "403", "503"])
            }
        },
        "/v1/calls/{id}": {
            "parameters": [path("id")],
            "get": {
                "operationId": "call", "summary": "The status of a call, or its outcome",
                "parameters": [query("wait_ms", json!({"type": "integer", "minimum": 0}))],
                "responses": with_problems(json!({"200": json_of("Call", "The call.")}), &["400", "401", "403", "404"])
            },
            "delete": {
                "operationId": "cancel", "summary": "Cancels a call",
                "responses": with_problems(json!({"200": json_of("Call", "The call after the request.")}), &["401", "403", "404"])
            }
        },
        "/v1/calls/{id}/events": {"parameters": [path("id")], "get": {
            "operationId": "follow", "summary": "Follows a call as a stream of events",
            "responses": with_problems(json!({"200": {"description": "Events until the call ends.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}}}}), &["401", "403", "404"])
        }},
        "/v1/apps": {"get": {"operationId": "apps", "summary": "The apps",
            "responses": with_problems(json!({"200": json_of("Apps", "All apps.")}), &["401"])}},
        "/v1/apps/{app}/commands": {"parameters": [path("app")], "get": {
            "operationId": "commands", "summary": "What an app can do",
            "parameters": [
                query("role", json!({"type": "string", "description": "Only commands with this role."}))
            ],
            "responses": with_problems(json!({"200": json_of("Commands", "The commands with their schemas.")}), &["400", "401", "404"])}},
        "/v1/apps/{app}/commands/{name}": {"parameters": [path("app"), path("name")], "get": {
            "operationId": "command", "summary": "One command",
            "responses": with_problems(json!({"200": json_of("Command", "The command with its schema.")}), &["401", "404"])}},
        "/v1/find": {"get": {
            "operationId": "find", "summary": "Commands that match a description in plain words, best first",
            "parameters": [
                json!({"name": "q", "in": "query", "required": true, "schema": {"type": "string"}}),
                query("app", json!({"type": "string"})),
                query("limit", json!({"type": "integer", "minimum": 1, "maximum": 20, "default": 5}))
            ],
            "responses": with_problems(json!({"200": json_of("Hits", "The best matches, at most 2 KB.")}), &["400", "401", "404"])}},
        "/v1/instances": {
            "get": {"operationId": "instances", "summary": "The instances",
                "responses": with_problems(json!({"200": json_of("Instances", "All instances.")}), &["401"])},
            "post": {"operationId": "start", "summary": "Starts an instance of an app",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Launch")}}},
                "responses": with_problems(json!({
                    "200": json_of("Instance", "It was already running."), "201": json_of("Instance", "It is connected.")
                }), &["400", "401", "403", "404", "409", "503"])}
        },
        "/v1/instances/{name}": {
            "parameters": [path("name")],
            "get": {"operationId": "instance", "summary": "One instance",
                "responses": with_problems(json!({"200": json_of("Instance", "The instance.")}), &["401", "404"])},
            "delete": {"operationId": "stop_instance", "summary": "Stops an instance",
                "parameters": [query("force", json!({"type": "boolean", "default": false}))],
                "responses": with_problems(json!({"200": json_of("Stopped", "How it ended.")}), &["400", "401", "403", "404"])}
        },
        "/v1/events": {"get": {
            "operationId": "events", "summary": "The feed as a stream of events, by topic; \
             resumes after Last-Event-ID",
            "parameters": [
                query("topics", json!({"type": "string", "default": "calls,instances,state",
                    "description": "Separated by commas: calls, instances, state, jobs, call:<id>."})),
                query("epoch", json!({"type": "string"})), query("since", json!({"type": "integer", "minimum": 0}))
            ],
            "responses": with_problems(json!({"200": {"description": "The data of each event is \
             an Event, or a Resync if events were missed.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}}}}), &["400", "401", "403", "404"])}},
        "/v1/ws": {"get": {
            "operationId": "websocket", "summary": "Calls, events and blobs over a WebSocket (docs/reference/websocket.md)",
            "responses": with_problems(json!({"101": {"description": "The connection is now a \
             WebSocket."}}),
                &["400", "401", "403", "429"])}},
        "/v1/instances/{name}/state": {"parameters": [path("name")],
            "get": {"operationId": "state", "summary": "The app's last known state",
                "responses": with_problems(json!({"200": json_of("State", "Answers at once, even \
                 if the app is frozen.")}), &["401", "403", "404", "503"])},
            "patch": {"operationId": "update_state", "summary": "Sets part of the app's state, if \
             its bridge has the command state.update",
                "parameters": [query("confirm", json!({"type": "string", "description": "The \
                 value from a confirmation_required problem."}))],
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("PartOfState")}}},
                "responses": with_problems(json!({"200": json_of("Call", "The call of state.update.")}),
                    &["400", "401", "403", "404", "409", "413", "415", "429", "503"])}},
        "/v1/envelope": {"post": {
            "operationId": "envelope", "summary": "One message of the envelope dialect (docs/reference/envelope.md)",
            "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Envelope")}}},
            "responses": {
                "200": json_of("EnvelopeAnswer", "A `result`, or an `error` of a call that ran."),
                "202": json_of("EnvelopeAnswer", "The call is still running."),
                "401": {"description": "No valid token; the message was not read. The same goes \
                 for 413 and 415.",
                    "content": {"application/problem+json": {"schema": reference("Problem")}}},
                "default": {"description": "An `error`: nothing ran. The status is that of the \
                 problem.",
                    "content": {"application/json": {"schema": reference("EnvelopeAnswer")},
                        "application/problem+json": {"schema": reference("Problem")}}}}}},
        "/v1/ws/envelope": {"get": {
            "operationId": "websocket_envelope", "summary": "The envelope dialect over a WebSocket (docs/reference/envelope.md)",
            "responses": with_problems(json!({"101": {"description": "The connection is now a \
             WebSocket."}}),
                &["400", "401", "403", "429"])}},
        "/v1/recovery": {"get": {"operationId": "recovery", "summary": "Recovery copies, newest first",
            "responses": with_problems(json!({"200": json_of("Copies", "All recovery copies.")}), &["401", "403"])}},
        "/v1/blobs": {"put": {"operationId": "store", "summary": "Stores bytes under their hash",
            "requestBody": {"required": true, "content": {"application/octet-stream": {}}},
            "responses": with_problems(json!({"201": json_of("Blob", "Stored.")}), &["400", "401", "403", "413", "507"])}},
        "/v1/blobs/{name}": {"parameters": [path("name")], "get": {
            "operationId": "fetch", "summary": "The bytes of a blob, all of them or a range",
            "responses": with_problems(json!({
                "200": {"description": "All bytes.", "content": {"application/octet-stream": {}}},
                "206": {"description": "The requested range.", "content": {"application/octet-stream": {}}}
            }), &["401", "403", "404", "416"])}},
        "/v1/tokens": {
            "get": {"operationId": "tokens", "summary": "The tokens, without their secrets",
                "responses": with_problems(json!({"200": json_of("Tokens", "All tokens except the owner's.")}), &["401", "403"])},
            "post": {"operationId": "create_token", "summary": "Creates a token; its secret is \
             shown once",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Token")}}},
                "responses": with_problems(json!({"201": json_of("NewToken", "Keep the secret.")}), &["400", "401", "403", "409", "429"])}
        },
        "/v1/tokens/{name}": {"parameters": [path("name")],
            "patch": {"operationId": "change_token", "summary": "Changes what a token may do, and \
             for how long",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("TokenChange")}}},
                "responses": with_problems(json!({"200": json_of("Token", "The token after the \
                 change.")}), &["400", "401", "403", "404"])},
            "delete": {"operationId": "revoke_token", "summary": "Revokes a token at once",
                "responses": with_problems(json!({"200": {"description": "Revoked.",
                    "content": {"application/json": {"schema": {"type": "object"}}}}}), &["401", "403", "404"])}},
        "/v1/stop": {"post": {"operationId": "stop_hub", "summary": "Stops the hub",
            "responses": with_problems(json!({"202": {"description": "The hub is stopping.",
                "content": {"application/json": {"schema": {"type": "object"}}}}}), &["401", "403"])}},
        "/openapi.json": {"get": {"operationId": "openapi", "summary": "This document",
            "responses": with_problems(json!({"200": {"description": "The OpenAPI document.",
                "content": {"application/json": {"schema": {"type": "object"}}}}}), &["401"])}}
    }))
}

pub(super) fn schemas() -> Map<String, Value> {
    let scopes = json!({"type": "array", "items": {"enum": ["read", "write", "destructive", "code", "admin"]}});
    let text_or_null = text_or_null();
    map(json!({
        "Health": {"type": "object", "required": ["status", "version", "pid", "uptime_ms", "disk_full"], "properties": {
            "status": {"const": "ok"}, "version": {"type": "string"}, "pid": {"type": "integer"}, "uptime_ms": {"type": "integer"},
            "disk_full": {"type": "boolean", "description": "The home's disk is full: calls still \
             run, but whatever must be stored is refused."}}},
        "State": {"type": "object", "required": ["instance", "revision", "as_of", "age_ms", "connected", "state"],
            "properties": {"instance": {"type": "string"}, "revision": {"type": "integer"},
                "as_of": {"type": "string", "format": "date-time"}, "age_ms": {"type": "integer"},
                "connected": {"type": "boolean"}, "state": {"type": "object"}}},
        "PartOfState": {"type": "object", "description": "Members of the app's state."},
        "Envelope": envelope(json!({"enum": ["init", "execute", "query", "terminate", "heartbeat"]}), false),
        "EnvelopeAnswer": envelope(json!({"enum": ["result", "state_update", "error", "heartbeat"]}), true),
        "Copy": {"type": "object", "properties": {"instance": {"type": "string"}, "path": {"type": "string"},
            "taken": {"type": "string"}, "bytes": {"type": "integer"}, "file": text_or_null}},
        "Copies": list("copies", "Copy"),
        "Blob": {"type": "object", "required": ["$blob", "bytes"], "properties": {
            "$blob": {"type": "string"}, "bytes": {"type": "integer"}}},
        "Token": {"type": "object", "required": ["name", "scopes"], "properties": {
            "name": {"type": "string"}, "scopes": scopes, "ask": scopes,
            "expires_at": {"type": ["string", "null"], "format": "date-time", "description": "When \
             the token expires."}}},
        "TokenChange": {"type": "object", "additionalProperties": false, "properties": {
            "scopes": {"anyOf": [scopes, {"type": "null"}]}, "ask": {"anyOf": [scopes, {"type": "null"}]},
            "expires_at": {"type": ["string", "null"], "description": "An empty string removes it."}}},
        "Tokens": list("tokens", "Token"),
        "NewToken": {"allOf": [reference("Token"), {"type": "object", "properties": {"token": {"type": "string"}}}]}
    }))
}

/// A message of the envelope dialect, from us or to us.
fn envelope(kind: Value, is_ours: bool) -> Value {
    let mark = json!({"type": "string", "maxLength": 128});
    let timestamp = match is_ours {
        true => json!({"type": "integer", "description": "Milliseconds since 1970."}),
        false => json!({"anyOf": [{"type": "number"}, {"type": "string"}]}),
    };
    let required: &[&str] = match is_ours {
        true => &["type", "payload", "metadata"],
        false => &["type"],
    };
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": {
        "type": kind, "payload": {"type": "object"},
        "metadata": {"type": "object", "additionalProperties": false, "properties": {
            "timestamp": timestamp, "source": mark, "correlationId": mark,
            "target": {"type": "string", "maxLength": 128, "description": "Name of an instance or an app."}}}}})
}

/// An object with a list of these under that name.
pub(super) fn list(name: &str, of: &str) -> Value {
    json!({"type": "object", "required": [name],
        "properties": {name: {"type": "array", "items": reference(of)}}})
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
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
            "description": "Nothing ran. The problem says why.",
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
