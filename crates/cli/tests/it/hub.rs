//! The real hub, started by verbs that need one and by `serve`. No app is started here.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::environment::{Environment, Ran, an_app, its_id};

/// Ends the hub of an environment, whatever became of the test.
pub(crate) struct HubEnds<'a>(pub(crate) &'a Environment);

impl Drop for HubEnds<'_> {
    fn drop(&mut self) {
        self.0.command(&["stop", "--hub"]).output().ok();
    }
}

#[test]
fn a_verb_that_needs_a_hub_starts_one_and_says_so() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let ran = environment.run(&["token", "list"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("no hub is running; starting one")
            && ran.err.contains("hub ready at http://127.0.0.1:"),
        "{}",
        ran.err
    );
    let status = environment.run(&["status", "--json"]);
    assert_eq!(status.exit, Some(0), "{status:?}");
    assert_eq!(status.document()["instances"], Value::Array(Vec::new()));
    // The next one finds it and is silent about it.
    let again = environment.run(&["token", "list"]);
    assert_eq!(again.exit, Some(0));
    assert!(!again.err.contains("hub"), "{}", again.err);
    let stopped = environment.run(&["stop", "--hub"]);
    assert_eq!(
        (stopped.exit, stopped.out.as_str()),
        (Some(0), "the hub has stopped\n"),
        "{stopped:?}"
    );
    assert!(!environment.home().join("run/hub.json").exists());
    assert_eq!(environment.run(&["status"]).exit, Some(3));
}

#[test]
fn many_verbs_at_once_start_one_hub() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let children: Vec<Child> = (0..8)
        .map(|_| {
            let mut command = environment.command(&["token", "list"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ran: Vec<Ran> = children
        .into_iter()
        .map(|child| Ran::new(child.wait_with_output().unwrap(), &environment))
        .collect();
    assert!(ran.iter().all(|one| one.exit == Some(0)), "{ran:#?}");
    let starts = ran
        .iter()
        .filter(|one| one.err.contains("hub ready at"))
        .count();
    assert_eq!(starts, 1, "{ran:#?}");
}

/// A `serve` of this environment on a free port, and its first line.
fn serve(environment: &Environment) -> (Child, Value) {
    let mut command = environment.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (child, ready)
}

#[cfg(unix)]
#[test]
fn serve_tells_where_it_is_and_ends_at_a_signal() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let (mut child, ready) = serve(&environment);
    assert_eq!(ready["pid"], child.id());
    assert!(
        ready["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    let token_file = ready["token_file"].as_str().unwrap();
    assert!(std::fs::metadata(token_file).unwrap().len() >= 32);
    // The address and the token alone are enough.
    let mut command = environment.command(&["status", "--json"]);
    command.env("KAPELLE_HOME", environment.path().join("other"));
    command.env("KAPELLE_URL", ready["url"].as_str().unwrap());
    command.env(
        "KAPELLE_TOKEN",
        std::fs::read_to_string(token_file).unwrap().trim(),
    );
    let ran = Ran::new(command.output().unwrap(), &environment);
    assert_eq!(ran.document()["hub"]["pid"], child.id());
    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!environment.home().join("run/hub.json").exists());
}

#[test]
fn a_second_hub_for_the_same_home_is_refused() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let (mut child, _) = serve(&environment);
    let ran = environment.run(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    let problem = ran.document();
    assert_eq!(problem["code"], "hub_running");
    assert!(
        problem["hint"]
            .as_str()
            .unwrap()
            .contains("kapelle stop --hub"),
        "{problem}"
    );
    assert_eq!(environment.run(&["stop", "--hub"]).exit, Some(0));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let environment = Environment::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = environment.run(&["serve", "--listen", &address]);
    assert_eq!(ran.exit, Some(3));
    assert!(
        ran.err.contains(&address) && ran.err.contains("--listen 127.0.0.1:0"),
        "{}",
        ran.err
    );
}

#[cfg(unix)]
#[test]
fn an_unsafe_home_keeps_the_hub_from_starting_and_says_why() {
    use std::os::unix::fs::PermissionsExt as _;
    let environment = Environment::new();
    std::fs::create_dir(environment.home()).unwrap();
    std::fs::set_permissions(environment.home(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let ran = environment.run(&["token", "list"]);
    assert_eq!(ran.exit, Some(4), "{ran:?}");
    assert!(ran.err.contains("chmod 700"), "{}", ran.err);
}

#[test]
fn without_an_instance_the_next_step_is_told() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let (app, wrong) = its_id();
    let ran = environment.run(&["code", &app, "-c", "1"]);
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert!(
        ran.err
            .ends_with(&format!("hint: Start one: kapelle start {app}\n")),
        "{}",
        ran.err
    );
    let ran = environment.run(&["code", &wrong, "-c", "1"]);
    assert_eq!(ran.exit, Some(2), "{ran:?}");
    assert!(ran.err.contains(&app), "{}", ran.err);
    let ran = environment.run(&["start", &app, "--file", "missing"]);
    assert_ne!(ran.exit, Some(0), "{ran:?}");
}

#[test]
fn descriptions_need_no_hub() {
    let environment = Environment::new();
    let app = an_app();
    let (id, commands) = (app.id(), app.commands());
    let (id, name) = (id.as_str(), commands[0].name.as_str());
    let page = environment.run(&["describe", id, name]);
    assert_eq!((page.exit, page.err.as_str()), (Some(0), ""));
    assert!(
        page.out.contains(&format!("kapelle run {id} {name}")),
        "{}",
        page.out
    );
    assert_eq!(environment.run(&["run", id, name, "--help"]).out, page.out);
    let list = environment.run(&["commands", id, "--json"]).document();
    assert_eq!(list["commands"].as_array().unwrap().len(), commands.len());
    let ran = environment.run(&["describe", id, &format!("{name}x")]);
    assert_eq!(ran.exit, Some(2));
    assert!(
        ran.err.contains(&format!("Did you mean `{name}`?")),
        "{}",
        ran.err
    );
    // Nothing was started for it.
    assert_eq!(environment.run(&["status"]).exit, Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let environment = Environment::new();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = environment
        .command(&["token", "--json"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(Ran::new(output, &environment).exit, Some(1));
}

#[test]
fn plain_words_find_a_command() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let name = an_app().commands()[0].name.clone();
    let words: Vec<&str> = name.split('.').collect();
    let ran = environment.run(&[&["find"], words.as_slice()].concat());
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    assert!(ran.out.contains(&name), "{}", ran.out);
    let found = environment
        .run(&["find", "undo", "--limit", "1", "--json"])
        .document();
    assert_eq!(found["found"].as_array().unwrap().len(), 1);
    let (app, wrong) = its_id();
    let unknown = environment.run(&["find", "undo", "--app", &wrong]);
    assert_eq!(unknown.exit, Some(2), "{unknown:?}");
    assert!(unknown.err.contains(&app), "{}", unknown.err);
}

fn stop(environment: &Environment, child: &mut Child) {
    assert_eq!(environment.run(&["stop", "--hub"]).exit, Some(0));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A bridge of somebody else, with a command that takes a password.
async fn shelf(environment: &Environment) -> testkit::FakeBridge {
    let read = |path: &str| std::fs::read_to_string(environment.home().join(path)).unwrap();
    let run: Value = serde_json::from_str(&read("run/hub.json")).unwrap();
    let address = run["bridge"].as_str().unwrap().parse().unwrap();
    let text = "[put]\nsummary = \"Puts.\"\neffect = \"write\"\n\
        [put.args.password]\ntype = \"string\"\nsecret = true\n[put.args.text]\ntype = \"string\"\n";
    let commands = wire::CommandSpec::from_toml("shelf", text).unwrap();
    testkit::Dial::with(address, read("tokens/bridge").trim().to_owned())
        .app("shelf")
        .commands(commands)
        .connect(|_| testkit::Reply::Value(serde_json::json!("done")))
        .await
        .unwrap()
}

/// Whether any file below the home holds the text.
fn is_written(environment: &Environment, text: &str) -> bool {
    let mut folders = vec![environment.home()];
    let mut found = false;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap_or_default();
                found |= bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes());
            }
        }
    }
    found
}

#[test]
fn what_was_done_outlives_the_hub_without_secrets_until_it_is_purged() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut child, _) = serve(&environment);
    let bridge = runtime.block_on(shelf(&environment));
    let words = [
        "run",
        "shelf",
        "shelf.put",
        "password=hunter2",
        "text=visible",
        "--json",
    ];
    let ran = environment.run(&words);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    let id = ran.document()["call_id"].as_str().unwrap().to_owned();
    drop(bridge);
    stop(&environment, &mut child);
    assert!(is_written(&environment, "visible") && !is_written(&environment, "hunter2"));

    let (mut child, _) = serve(&environment);
    let page = environment.run(&["history", "--json"]).document();
    assert_eq!(page["calls"][0]["call_id"], id.as_str(), "{page}");
    assert_eq!(page["calls"][0]["args"]["password"], "[masked]");
    let one = environment.run(&["history", &id]);
    assert!(
        one.out.contains("visible") && one.out.contains("done"),
        "{one:?}"
    );
    let purged = environment.run(&["history", "purge", "--all"]);
    assert_eq!(
        (purged.exit, purged.out.as_str()),
        (Some(0), "deleted: 1 calls, 0 jobs\n")
    );
    assert_eq!(environment.run(&["history", &id]).exit, Some(2));
    stop(&environment, &mut child);
    assert!(
        !is_written(&environment, "visible"),
        "it is gone from the disk as well"
    );
}

#[test]
fn a_store_that_cannot_be_used_is_named_and_left_alone() {
    let environment = Environment::new();
    let _ends = HubEnds(&environment);
    let (mut child, _) = serve(&environment);
    stop(&environment, &mut child);
    let letter =
        "a letter to somebody, longer than a header, that nobody wants to lose. ".repeat(9);
    environment.write("home/store/history.db", &letter);
    let ran = environment.run(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let problem = ran.document();
    assert_eq!(
        (ran.exit, &problem["code"]),
        (Some(1), &Value::from("store_unusable"))
    );
    assert!(
        problem["hint"].as_str().unwrap().contains("mv "),
        "{problem}"
    );
    let path = environment.home().join("store/history.db");
    assert_eq!(std::fs::read_to_string(path).unwrap(), letter);
}
