//! What was done outlives the hub: one history over its runs, without secrets, purged by those who may.

use std::time::Duration;

use hub::callers::{Caller, Scope};
use hub::store::CallsWanted;
use serde_json::json;
use testkit::{Dial, Ended as _, TestHub, caller, request, toy};
use time::OffsetDateTime;
use wire::{CallId, Code, CommandSpec, Event, Status};

const TOKEN: &str = "ghp_Abcdefghij0123456789Abcd";

fn shelf() -> Vec<CommandSpec> {
    let text = r#"
        [put]
        summary = "Puts."
        effect = "write"
        [put.args.password]
        type = "string"
        secret = true
        [put.args.text]
        type = "any"
    "#;
    CommandSpec::from_toml("shelf", text).unwrap()
}

fn all() -> CallsWanted {
    CallsWanted {
        limit: 100,
        ..CallsWanted::default()
    }
}

async fn ids(hub: &TestHub) -> Vec<CallId> {
    let remembered = hub.hub.remembered(&all()).await.unwrap();
    remembered
        .calls
        .iter()
        .map(|call| call.id.clone())
        .collect()
}

#[tokio::test]
async fn calls_of_an_earlier_run_are_there_and_since_tells_the_truth() {
    let old = TestHub::start().await;
    let _bridge = Dial::new(&old).echo().await.unwrap();
    let view = old.run("toy.echo", json!({"data": [1, 2]})).await;
    let since = old.hub.remembered(&all()).await.unwrap().since;
    let home = old.stop().await;

    let new = TestHub::killable_in(home, vec![std::sync::Arc::new(toy::Toy::default())]).await;
    let _bridge = Dial::new(&new).name("two").echo().await.unwrap();
    let second = new.run("toy.echo", json!({"data": 3})).await;
    assert_eq!(
        ids(&new).await,
        [second.call_id.clone(), view.call_id.clone()]
    );
    let remembered = new.hub.remembered(&all()).await.unwrap();
    assert_eq!(remembered.since, since, "the first hub's, not this one's");
    assert_eq!(remembered.left_out, 0);
    let found = new.hub.find_call(&view.call_id).await.unwrap();
    let again = new.hub.masked_view(&found);
    assert_eq!(json!(again.args), json!({"text": "hello", "data": [1, 2]}));
    assert_eq!(
        (again.value(), again.status),
        (view.value(), Status::Succeeded)
    );
    assert_eq!((again.asked_at, again.caller), (view.asked_at, view.caller));
    // Pages go over the border between the runs.
    let page = CallsWanted {
        before: Some(second.call_id),
        ..all()
    };
    let page = new.hub.remembered(&page).await.unwrap().calls;
    assert_eq!(page.len(), 1);
    let unknown = new.hub.remembered_call(&"call_nobody".into()).await;
    let problem = unknown.err().unwrap();
    assert_eq!(problem.code, Code::CALL_UNKNOWN);
    let told = hub::clock::rfc3339(since);
    assert!(problem.hint.unwrap().contains(&told), "{told}");
}

#[tokio::test]
async fn what_is_secret_is_nowhere_but_with_who_asked() {
    let hub = TestHub::start().await;
    let dial = Dial::new(&hub).app("shelf").commands(shelf());
    let bridge = dial.echo().await.unwrap();
    let (mut feed, _) = hub
        .hub
        .subscribe(&Caller::owner(), vec![wire::Topic::Calls], None)
        .unwrap();
    let mut wish = request("shelf.put", json!({"password": "hunter2", "text": TOKEN}));
    wish.app = "shelf".into();
    let agent = caller("agent", &[Scope::Read, Scope::Write], &[]);
    let call = hub.try_ask(&agent, wish).unwrap();
    hub.end_of(&call).await;
    // It ran with what was given, and who asked has what the app gave.
    let ran = &bridge.calls()[0].args;
    assert_eq!(
        (&ran["password"], &ran["text"]),
        (&json!("hunter2"), &json!(TOKEN))
    );
    let own = json!(hub.hub.view_with_args_for(&agent, &call));
    assert!(own["value"].to_string().contains(TOKEN), "{own}");
    assert_eq!(
        own["args"],
        json!({"password": "[masked]", "text": "[masked]"})
    );
    let others = json!(hub.hub.view_with_args_for(&Caller::owner(), &call)).to_string();
    assert!(!others.contains(TOKEN), "{others}");
    let mut told = String::new();
    feed.news().await;
    for event in feed.take(100).unwrap() {
        told.push_str(event.json());
        if let Event::CallEnded { call } = &event.event {
            assert_eq!(call.status, Status::Succeeded);
        }
    }
    assert!(
        told.contains("call_ended") && !told.contains(TOKEN),
        "{told}"
    );
    hub.hub.stop().await;
    let stores = hub.store().stores();
    let kept = stores.history.get(&call.id).await.unwrap().unwrap();
    let kept = serde_json::to_string(&kept.view).unwrap();
    assert!(!kept.contains(TOKEN), "{kept}");
    assert!(kept.matches("[masked]").count() >= 3, "{kept}");
}

#[tokio::test]
async fn a_purge_needs_a_right_and_takes_what_is_older() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    for n in 0..3 {
        hub.run("toy.echo", json!({ "data": n })).await;
    }
    let reader = caller("reader", &[Scope::Read, Scope::Write], &[]);
    let refused = hub.hub.purge_history(&reader, None).await.unwrap_err();
    assert_eq!(refused.code, Code::FORBIDDEN);
    let owner = Caller::owner();
    let long_ago = OffsetDateTime::now_utc() - Duration::from_secs(3_600);
    let forgotten = hub.hub.purge_history(&owner, Some(long_ago)).await.unwrap();
    assert_eq!((forgotten.calls, ids(&hub).await.len()), (0, 3));
    let before = OffsetDateTime::now_utc();
    let held = Dial::new(&hub).name("held").by_hand().await.unwrap();
    let mut wish = request("toy.echo", json!({}));
    wish.instance = Some("held".into());
    let open = hub.try_ask(&owner, wish).unwrap();
    let forgotten = hub.hub.purge_history(&owner, None).await.unwrap();
    assert_eq!(forgotten.calls, 3);
    assert_eq!(
        ids(&hub).await,
        std::slice::from_ref(&open.id),
        "what has not ended stays"
    );
    assert!(hub.hub.remembered(&all()).await.unwrap().since >= before);
    drop(held);
}
