use super::*;

#[test]
fn the_bridge_is_laid_out_once_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let package = bridge_files::lay_out(&home, manifest::package(), BLENDER_BRIDGE).unwrap();
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
        bridge_files::lay_out(&home, manifest::package(), BLENDER_BRIDGE).unwrap(),
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
