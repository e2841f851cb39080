//! Progress to a client that gave a token for it: what the app says, what it prints, and a beat when it is
//! silent, so that the client sees that somebody is there.

use std::time::Duration;

use hub::Hub;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RoleServer};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;
use wire::{CallId, Event};

use super::asking::Asking;
use crate::limits;

/// The whole, as clients are told it.
const TOTAL: f64 = 100.0;
/// The protocol wants progress to grow with every word; a beat grows it by this little.
const BEAT: f64 = 0.001;

/// A printed line in a notification, in characters.
const LINE_CHARS_MAX: usize = 200;

/// Who is told, and what they know already.
pub(crate) struct Teller {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    events: Receiver<Event>,
    /// Masks what the calls say: they are somebody else's.
    masks: Option<Hub>,
    heartbeat: Duration,
    started: Instant,
    told_at: Option<Instant>,
    progress: f64,
    is_measured: bool,
    /// What came too soon after the last word.
    held_back: Option<(Option<f64>, String)>,
}

impl Teller {
    /// Begins to listen, so it stands before the call is asked for. Nothing without a token.
    pub(crate) fn of(asking: &Asking<'_>) -> Option<Self> {
        let token = asking.context.meta.get_progress_token()?;
        Some(Self {
            peer: asking.context.peer.clone(),
            token,
            events: asking.mcp.hub.listen(),
            masks: None,
            heartbeat: asking.mcp.pace.heartbeat,
            started: asking.since,
            told_at: None,
            progress: 0.0,
            is_measured: false,
            held_back: None,
        })
    }

    /// The calls are somebody else's than the client's.
    pub(crate) fn without_secrets(&mut self, hub: &Hub) {
        self.masks = Some(hub.clone());
    }

    /// Tells what comes of these calls; never ends by itself.
    pub(crate) async fn tell(&mut self, calls: &[CallId]) {
        loop {
            let pause = if self.held_back.is_some() {
                limits::PROGRESS_INTERVAL.min(self.heartbeat)
            } else {
                self.heartbeat
            };
            let beat = self.told_at.unwrap_or(self.started) + pause;
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => self.take(event, calls).await,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => std::future::pending().await,
                },
                () = tokio::time::sleep_until(beat) => {
                    if let Some((fraction, text)) = self.held_back.take() {
                        self.say(fraction, text).await;
                        continue;
                    }
                    let text = format!("at work for {} s", self.started.elapsed().as_secs());
                    self.say(None, text).await;
                }
            }
        }
    }

    /// The calls have ended: what they said before that and nobody heard yet.
    pub(crate) async fn rest(&mut self, calls: &[CallId]) {
        while let Ok(event) = self.events.try_recv() {
            if let Some(said) = self.said(event, calls) {
                self.held_back = Some(said);
            }
        }
        if let Some((fraction, text)) = self.held_back.take() {
            self.say(fraction, text).await;
        }
    }

    async fn take(&mut self, event: Event, calls: &[CallId]) {
        let Some((fraction, text)) = self.said(event, calls) else {
            return;
        };
        if self.may_speak() {
            self.say(fraction, text).await;
        } else {
            self.held_back = Some((fraction, text));
        }
    }

    /// What one of these calls says of itself, in numbers or in print.
    fn said(&self, mut event: Event, calls: &[CallId]) -> Option<(Option<f64>, String)> {
        if let Some(hub) = &self.masks {
            hub.mask_event(&mut event);
        }
        match event {
            Event::CallProgress { call_id, progress } if calls.contains(&call_id) => {
                Some((progress.fraction, progress.text))
            }
            Event::CallOutput { call_id, text, .. } if calls.contains(&call_id) => {
                let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
                Some((None, line.chars().take(LINE_CHARS_MAX).collect()))
            }
            _ => None,
        }
    }

    fn may_speak(&self) -> bool {
        self.told_at
            .is_none_or(|at| at.elapsed() >= limits::PROGRESS_INTERVAL)
    }

    async fn say(&mut self, fraction: Option<f64>, text: String) {
        self.told_at = Some(Instant::now());
        self.held_back = None;
        self.is_measured |= fraction.is_some();
        let wanted = fraction.map_or(0.0, |fraction| fraction.clamp(0.0, 1.0) * TOTAL);
        self.progress = if wanted > self.progress {
            wanted
        } else {
            self.progress + BEAT
        };
        let mut told = ProgressNotificationParam::new(self.token.clone(), self.progress);
        if self.is_measured {
            told = told.with_total(TOTAL.max(self.progress));
        }
        if !text.is_empty() {
            told = told.with_message(text);
        }
        let sent = tokio::time::timeout(limits::NOTIFY_WAIT, self.peer.notify_progress(told)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::debug!("a client does not take its progress");
        }
    }
}
