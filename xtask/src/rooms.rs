//! The map is whole: every room of a crate stands in ARCHITECTURE.md, and no room that is gone.

use std::collections::BTreeSet;

use crate::root;

#[test]
fn every_room_is_on_the_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in std::fs::read_dir(root().join("crates")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let files = std::fs::read_dir(entry.path().join("src"))
            .unwrap()
            .flatten();
        let rooms: BTreeSet<String> = files
            .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
            .filter(|room| room != "lib" && room != "main")
            .collect();
        assert_eq!(
            on_map(&map, &name),
            rooms,
            "crates/{name} in ARCHITECTURE.md and on the disk"
        );
    }
}

/// The rooms that the map names for a crate: what stands in backquotes under its heading.
fn on_map(map: &str, name: &str) -> BTreeSet<String> {
    let heading = format!("### `crates/{name}`");
    let (_, below) = map
        .split_once(&heading)
        .unwrap_or_else(|| panic!("{heading} is missing"));
    let (_, below) = below.split_once('\n').unwrap_or_default();
    let part = below.split("\n#").next().unwrap_or_default();
    part.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}
