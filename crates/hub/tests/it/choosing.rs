//! Which app, instance, command and arguments: never a silent pick, and the names that exist.

use hub::Asked;
use hub::callers::Caller;
use serde_json::{Value, json};
use testkit::{Dial, Ended as _, Manners, TestHub, request, toy};
use wire::{CallRequest, Code, CommandSpec, Problem, Status};

fn refusal(hub: &TestHub, request: CallRequest) -> Problem {
    hub.hub
        .ask(&Caller::owner(), request)
        .err()
        .expect("a refusal")
}

fn on(instance: &str, mut request: CallRequest) -> CallRequest {
    request.instance = Some(instance.into());
    request
}

fn all(hub: &TestHub, command: &str) -> Vec<std::sync::Arc<hub::call::Call>> {
    match hub
        .hub
        .ask(&Caller::owner(), on("*", request(command, json!({}))))
        .unwrap()
    {
        Asked::All(calls) => calls,
        _ => panic!("`*` asks all"),
    }
}

#[tokio::test]
async fn without_an_instance_there_is_a_way_on() {
    let hub = TestHub::start().await;
    for asked in [
        request("toy.echo", json!({})),
        on("*", request("toy.echo", json!({}))),
    ] {
        let problem = refusal(&hub, asked);
        assert_eq!(
            (problem.code.clone(), problem.http_status()),
            (Code::NO_INSTANCE, 503)
        );
        assert_eq!(
            problem.hint.as_deref(),
            Some("Start one: POST /v1/instances {\"app\": \"toy\"}")
        );
    }
}

#[tokio::test]
async fn several_instances_are_named_and_none_is_picked() {
    let hub = TestHub::start().await;
    let one = Dial::new(&hub).name("left").echo().await.unwrap();
    let two = Dial::new(&hub).name("right").echo().await.unwrap();
    let problem = refusal(&hub, request("toy.echo", json!({})));
    assert_eq!(
        (problem.code.clone(), problem.http_status()),
        (Code::INSTANCE_AMBIGUOUS, 409)
    );
    assert_eq!(problem.details["instances"], json!(["left", "right"]));
    assert!(problem.message.contains("left, right"), "{problem:?}");
    let call = hub
        .try_ask(
            &Caller::owner(),
            on("right", request("toy.echo", json!({}))),
        )
        .unwrap();
    assert_eq!(hub.end_of(&call).await.instance.as_str(), "right");
    assert_eq!((one.calls().len(), two.calls().len()), (0, 1));
}

#[tokio::test]
async fn of_several_the_one_named_like_its_app_is_meant() {
    let hub = TestHub::start().await;
    let own = Dial::new(&hub).name("toy").echo().await.unwrap();
    let other = Dial::new(&hub).name("attic").echo().await.unwrap();
    assert_eq!(
        hub.run("toy.echo", json!({})).await.instance.as_str(),
        "toy"
    );
    assert_eq!(all(&hub, "toy.echo").len(), 2, "`*` still means all");
    drop(own);
    drop(other);
}

#[tokio::test]
async fn an_id_is_found_by_any_unique_beginning() {
    let hub = TestHub::start().await;
    let _one = Dial::new(&hub).echo().await.unwrap();
    let first = hub.run("toy.echo", json!({})).await.call_id;
    let second = hub.run("toy.echo", json!({})).await.call_id;
    let (owner, whole) = (Caller::owner(), first.as_str());
    let same = whole.bytes().zip(second.as_str().bytes());
    let unique = &whole[..same.take_while(|(a, b)| a == b).count() + 1];
    let bare = unique.strip_prefix("call_").unwrap();
    let whole_bare = whole.strip_prefix("call_").unwrap();
    for typed in [unique, bare, &bare.to_lowercase(), whole, whole_bare] {
        assert_eq!(
            hub.hub.call_id(&owner, typed).await.unwrap(),
            first,
            "{typed}"
        );
    }
    let problem = hub.hub.call_id(&owner, &whole[..9]).await.unwrap_err();
    assert_eq!(problem.code, Code::ID_AMBIGUOUS);
    let candidates = problem.details["candidates"].as_array().unwrap();
    assert!(candidates.contains(&json!(first)) && candidates.contains(&json!(second)));
    let nobody = testkit::caller("nobody", &[], &[]);
    let unseen = hub.hub.call_id(&nobody, unique).await.unwrap();
    assert_eq!(unseen.as_str(), unique, "others' ids are not given away");
    for unknown in ["call_zzzz", "call_0"] {
        let id = hub.hub.call_id(&owner, unknown).await.unwrap();
        assert_eq!(
            id.as_str(),
            unknown,
            "whoever looks for it says that it is unknown"
        );
    }
}

#[tokio::test]
async fn a_star_asks_all_of_them_each_with_an_outcome() {
    let hub = TestHub::start().await;
    let deaf = Manners {
        cancels: false,
        beats: true,
    };
    let _one = Dial::new(&hub).name("a").echo().await.unwrap();
    let _two = Dial::new(&hub).name("b").echo().await.unwrap();
    let held = Dial::new(&hub)
        .name("c")
        .manners(deaf)
        .by_hand()
        .await
        .unwrap();
    let hanging = hub
        .try_ask(&Caller::owner(), on("c", request("toy.echo", json!({}))))
        .unwrap();
    held.started(&hanging.id).await;
    held.wedge(&hanging.id).await;
    hub.end_of(&hanging).await;

    let calls = all(&hub, "toy.echo");
    let mut ends = Vec::new();
    for call in &calls {
        let view = hub.end_of(call).await;
        ends.push((view.instance.to_string(), view.status));
        // Each can be asked for later, the one that nothing was sent for as well.
        let remembered = hub.hub.call(&call.id).expect("it is in the journal");
        assert_eq!(remembered.status(), view.status);
    }
    let expected = [
        ("a", Status::Succeeded),
        ("b", Status::Succeeded),
        ("c", Status::Interrupted),
    ];
    assert_eq!(
        ends,
        expected.map(|(name, status)| (name.to_owned(), status))
    );
    assert!(!calls[2].has_started());
}

#[tokio::test]
async fn a_star_over_one_is_still_a_list() {
    let hub = TestHub::start().await;
    let _one = Dial::new(&hub).echo().await.unwrap();
    assert_eq!(all(&hub, "toy.echo").len(), 1);
}

#[tokio::test]
async fn check_only_checks_all_and_runs_nothing() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let mut asked = request("toy.make", json!({"kind": "ball"}));
    asked.check_only = true;
    let Asked::Checked(checked) = hub.hub.ask(&Caller::owner(), asked.clone()).unwrap() else {
        panic!("only checked")
    };
    assert_eq!(json!(checked.args), json!({"kind": "ball", "size": 2.0}));
    assert_eq!(checked.instance, vec![bridge.instance.clone()]);
    assert_eq!(checked.effect, wire::Effect::Write);
    asked.args.insert("kind".to_owned(), json!("cube"));
    assert_eq!(refusal(&hub, asked).code, Code::ARGUMENTS_INVALID);
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    let (_, history) = hub.hub.history(&hub::store::CallsWanted {
        limit: 10,
        ..Default::default()
    });
    assert!(history.is_empty());
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_right_one() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).name("stage").echo().await.unwrap();
    let wrong_app = CallRequest {
        app: "tyo".into(),
        ..request("toy.echo", json!({}))
    };
    let cases = [
        (wrong_app, Code::APP_UNKNOWN, "Did you mean `toy`?"),
        (
            request("toy.ecko", json!({})),
            Code::COMMAND_UNKNOWN,
            "Did you mean `toy.echo`",
        ),
        (
            on("stgae", request("toy.echo", json!({}))),
            Code::INSTANCE_UNKNOWN,
            "Did you mean `stage`?",
        ),
        (
            request("toy.echo", json!({"txt": "x"})),
            Code::ARGUMENTS_INVALID,
            "Did you mean `text`?",
        ),
    ];
    for (asked, code, hint) in cases {
        let problem = refusal(&hub, asked);
        assert_eq!(problem.code, code);
        assert!(
            problem.hint.as_ref().unwrap().starts_with(hint),
            "{problem:?}"
        );
    }
    let far = refusal(&hub, request("zzz.qqq", json!({})));
    assert!(
        far.hint
            .unwrap()
            .starts_with("The commands are: code.run, toy.delete")
    );
    let missing = refusal(&hub, request("toy.make", json!({})));
    assert!(missing.message.contains("`kind` is missing"), "{missing:?}");
    assert!(missing.hint.unwrap().contains("one of ball, top"));
}

fn lamp() -> CommandSpec {
    serde_json::from_value(json!({
        "name": "lamp.dim",
        "summary": "Dims the lamp.",
        "effect": "write",
        "args": {
            "type": "object",
            "properties": {"to": {"type": "number", "default": 0.5, "maximum": 1}},
            "additionalProperties": false,
        },
    }))
    .unwrap()
}

fn dim(args: Value) -> CallRequest {
    CallRequest {
        app: "lamp".into(),
        ..request("lamp.dim", args)
    }
}

#[tokio::test]
async fn a_third_partys_app_works_without_any_code_of_ours() {
    let hub = TestHub::start().await;
    assert_eq!(refusal(&hub, dim(json!({}))).code, Code::APP_UNKNOWN);
    let _bridge = Dial::new(&hub)
        .app("lamp")
        .commands(vec![lamp()])
        .echo()
        .await
        .unwrap();
    let call = hub.try_ask(&Caller::owner(), dim(json!({}))).unwrap();
    let view = hub.end_of(&call).await;
    assert_eq!(
        (view.status, view.value()),
        (Status::Succeeded, &json!({"to": 0.5}))
    );
    assert_eq!(view.instance.as_str(), "lamp");
    assert_eq!(
        refusal(&hub, dim(json!({"to": 2}))).code,
        Code::ARGUMENTS_INVALID
    );
    assert_eq!(
        refusal(&hub, dim(json!({"too": 1}))).hint.as_deref(),
        Some("Did you mean `to`?")
    );
    let apps: Vec<_> = hub
        .hub
        .apps()
        .into_iter()
        .map(|(app, _)| (app.id.clone(), app.announced))
        .collect();
    assert_eq!(apps, [("lamp".into(), true), (toy::APP.into(), false)]);
    assert_eq!(hub.hub.commands(&"lamp".into()).unwrap(), vec![lamp()]);
    let reader = testkit::caller("reader", &[hub::callers::Scope::Read], &[]);
    assert_eq!(
        hub.try_ask(&reader, dim(json!({}))).err().unwrap().code,
        Code::FORBIDDEN
    );
}

#[tokio::test]
async fn nobody_describes_our_commands_anew() {
    let hub = TestHub::start().await;
    let mut harmless = hub.hub.command(&toy::APP.into(), "code.run").unwrap();
    harmless.effect = wire::Effect::Read;
    let _bridge = Dial::new(&hub)
        .commands(vec![harmless])
        .echo()
        .await
        .unwrap();
    let spec = hub.hub.command(&toy::APP.into(), "code.run").unwrap();
    assert_eq!(spec.effect, wire::Effect::Code);
}

#[tokio::test]
async fn an_announcement_that_cannot_be_used_is_refused_with_the_reason() {
    let hub = TestHub::start().await;
    let mut broken = lamp();
    broken.args = json!({"type": "no such type"});
    let refused = Dial::new(&hub)
        .app("lamp")
        .commands(vec![broken])
        .echo()
        .await
        .err()
        .unwrap();
    let problem = refused.problem();
    assert!(problem.message.contains("lamp.dim"), "{problem:?}");
    let refused = Dial::new(&hub)
        .app("../lamp")
        .commands(vec![lamp()])
        .echo()
        .await
        .err()
        .unwrap();
    assert!(refused.problem().message.contains("../lamp"));
    assert!(hub.hub.instances().is_empty());
}
