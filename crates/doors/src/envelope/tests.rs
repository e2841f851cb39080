//! How messages are read and answered, without a hub.

use serde_json::json;

use super::*;

fn envelope(text: &Value) -> Envelope {
    read(text.to_string().as_bytes())
        .map_err(|unread| unread.problem)
        .unwrap()
}

fn refused(text: &Value) -> Unread {
    *read(text.to_string().as_bytes()).err().unwrap()
}

#[test]
fn the_documents_form_is_read() {
    let read = envelope(
        &json!({"type": "execute", "payload": {"command": "toy.echo"},
        "metadata": {"timestamp": 1.7e12, "source": "app", "target": "toy", "correlationId": "c-1"}}),
    );
    assert_eq!(read.kind, Kind::Execute);
    assert_eq!(read.payload["command"], "toy.echo");
    assert_eq!(read.origin.target.as_deref(), Some("toy"));
    let bare = envelope(&json!({"type": "INIT", "payload": null, "metadata": null}));
    assert!(bare.is_init() && bare.payload.is_empty());
    let text = envelope(&json!({"type": "query", "payload": "{\"command\": \"a\"}",
        "metadata": "{\"correlationId\": \"7\"}"}));
    assert_eq!(text.payload["command"], "a");
    assert_eq!(text.origin.correlation_id.as_deref(), Some("7"));
}

#[test]
fn what_is_wrong_is_named_and_finds_back() {
    let near =
        refused(&json!({"type": "execute", "paylaod": {}, "metadata": {"correlationId": "c-2"}}));
    assert_eq!(
        near.problem.hint.as_deref(),
        Some("Did you mean `payload`?")
    );
    assert_eq!(
        near.origin.correlation_id.as_deref(),
        Some("c-2"),
        "the asker learns which message it was"
    );
    let kind = refused(&json!({"type": "command"}));
    assert!(
        kind.problem
            .hint
            .unwrap()
            .contains("init, execute, query, terminate")
    );
    let mark = refused(&json!({"type": "query", "metadata": {"correlationid": "x"}}));
    assert!(mark.problem.hint.unwrap().contains("`correlationId`"));
    let long = refused(&json!({"type": "query", "metadata": {"source": "x".repeat(129)}}));
    assert!(
        long.problem.message.contains("`metadata.source`"),
        "{}",
        long.problem.message
    );
    for garbage in ["", "[]", "7", "{\"type\":"] {
        assert!(read(garbage.as_bytes()).is_err(), "{garbage}");
    }
}

#[test]
fn answers_have_the_three_members_and_find_back() {
    let origin = Origin {
        source: Some("me".into()),
        target: None,
        correlation_id: Some("c".into()),
        follows: true,
    };
    let kinds = |kind: &str, body: Value| tell(kind, &origin, body);
    let call = json!({"call_id": "call_1", "instance": "toy-2", "status": "succeeded", "value": 1});
    let result = kinds("outcome", call.clone());
    assert_eq!(
        (&result["type"], &result["payload"]),
        (&json!("result"), &call)
    );
    let metadata = &result["metadata"];
    assert_eq!(
        (
            &metadata["source"],
            &metadata["target"],
            &metadata["correlationId"]
        ),
        (&json!("toy-2"), &json!("me"), &json!("c"))
    );
    assert!(
        metadata["timestamp"]
            .as_u64()
            .is_some_and(|at| at > 1_700_000_000_000)
    );
    let failed = json!({"call_id": "call_1", "instance": "toy", "status": "failed",
        "problem": {"code": "code_raised", "message": "x", "severity": "error"}});
    let error = kinds("outcome", failed);
    assert_eq!(error["type"], "error");
    assert_eq!(error["payload"]["code"], "code_raised");
    assert_eq!(error["payload"]["call"]["status"], "failed");
    assert!(
        error["payload"]["call"].get("problem").is_none(),
        "said once"
    );
    assert_eq!(
        kinds("problem", json!({"problem": {"code": "forbidden"}}))["payload"]["code"],
        "forbidden"
    );
    assert_eq!(kinds("pong", json!({}))["type"], "heartbeat");
    let queued = kinds("accepted", json!({"call_id": "call_1"}));
    assert_eq!(
        (&queued["type"], &queued["payload"]["event"]),
        (&json!("state_update"), &json!("call_queued"))
    );
    assert_eq!(
        tell("accepted", &Origin::default(), json!({}))["type"],
        "result"
    );
}

#[test]
fn an_event_goes_to_those_who_named_its_instance_or_app_or_nothing() {
    let of = |target: Option<&str>| Origin {
        target: target.map(str::to_owned),
        ..Origin::default()
    };
    let state = json!({"event": "state", "instance": "toy-2", "revision": 3});
    let view = json!({"event": "instance", "instance": {"name": "toy-2", "app": "toy"}});
    for target in [None, Some("toy-2"), Some("kapelle")] {
        assert!(event(&of(target), state.clone()).is_some(), "{target:?}");
        assert!(event(&of(target), view.clone()).is_some(), "{target:?}");
    }
    assert!(event(&of(Some("toy")), view.clone()).is_some());
    assert!(event(&of(Some("other")), state).is_none());
    assert!(event(&of(Some("other")), view).is_none());
}
