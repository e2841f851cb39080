//! What native code holds up is told within a second to everybody who waits.

use std::sync::Arc;
use std::time::Duration;

use hub::call::Call;
use hub::callers::Caller;
use serde_json::json;
use testkit::{Dial, Ended as _, FakeBridge, Manners, TestHub, request, succeeded};
use tokio::time::Instant;
use wire::link::CancelReason;
use wire::{Code, InstanceState, Status};

/// Native code holds all of it, so that it does not even beat.
const DEAF: Manners = Manners {
    cancels: false,
    beats: false,
};
/// Somebody's bridge that knows neither time limits nor cancels, and nothing is wrong with it.
const CARELESS: Manners = Manners {
    cancels: false,
    beats: true,
};

/// One call that runs, some that wait at the bridge, some that wait in the hub.
struct Held {
    hub: TestHub,
    bridge: FakeBridge,
    running: Arc<Call>,
    waiting: Vec<Arc<Call>>,
}

impl Held {
    async fn new(timeout_ms: Option<u64>) -> Self {
        Self::with(timeout_ms, DEAF).await
    }

    async fn with(timeout_ms: Option<u64>, manners: Manners) -> Self {
        let hub = TestHub::start().await;
        let bridge = Dial::new(&hub).manners(manners).by_hand().await.unwrap();
        let mut asked = request("code.run", json!({"code": "hang()"}));
        asked.timeout_ms = timeout_ms;
        let running = hub.try_ask(&Caller::owner(), asked).unwrap();
        let waiting = (0..hub::limits::LANE_WINDOW + 5)
            .map(|_| hub.ask("toy.echo", json!({})))
            .collect();
        bridge.started(&running.id).await;
        hub.started(&running).await;
        Self {
            hub,
            bridge,
            running,
            waiting,
        }
    }

    /// What everybody sees while it is held up.
    async fn everybody_is_told(&self, status: Status) {
        let view = self.hub.end_of(&self.running).await;
        assert_eq!((view.status, view.code()), (status, "instance_wedged"));
        assert!(self.running.has_started());
        for call in &self.waiting {
            let view = self.hub.end_of(call).await;
            assert_eq!(
                (view.status, view.code()),
                (Status::Interrupted, "instance_wedged")
            );
            assert!(!call.has_started(), "nothing of it ran");
            let problem = view.outcome.unwrap().problem.clone().unwrap();
            assert_eq!(problem.details["held_by"], json!(self.running.id));
        }
        let refused = self
            .hub
            .try_ask(&Caller::owner(), request("toy.echo", json!({})))
            .err()
            .unwrap();
        assert_eq!(
            (refused.code.clone(), refused.http_status()),
            (Code::INSTANCE_WEDGED, 503)
        );
        assert!(refused.retryable && refused.hint.unwrap().contains("force=true"));
        let instance = self.hub.hub.instance(&self.bridge.instance).unwrap();
        assert_eq!(instance.state, InstanceState::Wedged);
        assert!(instance.why.unwrap().contains(self.running.id.as_str()));
        assert_eq!(instance.running.unwrap().call_id, self.running.id);
    }

    /// It is over: the late outcome is taken, changes nothing, and the next call runs.
    async fn and_free_again(mut self) {
        let before = self.hub.hub.view(&self.running).status;
        self.bridge.unwedge().await;
        self.bridge
            .end(&self.running.id, succeeded(json!("too late")))
            .await;
        self.bridge.ack_of(&self.running.id).await;
        let after = self.hub.hub.view(&self.running);
        assert_eq!((after.status, after.value()), (before, &json!(null)));
        self.hub
            .until_state(&self.bridge.instance, InstanceState::Idle)
            .await;
        assert_eq!(
            self.bridge.calls().len(),
            hub::limits::LANE_WINDOW_MIN,
            "the others stayed in the hub"
        );
        let next = self.hub.ask("toy.echo", json!({"text": "next"}));
        while self.bridge.next_call().await.id != next.id {}
        self.bridge.answer(&next.id, json!("free")).await;
        assert_eq!(self.hub.end_of(&next).await.value(), &json!("free"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_cannot_be_obeyed_is_told_within_a_second() {
    let held = Held::new(None).await;
    let cancelled = Instant::now();
    held.hub
        .hub
        .cancel(&Caller::owner(), &held.running.id)
        .unwrap();
    held.everybody_is_told(Status::Cancelled).await;
    assert!(
        cancelled.elapsed() < Duration::from_secs(1),
        "{:?}",
        cancelled.elapsed()
    );
    // Those that wait at the bridge are not to run there later.
    for call in &held.waiting[..hub::limits::LANE_WINDOW_MIN - 1] {
        held.bridge.cancel_of(&call.id).await;
    }
    held.and_free_again().await;
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_that_cannot_be_kept_is_told_within_a_second() {
    let held = Held::new(Some(100)).await;
    let started = Instant::now();
    held.everybody_is_told(Status::TimedOut).await;
    assert!(
        started.elapsed() < Duration::from_millis(1_100),
        "{:?}",
        started.elapsed()
    );
    held.and_free_again().await;
}

#[tokio::test(start_paused = true)]
async fn the_bridge_says_it_sooner() {
    let held = Held::new(None).await;
    held.hub
        .hub
        .cancel(&Caller::owner(), &held.running.id)
        .unwrap();
    let beaten = Instant::now();
    held.bridge.wedge(&held.running.id).await;
    held.everybody_is_told(Status::Cancelled).await;
    assert!(
        beaten.elapsed() < Duration::from_millis(500),
        "{:?}",
        beaten.elapsed()
    );
    held.and_free_again().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_does_not_free_it() {
    let mut held = Held::new(None).await;
    held.hub
        .hub
        .cancel(&Caller::owner(), &held.running.id)
        .unwrap();
    held.everybody_is_told(Status::Cancelled).await;
    held.bridge.redial(held.hub.addr).await.unwrap();
    // Before any beat says so, it is known by the call that the bridge still runs.
    held.hub
        .wait_for("it is back", |hub| {
            hub.instance(&held.bridge.instance).ok()?.heard_ms_ago
        })
        .await;
    let refused = held
        .hub
        .try_ask(&Caller::owner(), request("toy.echo", json!({})))
        .err()
        .unwrap();
    assert_eq!(refused.code, Code::INSTANCE_WEDGED);
    held.and_free_again().await;
}

#[tokio::test]
async fn other_instances_and_what_is_known_are_untouched() {
    let held = Held::new(None).await;
    let other = Dial::new(&held.hub).name("other").echo().await.unwrap();
    held.bridge
        .state(json!({"file": "a.toy", "dirty": true, "revision": 7}))
        .await;
    held.bridge.wedge(&held.running.id).await;
    held.hub
        .until_state(&held.bridge.instance, InstanceState::Wedged)
        .await;
    let mut asked = request("toy.echo", json!({}));
    asked.instance = Some(other.instance.clone());
    let call = held.hub.try_ask(&Caller::owner(), asked).unwrap();
    assert!(held.hub.end_of(&call).await.is(Status::Succeeded));
    let known = held.hub.hub.instance_state(&held.bridge.instance).unwrap();
    assert_eq!((known.revision, known.connected), (7, true));
    assert_eq!(known.state["file"], json!("a.toy"));
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_ends_nothing_in_time_is_not_called_wedged() {
    for asked in [Some(100), None] {
        let held = Held::with(asked, CARELESS).await;
        let status = match asked {
            Some(_) => Status::TimedOut,
            None => Status::Cancelled,
        };
        if asked.is_none() {
            held.hub
                .hub
                .cancel(&Caller::owner(), &held.running.id)
                .unwrap();
        }
        assert_eq!(
            held.bridge.cancel_of(&held.running.id).await,
            match status {
                Status::TimedOut => CancelReason::TimedOut,
                _ => CancelReason::Cancelled,
            }
        );
        // It goes on to beat, and to say that all is well.
        let view = held.hub.end_of(&held.running).await;
        assert_eq!((view.status, view.code()), (status, status.as_str()));
        let instance = held.hub.hub.instance(&held.bridge.instance).unwrap();
        assert_eq!(instance.state, InstanceState::Busy);
        assert!(instance.why.unwrap().contains("told to end"));
        assert_eq!(instance.running.unwrap().call_id, held.running.id);
        // Those behind it wait, and run when it is over.
        let next = &held.waiting[0];
        assert!(held.hub.hub.view(next).outcome.is_none());
        held.bridge
            .end(&held.running.id, succeeded(json!("too late")))
            .await;
        held.bridge.ack_of(&held.running.id).await;
        held.bridge.started(&next.id).await;
        held.bridge.answer(&next.id, json!("free")).await;
        assert_eq!(held.hub.end_of(next).await.value(), &json!("free"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_falls_silent_over_it_is() {
    let held = Held::with(Some(100), CARELESS).await;
    let view = held.hub.end_of(&held.running).await;
    assert_eq!(view.status, Status::TimedOut);
    held.bridge.freeze();
    held.hub
        .until_state(&held.bridge.instance, InstanceState::Wedged)
        .await;
    let view = held.hub.end_of(&held.waiting[0]).await;
    assert_eq!(view.code(), "instance_wedged");
}
