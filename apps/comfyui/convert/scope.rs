//! The workflow with its subgraphs unfolded: one scope for each level and each node that stands for a subgraph.
//!
//! In comes the workflow; out come scopes in which every node has the id that it has in the graph (`host:inner`), and
//! what the host shows of its inside: values that stand for those of inner widgets.

use std::collections::HashMap;

use serde_json::Value;

use crate::comfyui::bounds::{NODES_UNFOLDED_MAX, SUBGRAPH_DEPTH_MAX};
use crate::comfyui::notes::Note;
use crate::comfyui::workflow::{Graph, Mode, Node, Proxy, Slot, Subgraph, Values, Workflow};

/// A node: its scope and its place there.
pub(super) type At = (usize, usize);

/// All of them; the first is the workflow's own level.
pub(super) struct Scopes<'w> {
    workflow: &'w Workflow,
    all: Vec<Scope<'w>>,
}

pub(super) struct Scope<'w> {
    pub(super) graph: &'w Graph,
    /// What it is the inside of: the subgraph and the node that stands for it.
    pub(super) of: Option<(&'w Subgraph, At)>,
    /// Before the ids of its nodes.
    prefix: String,
    /// Values of the subgraph's inputs that nothing is linked to, by name.
    ports: HashMap<String, Value>,
    /// Values for inner widgets, by node and widget.
    shown: HashMap<String, HashMap<String, Value>>,
    /// The scopes of its own hosts.
    inside: HashMap<usize, usize>,
}

impl<'w> Scopes<'w> {
    /// # Errors
    /// A subgraph within itself, too deep, or more nodes than may be.
    pub(super) fn unfold(workflow: &'w Workflow) -> Result<Self, Note> {
        let root = Scope {
            graph: &workflow.graph,
            of: None,
            prefix: String::new(),
            ports: HashMap::new(),
            shown: HashMap::new(),
            inside: HashMap::new(),
        };
        let mut scopes = Self {
            workflow,
            all: vec![root],
        };
        let mut count = workflow.graph.nodes.len();
        // Grows while it is walked: each scope adds those of its hosts.
        let mut next = 0;
        while next < scopes.all.len() {
            let graph = scopes.all[next].graph;
            for (place, node) in graph.nodes.iter().enumerate() {
                // Within a subgraph the editor sends the inside of those that are muted or bypassed as well.
                if let Some(subgraph) = workflow.subgraphs.get(&node.class)
                    && (node.mode == Mode::Runs || next > 0)
                {
                    count += subgraph.graph.nodes.len();
                    scopes.open((next, place), node, subgraph, count)?;
                }
            }
            next += 1;
        }
        Ok(scopes)
    }

    fn open(
        &mut self,
        at: At,
        node: &'w Node,
        subgraph: &'w Subgraph,
        count: usize,
    ) -> Result<(), Note> {
        let id = self.id(at);
        let refused = |message: String| {
            let message = format!("The subgraph `{}`: {message}", subgraph.name);
            Err(Note::of_node(&id, "too_large", message))
        };
        if id.split(':').count() > SUBGRAPH_DEPTH_MAX {
            return refused(format!(
                "it lies more than {SUBGRAPH_DEPTH_MAX} deep inside others, or within itself."
            ));
        }
        if count > NODES_UNFOLDED_MAX {
            return refused(format!(
                "with it the workflow has more than {NODES_UNFOLDED_MAX} nodes, the most that is converted."
            ));
        }
        let outer = self.all[at.0].shown.get(&node.id);
        let (ports, shown) = shown_by(node, subgraph, outer);
        let scope = Scope {
            graph: &subgraph.graph,
            of: Some((subgraph, at)),
            prefix: format!("{id}:"),
            ports,
            shown,
            inside: HashMap::new(),
        };
        let number = self.all.len();
        self.all.push(scope);
        self.all[at.0].inside.insert(at.1, number);
        Ok(())
    }

    /// Every node of every scope.
    pub(super) fn nodes(&self) -> impl Iterator<Item = At> {
        let counts: Vec<usize> = self.all.iter().map(|one| one.graph.nodes.len()).collect();
        let all = counts.into_iter().enumerate();
        all.flat_map(|(scope, count)| (0..count).map(move |place| (scope, place)))
    }

    pub(super) fn scope(&self, number: usize) -> &Scope<'w> {
        &self.all[number]
    }

    pub(super) fn node(&self, at: At) -> &'w Node {
        &self.all[at.0].graph.nodes[at.1]
    }

    pub(super) fn slot(&self, at: At, slot: usize) -> Option<&'w Slot> {
        self.node(at).inputs.get(slot)
    }

    /// As the graph names it.
    pub(super) fn id(&self, at: At) -> String {
        format!("{}{}", self.all[at.0].prefix, self.node(at).id)
    }

    /// Whether it stands for a subgraph.
    pub(super) fn is_host(&self, at: At) -> bool {
        self.workflow.subgraphs.contains_key(&self.node(at).class)
    }

    /// The nearest host around a node that is muted or bypassed, though its inside is sent.
    pub(super) fn silenced_by(&self, at: At) -> Option<At> {
        let mut scope = at.0;
        while let Some((_, host)) = self.all[scope].of {
            if self.node(host).mode != Mode::Runs {
                return Some(host);
            }
            scope = host.0;
        }
        None
    }

    /// The inside of a host that is unfolded.
    pub(super) fn inside(&self, at: At) -> Option<usize> {
        self.all[at.0].inside.get(&at.1).copied()
    }

    /// Values from outside for the widgets of a node.
    pub(super) fn shown(&self, at: At) -> Option<&HashMap<String, Value>> {
        self.all[at.0].shown.get(&self.node(at).id)
    }

    /// Whether the class names a group node of the workflow.
    pub(super) fn is_group(&self, class: &str) -> bool {
        let named = |sign: &str| class.strip_prefix(sign);
        let name = named("workflow>").or_else(|| named("workflow/"));
        name.is_some() || self.workflow.groups.contains(class)
    }
}

impl Scope<'_> {
    /// The value of a subgraph's input that nothing is linked to.
    pub(super) fn port(&self, name: &str) -> Option<&Value> {
        self.ports.get(name)
    }
}

type Ports = HashMap<String, Value>;
type Shown = HashMap<String, HashMap<String, Value>>;

/// What a host's values say of its inside; `outer` is what its own host says of it.
fn shown_by(
    node: &Node,
    subgraph: &Subgraph,
    outer: Option<&HashMap<String, Value>>,
) -> (Ports, Shown) {
    let (mut ports, mut shown) = (Ports::new(), Shown::new());
    let proxies = proxies(node, subgraph);
    for (place, proxy) in proxies.iter().enumerate() {
        let own = node.value(place, &proxy.widget).filter(|it| !it.is_null());
        let value = outer.and_then(|outer| outer.get(&proxy.widget)).or(own);
        let Some(value) = value else { continue };
        match &proxy.node {
            None => ports.insert(proxy.widget.clone(), value.clone()),
            Some(inner) => shown
                .entry(inner.clone())
                .or_default()
                .insert(proxy.widget.clone(), value.clone()),
        };
    }
    (ports, shown)
}

/// In the order of the host's values. A file without the list shows the inputs that are widgets.
fn proxies(node: &Node, subgraph: &Subgraph) -> Vec<Proxy> {
    if let Some(told) = &node.proxies {
        return told.clone();
    }
    if matches!(node.values, Values::None) {
        return Vec::new();
    }
    let is_widget = |name: &str| {
        let slot = node.inputs.iter().find(|slot| slot.name == name);
        slot.is_some_and(|slot| slot.widget.is_some())
    };
    let shown = subgraph.inputs.iter().filter(|port| is_widget(&port.name));
    shown
        .map(|port| Proxy {
            node: None,
            widget: port.name.clone(),
        })
        .collect()
}
