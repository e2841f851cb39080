//! An id by its beginning, as people type it: what it may be of, and the one that it can only mean.
//!
//! What fits several is a problem that names them; ids of others are known only to those who may see them. Where ids are
//! looked up is decided by who asks ([`crate::Hub::call_id`]).

use wire::{CallId, Code, Problem};

use crate::callers::{Caller, Scope};
use crate::limits::CANDIDATES_MAX;
use crate::store::{JobStore, Like};

/// What the ids of calls and jobs begin with.
pub(crate) const CALL: &str = "call_";

/// And those of batches.
pub(crate) const BATCH: &str = "batch_";

/// And the names of blobs.
pub(crate) const BLOB: &str = "sha256:";

/// A beginning that is shorter means nothing.
pub(crate) const BEGINNING_CHARS_MIN: usize = 4;

/// A ULID is so long.
pub(crate) const ULID_CHARS: usize = 26;

/// And the digits of a blob's hash.
pub(crate) const DIGEST_CHARS: usize = 64;

/// The ids of jobs.
///
/// # Errors
/// As [`crate::Hub::call_id`].
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

pub(crate) fn like(caller: &Caller, prefix: String) -> Like {
    let sees_all = caller.scopes.has(Scope::Read);
    Like {
        prefix,
        caller: (!sees_all).then(|| caller.id.clone()),
        limit: CANDIDATES_MAX + 1,
    }
}

/// The only one, or the one that is exactly that.
pub(crate) fn only(
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
