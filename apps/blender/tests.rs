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
    let package = bridge_files::lay_out(&home, PACKAGE, BLENDER_BRIDGE).unwrap();
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
        bridge_files::lay_out(&home, PACKAGE, BLENDER_BRIDGE).unwrap(),
        package
    );
}
