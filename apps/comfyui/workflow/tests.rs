use proptest::prelude::*;
use serde_json::{Value, json};

use super::read;
use crate::comfyui::bounds::NODES_MAX;
use crate::comfyui::{check, convert, schema, tests::small_server};

#[test]
fn what_has_the_wrong_form_is_named() {
    for (workflow, wanted) in [
        (json!([]), "The workflow is not a JSON object."),
        (json!({"nodes": {}}), "`nodes` is not a list."),
        (
            json!({"nodes": [3]}),
            "A node in the workflow is not an object.",
        ),
        (
            json!({"nodes": [{"type": "A"}]}),
            "A node in the workflow has no `id`.",
        ),
        (
            json!({"nodes": [{"id": 3}]}),
            "Node 3 in the workflow has no `type` to say what it is.",
        ),
        (
            json!({"nodes": [{"id": 3, "type": "A"}, {"id": "3", "type": "B"}]}),
            "There are two nodes with the id `3` in the workflow.",
        ),
        (
            json!({"nodes": [{"id": 3, "type": "A", "widgets_values": "x"}]}),
            "`widgets_values` of node 3 in the workflow is neither a list nor an object.",
        ),
        (
            json!({"nodes": [], "links": [[1, 2]]}),
            "A link in the workflow is neither a list of ids and slots nor an object with them.",
        ),
        (
            json!({"nodes": [], "definitions": {"subgraphs": [{"name": "S", "id": "s", "nodes": [7]}]}}),
            "A node in the subgraph `S` is not an object.",
        ),
    ] {
        assert_eq!(read(&workflow).unwrap_err(), wanted, "{workflow}");
    }
}

#[test]
fn too_many_nodes_are_refused_before_they_are_kept() {
    let nodes: Vec<Value> = (0..=NODES_MAX)
        .map(|id| json!({"id": id, "type": "A"}))
        .collect();
    let why = read(&json!({"nodes": nodes})).unwrap_err();
    assert!(why.contains(&NODES_MAX.to_string()), "{why}");
}

/// JSON with the words of workflows in it, so that it gets far.
fn garbage() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "id",
        "nodes",
        "links",
        "inputs",
        "outputs",
        "type",
        "name",
        "link",
        "widget",
        "mode",
        "Scale",
        "Save",
        "Reroute",
        "PrimitiveNode",
        "SetNode",
        "GetNode",
        "sub",
        "IMAGE",
        "widgets_values",
        "properties",
        "proxyWidgets",
        "definitions",
        "subgraphs",
        "linkIds",
        "-10",
        "-20",
        "-1",
        "width",
        "1",
        "2",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-21i64..5).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 200, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..8).prop_map(|all| Value::Object(
                all.into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

/// Class, mode and links of each node; numbers and ends of each link.
type Level = (
    Vec<(&'static str, u64, Vec<u64>)>,
    Vec<(u64, i64, u64, i64, u64)>,
);

/// A workflow of the right form whose links lead anywhere.
fn tangle() -> impl Strategy<Value = Value> {
    let class = prop::sample::select(vec![
        "Scale",
        "Blend",
        "Save",
        "Reroute",
        "PrimitiveNode",
        "SetNode",
        "GetNode",
        "sub",
        "Picture",
        "Nobody",
    ]);
    let node = (class, 0u64..5, prop::collection::vec(0u64..12, 0..3));
    let graph = (
        prop::collection::vec(node, 1..9),
        prop::collection::vec((0u64..12, -21i64..9, 0u64..3, -21i64..9, 0u64..3), 0..12),
    );
    (graph.clone(), graph).prop_map(|(outer, inner)| {
        let level = |(nodes, links): Level| {
            let nodes = nodes.into_iter().enumerate().map(|(id, (class, mode, slots))| {
                let slots = slots.iter().map(|link| json!({"name": "image", "type": "IMAGE", "link": link}));
                json!({
                    "id": id, "type": class, "mode": mode, "inputs": slots.collect::<Value>(),
                    "outputs": [{"name": "o", "type": "IMAGE", "links": [0]}], "widgets_values": [id],
                    "properties": {"proxyWidgets": [["-1", "image"], ["0", "width"]]},
                })
            });
            let links = links.into_iter().map(|link| {
                let (id, from, from_slot, to, to_slot) = link;
                json!([id, from, from_slot, to, to_slot, "IMAGE"])
            });
            (nodes.collect::<Value>(), links.collect::<Value>())
        };
        let ((nodes, links), (inner_nodes, inner_links)) = (level(outer), level(inner));
        json!({"nodes": nodes, "links": links, "definitions": {"subgraphs": [{
            "id": "sub", "name": "Sub", "nodes": inner_nodes, "links": inner_links,
            "inputs": [{"name": "image", "linkIds": [0, 1, 2]}], "outputs": [{"name": "o", "linkIds": [3]}],
        }]}})
    })
}

fn walk(workflow: &Value) {
    let schema = schema::read(&small_server()).unwrap();
    if let Ok(read) = read(workflow) {
        let converted = convert::convert(&read, &schema);
        let refusals = converted.refusals.into_vec();
        check::graph(&Value::Object(converted.graph), &schema, false, refusals);
    }
    check::graph(workflow, &schema, false, Vec::new());
}

proptest! {
    #[test]
    fn no_garbage_breaks_it(workflow in garbage()) {
        walk(&workflow);
        schema::read(&workflow).ok();
    }

    #[test]
    fn no_tangle_breaks_it(workflow in tangle()) {
        walk(&workflow);
    }
}
