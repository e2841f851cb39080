//! Blobs on their way in over one link: their pieces come in order, one blob after the other.
//!
//! In come pieces; out go stored blobs. A piece out of its order, or bytes that are not what their name says, is a
//! fault of the bridge and ends the link. A disk that takes no more is none: the rest of that blob is heard
//! and thrown away, and the outcome that names it says so. (A link that ended there would come back with the
//! same outcome, and end again.)

use std::collections::HashMap;

use wire::Hint;
use wire::frame::{Piece, PieceHead};
use wire::link::FromBridge;
use wire::{Code, Outcome, Problem, Status};

use super::links::Links;
use crate::blobs::{Draft, blob_names};
use crate::limits;

/// What is no fault of the bridge.
const NO_ROOM: [Code; 3] = [Code::DISK_FULL, Code::HOME_UNSAFE, Code::STORE_BUSY];

pub(super) struct Incoming<'a> {
    links: &'a Links,
    part: Option<Part>,
    /// Blobs that found no room, and why.
    lost: HashMap<String, Problem>,
}

/// A blob that is not whole yet.
struct Part {
    name: String,
    /// Where the next piece begins.
    at: u64,
    /// Nothing when the disk took no more.
    draft: Option<Draft>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(links: &'a Links) -> Self {
        Self {
            links,
            part: None,
            lost: HashMap::new(),
        }
    }

    /// # Errors
    /// What ends the link: a piece out of order, a blob over the bound, bytes that are not what was claimed.
    pub(super) fn piece(&mut self, piece: Piece) -> Result<(), Problem> {
        let Piece { head, bytes } = piece;
        if head.offset == 0 {
            self.lost.remove(&head.blob);
            let draft = self.stored(&head, |links| links.blobs.draft())?;
            self.part = Some(Part {
                name: head.blob.clone(),
                at: 0,
                draft,
            });
        }
        let Some(mut part) = self
            .part
            .take()
            .filter(|part| part.name == head.blob && part.at == head.offset)
        else {
            return Err(Problem::new(
                Code::FRAME_MALFORMED,
                "A piece of a blob arrived out of order.",
            ));
        };
        part.at += bytes.len() as u64;
        if let Some(mut draft) = part.draft.take() {
            let written = self.stored(&head, |_| draft.write(&bytes))?;
            part.draft = written.map(|()| draft);
        }
        if part.at < head.total {
            self.part = Some(part);
        } else if let Some(draft) = part.draft {
            self.stored(&head, |_| draft.finish(Some(&head.blob)))?;
        }
        Ok(())
    }

    /// An outcome that names a blob which found no room has not gone well, though its call has run.
    pub(super) fn tell_of_lost(&mut self, message: &mut FromBridge) {
        let FromBridge::Outcome { outcome, .. } = message else {
            return;
        };
        if self.lost.is_empty() {
            return;
        }
        let mut names = Vec::new();
        blob_names(&outcome.value, &mut names);
        let lost: Vec<Problem> = names
            .iter()
            .filter_map(|name| self.lost.remove(name))
            .collect();
        if let Some(why) = lost.into_iter().next() {
            without_room(outcome, why);
        }
    }

    /// Does something with the disk. Nothing when it has no room; that is noted.
    fn stored<T>(
        &mut self,
        head: &PieceHead,
        what: impl FnOnce(&'a Links) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        match what(self.links) {
            Ok(done) => Ok(Some(done)),
            Err(problem) if NO_ROOM.contains(&problem.code) => {
                tracing::warn!(blob = head.blob, %problem, "a blob of a bridge cannot be stored");
                if self.lost.len() >= limits::CALL_BLOBS_MAX {
                    self.lost.clear();
                }
                self.lost.insert(head.blob.clone(), problem);
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }
}

fn without_room(outcome: &mut Outcome, why: Problem) {
    if outcome.status != Status::Succeeded {
        return;
    }
    outcome.status = Status::Failed;
    let mut problem = Problem::new(
        why.code,
        format!(
            "The call ran, but its value could not be stored: {}",
            why.message
        ),
    );
    problem = problem.hint("What it changed remains changed.");
    let more = Hint::of(&why.hint_parts);
    problem = match why.hint {
        Some(_) if !why.hint_parts.is_empty() => problem.hint_also(more),
        Some(hint) => problem.hint_also(hint),
        None => problem,
    };
    // It has run: to ask again is to do it again.
    problem.retryable = false;
    outcome.problem = Some(problem);
}
