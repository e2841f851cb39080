//! The WebSocket door (`/v1/ws`): calls, events and blobs over one connection that stays.
//!
//! In come frames of text (JSON) and bytes (blobs); out go answers that carry the asker's `id`. Here is
//! how a connection begins and ends; what is asked in between is [`session`]'s. It decides nothing: what
//! a caller may do is the hub's business, as on every door. The messages are in
//! `docs/reference/websocket.md`.
//!
//! ```text
//! upgrade (Host, Origin) ─ hello with a token, header or cookie ─> welcome ─ session ─> close with a reason
//!            └── no valid token within HELLO_TIMEOUT ───────────────────────────────────┘
//! ```

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Method};
use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use hub::callers::Caller;
use hub::shares::Share;
use tokio::task::JoinHandle;
use wire::{Code, Problem};

use crate::connection::Connection;
use crate::door::Door;
use crate::problem::Answer;
use crate::proof::{Proof, unauthenticated};
use crate::{envelope, limits};

mod blobs;
mod enveloped;
pub(crate) mod frame;
mod jobs;
mod outbox;
mod session;
pub(crate) mod welcome;

use frame::{Asked, Id, Said};
use outbox::{Close, Outbox};
use session::Session;

/// `GET /v1/ws`. Host and Origin were checked before.
pub(crate) async fn open(
    State(door): State<Door>,
    connection: Option<Extension<Arc<Connection>>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    opened(door, connection, &headers, upgrade, Id::default())
}

/// `GET /v1/ws/envelope`: the same in envelopes.
pub(crate) async fn open_enveloped(
    State(door): State<Door>,
    connection: Option<Extension<Arc<Connection>>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    opened(
        door,
        connection,
        &headers,
        upgrade,
        Id::Envelope(Arc::default()),
    )
}

/// `nobody`: whom it tells what nobody asked for, in the connection's dialect.
fn opened(
    door: Door,
    connection: Option<Extension<Arc<Connection>>>,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    nobody: Id,
) -> Answer {
    let connection = connection.map(|Extension(connection)| connection);
    let known = match known_by_its_request(&door, headers)? {
        Some((caller, proof)) => Some(seated(&door, connection.as_deref(), caller, proof)?),
        None => None,
    };
    let upgrade = upgrade.map_err(|rejection| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("This request does not open a WebSocket: {rejection}."),
        )
        .hint("Use a WebSocket client, or make the same calls with POST /v1/calls.")
    })?;
    let open = door.sockets.open.clone();
    let response = upgrade
        .read_buffer_size(limits::WS_BUFFER_BYTES)
        .write_buffer_size(limits::WS_BUFFER_BYTES)
        .max_message_size(limits::WS_MESSAGE_BYTES_MAX)
        .max_frame_size(limits::WS_MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| {
            open.track_future(serve(door, connection, socket, known, nobody))
        });
    Ok(response)
}

/// A caller with a place for its WebSocket.
struct Seated {
    caller: Caller,
    proof: Proof,
    _place: Share,
}

fn seated(
    door: &Door,
    connection: Option<&Connection>,
    caller: Caller,
    proof: Proof,
) -> Result<Seated, Problem> {
    let place = door.sockets.take(&caller)?;
    if let Some(connection) = connection {
        connection.prove(&caller)?;
        connection.carries(door.bodies.part(&caller));
    }
    Ok(Seated {
        caller,
        proof,
        _place: place,
    })
}

/// Whose request it is, if it says so by itself: by the header, or as the dashboard's page by its cookie.
fn known_by_its_request(
    door: &Door,
    headers: &HeaderMap,
) -> Result<Option<(Caller, Proof)>, Problem> {
    let Some(proof) = Proof::of(door.address, &Method::GET, headers)? else {
        return Ok(None);
    };
    match proof.caller(&door.hub) {
        Some(caller) => Ok(Some((caller, proof))),
        None => Err(proof.unknown()),
    }
}

/// One connection to its end.
async fn serve(
    door: Door,
    connection: Option<Arc<Connection>>,
    socket: WebSocket,
    known: Option<Seated>,
    nobody: Id,
) {
    let (sink, mut incoming) = socket.split();
    let outbox = Arc::new(Outbox::default());
    let writing = tokio::spawn(outbox::write(Arc::clone(&outbox), sink));
    let greeted = match known {
        // In envelopes an `init` asks for the welcome.
        Some(known) => Ok((known, matches!(nobody, Id::Mark(_)).then(Id::default))),
        None => {
            let greeted = greet(&door, connection.as_deref(), &mut incoming, &nobody);
            tokio::time::timeout(limits::WS_HELLO_TIMEOUT, greeted)
                .await
                .unwrap_or_else(|_| Err(Refusal::late(&nobody)))
        }
    };
    let last_word = match greeted {
        Ok((seated, id)) => {
            let Seated {
                caller,
                proof,
                _place,
            } = seated;
            tracing::info!(caller = %caller.name, "a WebSocket is open");
            let (told, who) = (Arc::clone(&outbox), (caller, proof));
            let mut session = Session::new(door.hub, door.uploads, who, told, nobody);
            if let Some(id) = id {
                session.greet(&id);
            }
            let close = session.run(&mut incoming, connection.as_deref()).await;
            tracing::info!(caller = %session.caller_name(), why = close.reason, "a WebSocket ends");
            close
        }
        Err(Refusal { problem, close }) => {
            if let Some(problem) = problem {
                outbox.push(frame::problem(&nobody, &problem));
            }
            close
        }
    };
    outbox.close(&last_word);
    hear_out(&mut incoming, writing, &last_word).await;
}

/// A connection that is closed with unread bytes is reset, and the last word would be lost. So whoever
/// still sends is heard out for a while; what cannot be read at all stays unread for that while. Where nothing can be
/// written any more nobody is left.
async fn hear_out(
    incoming: &mut SplitStream<WebSocket>,
    mut writing: JoinHandle<bool>,
    last_word: &Close,
) {
    let it_closes = async {
        if last_word.is_for_what_cannot_be_read() {
            std::future::pending::<()>().await;
        }
        while let Some(Ok(_)) = incoming.next().await {}
    };
    let both = async {
        tokio::pin!(it_closes);
        tokio::select! {
            written = &mut writing => {
                if written.unwrap_or(false) {
                    it_closes.await;
                }
            }
            () = &mut it_closes => {
                (&mut writing).await.ok();
            }
        }
    };
    tokio::time::timeout(limits::WS_CLOSE_TIMEOUT, both)
        .await
        .ok();
    writing.abort();
}

/// Why a connection gets no session.
struct Refusal {
    problem: Option<Box<Problem>>,
    close: Close,
}

impl Refusal {
    fn late(nobody: &Id) -> Self {
        let seconds = limits::WS_HELLO_TIMEOUT.as_secs();
        let problem = Problem::new(
            Code::UNAUTHENTICATED,
            format!(
                "No {} with a token arrived within {seconds} s.",
                first_word(nobody)
            ),
        )
        .hint(first_frame(nobody));
        Self::because(problem, Close::LATE)
    }

    fn full(problem: Problem) -> Self {
        Self::because(problem, Close::FULL)
    }

    fn because(problem: Problem, code: u16) -> Self {
        let close = Close::new(code, &problem.message);
        Self {
            problem: Some(Box::new(problem)),
            close,
        }
    }
}

/// The first frame, which shows a token.
async fn greet(
    door: &Door,
    connection: Option<&Connection>,
    incoming: &mut SplitStream<WebSocket>,
    nobody: &Id,
) -> Result<(Seated, Option<Id>), Refusal> {
    let first = loop {
        match incoming.next().await {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(not_a_hello(nobody)),
            Some(Err(error)) => {
                return Err(Refusal {
                    problem: None,
                    close: Close::malformed(&error),
                });
            }
            None | Some(Ok(Message::Close(_))) => {
                return Err(Refusal {
                    problem: None,
                    close: Close::new(Close::NORMAL, "it left before it said hello"),
                });
            }
        }
    };
    let Some((id, token)) = shown(&first, nobody) else {
        return Err(not_a_hello(nobody));
    };
    match door.hub.authenticate(&token) {
        Some(caller) => seated(door, connection, caller, Proof::Token(token))
            .map(|seated| (seated, Some(id)))
            .map_err(Refusal::full),
        None => {
            let problem = unauthenticated(!token.is_empty())
                .hint("In a terminal, `kapelle token show` prints the owner's token.");
            Err(Refusal::because(problem, Close::UNAUTHENTICATED))
        }
    }
}

/// The token that a first frame shows.
fn shown(first: &str, nobody: &Id) -> Option<(Id, String)> {
    if matches!(nobody, Id::Mark(_)) {
        return match frame::read(first) {
            Ok(Asked {
                id,
                said: Said::Hello { token },
            }) => Some((id, token.unwrap_or_default())),
            _ => None,
        };
    }
    let mut message = envelope::read(first.as_bytes()).ok()?;
    let token = message.take_token().unwrap_or_default();
    message
        .is_init()
        .then(|| (Id::Envelope(Arc::new(message.origin)), token))
}

fn first_word(nobody: &Id) -> &'static str {
    match nobody {
        Id::Mark(_) => "hello",
        Id::Envelope(_) => "message `init`",
    }
}

fn first_frame(nobody: &Id) -> &'static str {
    match nobody {
        Id::Mark(_) => r#"Send {"type":"hello","token":"…"} as the first frame."#,
        Id::Envelope(_) => r#"Send {"type":"init","payload":{"token":"…"}} as the first message."#,
    }
}

fn not_a_hello(nobody: &Id) -> Refusal {
    let message = format!(
        "The first frame must be a {} with a token.",
        first_word(nobody)
    );
    let problem = Problem::new(Code::UNAUTHENTICATED, message).hint(first_frame(nobody));
    Refusal::because(problem, Close::UNAUTHENTICATED)
}
