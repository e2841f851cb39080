//! Without a hub: who looks says so and how to start one; nothing is started behind anybody's back.

use insta::assert_snapshot;

use crate::environment::{Environment, an_app};

#[test]
fn looking_verbs_say_that_no_hub_runs() {
    let environment = Environment::new();
    let verbs: [&[&str]; 7] = [
        &["status"],
        &["apps"],
        &["history"],
        &["state"],
        &["stop"],
        &["cancel", "call_1"],
        &["recover"],
    ];
    for words in verbs {
        let ran = environment.run(words);
        assert_eq!(ran.exit, Some(3), "{words:?}");
        assert_eq!(ran.out, "", "{words:?}");
        assert!(
            ran.err.contains("No hub is running") && ran.err.contains("kapelle serve"),
            "{words:?}: {}",
            ran.err
        );
    }
    assert_snapshot!(environment.run(&["status"]).shown());
    assert!(!environment.home().exists(), "looking makes nothing");
}

#[test]
fn alone_it_welcomes_and_says_what_to_do_first() {
    let environment = Environment::new();
    let ran = environment.run(&[]);
    assert_eq!((ran.exit, ran.err.as_str()), (Some(0), ""));
    let start = format!("kapelle start {}", an_app().id());
    for said in [start.as_str(), "kapelle mcp install", "Welcome"] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    let document = environment.run(&["--json"]).document();
    assert!(document["next"].as_array().unwrap().len() >= 2);
    assert!(!environment.home().exists(), "looking makes nothing");
    environment.write("home/tokens/owner", "0123456789abcdef0123456789abcdef");
    let again = environment.run(&[]);
    assert!(again.out.contains("No hub is running") && !again.out.contains("Welcome"));
}

#[test]
fn as_json_it_is_one_problem() {
    let ran = Environment::new().run(&["status", "--json"]);
    assert_eq!(ran.exit, Some(3));
    assert_eq!(ran.err, "");
    let document = ran.document();
    assert_eq!(document["code"], "hub_unreachable");
    assert_eq!(document["status"], 503);
    assert!(document["hint"].as_str().unwrap().contains("kapelle serve"));
}

#[test]
fn a_run_file_of_a_dead_hub_is_no_hub() {
    let environment = Environment::new();
    environment.write(
        "home/run/hub.json",
        r#"{"url": "http://127.0.0.1:9", "pid": 1}"#,
    );
    assert_eq!(environment.run(&["status"]).exit, Some(3));
    environment.write("home/run/hub.json", r#"{"url": "http://127"#);
    assert_eq!(environment.run(&["status"]).exit, Some(3));
}

#[test]
fn an_address_that_is_given_is_the_only_one_tried() {
    let environment = Environment::new();
    let ran = environment.run(&["--url", "http://127.0.0.1:9", "start", "toy-app"]);
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert!(
        ran.err.contains("http://127.0.0.1:9 does not answer"),
        "{}",
        ran.err
    );
    let ran = environment.run(&["--url", "ftp://x", "status"]);
    assert_eq!(ran.exit, Some(2), "{ran:?}");
}

#[test]
fn the_token_path_needs_no_hub() {
    let ran = Environment::new().run(&["token"]);
    assert_eq!(ran.exit, Some(0));
    assert_eq!(ran.out, "[DIR]/home/tokens/owner\n");
}

#[test]
fn doctor_reports_without_a_hub() {
    let environment = Environment::new();
    environment.write("home/tokens/owner", "top-secret");
    let mut command = environment.command(&["doctor", "--json"]);
    command.env("KAPELLE_TOKEN", "also-secret");
    let ran = crate::environment::Ran::new(command.output().unwrap(), &environment);
    let document = ran.document();
    let named = |name: &str| {
        let checks = document["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["name"] == name)
            .unwrap_or_else(|| panic!("{name}: {checks:?}"))
    };
    assert_eq!(named("hub")["status"], "warn");
    assert!(
        named("hub")["fix"]
            .as_str()
            .unwrap()
            .starts_with("kapelle serve")
    );
    let app = an_app();
    for name in ["home folder", "tokens", "disk", "port", app.title()] {
        named(name);
    }
    assert!(!ran.out.contains("secret"), "{}", ran.out);
    assert_eq!(document["settings"]["KAPELLE_TOKEN"], "(set)");
}

#[cfg(unix)]
#[test]
fn doctor_fails_where_others_can_read_a_token() {
    use std::os::unix::fs::PermissionsExt as _;
    let environment = Environment::new();
    let path = environment.write("home/tokens/owner", "x");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = environment.run(&["doctor"]);
    assert_eq!(ran.exit, Some(1), "{ran:?}");
    assert!(
        ran.out.contains("chmod 600 [DIR]/home/tokens/owner"),
        "{}",
        ran.out
    );
}
