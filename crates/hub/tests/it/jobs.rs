//! Jobs with a hub that lives: stored before they are acknowledged, handed to free lanes in their order,
//! tried again, held back, changed.

use std::time::Duration;

use hub::callers::{Caller, Scope};
use hub::jobs::JobsAsked;
use serde_json::{Value, json};
use testkit::{Dial, Ended as _, FakeBridge, MemoryStore, Reply, TestHub, job, request};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::job::{Place, QueueChange, Retry, Select};
use wire::{
    CallId, CallRequest, Code, Durability, Event, JobChange, JobStatus, Mode, Problem, Status,
    Topic,
};

fn in_time(from_now: Duration) -> String {
    (OffsetDateTime::now_utc() + from_now)
        .format(&Rfc3339)
        .unwrap()
}

fn echo(n: u64) -> CallRequest {
    job("toy.echo", json!({"data": n}))
}

/// The numbers of the echoes that a bridge was given, in their order.
fn numbers(bridge: &FakeBridge) -> Vec<u64> {
    let calls = bridge.calls();
    calls
        .iter()
        .filter_map(|call| call.args["data"].as_u64())
        .collect()
}

async fn change(hub: &TestHub, id: &CallId, change: Value) -> Result<wire::JobView, Problem> {
    let change: JobChange = serde_json::from_value(change).unwrap();
    hub.hub.change_job(&Caller::owner(), id, change).await
}

async fn paused(hub: &TestHub, paused: bool) {
    let wanted = QueueChange {
        app: "toy".into(),
        paused: Some(paused),
        drain: None,
    };
    hub.hub
        .change_queue(&Caller::owner(), wanted)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_waits_for_its_instance_and_its_outcome_is_stored_before_the_bridge_forgets_it() {
    let hub = TestHub::start().await;
    let waiting = hub.job("toy.echo", json!({"data": 7})).await;
    let view = hub.job_view(&waiting.id).await;
    assert_eq!((view.status, view.position), (JobStatus::Queued, Some(0)));
    assert!(view.why.unwrap().contains("no toy is running"));
    assert_eq!(hub.hub.view(&waiting).durability, Some(Durability::Fsync));
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let got = bridge.next_call().await;
    assert_eq!(
        (got.id.clone(), got.args["data"].clone()),
        (waiting.id.clone(), json!(7))
    );
    assert_eq!(hub.job_view(&waiting.id).await.status, JobStatus::Leased);
    bridge.started(&got.id).await;
    hub.until_job(&waiting.id, JobStatus::Running).await;

    // A disk in trouble: the outcome is kept at the bridge until the store has it.
    let store = MemoryStore::of(&hub.home());
    store.fail_writes(Some(Problem::new(Code::DISK_FULL, "full")));
    bridge.end(&got.id, testkit::succeeded(json!("done"))).await;
    bridge.round_trip().await;
    assert!(
        !waiting.status().is_end(),
        "nobody is told what is not stored"
    );
    store.fail_writes(None);
    let view = hub.end_of(&waiting).await;
    assert_eq!(
        (view.status, view.value()),
        (Status::Succeeded, &json!("done"))
    );
    bridge.ack_of(&got.id).await;
    let told = hub.job_view(&waiting.id).await;
    assert_eq!(
        (told.status, told.value),
        (JobStatus::Succeeded, Some(json!("done")))
    );
    let attempts = told.attempts.unwrap();
    assert_eq!(
        (attempts.len(), attempts[0].status),
        (1, JobStatus::Succeeded)
    );
    assert_eq!(told.args.unwrap()["data"], 7);
}

#[tokio::test]
async fn what_is_not_stored_is_not_acknowledged() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    MemoryStore::of(&hub.home()).fail_writes(Some(Problem::new(Code::DISK_FULL, "full")));
    let refused = hub.try_job(&Caller::owner(), echo(1)).await.err().unwrap();
    assert_eq!(refused.code, Code::DISK_FULL);
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn priorities_come_first_callers_take_turns_and_places_hold() {
    let hub = TestHub::start().await;
    paused(&hub, true).await;
    let ann = hub.token("ann", &[Scope::Read], &[]);
    let mut ids = Vec::new();
    for (n, priority) in [(0, None), (1, None), (2, None), (3, Some(9)), (4, None)] {
        let request = CallRequest {
            priority,
            ..echo(n)
        };
        ids.push(
            hub.try_job(&Caller::owner(), request)
                .await
                .unwrap()
                .id
                .clone(),
        );
    }
    for n in [10, 11] {
        hub.try_job(&ann, echo(n)).await.unwrap();
    }
    change(&hub, &ids[2], json!({"place": "first"}))
        .await
        .unwrap();
    change(&hub, &ids[4], json!({"place": {"before": ids[1]}}))
        .await
        .unwrap();
    let bridge = Dial::new(&hub).echo().await.unwrap();
    bridge.round_trip().await;
    assert!(
        bridge.calls().is_empty(),
        "a paused queue hands out nothing"
    );
    paused(&hub, false).await;
    for id in &ids {
        hub.until_job(id, JobStatus::Succeeded).await;
    }
    hub.wait_for("all run", |_| (numbers(&bridge).len() == 7).then_some(()))
        .await;
    assert_eq!(numbers(&bridge), [3, 2, 10, 0, 11, 4, 1]);
}

#[tokio::test]
async fn interactive_calls_go_first_and_a_job_gets_a_free_lane_alone() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let call = hub.ask("toy.echo", json!({"data": 1}));
    bridge.next_call().await;
    let (first, second) = (
        hub.try_job(&Caller::owner(), echo(2)).await.unwrap(),
        hub.try_job(&Caller::owner(), echo(3)).await.unwrap(),
    );
    let later = hub.ask("toy.echo", json!({"data": 4}));
    bridge.round_trip().await;
    assert_eq!(numbers(&bridge), [1, 4], "a lane with calls gets no job");
    bridge.answer(&call.id, json!(1)).await;
    bridge.answer(&later.id, json!(4)).await;
    hub.until_job(&first.id, JobStatus::Leased).await;
    bridge.next_call().await;
    bridge.next_call().await;
    assert_eq!(numbers(&bridge), [1, 4, 2], "one job at a time");
    assert_eq!(second.status(), Status::Queued);
    bridge.answer(&first.id, json!(2)).await;
    bridge.next_call().await;
    bridge.answer(&second.id, json!(3)).await;
    assert!(hub.end_of(&second).await.is(Status::Succeeded));
}

#[tokio::test]
async fn words_of_jobs_need_a_job_and_have_bounds() {
    let hub = TestHub::start().await;
    let wrong = |request: CallRequest| hub.hub.ask(&Caller::owner(), request).err().unwrap();
    let problem = wrong(CallRequest {
        priority: Some(1),
        ..request("toy.echo", json!({}))
    });
    assert_eq!(problem.code, Code::ARGUMENTS_INVALID);
    assert!(problem.message.contains("priority") && problem.hint.unwrap().contains("durable"));
    for (word, request) in [
        (
            "priority",
            CallRequest {
                priority: Some(10),
                ..echo(1)
            },
        ),
        (
            "deadline",
            CallRequest {
                deadline: Some("2001-01-01T00:00:00Z".into()),
                ..echo(1)
            },
        ),
        (
            "not_before",
            CallRequest {
                not_before: Some("soon".into()),
                ..echo(1)
            },
        ),
        (
            "retry",
            CallRequest {
                retry: Some(Retry {
                    max: 1_000,
                    backoff_ms: None,
                }),
                ..echo(1)
            },
        ),
        (
            "labels",
            CallRequest {
                labels: [("a".to_owned(), "x".repeat(300))].into(),
                ..echo(1)
            },
        ),
        (
            "`*`",
            CallRequest {
                instance: Some("*".into()),
                ..echo(1)
            },
        ),
        (
            "describe",
            CallRequest {
                instance: Some("toy".into()),
                select: Some(Select::default()),
                ..echo(1)
            },
        ),
        (
            "1048576",
            job("toy.echo", json!({"text": "x".repeat(1 << 20)})),
        ),
    ] {
        let problem = wrong(request);
        assert!(problem.message.contains(word), "{word}: {problem}");
    }
    let unknown = CallRequest {
        after: vec!["call_nobody".into()],
        ..echo(1)
    };
    let problem = hub.try_job(&Caller::owner(), unknown).await.err().unwrap();
    assert_eq!(problem.code, Code::JOB_UNKNOWN);
}

#[tokio::test]
async fn the_same_key_gives_the_same_job_and_no_other() {
    let hub = TestHub::start().await;
    let keyed = |n| CallRequest {
        idempotency_key: Some("shot 7".into()),
        ..echo(n)
    };
    let first = hub.try_job(&Caller::owner(), keyed(1)).await.unwrap();
    let again = hub.try_job(&Caller::owner(), keyed(1)).await.unwrap();
    assert_eq!(first.id, again.id);
    let problem = hub.try_job(&Caller::owner(), keyed(2)).await.err().unwrap();
    assert_eq!(
        (problem.code, problem.call_id),
        (Code::JOB_KEY_TAKEN, Some(first.id.clone()))
    );
    let ann = hub.token("ann", &[Scope::Read], &[]);
    let anns = hub.try_job(&ann, keyed(2)).await.unwrap();
    assert_ne!(anns.id, first.id, "keys are the caller's own");
    let bridge = Dial::new(&hub).echo().await.unwrap();
    hub.end_of(&first).await;
    hub.end_of(&anns).await;
    let ended = hub.try_job(&Caller::owner(), keyed(1)).await.unwrap();
    assert_eq!(
        (ended.id.clone(), ended.status()),
        (first.id.clone(), Status::Succeeded)
    );
    assert_eq!(numbers(&bridge).len(), 2);
}

#[tokio::test]
async fn a_job_that_fails_is_retried_then_dead_and_can_be_mended_and_run_again() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub)
        .connect(|call| match call.args["data"].as_u64() {
            Some(1) => Reply::Raise(Problem::new(Code::CALL_FAILED, "The spring is broken.")),
            _ => Reply::Value(json!("mended")),
        })
        .await
        .unwrap();
    let retry = Some(Retry {
        max: 2,
        backoff_ms: Some(1),
    });
    let job = hub
        .try_job(&Caller::owner(), CallRequest { retry, ..echo(1) })
        .await
        .unwrap();
    let view = hub.end_of(&job).await;
    assert_eq!((view.status, view.code()), (Status::Failed, "call_failed"));
    let dead = hub.job_view(&job.id).await;
    assert_eq!((dead.status, dead.attempt), (JobStatus::Dead, 3));
    assert!(dead.why.unwrap().contains("3 times"));
    let ids: Vec<String> = bridge
        .calls()
        .iter()
        .map(|call| call.id.to_string())
        .collect();
    assert_eq!(
        ids,
        [
            format!("{}", job.id),
            format!("{}.2", job.id),
            format!("{}.3", job.id)
        ]
    );
    let dead = JobsAsked {
        statuses: vec![JobStatus::Dead],
        limit: 10,
        ..JobsAsked::default()
    };
    let listed = hub.hub.jobs(&Caller::owner(), dead).await.unwrap();
    assert_eq!((listed.jobs.len(), listed.counts[&JobStatus::Dead]), (1, 1));

    let wrong = change(
        &hub,
        &job.id,
        json!({"status": "queued", "args": {"dta": 2}}),
    )
    .await;
    assert_eq!(wrong.unwrap_err().code, Code::ARGUMENTS_INVALID);
    change(
        &hub,
        &job.id,
        json!({"status": "queued", "args": {"data": 2}}),
    )
    .await
    .unwrap();
    let mended = hub.until_job(&job.id, JobStatus::Succeeded).await;
    assert_eq!((mended.value, mended.attempt), (Some(json!("mended")), 4));
    assert_eq!(mended.attempts.unwrap().len(), 4);
    let call = hub.hub.find_call(&job.id).await.unwrap();
    assert_eq!(
        call.status(),
        Status::Succeeded,
        "the call of that id is the new one"
    );
}

#[tokio::test]
async fn jobs_wait_for_others_and_go_with_them() {
    let hub = TestHub::start().await;
    let after = |n, ids: &[&CallId]| CallRequest {
        after: ids.iter().map(|id| (*id).clone()).collect(),
        ..echo(n)
    };
    let owner = Caller::owner();
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let good = hub.try_job(&owner, echo(1)).await.unwrap();
    let bad = hub.try_job(&owner, echo(2)).await.unwrap();
    let both = hub
        .try_job(&owner, after(3, &[&good.id, &bad.id]))
        .await
        .unwrap();
    let one = hub.try_job(&owner, after(4, &[&good.id])).await.unwrap();
    let last = hub.try_job(&owner, after(5, &[&both.id])).await.unwrap();
    let view = hub.job_view(&last.id).await;
    assert_eq!(view.why.unwrap(), format!("waiting for {}", both.id));
    let call = bridge.next_call().await;
    bridge.answer(&call.id, json!(1)).await;
    let call = bridge.next_call().await;
    assert_eq!(call.id, bad.id);
    bridge.started(&call.id).await;
    let why = Problem::new(Code::CALL_FAILED, "no");
    let failed = testkit::outcome("failed", json!(null), Some(&why));
    bridge.end(&call.id, failed).await;
    for job in [&both, &last] {
        let view = hub.end_of(job).await;
        assert_eq!(
            (view.status, view.code()),
            (Status::Cancelled, "after_failed")
        );
    }
    let call = bridge.next_call().await;
    assert_eq!(call.id, one.id);
    bridge.answer(&call.id, json!(4)).await;
    assert!(hub.end_of(&one).await.is(Status::Succeeded));
    let late = hub
        .try_job(&owner, after(6, &[&bad.id]))
        .await
        .err()
        .unwrap();
    assert_eq!(late.code, Code::ARGUMENTS_INVALID);
    let now = hub.try_job(&owner, after(7, &[&good.id])).await.unwrap();
    let call = bridge.next_call().await;
    assert_eq!(call.id, now.id, "what came before has succeeded already");
}

#[tokio::test]
async fn times_are_kept() {
    let hub = TestHub::start().await;
    let owner = Caller::owner();
    let short = CallRequest {
        deadline: Some(in_time(Duration::from_millis(150))),
        ..echo(1)
    };
    let short = hub.try_job(&owner, short).await.unwrap();
    let view = hub.end_of(&short).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::TimedOut, "deadline_passed")
    );
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let soon = in_time(Duration::from_millis(200));
    let later = CallRequest {
        not_before: Some(soon),
        ..echo(2)
    };
    let later = hub.try_job(&owner, later).await.unwrap();
    let now = hub.try_job(&owner, echo(3)).await.unwrap();
    hub.end_of(&now).await;
    assert!(hub.end_of(&later).await.is(Status::Succeeded));
    assert_eq!(numbers(&bridge), [3, 2]);
    let far = CallRequest {
        not_before: Some(in_time(Duration::from_secs(3600))),
        ..echo(4)
    };
    let far = hub.try_job(&owner, far).await.unwrap();
    assert!(
        hub.job_view(&far.id)
            .await
            .why
            .unwrap()
            .starts_with("not before")
    );
    change(&hub, &far.id, json!({"not_before": ""}))
        .await
        .unwrap();
    assert!(hub.end_of(&far).await.is(Status::Succeeded));
    // What is left of a deadline is the time limit of the run.
    let limited = CallRequest {
        deadline: Some(in_time(Duration::from_secs(30))),
        ..echo(5)
    };
    hub.end_of(&hub.try_job(&owner, limited).await.unwrap())
        .await;
    let calls = bridge.calls();
    assert!(calls.last().unwrap().timeout_ms.unwrap() <= 30_000);
}

#[tokio::test]
async fn a_job_is_cancelled_wherever_it_is() {
    let hub = TestHub::start().await;
    let owner = Caller::owner();
    let queued = hub.try_job(&owner, echo(1)).await.unwrap();
    hub.hub.cancel(&owner, &queued.id).unwrap();
    assert!(hub.end_of(&queued).await.is(Status::Cancelled));
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let retry = Some(Retry {
        max: 5,
        backoff_ms: Some(1),
    });
    let running = hub
        .try_job(&owner, CallRequest { retry, ..echo(2) })
        .await
        .unwrap();
    let call = bridge.next_call().await;
    bridge.started(&call.id).await;
    let ann = hub.token("ann", &[Scope::Read], &[]);
    assert_eq!(
        hub.hub.cancel(&ann, &running.id).err().unwrap().code,
        Code::FORBIDDEN
    );
    hub.hub.cancel(&owner, &running.id).unwrap();
    let view = hub.end_of(&running).await;
    assert!(view.is(Status::Cancelled), "{view:?}");
    assert_eq!(hub.job_view(&running.id).await.status, JobStatus::Cancelled);
    let next = hub.try_job(&owner, echo(3)).await.unwrap();
    assert_eq!(
        bridge.next_call().await.id,
        next.id,
        "it is not tried again"
    );
}

#[tokio::test]
async fn a_token_that_was_taken_back_runs_nothing_any_more() {
    let hub = TestHub::start().await;
    let ann = hub.token("ann", &[Scope::Read], &[]);
    let anns = hub.try_job(&ann, echo(1)).await.unwrap();
    hub.hub.revoke_token(&Caller::owner(), "ann").unwrap();
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let view = hub.end_of(&anns).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "forbidden"));
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn the_instance_is_chosen_when_a_lane_is_free_by_what_it_is() {
    let hub = TestHub::start().await;
    let owner = Caller::owner();
    let select = |select: Select, n| CallRequest {
        select: Some(select),
        ..echo(n)
    };
    let gui = Select {
        mode: Some(Mode::Gui),
        ..Select::default()
    };
    let old = Select {
        version: Some("1.2".into()),
        file: Some("/shots/7".into()),
        ..Select::default()
    };
    let windowed = hub.try_job(&owner, select(gui, 1)).await.unwrap();
    let old = hub.try_job(&owner, select(old, 2)).await.unwrap();
    let named = hub
        .try_job(
            &owner,
            CallRequest {
                instance: Some("stage".into()),
                ..echo(3)
            },
        )
        .await
        .unwrap();
    let plain = Dial::new(&hub).name("plain").echo().await.unwrap();
    assert!(
        hub.job_view(&windowed.id)
            .await
            .why
            .unwrap()
            .contains("fits")
    );
    assert!(
        hub.job_view(&named.id)
            .await
            .why
            .unwrap()
            .contains("`stage` is not running")
    );
    let window = Dial::new(&hub)
        .name("window")
        .mode(Mode::Gui)
        .echo()
        .await
        .unwrap();
    let filed = Dial::new(&hub)
        .name("filed")
        .file("/shots/7")
        .echo()
        .await
        .unwrap();
    let stage = Dial::new(&hub).name("stage").echo().await.unwrap();
    for (job, bridge) in [(&windowed, &window), (&old, &filed), (&named, &stage)] {
        let view = hub.end_of(job).await;
        assert_eq!(view.instance, bridge.instance);
        assert_eq!(bridge.calls().len(), 1);
    }
    assert!(plain.calls().is_empty());
    // Interactive calls can select too.
    let call = CallRequest {
        select: Some(Select {
            mode: Some(Mode::Gui),
            ..Select::default()
        }),
        ..request("toy.echo", json!({}))
    };
    let call = hub.try_ask(&owner, call).unwrap();
    assert_eq!(hub.end_of(&call).await.instance, window.instance);
    let none = CallRequest {
        select: Some(Select {
            version: Some("9".into()),
            ..Select::default()
        }),
        ..request("toy.echo", json!({}))
    };
    assert_eq!(
        hub.try_ask(&owner, none).err().unwrap().code,
        Code::NO_INSTANCE
    );
}

#[tokio::test]
async fn a_drained_queue_takes_nothing_new_and_runs_what_it_has() {
    let hub = TestHub::start().await;
    let owner = Caller::owner();
    let before = hub.try_job(&owner, echo(1)).await.unwrap();
    let wanted = |drain| QueueChange {
        app: "toy".into(),
        paused: None,
        drain: Some(drain),
    };
    let queue = hub.hub.change_queue(&owner, wanted(true)).await.unwrap();
    assert!(queue.draining && !queue.paused);
    let refused = hub.try_job(&owner, echo(2)).await.err().unwrap();
    assert_eq!(refused.code, Code::QUEUE_DRAINING);
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    assert!(hub.end_of(&before).await.is(Status::Succeeded));
    let ann = hub.token("ann", &[Scope::Read], &[]);
    let forbidden = hub.hub.change_queue(&ann, wanted(false)).await.unwrap_err();
    assert_eq!(forbidden.code, Code::FORBIDDEN);
    hub.hub.change_queue(&owner, wanted(false)).await.unwrap();
    let after = hub.try_job(&owner, echo(3)).await.unwrap();
    assert!(hub.end_of(&after).await.is(Status::Succeeded));
}

#[tokio::test]
async fn who_listens_hears_every_step_of_a_job() {
    let hub = TestHub::start().await;
    let (mut feed, known) = hub
        .hub
        .subscribe(&Caller::owner(), vec![Topic::Jobs], None)
        .unwrap();
    assert_eq!(known.unwrap().jobs.unwrap().len(), 0);
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let job = hub.try_job(&Caller::owner(), echo(1)).await.unwrap();
    hub.end_of(&job).await;
    let told: Vec<JobStatus> = feed
        .take(100)
        .unwrap()
        .iter()
        .map(|told| match &told.event {
            Event::Job { job } => {
                assert!(job.args.is_none() && job.value.is_none());
                job.status
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told.first(), Some(&JobStatus::Queued));
    assert!(
        told.contains(&JobStatus::Leased) && told.contains(&JobStatus::Succeeded),
        "{told:?}"
    );
    let waits = CallRequest {
        not_before: Some(in_time(Duration::from_secs(60))),
        ..echo(2)
    };
    hub.try_job(&Caller::owner(), waits).await.unwrap();
    let (_feed, known) = hub
        .hub
        .subscribe(&Caller::owner(), vec![Topic::Jobs], None)
        .unwrap();
    assert_eq!(known.unwrap().jobs.unwrap().len(), 1);
}

#[tokio::test]
async fn open_jobs_are_changed_and_those_that_run_are_not() {
    let hub = TestHub::start().await;
    let open = hub.job("toy.echo", json!({"data": 1})).await;
    let changed = change(
        &hub,
        &open.id,
        json!({"priority": 8, "labels": {"shot": "7"}, "retry": {"max": 3}, "args": {"data": 2}, "paused": true}),
    );
    let changed = changed.await.unwrap();
    assert_eq!((changed.priority, changed.paused), (8, true));
    assert_eq!(hub.job_view(&open.id).await.why.unwrap(), "it is paused");
    let by_label = JobsAsked {
        label: Some(("shot".into(), "7".into())),
        limit: 10,
        ..JobsAsked::default()
    };
    assert_eq!(
        hub.hub
            .jobs(&Caller::owner(), by_label)
            .await
            .unwrap()
            .jobs
            .len(),
        1
    );
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    change(&hub, &open.id, json!({"paused": false}))
        .await
        .unwrap();
    let call = bridge.next_call().await;
    assert_eq!(call.args["data"], 2);
    let refused = change(&hub, &open.id, json!({"priority": 1}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::JOB_NOT_OPEN);
    let refused = change(&hub, &open.id, json!({"status": "queued"}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::JOB_NOT_OPEN);
    change(&hub, &open.id, json!({"labels": {"shot": "8"}}))
        .await
        .unwrap();
    let unknown = change(&hub, &"call_x".into(), json!({"priority": 1}))
        .await
        .unwrap_err();
    assert_eq!(unknown.code, Code::JOB_UNKNOWN);
    let ann = hub.token("ann", &[Scope::Read], &[]);
    let theirs = JobChange {
        place: Some(Place::First),
        ..JobChange::default()
    };
    let refused = hub
        .hub
        .change_job(&ann, &open.id, theirs)
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::FORBIDDEN);
}
