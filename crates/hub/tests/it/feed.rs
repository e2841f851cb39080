//! Who listens hears everything in order, or hears how much it missed; what is known is told at once.

use std::time::Duration;

use serde_json::json;
use testkit::{Dial, TestHub, succeeded};
use tokio::sync::broadcast::error::RecvError;
use wire::{Event, InstanceState};

fn short(event: &Event) -> String {
    match event {
        Event::CallQueued { call } => format!("queued {}", call.command),
        Event::CallStarted { instance, .. } => format!("started on {instance}"),
        Event::CallProgress { progress, .. } => {
            format!("progress {:?} {}", progress.fraction, progress.text)
        }
        Event::CallOutput { stream, text, .. } => format!("{stream} {text}"),
        Event::CallEnded { call } => format!("ended {}", call.status.as_str()),
        Event::Instance { instance } => format!("{} is {}", instance.name, instance.state.as_str()),
        Event::Job { job } => format!("job {}", job.status.as_str()),
        Event::State { revision, .. } => format!("state {revision}"),
    }
}

#[tokio::test]
async fn events_come_in_the_order_in_which_things_happen() {
    let hub = TestHub::start().await;
    let mut feed = hub.hub.listen();
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    bridge.round_trip().await;
    let call = hub.ask("toy.sleep", json!({"ms": 1}));
    bridge.started(&call.id).await;
    bridge.progress(&call.id, 0.5, "half").await;
    bridge.output(&call.id, "printed").await;
    bridge.state(json!({"revision": 3})).await;
    bridge.end(&call.id, succeeded(json!(1))).await;
    bridge.ack_of(&call.id).await;
    bridge.round_trip().await;
    let expected = [
        "toy is idle",
        "queued toy.sleep",
        "started on toy",
        "toy is busy",
        "progress Some(0.5) half",
        "stdout printed",
        "state 3",
        "ended succeeded",
        "toy is idle",
    ];
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        heard.push(short(&feed.recv().await.unwrap()));
    }
    assert_eq!(heard, expected);
    let view = hub.hub.view(&call);
    assert_eq!(view.progress.unwrap().text, "half");
}

#[tokio::test]
async fn who_lags_is_told_how_much_was_missed_and_goes_on() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    let mut slow = hub.hub.listen();
    let sent = hub::limits::FEED_EVENTS_MAX + 100;
    let mut fast = hub.hub.listen();
    let reads = async {
        for _ in 0..sent {
            fast.recv().await.expect("who keeps up misses nothing");
        }
    };
    let writes = async {
        for revision in 0..sent {
            bridge.state(json!({"revision": revision})).await;
        }
    };
    tokio::join!(reads, writes);
    match slow.recv().await {
        Err(RecvError::Lagged(missed)) => assert_eq!(missed, 100),
        other => panic!("a lag was due, and {other:?} came"),
    }
    assert_eq!(short(&slow.recv().await.unwrap()), "state 100");
}

#[tokio::test]
async fn a_state_is_told_at_once_though_the_app_stands_still() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).by_hand().await.unwrap();
    let unsaid = hub.hub.instance_state(&bridge.instance).unwrap_err();
    assert!(unsaid.message.contains("not reported"), "{unsaid:?}");
    bridge
        .state(json!({"file": "/a.toy", "dirty": true, "revision": 41, "frame": 7}))
        .await;
    bridge.round_trip().await;
    bridge.freeze();
    let call = hub.ask("toy.echo", json!({}));
    // The best of some: this machine may be busy with other things.
    let quickest = (0..20).map(|_| {
        let asked = std::time::Instant::now();
        drop(hub.hub.instance_state(&bridge.instance));
        asked.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_millis(5), "{quickest:?}");
    let known = hub.hub.instance_state(&bridge.instance).unwrap();
    assert_eq!((known.revision, known.connected), (41, true));
    assert_eq!(known.state["frame"], json!(7));
    let view = hub.hub.instance(&bridge.instance).unwrap();
    assert_eq!(view.file.as_deref(), Some("/a.toy"));
    assert!(!call.status().is_end());

    bridge.drop_link().await;
    hub.until_state(&bridge.instance, InstanceState::Disconnected)
        .await;
    let known = hub.hub.instance_state(&bridge.instance).unwrap();
    assert_eq!((known.revision, known.connected), (41, false));
}
