//! A workflow as ComfyUI's editor saves it: nodes with slots, links between them, subgraphs.
//!
//! In comes JSON of whatever origin; out comes this model, or a sentence why not ([`read`]). It knows nothing of what
//! the nodes do: that is [`super::schema`]'s. The other form, the graph that the server runs, is [`super::graph`]'s.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

mod read;

pub(super) use read::{is_ui_form, read};

/// A saved workflow.
#[derive(Debug, Default)]
pub(super) struct Workflow {
    pub(super) graph: Graph,
    /// By the id that stands as the class of their nodes.
    pub(super) subgraphs: HashMap<String, Subgraph>,
    /// Names of group nodes, the form before subgraphs.
    pub(super) groups: BTreeSet<String>,
}

/// Nodes and links of one level.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) links: HashMap<String, Link>,
    by_id: HashMap<String, usize>,
}

/// A graph that stands as a node elsewhere.
#[derive(Debug, Default)]
pub(super) struct Subgraph {
    pub(super) name: String,
    pub(super) graph: Graph,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// The id under which links name the border where things come in.
    pub(super) input_node: String,
}

/// An input or output of a subgraph.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) links: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) class: String,
    pub(super) title: Option<String>,
    /// What the class comes with, where the file says it.
    pub(super) pack: Option<String>,
    pub(super) mode: Mode,
    pub(super) inputs: Vec<Slot>,
    pub(super) outputs: Vec<Output>,
    pub(super) values: Values,
    /// What the node of a subgraph shows of its inside, in the order of its values.
    pub(super) proxies: Option<Vec<Proxy>>,
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Runs,
    Muted,
    /// What comes in goes out by its type.
    Bypassed,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) link: Option<String>,
    /// The widget that this slot stands for.
    pub(super) widget: Option<String>,
}

#[derive(Debug)]
pub(super) struct Output {
    pub(super) kind: String,
    pub(super) is_linked: bool,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) from: String,
    pub(super) from_slot: usize,
    pub(super) to: String,
    pub(super) to_slot: usize,
}

/// The saved values of a node's widgets.
#[derive(Debug, Default)]
pub(super) enum Values {
    #[default]
    None,
    /// In the widgets' order.
    InOrder(Vec<Value>),
    /// By name, as some custom nodes save them.
    Named(Map<String, Value>),
}

/// A widget inside a subgraph that its node shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proxy {
    /// The node inside; nothing for an input of the subgraph.
    pub(super) node: Option<String>,
    pub(super) widget: String,
}

impl Graph {
    pub(super) fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    fn push(&mut self, node: Node) {
        self.by_id.insert(node.id.clone(), self.nodes.len());
        self.nodes.push(node);
    }
}

impl Node {
    /// Whether any link comes in or goes out.
    pub(super) fn is_linked(&self) -> bool {
        self.inputs.iter().any(|slot| slot.link.is_some())
            || self.outputs.iter().any(|output| output.is_linked)
    }

    /// A value by its place or, where values have names, by its name.
    pub(super) fn value(&self, place: usize, name: &str) -> Option<&Value> {
        match &self.values {
            Values::None => None,
            Values::InOrder(values) => values.get(place),
            Values::Named(values) => values.get(name),
        }
    }
}

#[cfg(test)]
mod tests;
