//! The messages of the WebSocket, both ways: reading what was asked, writing what is told.
//!
//! Text frames are JSON objects with a `type`. Bytes are pieces of blobs: `u8 1 | u16 length of the head,
//! big-endian | head as JSON | raw bytes`, the payload of a bridge's blob frame with another head. No I/O.

use std::sync::Arc;

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::{BufMut as _, Bytes, BytesMut};
use hub::feed::KeptEvent;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use wire::job::QueueChange;
use wire::{BatchRequest, CallId, CallRequest, Code, JobChange, Problem, Topic};

use crate::envelope::{self, Origin};
use crate::forms;
use crate::jobs::ListQuery;
use crate::texts::{self, Form};

/// Marks a piece of a blob, as in the bridge protocol.
const BLOB_MARK: u8 = 1;
const FORM_OF_A_PIECE: &str = "It consists of a byte 1, the length of the head in two bytes, the head as JSON, and the raw \
     bytes.";
/// Longest text that may stand as `id`, in bytes: it comes back with every answer.
const ID_BYTES_MAX: usize = 128;

/// How the frame of an event begins.
const EVENT_HEAD: &str = r#"{"type":"event""#;

/// Whose request something is about, and with it the dialect of what is told about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    /// The asker's own mark: a text or a number, or nothing. It comes back as it was.
    Mark(Value),
    /// It came as an envelope, and so goes back.
    Envelope(Arc<Origin>),
}

impl Default for Id {
    fn default() -> Self {
        Self::Mark(Value::Null)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Mark(value) => value.serialize(to),
            Self::Envelope(origin) => origin.correlation_id.serialize(to),
        }
    }
}

impl Id {
    fn of(value: Value) -> Result<Self, Problem> {
        match &value {
            Value::Null | Value::Number(_) => Ok(Self::Mark(value)),
            Value::String(text) if text.len() <= ID_BYTES_MAX => Ok(Self::Mark(value)),
            _ => Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!("`id` must be a number or a text of up to {ID_BYTES_MAX} bytes."),
            )),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// One request of a client.
pub(crate) struct Asked {
    pub(crate) id: Id,
    pub(crate) said: Said,
}

pub(crate) enum Said {
    Hello { token: Option<String> },
    Call(Box<CallRequest>),
    Cancel { call_id: CallId },
    Get(Get),
    Jobs(Box<ListQuery>),
    JobGet { call_id: CallId },
    JobChange(Box<JobChanged>),
    JobQueue(QueueChange),
    Batch(Box<BatchRequest>),
    BatchGet { batch_id: String },
    Subscribe(Subscribe),
    Unsubscribe,
    BlobGet(BlobGet),
    Ping,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Get {
    pub(crate) call_id: CallId,
    #[serde(default)]
    pub(crate) wait_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobChanged {
    pub(crate) call_id: CallId,
    pub(crate) change: JobChange,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    pub(crate) topics: Vec<Topic>,
    #[serde(default)]
    pub(crate) epoch: Option<String>,
    #[serde(default)]
    pub(crate) since: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlobGet {
    pub(crate) blob: String,
    #[serde(default)]
    pub(crate) offset: u64,
    #[serde(default)]
    pub(crate) length: Option<u64>,
}

/// What could not be read, and whose request it was as far as that could be.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) id: Id,
    pub(crate) problem: Box<Problem>,
}

/// Reads a text frame.
pub(crate) fn read(text: &str) -> Result<Asked, Unread> {
    texts::check(Form::Request, text.as_bytes()).map_err(|problem| Unread {
        id: Id::default(),
        problem: Box::new(problem),
    })?;
    let mut map: Map<String, Value> = serde_json::from_str(text).map_err(|error| Unread {
        id: Id::default(),
        problem: Box::new(malformed(format!(
            "The frame is not a JSON object: {error}."
        ))),
    })?;
    let id = Id::of(map.shift_remove("id").unwrap_or_default()).map_err(|problem| Unread {
        id: Id::default(),
        problem: Box::new(problem),
    })?;
    match said(map) {
        Ok(said) => Ok(Asked { id, said }),
        Err(problem) => Err(Unread {
            id,
            problem: Box::new(problem),
        }),
    }
}

fn said(mut map: Map<String, Value>) -> Result<Said, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Hello {
        #[serde(default)]
        token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        call_id: CallId,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct BatchNamed {
        batch_id: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    let Some(Value::String(kind)) = map.shift_remove("type") else {
        return Err(malformed("The frame has no `type`.".to_owned()));
    };
    Ok(match kind.as_str() {
        "hello" => Said::Hello {
            token: body::<Hello>(&kind, map)?.token,
        },
        "call" => Said::Call(Box::new(asked(&kind, map)?)),
        "cancel" => Said::Cancel {
            call_id: body::<Named>(&kind, map)?.call_id,
        },
        "get" => Said::Get(body(&kind, map)?),
        "jobs" => Said::Jobs(body(&kind, map)?),
        "job_get" => Said::JobGet {
            call_id: body::<Named>(&kind, map)?.call_id,
        },
        "job_change" => Said::JobChange(body(&kind, map)?),
        "job_queue" => Said::JobQueue(asked(&kind, map)?),
        "batch" => Said::Batch(Box::new(asked(&kind, map)?)),
        "batch_get" => Said::BatchGet {
            batch_id: body::<BatchNamed>(&kind, map)?.batch_id,
        },
        "subscribe" => Said::Subscribe(body(&kind, map)?),
        "unsubscribe" => body::<Nothing>(&kind, map).map(|_| Said::Unsubscribe)?,
        "blob_get" => Said::BlobGet(body(&kind, map)?),
        "ping" => body::<Nothing>(&kind, map).map(|_| Said::Ping)?,
        other => {
            let short: String = other.chars().take(40).collect();
            return Err(malformed(format!("There is no frame type `{short}`.")));
        }
    })
}

fn body<T: DeserializeOwned>(kind: &str, map: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(map))
        .map_err(|error| malformed(format!("The frame `{kind}` is not valid: {error}.")))
}

/// A frame that is a body of HTTP with a type.
fn asked<T: forms::Asked>(kind: &str, map: Map<String, Value>) -> Result<T, Problem> {
    forms::take(map).map_err(|unfit| {
        let message = format!("The frame `{kind}` is not valid: {}", unfit.message);
        Problem::new(Code::BODY_MALFORMED, message).hint(unfit.hint)
    })
}

fn malformed(message: String) -> Problem {
    Problem::new(Code::BODY_MALFORMED, message).hint(
        "The types are hello, call, cancel, get, batch, batch_get, jobs, job_get, job_change, job_queue, subscribe, \
         unsubscribe, blob_get and ping; docs/reference/websocket.md has their members.",
    )
}

/// A text frame of that type that answers that request.
pub(crate) fn tell(kind: &str, id: &Id, body: &impl Serialize) -> Message {
    if let Id::Envelope(origin) = id {
        let body = serde_json::to_value(body).unwrap_or_default();
        return text(envelope::tell(kind, origin, body));
    }
    #[derive(Serialize)]
    struct Frame<'a, T> {
        r#type: &'a str,
        #[serde(skip_serializing_if = "Id::is_none")]
        id: &'a Id,
        #[serde(flatten)]
        body: &'a T,
    }
    let frame = Frame {
        r#type: kind,
        id,
        body,
    };
    match serde_json::to_string(&frame) {
        Ok(text) => Message::Text(Utf8Bytes::from(text)),
        Err(error) => {
            tracing::error!(%error, kind, "a frame cannot be written");
            let problem = Problem::new(Code::INTERNAL, "The answer could not be written.");
            Message::Text(
                json!({"type": "problem", "id": id, "problem": problem})
                    .to_string()
                    .into(),
            )
        }
    }
}

fn text(told: Value) -> Message {
    Message::Text(told.to_string().into())
}

/// An event of the feed for that subscription, if it concerns it. Its text is not written again: it is the same
/// for all.
pub(crate) fn event(id: &Id, event: &KeptEvent) -> Option<Message> {
    let json = event.json();
    let id = match id {
        Id::Envelope(origin) => {
            let event = serde_json::from_str(json).unwrap_or_default();
            return envelope::event(origin, event).map(text);
        }
        Id::Mark(Value::Null) => String::new(),
        Id::Mark(mark) => format!(r#","id":{mark}"#),
    };
    // What stands behind the brace of the event is the rest of the frame.
    let members = json.strip_prefix('{').unwrap_or("}");
    let mut text = String::with_capacity(EVENT_HEAD.len() + id.len() + 1 + members.len());
    for part in [EVENT_HEAD, &id, ",", members] {
        text.push_str(part);
    }
    Some(Message::Text(text.into()))
}

pub(crate) fn problem(id: &Id, problem: &Problem) -> Message {
    tell("problem", id, &json!({"problem": problem}))
}

/// The head of a piece that comes from a client.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHead {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    blob: Option<String>,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    total: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
}

/// A piece of a blob on its way up.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) id: Id,
    /// The name that the whole must have.
    pub(crate) blob: Option<String>,
    pub(crate) offset: u64,
    /// Bytes of the whole blob.
    pub(crate) total: u64,
    pub(crate) media_type: Option<String>,
    pub(crate) bytes: Bytes,
}

/// Reads a frame of bytes.
pub(crate) fn read_piece(payload: &Bytes) -> Result<Piece, Unread> {
    let bad = |reason: &str| {
        let problem = Problem::new(
            Code::BODY_MALFORMED,
            format!("The binary frame is not a piece of a blob: {reason}."),
        );
        Unread {
            id: Id::default(),
            problem: Box::new(problem.hint(FORM_OF_A_PIECE)),
        }
    };
    let Some((&BLOB_MARK, rest)) = payload.split_first() else {
        return Err(bad("it does not begin with 1"));
    };
    let (length, rest) = rest
        .split_first_chunk::<2>()
        .ok_or_else(|| bad("it has no head"))?;
    let length = usize::from(u16::from_be_bytes(*length));
    let head = rest
        .get(..length)
        .ok_or_else(|| bad("its head is cut off"))?;
    let head: RawHead = serde_json::from_slice(head).map_err(|error| bad(&error.to_string()))?;
    let id = Id::of(head.id).map_err(|problem| Unread {
        id: Id::default(),
        problem: Box::new(problem),
    })?;
    let bytes = payload.slice(3 + length..);
    let end = head.offset.checked_add(bytes.len() as u64);
    let total = head.total.or(end).unwrap_or(u64::MAX);
    if end.is_none_or(|end| end > total) {
        return Err(Unread {
            id,
            ..bad("it extends beyond the end of the blob")
        });
    }
    Ok(Piece {
        id,
        blob: head.blob,
        offset: head.offset,
        total,
        media_type: head.media_type,
        bytes,
    })
}

/// A piece of a blob on its way down.
pub(crate) fn piece(head: &Value, raw: &[u8]) -> Message {
    let head = head.to_string();
    let mut bytes = BytesMut::with_capacity(3 + head.len() + raw.len());
    bytes.put_u8(BLOB_MARK);
    // A name, an id and two numbers are far below 64 kB.
    bytes.put_u16(u16::try_from(head.len()).unwrap_or(u16::MAX));
    bytes.put_slice(head.as_bytes());
    bytes.put_slice(raw);
    Message::Binary(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use hub::feed::Feed;
    use wire::Event;

    use super::*;

    fn problem_of(text: &str) -> String {
        read(text)
            .err()
            .map(|unread| unread.problem.message)
            .unwrap_or_default()
    }

    #[test]
    fn what_is_asked_is_read_and_the_rest_is_told() {
        let asked =
            read(r#"{"type":"call","id":7,"app":"toy","command":"toy.echo","args":{"a":1}}"#);
        let Ok(Asked {
            id,
            said: Said::Call(call),
        }) = asked
        else {
            panic!("no call");
        };
        assert_eq!(id, Id::Mark(json!(7)));
        assert_eq!(call.args["a"], 1);
        assert!(problem_of("[]").contains("not a JSON object"));
        assert!(problem_of("{}").contains("no `type`"));
        assert!(problem_of(r#"{"type":"dance"}"#).contains("`dance`"));
        assert!(problem_of(r#"{"type":"ping","loud":true}"#).contains("loud"));
        assert!(problem_of(r#"{"type":"ping","id":[]}"#).contains("`id`"));
        assert!(problem_of(r#"{"type":"subscribe","topics":["cals"]}"#).contains("call:<id>"));
        let unread = read(r#"{"type":"get","id":"x"}"#).err().unwrap();
        assert_eq!(
            unread.id,
            Id::Mark(json!("x")),
            "the asker learns which request it was"
        );
    }

    #[test]
    fn an_event_is_framed_as_everything_else_is() {
        let feed = Arc::new(Feed::new("e", None));
        let (mut subscription, _) = feed.subscribe(vec![Topic::State], None);
        feed.tell(|| Event::State {
            instance: "toy".into(),
            revision: 3,
            changes: None,
        });
        let kept = subscription.take(1).unwrap().remove(0);
        for id in [
            Id::default(),
            Id::Mark(json!(1)),
            Id::Mark(json!("a \"b\"")),
        ] {
            assert_eq!(event(&id, &kept).unwrap(), tell("event", &id, &**kept));
        }
    }

    #[test]
    fn pieces_are_read_as_they_are_written() {
        let Message::Binary(bytes) = piece(&json!({"id": "a", "offset": 2, "total": 5}), b"xyz")
        else {
            panic!("no bytes");
        };
        let read = read_piece(&bytes).unwrap();
        assert_eq!(
            (read.offset, read.total, &read.bytes[..]),
            (2, 5, &b"xyz"[..])
        );
        let Message::Binary(beyond) = piece(&json!({"id": "a", "offset": 3, "total": 5}), b"xyz")
        else {
            panic!("no bytes");
        };
        assert_eq!(read_piece(&beyond).unwrap_err().id, Id::Mark(json!("a")));
        for wrong in [
            &b""[..],
            b"\x02",
            b"\x01",
            b"\x01\x00",
            b"\x01\x00\x09{}",
            b"\x01\x00\x01{",
        ] {
            assert!(
                read_piece(&Bytes::copy_from_slice(wrong)).is_err(),
                "{wrong:?}"
            );
        }
    }
}
