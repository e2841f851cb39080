//! What a bridge says that it still has, and what of it is believed.
//!
//! In come the calls of an announcement; they stay if this hub knows that they are this instance's, if they bear the
//! seal of an earlier hub of this home, or if they are an attempt of a job that was leased to this very process. All
//! others are left out: they come into no lane and no history, whoever they are said to be of.

use wire::link::{Announcement, KnownCall};
use wire::{CallId, Code, Problem, Status};

use super::links::Links;
use crate::instance::Instance;
use crate::limits;

/// Whether what a bridge says of itself can be kept and shown.
///
/// # Errors
/// `frame_malformed`.
pub(super) fn bounded(said: &Announcement) -> Result<(), Problem> {
    let texts = [
        ("session", Some(said.session.as_str())),
        ("launch", said.launch.as_deref()),
        ("version", said.version.as_deref()),
        ("bridge_version", said.bridge_version.as_deref()),
        ("file", said.file.as_deref()),
    ];
    for (name, text) in texts {
        let bytes = text.map_or(0, str::len);
        if bytes > limits::ANNOUNCED_TEXT_BYTES_MAX {
            return Err(Problem::new(
                Code::FRAME_MALFORMED,
                format!(
                    "The bridge's `{name}` has {bytes} bytes; the most is {}.",
                    limits::ANNOUNCED_TEXT_BYTES_MAX
                ),
            ));
        }
    }
    Ok(())
}

/// An id that a bridge says is one that it was told, and those are short.
///
/// # Errors
/// `frame_malformed`.
pub(super) fn is_id(id: &CallId) -> Result<(), Problem> {
    if id.as_str().len() <= wire::id::NAME_BYTES_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Code::FRAME_MALFORMED,
        format!(
            "An id has {} bytes; the most is {}.",
            id.as_str().len(),
            wire::id::NAME_BYTES_MAX
        ),
    ))
}

/// Takes out what is not believed. Gives the ids of calls that wait there and must not run.
pub(super) async fn believe(
    links: &Links,
    instance: &Instance,
    said: &mut Announcement,
) -> Vec<CallId> {
    let (app, session) = (said.app.clone(), said.session.clone());
    let is_ours = |known: &KnownCall| is_of_instance(links, instance, &known.id);
    let is_proved = |known: &KnownCall| {
        links.records.seal.is_of(&app, known) || links.jobs.is_leased_to(&known.id, &session)
    };
    let mut calls = std::mem::take(&mut said.calls);
    let mut withdrawn = Vec::new();
    let before = calls.iter().count();
    calls
        .running
        .retain(|known| is_ours(known) || is_proved(known));
    calls.queued.retain(|known| {
        let stays = is_ours(known) || is_proved(known);
        if !stays && withdrawn.len() < limits::LANE_WINDOW {
            withdrawn.push(known.id.clone());
        }
        stays
    });
    let mut ended = Vec::new();
    for known in std::mem::take(&mut calls.ended) {
        if is_ours(&known) || (is_proved(&known) && !has_ended(links, &known.id).await) {
            ended.push(known);
        }
    }
    calls.ended = ended;
    let left_out = before - calls.iter().count();
    if left_out > 0 {
        tracing::warn!(instance = %instance.name, left_out, "a bridge claims calls that no hub of \
         this home can have given it; they are ignored");
    }
    said.calls = calls;
    withdrawn
}

/// A call of this run of the hub, on that instance.
fn is_of_instance(links: &Links, instance: &Instance, id: &CallId) -> bool {
    instance.lane.has(id)
        || links
            .records
            .journal
            .get(id)
            .is_some_and(|call| call.instance() == instance.name)
}

/// Whether an earlier run recorded its end. A hub that stopped recorded that it does not know it.
async fn has_ended(links: &Links, id: &CallId) -> bool {
    match links.records.history.store().get(id).await {
        Ok(Some(record)) => {
            record.view.status.is_end() && record.view.status != Status::Interrupted
        }
        _ => false,
    }
}
