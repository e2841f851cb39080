//! An id by its beginning, as people type it: of a call, a job, a batch or a blob.
//!
//! In comes what somebody typed; out comes the one id that it can only mean. A whole id is given back without a look
//! anywhere, and so is what fits nothing: whoever looks it up says what is unknown. What fits several is a problem that
//! names them; ids of others are known only to those who may see them.

use wire::{CallId, Code, Problem};

use crate::callers::{Caller, Scope};
use crate::hub::Hub;
use crate::limits::CANDIDATES_MAX;
use crate::store::{JobStore, Like};

/// What the ids of calls and jobs begin with.
const CALL: &str = "call_";
/// And those of batches.
const BATCH: &str = "batch_";
/// And the names of blobs.
const BLOB: &str = "sha256:";
/// A beginning that is shorter means nothing.
const BEGINNING_CHARS_MIN: usize = 4;
/// A ULID is so long.
const ULID_CHARS: usize = 26;
/// And the digits of a blob's hash.
const DIGEST_CHARS: usize = 64;

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

/// The ids of jobs.
///
/// # Errors
/// As [`Hub::call_id`].
pub(crate) async fn job_ids(
    store: &dyn JobStore,
    caller: &Caller,
    typed: &[CallId],
) -> Result<Vec<CallId>, Problem> {
    let mut ids = Vec::with_capacity(typed.len());
    for one in typed {
        let rest = one.as_str().strip_prefix(CALL).unwrap_or(one.as_str());
        let whole = format!("{CALL}{}", rest.to_ascii_uppercase());
        let found = match (BEGINNING_CHARS_MIN..ULID_CHARS).contains(&rest.len()) {
            true => store.like(like(caller, whole.clone())).await?,
            false => Vec::new(),
        };
        ids.push(
            only("job", one.as_str(), &whole, found)?.map_or_else(|| one.clone(), CallId::from),
        );
    }
    Ok(ids)
}

fn like(caller: &Caller, prefix: String) -> Like {
    let sees_all = caller.scopes.has(Scope::Read);
    Like {
        prefix,
        caller: (!sees_all).then(|| caller.name.clone()),
        limit: CANDIDATES_MAX + 1,
    }
}

/// The only one, or the one that is exactly that.
fn only(
    what: &str,
    typed: &str,
    whole: &str,
    mut found: Vec<String>,
) -> Result<Option<String>, Problem> {
    found.sort_unstable();
    found.dedup();
    if let Some(at) = found.iter().position(|id| id == typed || id == whole) {
        return Ok(Some(found.swap_remove(at)));
    }
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let more = if found.len() > CANDIDATES_MAX {
        " and more"
    } else {
        ""
    };
    found.truncate(CANDIDATES_MAX);
    let message = format!("`{typed}` is the beginning of more than one {what}.");
    Err(Problem::new(Code::ID_AMBIGUOUS, message)
        .hint(format!(
            "Type more of it. It could be: {}{more}.",
            found.join(", ")
        ))
        .detail("candidates", found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(some: &[&str]) -> Vec<String> {
        some.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn one_is_meant_or_the_candidates_are_named() {
        let asked = |typed: &str, found: &[&str]| only("call", typed, typed, ids(found));
        assert_eq!(asked("call_1", &[]).unwrap(), None);
        assert_eq!(
            asked("call_1", &["call_12", "call_12"]).unwrap().as_deref(),
            Some("call_12")
        );
        assert_eq!(
            asked("call_1", &["call_12", "call_1"]).unwrap().as_deref(),
            Some("call_1"),
            "an exact one is itself"
        );
        let problem = asked("call_1", &["call_12", "call_13"]).unwrap_err();
        assert_eq!(problem.code, Code::ID_AMBIGUOUS);
        assert_eq!(problem.details["candidates"].as_array().unwrap().len(), 2);
        let many: Vec<String> = (10..30).map(|n| format!("call_{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let hint = asked("call_", &many).unwrap_err().hint.unwrap();
        assert!(
            hint.contains("call_10") && hint.ends_with("and more."),
            "{hint}"
        );
    }
}
