//! Jobs that an earlier reach, or an earlier link, had handed over: what became of them.
//!
//! In come the store's open jobs at the start, bridges that are back with what they know, processes that
//! are gone. A job whose own process knows it goes on there; one that its process does not know certainly
//! never started and is queued again; one whose process is gone may have run, and [`super::ends`] decides.
//! As long as the process lives and does not speak, the job waits for it.

use std::sync::Arc;

use wire::link::Announcement;
use wire::{CallId, CallerId, JobStatus, Problem};

use super::ends;
use super::record::{Open, attempt_id, job_of};
use super::state::{Jobs, News};
use super::unsettled::Unsettled;
use crate::clock::now_millis;
use crate::corridor::Ran;
use crate::process::birth;
use crate::store::Parts;

impl Jobs {
    /// Takes in what the store has; `known`: the callers of all tokens. Blocks on the disk.
    pub(super) fn recover(&self, known: Vec<CallerId>) -> Result<(), Problem> {
        let store = &self.kept.store;
        store.adopt(known)?;
        let (open_jobs, queues) = (store.open_jobs()?, store.queues()?);
        let mut room = self.lock();
        let room = &mut *room;
        let now = now_millis();
        for queue in queues {
            room.order.pause_app(&queue.app, queue.paused);
            if queue.draining {
                room.draining.insert(queue.app);
            }
        }
        for job in open_jobs {
            let place = self.place_of_stored(&job);
            let mut open = Open::new(job, place);
            open.notes.keep_near(now);
            let id = open.job.id.clone();
            if open.job.status == JobStatus::Queued {
                room.order.add(open.entry(open.notes.after.clone()), now);
            } else {
                room.order.add_claimed(open.entry(Vec::new()));
                room.unsettled.insert(id.clone(), Unsettled::of(&open));
            }
            room.open.insert(id, open);
        }
        Ok(())
    }

    /// Jobs that wait for others which have ended meanwhile.
    pub(super) async fn look_at_earlier(self: &Arc<Self>) {
        let store = &self.kept.store;
        let mut ended: Vec<CallId> = {
            let room = self.lock();
            let waited_for = room.open.values().flat_map(|open| &open.notes.after);
            waited_for
                .filter(|earlier| !room.open.contains_key(*earlier))
                .cloned()
                .collect()
        };
        ended.sort_unstable();
        ended.dedup();
        let jobs = match store.jobs(ended.clone(), Parts::NONE).await {
            Ok(jobs) => jobs,
            Err(problem) => {
                tracing::warn!(%problem, "the outcomes of earlier jobs cannot be read");
                return;
            }
        };
        for id in ended {
            let status = jobs.iter().find(|job| job.id == id).map(|job| job.status);
            self.earlier_ended(&id, status.unwrap_or(JobStatus::Succeeded));
        }
    }

    /// One that is not kept any more ended long ago; that it succeeded was seen when the other was asked for
    /// or it was cancelled then.
    fn earlier_ended(self: &Arc<Self>, id: &CallId, status: JobStatus) {
        if status == JobStatus::Succeeded {
            return self.lock().order.succeeded(id, now_millis());
        }
        let followers = self.lock().order.followers(id);
        for follower in followers {
            self.end_unclaimed(&follower, ends::after_failed(id, status));
        }
    }

    /// Whether that is the attempt of a job which the process of that session was given.
    pub(crate) fn is_leased_to(&self, known: &CallId, session: &str) -> bool {
        let (id, number) = job_of(known);
        let room = self.lock();
        let of_session = |unsettled: &Unsettled| {
            let mark = unsettled.mark.as_ref();
            mark.is_some_and(|mark| mark.session == session)
        };
        room.unsettled.get(&id).is_some_and(of_session)
            && room
                .open
                .get(&id)
                .is_some_and(|open| open.job.attempt == number)
    }

    /// A bridge has said all that it knows. When its list is `complete`, what it was given and does not know never
    /// started; one that was loaded anew in the same process has forgotten what the earlier one knew.
    pub(crate) fn bridge_is_back(&self, said: &Announcement, complete: bool) {
        let born = said.pid.and_then(birth);
        let mut room = self.lock();
        let mut found = Vec::new();
        for (id, unsettled) in &room.unsettled {
            let Some(mark) = &unsettled.mark else {
                continue;
            };
            if mark.session == said.session {
                let ran = if complete { Ran::No } else { Ran::Maybe };
                found.push((id.clone(), ran));
            } else if said.pid.is_some() && mark.pid == said.pid && mark.born == born {
                found.push((id.clone(), Ran::Maybe));
            }
        }
        for (id, ran) in found {
            let Some(open) = room.open.get(&id) else {
                continue;
            };
            let outcome = match ran {
                Ran::No => ends::never_seen(),
                _ => ends::process_gone(open.notes.repeatable),
            };
            let attempt = attempt_id(&id, open.job.attempt);
            room.unsettled.remove(&id);
            room.news.push(News::Ended(attempt, Box::new(outcome), ran));
        }
        drop(room);
        self.wake.notify_one();
    }

    /// Processes that are gone with jobs of theirs.
    pub(super) fn look_at_unsettled(&self) {
        let mut room = self.lock();
        let gone: Vec<CallId> = room
            .unsettled
            .iter()
            .filter(|(_, unsettled)| !unsettled.lives())
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            room.unsettled.remove(&id);
            if let Some(open) = room.open.get(&id) {
                let outcome = ends::process_gone(open.notes.repeatable);
                let attempt = attempt_id(&id, open.job.attempt);
                let news = News::Ended(attempt, Box::new(outcome), Ran::Maybe);
                room.news.push(news);
                self.wake.notify_one();
            }
        }
    }
}
