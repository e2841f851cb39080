//! What a subscriber of the feed may hear, and what it is told when it begins without a past.
//!
//! The position is taken first and then what is known, so that nothing is lost between the two; an event
//! may tell once more what the snapshot has told. It changes nothing and keeps nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast;
use wire::event::Why;
use wire::{CallId, Code, Event, Position, Problem, Resync, Status, Topic};

use super::Hub;
use crate::call::Call;
use crate::callers::Caller;
use crate::feed::Subscription;
use crate::limits;
use crate::policy::{Seen, may_see};
use crate::store::CallsWanted;

impl Hub {
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.feed.listen()
    }

    /// Hears events by topic, from a position on or from now on. With the subscription comes what is
    /// known, unless it resumes where an earlier one ended.
    ///
    /// # Errors
    /// `forbidden` for others' calls and states without `read`, `call_unknown`, `arguments_invalid`.
    pub fn subscribe(
        &self,
        caller: &Caller,
        topics: Vec<Topic>,
        since: Option<&Position>,
    ) -> Result<(Subscription, Option<Resync>), Problem> {
        may_hear(self, caller, &topics)?;
        let (subscription, why) = self.0.feed.subscribe(topics, since);
        let resync = why.map(|why| known(self, caller, &subscription, why));
        Ok((subscription, resync))
    }

    /// Where the feed stands now.
    #[must_use]
    pub fn feed_position(&self) -> Position {
        self.0.feed.position()
    }
}

/// The same rules as for asking: instances are seen by everybody, one's own calls too, all else by `read`.
fn may_hear(hub: &Hub, caller: &Caller, topics: &[Topic]) -> Result<(), Problem> {
    if topics.is_empty() || topics.len() > limits::FEED_TOPICS_MAX {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "A subscription can have 1 to {} topics; this one has {}.",
                limits::FEED_TOPICS_MAX,
                topics.len()
            ),
        )
        .hint("The topics are calls, instances, state, jobs and call:<id>."));
    }
    topics.iter().try_for_each(|topic| match topic {
        Topic::Instances => may_see(caller, Seen::Status),
        Topic::Calls | Topic::Jobs => may_see(caller, Seen::History),
        Topic::State => may_see(caller, Seen::State),
        Topic::Call(id) => may_see(caller, Seen::Call(&*hub.call(id)?)),
    })
}

/// What is known of the topics, at the subscription's position.
fn known(hub: &Hub, caller: &Caller, subscription: &Subscription, why: Why) -> Resync {
    let topics = subscription.topics();
    let position = subscription.position();
    let instances = topics
        .iter()
        .any(|topic| matches!(topic, Topic::Instances | Topic::State))
        .then(|| hub.instances());
    let mut calls = calls_of(hub, topics);
    let calls_left_out = calls.as_ref().map_or(0, |calls| {
        calls.len().saturating_sub(limits::SNAPSHOT_CALLS_MAX)
    });
    if let Some(calls) = &mut calls {
        calls.truncate(limits::SNAPSHOT_CALLS_MAX);
    }
    Resync {
        position,
        why,
        instances,
        calls: calls.map(|calls| {
            calls
                .iter()
                .map(|call| hub.view_for(caller, call))
                .collect()
        }),
        calls_left_out,
        jobs: topics.contains(&Topic::Jobs).then(|| hub.job_snapshot()),
    }
}

/// Calls under way, oldest first, and the named ones also after their end.
fn calls_of(hub: &Hub, topics: &[Topic]) -> Option<Vec<Arc<Call>>> {
    let mut found: BTreeMap<CallId, Arc<Call>> = BTreeMap::new();
    let mut asked = false;
    for topic in topics {
        match topic {
            Topic::Calls => {
                asked = true;
                for status in [Status::Queued, Status::Running] {
                    let wanted = CallsWanted {
                        limit: usize::MAX,
                        status: Some(status),
                        ..CallsWanted::default()
                    };
                    let (_, calls) = hub.history(&wanted);
                    found.extend(calls.into_iter().map(|call| (call.id.clone(), call)));
                }
            }
            Topic::Call(id) => {
                asked = true;
                found.extend(hub.call(id).ok().map(|call| (id.clone(), call)));
            }
            Topic::Instances | Topic::State | Topic::Jobs => {}
        }
    }
    asked.then(|| found.into_values().collect())
}
