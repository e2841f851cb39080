//! The words themselves: what is refused, with which exit code, and what is printed where.

use crate::environment::Environment;

#[test]
fn wrong_words_exit_with_2() {
    let environment = Environment::new();
    let cases: [&[&str]; 10] = [
        &["frobnicate"],
        &["run"],
        &["run", "toy-app"],
        &["code", "toy-app"],
        &["code", "toy-app", "x.py", "-c", "1"],
        &["start", "toy-app", "--gui", "--background"],
        &["code", "toy-app", "-c", "1", "--timeout", "0"],
        &["stop", "a", "--all"],
        &["token", "create", "x", "--scope", "everything"],
        &["watch", "--limit", "-1"],
    ];
    for words in cases {
        let ran = environment.run(words);
        assert_eq!(ran.exit, Some(2), "{words:?}: {ran:?}");
        assert_eq!(ran.out, "", "{words:?}");
        assert!(ran.err.starts_with("error: "), "{words:?}: {}", ran.err);
    }
}

#[test]
fn wrong_words_are_a_problem_as_json() {
    let ran = Environment::new().run(&["run", "toy-app", "--json"]);
    assert_eq!(ran.exit, Some(2));
    let document = ran.document();
    assert_eq!(document["code"], "arguments_invalid");
    assert!(
        document["message"].as_str().unwrap().contains("<COMMAND>"),
        "{document}"
    );
}

#[test]
fn help_and_version_go_to_stdout() {
    let environment = Environment::new();
    let cases: [&[&str]; 4] = [
        &["--help"],
        &["run", "--help"],
        &["code", "-h"],
        &["--version"],
    ];
    for words in cases {
        let ran = environment.run(words);
        assert_eq!((ran.exit, ran.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(ran.out.contains("kapelle"), "{words:?}: {}", ran.out);
    }
    assert_eq!(
        environment.run(&["--version"]).out,
        format!("kapelle {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_know_the_verbs() {
    let environment = Environment::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = environment.run(&["completions", shell]);
        assert_eq!(ran.exit, Some(0));
        assert!(
            ran.out.contains("describe") && ran.out.contains("no-wait"),
            "{shell}"
        );
    }
    let ran = environment.run(&["completions", "fish", "--json"]);
    assert_eq!(ran.document()["shell"], "fish");
}

#[test]
fn files_that_are_not_there_are_named() {
    let ran = Environment::new().run(&["code", "toy-app", "missing.py"]);
    assert_eq!(ran.exit, Some(1));
    assert!(ran.err.contains("missing.py cannot be read"), "{}", ran.err);
}
