//! The graph that the server runs: nodes by id, each with its class and its inputs (the "API form").
//!
//! In comes JSON; out comes what it says, borrowed. A link is a list of a node's id and the number of its output.

use serde_json::{Map, Value};

/// A node of such a graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct GraphNode<'a> {
    pub(super) id: &'a str,
    pub(super) class: &'a str,
    pub(super) inputs: &'a Map<String, Value>,
}

/// Whether this can be such a graph: an object whose members are nodes.
pub(super) fn is_graph(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        !members.is_empty()
            && members
                .values()
                .all(|node| node.get("class_type").is_some())
    })
}

/// The graph in it: by itself, or as the `prompt` of what would be posted.
pub(super) fn graph_in(value: &Value) -> Option<&Value> {
    let inner = value.get("prompt").filter(|inner| is_graph(inner));
    inner.or_else(|| is_graph(value).then_some(value))
}

/// What an input's value points to.
pub(super) fn link(value: &Value) -> Option<(&str, usize)> {
    let [Value::String(node), slot] = value.as_array()?.as_slice() else {
        return None;
    };
    Some((node, usize::try_from(slot.as_u64()?).ok()?))
}
