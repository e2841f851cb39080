//! A blob on its way from a client to the disk.
//!
//! In come its bytes, at the client's pace; out comes its name. Pieces are gathered and written by threads that wait for the
//! disk only: a client that is slow, or sends no more, holds no thread, only its share of the uploads that may be under
//! way. Dropped unfinished, it leaves nothing.

use std::sync::Arc;

use bytes::Bytes;
use hub::Hub;
use hub::blobs::{Blobs, Draft};
use hub::callers::Caller;
use hub::shares::{Bound, Full, Share, Shares};
use tokio::task::{JoinHandle, spawn_blocking};
use wire::{Code, Problem};

use crate::limits;

/// The uploads of all doors of a hub.
#[derive(Clone)]
pub(crate) struct Uploads(Arc<Shares>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Shares::new(Bound {
            all: limits::UPLOADS_MAX,
            each: limits::CALLER_UPLOADS_MAX,
            kept: limits::UPLOADS_KEPT,
        }))
    }
}

pub(crate) struct Upload {
    blobs: Arc<Blobs>,
    /// The name that the bytes must have, if it is known.
    expected: Option<String>,
    /// Bytes that are not with a thread yet.
    gathered: Vec<u8>,
    writing: Option<JoinHandle<Result<Draft, Problem>>>,
    /// What is on the disk, while nothing is being written.
    draft: Option<Draft>,
    _share: Share,
}

impl Upload {
    /// # Errors
    /// `rate_limited` when too many are under way.
    pub(crate) fn begin(
        uploads: &Uploads,
        hub: &Hub,
        caller: &Caller,
        expected: Option<String>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            _share: uploads.0.take(caller, 1).map_err(too_many)?,
            blobs: hub.blobs(),
            expected,
            gathered: Vec::new(),
            writing: None,
            draft: None,
        })
    }

    /// The next bytes; a slow disk makes it wait.
    ///
    /// # Errors
    /// `body_too_large`, `store_busy`, or what the disk said.
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Problem> {
        if self.gathered.len() + piece.len() < limits::BLOB_WRITE_BYTES {
            self.gathered.extend_from_slice(&piece);
            return Ok(());
        }
        let draft = self.written().await?;
        let (blobs, gathered) = (Arc::clone(&self.blobs), std::mem::take(&mut self.gathered));
        let is_large = piece.len() > limits::BLOB_WRITE_BYTES;
        let writing = spawn_blocking(move || {
            let mut draft = draft.map_or_else(|| blobs.draft(), Ok)?;
            draft.write(&gathered)?;
            draft.write(&piece)?;
            Ok(draft)
        });
        self.writing = Some(writing);
        if is_large {
            // Its bytes count as long as its sender waits.
            self.draft = self.written().await?;
        }
        // Else the next pieces come while these are written.
        Ok(())
    }

    /// All bytes have come. Gives the blob's name and length.
    ///
    /// # Errors
    /// As of [`Upload::write`], and `blob_mismatch`.
    pub(crate) async fn finish(mut self) -> Result<(String, u64), Problem> {
        let draft = self.written().await?;
        let (blobs, rest) = (Arc::clone(&self.blobs), std::mem::take(&mut self.gathered));
        let expected = self.expected.take();
        let stored = spawn_blocking(move || {
            let mut draft = draft.map_or_else(|| blobs.draft(), Ok)?;
            draft.write(&rest)?;
            let bytes = draft.bytes();
            Ok((draft.finish(expected.as_deref())?, bytes))
        });
        stored.await.map_err(|error| broke(&error))?
    }

    /// What is on the disk so far, if anything is.
    async fn written(&mut self) -> Result<Option<Draft>, Problem> {
        match self.writing.take() {
            None => Ok(self.draft.take()),
            Some(writing) => writing.await.map_err(|error| broke(&error))?.map(Some),
        }
    }
}

fn broke(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "storing a blob panicked");
    Problem::new(Code::INTERNAL, "The blob could not be stored.")
}

fn too_many(full: Full) -> Problem {
    let (whose, count) = match full {
        Full::Own => ("of this caller", limits::CALLER_UPLOADS_MAX),
        Full::All => ("", limits::UPLOADS_MAX - limits::UPLOADS_KEPT),
    };
    Problem::new(
        Code::RATE_LIMITED,
        format!("{count} blobs {whose} are being uploaded.").replace("  ", " "),
    )
    .hint("Send the next one when one of them has finished.")
}
