//! Who may what: scopes, questions to a person, rates.

use hub::callers::{Caller, Scope};
use hub::{Asked, limits};
use serde_json::json;
use testkit::{Dial, Ended as _, TestHub, caller, request};
use wire::{CallRequest, Code, Problem};

fn command_of(scope: Scope) -> Option<CallRequest> {
    match scope {
        Scope::Read => Some(request("toy.echo", json!({}))),
        Scope::Write => Some(request("toy.make", json!({"kind": "top"}))),
        Scope::Destructive => Some(request("toy.delete", json!({"name": "top"}))),
        Scope::Code => Some(request("code.run", json!({"code": "1"}))),
        Scope::Admin => None,
    }
}

#[tokio::test]
async fn a_scope_allows_its_effect_and_no_other() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    for has in Scope::ALL {
        let somebody = caller("somebody", &[has], &[]);
        for effect in Scope::ALL {
            let Some(asked) = command_of(effect) else {
                continue;
            };
            let result = hub.try_ask(&somebody, asked);
            if has == effect {
                let call = result.expect("allowed");
                assert!(!hub.end_of(&call).await.value().is_null());
                continue;
            }
            let problem = result.err().expect("forbidden");
            assert_eq!(
                (problem.code.clone(), problem.http_status()),
                (Code::FORBIDDEN, 403)
            );
            assert!(problem.message.contains(effect.as_str()), "{problem:?}");
            assert!(problem.hint.unwrap().contains(has.as_str()));
        }
    }
    let nobody = caller("nobody", &[], &[]);
    for asked in Scope::ALL.into_iter().filter_map(command_of) {
        assert_eq!(
            hub.try_ask(&nobody, asked).err().unwrap().code,
            Code::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn what_an_admin_does_needs_that_scope() {
    let hub = TestHub::start().await;
    let others = [Scope::Read, Scope::Write, Scope::Destructive, Scope::Code];
    let somebody = caller("somebody", &others, &[]);
    let view = hub::callers::TokenView {
        name: "new".into(),
        scopes: [Scope::Read].into_iter().collect(),
        ask: hub::callers::Scopes::NONE,
    };
    assert_eq!(
        hub.hub.tokens(&somebody).err().unwrap().code,
        Code::FORBIDDEN
    );
    assert_eq!(
        hub.hub.create_token(&somebody, &view).err().unwrap().code,
        Code::FORBIDDEN
    );
    assert_eq!(
        hub.hub.revoke_token(&somebody, "new").err().unwrap().code,
        Code::FORBIDDEN
    );
    assert_eq!(
        hub.hub.may_stop(&somebody).err().unwrap().code,
        Code::FORBIDDEN
    );
    let secret = hub.hub.create_token(&Caller::owner(), &view).unwrap();
    assert_eq!(hub.hub.authenticate(&secret).unwrap().name.as_str(), "new");
    hub.hub.revoke_token(&Caller::owner(), "new").unwrap();
    assert_eq!(hub.hub.authenticate(&secret), None);
}

fn asking() -> Caller {
    caller(
        "agent",
        &[Scope::Read, Scope::Destructive],
        &[Scope::Destructive],
    )
}

fn delete(name: &str, confirm: Option<&str>) -> CallRequest {
    let mut asked = request("toy.delete", json!({"name": name}));
    asked.confirm = confirm.map(str::to_owned);
    asked
}

fn confirm_of(problem: &Problem) -> String {
    assert_eq!(
        (&problem.code, problem.http_status()),
        (&Code::CONFIRMATION_REQUIRED, 409)
    );
    problem.details["confirm"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_says_yes_once_to_this_caller_command_and_arguments() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub).echo().await.unwrap();
    let ask = |caller: &Caller, asked| {
        hub.try_ask(caller, asked)
            .map_err(|problem| confirm_of(&problem))
    };
    let agent = asking();
    assert!(
        ask(&agent, request("toy.echo", json!({}))).is_ok(),
        "only what is asked for"
    );

    let confirm = ask(&agent, delete("top", None)).err().unwrap();
    bridge.round_trip().await;
    assert_eq!(bridge.calls().len(), 1, "nothing was deleted yet");
    assert!(
        ask(&agent, delete("ball", Some(&confirm))).is_err(),
        "other arguments"
    );
    let other = Caller {
        name: "other".into(),
        ..asking()
    };
    assert!(
        ask(&other, delete("top", Some(&confirm))).is_err(),
        "another caller"
    );
    assert!(
        ask(&agent, request("toy.die", json!({}))).is_err(),
        "another command"
    );
    let mut die = request("toy.die", json!({}));
    die.confirm = Some(confirm.clone());
    assert!(ask(&agent, die).is_err(), "another command");
    assert!(ask(&agent, delete("top", Some("guess"))).is_err());

    let call = ask(&agent, delete("top", Some(&confirm))).unwrap();
    assert_eq!(hub.end_of(&call).await.value(), &json!({"name": "top"}));
    assert!(
        ask(&agent, delete("top", Some(&confirm))).is_err(),
        "it was good for once"
    );
    assert_eq!(bridge.calls().len(), 2);
}

#[tokio::test]
async fn a_person_is_not_asked_for_what_has_nowhere_to_go() {
    let hub = TestHub::start().await;
    let first = delete("top", None);
    let problem = hub.try_ask(&asking(), first.clone()).err().unwrap();
    assert_eq!(problem.code, Code::NO_INSTANCE);
    let _one = Dial::new(&hub).name("one").echo().await.unwrap();
    let confirm = confirm_of(&hub.try_ask(&asking(), first).err().unwrap());
    let _two = Dial::new(&hub).name("two").echo().await.unwrap();
    let mut second = delete("top", Some(&confirm));
    let problem = hub.try_ask(&asking(), second.clone()).err().unwrap();
    assert_eq!(problem.code, Code::INSTANCE_AMBIGUOUS);
    second.instance = Some("two".into());
    assert!(
        hub.try_ask(&asking(), second).is_ok(),
        "the yes was not used up"
    );
}

#[tokio::test]
async fn a_check_needs_no_person() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let mut asked = delete("top", None);
    asked.check_only = true;
    assert!(matches!(
        hub.hub.ask(&asking(), asked),
        Ok(Asked::Checked(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_yes_is_good_for_five_minutes() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    for (late, works) in [(false, true), (true, false)] {
        let confirm = confirm_of(&hub.try_ask(&asking(), delete("top", None)).err().unwrap());
        let second = std::time::Duration::from_secs(1);
        let wait = if late {
            limits::CONFIRMATION_LIFE + second
        } else {
            limits::CONFIRMATION_LIFE - second
        };
        tokio::time::sleep(wait).await;
        assert_eq!(
            hub.try_ask(&asking(), delete("top", Some(&confirm)))
                .is_ok(),
            works
        );
    }
}

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_and_the_others_are_not() {
    let hub = TestHub::start().await;
    let _bridge = Dial::new(&hub).echo().await.unwrap();
    let (busy, calm) = (
        caller("busy", &[Scope::Read], &[]),
        caller("calm", &[Scope::Read], &[]),
    );
    let check = |somebody: &Caller| {
        let mut asked = request("toy.echo", json!({}));
        asked.check_only = true;
        hub.hub.ask(somebody, asked)
    };
    let refused = (0..limits::CALLER_RATE_BURST * 5).find_map(|_| check(&busy).err());
    let problem = refused.expect("more than the burst is too much");
    assert_eq!(
        (problem.code.clone(), problem.http_status()),
        (Code::RATE_LIMITED, 429)
    );
    assert!(
        problem.retryable && problem.message.contains("busy"),
        "{problem:?}"
    );
    assert!(check(&calm).is_ok());
    assert!((0..limits::CALLER_RATE_BURST * 2).all(|_| check(&Caller::owner()).is_ok()));
}
