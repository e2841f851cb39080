//! `kapelle recover --open`, and `kapelle stop` of one or of all.

use serde_json::{Value, json};

use crate::environment::{Environment, an_app};
use crate::fake_hub::{FakeHub, Reply, ended};

fn instance(name: &str) -> Value {
    json!({
        "name": name, "app": "toy-app", "state": "idle", "since": "2030-01-01T00:00:00Z", "pid": 4711, "version": "4.5.15",
        "bridge_version": "0.1.0", "mode": "background", "file": null, "started_by_hub": true, "queued": 0
    })
}

fn hub_with(environment: &Environment, names: &'static [&'static str]) -> FakeHub {
    let copy = |instance: &str, path: &str| json!({"instance": instance, "path": path, "taken": "2030-01-01T00:00:00Z", "bytes": 7, "file": null});
    let copies = [
        copy("shot", "/copies/b c.blend"),
        copy("shot", "/copies/a.blend"),
        copy("other", "/copies/o.blend"),
    ];
    FakeHub::start(environment, move |request| {
        let (method, path) = request.line.split_once(' ').unwrap();
        let all: Vec<Value> = names.iter().map(|name| instance(name)).collect();
        match (method, path.split('?').next().unwrap()) {
            ("GET", "/v1/recovery") => Reply::Json(200, json!({ "copies": copies })),
            ("GET", "/v1/instances") => Reply::Json(200, json!({ "instances": all })),
            ("POST", "/v1/calls") => {
                Reply::Stream(vec![("ended", ended("succeeded", json!("opened")))], None)
            }
            (_, path) => {
                let name = path.rsplit('/').next().unwrap();
                Reply::Json(200, json!({"stopped": name, "how": "left"}))
            }
        }
    })
}

#[test]
fn a_copy_is_opened_in_the_instance_it_came_from() {
    let environment = Environment::new();
    let hub = hub_with(&environment, &["shot", "free"]);
    let ran = environment.run(&["recover", "2", "--open"]);
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Some(0), "opened\n"),
        "{ran:?}"
    );
    let asked = hub.requests().pop().unwrap().json();
    assert_eq!(
        (&asked["command"], &asked["instance"], &asked["args"]),
        (
            &json!("file.open"),
            &json!("shot"),
            &json!({"path": "/copies/a.blend"})
        )
    );
    // Or elsewhere; the newest copy of an instance is meant by its name, any by its file's name.
    let elsewhere = environment.run(&["recover", "other", "--open", "-i", "free"]);
    assert_eq!(elsewhere.out, "opened\n", "{elsewhere:?}");
    let asked = hub.requests().pop().unwrap().json();
    assert_eq!(
        (&asked["instance"], &asked["args"]),
        (&json!("free"), &json!({"path": "/copies/o.blend"}))
    );
    for word in ["a.blend", "/copies/a.blend"] {
        assert_eq!(environment.run(&["recover", word]).out, "/copies/a.blend\n");
    }
    assert_eq!(
        environment.run(&["recover", "shot"]).out,
        "/copies/b c.blend\n"
    );
}

#[test]
fn a_copy_of_what_does_not_run_comes_with_the_line_that_starts_it() {
    let environment = Environment::new();
    let hub = hub_with(&environment, &["free"]);
    let ran = environment.run(&["recover", "shot", "--open"]);
    let app = an_app();
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert_eq!(
        ran.err,
        format!(
            "error: `shot` is not running.\nhint: Start it with the copy: kapelle start {} --name shot --file '/copies/b c.blend'\n",
            app.id()
        )
    );
    let ran = environment.run(&["recover", "shit"]);
    assert_eq!(ran.exit, Some(2));
    assert!(
        ran.err.contains("There is no recovery copy `shit`.") && ran.err.contains("shot"),
        "{}",
        ran.err
    );
    for word in ["0", "4"] {
        assert_eq!(environment.run(&["recover", word]).exit, Some(2), "{word}");
    }
    let posted = hub
        .requests()
        .iter()
        .any(|one| one.line.starts_with("POST"));
    assert!(!posted);
}

#[test]
fn all_are_stopped_one_by_one() {
    let environment = Environment::new();
    let hub = hub_with(&environment, &["shot", "free"]);
    let ran = environment.run(&["stop", "--all"]);
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Some(0), "shot: left\nfree: left\n")
    );
    let asked: Vec<String> = hub.requests().into_iter().map(|one| one.line).collect();
    assert_eq!(
        asked[1..],
        [
            "DELETE /v1/instances/shot?force=false",
            "DELETE /v1/instances/free?force=false"
        ]
    );
    let document = environment.run(&["stop", "--all", "--json"]).document();
    assert_eq!(document["stopped"][1]["stopped"], "free");
    // The name would be about one, the word about all.
    assert_eq!(environment.run(&["stop", "shot", "--all"]).exit, Some(2));

    let environment = Environment::new();
    let hub = hub_with(&environment, &[]);
    let ran = environment.run(&["stop", "--all"]);
    assert_eq!(
        (ran.exit, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "", "no instance is running\n")
    );
    let none = environment.run(&["stop"]);
    assert_eq!(none.exit, Some(3), "{none:?}");
    assert!(none.err.contains("No instance is running."), "{}", none.err);
    assert!(hub.requests().iter().all(|one| one.line.starts_with("GET")));
}
