//! No file depends on itself by way of others: [`crate::graph`] has the rule.

use crate::graph::{Graph, python, rust};
use crate::root;

#[test]
fn nothing_runs_in_circles() {
    for (name, graph) in graphs() {
        let circles = graph.circles();
        let told: Vec<String> = circles.iter().map(|one| graph.told(one)).collect();
        assert!(told.is_empty(), "circles in {name}:\n{}", told.join("\n"));
    }
}

/// Every crate, and the Python modules that meet in one add-on.
fn graphs() -> Vec<(String, Graph)> {
    let root = root();
    let mut folders = vec!["apps".to_owned(), "xtask".to_owned()];
    for entry in std::fs::read_dir(root.join("crates")).unwrap().flatten() {
        folders.push(format!("crates/{}", entry.file_name().to_string_lossy()));
    }
    let mut graphs = Vec::new();
    for folder in folders {
        let firsts = ["lib.rs", "src/lib.rs", "src/main.rs"];
        let mut firsts = firsts.iter().map(|first| format!("{folder}/{first}"));
        let first = firsts.find(|first| root.join(first).is_file()).unwrap();
        graphs.push((folder, rust::read(&root, &first)));
    }
    let add_on = ["apps/bridgekit", "apps/blender/bridge"];
    graphs.push(("python".to_owned(), python::read(&root, &add_on)));
    graphs
}
