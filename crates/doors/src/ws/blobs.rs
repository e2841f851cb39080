//! Blobs over a WebSocket: up in pieces, down a piece at a time.
//!
//! In come pieces in order, several blobs beside each other; out come their names. They are stored as by
//! `PUT /v1/blobs`. Going down, one request gives one piece, so that a large blob waits in no queue.

use std::collections::HashMap;
use std::io::SeekFrom;

use axum::extract::ws::Message;
use hub::Hub;
use hub::callers::{Caller, Scope};
use hub::policy::{Seen, may_see, require};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::time::Instant;
use wire::{Code, Problem};

use super::frame::{self, BlobGet, Id, Piece};
use crate::blobs::over_the_bound;
use crate::limits;
use crate::upload::{self, Upload};

/// Blobs on their way up.
pub(crate) struct Uploads {
    /// Of all connections.
    all: upload::Uploads,
    rising: HashMap<Id, Rising>,
}

struct Rising {
    upload: Upload,
    bytes: u64,
    heard: Instant,
}

/// All pieces of a blob have come; its hash is still being made.
pub(crate) struct Whole {
    upload: Upload,
    media_type: Option<String>,
}

impl Uploads {
    pub(crate) fn new(all: upload::Uploads) -> Self {
        Self {
            all,
            rising: HashMap::new(),
        }
    }

    /// Gives up what has brought nothing for long; gives whose it was.
    pub(crate) fn given_up(&mut self) -> impl Iterator<Item = (Id, Problem)> {
        let silent = self
            .rising
            .extract_if(|_, one| one.heard.elapsed() > limits::WS_UPLOAD_SILENCE_MAX);
        silent.map(|(id, _)| {
            let seconds = limits::WS_UPLOAD_SILENCE_MAX.as_secs();
            let problem = Problem::new(
                Code::BODY_LATE,
                format!("No piece of the blob arrived for {seconds} s; it was dropped."),
            );
            (id, problem.hint("Start again at offset 0."))
        })
    }

    /// Takes a piece; gives the blob when it was its last one. A slow disk makes it wait.
    pub(crate) async fn take(
        &mut self,
        hub: &Hub,
        caller: &Caller,
        piece: Piece,
    ) -> Result<Option<Whole>, Problem> {
        require(caller, Scope::Write, || "store a blob".to_owned())?;
        let mut rising = match self.rising.remove(&piece.id) {
            Some(rising) if rising.bytes == piece.offset => rising,
            None if piece.offset == 0 => self.begin(hub, caller, &piece)?,
            // What was there before is given up: its sender is confused.
            _ => {
                return Err(Problem::new(
                    Code::BODY_MALFORMED,
                    "A piece of a blob arrived out of order.",
                )
                .hint("Send the pieces of each `id` in order, starting at offset 0."));
            }
        };
        rising.bytes += piece.bytes.len() as u64;
        rising.heard = Instant::now();
        rising.upload.write(piece.bytes).await?;
        if rising.bytes >= piece.total {
            return Ok(Some(Whole {
                upload: rising.upload,
                media_type: piece.media_type,
            }));
        }
        self.rising.insert(piece.id, rising);
        Ok(None)
    }

    fn begin(&self, hub: &Hub, caller: &Caller, piece: &Piece) -> Result<Rising, Problem> {
        if piece.total > hub::limits::BLOB_BYTES_MAX {
            return Err(over_the_bound());
        }
        if self.rising.len() >= limits::WS_UPLOADS_MAX {
            return Err(Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "{} blobs are already being uploaded over this connection.",
                    limits::WS_UPLOADS_MAX
                ),
            )
            .hint("Finish one before starting another."));
        }
        Ok(Rising {
            upload: Upload::begin(&self.all, hub, caller, piece.blob.clone())?,
            bytes: 0,
            heard: Instant::now(),
        })
    }
}

impl Whole {
    /// What `PUT /v1/blobs` answers too.
    pub(crate) async fn stored(self) -> Result<Value, Problem> {
        let (name, bytes) = self.upload.finish().await?;
        let mut stored = json!({"$blob": name, "bytes": bytes});
        if let Some(media_type) = self.media_type {
            stored["media_type"] = media_type.into();
        }
        Ok(stored)
    }
}

/// One piece of a blob as a frame of bytes.
pub(crate) async fn fetch(
    hub: Hub,
    caller: Caller,
    id: Id,
    mut wanted: BlobGet,
) -> Result<Message, Problem> {
    may_see(&caller, Seen::Blob)?;
    wanted.blob = hub.blob_name(&wanted.blob)?;
    let path = hub.blobs().path(&wanted.blob)?;
    let gone = |error: std::io::Error| {
        tracing::warn!(%error, blob = wanted.blob, "a blob was removed while it was being read");
        Problem::new(
            Code::BLOB_UNKNOWN,
            format!("There is no blob `{}`.", wanted.blob),
        )
    };
    let mut file = tokio::fs::File::open(&path).await.map_err(gone)?;
    let total = file.metadata().await.map_err(gone)?.len();
    if wanted.offset > total || (wanted.offset == total && total > 0) {
        return Err(Problem::new(
            Code::RANGE_INVALID,
            format!("`{}` is {total} bytes long.", wanted.blob),
        ));
    }
    let length = wanted.length.unwrap_or(u64::MAX).min(total - wanted.offset);
    let length = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .min(limits::WS_PIECE_BYTES_MAX);
    let mut raw = vec![0; length];
    file.seek(SeekFrom::Start(wanted.offset))
        .await
        .map_err(gone)?;
    file.read_exact(&mut raw).await.map_err(gone)?;
    let head = json!({"id": id, "blob": wanted.blob, "offset": wanted.offset, "total": total});
    Ok(frame::piece(&head, &raw))
}
