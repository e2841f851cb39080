//! Verbs against a real hub with no program: jobs that wait, blobs, tokens, the dashboard's link, lists of commands.

use serde_json::{Value, json};

use crate::environment::{Environment, Ran, its_id};
use crate::hub::HubEnds;

/// A hub of this environment runs from here on.
fn start(environment: &Environment) -> HubEnds<'_> {
    let ends = HubEnds(environment);
    let ran = environment.run(&["token", "list"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    ends
}

/// What is typed of an id: a beginning, in small letters, without what all begin with.
fn typed(id: &str) -> String {
    id.strip_prefix("call_").unwrap()[..16].to_ascii_lowercase()
}

/// The jobs that wait, in their order.
fn queue(environment: &Environment) -> Vec<String> {
    let words = [
        "jobs", "list", "--status", "queued", "--order", "queue", "--json",
    ];
    let page = environment.run(&words).document();
    let ids = page["jobs"].as_array().unwrap().iter();
    ids.map(|job| job["call_id"].as_str().unwrap().to_owned())
        .collect()
}

/// A job of the app; gives its whole id.
fn ask(environment: &Environment, app: &str, more: &[&str]) -> Ran {
    let words = ["code", app, "-c", "1", "--job", "--no-wait"];
    environment.run(&[&words, more].concat())
}

#[test]
fn waiting_jobs_are_moved_held_cancelled_and_tried_again_by_what_is_typed_of_their_ids() {
    let environment = Environment::new();
    let _ends = start(&environment);
    let (app, _) = its_id();
    let paused = environment.run(&["jobs", "pause", &app]);
    assert_eq!(
        paused.out,
        format!("the queue of {app} is paused\n"),
        "{paused:?}"
    );
    let ids: Vec<String> = (0..3)
        .map(|number| {
            let label = format!("number={number}");
            let asked = ask(&environment, &app, &["--label", &label]);
            assert_eq!(asked.exit, Some(0), "{asked:?}");
            asked.out.trim().to_owned()
        })
        .collect();
    let [first, second, third] = ids.as_slice() else {
        panic!("three");
    };
    assert_eq!(queue(&environment), ids);
    let list = environment.run(&["jobs"]);
    assert!(
        list.err
            .contains(&format!("to resume it: kapelle jobs resume {app}")),
        "{list:?}"
    );

    let moved = environment.run(&["jobs", "move", &typed(third), &typed(first)]);
    assert_eq!(moved.exit, Some(0), "{moved:?}");
    assert_eq!(
        queue(&environment),
        [third, first, second].map(String::clone)
    );
    let edited = environment.run(&["jobs", "edit", &typed(second), "--priority", "9"]);
    assert_eq!(edited.exit, Some(0), "{edited:?}");
    assert_eq!(
        queue(&environment),
        [second, third, first].map(String::clone)
    );
    let labelled = environment
        .run(&["jobs", "list", "--label", "number=2", "--json"])
        .document();
    assert_eq!(labelled["jobs"].as_array().unwrap().len(), 1, "{labelled}");
    assert_eq!(labelled["jobs"][0]["call_id"], *third);

    let held = environment.run(&["jobs", "pause", &typed(first)]);
    assert_eq!(held.exit, Some(0), "{held:?}");
    assert!(held.out.contains("paused"), "{}", held.out);
    let shown = environment.run(&["jobs", "show", &typed(first)]);
    assert!(
        shown.out.contains("code.run") && shown.out.contains("labels number=0"),
        "{}",
        shown.out
    );
    let freed = environment.run(&["jobs", "resume", &typed(first)]);
    assert_eq!(freed.exit, Some(0), "{freed:?}");

    let cancelled = environment.run(&["jobs", "cancel", &typed(first), &typed(second)]);
    assert_eq!(cancelled.exit, Some(0), "{cancelled:?}");
    assert_eq!(
        cancelled.out.matches(": cancelled").count(),
        2,
        "{}",
        cancelled.out
    );
    assert_eq!(queue(&environment), std::slice::from_ref(third));
    let followed = environment.run(&["jobs", "watch", &typed(first)]);
    assert_eq!(followed.exit, Some(5), "{followed:?}");
    let again = environment.run(&["jobs", "retry", &typed(first)]);
    assert_eq!(again.exit, Some(0), "{again:?}");
    assert_eq!(queue(&environment).len(), 2);

    let drained = environment.run(&["jobs", "drain", &app]);
    assert_eq!(
        drained.out,
        format!("the queue of {app} is paused and accepts no new jobs\n")
    );
    let refused = ask(&environment, &app, &[]);
    assert_eq!(
        (refused.exit, refused.out.as_str()),
        (Some(4), ""),
        "{refused:?}"
    );
    assert!(
        refused.err.contains(&format!("kapelle jobs resume {app}")),
        "{}",
        refused.err
    );
}

#[test]
fn a_batch_of_jobs_is_stored_shown_and_cancelled_as_one() {
    let environment = Environment::new();
    let _ends = start(&environment);
    let (app, wrong) = its_id();
    let paused = environment.run(&["jobs", "pause", &app]);
    assert_eq!(paused.exit, Some(0), "{paused:?}");
    let call = json!({"app": app, "command": "code.run", "args": {"code": "1"}});
    environment.write("calls.jsonl", &format!("{call}\n{call}\n"));
    let asked = environment.run(&["batch", "calls.jsonl", "--job", "--no-wait", "--json"]);
    assert_eq!(asked.exit, Some(0), "{asked:?}");
    let batch = asked.document()["batch_id"].as_str().unwrap().to_owned();
    assert_eq!(queue(&environment).len(), 2);
    let bare = batch.strip_prefix("batch_").unwrap();
    for name in [batch.as_str(), bare] {
        let shown = environment.run(&["jobs", "show", name]);
        assert_eq!(shown.exit, Some(0), "{name}: {shown:?}");
        assert_eq!(shown.out.lines().count(), 2, "{}", shown.out);
        assert!(shown.err.contains("still running"), "{}", shown.err);
    }
    let cancelled = environment.run(&["jobs", "cancel", &batch]);
    assert_eq!(
        cancelled.out.matches(": cancelled").count(),
        2,
        "{cancelled:?}"
    );
    assert!(queue(&environment).is_empty());
    // One wrong call, and none of them is stored.
    let bad = json!({"app": wrong, "command": "code.run", "args": {"code": "1"}});
    environment.write("calls.jsonl", &format!("{call}\n{bad}\n"));
    let refused = environment.run(&["batch", "calls.jsonl", "--job", "--no-wait"]);
    assert_eq!(refused.exit, Some(2), "{refused:?}");
    assert!(refused.err.contains(&wrong), "{}", refused.err);
    assert!(queue(&environment).is_empty());
}

#[test]
fn a_blob_is_stored_and_read_by_the_beginning_of_its_name() {
    let environment = Environment::new();
    let _ends = start(&environment);
    environment.write("picture.png", "PICTURE");
    let put = environment.run(&["blob", "put", "picture.png"]);
    assert_eq!(put.exit, Some(0), "{put:?}");
    let name = put.out.trim().to_owned();
    assert!(name.starts_with("sha256:"), "{name}");
    let digits = name.strip_prefix("sha256:").unwrap();
    for word in [name.as_str(), digits, &digits[..10]] {
        let got = environment.run(&["blob", "get", word]);
        assert_eq!((got.exit, got.out.as_str()), (Some(0), "PICTURE"), "{word}");
    }
    let got = environment.run(&["blob", "get", &name, "-o", "copy.png"]);
    assert_eq!(
        (got.exit, got.out.as_str(), got.err.as_str()),
        (Some(0), "copy.png\n", "7 bytes\n")
    );
    // A file that is there stays as it is.
    environment.write("mine.png", "MINE");
    let refused = environment.run(&["blob", "get", &name, "-o", "mine.png"]);
    assert_eq!(refused.exit, Some(1), "{refused:?}");
    assert!(refused.err.contains("mine.png"), "{}", refused.err);
    let read = |name: &str| std::fs::read_to_string(environment.path().join(name)).unwrap();
    assert_eq!(
        (read("mine.png"), read("copy.png")),
        ("MINE".into(), "PICTURE".into())
    );
    let document = environment
        .run(&["blob", "put", "picture.png", "--json"])
        .document();
    assert_eq!(
        (&document["$blob"], &document["bytes"]),
        (&json!(name), &json!(7))
    );
    for (words, told) in [
        (["blob", "get", "picture"], "is not the name of a blob"),
        (["blob", "get", "ffffffffffff"], "ffffffffffff"),
        (["blob", "put", "nowhere"], "nowhere"),
    ] {
        let wrong = environment.run(&words);
        assert!(matches!(wrong.exit, Some(1 | 2)), "{wrong:?}");
        assert!(wrong.err.contains(told), "{}", wrong.err);
    }
}

#[test]
fn a_token_does_what_it_was_last_given_until_it_is_revoked() {
    let environment = Environment::new();
    let _ends = start(&environment);
    let none = environment.run(&["token", "list"]);
    assert!(
        none.err.contains("there is none beside the owner's"),
        "{none:?}"
    );
    let made = environment.run(&[
        "token",
        "create",
        "agent",
        "--scope",
        "read",
        "--expires",
        "7d",
    ]);
    assert_eq!(made.exit, Some(0), "{made:?}");
    assert!(
        made.err
            .contains("token `agent` can read; it is shown only this once"),
        "{}",
        made.err
    );
    let secret = made.out.trim().to_owned();
    let (app, _) = its_id();
    let as_agent = |words: &[&str]| {
        let mut command = environment.command(words);
        command.env("KAPELLE_TOKEN", &secret);
        Ran::new(command.output().unwrap(), &environment)
    };
    assert_eq!(as_agent(&["history"]).exit, Some(0));
    assert_eq!(as_agent(&["jobs", "pause", &app]).exit, Some(4));

    let changed = environment.run(&[
        "token",
        "change",
        "agent",
        "--scope",
        "read,admin",
        "--expires",
        "none",
        "--ask=",
    ]);
    assert_eq!(
        (changed.exit, changed.out.as_str(), changed.err.as_str()),
        (Some(0), "", "token `agent` can now read, admin\n")
    );
    assert_eq!(as_agent(&["jobs", "pause", &app]).exit, Some(0));
    let list = environment.run(&["token", "list", "--json"]).document();
    assert_eq!(list["tokens"][0]["name"], "agent");
    assert!(list["tokens"][0]["expires_at"].is_null(), "{list}");

    let revoked = environment.run(&["token", "revoke", "agent"]);
    assert_eq!(revoked.err, "token `agent` is revoked\n", "{revoked:?}");
    assert_eq!(as_agent(&["history"]).exit, Some(4));
    let again = environment.run(&["token", "revoke", "agent"]);
    assert_ne!(again.exit, Some(0), "{again:?}");
    assert!(again.err.contains("agent"), "{}", again.err);
    let path = environment.run(&["token"]);
    assert_eq!(path.out, "[DIR]/home/tokens/owner\n");
}

#[test]
fn the_dashboards_link_is_printed_where_no_browser_is() {
    let environment = Environment::new();
    let _ends = start(&environment);
    let printed = environment.run(&["dashboard", "--print"]);
    assert_eq!(
        (printed.exit, printed.err.as_str()),
        (Some(0), ""),
        "{printed:?}"
    );
    assert!(
        printed.out.starts_with("http://127.0.0.1:"),
        "{}",
        printed.out
    );
    // Without a screen nothing can be opened.
    let opened = environment.run(&["dashboard"]);
    #[cfg(target_os = "linux")]
    assert_eq!(
        opened.err,
        "no browser could be opened; open this link within a minute\n"
    );
    assert_ne!(opened.out, printed.out, "a link works once");
    let document = environment.run(&["dashboard", "--json"]).document();
    assert_eq!(document["opened"], false);
}

#[test]
fn every_app_lists_its_commands() {
    let environment = Environment::new();
    let _ends = start(&environment);
    let all = environment.run(&["commands"]);
    assert_eq!(all.exit, Some(0), "{all:?}");
    let document = environment.run(&["commands", "--json"]).document();
    for app in apps::all() {
        let (id, commands) = (app.id().to_string(), app.commands());
        let (head, name) = (format!("{id}\n"), &commands[0].name);
        assert!(
            all.out.contains(&head) && all.out.contains(name.as_str()),
            "{id}"
        );
        let listed = document["apps"][&id]["commands"].as_array().map(Vec::len);
        assert_eq!(listed, Some(commands.len()), "{id}");
    }
    let (app, wrong) = its_id();
    let one = environment.run(&["commands", &app]);
    assert!(one.out.starts_with("COMMAND"), "{}", one.out);
    let unknown = environment.run(&["commands", &wrong]);
    assert_eq!(
        (unknown.exit, unknown.out.as_str()),
        (Some(2), ""),
        "{unknown:?}"
    );
    let nothing: Value = environment.run(&["jobs", "--json"]).document();
    assert_eq!(nothing["jobs"], json!([]));
}
