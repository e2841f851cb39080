//! What lanes tell of attempts, and ask: under their lock, so nothing here waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wire::{CallId, InstanceName, Outcome};

use super::handles::handle_of;
use super::record::job_of;
use super::state::{Jobs, News};
use crate::attempts::{Attempts, Resumed};
use crate::call::{Call, CallParts};
use crate::callers::Caller;
use crate::corridor::Ran;

impl Attempts for Jobs {
    fn started(&self, attempt: &CallId) {
        self.lock().news.push(News::Started(attempt.clone()));
        self.wake.notify_one();
    }

    fn ended(&self, attempt: &Arc<Call>, outcome: Outcome, ran: Ran) {
        {
            let mut room = self.lock();
            room.owed.insert(attempt.id.clone());
            let news = News::Ended(attempt.id.clone(), Box::new(outcome), ran);
            room.news.push(news);
        }
        self.wake.notify_one();
    }

    fn lost(&self, attempt: &CallId) {
        self.lock().news.push(News::Lost(attempt.clone()));
        self.wake.notify_one();
    }

    fn owes(&self, attempt: &CallId) -> bool {
        self.lock().owed.contains(attempt)
    }

    /// A lane has nothing to do. Costs an atomic load when no job waits.
    fn lane_is_free(&self) {
        if self.wanted.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    fn instance_changed(&self) {
        self.look_again();
    }

    fn resume(&self, known: &CallId, instance: &InstanceName) -> Resumed {
        let (id, number) = job_of(known);
        let mut room = self.lock();
        let room = &mut *room;
        let Some(open) = room.open.get_mut(&id) else {
            return match number {
                1 => Resumed::NoJob,
                _ => Resumed::Stale,
            };
        };
        if open.job.attempt != number || !room.unsettled.contains_key(&id) {
            return Resumed::Stale;
        }
        room.unsettled.remove(&id);
        room.taken.insert(instance.clone(), id.clone());
        let handle = handle_of(open);
        handle.set_instance(instance);
        let mut parts = CallParts::unknown(
            open.job.app.clone(),
            instance.clone(),
            open.job.command.clone(),
            Caller::known_as(open.job.caller.clone()),
        );
        if let Some(timeout_ms) = open.notes.timeout_ms {
            parts.timeout = Duration::from_millis(timeout_ms);
        }
        self.kept.journal.asked(&handle);
        Resumed::Attempt(Arc::new(
            Call::with_id(known.clone(), parts).attempt_of(&handle),
        ))
    }
}
