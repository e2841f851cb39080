//! The routes of the dashboard: signing in, pictures, installing.

use serde_json::{Map, Value, json};

use super::routes::{json_of, map, path, reference, with_problems};

pub(super) fn paths() -> Map<String, Value> {
    map(json!({
        "/v1/apps/{app}/programs": {
            "parameters": [path("app")],
            "get": {"operationId": "programs", "summary": "Programs on this machine that the app \
             can be started from",
                "responses": with_problems(json!({"200": json_of("Programs", "One per version.")}), &["401", "403", "404"])},
            "post": {"operationId": "install", "summary": "Installs the bridge in one of them \
             and checks that it can reach this hub",
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Install")}}},
                "responses": with_problems(json!({"201": json_of("InstalledIn", "It reached the hub.")}), &["400", "401", "403", "404", "415", "500", "503"])}
        },
        "/v1/instances/{name}/picture": {"parameters": [path("name")], "get": {
            "operationId": "picture", "summary": "The latest picture of what it shows, for \
             somebody looking at it now",
            "responses": with_problems(json!({"200": json_of("Look", "Never taken while the \
             instance is busy, nor more often than every few seconds.")}),
                &["400", "401", "403", "404"])}},
        "/v1/calls/{id}/picture": {"parameters": [path("id")], "get": {
            "operationId": "picture_of_call", "summary": "The latest picture of a call that the \
             hub runs, such as a render farm",
            "responses": with_problems(json!({"200": {"description": "PNG, JPEG or WebP.", "content": {"image/*": {}}}}),
                &["400", "401", "403", "404"])}},
        "/v1/dashboard/links": {"post": {"operationId": "link", "summary": "Creates a link that \
         signs in one browser, once, within a minute",
            "responses": with_problems(json!({"201": {"description": "The secret is after the `#`.", "content": {"application/json": {
                "schema": {"type": "object", "required": ["url", "expires_in_s"],
                    "properties": {"url": {"type": "string"}, "expires_in_s": {"type": "integer"}}}}}}}), &["401", "403"])}},
        "/v1/dashboard/session": {
            "post": {"operationId": "sign_in", "summary": "Signs the dashboard's page in with a \
             link's secret; answers with a cookie", "security": [],
                "requestBody": {"required": true, "content": {"application/json": {"schema": reference("SignIn")}}},
                "responses": with_problems(json!({"201": json_of("Session", "Signed in.")}), &["400", "401", "403", "413", "415"])},
            "get": {"operationId": "session", "summary": "The caller and what it may do",
                "responses": with_problems(json!({"200": json_of("Session", "This caller.")}), &["401", "403"])},
            "delete": {"operationId": "sign_out", "summary": "Signs the page out",
                "responses": with_problems(json!({"200": {"description": "The cookie is no longer \
                 valid.",
                    "content": {"application/json": {"schema": {"type": "object"}}}}}), &["400", "401", "403"])}
        }
    }))
}

pub(super) fn schemas() -> Map<String, Value> {
    let text_or_null = json!({"type": ["string", "null"]});
    map(json!({
        "SignIn": {"type": "object", "required": ["key"], "additionalProperties": false,
            "properties": {"key": {"type": "string"}}},
        "Install": {"type": "object", "required": ["program"], "additionalProperties": false,
            "properties": {"program": {"type": "string"}}},
        "Program": {"type": "object", "required": ["program", "version", "module", "start", "installs"],
            "properties": {"program": {"type": "string"}, "version": text_or_null,
                "module": {"type": "boolean", "description": "Whether this is a Python that has the app as a module."},
                "start": {"type": "object", "description": "The members of a POST to /v1/instances that starts this one."},
                "installs": {"type": "boolean", "description": "Whether the app's bridge can be installed in it."}}},
        "InstalledIn": {"type": "object", "required": ["program", "version"],
            "properties": {"program": {"type": "string"}, "version": text_or_null, "bridge_version": text_or_null}},
        "Programs": {"type": "object", "required": ["programs"],
            "properties": {"programs": {"type": "array", "items": reference("Program")}}},
        "Look": {"type": "object", "required": ["picture"], "properties": {"picture": {"anyOf": [reference("Picture"), {"type": "null"}]}}},
        "Picture": {"type": "object", "required": ["$blob", "width", "height", "taken_at", "revision"], "properties": {
            "$blob": {"type": "string"}, "width": {"type": ["integer", "null"]}, "height": {"type": ["integer", "null"]},
            "taken_at": {"type": "string", "format": "date-time"}, "revision": {"type": ["integer", "null"]}}},
        "Session": {"type": "object", "required": ["caller", "scopes", "version", "token_file"], "properties": {
            "caller": {"type": "string"}, "scopes": {"type": "array", "items": {"type": "string"}},
            "version": {"type": "string"}, "token_file": {"type": "string"}}}
    }))
}
