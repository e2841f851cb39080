use std::collections::HashSet;

use super::*;

#[test]
fn every_description_can_be_used_and_says_enough() {
    let mut names = HashSet::new();
    for (path, text) in BLENDER_COMMANDS {
        let noun = Path::new(path)
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        for spec in
            CommandSpec::from_toml(&noun, text).unwrap_or_else(|error| panic!("{path}: {error}"))
        {
            assert!(names.insert(spec.name.clone()), "{} twice", spec.name);
            assert!(
                spec.summary.ends_with('.'),
                "{}: a summary is a sentence",
                spec.name
            );
            for (argument, schema) in spec.properties() {
                assert!(
                    schema.get("description").is_some(),
                    "{}: `{argument}` has no doc",
                    spec.name
                );
            }
            if spec.args.get("required").is_some() {
                let example = spec
                    .example
                    .as_ref()
                    .unwrap_or_else(|| panic!("{} has no example", spec.name));
                for name in spec.args["required"].as_array().unwrap() {
                    assert!(
                        example.contains_key(name.as_str().unwrap()),
                        "{}: example lacks {name}",
                        spec.name
                    );
                }
            }
        }
    }
    assert!(names.contains("code.run") && names.contains("object.create"));
}

#[test]
fn the_bridge_is_laid_out_once_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let package = bridge_files::lay_out(&home, &MANIFEST.bridge.package, BLENDER_BRIDGE).unwrap();
    for file in [
        "boot.py",
        "__init__.py",
        "bridgekit/executor.py",
        "commands/object.py",
    ] {
        assert!(package.join(file).is_file(), "{file}");
    }
    assert!(!package.join("bridgekit/tests").exists());
    assert_eq!(
        bridge_files::lay_out(&home, &MANIFEST.bridge.package, BLENDER_BRIDGE).unwrap(),
        package
    );
}

#[test]
fn obvious_requests_find_their_command_first() {
    let specs = commands();
    let index = hub::find::Index::new(&AppId::new("blender"), specs.iter());
    let requests: toml::Table = include_str!("tests/requests.toml").parse().unwrap();
    assert!(requests.len() >= 60, "{}", requests.len());
    let mut wrong = Vec::new();
    for (words, wanted) in &requests {
        let wanted: Vec<&str> = match wanted {
            toml::Value::String(one) => vec![one],
            toml::Value::Array(more) => more.iter().filter_map(toml::Value::as_str).collect(),
            other => panic!("{words}: {other:?}"),
        };
        for name in &wanted {
            if !specs.iter().any(|spec| spec.name == *name) {
                wrong.push(format!("no {name}"));
            }
        }
        let hits = hub::find::best(index.search(words), hub::find::HITS_DEFAULT);
        let bytes = serde_json::to_string(&hits).unwrap().len();
        assert!(bytes < 2_000, "{words}: {bytes} bytes");
        let names: Vec<&str> = hits.iter().map(|hit| hit.command.as_str()).collect();
        if !names.first().is_some_and(|first| wanted.contains(first)) {
            wrong.push(format!("{words}: wanted {wanted:?}, found {names:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
