//! Where an input's value comes from: the node that makes it, or the value that an editor's node or a host has for it.
//!
//! It leads through reroutes, named links, bypassed nodes and the borders of subgraphs, as the editor does: a muted node
//! gives nothing, a bypassed one what comes in at its input of the same place or type.

use serde_json::Value;

use super::editor::{self, Own};
use super::scope::{At, Scopes};
use crate::comfyui::bounds::LINK_STEPS_MAX;
use crate::comfyui::notes::Note;
use crate::comfyui::schema::{Schema, fits};
use crate::comfyui::workflow::Mode;

/// What an input gets.
#[derive(Debug)]
pub(super) enum Source {
    Node {
        at: At,
        slot: usize,
    },
    /// What an editor's node has for it.
    Value(Value),
    /// An input of the subgraph whose inside this scope is, which nothing outside is linked to.
    Port {
        scope: usize,
        port: usize,
    },
    /// An editor's node has a value, but the editor hands it to direct neighbours only.
    NotPassed(String),
    /// Nothing is linked, or what is linked gives nothing.
    Nothing,
    /// The link that is named does not exist.
    Dangling(String),
}

pub(super) struct Tracer<'w> {
    scopes: &'w Scopes<'w>,
    schema: &'w Schema,
}

/// What is looked at next.
enum Next {
    Input(At, usize),
    Output(At, usize),
    Found(Source),
}

/// What the way began with and what it has led through.
struct Way<'w> {
    kind: &'w str,
    /// Only over borders of subgraphs so far.
    is_direct: bool,
}

impl<'w> Tracer<'w> {
    pub(super) fn new(scopes: &'w Scopes<'w>, schema: &'w Schema) -> Self {
        Self { scopes, schema }
    }

    /// # Errors
    /// When it leads in a circle, or a named link has no name-giver.
    pub(super) fn input(&self, at: At, slot: usize) -> Result<Source, Note> {
        let mut way = Way {
            kind: self.scopes.slot(at, slot).map_or("*", |slot| &slot.kind),
            is_direct: true,
        };
        let mut next = Next::Input(at, slot);
        for _ in 0..LINK_STEPS_MAX {
            next = match next {
                Next::Found(source) => return Ok(source),
                Next::Input(at, slot) => self.into(at, slot),
                Next::Output(at, slot) => self.out_of(at, slot, &mut way)?,
            };
        }
        Err(Note::of_input(
            &self.scopes.id(at),
            self.scopes.slot(at, slot).map_or("", |slot| &slot.name),
            "link_circle",
            format!(
                "Its link leads through more than {LINK_STEPS_MAX} reroutes, bypassed nodes or subgraphs, or in a circle."
            ),
        ))
    }

    fn into(&self, at: At, slot: usize) -> Next {
        let found = |source| Next::Found(source);
        let scope = self.scopes.scope(at.0);
        let Some(id) = self
            .scopes
            .slot(at, slot)
            .and_then(|slot| slot.link.as_ref())
        else {
            return found(Source::Nothing);
        };
        let Some(link) = scope.graph.links.get(id) else {
            return found(Source::Dangling(id.clone()));
        };
        if let Some((subgraph, host)) = &scope.of
            && link.from == subgraph.input_node
        {
            let Some(port) = subgraph.inputs.get(link.from_slot) else {
                return found(Source::Dangling(id.clone()));
            };
            let slots = &self.scopes.node(*host).inputs;
            let outer = slots.iter().position(|slot| slot.name == port.name);
            return match outer {
                Some(slot) if slots[slot].link.is_some() => Next::Input(*host, slot),
                _ => found(Source::Port {
                    scope: at.0,
                    port: link.from_slot,
                }),
            };
        }
        match scope.graph.position(&link.from) {
            Some(place) => Next::Output((at.0, place), link.from_slot),
            None => found(Source::Dangling(id.clone())),
        }
    }

    fn out_of(&self, at: At, slot: usize, way: &mut Way<'_>) -> Result<Next, Note> {
        let node = self.scopes.node(at);
        let own = editor::own(&node.class);
        // The editor writes its value into what it is linked to, whatever its mode.
        if own == Some(Own::Value) {
            let value = node.value(0, "value").filter(|value| !value.is_null());
            return Ok(Next::Found(match value {
                Some(value) if way.is_direct => Source::Value(value.clone()),
                Some(_) => Source::NotPassed(self.scopes.id(at)),
                None => Source::Nothing,
            }));
        }
        way.is_direct = false;
        match node.mode {
            Mode::Muted => return Ok(Next::Found(Source::Nothing)),
            Mode::Bypassed => {
                return Ok(match self.past(at, slot, way.kind) {
                    Some(input) => Next::Input(at, input),
                    None => Next::Found(Source::Nothing),
                });
            }
            Mode::Runs => {}
        }
        if self.scopes.is_host(at) {
            return Ok(self.inside(at, slot));
        }
        if self.schema.classes.contains_key(&node.class) {
            return Ok(Next::Found(Source::Node { at, slot }));
        }
        Ok(match own {
            Some(Own::Reroute | Own::Set) => Next::Input(at, 0),
            Some(Own::Get) => self.named(at)?,
            Some(Own::Note | Own::Value | Own::Refused(_)) => Next::Found(Source::Nothing),
            // Refused at its own place.
            None => Next::Found(Source::Node { at, slot }),
        })
    }

    /// The output of a subgraph is what its inside links to it.
    fn inside(&self, at: At, slot: usize) -> Next {
        let inside = self.scopes.inside(at);
        let scope = inside.map(|number| (number, self.scopes.scope(number)));
        let Some((number, scope)) = scope else {
            return Next::Found(Source::Nothing);
        };
        let Some((subgraph, _)) = &scope.of else {
            return Next::Found(Source::Nothing);
        };
        let link = subgraph
            .outputs
            .get(slot)
            .and_then(|port| port.links.first());
        let Some(link) = link.and_then(|id| scope.graph.links.get(id)) else {
            return Next::Found(Source::Nothing);
        };
        if link.from == subgraph.input_node {
            let port = subgraph.inputs.get(link.from_slot);
            let slots = &self.scopes.node(at).inputs;
            let outer = port.and_then(|port| slots.iter().position(|slot| slot.name == port.name));
            return outer.map_or(Next::Found(Source::Nothing), |slot| Next::Input(at, slot));
        }
        match scope.graph.position(&link.from) {
            Some(place) => Next::Output((number, place), link.from_slot),
            None => Next::Found(Source::Nothing),
        }
    }

    /// The input that a bypassed node gives out: the one of the same place if it fits, else the first of the type.
    fn past(&self, at: At, slot: usize, kind: &str) -> Option<usize> {
        let node = self.scopes.node(at);
        let any = |kind: &str| kind.is_empty() || kind == "*" || kind == "0";
        if any(kind) {
            return (!node.inputs.is_empty()).then_some(if slot < node.inputs.len() {
                slot
            } else {
                0
            });
        }
        let given = node.outputs.get(slot).map_or(kind, |output| &output.kind);
        if let Some(opposite) = node.inputs.get(slot)
            && fits(&opposite.kind, given)
        {
            return Some(slot);
        }
        let exactly = node.inputs.iter().position(|input| input.kind == kind);
        exactly.or_else(|| node.inputs.iter().position(|input| fits(&input.kind, kind)))
    }

    /// A `GetNode`: what the `SetNode` of its name has, on its own level or further out.
    fn named(&self, at: At) -> Result<Next, Note> {
        let node = self.scopes.node(at);
        let wanted = node.value(0, "Constant").and_then(Value::as_str);
        let mut level = Some(at.0);
        while let (Some(number), Some(wanted)) = (level, wanted) {
            let scope = self.scopes.scope(number);
            let set = scope.graph.nodes.iter().position(|other| {
                editor::own(&other.class) == Some(Own::Set)
                    && other.value(0, "Constant").and_then(Value::as_str) == Some(wanted)
            });
            if let Some(place) = set {
                return Ok(Next::Input((number, place), 0));
            }
            level = scope.of.as_ref().map(|(_, host)| host.0);
        }
        Err(Note::of_node(
            &self.scopes.id(at),
            "name_not_set",
            format!(
                "`{}` asks for `{}`, and no `SetNode` gives that name.",
                node.class,
                crate::comfyui::notes::shortened(wanted.unwrap_or_default())
            ),
        ))
    }
}
