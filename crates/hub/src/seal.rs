//! What a hub writes on a call for a later run of itself, so that a bridge cannot invent calls.
//!
//! In comes a call that is handed to a bridge; out goes its mark: a seal over what the next hub must believe (whose
//! call it is, and which), and a short note. The key lies in the home and no bridge is given it.

use std::sync::Arc;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use wire::link::KnownCall;
use wire::{AppId, CallId, Code, Problem};

use crate::call::Call;
use crate::home::{Home, fresh_token};
use crate::looks;

/// Bytes of a seal: half a SHA-256, so that it fits into a mark with a note.
const SEAL_BYTES: usize = 16;
/// Between the seal and the note.
const NOTE: char = ':';

#[derive(Clone)]
pub(crate) struct Seal {
    key: Arc<str>,
}

impl Seal {
    /// # Errors
    /// `home_unsafe` when others can read the key, or it cannot be made.
    pub(crate) fn open(home: &Home) -> Result<Self, Problem> {
        let key = match home.secret(&home.join("tokens/seal")) {
            // A hub that starts where there is no room seals for itself alone.
            Err(problem) if problem.code == Code::DISK_FULL => fresh_token()?,
            other => other?,
        };
        Ok(Self { key: key.into() })
    }

    /// The mark of a call that is handed over.
    pub(crate) fn mark(&self, call: &Call) -> String {
        let note = looks::note_of(call);
        let owner = call.caller.id.as_str();
        let seal = self.over(&call.app, &call.id, &call.command, owner, note);
        match note {
            "" => seal,
            note => format!("{seal}{NOTE}{note}"),
        }
    }

    /// Whether a hub of this home handed that call to a bridge of that app.
    pub(crate) fn is_of(&self, app: &AppId, known: &KnownCall) -> bool {
        let Some(mark) = known.mark.as_deref() else {
            return false;
        };
        let (seal, note) = mark.split_once(NOTE).unwrap_or((mark, ""));
        let Ok(seal) = hex::decode(seal) else {
            return false;
        };
        let owner = match &known.owner_id {
            Some(id) => id.as_str(),
            None => &known.owner,
        };
        self.digest(app, &known.id, &known.command, owner, note)
            .verify_truncated_left(&seal)
            .is_ok_and(|()| seal.len() == SEAL_BYTES)
    }

    fn over(&self, app: &AppId, id: &CallId, command: &str, owner: &str, note: &str) -> String {
        let whole = self.digest(app, id, command, owner, note).finalize();
        hex::encode(&whole.into_bytes()[..SEAL_BYTES])
    }

    fn digest(
        &self,
        app: &AppId,
        id: &CallId,
        command: &str,
        owner: &str,
        note: &str,
    ) -> Hmac<Sha256> {
        let mut digest = Hmac::<Sha256>::new_from_slice(self.key.as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        for part in [
            "kapelle-call-1",
            app.as_str(),
            id.as_str(),
            command,
            owner,
            note,
        ] {
            // With its length, so that no two lists of parts look alike.
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest
    }
}

/// The note of a mark.
pub(crate) fn note(mark: &str) -> &str {
    mark.split_once(NOTE).map_or("", |(_, note)| note)
}

/// Only what was sealed has a seal, and its note is the one that was sealed.
#[cfg(fuzzing)]
pub(crate) fn fuzzing_claim(app: &AppId, known: &KnownCall) {
    let seal = Seal {
        key: "k".repeat(64).into(),
    };
    let owner = known
        .owner_id
        .as_ref()
        .map_or(&*known.owner, |id| id.as_str());
    let note = known.mark.as_deref().map_or("", note);
    let right = seal.over(app, &known.id, &known.command, owner, note);
    let is_right = |mark: &str| mark.split(NOTE).next() == Some(right.as_str());
    assert!(!seal.is_of(app, known) || known.mark.as_deref().is_some_and(is_right));
    let sealed = KnownCall {
        mark: Some(right.clone()),
        ..known.clone()
    };
    assert_eq!(seal.is_of(app, &sealed), note.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_one_call_of_one_caller() {
        let seal = Seal {
            key: "k".repeat(64).into(),
        };
        let (app, id) = (AppId::from("toy"), CallId::from("call_1"));
        let mark = seal.over(&app, &id, "toy.echo", "ann", "");
        let known = |command: &str, owner: &str, mark: &str| KnownCall {
            id: id.clone(),
            command: command.to_owned(),
            owner: owner.to_owned(),
            owner_id: None,
            mark: Some(mark.to_owned()),
        };
        assert!(seal.is_of(&app, &known("toy.echo", "ann", &mark)));
        assert!(!seal.is_of(&app, &known("toy.echo", "owner", &mark)));
        assert!(!seal.is_of(&app, &known("toy.echoa", "nn", &mark)));
        assert!(!seal.is_of(&"other".into(), &known("toy.echo", "ann", &mark)));
        assert!(!seal.is_of(&app, &known("toy.echo", "ann", &format!("{mark}:picture"))));
        assert!(!seal.is_of(&app, &known("toy.echo", "ann", &mark[..2])));
        assert!(!seal.is_of(&app, &known("toy.echo", "ann", "")));
        let noted = format!(
            "{}:picture",
            seal.over(&app, &id, "toy.echo", "ann", "picture")
        );
        assert!(seal.is_of(&app, &known("toy.echo", "ann", &noted)));
        assert_eq!(note(&noted), "picture");
        assert!(noted.len() <= 64, "the protocol promises bridges no more");
    }
}
