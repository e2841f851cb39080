//! One caller's WebSocket while it is open: what is asked, what is told, in one task.
//!
//! In come frames, news of its own calls, events of the feed and answers that took a while; out go
//! messages into the [`Outbox`], which never waits. The session owns no work: when it ends, calls go on.
//! Who may do what is the hub's business.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SplitStream};
use hub::call::Call;
use hub::callers::Caller;
use hub::feed::Subscription;
use hub::jobs::Queued;
use hub::policy::{Seen, may_see};
use hub::{Asked as Taken, Hub};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};
use wire::call::Wait;
use wire::event::Resync;
use wire::{CallId, CallRequest, CallView, Code, Problem};

use super::blobs::{self, Uploads};
use super::frame::{self, Asked, Get, Id, Said, Subscribe};
use super::jobs;
use super::outbox::{Close, Outbox};
use crate::connection::Connection;
use crate::events::{position, whole_ids};
use crate::follow::{self, Follower, News};
use crate::proof::Proof;
use crate::{limits, upload};

/// Events taken from the feed's window at a time.
const BATCH: usize = 16;

pub(super) struct Session {
    pub(super) hub: Hub,
    pub(super) caller: Caller,
    /// Whom it tells what nobody asked for, and with that the dialect of the connection.
    pub(super) nobody: Id,
    /// Looked at again when rights change, and with every frame: a token can be taken back.
    proof: Proof,
    pub(super) outbox: Arc<Outbox>,
    follower: Follower,
    /// Which request each open call belongs to.
    requests: HashMap<CallId, Request>,
    subscriptions: Vec<(Id, Subscription)>,
    uploads: Uploads,
    /// Answers that take a while.
    waiting: FuturesUnordered<BoxFuture<'static, Message>>,
    /// Jobs that are being stored.
    storing: FuturesUnordered<BoxFuture<'static, Stored>>,
    heard: Instant,
}

/// Whose request it was, whether its end is told, and the job.
type Stored = (Id, bool, Result<Queued, Problem>);

#[derive(Clone)]
struct Request {
    id: Id,
    /// It was for all instances: its calls end one by one, and none of them is a problem by itself.
    to_all: bool,
}

impl Session {
    pub(super) fn new(
        hub: Hub,
        uploads: upload::Uploads,
        (caller, proof): (Caller, Proof),
        outbox: Arc<Outbox>,
        nobody: Id,
    ) -> Self {
        Self {
            nobody,
            follower: Follower::new(hub.clone(), caller.clone()),
            hub,
            caller,
            proof,
            outbox,
            requests: HashMap::new(),
            subscriptions: Vec::new(),
            uploads: Uploads::new(uploads),
            waiting: FuturesUnordered::new(),
            storing: FuturesUnordered::new(),
            heard: Instant::now(),
        }
    }

    pub(super) fn caller_name(&self) -> &wire::CallerName {
        &self.caller.name
    }

    /// The first word, to whoever showed a token.
    pub(super) fn greet(&mut self, id: &Id) {
        match self.is_enveloped() {
            true => self.initialised(id),
            false => self.welcome(id),
        }
    }

    fn welcome(&self, id: &Id) {
        let body = super::welcome::welcome(&self.hub, &self.caller);
        self.outbox.push(frame::tell("welcome", id, &body));
    }

    /// Serves the connection; gives the reason why it ends.
    pub(super) async fn run(
        &mut self,
        incoming: &mut SplitStream<WebSocket>,
        connection: Option<&Connection>,
    ) -> Close {
        let mut beat = tokio::time::interval(limits::WS_BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let hub = self.hub.clone();
        let outbox = Arc::clone(&self.outbox);
        // Made once: each would take the lock of the whole hub's token in every turn of the loop.
        let stopping = hub.stopping();
        tokio::pin!(stopping);
        let over = outbox.over();
        tokio::pin!(over);
        let (proof, caller) = (self.proof.clone(), self.caller.clone());
        let lost = proof.lost(&hub, &caller);
        tokio::pin!(lost);
        // Set when the hub stops: calls that end soon are still told.
        let mut ends_at: Option<Instant> = None;
        loop {
            let is_done = self.waiting.is_empty() && self.storing.is_empty();
            if ends_at.is_some() && self.follower.open() == 0 && is_done {
                return going_away();
            }
            let has_events = self.subscriptions.iter().any(|(_, one)| one.has_more());
            let follows = self.follower.open() > 0;
            tokio::select! {
                message = incoming.next() => {
                    let close = self.hear(message).await;
                    // Until then its bytes were in memory.
                    if let Some(connection) = connection {
                        connection.message_came();
                    }
                    if let Some(close) = close {
                        return close;
                    }
                }
                Some(news) = self.follower.next(), if follows => self.tell_news(news),
                Some((id, follows, stored)) = self.storing.next(), if !self.storing.is_empty() => {
                    self.queued(&id, follows, stored);
                }
                Some(answer) = self.waiting.next(), if !self.waiting.is_empty() => outbox.push(answer),
                () = outbox.room(), if has_events => {
                    if let Some(close) = self.tell_events() {
                        return close;
                    }
                }
                () = news(&mut self.subscriptions), if !has_events => {
                    if outbox.has_room()
                        && let Some(close) = self.tell_events()
                    {
                        return close;
                    }
                }
                () = &mut over => return Close::new(Close::SLOW, "slow reader"),
                problem = &mut lost => return self.forgotten(&problem),
                _ = beat.tick() => {
                    if let Some(close) = self.beat() {
                        return close;
                    }
                }
                () = &mut stopping, if ends_at.is_none() => {
                    ends_at = Some(Instant::now() + limits::WS_STOP_WAIT);
                }
                () = until(ends_at), if ends_at.is_some() => return going_away(),
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<Close> {
        self.heard = Instant::now();
        match message {
            None => return Some(Close::new(Close::NORMAL, "the connection has ended")),
            Some(Err(error)) => return Some(Close::malformed(&error)),
            Some(Ok(Message::Close(_))) => return Some(Close::new(Close::NORMAL, "it was closed")),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_)) if !self.proof.holds(&self.hub, &self.caller) => {
                return Some(self.forgotten(&self.proof.unknown()));
            }
            Some(Ok(Message::Text(text))) if self.is_enveloped() => return self.open(&text),
            Some(Ok(Message::Text(text))) => match frame::read(&text) {
                Ok(asked) => self.answer(asked).await,
                Err(unread) => self.refuse(&unread.id, &unread.problem),
            },
            Some(Ok(Message::Binary(_))) if self.is_enveloped() => {
                let problem = Problem::new(
                    Code::BODY_MALFORMED,
                    "An envelope must be a text \
                 message.",
                )
                .hint("Send blobs with PUT /v1/blobs.");
                self.refuse(&self.nobody.clone(), &problem);
            }
            Some(Ok(Message::Binary(bytes))) => self.store(bytes).await,
        }
        None
    }

    fn is_enveloped(&self) -> bool {
        matches!(self.nobody, Id::Envelope(_))
    }

    async fn answer(&mut self, Asked { id, said }: Asked) {
        match said {
            Said::Hello { .. } => self.welcome(&id),
            Said::Ping => self.outbox.push(frame::tell("pong", &id, &json!({}))),
            Said::Call(request) => self.call(id, *request),
            Said::Cancel { call_id } => {
                let end = cancelled(self.hub.clone(), self.caller.clone(), id.clone(), call_id);
                self.later(id, end);
            }
            Said::Get(get) => {
                let call = got(self.hub.clone(), self.caller.clone(), id.clone(), get);
                self.later(id, call);
            }
            Said::Jobs(query) => {
                let page = jobs::page(self.hub.clone(), self.caller.clone(), id.clone(), *query);
                self.later(id, page);
            }
            Said::JobGet { call_id } => {
                let job = jobs::show(self.hub.clone(), self.caller.clone(), id.clone(), call_id);
                self.later(id, job);
            }
            Said::JobChange(wanted) => {
                let job = jobs::change(self.hub.clone(), self.caller.clone(), id.clone(), *wanted);
                self.later(id, job);
            }
            Said::JobQueue(wanted) => {
                let queue = jobs::queue(self.hub.clone(), self.caller.clone(), id.clone(), wanted);
                self.later(id, queue);
            }
            Said::Batch(wanted) => {
                let batch = jobs::batch(self.hub.clone(), self.caller.clone(), id.clone(), *wanted);
                self.later(id, batch);
            }
            Said::BatchGet { batch_id } => {
                let (hub, caller) = (self.hub.clone(), self.caller.clone());
                let batch = jobs::batch_view(hub, caller, id.clone(), batch_id);
                self.later(id, batch);
            }
            Said::Subscribe(wanted) => self.subscribe(id, wanted).await,
            Said::Unsubscribe => self.unsubscribe(&id),
            Said::BlobGet(wanted) => {
                let piece = blobs::fetch(self.hub.clone(), self.caller.clone(), id.clone(), wanted);
                self.later(id, piece);
            }
        }
    }

    pub(super) fn call(&mut self, id: Id, request: CallRequest) {
        if self.follower.open() + self.storing.len() >= limits::WS_CALLS_MAX {
            let problem = Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "This connection already has {} calls in progress.",
                    limits::WS_CALLS_MAX
                ),
            )
            .hint("Wait for some to end; calls with `wait: false` do not count.");
            return self.refuse(&id, &problem);
        }
        let follows = request.wait != Wait::Forever(false);
        if follows {
            // Before the call can tell anything, so that nothing is missed.
            self.follower.listen();
        }
        match self.hub.ask(&self.caller, request) {
            Err(problem) => self.refuse(&id, &problem),
            Ok(Taken::Checked(checked)) => self.outbox.push(frame::tell("checked", &id, &checked)),
            Ok(Taken::Job(storing)) => {
                let stored = async move { (id, follows, storing.stored().await) };
                self.storing.push(Box::pin(stored));
            }
            Ok(Taken::One(call)) => {
                let view = self.follow(&id, &call, false, follows);
                self.outbox.push(frame::tell("accepted", &id, &view));
            }
            Ok(Taken::All(calls)) => {
                let views: Vec<CallView> = calls
                    .iter()
                    .map(|call| self.follow(&id, call, true, follows))
                    .collect();
                self.outbox
                    .push(frame::tell("accepted", &id, &json!({"calls": views})));
            }
        }
    }

    /// A job is stored, or is not.
    fn queued(&mut self, id: &Id, follows: bool, stored: Result<Queued, Problem>) {
        match stored {
            Err(problem) => self.refuse(id, &problem),
            Ok(queued) => {
                let view = self.follow(id, &queued.call, false, follows);
                self.outbox.push(frame::tell("accepted", id, &view));
            }
        }
    }

    /// Gives how the call stands, without its end: that is told by itself.
    fn follow(&mut self, id: &Id, call: &Arc<Call>, to_all: bool, follows: bool) -> CallView {
        if !follows {
            return self.hub.view_for(&self.caller, call);
        }
        let request = Request {
            id: id.clone(),
            to_all,
        };
        self.requests.insert(call.id.clone(), request);
        let mut view = self.follower.add(call);
        view.outcome = None;
        view
    }

    fn tell_news(&mut self, news: News) {
        match news {
            News::Queued(view) => self.tell_of(&view.call_id, "queued", &view),
            News::Started { call_id, instance } => {
                let body = json!({"call_id": call_id, "instance": instance});
                self.tell_of(&call_id, "started", &body);
            }
            News::Progress { call_id, progress } => {
                let body = json!({"call_id": call_id, "progress": progress});
                self.tell_of(&call_id, "progress", &body);
            }
            News::Output {
                call_id,
                stream,
                text,
            } => {
                let body = json!({"call_id": call_id, "stream": stream, "text": text});
                self.tell_of(&call_id, "output", &body);
            }
            News::Lagged(missed) => {
                let body = json!({"missed": missed});
                self.outbox.push(frame::tell("lagged", &self.nobody, &body));
            }
            News::Ended(call) => self.tell_end(&call),
        }
    }

    fn tell_of(&self, call: &CallId, kind: &str, body: &impl serde::Serialize) {
        if let Some(request) = self.requests.get(call) {
            self.outbox.push(frame::tell(kind, &request.id, body));
        }
    }

    fn tell_end(&mut self, call: &Call) {
        let Some(request) = self.requests.remove(&call.id) else {
            return;
        };
        let message = match follow::ended(&self.hub, &self.caller, call) {
            Err(problem) if !request.to_all => frame::problem(&request.id, &problem),
            _ => frame::tell("outcome", &request.id, &self.follower.view(call)),
        };
        self.outbox.push(message);
    }

    async fn subscribe(&mut self, id: Id, mut wanted: Subscribe) {
        let whole = whole_ids(&self.hub, &self.caller, &mut wanted.topics).await;
        match whole.and_then(|()| self.try_subscribe(&id, wanted)) {
            Err(problem) => self.refuse(&id, &problem),
            Ok((subscribed, resync)) => {
                self.outbox
                    .push(frame::tell("subscribed", &id, &subscribed));
                if let Some(resync) = resync {
                    self.outbox.push(frame::tell("resync", &id, &resync));
                }
            }
        }
    }

    pub(super) fn try_subscribe(
        &mut self,
        id: &Id,
        wanted: Subscribe,
    ) -> Result<(Value, Option<Resync>), Problem> {
        // The same id again stands for the earlier one.
        self.subscriptions.retain(|(own, _)| own != id);
        if self.subscriptions.len() >= limits::WS_SUBSCRIPTIONS_MAX {
            return Err(Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "This connection already has {} subscriptions.",
                    limits::WS_SUBSCRIPTIONS_MAX
                ),
            )
            .hint("A subscription can have many topics; end some with `unsubscribe`."));
        }
        let since = position(wanted.epoch, wanted.since)?;
        let (subscription, resync) =
            self.hub
                .subscribe(&self.caller, wanted.topics, since.as_ref())?;
        let at = subscription.position();
        let body = json!({"topics": subscription.topics(), "epoch": at.epoch, "seq": at.seq});
        self.subscriptions.push((id.clone(), subscription));
        Ok((body, resync))
    }

    fn unsubscribe(&mut self, id: &Id) {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|(own, _)| own != id);
        let ended = before - self.subscriptions.len();
        self.outbox
            .push(frame::tell("unsubscribed", id, &json!({"ended": ended})));
    }

    /// Brings events while there is room for them.
    fn tell_events(&mut self) -> Option<Close> {
        for (id, subscription) in &mut self.subscriptions {
            match subscription.take(BATCH) {
                Ok(told) => told
                    .iter()
                    .filter_map(|event| frame::event(id, event))
                    .for_each(|message| self.outbox.push(message)),
                Err(hub::feed::FellBehind) => return Some(self.cut_off_behind()),
            }
        }
        None
    }

    async fn store(&mut self, bytes: Bytes) {
        let piece = match frame::read_piece(&bytes) {
            Ok(piece) => piece,
            Err(unread) => return self.refuse(&unread.id, &unread.problem),
        };
        let id = piece.id.clone();
        match self.uploads.take(&self.hub, &self.caller, piece).await {
            Ok(None) => {}
            Ok(Some(whole)) => {
                let own = id.clone();
                let stored = async move { Ok(frame::tell("blob", &own, &whole.stored().await?)) };
                self.later(id, stored);
            }
            Err(problem) => self.refuse(&id, &problem),
        }
    }

    /// An answer that takes a while.
    pub(super) fn later(
        &mut self,
        id: Id,
        answer: impl Future<Output = Result<Message, Problem>> + Send + 'static,
    ) {
        if self.waiting.len() >= limits::WS_ANSWERS_MAX {
            let problem = Problem::new(
                Code::QUEUE_FULL,
                format!(
                    "This connection is still waiting for {} answers.",
                    limits::WS_ANSWERS_MAX
                ),
            )
            .hint("Wait for some of them.");
            return self.refuse(&id, &problem);
        }
        let answer = async move {
            answer
                .await
                .unwrap_or_else(|problem| frame::problem(&id, &problem))
        };
        self.waiting.push(Box::pin(answer));
    }

    pub(super) fn refuse(&self, id: &Id, problem: &Problem) {
        self.outbox.push(frame::problem(id, problem));
    }

    /// Whether it is still there, reads what it subscribed to, and may be here.
    fn beat(&mut self) -> Option<Close> {
        if self.heard.elapsed() > limits::WS_SILENCE_MAX {
            let reason = format!("no sign of life for {} s", limits::WS_SILENCE_MAX.as_secs());
            let close = Close::new(Close::LATE, &reason);
            self.outbox.cut_off(&close);
            return Some(close);
        }
        // A browser's session ends with its age, of which nobody tells.
        if !self.proof.holds(&self.hub, &self.caller) {
            return Some(self.forgotten(&self.proof.unknown()));
        }
        if self.subscriptions.iter().any(|(_, one)| one.is_behind()) {
            return Some(self.cut_off_behind());
        }
        for (id, problem) in self.uploads.given_up() {
            self.outbox.push(frame::problem(&id, &problem));
        }
        self.outbox.push(Message::Ping(Bytes::new()));
        if self.is_enveloped() {
            // Programs in a browser do not see the protocol's own ping.
            self.outbox
                .push(frame::tell("pong", &self.nobody, &json!({})));
        }
        None
    }

    fn cut_off_behind(&self) -> Close {
        let close = Close::new(
            Close::SLOW,
            "slow reader: the feed has moved past it; its calls carry on",
        );
        self.outbox.cut_off(&close);
        close
    }

    fn forgotten(&self, problem: &Problem) -> Close {
        self.refuse(&self.nobody, problem);
        Close::new(Close::UNAUTHENTICATED, &problem.message)
    }
}

/// The call as it stands after a cancel has had time to end it.
async fn cancelled(hub: Hub, caller: Caller, id: Id, call_id: CallId) -> Result<Message, Problem> {
    let call_id = hub.call_id(&caller, call_id.as_str()).await?;
    let call = hub.cancel(&caller, &call_id)?;
    call.ended(Some(limits::CANCEL_WAIT)).await;
    Ok(frame::tell("call", &id, &hub.view_for(&caller, &call)))
}

async fn got(hub: Hub, caller: Caller, id: Id, get: Get) -> Result<Message, Problem> {
    let call_id = hub.call_id(&caller, get.call_id.as_str()).await?;
    let call = hub.find_call(&call_id).await?;
    may_see(&caller, Seen::Call(&call))?;
    let wait = Duration::from_millis(get.wait_ms).min(limits::WAIT_MAX);
    call.ended(Some(wait)).await;
    let view = hub.view_with_args_for(&caller, &call);
    Ok(frame::tell("call", &id, &view))
}

/// Resolves when the feed has something new. All subscriptions read the same feed, and this is asked only
/// when all have read it to its end; so any of them will do.
async fn news(subscriptions: &mut [(Id, Subscription)]) {
    match subscriptions.first_mut() {
        Some((_, subscription)) => subscription.news().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn going_away() -> Close {
    Close::new(Close::GOING_AWAY, "the hub is shutting down")
}
