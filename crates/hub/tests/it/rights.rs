//! Rights over time: they belong to a token and not to its name, and end with it; what is kept for one caller leaves
//! room for the others.

use std::sync::Arc;

use hub::callers::{Caller, Scope, TokenChange};
use hub::jobs::JobsAsked;
use hub::{Asked, limits};
use serde_json::json;
use testkit::{Dial, Ended as _, TestHub, job, request};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::batch::{BatchOutcome, BatchRequest, OnError};
use wire::{CallRequest, Code, JobChange, JobStatus, Status};

const ALL: [Scope; 2] = [Scope::Read, Scope::Write];

fn revoke(hub: &TestHub, name: &str) {
    hub.hub.revoke_token(&Caller::owner(), name).unwrap();
}

/// Another token of the same name.
fn anew(hub: &TestHub, name: &str, scopes: &[Scope]) -> Caller {
    revoke(hub, name);
    hub.token(name, scopes, &[])
}

fn keyed(n: u64) -> CallRequest {
    CallRequest {
        idempotency_key: Some("shot-010".to_owned()),
        ..job("toy.echo", json!({"data": n}))
    }
}

#[tokio::test]
async fn a_later_token_of_the_same_name_gets_nothing_of_the_earlier_ones() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let before = hub.token("agent", &[Scope::Read, Scope::Write], &[]);
    let stored = hub.try_job(&before, keyed(1)).await.unwrap();
    hub.end_of(&stored).await;
    let made = hub
        .try_ask(&before, request("toy.make", json!({"kind": "top"})))
        .unwrap();
    hub.end_of(&made).await;
    // The same work under the same name and key, without the scope to look at others' work.
    let after = anew(&hub, "agent", &[Scope::Write]);
    assert_eq!(after.name, before.name);
    let refused = hub.hub.job(&after, &stored.id).await.unwrap_err();
    assert_eq!(refused.code, Code::FORBIDDEN, "another's job");
    let change = JobChange {
        status: Some(JobStatus::Queued),
        ..JobChange::default()
    };
    let refused = hub.hub.change_job(&after, &stored.id, change).await;
    assert_eq!(refused.unwrap_err().code, Code::FORBIDDEN, "a retry of it");
    assert_eq!(
        hub.hub.cancel(&after, &made.id).err().unwrap().code,
        Code::FORBIDDEN
    );
    let own = hub.hub.jobs(
        &after,
        JobsAsked {
            limit: 9,
            ..JobsAsked::default()
        },
    );
    assert!(own.await.unwrap().jobs.is_empty());
    let asked = CallRequest {
        command: "toy.make".to_owned(),
        args: json!({"kind": "top"}).as_object().unwrap().clone(),
        ..keyed(1)
    };
    let fresh = hub.try_job(&after, asked).await.unwrap();
    assert_ne!(fresh.id, stored.id, "the key is the token's own");
    // What was asked by the same token is still its own.
    assert!(hub.hub.job(&after, &fresh.id).await.is_ok());
}

#[tokio::test]
async fn bridges_are_told_whose_a_call_is_and_a_later_hub_knows_it() {
    let hub = TestHub::start_killable(vec![Arc::new(testkit::toy::Toy::default())]).await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let agent = hub.token("agent", &ALL, &[]);
    let running = hub
        .try_ask(&agent, request("toy.echo", json!({"data": 1})))
        .unwrap();
    let got = bridge.next_call().await;
    assert_eq!(got.owner.as_str(), "agent");
    assert_eq!(got.owner_id.as_ref(), Some(&agent.id));
    bridge.started(&got.id).await;
    let owners = hub.ask("toy.echo", json!({"data": 2}));
    assert_eq!(
        bridge.next_call().await.owner_id,
        None,
        "a name that no token has"
    );
    let home = hub.kill();
    let hub = TestHub::killable_in(home, vec![Arc::new(testkit::toy::Toy::default())]).await;
    bridge.redial(hub.addr).await.unwrap();
    let found = hub
        .wait_for("the call is known again", |hub| hub.call(&running.id).ok())
        .await;
    assert_eq!(found.caller.id, agent.id);
    let owner = hub.hub.call(&owners.id).unwrap();
    assert_eq!(owner.caller.id, Caller::owner().id);
    let later = anew(&hub, "agent", &ALL);
    assert_eq!(
        hub.hub.cancel(&later, &running.id).err().unwrap().code,
        Code::FORBIDDEN
    );
}

#[tokio::test]
async fn taking_a_token_back_ends_what_it_has_under_way_and_nothing_else() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let agent = hub.token("agent", &ALL, &[]);
    let other = hub.token("other", &ALL, &[]);
    let ask = |caller: &Caller, n: u64| {
        hub.try_ask(caller, request("toy.echo", json!({"data": n})))
            .unwrap()
    };
    let running = ask(&agent, 1);
    let got = bridge.next_call().await;
    bridge.started(&got.id).await;
    // Beyond the window, so that they wait in the hub.
    let waiting: Vec<_> = (0..limits::LANE_WINDOW as u64 + 8)
        .map(|n| ask(&agent, n))
        .collect();
    let others = ask(&other, 99);
    let far = CallRequest {
        not_before: Some("2099-01-01T00:00:00Z".to_owned()),
        ..job("toy.echo", json!({"data": 7}))
    };
    let queued = hub.try_job(&agent, far.clone()).await.unwrap();
    let others_job = hub.try_job(&other, far).await.unwrap();
    revoke(&hub, "agent");
    let view = hub.end_of(waiting.last().unwrap()).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "forbidden"));
    let view = hub.end_of(&queued).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "forbidden"));
    hub.until_job(&queued.id, JobStatus::Cancelled).await;
    bridge.cancel_of(&running.id).await;
    assert!(!others.status().is_end());
    assert_eq!(hub.job_view(&others_job.id).await.status, JobStatus::Queued);
}

#[tokio::test]
async fn a_token_that_is_narrowed_loses_what_it_may_not_do_any_more() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let agent = hub.token("agent", &ALL, &[]);
    let busy = hub.ask("toy.echo", json!({"data": 0}));
    let got = bridge.next_call().await;
    bridge.started(&got.id).await;
    for n in 0..limits::LANE_WINDOW as u64 {
        let _fills = hub.ask("toy.echo", json!({"data": n}));
    }
    let write = hub
        .try_ask(&agent, request("toy.make", json!({"kind": "top"})))
        .unwrap();
    let read = hub
        .try_ask(&agent, request("toy.echo", json!({"data": 1})))
        .unwrap();
    let narrower = TokenChange {
        scopes: Some([Scope::Read].into_iter().collect()),
        ..TokenChange::default()
    };
    let view = hub
        .hub
        .change_token(&Caller::owner(), "agent", &narrower)
        .unwrap();
    assert!(!view.scopes.has(Scope::Write));
    let view = hub.end_of(&write).await;
    assert_eq!((view.status, view.code()), (Status::Cancelled, "forbidden"));
    assert!(!read.status().is_end() && !busy.status().is_end());
    let refused = hub
        .hub
        .change_token(&agent, "agent", &TokenChange::default());
    assert_eq!(refused.err().unwrap().code, Code::FORBIDDEN);
    let unknown = hub
        .hub
        .change_token(&Caller::owner(), "nobody", &TokenChange::default());
    assert_eq!(unknown.err().unwrap().code, Code::TOKEN_UNKNOWN);
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_none_and_leaves_nothing_under_way() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).by_hand().await.unwrap();
    let agent = hub.token("agent", &ALL, &[]);
    let running = hub
        .try_ask(&agent, request("toy.echo", json!({"data": 1})))
        .unwrap();
    let queued = hub
        .try_job(&agent, job("toy.echo", json!({"data": 2})))
        .await
        .unwrap();
    let past = OffsetDateTime::now_utc() - time::Duration::seconds(1);
    let over = TokenChange {
        expires_at: Some(past.format(&Rfc3339).unwrap()),
        ..TokenChange::default()
    };
    let mut changes = hub.hub.rights_changes();
    hub.hub
        .change_token(&Caller::owner(), "agent", &over)
        .unwrap();
    changes.changed().await.unwrap();
    assert!(!hub.hub.is_known(&agent.id));
    let view = hub.end_of(&queued).await;
    assert_eq!(view.code(), "forbidden");
    drop(running);
    let wrong = TokenChange {
        expires_at: Some("tomorrow".to_owned()),
        ..TokenChange::default()
    };
    let refused = hub.hub.change_token(&Caller::owner(), "agent", &wrong);
    assert_eq!(refused.err().unwrap().code, Code::ARGUMENTS_INVALID);
}

#[tokio::test]
async fn a_batch_stops_where_its_token_was_taken_back() {
    let hub = TestHub::start().await;
    let mut bridge = Dial::new(&hub).by_hand().await.unwrap();
    let agent = hub.token("agent", &ALL, &[]);
    let calls = (0..3).map(|n| request("toy.echo", json!({"data": n})));
    let wanted = BatchRequest {
        calls: calls.collect(),
        on_error: OnError::Continue,
        ..serde_json::from_value(json!({"calls": []})).unwrap()
    };
    let batch = hub.hub.batch(&agent, wanted).await.unwrap();
    let first = bridge.next_call().await;
    bridge.started(&first.id).await;
    revoke(&hub, "agent");
    bridge.answer(&first.id, json!(1)).await;
    assert!(batch.ended(Some(testkit::CAP)).await);
    let view = batch.view(&hub.hub, &Caller::owner());
    assert_eq!(view.outcomes.len(), 3);
    for outcome in &view.outcomes[1..] {
        assert!(
            matches!(outcome, BatchOutcome::Refused { problem } if problem.code == Code::FORBIDDEN),
            "{outcome:?}"
        );
    }
    bridge.round_trip().await;
    assert_eq!(bridge.calls().len(), 1);
}

#[tokio::test]
async fn one_caller_that_fills_a_lane_leaves_room_for_the_others() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).by_hand().await.unwrap();
    let (busy, calm) = (hub.token("busy", &ALL, &[]), hub.token("calm", &ALL, &[]));
    let ask = |caller: &Caller| hub.try_ask(caller, request("toy.echo", json!({"data": 1})));
    let refused = (0..limits::LANE_WAITING_MAX + limits::LANE_WINDOW + 1)
        .find_map(|_| ask(&busy).err())
        .expect("it has a bound");
    assert_eq!(refused.code, Code::QUEUE_FULL);
    assert!(refused.message.contains("`busy`"), "{refused:?}");
    assert!(ask(&calm).is_ok());
}

#[tokio::test]
async fn what_waits_is_weighed_for_each_caller() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).by_hand().await.unwrap();
    let (busy, calm) = (hub.token("busy", &ALL, &[]), hub.token("calm", &ALL, &[]));
    let large = "x".repeat(8 * 1024 * 1024);
    let ask = |caller: &Caller| hub.try_ask(caller, request("toy.echo", json!({"data": large})));
    let fits = limits::WAITING_BYTES_MAX / large.len();
    let refused = (0..fits + limits::LANE_WINDOW + 1)
        .find_map(|_| ask(&busy).err())
        .expect("it has a bound");
    assert_eq!(refused.code, Code::QUEUE_FULL);
    assert!(refused.message.contains("MB"), "{refused:?}");
    assert!(ask(&calm).is_ok());
    let calls = (0..fits + 1).map(|_| request("toy.echo", json!({"data": large})));
    let wanted = BatchRequest {
        calls: calls.collect(),
        ..serde_json::from_value(json!({"calls": []})).unwrap()
    };
    let refused = hub.hub.batch(&calm, wanted).await.err().unwrap();
    assert_eq!(refused.code, Code::QUEUE_FULL);
}

#[tokio::test]
async fn one_callers_batches_leave_room_for_anothers() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).by_hand().await.unwrap();
    let (busy, calm) = (hub.token("busy", &ALL, &[]), hub.token("calm", &ALL, &[]));
    let batch = || BatchRequest {
        calls: vec![request("toy.echo", json!({"data": 1}))],
        ..serde_json::from_value(json!({"calls": []})).unwrap()
    };
    let mut refused = None;
    for _ in 0..=limits::BATCHES_RUNNING_MAX {
        refused = hub.hub.batch(&busy, batch()).await.err();
    }
    let refused = refused.expect("it has a bound");
    assert!(refused.message.contains("`busy`"), "{refused:?}");
    assert!(hub.hub.batch(&calm, batch()).await.is_ok());
}

#[tokio::test]
async fn a_job_that_was_confirmed_is_asked_about_again_when_it_runs_otherwise_or_again() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let agent = hub.token(
        "agent",
        &[Scope::Read, Scope::Destructive],
        &[Scope::Destructive],
    );
    let wish = |confirm: Option<String>| CallRequest {
        confirm,
        instance: Some("toy".into()),
        not_before: Some("2099-01-01T00:00:00Z".to_owned()),
        ..job("toy.delete", json!({"name": "old backup"}))
    };
    let asked = hub.try_job(&agent, wish(None)).await.err().unwrap();
    assert!(
        asked.message.contains("`toy`") && asked.message.contains("old backup"),
        "{asked:?}"
    );
    let stored = hub.try_job(&agent, wish(confirm_of(&asked))).await.unwrap();
    let change = |wanted: serde_json::Value| {
        let wanted: JobChange = serde_json::from_value(wanted).unwrap();
        hub.hub.change_job(&agent, &stored.id, wanted)
    };
    // Other arguments: asked again, with the new ones; what was agreed to stays.
    let wanted = json!({"args": {"name": "EVERYTHING"}, "not_before": ""});
    let asked = change(wanted.clone()).await.unwrap_err();
    assert_eq!(asked.code, Code::CONFIRMATION_REQUIRED);
    assert!(asked.message.contains("EVERYTHING") && asked.message.contains("`toy`"));
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    // The yes is for that change and no other.
    let mut other = json!({"args": {"name": "SOMETHING ELSE"}, "not_before": ""});
    other["confirm"] = json!(confirm_of(&asked));
    assert_eq!(
        change(other).await.unwrap_err().code,
        Code::CONFIRMATION_REQUIRED
    );
    let mut confirmed = wanted;
    confirmed["confirm"] = json!(confirm_of(&asked));
    change(confirmed).await.unwrap();
    hub.until_job(&stored.id, JobStatus::Succeeded).await;
    // Again: each run is asked about.
    for wanted in [
        json!({"status": "queued"}),
        json!({"status": "queued", "args": {"name": "MORE"}}),
    ] {
        let asked = change(wanted.clone()).await.unwrap_err();
        assert_eq!(asked.code, Code::CONFIRMATION_REQUIRED, "{wanted}");
        let mut confirmed = wanted;
        confirmed["confirm"] = json!(confirm_of(&asked));
        change(confirmed.clone()).await.unwrap();
        hub.until_job(&stored.id, JobStatus::Succeeded).await;
        assert!(change(confirmed).await.is_err(), "a yes is good once");
    }
    let names: Vec<_> = bridge
        .calls()
        .iter()
        .map(|call| call.args["name"].clone())
        .collect();
    assert_eq!(names, ["EVERYTHING", "EVERYTHING", "MORE"]);
    // More tries are more runs.
    let fresh = hub.try_job(&agent, wish(None)).await.err().unwrap();
    let fresh = hub.try_job(&agent, wish(confirm_of(&fresh))).await.unwrap();
    let more: JobChange = serde_json::from_value(json!({"retry": {"max": 9}})).unwrap();
    let asked = hub
        .hub
        .change_job(&agent, &fresh.id, more)
        .await
        .unwrap_err();
    assert!(asked.message.contains("9 times more"), "{asked:?}");
    // Its place and its labels change nothing of what runs.
    let place: JobChange =
        serde_json::from_value(json!({"priority": 9, "labels": {"a": "b"}})).unwrap();
    assert!(hub.hub.change_job(&agent, &fresh.id, place).await.is_ok());
}

fn confirm_of(problem: &wire::Problem) -> Option<String> {
    assert_eq!(problem.code, Code::CONFIRMATION_REQUIRED, "{problem:?}");
    problem.details["confirm"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_job_that_nobody_was_asked_about_does_not_run_when_somebody_must_be_by_now() {
    let hub = TestHub::start().await;
    let agent = hub.token("agent", &[Scope::Destructive], &[]);
    let stored = hub
        .try_job(&agent, job("toy.delete", json!({"name": "top"})))
        .await
        .unwrap();
    let asks = TokenChange {
        ask: Some([Scope::Destructive].into_iter().collect()),
        ..TokenChange::default()
    };
    hub.hub
        .change_token(&Caller::owner(), "agent", &asks)
        .unwrap();
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let view = hub.end_of(&stored).await;
    assert_eq!(
        (view.status, view.code()),
        (Status::Cancelled, "confirmation_required")
    );
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn a_yes_is_for_one_instance_and_way_and_a_flood_of_questions_forgets_only_its_own() {
    let hub = TestHub::start().await;
    let scratch = Dial::new(&hub).name("scratch").echo().await.unwrap();
    let production = Dial::new(&hub).name("production").echo().await.unwrap();
    let asking = |name: &str| hub.token(name, &[Scope::Destructive], &[Scope::Destructive]);
    let (agent, flood) = (asking("agent"), asking("flood"));
    let delete = |instance: &str, confirm: Option<String>| CallRequest {
        instance: Some(instance.into()),
        confirm,
        ..request("toy.delete", json!({"name": "x"}))
    };
    let ask = |caller: &Caller, wanted: CallRequest| hub.hub.ask(caller, wanted);
    let yes = || confirm_of(&ask(&agent, delete("scratch", None)).err().unwrap());
    for other in [
        delete("production", yes()),
        delete("*", yes()),
        CallRequest {
            durable: Some(wire::Durability::Fsync),
            ..delete("scratch", yes())
        },
        CallRequest {
            revision: Some(3),
            ..delete("scratch", yes())
        },
        CallRequest {
            instance: None,
            select: Some(wire::job::Select::default()),
            ..delete("scratch", yes())
        },
    ] {
        let refused = ask(&agent, other.clone()).err().unwrap();
        assert_eq!(refused.code, Code::CONFIRMATION_REQUIRED, "{other:?}");
    }
    // `*` runs on those that were agreed to, not on one that came later.
    let all = confirm_of(&ask(&agent, delete("*", None)).err().unwrap());
    let mine = yes();
    for n in 0..limits::CONFIRMATIONS_PER_CALLER_MAX * 3 {
        let wanted = CallRequest {
            instance: Some("scratch".into()),
            ..request("toy.delete", json!({"name": n.to_string()}))
        };
        assert!(ask(&flood, wanted).is_err());
    }
    assert!(matches!(
        ask(&agent, delete("scratch", mine)),
        Ok(Asked::One(_))
    ));
    let third = Dial::new(&hub).name("third").echo().await.unwrap();
    let asked = ask(&agent, delete("*", all)).err().unwrap();
    assert!(
        asked.message.contains("`third`"),
        "three are another question: {asked:?}"
    );
    let all = confirm_of(&asked);
    let Ok(Asked::All(calls)) = ask(&agent, delete("*", all)) else {
        panic!("a yes for all three");
    };
    assert_eq!(calls.len(), 3);
    for call in &calls {
        hub.end_of(call).await;
    }
    let counts = [&scratch, &production, &third].map(|bridge| bridge.calls().len());
    assert_eq!(counts, [2, 1, 1]);
}
