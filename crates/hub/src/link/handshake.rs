//! Both sides prove by HMAC over both nonces that they know the bridge token; neither sends it.

use std::sync::Arc;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use wire::frame::{FRAME_BYTES_MAX, Frame, FrameError};
use wire::link::{Announcement, FromBridge, FromHub, MAGIC, PROTOCOL, Side, proof_text};
use wire::{Code, Problem};

use super::links::Links;
use super::outbox::Outbox;
use super::reader::{Ended, Reader};
use crate::confine::link_file;
use crate::home::random_hex;
use crate::instance::Instance;
use crate::limits;
use crate::strangers::Stranger;

/// Why a connection is not taken, in the language that the other side seems to speak.
pub(super) enum Refusal {
    Problem(Problem),
    Http(FrameError),
    /// Closed before it said enough; there is nobody to tell.
    Gone,
}

impl Refusal {
    /// For who says nothing, or not enough.
    pub(super) fn late() -> Self {
        let seconds = limits::HANDSHAKE_TIMEOUT.as_secs();
        Self::Problem(
            Problem::new(
                Code::HANDSHAKE_REFUSED,
                format!("The handshake was not completed within {seconds} s."),
            )
            .hint("Connect again and send `hello` at once."),
        )
    }

    pub(super) fn problem(&self) -> String {
        match self {
            Self::Problem(problem) => problem.message.clone(),
            Self::Http(error) => error.to_string(),
            Self::Gone => "it went away".to_owned(),
        }
    }

    pub(super) async fn send(self, outbox: &Outbox) {
        match self {
            Self::Problem(problem) => {
                outbox.send(&FromHub::Refused {
                    problem: Box::new(problem),
                });
            }
            Self::Http(error) => {
                let body = format!("{error}.\n");
                outbox.send_raw(
                    format!(
                        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    )
                    .into_bytes(),
                );
            }
            Self::Gone => {}
        }
        outbox.finish().await;
    }
}

/// Who has proved what.
pub(super) struct Greeted {
    pub(super) announcement: Announcement,
    /// The confined instance whose secret it was; with the bridge token none.
    pub(super) confined: Option<Arc<Instance>>,
}

/// Steps 1 to 3 of the handshake; `welcome` is said by who knows the instance's name.
pub(super) async fn greet(
    links: &Links,
    reader: &mut Reader,
    outbox: &Outbox,
    stranger: &Stranger,
) -> Result<Greeted, Refusal> {
    reader.allow(limits::HELLO_BYTES_MAX);
    let FromBridge::Hello {
        magic,
        protocol,
        nonce,
        launch,
    } = message(reader).await?
    else {
        return Err(Refusal::Problem(Problem::new(
            Code::FRAME_MALFORMED,
            "The first message must be `hello`.",
        )));
    };
    if magic != MAGIC || protocol != PROTOCOL {
        return Err(Refusal::Problem(
            Problem::new(
                Code::PROTOCOL_MISMATCH,
                format!("The bridge speaks `{magic}` version {protocol}; this hub speaks `{MAGIC}` version {PROTOCOL}."),
            )
            .hint(wire::hint![
                "Install the bridge that belongs to this links. To compare the versions: ",
                wire::Step::terminal("doctor"),
            ]),
        ));
    }
    stranger.is_heard();
    let (secret, confined) = match &launch {
        None => (links.bridge_token.clone(), None),
        Some(launch) => {
            let instance = links.roster.confined(launch).ok_or_else(unknown_launch)?;
            (
                link_file::secret(&links.bridge_token, launch),
                Some(instance),
            )
        }
    };
    let own_nonce = random_hex(16).map_err(Refusal::Problem)?;
    outbox.send(&FromHub::Challenge {
        magic: MAGIC.to_owned(),
        protocol: PROTOCOL,
        nonce: own_nonce.clone(),
        proof: prove(&secret, Side::Hub, &nonce, &own_nonce),
    });
    let expected = prove(&secret, Side::Bridge, &nonce, &own_nonce);
    let FromBridge::Proof {
        proof,
        mut announcement,
    } = read(announced(links, reader, &expected).await)?
    else {
        return Err(Refusal::Problem(Problem::new(
            Code::FRAME_MALFORMED,
            "The second message must be `proof`.",
        )));
    };
    if !bool::from(expected.as_bytes().ct_eq(proof.as_bytes())) {
        return Err(Refusal::Problem(
            Problem::new(Code::HANDSHAKE_REFUSED, "The bridge's token is not the one this hub \
             uses.")
                .hint("The bridge and the hub must use the same KAPELLE_HOME; the bridge reads its tokens/bridge each time it connects."),
        ));
    }
    reader.allow(FRAME_BYTES_MAX);
    if let Some(instance) = &confined {
        instance
            .vouch_for(&mut announcement)
            .map_err(Refusal::Problem)?;
    }
    Ok(Greeted {
        announcement: *announcement,
        confined,
    })
}

fn unknown_launch() -> Refusal {
    Refusal::Problem(
        Problem::new(
            Code::HANDSHAKE_REFUSED,
            "The hub has no confined instance of that launch.",
        )
        .hint("It was stopped or restarted; this process can exit."),
    )
}

/// The second message. A large one is heard whole from who has proved itself at its beginning; of others a few at
/// once, so that strangers cannot fill memory.
async fn announced(links: &Links, reader: &mut Reader, expected: &str) -> Result<Frame, Ended> {
    let first = reader.frame(|| ()).await;
    if !matches!(first, Err(Ended::Malformed(FrameError::TooLong(..)))) {
        return first;
    }
    while reader.begun().len() < limits::PROOF_WITHIN_BYTES {
        reader.more().await?;
    }
    let beginning = &reader.begun()[..limits::PROOF_WITHIN_BYTES];
    let has_proved = beginning
        .windows(expected.len())
        .any(|text| bool::from(text.ct_eq(expected.as_bytes())));
    let _place = match has_proved {
        true => None,
        false => links.large_announcements.acquire().await.ok(),
    };
    reader.allow(limits::ANNOUNCEMENT_BYTES_MAX);
    reader.frame(|| ()).await
}

async fn message(reader: &mut Reader) -> Result<FromBridge, Refusal> {
    read(reader.frame(|| ()).await)
}

fn read(frame: Result<Frame, Ended>) -> Result<FromBridge, Refusal> {
    match frame {
        Ok(Frame::Message(value)) => serde_json::from_value(value).map_err(|error| {
            Refusal::Problem(Problem::new(
                Code::FRAME_MALFORMED,
                format!("A handshake message is malformed: {error}."),
            ))
        }),
        Ok(Frame::Piece(_)) => Err(Refusal::Problem(Problem::new(
            Code::FRAME_MALFORMED,
            "A blob was sent before the handshake.",
        ))),
        Err(Ended::Closed) => Err(Refusal::Gone),
        Err(Ended::Malformed(error @ FrameError::Http)) => Err(Refusal::Http(error)),
        Err(Ended::Malformed(error)) => Err(Refusal::Problem(Problem::new(
            Code::FRAME_MALFORMED,
            format!("{error}."),
        ))),
    }
}

fn prove(token: &str, side: Side, bridge_nonce: &str, hub_nonce: &str) -> String {
    let text = proof_text(side, bridge_nonce, hub_nonce);
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
