//! `kapelle doctor`: each check with what it found and how to mend it, and an exit code for scripts.

use serde_json::{Value, json};

use crate::environment::{Environment, Ran};
use crate::fake_hub::{FakeHub, Reply, problem};

/// Health, words and remedy of a check.
fn check(document: &Value, name: &str) -> (String, String, String) {
    let all = document["checks"].as_array().unwrap();
    let found = all.iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no check `{name}`: {document}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("says"), text("fix"))
}

fn doctor(environment: &Environment) -> Ran {
    environment.run(&["doctor", "--json"])
}

fn no_instances(environment: &Environment, health: &Value) -> FakeHub {
    FakeHub::start_in_health(environment, health, |_| {
        Reply::Json(200, json!({"instances": []}))
    })
}

#[test]
fn before_the_first_hub_nothing_is_wrong() {
    let environment = Environment::new();
    let mut command = environment.command(&["doctor", "--json"]);
    command.env("KAPELLE_TOKEN", "s3cret");
    let ran = Ran::new(command.output().unwrap(), &environment);
    let document = ran.document();
    assert_eq!(document["home"], "[DIR]/home");
    // What is attached to a bug report names the settings without their secrets.
    assert_eq!(document["settings"]["KAPELLE_TOKEN"], "(set)");
    assert_eq!(document["settings"]["KAPELLE_HOME"], "[DIR]/home");
    assert!(!ran.out.contains("s3cret"));
    for (name, health, says) in [
        (
            "config file",
            "ok",
            "there is none; every setting has its default",
        ),
        (
            "tokens",
            "ok",
            "none yet; the hub creates them when it first starts",
        ),
        ("hub", "warn", "none runs"),
    ] {
        let found = check(&document, name);
        assert_eq!((found.0.as_str(), found.1.as_str()), (health, says));
    }
    let (_, says, fix) = check(&document, "hub");
    assert!(fix.starts_with("kapelle serve"), "{says}: {fix}");
    let (_, says, _) = check(&document, "port");
    assert!(says.starts_with("127.0.0.1:"), "{says}");
    assert!(
        check(&document, "disk").1.contains(" free in "),
        "{document}"
    );
}

#[test]
fn people_read_a_table_with_the_remedy_below() {
    let environment = Environment::new();
    let _hub = no_instances(&environment, &json!({}));
    let ran = environment.run(&["doctor"]);
    // The bridge port of this hub is nobody's.
    assert_eq!(ran.exit, Some(1), "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    let at = lines.iter().position(|line| line.contains("bridge port"));
    let at = at.unwrap_or_else(|| panic!("{}", ran.out));
    assert!(
        lines[at].starts_with("fail") && lines[at].contains("127.0.0.1:1 cannot be reached: "),
        "{}",
        lines[at]
    );
    assert!(
        lines[at + 1]
            .trim_start()
            .starts_with("→ bridges cannot connect; check for a firewall"),
        "{}",
        lines[at + 1]
    );
    assert!(ran.out.contains("accepted; instances: 0"), "{}", ran.out);
}

#[test]
fn a_hub_that_answers_is_looked_at_as_well() {
    let environment = Environment::new();
    let hub = no_instances(
        &environment,
        &json!({"version": "0.0.1", "disk_full": true}),
    );
    let bridge = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = bridge.local_addr().unwrap().to_string();
    let path = environment.home().join("run/hub.json");
    let run = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, run.replace("127.0.0.1:1\"", &format!("{address}\""))).unwrap();
    let ran = doctor(&environment);
    let document = ran.document();
    let (health, says, fix) = check(&document, "hub");
    assert_eq!(
        (health.as_str(), fix.as_str()),
        ("warn", "kapelle stop --hub")
    );
    let ours = env!("CARGO_PKG_VERSION");
    assert_eq!(
        says,
        format!(
            "0.0.1 at {}, pid {}, up 1 min 1 s; this program is {ours}",
            hub.url,
            std::process::id()
        )
    );
    assert_eq!(
        check(&document, "bridge port"),
        ("ok".to_owned(), format!("{address} listens"), String::new())
    );
    // One check says how much is free, the other that the hub has met the end of it.
    let full = document["checks"].as_array().unwrap().iter().any(|check| {
        check["name"] == "disk" && check["status"] == "fail" && check["fix"] == "free some space"
    });
    assert!(full, "{document}");
    assert_eq!(ran.exit, Some(1));
}

#[test]
fn a_token_that_is_not_taken_is_a_fault() {
    let environment = Environment::new();
    let _hub = FakeHub::start(&environment, |_| {
        let refused = problem(
            "unauthenticated",
            "There is no valid token.",
            Some("See kapelle token."),
        );
        Reply::Json(401, refused)
    });
    let ran = doctor(&environment);
    assert_eq!(
        check(&ran.document(), "token"),
        (
            "fail".to_owned(),
            "There is no valid token.".to_owned(),
            "See kapelle token.".to_owned()
        )
    );
    assert_eq!(ran.exit, Some(1));
}

#[test]
fn a_hub_that_left_its_run_file_is_told_from_one_that_never_was() {
    let environment = Environment::new();
    // A port that was just free: nobody answers there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    environment.write(
        "home/run/hub.json",
        &json!({"url": url, "pid": 4_000_000}).to_string(),
    );
    let document = doctor(&environment).document();
    assert_eq!(
        check(&document, "hub"),
        (
            "warn".to_owned(),
            format!("none answers at {url}, where one with pid 4000000 was running"),
            "kapelle serve; it replaces the left-over run file".to_owned()
        )
    );
}

#[cfg(unix)]
#[test]
fn what_others_can_read_and_what_cannot_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let environment = Environment::new();
    let token = environment.write("home/tokens/owner", "s3cret");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(environment.home(), std::fs::Permissions::from_mode(0o755)).unwrap();
    environment.write("home/config.toml", "[history]\nkeep_days = many\n");
    let ran = doctor(&environment);
    assert_eq!(ran.exit, Some(1));
    let document = ran.document();
    let (health, says, fix) = check(&document, "tokens");
    assert_eq!(
        (health.as_str(), says.as_str()),
        ("fail", "others can read [DIR]/home/tokens/owner (mode 644)")
    );
    assert!(
        fix.starts_with("chmod 600 [DIR]/home/tokens/owner"),
        "{fix}"
    );
    let (health, says, fix) = check(&document, "home folder");
    assert_eq!(
        (health.as_str(), says.as_str(), fix.as_str()),
        (
            "warn",
            "others can look into [DIR]/home (mode 755)",
            "chmod 700 [DIR]/home"
        )
    );
    let (health, says, _) = check(&document, "config file");
    assert!(
        health == "fail" && says.contains("line 2, column "),
        "{says}"
    );
}

#[test]
fn a_home_that_is_no_folder_fails() {
    let environment = Environment::new();
    environment.write("home", "a file");
    let ran = doctor(&environment);
    assert_eq!(ran.exit, Some(1), "{ran:?}");
    assert_eq!(
        check(&ran.document(), "home folder"),
        (
            "fail".to_owned(),
            "[DIR]/home is not a folder".to_owned(),
            "set KAPELLE_HOME to a folder of your own".to_owned()
        )
    );
}
