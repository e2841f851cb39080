//! Every documented bound holds something: it is used by the product, and not only told in a message.

use std::collections::BTreeMap;
use std::path::Path;

use crate::limits::{FILES, constants};
use crate::{below, root};

/// The product's sources without tests and without messages, by their path.
fn product() -> BTreeMap<String, String> {
    let files = ["crates", "apps"]
        .iter()
        .flat_map(|folder| below(&root().join(folder)));
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !is_test(path))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let code = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default();
            let name = path.strip_prefix(root()).unwrap_or(&path);
            (
                name.display().to_string(),
                without_messages(&without_comments(code)),
            )
        })
        .collect()
}

fn is_test(path: &Path) -> bool {
    let in_tests = |part: std::path::Component<'_>| {
        matches!(part.as_os_str().to_str(), Some("tests" | "testkit"))
    };
    path.ends_with("tests.rs") || path.components().any(in_tests)
}

fn without_comments(code: &str) -> String {
    let lines = code.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Without what is only said: a bound that stands in a sentence holds nothing.
fn without_messages(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::new();
    while let Some(at) = ["format!(", "tracing::", ".detail("]
        .iter()
        .filter_map(|word| rest.find(word))
        .min()
    {
        kept.push_str(&rest[..at]);
        let mut depth = 0;
        let end = rest[at..].char_indices().find_map(|(offset, letter)| {
            depth += match letter {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            (letter == ')' && depth == 0).then_some(at + offset + 1)
        });
        rest = end.map_or("", |end| &rest[end..]);
    }
    kept + rest
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn every_bound_is_held_by_somebody() {
    let product = product();
    let mut idle = Vec::new();
    for file in FILES {
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        let declared = constants(&text);
        assert!(!declared.is_empty(), "{file} has no constants");
        for constant in &declared {
            let word = &constant.name;
            // Where it is declared, its declaration is no use.
            let own = product.get(file).map_or_else(String::new, |code| {
                let lines = code.lines().filter(|line| !line.contains("const "));
                lines.collect::<Vec<_>>().join("\n")
            });
            let others = product.iter().filter(|(path, _)| path.as_str() != file);
            let mut places = others.map(|(_, code)| code.as_str()).chain([own.as_str()]);
            if !places.any(|code| has_word(code, word)) {
                idle.push(format!("{file}: {word}"));
            }
        }
    }
    assert!(idle.is_empty(), "documented and held by nobody: {idle:#?}");
}

#[test]
fn every_bound_has_a_reason() {
    for file in FILES {
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        for constant in constants(&text) {
            assert!(
                !constant.why.is_empty(),
                "{file}: {} says no why",
                constant.name
            );
        }
    }
}

#[test]
fn what_is_only_said_holds_nothing() {
    let code = "if a > 1 {\n problem(format!(\"{} (at most)\", LIMIT_MAX));\n tracing::warn!(LIMIT_MAX, \"x\");\n}";
    assert!(!has_word(&without_messages(code), "LIMIT_MAX"));
    assert!(has_word(
        &without_messages("if a > LIMIT_MAX {}"),
        "LIMIT_MAX"
    ));
    assert!(!has_word("MY_LIMIT_MAX", "LIMIT_MAX"));
}
