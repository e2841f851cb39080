//! Memory and time of processes that the hub started: shown, watched, told, acted upon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hub::callers::Caller;
use hub::launch::LaunchRequest;
use serde_json::{Value, json};
use testkit::toy::{self, Behaviour, Toy, shell};
use testkit::{Dial, Ended as _, FakeBridge, TestHub};
use wire::{Code, InstanceName, InstanceState, InstanceView, Mode, Problem, Status};

const PROGRAM: &str = "process_limits::the_program";

/// Not a test: what the tests below launch.
#[test]
fn the_program() {
    toy::program_if_asked();
}

fn wanted(memory_mb: Option<u64>, time_s: Option<u64>) -> LaunchRequest {
    LaunchRequest {
        app: toy::APP.into(),
        mode: Mode::Background,
        name: Some("stage".into()),
        program: None,
        file: None,
        memory_mb,
        time_s,
        labels: Vec::new(),
        options: serde_json::Map::new(),
        display: None,
        confined: None,
        reserved_for: None,
    }
}

async fn start(hub: &TestHub, request: LaunchRequest) -> Result<InstanceView, Problem> {
    let started = hub.hub.start_instance(&Caller::owner(), request).await;
    started.map(|(view, _)| view)
}

async fn serving() -> TestHub {
    TestHub::start_with(vec![Arc::new(Toy::with_program(
        PROGRAM,
        Behaviour::Serves,
    ))])
    .await
}

fn name() -> InstanceName {
    "stage".into()
}

/// A process that sleeps, for which the test itself connects; how often one was launched.
async fn by_hand(request: LaunchRequest) -> (TestHub, FakeBridge, Arc<AtomicU32>) {
    let launches = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&launches);
    let app = Toy::launched_by(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(shell("exec sleep 60", request.mode))
    });
    let hub = TestHub::start_with(vec![Arc::new(app)]).await;
    let starts = tokio::spawn({
        let hub = hub.hub.clone();
        async move { hub.start_instance(&Caller::owner(), request).await }
    });
    let bridge = dial(&hub, None).await;
    starts.await.unwrap().unwrap();
    (hub, bridge, launches)
}

/// Connects for the process that was launched, other than the one `before`.
async fn dial(hub: &TestHub, before: Option<u64>) -> FakeBridge {
    let file = hub.home().join("run/instances/stage.json");
    let said: Value = hub
        .wait_for("it is launched", |_| {
            let said: Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            (said["pid"].as_u64() != before).then_some(said)
        })
        .await;
    let pid = u32::try_from(said["pid"].as_u64().unwrap()).unwrap();
    let dial = Dial::new(hub)
        .launch(said["launch"].as_str().unwrap())
        .pid(pid);
    dial.by_hand().await.unwrap()
}

#[tokio::test]
async fn over_its_memory_the_call_is_told_and_a_new_process_comes() {
    let (hub, bridge, launches) = by_hand(wanted(Some(1000), None)).await;
    let view = hub.hub.instance(&name()).unwrap();
    let limits = view.limits.expect("the view shows the limits");
    assert_eq!((limits.memory_mb, limits.time_s), (Some(1000), None));
    let first = view.pid;

    let call = hub.ask("toy.echo", json!({}));
    let waits = hub.ask("toy.echo", json!({"text": "not lost"}));
    bridge.started(&call.id).await;
    bridge.holds_mb(999.0).await;
    bridge.round_trip().await;
    let view = hub.hub.instance(&name()).unwrap();
    assert_eq!(
        (view.rss_mb, view.state),
        (Some(999.0), InstanceState::Busy)
    );
    bridge.holds_mb(2345.6).await;
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "memory_exceeded")
    );
    let problem = view.outcome.unwrap().problem.clone().unwrap();
    assert!(problem.message.contains("2346 MB"), "{problem:?}");
    assert_eq!(problem.details["limit_mb"], 1000);
    let hint = problem.hint.unwrap();
    assert!(
        hint.contains("\"memory_mb\": 2000") && hint.contains("/state"),
        "{hint}"
    );

    bridge.drop_link().await;
    let again = dial(&hub, first.map(u64::from)).await;
    assert_eq!(launches.load(Ordering::Relaxed), 2);
    again.answer(&waits.id, json!("done")).await;
    assert!(hub.end_of(&waits).await.is(Status::Succeeded));
    let view = hub.hub.instance(&name()).unwrap();
    assert_eq!((view.restarts, view.rss_mb), (1, None));
    assert_ne!(view.pid, first);
    assert!(view.limits.is_some(), "they hold for the next process too");
    hub.hub
        .stop_instance(&Caller::owner(), &name(), true)
        .await
        .unwrap();
}

/// The hub looks by itself: this toy says nothing of its memory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_that_is_really_taken_is_seen() {
    let hub = serving().await;
    let first = start(&hub, wanted(Some(200), None)).await.unwrap().pid;
    let small = hub.run("toy.echo", json!({})).await;
    assert!(small.is(Status::Succeeded));
    let call = hub.ask("toy.hold", json!({"mb": 400}));
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "memory_exceeded")
    );
    let held = view.outcome.unwrap().problem.clone().unwrap().details["held_mb"].clone();
    assert!(held.as_f64().unwrap() > 200.0, "{held}");
    hub.until_state(&name(), InstanceState::Idle).await;
    assert_ne!(hub.hub.instance(&name()).unwrap().pid, first);
}

#[tokio::test]
async fn over_its_time_it_leaves_and_the_status_says_why() {
    let (hub, bridge, launches) = by_hand(wanted(None, Some(1))).await;
    let call = hub.ask("toy.echo", json!({}));
    let waits = hub.ask("toy.echo", json!({}));
    bridge.started(&call.id).await;
    bridge.stop_of_hub().await;
    // As a bridge does that leaves: the call ends first, with what it had printed.
    let cancelled = json!({"status": "cancelled", "output": {"stdout": "so far\n"},
        "problem": {"code": "cancelled", "message": "The program leaves."}});
    bridge.end(&call.id, cancelled).await;
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "time_exceeded")
    );
    let outcome = view.outcome.unwrap();
    assert_eq!(outcome.output.stdout, "so far\n");
    assert!(outcome.problem.as_ref().unwrap().message.contains("1 s"));
    let pid = hub.hub.instance(&name()).unwrap().pid.unwrap();
    let left = std::process::Command::new("kill")
        .arg(pid.to_string())
        .status();
    assert!(left.unwrap().success());
    hub.until_state(&name(), InstanceState::Disconnected).await;
    assert_eq!(hub.end_of(&waits).await.code(), "time_exceeded");
    let view = hub.hub.instance(&name()).unwrap();
    assert!(view.why.unwrap().contains("its time limit"));
    assert!(!view.started_by_hub && view.limits.is_none());
    assert_eq!(
        launches.load(Ordering::Relaxed),
        1,
        "it is not started again"
    );
    let refused = hub.try_ask(&Caller::owner(), testkit::request("toy.echo", json!({})));
    assert!(refused.is_err());
}

/// Its place is taken by the next one of that name, which nobody sees off then.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_start_while_the_last_one_leaves_is_another_process() {
    let (hub, bridge, launches) = by_hand(wanted(None, Some(1))).await;
    let old = hub.hub.instance(&name()).unwrap().pid.unwrap();
    bridge.stop_of_hub().await;
    bridge.drop_link().await;
    hub.until_state(&name(), InstanceState::Disconnected).await;
    let why = hub.hub.instance(&name()).unwrap().why.unwrap();
    assert!(why.contains("its time limit"), "{why}");
    let starts = tokio::spawn({
        let hub = hub.hub.clone();
        async move {
            hub.start_instance(&Caller::owner(), wanted(None, None))
                .await
        }
    });
    let _bridge = dial(&hub, Some(u64::from(old))).await;
    starts.await.unwrap().unwrap();
    assert_eq!(launches.load(Ordering::Relaxed), 2);
    let left = std::process::Command::new("kill")
        .arg(old.to_string())
        .status();
    assert!(left.unwrap().success());
    // It is waited for after all else was done about it.
    let trace = std::path::PathBuf::from(format!("/proc/{old}"));
    hub.wait_for("the old one is gone", |_| (!trace.exists()).then_some(()))
        .await;
    let view = hub.hub.instance(&name()).unwrap();
    assert!(view.started_by_hub && view.state == InstanceState::Idle);
    assert!(hub.home().join("run/instances/stage.json").exists());
    hub.hub
        .stop_instance(&Caller::owner(), &name(), true)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_program_that_leaves_when_its_time_is_over_takes_its_call_along() {
    let hub = serving().await;
    start(&hub, wanted(None, Some(1))).await.unwrap();
    let call = hub.ask("toy.sleep", json!({"ms": 60_000}));
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "time_exceeded")
    );
}

/// The time goes on when the hub is another one, and by the clock that only runs where the system tells how old a process
/// is: a wall's clock that was set meanwhile changes nothing.
#[tokio::test]
async fn a_new_hub_goes_on_counting() {
    let apps = || -> Vec<Arc<dyn hub::app::App>> {
        vec![Arc::new(Toy::with_program(PROGRAM, Behaviour::Serves))]
    };
    let old = TestHub::start_killable(apps()).await;
    let view = old
        .start_instance(wanted(None, Some(3600)))
        .await
        .unwrap()
        .0;
    let home = old.kill();
    let file = home.path().join("home/run/instances/stage.json");
    let mut said: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let launched = said["launched"]["secs_since_epoch"].as_u64().unwrap();
    let set_s = if cfg!(target_os = "linux") {
        86_400
    } else {
        3_000
    };
    said["launched"]["secs_since_epoch"] = (launched - set_s).into();
    std::fs::write(&file, said.to_string()).unwrap();
    let new = TestHub::killable_in(home, apps()).await;
    new.until_state(&name(), InstanceState::Idle).await;
    let found = new.hub.instance(&name()).unwrap();
    assert_eq!(found.pid, view.pid);
    let lived = found.limits.unwrap().lived_s.unwrap();
    let expected = if cfg!(target_os = "linux") {
        0..600
    } else {
        3_000..3_600
    };
    assert!(expected.contains(&lived), "{lived}");
    new.hub
        .stop_instance(&Caller::owner(), &name(), true)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_process_that_outlived_a_hub_has_the_limits_of_todays_configuration() {
    let apps = || -> Vec<Arc<dyn hub::app::App>> {
        vec![Arc::new(Toy::with_program(PROGRAM, Behaviour::Serves))]
    };
    let old = TestHub::start_killable(apps()).await;
    let asked = wanted(None, Some(3600));
    let view = old.start_instance(asked).await.unwrap().0;
    assert_eq!(view.limits.unwrap().memory_mb, None);
    let home = old.kill();
    let text = "[apps.toy]\nmemory_mb = 3000\ntime_s = 60\n";
    std::fs::write(home.path().join("home/config.toml"), text).unwrap();
    let new = TestHub::killable_in(home, apps()).await;
    new.until_state(&name(), InstanceState::Idle).await;
    let found = new.hub.instance(&name()).unwrap();
    assert_eq!(found.pid, view.pid);
    let limits = found.limits.unwrap();
    assert_eq!(
        (limits.memory_mb, limits.time_s),
        (Some(3000), Some(3600)),
        "what the start itself asked for stays"
    );
    new.hub
        .stop_instance(&Caller::owner(), &name(), true)
        .await
        .unwrap();
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused() {
    let hub = serving().await;
    let window = LaunchRequest {
        mode: Mode::Gui,
        ..wanted(Some(1000), None)
    };
    for request in [
        wanted(Some(0), None),
        wanted(None, Some(0)),
        wanted(Some(u64::MAX), None),
        wanted(None, Some(u64::MAX)),
        window,
    ] {
        let problem = start(&hub, request).await.unwrap_err();
        assert_eq!(problem.code, Code::ARGUMENTS_INVALID, "{problem:?}");
    }
    assert!(hub.hub.instances().is_empty());
}

#[tokio::test]
async fn the_configuration_gives_what_a_start_leaves_out() {
    let home = Arc::new(tempfile::tempdir().unwrap());
    let folder = home.path().join("home");
    hub::home::Home::open(&folder).unwrap();
    let text = "[apps.toy]\nmemory_mb = 3000\ntime_s = 7200\n";
    std::fs::write(folder.join("config.toml"), text).unwrap();
    let app = Toy::with_program(PROGRAM, Behaviour::Serves);
    let hub = TestHub::killable_in(home, vec![Arc::new(app)]).await;
    let (view, _) = hub.start_instance(wanted(Some(500), None)).await.unwrap();
    let limits = view.limits.unwrap();
    assert_eq!((limits.memory_mb, limits.time_s), (Some(500), Some(7200)));
    tokio::time::timeout(Duration::from_secs(60), hub.stop())
        .await
        .unwrap();
}
