//! Real processes: started, connected, died, started again, given up, stopped, adopted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hub::Stopped;
use hub::app::App;
use hub::callers::{Caller, Scope};
use hub::launch::{Display, LaunchRequest};
use serde_json::json;
use testkit::toy::{self, Behaviour, Toy, program, shell};
use testkit::{Dial, Ended as _, TestHub, caller, request};
use tokio::time::Instant;
use wire::{Code, InstanceName, InstanceState, InstanceView, Mode, Problem, Status};

const PROGRAM: &str = "supervising::the_program";

/// Not a test: what the tests below launch.
#[test]
fn the_program() {
    toy::program_if_asked();
}

fn toys(behaviour: Behaviour) -> Vec<Arc<dyn App>> {
    vec![Arc::new(Toy::with_program(PROGRAM, behaviour))]
}

fn wanted(name: &str) -> LaunchRequest {
    LaunchRequest {
        app: toy::APP.into(),
        mode: Mode::Background,
        name: Some(name.into()),
        program: None,
        file: None,
        memory_mb: None,
        time_s: None,
        labels: Vec::new(),
        options: serde_json::Map::new(),
        display: None,
        confined: None,
        reserved_for: None,
    }
}

async fn start(hub: &TestHub, name: &str) -> InstanceView {
    let (view, new) = hub.start_instance(wanted(name)).await.unwrap();
    assert!(new);
    view
}

async fn stop(hub: &TestHub, name: &str, force: bool) -> Result<Stopped, Problem> {
    hub.hub
        .stop_instance(&Caller::owner(), &name.into(), force)
        .await
}

fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Where the clock is paused, the real death may come a moment after the hub's patience.
async fn is_gone(hub: &TestHub, pid: u32) {
    hub.wait_for("the process is gone", |_| (!lives(pid)).then_some(()))
        .await;
}

fn run_file(hub: &TestHub, name: &str) -> std::path::PathBuf {
    hub.home().join(format!("run/instances/{name}.json"))
}

fn launch_of(file: &Path) -> String {
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    said["launch"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_program_is_started_used_and_leaves_when_asked() {
    let hub = TestHub::start_with(toys(Behaviour::Serves)).await;
    let view = start(&hub, "stage").await;
    assert_eq!(
        (view.name.as_str(), view.state),
        ("stage", InstanceState::Idle)
    );
    assert!(view.started_by_hub);
    let pid = view.pid.unwrap();
    assert!(lives(pid) && pid != std::process::id());
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));

    let (again, new) = hub
        .hub
        .start_instance(&Caller::owner(), wanted("stage"))
        .await
        .unwrap();
    assert!(!new, "a name that runs is answered as it is");
    assert_eq!(again.pid, Some(pid));

    assert_eq!(programs_of(&hub), 1);
    let mut feed = hub.hub.listen();
    assert_eq!(stop(&hub, "stage", false).await.unwrap(), Stopped::Left);
    let why = loop {
        if let wire::Event::Instance { instance } = feed.recv().await.unwrap()
            && instance.state == InstanceState::Disconnected
        {
            break instance.why;
        }
    };
    assert_eq!(why.as_deref(), Some("`stage` was stopped."));
    assert!(!lives(pid));
    assert_eq!(programs_of(&hub), 0);
    assert!(hub.hub.instances().is_empty());
    assert!(!run_file(&hub, "stage").exists());
    let unknown = stop(&hub, "stage", false).await.unwrap_err();
    assert_eq!(unknown.code, Code::INSTANCE_UNKNOWN);
}

#[tokio::test]
async fn two_who_start_the_same_name_get_the_same_one() {
    let hub = TestHub::start_with(toys(Behaviour::Serves)).await;
    let owner = Caller::owner();
    let (one, two) = tokio::join!(
        hub.hub.start_instance(&owner, wanted("stage")),
        hub.hub.start_instance(&owner, wanted("stage")),
    );
    let ((one, first), (two, second)) = (one.unwrap(), two.unwrap());
    assert_eq!(one.pid, two.pid);
    assert!(first ^ second, "one of them started it");
    stop(&hub, "stage", true).await.unwrap();
}

#[tokio::test]
async fn with_force_it_is_killed() {
    let hub = TestHub::start_with(toys(Behaviour::Stays)).await;
    let pid = start(&hub, "stage").await.pid.unwrap();
    let call = hub.ask("toy.sleep", json!({"ms": 60_000}));
    hub.started(&call).await;
    let asked = Instant::now();
    assert_eq!(stop(&hub, "stage", true).await.unwrap(), Stopped::Killed);
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    assert!(!lives(pid));
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "interrupted")
    );
}

#[tokio::test]
async fn who_does_not_leave_when_asked_is_killed_after_a_while() {
    let hub = TestHub::start_with(toys(Behaviour::Stays)).await;
    let pid = start(&hub, "stage").await.pid.unwrap();
    tokio::time::pause();
    assert_eq!(stop(&hub, "stage", false).await.unwrap(), Stopped::Killed);
    is_gone(&hub, pid).await;
}

#[tokio::test]
async fn a_start_that_fails_says_what_the_program_said() {
    let hub = TestHub::start_with(toys(Behaviour::Fails)).await;
    let problem = hub
        .hub
        .start_instance(&Caller::owner(), wanted("stage"))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (problem.code.clone(), problem.http_status()),
        (Code::START_FAILED, 503)
    );
    assert!(
        problem.message.contains("ended before it connected"),
        "{problem:?}"
    );
    let output = problem.details["output"].as_str().unwrap();
    assert!(output.contains("the toy has no spring"), "{output}");
    let log = problem.details["log"].as_str().unwrap();
    assert!(
        std::fs::read_to_string(log)
            .unwrap()
            .contains("looks for its spring")
    );
    let refused = hub
        .hub
        .ask(&Caller::owner(), request("toy.echo", json!({})));
    assert_eq!(refused.err().unwrap().code, Code::NO_INSTANCE);
    assert!(!run_file(&hub, "stage").exists());
    // The name is free for the next try.
    let again = hub
        .hub
        .start_instance(&Caller::owner(), wanted("stage"))
        .await
        .err()
        .unwrap();
    assert_eq!(again.code, Code::START_FAILED);
}

#[tokio::test]
async fn a_window_that_does_not_open_is_told_with_its_display() {
    let hub = TestHub::start_with(toys(Behaviour::Fails)).await;
    let mut wanted = wanted("stage");
    wanted.mode = Mode::Gui;
    wanted.display = Some(Display {
        x11: Some(":77".to_owned()),
        ..Display::default()
    });
    let started = hub.hub.start_instance(&Caller::owner(), wanted).await;
    let problem = started.err().unwrap();
    assert_eq!(
        problem.message,
        "The program for `stage`, whose window was to open on DISPLAY=:77, ended before it connected."
    );
}

#[tokio::test]
async fn a_program_that_never_connects_is_ended() {
    let line = Toy::launched_by(|request| Ok(shell("exec sleep 60", request.mode)));
    let hub = TestHub::start_with(vec![Arc::new(line)]).await;
    let owner = Caller::owner();
    let starts = hub.hub.start_instance(&owner, wanted("stage"));
    tokio::pin!(starts);
    let pid = tokio::select! {
        _ = &mut starts => panic!("it does not start"),
        pid = hub.wait_for("it is launched", |hub| hub.instances().first()?.pid) => pid,
    };
    assert!(lives(pid));
    // Only now, so that the launch itself has real time.
    tokio::time::pause();
    let problem = starts.await.err().unwrap();
    assert!(
        problem.message.contains("did not connect within 120 s"),
        "{problem:?}"
    );
    is_gone(&hub, pid).await;
}

#[tokio::test]
async fn what_cannot_be_launched_is_told() {
    let hub = TestHub::start_with(vec![Arc::new(Toy::launched_by(|request| {
        let mut launch = shell("", request.mode);
        launch.program = "/no/such/toy".into();
        Ok(launch)
    }))])
    .await;
    let owner = Caller::owner();
    let problem = hub
        .hub
        .start_instance(&owner, wanted("stage"))
        .await
        .err()
        .unwrap();
    assert_eq!(problem.code, Code::START_FAILED);
    assert!(problem.message.contains("/no/such/toy"), "{problem:?}");
    assert!(hub.hub.instances().is_empty());

    let problem = hub
        .hub
        .start_instance(&owner, wanted("../x"))
        .await
        .err()
        .unwrap();
    assert_eq!(problem.code, Code::ARGUMENTS_INVALID);
    let writer = caller("writer", &[Scope::Write], &[]);
    let by_path = LaunchRequest {
        program: Some("/bin/true".into()),
        ..wanted("stage")
    };
    let problem = hub
        .hub
        .start_instance(&writer, by_path)
        .await
        .err()
        .unwrap();
    assert_eq!(problem.code, Code::FORBIDDEN);
    let reader = caller("reader", &[Scope::Read], &[]);
    let problem = hub
        .hub
        .start_instance(&reader, wanted("stage"))
        .await
        .err()
        .unwrap();
    assert_eq!(problem.code, Code::FORBIDDEN);
    let other = LaunchRequest {
        app: "lamp".into(),
        ..wanted("stage")
    };
    let problem = hub.hub.start_instance(&owner, other).await.err().unwrap();
    assert_eq!(problem.code, Code::APP_UNKNOWN);
}

#[tokio::test]
async fn a_program_that_dies_in_a_call_comes_back_and_does_what_waited() {
    let hub = TestHub::start_with(toys(Behaviour::Serves)).await;
    let first = start(&hub, "stage").await;
    let copies = hub.home().join("recovery/stage");
    std::fs::create_dir_all(&copies).unwrap();
    std::fs::write(copies.join("one.toy"), "a recovery copy").unwrap();
    // The toys of these tests announce no process number of their own.
    let note = json!({"file": "/a.toy", "taken": "2026-01-01T00:00:00Z", "pid": first.pid});
    std::fs::write(copies.join("one.json"), note.to_string()).unwrap();

    let died = Instant::now();
    let dying = hub.ask("toy.die", json!({}));
    let waiting = hub.ask("toy.echo", json!({"text": "not lost"}));
    let cancelled = hub.ask("toy.echo", json!({"text": "not wanted"}));
    hub.hub.cancel(&Caller::owner(), &cancelled.id).unwrap();
    let view = hub.end_of(&dying).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Interrupted, "interrupted")
    );
    let problem = view.outcome.unwrap().problem.clone().unwrap();
    assert!(problem.message.contains("exit status: 7"), "{problem:?}");

    let view = hub.end_of(&waiting).await;
    assert_eq!(
        (view.status, view.value()),
        (Status::Succeeded, &json!({"text": "not lost"}))
    );
    assert!(
        died.elapsed() >= hub::limits::RESTART_DELAY_MIN,
        "{:?}",
        died.elapsed()
    );
    assert!(
        hub.end_of(&cancelled).await.is(Status::Cancelled),
        "a cancel outlives the process"
    );
    let second = hub.hub.instance(&"stage".into()).unwrap();
    assert_eq!((second.restarts, second.state), (1, InstanceState::Idle));
    assert_ne!(second.pid, first.pid);
    assert!(second.file.unwrap().ends_with("recovery/stage/one.toy"));
    assert_eq!(stop(&hub, "stage", false).await.unwrap(), Stopped::Left);
}

#[tokio::test]
async fn a_stop_during_the_wait_for_a_restart_is_the_end() {
    let launches = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&launches);
    let app = Toy::launched_by(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(program(PROGRAM, Behaviour::Serves, request))
    });
    let hub = TestHub::start_with(vec![Arc::new(app)]).await;
    start(&hub, "stage").await;
    let call = hub.ask("toy.die", json!({}));
    hub.end_of(&call).await;
    hub.until_state(&"stage".into(), InstanceState::Starting)
        .await;
    stop(&hub, "stage", false).await.unwrap();
    tokio::time::pause();
    tokio::time::sleep(hub::limits::RESTART_DELAY_MIN * 4).await;
    tokio::time::resume();
    assert_eq!(launches.load(Ordering::Relaxed), 1);
    assert!(hub.hub.instances().is_empty());
    // And a start by hand is a start of its own.
    let view = start(&hub, "stage").await;
    assert_eq!(view.restarts, 0);
    stop(&hub, "stage", true).await.unwrap();
}

#[tokio::test]
async fn a_stop_during_the_launch_leaves_no_program_behind() {
    let (go, launching) = std::sync::mpsc::channel::<()>();
    let launching = std::sync::Mutex::new(launching);
    let app = Toy::launched_by(move |request| {
        launching.lock().unwrap().recv().ok();
        Ok(shell("exec sleep 60", request.mode))
    });
    let hub = TestHub::start_with(vec![Arc::new(app)]).await;
    let owner = Caller::owner();
    let starts = hub.hub.start_instance(&owner, wanted("stage"));
    let stops = async {
        hub.until_state(&"stage".into(), InstanceState::Starting)
            .await;
        stop(&hub, "stage", true).await.unwrap();
        go.send(()).unwrap();
    };
    let (started, ()) = tokio::join!(starts, stops);
    let problem = started.err().unwrap();
    assert!(
        problem.message.contains("stopped before it connected"),
        "{problem:?}"
    );
    assert!(hub.hub.instances().is_empty());
    assert_eq!(programs_of(&hub), 0);
    assert!(!run_file(&hub, "stage").exists());
}

/// How many processes live that a hub in this home has launched.
fn programs_of(hub: &TestHub) -> usize {
    let mark = format!("KAPELLE_HOME={}", hub.home().display()).into_bytes();
    let environments = std::fs::read_dir("/proc").unwrap().flatten();
    environments
        .filter_map(|process| std::fs::read(process.path().join("environ")).ok())
        .filter(|all| all.split(|byte| *byte == 0).any(|one| one == mark))
        .count()
}

/// A toy whose first process is a sleeper for whom the test itself connects; all later ones end at once.
async fn with_a_sleeper(mode: Mode) -> (TestHub, testkit::FakeBridge, u32, Arc<AtomicU32>) {
    let launches = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&launches);
    let app = Toy::launched_by(move |request| {
        let nth = counted.fetch_add(1, Ordering::Relaxed);
        Ok(shell(
            if nth == 0 { "exec sleep 60" } else { "exit 3" },
            request.mode,
        ))
    });
    let hub = TestHub::start_with(vec![Arc::new(app)]).await;
    let asked = LaunchRequest {
        mode,
        ..wanted("stage")
    };
    let starts = tokio::spawn({
        let hub = hub.hub.clone();
        async move { hub.start_instance(&Caller::owner(), asked).await }
    });
    let file = run_file(&hub, "stage");
    hub.wait_for("it is launched", |_| file.exists().then_some(()))
        .await;
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let pid = u32::try_from(said["pid"].as_u64().unwrap()).unwrap();
    let dial = Dial::new(&hub)
        .launch(&launch_of(&file))
        .pid(pid)
        .mode(mode);
    let bridge = dial.by_hand().await.unwrap();
    starts.await.unwrap().unwrap();
    (hub, bridge, pid, launches)
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn a_program_that_dies_over_and_over_is_given_up() {
    let (hub, bridge, pid, launches) = with_a_sleeper(Mode::Background).await;
    let waiting = hub.ask("toy.echo", json!({}));
    tokio::time::pause();
    let died = Instant::now();
    kill(pid);
    bridge.drop_link().await;
    let name = InstanceName::from("stage");
    hub.until_state(&name, InstanceState::Failed).await;
    let max = hub::limits::RESTARTS_MAX;
    assert_eq!(launches.load(Ordering::Relaxed), 1 + max);
    let waited = died.elapsed();
    assert!(
        waited > Duration::from_secs(60),
        "the waits grow: {waited:?}"
    );
    let view = hub.end_of(&waiting).await;
    assert_eq!(view.status, Status::Interrupted);
    let why = hub.hub.instance(&name).unwrap().why.unwrap();
    assert!(
        why.contains(&format!("failed {max} times in a row")),
        "{why}"
    );
    let mut asked = request("toy.echo", json!({}));
    asked.instance = Some(name);
    let refused = hub.try_ask(&Caller::owner(), asked).err().unwrap();
    assert_eq!(refused.code, Code::INSTANCE_NOT_CONNECTED);
}

#[tokio::test]
async fn a_restarted_program_that_never_connects_is_not_waited_for_for_ever() {
    let launches = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&launches);
    let app = Toy::launched_by(move |request| {
        Ok(match counted.fetch_add(1, Ordering::Relaxed) {
            0 => program(PROGRAM, Behaviour::Serves, request),
            _ => shell("exec sleep 60", request.mode),
        })
    });
    let hub = TestHub::start_with(vec![Arc::new(app)]).await;
    start(&hub, "stage").await;
    let call = hub.ask("toy.die", json!({}));
    hub.end_of(&call).await;
    let waiting = hub.ask("toy.echo", json!({}));
    tokio::time::pause();
    let view = hub.end_of(&waiting).await;
    assert_eq!(view.status, Status::Interrupted);
    assert_eq!(
        launches.load(Ordering::Relaxed),
        1 + hub::limits::RESTARTS_MAX
    );
    assert_eq!(hub.hub.instances()[0].state, InstanceState::Failed);
}

#[tokio::test]
async fn a_program_with_a_window_is_neither_killed_nor_started_again() {
    let (hub, bridge, pid, launches) = with_a_sleeper(Mode::Gui).await;
    let refused = stop(&hub, "stage", true).await.unwrap_err();
    assert_eq!(refused.code, Code::FORBIDDEN);
    assert!(lives(pid));
    kill(pid);
    bridge.drop_link().await;
    hub.until_state(&"stage".into(), InstanceState::Disconnected)
        .await;
    hub.wait_for("it is not ours any more", |hub| {
        (!hub.instances()[0].started_by_hub).then_some(())
    })
    .await;
    assert_eq!(launches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_program_that_is_not_ours_is_only_asked() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).name("stage").by_hand().await.unwrap();
    let call = hub.ask("toy.echo", json!({}));
    assert_eq!(
        stop(&hub, "stage", true).await.unwrap_err().code,
        Code::FORBIDDEN
    );
    assert_eq!(
        stop(&hub, "stage", false).await.unwrap(),
        Stopped::Disconnected
    );
    bridge.stop_of_hub().await;
    assert!(hub.end_of(&call).await.is(Status::Interrupted));
    assert!(hub.hub.instances().is_empty());
}

#[tokio::test]
async fn a_child_that_inherits_the_launch_mark_is_another_instance() {
    let (hub, bridge, pid, _) = with_a_sleeper(Mode::Background).await;
    let launch = launch_of(&run_file(&hub, "stage"));
    let child = Dial::new(&hub)
        .launch(&launch)
        .name("stage")
        .echo()
        .await
        .unwrap();
    assert_eq!(
        (bridge.instance.as_str(), child.instance.as_str()),
        ("stage", "toy")
    );
    assert_eq!(hub.hub.instance(&bridge.instance).unwrap().pid, Some(pid));
    stop(&hub, "stage", true).await.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_hub_that_was_killed_knows_its_own_programs_again() {
    let old = TestHub::start_killable(toys(Behaviour::Serves)).await;
    let first = start(&old, "stage").await;
    let call = old.ask("toy.sleep", json!({"ms": 300}));
    let queued = old.ask("toy.echo", json!({"text": "queued"}));
    old.started(&call).await;
    let (id, queued) = (call.id.clone(), queued.id.clone());
    let home = old.kill();
    // The run file of a process that is gone is no process, nor is one whose number is another's now.
    let reused = json!({"name": "reused", "launch": "x", "pid": std::process::id(), "born": 7, "request": wanted("reused")});
    std::fs::write(
        home.path().join("home/run/instances/reused.json"),
        reused.to_string(),
    )
    .unwrap();
    let stale = json!({"name": "gone", "launch": "x", "pid": 4_000_000, "request": wanted("gone")});
    std::fs::write(
        home.path().join("home/run/instances/gone.json"),
        stale.to_string(),
    )
    .unwrap();

    let new = TestHub::killable_in(home, toys(Behaviour::Serves)).await;
    new.wait_for("it dials again", |hub| {
        let state = hub.instance(&"stage".into()).ok()?.state;
        matches!(state, InstanceState::Busy | InstanceState::Idle).then_some(())
    })
    .await;
    let again = new.hub.instance(&"stage".into()).unwrap();
    assert_eq!((again.pid, again.started_by_hub), (first.pid, true));
    for (id, value) in [(id, json!(300)), (queued, json!({"text": "queued"}))] {
        let call = new.hub.call(&id).unwrap();
        assert_eq!(new.end_of(&call).await.value(), &value);
    }
    assert_eq!(new.hub.instances().len(), 1);
    assert!(!run_file(&new, "gone").exists() && !run_file(&new, "reused").exists());
    assert_eq!(stop(&new, "stage", false).await.unwrap(), Stopped::Left);
    assert!(!lives(first.pid.unwrap()));
}

#[tokio::test]
async fn a_hub_that_stops_lets_its_programs_leave() {
    let hub = TestHub::start_with(toys(Behaviour::Serves)).await;
    let pid = start(&hub, "stage").await.pid.unwrap();
    let call = hub.ask("toy.sleep", json!({"ms": 60_000}));
    hub.started(&call).await;
    hub.hub.stop().await;
    assert!(hub.end_of(&call).await.is(Status::Interrupted));
    assert!(!lives(pid));
}
