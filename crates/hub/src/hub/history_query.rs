//! What the hub remembers: the calls of this run and those of earlier ones as one history, and how it is
//! purged.
//!
//! In come queries of doors; out come calls. Those of this run are in memory, with all that they gave; what is
//! older comes from the store, masked and bounded. It writes nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use time::OffsetDateTime;
use tokio::time::Instant;
use wire::{CallId, CallView, Event, Problem};

use super::{Hub, Inner};
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::limits;
use crate::policy::{self, Seen};
use crate::store::CallsWanted;

/// A part of the history.
pub struct Remembered {
    /// From when on every ended call is remembered, but for those left out.
    pub since: OffsetDateTime,
    /// Calls of this run that could not be written down; they are forgotten with this run.
    pub left_out: u64,
    /// Newest first.
    pub calls: Vec<Arc<Call>>,
}

/// What a purge has taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Forgotten {
    pub calls: u64,
    pub jobs: u64,
    pub blobs: u64,
}

impl Hub {
    /// Calls of this and of earlier runs, newest first.
    ///
    /// # Errors
    /// `store_failed`.
    pub async fn remembered(&self, wanted: &CallsWanted) -> Result<Remembered, Problem> {
        let history = &self.0.records.history;
        let (_, recent) = self.history(wanted);
        let mut calls: BTreeMap<CallId, Arc<Call>> = history
            .store()
            .list(wanted.clone())
            .await?
            .into_iter()
            .map(|record| {
                (
                    record.view.call_id.clone(),
                    Arc::new(Call::remembered(record)),
                )
            })
            .collect();
        // What memory has is newer and whole.
        calls.extend(recent.into_iter().map(|call| (call.id.clone(), call)));
        Ok(Remembered {
            since: self.remembers_since(),
            left_out: history.left_out(),
            calls: calls.into_values().rev().take(wanted.limit).collect(),
        })
    }

    /// A call of this run or an earlier one.
    ///
    /// # Errors
    /// `call_unknown`, `store_failed`.
    pub async fn remembered_call(&self, id: &CallId) -> Result<Arc<Call>, Problem> {
        match self.past_call(id).await? {
            Some(call) => Ok(call),
            None => self.call(id),
        }
    }

    /// How everybody may see a call: with its arguments, without secrets.
    #[must_use]
    pub fn masked_view(&self, call: &Call) -> CallView {
        let mut view = self.view(call);
        view.args = call.shown_args(&self.0.masking);
        self.0.masking.view(&mut view);
        view
    }

    /// How that caller may see a call: who asked gets what the app gave, everybody else gets it without secrets.
    #[must_use]
    pub fn view_for(&self, caller: &Caller, call: &Call) -> CallView {
        let mut view = self.view(call);
        if call.caller.id != caller.id {
            self.0.masking.view(&mut view);
        }
        if policy::may_see(caller, Seen::Status).is_err() {
            // Whose call runs before one's own is not one's own.
            view.behind = None;
        }
        view
    }

    /// The same with its arguments, as the history shows them: without secrets for all.
    #[must_use]
    pub fn view_with_args_for(&self, caller: &Caller, call: &Call) -> CallView {
        let mut view = self.view_for(caller, call);
        view.args = call.shown_args(&self.0.masking);
        view
    }

    /// An event as everybody may hear it: whoever follows a call that is not his own.
    pub fn mask_event(&self, event: &mut Event) {
        self.0.masking.event(event);
    }

    /// A text as everybody may see it.
    #[must_use]
    pub fn masked_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.masking.text(text)
    }

    /// Forgets ended calls and jobs that were asked before that time; without one, all.
    ///
    /// # Errors
    /// `forbidden` without `admin`, `store_failed`.
    pub async fn purge_history(
        &self,
        caller: &Caller,
        before: Option<OffsetDateTime>,
    ) -> Result<Forgotten, Problem> {
        policy::require(caller, Scope::Admin, || "purge the history".to_owned())?;
        let history = &self.0.records.history;
        // What waits to be written down is older than the purge.
        history.flush().await?;
        let purged = history.store().purge(before).await?;
        let until = before.unwrap_or_else(OffsetDateTime::now_utc);
        let jobs = self.0.stores.jobs.forget_ended(until, true).await?;
        let recent = self.0.records.journal.forget(before);
        let blobs = self.remove_blobs(purged.blobs).await;
        tracing::info!(caller = %caller.name, calls = purged.calls, jobs, "the history was purged");
        Ok(Forgotten {
            calls: purged.calls.max(recent.len() as u64),
            jobs,
            blobs,
        })
    }

    /// Keeps the bounds of the configuration, now and then, for as long as the hub lives.
    pub(super) async fn keep_bounds(inner: Weak<Inner>) {
        let mut aged = None;
        while let Some(hub) = inner.upgrade().map(Self) {
            let stopping = hub.0.stopping.clone();
            let mut kept = hub.forget_most().await;
            if aged.is_none_or(|at: Instant| at.elapsed() >= limits::HISTORY_LOOK) {
                aged = Some(Instant::now());
                kept = kept.and(hub.forget_old().await);
            }
            if let Err(problem) = kept {
                tracing::warn!(%problem, "the history exceeds its limits");
            }
            drop(hub);
            tokio::select! {
                () = tokio::time::sleep(limits::HISTORY_SIZE_LOOK) => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    /// Keeps what is stored in its room; whoever has most forgets first.
    async fn forget_most(&self) -> Result<(), Problem> {
        let bytes_max = self.0.config.history.keep_mb.saturating_mul(1_000_000);
        let purged = self.0.records.history.store().shrink(bytes_max).await?;
        self.remove_blobs(purged.blobs).await;
        let jobs = self.0.stores.jobs.shrink(bytes_max).await?;
        if purged.calls + jobs > 0 {
            let calls = purged.calls;
            tracing::info!(calls, jobs, "what has no room was forgotten");
        }
        Ok(())
    }

    async fn forget_old(&self) -> Result<(), Problem> {
        let bounds = &self.0.config.history;
        let store = self.0.records.history.store();
        // A clock that jumps ahead makes everything old. It is believed when two looks have seen it there.
        let now = OffsetDateTime::now_utc();
        let now = now.min(store.looked_at(now).await?);
        let kept = time::Duration::days(bounds.keep_days.into());
        if let Some(before) = now.checked_sub(kept) {
            let purged = store.purge(Some(before)).await?;
            let jobs = self.0.stores.jobs.forget_ended(before, false).await?;
            if purged.calls + jobs > 0 {
                tracing::info!(calls = purged.calls, jobs, "old entries were removed");
            }
            self.remove_blobs(purged.blobs).await;
        }
        Ok(())
    }

    async fn remove_blobs(&self, names: Vec<String>) -> u64 {
        if names.is_empty() {
            return 0;
        }
        let blobs = Arc::clone(&self.0.blobs);
        let removing = tokio::task::spawn_blocking(move || {
            names.iter().filter(|name| blobs.remove(name)).count()
        });
        removing.await.unwrap_or(0) as u64
    }

    /// From when on ended calls are remembered.
    pub(crate) fn remembers_since(&self) -> OffsetDateTime {
        let stored = self.0.records.history.store().since();
        stored.min(self.0.records.journal.since())
    }

    /// One of an earlier run; nothing when it is of this one or unknown.
    pub(crate) async fn past_call(&self, id: &CallId) -> Result<Option<Arc<Call>>, Problem> {
        if self.0.records.journal.get(id).is_some() {
            return Ok(None);
        }
        let record = self.0.records.history.store().get(id).await?;
        Ok(record.map(|record| Arc::new(Call::remembered(record))))
    }
}
