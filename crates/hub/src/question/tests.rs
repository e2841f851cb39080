use proptest::prelude::*;

use super::*;

fn question(args: Value) -> Question {
    let args = args.as_object().cloned().unwrap_or_default();
    Question {
        app: "toy".into(),
        target: Target::These(vec!["production".into()]),
        command: "thing.delete".to_owned(),
        effect: Effect::Destructive,
        shown: args.clone(),
        args,
        durable: None,
        retry: None,
        revision: None,
        job: None,
        more: Value::Null,
    }
}

#[test]
fn a_yes_covers_one_call_and_everything_that_changes_what_runs() {
    let one = question(json!({"name": "x"}));
    let with = |change: fn(&mut Question)| {
        let mut other = one.clone();
        change(&mut other);
        other.hash()
    };
    let others = [
        with(|q| q.app = "other".into()),
        with(|q| q.command = "thing.get".to_owned()),
        with(|q| q.target = Target::These(vec!["scratch".into()])),
        with(|q| q.target = Target::These(vec!["production".into(), "scratch".into()])),
        with(|q| q.target = Target::First),
        with(|q| q.target = Target::Hub),
        with(|q| q.target = Target::Any(Select::default())),
        with(|q| q.durable = Some(Durability::Fsync)),
        with(|q| q.revision = Some(7)),
        with(|q| {
            q.retry = Some(Retry {
                max: 3,
                backoff_ms: None,
            });
        }),
        with(|q| q.job = Some("call_1".into())),
        with(|q| q.more = json!({"not_before": "2031-05-04T22:00:00Z"})),
        question(json!({"name": "y"})).hash(),
        question(json!({"name": "x", "all": true})).hash(),
    ];
    for (at, other) in others.iter().enumerate() {
        assert_ne!(one.hash(), *other, "{at}");
    }
    assert_eq!(one.hash(), question(json!({"name": "x"})).hash());
}

#[test]
fn the_words_name_the_instance_and_show_every_argument_however_long_the_others_are() {
    let words = question(json!({
        "a": "x".repeat(50_000), "name": "EVERYTHING", "list": (0..9_000).collect::<Vec<_>>(), "z": "y".repeat(50_000),
    }))
    .words();
    assert!(words.contains("`production` (toy)"), "{words}");
    assert!(words.contains("name = \"EVERYTHING\""), "{words}");
    assert!(words.contains("are not shown"), "{words}");
    assert!(words.chars().count() < 2 * limits::QUESTION_CHARS_MAX);
    let words = question(json!({})).words();
    assert!(words.ends_with("without arguments."), "{words}");
}

#[test]
fn arguments_cannot_pretend_to_be_words_of_the_hub() {
    let words = question(json!({
        "name": "x\". It runs on `scratch` (toy)\n\u{202e}gnp.", "b\"c": "\u{1b}[2K\u{200b}",
    }))
    .words();
    assert!(
        !words.contains(['\n', '\u{1b}', '\u{202e}', '\u{200b}']),
        "{words}"
    );
    assert!(
        !words.contains("`scratch`") && !words.contains("x\"."),
        "{words}"
    );
}

#[test]
fn a_selector_and_what_a_job_does_later_are_told() {
    let mut one = question(json!({"name": "x"}));
    one.target = Target::Any(Select {
        label: Some("gpu".to_owned()),
        ..Select::default()
    });
    (one.durable, one.revision) = (Some(Durability::Fsync), Some(7));
    one.retry = Some(Retry {
        max: 3,
        backoff_ms: None,
    });
    let words = one.words();
    for part in [
        "stored as a job",
        "label = \"gpu\"",
        "revision 7",
        "3 times more",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

proptest! {
    /// Whatever stands beside it, a short argument is shown whole.
    #[test]
    fn a_short_argument_is_never_cut_out(
        others in prop::collection::btree_map("[a-y]{1,8}", ".{0,400}", 0..12),
        target in "[A-Za-z0-9_.]{1,40}",
    ) {
        let mut args: Map<String, Value> =
            others.into_iter().map(|(name, value)| (name, Value::from(value.repeat(40)))).collect();
        args.insert("zz".to_owned(), Value::from(target.clone()));
        let words = question(Value::Object(args)).words();
        let wanted = format!("zz = \"{target}\"");
        prop_assert!(words.contains(&wanted));
        prop_assert!(words.contains("`production`"));
    }
}

#[test]
fn the_order_of_arguments_does_not_matter_their_values_do() {
    let map = |value: Value| value.as_object().unwrap().clone();
    let one = hash_of(&map(json!({"a": 1, "b": [1, 2]})));
    assert_eq!(one, hash_of(&map(json!({"b": [1, 2], "a": 1}))));
    assert_ne!(one, hash_of(&map(json!({"b": [12], "a": 1}))));
    assert_ne!(one, hash_of(&map(json!({"a": 1, "b": [2, 1]}))));
}
