//! The real hub, started by verbs that need one and by `serve`. No Blender is needed here.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::environment::{Environment, Ran};

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
        ran.err.contains("no hub runs; starting one")
            && ran.err.contains("hub ready at http://127.0.0.1:"),
        "{}",
        ran.err
    );
    let status = environment.run(&["status", "--json"]);
    assert_eq!(status.exit, Some(0), "{status:?}");
    assert_eq!(status.document()["instances"], Value::Array(Vec::new()));
    // The next one finds it and is silent about it.
    let again = environment.run(&["token", "list"]);
    assert_eq!((again.exit, again.err.as_str()), (Some(0), ""));
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
    let ran = environment.run(&["code", "blender", "-c", "1"]);
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert!(
        ran.err
            .ends_with("hint: Start one: kapelle start blender\n"),
        "{}",
        ran.err
    );
    let ran = environment.run(&["code", "blendr", "-c", "1"]);
    assert_eq!(ran.exit, Some(2), "{ran:?}");
    assert!(ran.err.contains("blender"), "{}", ran.err);
    let ran = environment.run(&["start", "blender", "--blender", "missing-blender"]);
    assert_ne!(ran.exit, Some(0), "{ran:?}");
}

#[test]
fn descriptions_need_no_hub() {
    let environment = Environment::new();
    let page = environment.run(&["describe", "blender", "object.create"]);
    assert_eq!((page.exit, page.err.as_str()), (Some(0), ""));
    assert!(
        page.out.contains("kapelle run blender object.create kind="),
        "{}",
        page.out
    );
    assert_eq!(
        environment
            .run(&["run", "blender", "object.create", "--help"])
            .out,
        page.out
    );
    let list = environment
        .run(&["commands", "blender", "--json"])
        .document();
    assert!(list["commands"].as_array().unwrap().len() > 10);
    let ran = environment.run(&["describe", "blender", "object.craete"]);
    assert_eq!(ran.exit, Some(2));
    assert!(
        ran.err.contains("Did you mean `object.create`?"),
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
    let ran = environment.run(&["find", "make", "a", "cube"]);
    assert_eq!(ran.exit, Some(0), "{ran:?}");
    let first = ran.out.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("object.create"), "{}", ran.out);
    assert!(
        ran.out
            .contains("kapelle run blender object.create kind=cube"),
        "{}",
        ran.out
    );
    let found = environment
        .run(&["find", "undo", "--limit", "1", "--json"])
        .document();
    assert_eq!(found["found"].as_array().unwrap().len(), 1);
    let unknown = environment.run(&["find", "undo", "--app", "blendr"]);
    assert_eq!(unknown.exit, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("blender"), "{}", unknown.err);
}
