//! Calls on their way, for whoever asked for them: queued, started, progress, output, ended.
//!
//! In come calls and the hub's events; out come only the events of these calls, in the order in which
//! things happened, each end exactly once. It serves the event streams of HTTP and the WebSocket. Who follows
//! somebody else's call hears it without secrets. It cancels nothing, and it listens only while it has open calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::call::Call;
use hub::callers::Caller;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use wire::{CallId, CallView, Event, InstanceName, Problem, Progress, Status};

/// How long places in a queue may be out of date: often enough for a reader, rare beside the calls.
const PLACES_LOOK: Duration = Duration::from_millis(500);
/// Waiting calls whose places are told anew: those that are next; finding a place costs a look at the
/// whole queue.
const PLACES_MAX: usize = 16;

/// What has happened to a call.
pub(crate) enum News {
    /// It waits, and its place or who runs before it is another than was told.
    Queued(Box<CallView>),
    Started {
        call_id: CallId,
        instance: InstanceName,
    },
    Progress {
        call_id: CallId,
        progress: Progress,
    },
    Output {
        call_id: CallId,
        stream: String,
        text: String,
    },
    Ended(Arc<Call>),
    /// So many events of the whole hub were missed; ends are never among them.
    Lagged(u64),
}

/// Follows calls to their ends.
pub(crate) struct Follower {
    hub: Hub,
    /// Who follows.
    caller: Caller,
    listener: Option<broadcast::Receiver<Event>>,
    /// Calls whose end has not been told, the oldest first.
    open: BTreeMap<CallId, Open>,
    ready: VecDeque<News>,
    /// Some may have ended without an event that was heard.
    may_have_ended: bool,
    /// When places are to be looked at.
    places_at: Option<Instant>,
}

struct Open {
    call: Arc<Call>,
    /// What was last told of its place.
    told: (Option<usize>, Option<CallId>),
}

impl Follower {
    pub(crate) fn new(hub: Hub, caller: Caller) -> Self {
        Self {
            hub,
            caller,
            listener: None,
            open: BTreeMap::new(),
            ready: VecDeque::new(),
            may_have_ended: false,
            places_at: None,
        }
    }

    /// Listens from now on. Before a call is asked for, so that nothing of it is missed.
    pub(crate) fn listen(&mut self) {
        if self.listener.is_none() {
            self.listener = Some(self.hub.listen());
        }
    }

    /// Follows that call; gives how it stands.
    pub(crate) fn add(&mut self, call: &Arc<Call>) -> CallView {
        self.listen();
        let view = self.view(call);
        self.may_have_ended = true;
        let open = Open {
            call: Arc::clone(call),
            told: place(&view),
        };
        self.open.insert(call.id.clone(), open);
        view
    }

    /// How a call stands, for who follows.
    pub(crate) fn view(&self, call: &Call) -> CallView {
        self.hub.view_for(&self.caller, call)
    }

    /// Calls whose end has not been told.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// What happened next. Waits for as long as there are open calls; nothing when there is none. Can be
    /// dropped while it waits without losing anything.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Some(news);
            }
            if self.open.is_empty() {
                self.listener = None;
                self.places_at = None;
                return None;
            }
            let listener = self.listener.as_mut()?;
            // What came before the end is told before the end, so events go first.
            match listener.try_recv() {
                Ok(event) => self.take(event),
                Err(TryRecvError::Lagged(missed)) => self.lagged(missed),
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) if self.may_have_ended => self.tell_ended(),
                Err(TryRecvError::Empty) => {
                    let places = self.places_at;
                    tokio::select! {
                        heard = listener.recv() => match heard {
                            Ok(event) => self.take(event),
                            Err(RecvError::Lagged(missed)) => self.lagged(missed),
                            Err(RecvError::Closed) => return None,
                        },
                        () = until(places), if places.is_some() => self.tell_places(),
                    }
                }
            }
        }
    }

    fn take(&mut self, mut event: Event) {
        let open = event.call_id().and_then(|id| self.open.get(id));
        if open.is_some_and(|open| open.call.caller.id != self.caller.id) {
            self.hub.mask_event(&mut event);
        }
        if matches!(event, Event::CallStarted { .. } | Event::CallEnded { .. }) {
            self.places_at
                .get_or_insert_with(|| Instant::now() + PLACES_LOOK);
        }
        let news = match event {
            Event::CallStarted { call_id, instance } if self.open.contains_key(&call_id) => {
                News::Started { call_id, instance }
            }
            Event::CallProgress { call_id, progress } if self.open.contains_key(&call_id) => {
                News::Progress { call_id, progress }
            }
            Event::CallOutput {
                call_id,
                stream,
                text,
            } if self.open.contains_key(&call_id) => News::Output {
                call_id,
                stream,
                text,
            },
            Event::CallEnded { call } => match self.open.remove(&call.call_id) {
                Some(open) => News::Ended(open.call),
                None => return,
            },
            _ => return,
        };
        self.ready.push_back(news);
    }

    fn lagged(&mut self, missed: u64) {
        self.may_have_ended = true;
        self.ready.push_back(News::Lagged(missed));
    }

    /// Calls that had ended before anybody listened, or whose end was among the missed.
    fn tell_ended(&mut self) {
        self.may_have_ended = false;
        let ended = self
            .open
            .extract_if(.., |_, open| open.call.status().is_end());
        self.ready
            .extend(ended.map(|(_, open)| News::Ended(open.call)));
    }

    fn tell_places(&mut self) {
        self.places_at = None;
        let waiting = self
            .open
            .values_mut()
            .filter(|open| open.call.status() == Status::Queued);
        for open in waiting.take(PLACES_MAX) {
            let view = self.hub.view_for(&self.caller, &open.call);
            let now = place(&view);
            if view.status == Status::Queued && now != open.told {
                open.told = now;
                self.ready.push_back(News::Queued(Box::new(view)));
            }
        }
    }
}

/// How a call that has ended is told: itself, or the problem when it ended without having run.
pub(crate) fn ended(hub: &Hub, caller: &Caller, call: &Call) -> Result<CallView, Box<Problem>> {
    let view = hub.view_for(caller, call);
    let never_ran = !call.has_started() && view.status == Status::Interrupted;
    let problem = view.outcome.as_ref().and_then(|o| o.problem.as_ref());
    match problem.filter(|_| never_ran) {
        Some(problem) => Err(Box::new(problem.clone())),
        None => Ok(view),
    }
}

fn place(view: &CallView) -> (Option<usize>, Option<CallId>) {
    let behind = view.behind.as_ref().map(|behind| behind.call_id.clone());
    (view.position, behind)
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
