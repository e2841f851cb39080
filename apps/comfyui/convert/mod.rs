//! Makes the graph that the server runs out of a workflow as the editor saves it, as the editor itself does it.
//!
//! In come the workflow and the classes of the server; out comes the graph with warnings, or the reasons why there is
//! none, each with its node. It never guesses: where the saved values cannot be told apart, it refuses. The truth that it
//! is held against is the editor's own conversion of published workflows (`tests/`).
//!
//! ```text
//! workflow ─> scopes (subgraphs unfolded) ─> each node: widgets laid out, links traced ─> graph
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`scope`] | one level of the unfolded workflow, and what its node shows of it |
//! | [`trace`] | where a link comes from: through reroutes, bypassed nodes and borders |
//! | [`widgets`] | which saved value belongs to which input |
//! | [`editor`] | classes that only the editor knows |
//! | [`chosen`] | `{a\|b}` and comments in prompts |

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::bounds::NODES_UNFOLDED_MAX;
use super::notes::{Note, Notes, quoted};
use super::schema::{Class, Kind, Schema};
use super::workflow::{Mode, Node, Workflow};

mod chosen;
mod editor;
mod scope;
mod trace;
mod widgets;

use editor::Own;
use scope::{At, Scopes};
use trace::{Source, Tracer};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Converted {
    /// Without the nodes that were refused: then it is only good to be checked.
    pub(super) graph: Map<String, Value>,
    pub(super) warnings: Notes,
    /// Why the graph is not whole.
    pub(super) refusals: Notes,
}

/// Makes the graph.
pub(super) fn convert(workflow: &Workflow, schema: &Schema) -> Converted {
    let mut converted = Converted::default();
    let scopes = match Scopes::unfold(workflow) {
        Ok(scopes) => scopes,
        Err(refusal) => {
            converted.refusals.push(refusal);
            return converted;
        }
    };
    let mut work = Work {
        schema,
        scopes: &scopes,
        tracer: Tracer::new(&scopes, schema),
        ports: HashMap::new(),
        converted,
    };
    for at in scopes.nodes() {
        work.node(at);
    }
    work.drop_links_to_nothing();
    work.converted
}

struct Work<'w> {
    schema: &'w Schema,
    scopes: &'w Scopes<'w>,
    tracer: Tracer<'w>,
    /// Values of subgraphs' inputs that were looked up.
    ports: HashMap<(usize, usize), Option<Value>>,
    converted: Converted,
}

impl<'w> Work<'w> {
    fn node(&mut self, at: At) {
        let node = self.scopes.node(at);
        if node.mode != Mode::Runs || self.scopes.is_host(at) {
            return;
        }
        let id = self.scopes.id(at);
        let Some(class) = self.schema.classes.get(&node.class) else {
            self.not_of_the_server(node, &id);
            return;
        };
        if self.converted.graph.len() >= NODES_UNFOLDED_MAX {
            return;
        }
        match self.inputs(at, node, class, &id) {
            Ok(inputs) => {
                let title = node.title.as_deref().unwrap_or(&class.title);
                let made = json!({
                    "class_type": node.class,
                    "inputs": inputs,
                    "_meta": {"title": title},
                });
                if let Some(host) = self.scopes.silenced_by(at).filter(|_| class.is_end) {
                    self.converted.warnings.push(Note::of_node(
                        &id,
                        "still_runs",
                        format!(
                            "It runs although the subgraph around it, node {}, is muted or bypassed: within other subgraphs the editor does not heed that. Mute `{}` itself to stop it.",
                            self.scopes.id(host),
                            node.class
                        ),
                    ));
                }
                self.converted.graph.insert(id, made);
            }
            Err(refusal) => self.converted.refusals.push(refusal),
        }
    }

    /// A class that only the editor knows, or nobody.
    fn not_of_the_server(&mut self, node: &Node, id: &str) {
        let (code, message) = match editor::own(&node.class) {
            Some(Own::Refused(why)) => ("editor_only", format!("`{}` {why}", node.class)),
            Some(_) => return,
            None if self.scopes.is_group(&node.class) => (
                "group_node",
                format!(
                    "`{}` is a group node, the form before subgraphs. In ComfyUI, ungroup it or convert it to a subgraph, and save the workflow again.",
                    node.class
                ),
            ),
            None if !node.is_linked() => {
                self.converted.warnings.push(Note::of_node(
                    id,
                    "left_out",
                    format!(
                        "The server has no class `{}`. The node is linked to nothing and is left out.",
                        node.class
                    ),
                ));
                return;
            }
            None => (
                "missing_node_class",
                format!(
                    "The server has no class `{}`.{}",
                    node.class,
                    node.pack.as_ref().map_or_else(String::new, |pack| format!(
                        " It is part of the pack `{pack}`."
                    ))
                ),
            ),
        };
        let refusal = Note::of_node(id, code, message);
        self.converted.refusals.push(refusal);
    }

    fn inputs(
        &mut self,
        at: At,
        node: &'w Node,
        class: &'w Class,
        id: &str,
    ) -> Result<Map<String, Value>, Note> {
        let shown = self.scopes.shown(at);
        let laid = widgets::lay(node, class, self.schema, shown, id)?;
        let mut kinds: HashMap<String, &Kind> = HashMap::new();
        let mut inputs = Map::new();
        for note in laid.notes {
            self.converted.warnings.push(note);
        }
        for filled in laid.filled {
            kinds.insert(filled.name.clone(), filled.kind);
            if let Some(value) = filled.value {
                let value = self.literal(value, filled.kind, &filled.name, id);
                inputs.insert(filled.name, value);
            }
        }
        for (slot, input) in node.inputs.iter().enumerate() {
            match self.tracer.input(at, slot)? {
                Source::Node { at, slot } => {
                    let link = json!([self.scopes.id(at), slot]);
                    inputs.insert(input.name.clone(), link);
                }
                Source::Value(value) => {
                    let name = input.widget.as_ref().unwrap_or(&input.name);
                    let kind = kinds.get(name.as_str()).copied();
                    let kind = kind.unwrap_or(&Kind::Socket);
                    let value = self.literal(value, kind, name, id);
                    inputs.insert(name.clone(), value);
                }
                Source::Port { scope, port } => {
                    if let Some(value) = self.port(scope, port) {
                        let name = input.widget.as_ref().unwrap_or(&input.name);
                        inputs.insert(name.clone(), as_no_link(value));
                    }
                }
                Source::NotPassed(from) => self.converted.warnings.push(Note::of_input(
                    id,
                    &input.name,
                    "value_not_passed",
                    format!("The editor hands the value of node {from} to its direct neighbours only, not through reroutes. `{}` keeps its own value.", input.name),
                )),
                Source::Nothing => {}
                Source::Dangling(link) => self.converted.warnings.push(Note::of_input(
                    id,
                    &input.name,
                    "dangling_link",
                    format!("Link {link} of `{}` is not in the workflow. The input counts as not linked.", input.name),
                )),
            }
        }
        Ok(inputs)
    }

    /// A value as it stands in the graph.
    fn literal(&mut self, value: Value, kind: &Kind, input: &str, id: &str) -> Value {
        match (value, kind) {
            (Value::String(text), Kind::Text { chosen: true }) => {
                let (text, first) = chosen::resolve(&text);
                if let Some(first) = first {
                    self.converted.warnings.push(Note::of_input(
                        id,
                        input,
                        "first_choice_taken",
                        format!(
                            "The text offers choices (`{{a|b}}`), of which the editor takes one at random. The first of each is taken here, for example `{}`.",
                            quoted(&Value::String(first))
                        ),
                    ));
                }
                Value::String(text)
            }
            (value, _) => as_no_link(value),
        }
    }

    /// What an input of a subgraph has when nothing outside is linked to it: the value that its node shows, else that of
    /// the first widget inside that it leads to. All others that it leads to get the same.
    fn port(&mut self, scope: usize, port: usize) -> Option<Value> {
        if let Some(known) = self.ports.get(&(scope, port)) {
            return known.clone();
        }
        // A subgraph never holds itself (`Scopes::unfold`), so that this ends.
        let value = self.look_up(scope, port);
        self.ports.insert((scope, port), value.clone());
        value
    }

    fn look_up(&mut self, number: usize, port: usize) -> Option<Value> {
        let scope = self.scopes.scope(number);
        let port = scope.of?.0.inputs.get(port)?;
        if let Some(value) = scope.port(&port.name) {
            return Some(value.clone());
        }
        port.links.iter().find_map(|id| {
            let link = scope.graph.links.get(id)?;
            let at = (number, scope.graph.position(&link.to)?);
            let slot = self.scopes.slot(at, link.to_slot)?;
            if let Some(inside) = self.scopes.inside(at) {
                let ports = &self.scopes.scope(inside).of?.0.inputs;
                let port = ports.iter().position(|port| port.name == slot.name)?;
                return self.port(inside, port);
            }
            let node = self.scopes.node(at);
            let class = self.schema.classes.get(&node.class)?;
            let name = slot.widget.as_ref().unwrap_or(&slot.name);
            let laid = widgets::lay(node, class, self.schema, self.scopes.shown(at), "").ok()?;
            let filled = laid
                .filled
                .into_iter()
                .find(|filled| filled.name == *name)?;
            filled.value
        })
    }

    /// A link to a node that is not in the graph is no input. One to a node that was refused stays: that is another
    /// fault.
    fn drop_links_to_nothing(&mut self) {
        let refused = self.converted.refusals.nodes();
        let there: HashSet<String> = self
            .converted
            .graph
            .keys()
            .cloned()
            .chain(refused)
            .collect();
        for node in self.converted.graph.values_mut() {
            if let Some(inputs) = node.get_mut("inputs").and_then(Value::as_object_mut) {
                inputs.retain(|_, value| {
                    super::graph::link(value).is_none_or(|(id, _)| there.contains(id))
                });
            }
        }
    }
}

/// A bare list would be read as a link.
fn as_no_link(value: Value) -> Value {
    if value.is_array() {
        json!({"__value__": value})
    } else {
        value
    }
}

#[cfg(test)]
mod tests;
