//! An id by its beginning, as people type it: of a call, a job, a batch or a blob.
//!
//! In comes what somebody typed; out comes the one id that it can only mean. A whole id is given back without a look
//! anywhere, and so is what fits nothing: whoever looks it up says what is unknown. What fits several is a problem that
//! names them; ids of others are known only to those who may see them.

use wire::{CallId, Problem};

use super::Hub;
use crate::callers::Caller;
use crate::id_prefix::{
    BATCH, BEGINNING_CHARS_MIN, BLOB, CALL, DIGEST_CHARS, ULID_CHARS, like, only,
};
use crate::limits::CANDIDATES_MAX;

impl Hub {
    /// The id of a call or a job; `last` needs no look here.
    ///
    /// # Errors
    /// `id_ambiguous` with the ids that it may be, `store_failed`.
    pub async fn call_id(&self, caller: &Caller, typed: &str) -> Result<CallId, Problem> {
        let rest = typed.strip_prefix(CALL).unwrap_or(typed);
        let is_one = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_one && rest.len() == ULID_CHARS {
            return Ok(CallId::from(format!("{CALL}{}", rest.to_ascii_uppercase())));
        }
        if !is_one || !(BEGINNING_CHARS_MIN..=ULID_CHARS).contains(&rest.len()) {
            return Ok(CallId::new(typed));
        }
        let like = |prefix: String| like(caller, prefix);
        // Ids are in capitals; few people type them so.
        let mut forms = vec![format!("{CALL}{rest}")];
        let capitals = format!("{CALL}{}", rest.to_ascii_uppercase());
        if capitals != forms[0] {
            forms.push(capitals);
        }
        let mut found = Vec::new();
        for prefix in forms {
            let like = like(prefix);
            found.extend(self.0.records.journal.like(&like));
            found.extend(self.0.records.history.store().like(like.clone()).await?);
            found.extend(self.0.stores.jobs.like(like).await?);
        }
        let whole = format!("{CALL}{rest}");
        Ok(match only("call", typed, &whole, found)? {
            Some(id) => CallId::from(id),
            None => CallId::new(typed),
        })
    }

    /// The id of a batch.
    ///
    /// # Errors
    /// As [`Self::call_id`].
    pub async fn batch_id(&self, caller: &Caller, typed: &str) -> Result<String, Problem> {
        let rest = typed.strip_prefix(BATCH).unwrap_or(typed);
        let whole = format!("{BATCH}{}", rest.to_ascii_lowercase());
        if rest.len() < BEGINNING_CHARS_MIN || !rest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(typed.to_owned());
        }
        let like = like(caller, whole.clone());
        let mut found = self.0.batches.like(&like);
        found.extend(self.0.stores.jobs.batches_like(like).await?);
        Ok(only("batch", typed, &whole, found)?.unwrap_or_else(|| typed.to_owned()))
    }

    /// The name of a blob.
    ///
    /// # Errors
    /// `id_ambiguous` with the names that it may be.
    pub fn blob_name(&self, typed: &str) -> Result<String, Problem> {
        let digits = typed
            .strip_prefix(BLOB)
            .unwrap_or(typed)
            .to_ascii_lowercase();
        let is_one = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let whole = format!("{BLOB}{digits}");
        if is_one && digits.len() == DIGEST_CHARS {
            return Ok(whole);
        }
        if !is_one || !(BEGINNING_CHARS_MIN..=DIGEST_CHARS).contains(&digits.len()) {
            return Ok(typed.to_owned());
        }
        let found = self.0.blobs.like(&digits, CANDIDATES_MAX + 1);
        Ok(only("blob", typed, &whole, found)?.unwrap_or_else(|| typed.to_owned()))
    }
}
