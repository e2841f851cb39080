//! The routes and forms of jobs and batches.

use serde_json::{Map, Value, json};

use super::routes::{json_of, map, path, query, reference, text_or_null, with_problems};

/// What a call can ask for beside, when it is a job; and for its instance and its revision.
pub(super) fn call_options() -> Map<String, Value> {
    map(json!({
        "select": reference("Select"),
        "revision": {"type": ["integer", "null"], "minimum": 0},
        "durable": {"anyOf": [{"type": "boolean"}, reference("Durability")]},
        "priority": reference("Priority"),
        "not_before": reference("Time"),
        "deadline": reference("Time"),
        "retry": reference("Retry"),
        "idempotency_key": {"type": ["string", "null"], "minLength": 1, "maxLength": 256},
        "labels": reference("Labels"),
        "after": {"type": "array", "items": {"type": "string"}}
    }))
}

pub(super) fn paths() -> Map<String, Value> {
    let page = [
        query(
            "status",
            json!({"type": "string", "description": "Separated by commas."}),
        ),
        query("app", json!({"type": "string"})),
        query("instance", json!({"type": "string"})),
        query("caller", json!({"type": "string"})),
        query(
            "label",
            json!({"type": "string", "description": "NAME:VALUE"}),
        ),
        query(
            "limit",
            json!({"type": "integer", "minimum": 0, "maximum": 1000, "default": 50}),
        ),
        query("cursor", json!({"type": "string"})),
        query(
            "order",
            json!({"enum": ["newest", "queue"], "default": "newest"}),
        ),
    ];
    map(json!({
        "/v1/batches": {"post": {
            "operationId": "batch", "summary": "Runs several calls as one batch",
            "requestBody": {"required": true, "content": {"application/json": {"schema": reference("BatchRequest")}}},
            "responses": with_problems(json!({"200": json_of("Batch", "It has ended."), "202": json_of("Batch", "It \
             is still running.")}),
                &["400", "401", "403", "404", "409", "413", "415", "429", "503", "507"])}},
        "/v1/batches/{id}": {
            "parameters": [path("id")],
            "get": {"operationId": "show_batch", "summary": "The status of a batch, call by call",
                "responses": with_problems(json!({"200": json_of("Batch", "The batch.")}), &["401", "403", "404", "503"])}},
        "/v1/jobs": {"get": {
            "operationId": "jobs", "summary": "Jobs, newest first, or waiting jobs in queue order", "parameters": page,
            "responses": with_problems(json!({"200": json_of("Jobs", "A page of them.")}), &["400", "401", "403", "503"])}},
        "/v1/jobs/queue": {"post": {
            "operationId": "change_queue", "summary": "Pauses, drains or resumes an app's queue",
            "requestBody": {"required": true, "content": {"application/json": {"schema": reference("QueueChange")}}},
            "responses": with_problems(json!({"200": json_of("Queue", "Its status.")}),
                &["400", "401", "403", "404", "413", "415", "503", "507"])}},
        "/v1/jobs/{id}": {
            "parameters": [path("id")],
            "get": {"operationId": "job", "summary": "A job with its arguments, attempts and outcome",
                "responses": with_problems(json!({"200": json_of("Job", "The job.")}), &["401", "403", "404", "503"])},
            "patch": {"operationId": "change_job", "summary": "Changes a waiting job, or runs an \
             ended one again",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("JobChange")}}},
                "responses": with_problems(json!({"200": json_of("Job", "The job after the change.")}),
                    &["400", "401", "403", "404", "409", "413", "415", "429", "503", "507"])},
            "delete": {"operationId": "cancel_job", "summary": "Cancels a job",
                "responses": with_problems(json!({"200": json_of("Job", "The job after the change.")}), &["401", "403", "404", "503"])}
        }
    }))
}

pub(super) fn schemas() -> Map<String, Value> {
    let mut all = words();
    all.extend(jobs());
    all.extend(asked());
    all
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn words() -> Map<String, Value> {
    map(json!({
        "JobStatus": {"enum": ["queued", "leased", "running", "succeeded", "failed", "timed_out", "cancelled", "interrupted", "dead"]},
        "Durability": {"enum": ["fsync", "journal"]},
        "Priority": {"type": ["integer", "null"], "minimum": 0, "maximum": 9, "description": "9 \
         goes first."},
        "Time": {"type": ["string", "null"], "format": "date-time"},
        "Retry": {"type": ["object", "null"], "additionalProperties": false, "properties": {
            "max": {"type": "integer", "minimum": 0, "maximum": 100}, "backoff_ms": {"type": ["integer", "null"], "minimum": 0}}},
        "Labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "Select": {"type": ["object", "null"], "additionalProperties": false, "description": "Which instances may run it, instead of one by name.",
            "properties": {"version": text_or_null(), "mode": {"enum": ["background", "gui", "module", null]},
                "label": text_or_null(), "file": text_or_null()}}
    }))
}

fn jobs() -> Map<String, Value> {
    let time = time();
    map(json!({
        "Attempt": {"type": "object", "required": ["attempt", "instance", "started_at", "status"], "properties": {
            "attempt": {"type": "integer"}, "instance": {"type": "string"}, "started_at": time, "ended_at": time,
            "status": reference("JobStatus"), "problem": reference("Problem")}},
        "Job": {"type": "object",
            "required": ["call_id", "app", "command", "caller", "status", "asked_at", "priority", "labels", "after", "durability", "attempt", "paused"],
            "properties": {
                "call_id": {"type": "string"}, "correlation_id": text_or_null(), "app": {"type": "string"},
                "instance": {"type": "string"}, "command": {"type": "string"}, "subject": {"type": "string"}, "caller": {"type": "string"},
                "status": reference("JobStatus"), "why": {"type": "string"}, "asked_at": time, "started_at": time, "ended_at": time,
                "position": {"type": "integer"}, "progress": reference("Progress"), "priority": {"type": "integer"},
                "not_before": time, "deadline": time, "timeout_ms": {"type": "integer"}, "retry": reference("Retry"),
                "idempotency_key": {"type": "string"}, "labels": reference("Labels"),
                "after": {"type": "array", "items": {"type": "string"}}, "select": reference("Select"),
                "durability": reference("Durability"), "attempt": {"type": "integer"}, "paused": {"type": "boolean"},
                "value": {}, "output": reference("Output"), "duration_ms": {"type": "number"}, "changes": reference("Changes"),
                "memory": reference("Memory"), "problem": reference("Problem"),
                "attempts": {"type": "array", "items": reference("Attempt")}, "args": {"type": "object"}}},
        "Queue": {"type": "object", "required": ["app", "paused", "draining"], "properties": {
            "app": {"type": "string"}, "paused": {"type": "boolean"}, "draining": {"type": "boolean"}}},
        "Jobs": {"type": "object", "required": ["jobs", "counts", "queues"], "properties": {
            "jobs": {"type": "array", "items": reference("Job")}, "next_cursor": {"type": "string"},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
            "queues": {"type": "array", "items": reference("Queue")}}},
        "Refused": {"type": "object", "required": ["problem"], "properties": {"problem": reference("Problem")}},
        "Forgotten": {"type": "object", "required": ["call_id"], "additionalProperties": false, "properties": {"call_id": {"type": "string"}}},
        "Batch": {"type": "object", "required": ["batch_id", "status", "outcomes", "waiting", "not_run"], "properties": {
            "batch_id": {"type": "string"}, "status": {"enum": ["running", "succeeded", "failed"]},
            "outcomes": {"type": "array", "items": {"anyOf": [reference("Call"), reference("Refused"), reference("Forgotten")]}},
            "waiting": {"type": "integer"}, "not_run": {"type": "integer"}}}
    }))
}

fn asked() -> Map<String, Value> {
    map(json!({
        "JobChange": {"type": "object", "additionalProperties": false, "properties": {
            "priority": reference("Priority"),
            "not_before": {"type": ["string", "null"], "description": "An empty string removes it."},
            "deadline": {"type": ["string", "null"], "description": "An empty string removes it."},
            "retry": reference("Retry"), "labels": {"anyOf": [reference("Labels"), {"type": "null"}]},
            "args": {"type": ["object", "null"]},
            "place": {"anyOf": [{"enum": ["first", "last", null]}, {"type": "object", "required": ["before"], "additionalProperties": false,
                "properties": {"before": {"type": "string"}}}]},
            "paused": {"type": ["boolean", "null"]}, "status": {"enum": ["queued", null]},
            "confirm": {"type": ["string", "null"], "description": "The value from a \
             confirmation_required problem."}}},
        "QueueChange": {"type": "object", "required": ["app"], "additionalProperties": false, "properties": {
            "app": {"type": "string"}, "paused": {"type": ["boolean", "null"]}, "drain": {"type": ["boolean", "null"]}}},
        "BatchRequest": {"type": "object", "required": ["calls"], "additionalProperties": false, "properties": {
            "calls": {"type": "array", "minItems": 1, "maxItems": 1000, "items": reference("CallRequest")},
            "on_error": {"enum": ["stop", "continue"], "default": "stop"},
            "wait": {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0}], "default": true},
            "durable": {"anyOf": [{"type": "boolean"}, reference("Durability")]}}}
    }))
}
