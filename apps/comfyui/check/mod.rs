//! What would keep a graph from running, found before a server is asked: all faults in one answer.
//!
//! In come the graph, the classes of the server and what the converter refused; out come faults, each with node, input,
//! code and a sentence. As on the server, only nodes that lead to a result are looked at closely; a class that does not
//! exist is told wherever it stands. What only the server can know (whether a file in a subfolder is there, whether there
//! is memory enough) it does not tell.
//!
//! | code | what it means |
//! |---|---|
//! | `missing_node_class`, `missing_model`, `missing_file` | the server does not have it |
//! | `missing_input`, `dangling_link`, `link_circle`, `no_result` | what is linked to what is wrong |
//! | `wrong_type`, `out_of_range`, `not_in_list`, `too_large` | a value or link does not fit |
//! | `costs_money` | it is paid for with each run |

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::bounds::GRAPH_BYTES_MAX;
use super::graph::{self, GraphNode};
use super::notes::{Note, Notes, shortened};
use super::schema::{Class, Schema};

mod circles;
mod inputs;
mod near;
mod values;

use near::Names;

/// All that is wrong with a graph. `refused`: nodes that could not be converted; they are not in it.
pub(super) fn graph(
    graph: &Value,
    schema: &Schema,
    may_cost: bool,
    refused: Vec<Note>,
) -> Vec<Note> {
    let mut check = Check {
        schema,
        nodes: HashMap::new(),
        refused: refused.iter().map(|note| note.node.clone()).collect(),
        names: Names::default(),
        faults: Notes::default(),
    };
    let whole = refused.is_empty();
    refused.into_iter().for_each(|note| check.faults.push(note));
    let order = check.read(graph);
    for id in &order {
        check.class(id, may_cost);
    }
    let ends: Vec<&str> = order
        .iter()
        .copied()
        .filter(|id| check.is_end(id))
        .collect();
    if ends.is_empty() && whole {
        check.faults.push(Note::of_node(
            "",
            "no_result",
            "Nothing in the workflow saves or shows a result, so the server would not run it."
                .to_owned(),
        ));
    }
    let looked_at = if ends.is_empty() { order.clone() } else { ends };
    let reached = circles::reached(&check.nodes, &looked_at, &mut check.faults);
    for id in order.iter().filter(|id| reached.contains(**id)) {
        check.inputs(id);
    }
    check.size(graph);
    check.faults.into_vec()
}

struct Check<'a> {
    schema: &'a Schema,
    nodes: HashMap<&'a str, GraphNode<'a>>,
    refused: HashSet<String>,
    names: Names,
    faults: Notes,
}

impl<'a> Check<'a> {
    /// The nodes, in their order.
    fn read(&mut self, graph: &'a Value) -> Vec<&'a str> {
        let mut order = Vec::new();
        for (id, node) in graph.as_object().into_iter().flatten() {
            let class = node.get("class_type").and_then(Value::as_str);
            let inputs = node.get("inputs").and_then(Value::as_object);
            let (Some(class), Some(inputs)) = (class, inputs) else {
                self.faults.push(Note::of_node(
                    id,
                    "not_a_node",
                    "A node is an object with `class_type`, a text, and `inputs`, an object."
                        .to_owned(),
                ));
                continue;
            };
            self.nodes.insert(id, GraphNode { id, class, inputs });
            order.push(id.as_str());
        }
        order
    }

    fn class(&mut self, id: &str, may_cost: bool) {
        let node = self.nodes[id];
        let name = shortened(node.class);
        match self.schema.classes.get(node.class) {
            None => {
                let all = self.schema.classes.keys().map(String::as_str);
                let near = self.names.near(node.class, all);
                let hint = near::did_you_mean(&near);
                let message = format!(
                    "The server has no class `{name}`.{hint} It comes with a pack of custom nodes that is not installed, or with a newer ComfyUI."
                );
                self.faults
                    .push(Note::of_node(id, "missing_node_class", message));
            }
            Some(class) if class.costs && !may_cost => self.faults.push(Note::of_node(
                id,
                "costs_money",
                format!(
                    "`{name}` ({}) runs at a partner of ComfyUI and is paid for with each run. `allow_paid` accepts that.",
                    class.title
                ),
            )),
            Some(_) => {}
        }
    }

    fn class_of(&self, id: &str) -> Option<&'a Class> {
        self.schema.classes.get(self.nodes.get(id)?.class)
    }

    fn is_end(&self, id: &str) -> bool {
        self.class_of(id).is_some_and(|class| class.is_end)
    }

    fn size(&mut self, graph: &Value) {
        let bytes = serde_json::to_vec(graph).map_or(0, |text| text.len());
        if bytes > GRAPH_BYTES_MAX {
            self.faults.push(Note::of_node(
                "",
                "too_large",
                format!(
                    "The graph has {} MB; a server takes {} unless it was started with a larger --max-upload-size. Load large pictures from files.",
                    bytes / (1024 * 1024),
                    GRAPH_BYTES_MAX / (1024 * 1024)
                ),
            ));
        }
    }

    /// Where a link of a node leads: the class there, nothing when that was told of elsewhere.
    fn linked(&mut self, node: GraphNode<'a>, input: &str, value: &'a Value) -> Option<&'a str> {
        let (from, slot) = graph::link(value)?;
        if self.refused.contains(from) {
            return None;
        }
        let Some(class) = self.nodes.get(from).map(|node| node.class) else {
            self.faults.push(Note::of_input(
                node.id,
                input,
                "dangling_link",
                format!(
                    "`{input}` is linked to node {}, which is not in the workflow.",
                    shortened(from)
                ),
            ));
            return None;
        };
        let outputs = &self.schema.classes.get(class)?.outputs;
        if outputs.get(slot).is_none() {
            self.faults.push(Note::of_input(
                node.id,
                input,
                "dangling_link",
                format!(
                    "`{input}` is linked to output {slot} of node {from} (`{}`), which has {} outputs, counted from 0.",
                    shortened(class),
                    outputs.len()
                ),
            ));
        }
        outputs.get(slot).map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
