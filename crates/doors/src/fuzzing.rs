//! Openings for the fuzzer (`fuzz/`): every decoder of this crate that is not public, with what must hold of
//! it. Compiled with `--cfg fuzzing` only. A broken promise is a panic.

use std::net::SocketAddr;

use axum::extract::ws::Message;
use bytes::Bytes;
use serde_json::{Value, json};
use wire::event::Position;

use crate::mcp::fuzzing as mcp;
use crate::{blobs, envelope, forms, guard, limits, texts, ws};

/// A text frame of the WebSocket: read, or refused with a sentence under the asker's own id.
pub fn ws_text(text: &str) {
    match ws::frame::read(text) {
        Ok(asked) => {
            let Message::Text(told) = ws::frame::tell("pong", &asked.id, &json!({})) else {
                panic!("an answer is text");
            };
            let told: serde_json::Value = serde_json::from_str(&told).expect("an answer is JSON");
            let said: serde_json::Value = serde_json::from_str(text).expect("it was read");
            assert_eq!(told.get("id"), said.get("id").filter(|id| !id.is_null()));
        }
        Err(unread) => {
            assert!(!unread.problem.message.is_empty());
            ws::frame::problem(&unread.id, &unread.problem);
        }
    }
}

/// A message of the envelope dialect: read, or refused with a sentence; an answer has its three members.
pub fn envelope(text: &str) {
    let origin = match envelope::read(text.as_bytes()) {
        Ok(message) => message.origin,
        Err(unread) => {
            assert!(!unread.problem.message.is_empty() && unread.problem.hint.is_some());
            unread.origin
        }
    };
    let told = envelope::tell("pong", &origin, json!({}));
    assert_eq!(told.as_object().map(serde_json::Map::len), Some(3));
}

/// The body of a request: looked through before it is read, and then read, or refused with a sentence.
pub fn body(text: &[u8]) {
    for form in [texts::Form::Request, texts::Form::Mcp] {
        match texts::check(form, text) {
            Err(problem) => assert!(!problem.message.is_empty()),
            Ok(()) => {
                if let Ok(Value::Object(body)) = serde_json::from_slice(text) {
                    let ways = ["args", "calls", "change", "payload", "params"];
                    let short = body
                        .iter()
                        .filter(|(name, _)| !ways.contains(&name.as_str()));
                    short.for_each(|(_, value)| assert!(is_short(value)));
                }
            }
        }
    }
    let refused = [
        forms::read_after::<wire::CallRequest>(text, |_| {}).err(),
        forms::read_after::<wire::BatchRequest>(text, |_| {}).err(),
        forms::read_after::<wire::JobChange>(text, |_| {}).err(),
        forms::read_after::<hub::launch::LaunchRequest>(text, |_| {}).err(),
        forms::read_after::<hub::callers::TokenChange>(text, |_| {}).err(),
    ];
    for unfit in refused.into_iter().flatten() {
        assert!(!unfit.message.is_empty());
    }
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= limits::TEXT_BYTES_MAX,
        Value::Array(items) => items.iter().all(is_short),
        Value::Object(map) => map.values().all(is_short),
        _ => true,
    }
}

/// A frame of bytes: a piece inside its blob, or refused with a sentence; what is written is read again.
pub fn ws_piece(payload: &[u8]) {
    match ws::frame::read_piece(&Bytes::copy_from_slice(payload)) {
        Ok(piece) => {
            assert!(piece.offset + piece.bytes.len() as u64 <= piece.total);
            let head = json!({"id": "again", "offset": piece.offset, "total": piece.total});
            let Message::Binary(again) = ws::frame::piece(&head, &piece.bytes) else {
                panic!("a piece is bytes");
            };
            let again = ws::frame::read_piece(&again).expect("what was written can be read");
            assert_eq!((again.offset, again.bytes), (piece.offset, piece.bytes));
        }
        Err(unread) => assert!(!unread.problem.message.is_empty()),
    }
}

/// The headers that a request is judged by, and the marks that come back with one.
pub fn headers(text: &str, total: u64) {
    if let Some((start, end)) = blobs::part_of(text, total) {
        assert!(
            start < end && end <= total,
            "{start}..{end} of {total}: {text}"
        );
    }
    let address: SocketAddr = ([127, 0, 0, 1], 7420).into();
    if guard::names_us(text, address) {
        let name = text.trim_end_matches(":7420");
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_number = bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
        assert!(
            is_number || name.eq_ignore_ascii_case("localhost"),
            "`{text}` passes for this machine"
        );
    }
    if let Some(position) = Position::parse(text) {
        assert_eq!(Position::parse(&position.to_string()), Some(position));
    }
    mcp::texts(text);
}
