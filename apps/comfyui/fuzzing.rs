//! What the fuzzer calls: the whole way from a stranger's JSON to a graph and to faults. Not in a real build.

use std::collections::HashSet;

use serde_json::Value;

use super::bounds::{NODES_UNFOLDED_MAX, NOTES_MAX};
use super::{check, convert, graph, schema, workflow};

/// Reads a document `{workflow, object_info}`, converts and checks it.
///
/// # Panics
/// When a promise does not hold: that is what is looked for.
pub fn workflow(document: &Value) {
    let Ok(schema) = schema::read(&document["object_info"]) else {
        return;
    };
    let given = &document["workflow"];
    if graph::is_graph(given) {
        assert!(check::graph(given, &schema, true, Vec::new()).len() <= NOTES_MAX + 1);
    }
    let Ok(read) = workflow::read(given) else {
        return;
    };
    let converted = convert::convert(&read, &schema);
    let again = convert::convert(&read, &schema);
    assert_eq!(
        converted.graph, again.graph,
        "the same workflow, the same graph"
    );
    assert!(converted.graph.len() <= NODES_UNFOLDED_MAX);
    let refused: HashSet<String> = converted.refusals.nodes().collect();
    for node in converted.graph.values() {
        for value in node["inputs"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            let linked = graph::link(value);
            assert!(
                linked
                    .is_none_or(|(id, _)| converted.graph.contains_key(id) || refused.contains(id)),
                "a link to nothing"
            );
        }
    }
    let refusals = converted.refusals.into_vec();
    let faults = check::graph(&Value::Object(converted.graph), &schema, true, refusals);
    assert!(faults.len() <= NOTES_MAX + 1);
}
