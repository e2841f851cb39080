//! Reads the editor's form out of JSON. Both of its versions: links as lists and as objects.
//!
//! What is not there counts as empty, as in the editor; what has the wrong form or is too much is an error. Where links
//! run through points on the canvas (`reroutes`) they still name both their ends, so that nothing is to be read there.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Graph, Link, Mode, Node, Output, Port, Proxy, Slot, Subgraph, Values, Workflow};
use crate::comfyui::bounds::NODES_MAX;

/// The id of the border where things come into a subgraph, where the file names no other.
const INPUT_NODE: &str = "-10";

/// Whether this is the editor's form, and not the graph that the server runs.
pub(in crate::comfyui) fn is_ui_form(value: &Value) -> bool {
    value.get("nodes").is_some_and(Value::is_array)
}

/// # Errors
/// A sentence that names the place.
pub(in crate::comfyui) fn read(value: &Value) -> Result<Workflow, String> {
    let root = object(value, "The workflow")?;
    let mut count = 0;
    let mut workflow = Workflow {
        graph: graph(root, "the workflow", &mut count)?,
        groups: groups(root),
        ..Workflow::default()
    };
    let subgraphs = root
        .get("definitions")
        .and_then(|definitions| definitions.get("subgraphs"));
    for value in list(subgraphs, "`definitions.subgraphs`")? {
        let members = object(value, "A subgraph")?;
        let id = id(members.get("id")).ok_or("A subgraph has no `id`.")?;
        let subgraph = subgraph(members, &mut count)?;
        if workflow.subgraphs.insert(id.clone(), subgraph).is_some() {
            return Err(format!("There are two subgraphs with the id `{id}`."));
        }
    }
    Ok(workflow)
}

fn subgraph(members: &Map<String, Value>, count: &mut usize) -> Result<Subgraph, String> {
    let name = text(members.get("name")).unwrap_or_default();
    let border = members.get("inputNode").and_then(|node| id(node.get("id")));
    let ports = |key: &str| -> Result<Vec<Port>, String> {
        let all = list(members.get(key), key)?;
        Ok(all.iter().map(port).collect())
    };
    Ok(Subgraph {
        graph: graph(members, &format!("the subgraph `{name}`"), count)?,
        inputs: ports("inputs")?,
        outputs: ports("outputs")?,
        input_node: border.unwrap_or_else(|| INPUT_NODE.to_owned()),
        name,
    })
}

fn port(value: &Value) -> Port {
    let links = value.get("linkIds").and_then(Value::as_array);
    Port {
        name: text(value.get("name")).unwrap_or_default(),
        links: links
            .into_iter()
            .flatten()
            .filter_map(|link| id(Some(link)))
            .collect(),
    }
}

fn graph(members: &Map<String, Value>, place: &str, count: &mut usize) -> Result<Graph, String> {
    let mut graph = Graph::default();
    for value in list(members.get("nodes"), "`nodes`")? {
        *count += 1;
        if *count > NODES_MAX {
            return Err(format!(
                "The workflow has more than {NODES_MAX} nodes, the most that is read."
            ));
        }
        let node = node(value, place)?;
        if graph.position(&node.id).is_some() {
            return Err(format!(
                "There are two nodes with the id `{}` in {place}.",
                node.id
            ));
        }
        graph.push(node);
    }
    for value in list(members.get("links"), "`links`")? {
        // The editor leaves holes where links were removed.
        if value.is_null() {
            continue;
        }
        let (id, link) = link(value).ok_or_else(|| {
            format!("A link in {place} is neither a list of ids and slots nor an object with them.")
        })?;
        graph.links.insert(id, link);
    }
    Ok(graph)
}

fn node(value: &Value, place: &str) -> Result<Node, String> {
    let members = value
        .as_object()
        .ok_or_else(|| format!("A node in {place} is not an object."))?;
    let id = id(members.get("id")).ok_or_else(|| format!("A node in {place} has no `id`."))?;
    let class = text(members.get("type"))
        .ok_or_else(|| format!("Node {id} in {place} has no `type` to say what it is."))?;
    let slots = |key: &str| list(members.get(key), &format!("`{key}` of node {id}"));
    let inputs = slots("inputs")?.iter().map(slot).collect();
    let outputs = slots("outputs")?.iter().map(output).collect();
    let proxies = members
        .get("properties")
        .and_then(|properties| properties.get("proxyWidgets"))
        .and_then(Value::as_array)
        .map(|all| all.iter().map(proxy).collect());
    Ok(Node {
        class,
        pack: pack(members.get("properties")),
        title: text(members.get("title")).filter(|title| !title.is_empty()),
        mode: match members.get("mode").and_then(Value::as_u64) {
            Some(2) => Mode::Muted,
            Some(4) => Mode::Bypassed,
            _ => Mode::Runs,
        },
        inputs,
        outputs,
        values: match members.get("widgets_values") {
            None | Some(Value::Null) => Values::None,
            Some(Value::Array(values)) => Values::InOrder(values.clone()),
            Some(Value::Object(values)) => Values::Named(values.clone()),
            Some(_) => {
                return Err(format!(
                    "`widgets_values` of node {id} in {place} is neither a list nor an object."
                ));
            }
        },
        proxies,
        id,
    })
}

/// The name in the registry of packs, else the repository. What is ComfyUI's own is no pack.
fn pack(properties: Option<&Value>) -> Option<String> {
    let said = |key: &str| text(properties.and_then(|properties| properties.get(key)));
    let name = said("cnr_id").or_else(|| said("aux_id"));
    name.filter(|name| !name.is_empty() && name != "comfy-core")
}

fn slot(value: &Value) -> Slot {
    Slot {
        name: text(value.get("name")).unwrap_or_default(),
        kind: kind(value.get("type")),
        link: id(value.get("link")),
        widget: value
            .get("widget")
            .and_then(|widget| text(widget.get("name"))),
    }
}

fn output(value: &Value) -> Output {
    let links = value.get("links").and_then(Value::as_array);
    Output {
        kind: kind(value.get("type")),
        is_linked: links.is_some_and(|links| !links.is_empty()),
    }
}

/// `["-1", name]` is an input of the subgraph, `[id, widget]` a widget inside; a third member is for the editor alone.
fn proxy(value: &Value) -> Proxy {
    let member = |at: usize| value.get(at).and_then(|one| id(Some(one)));
    Proxy {
        node: member(0).filter(|node| node != "-1"),
        widget: member(1).unwrap_or_default(),
    }
}

fn link(value: &Value) -> Option<(String, Link)> {
    let member = |place: usize, key: &str| match value {
        Value::Array(all) => all.get(place),
        other => other.get(key),
    };
    let slot = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
    let link = Link {
        from: id(member(1, "origin_id"))?,
        from_slot: usize::try_from(slot(member(2, "origin_slot"))).ok()?,
        to: id(member(3, "target_id"))?,
        to_slot: usize::try_from(slot(member(4, "target_slot"))).ok()?,
    };
    Some((id(member(0, "id"))?, link))
}

/// The names of group nodes that the file defines.
fn groups(root: &Map<String, Value>) -> BTreeSet<String> {
    let groups = root
        .get("extra")
        .and_then(|extra| extra.get("groupNodes"))
        .and_then(Value::as_object);
    groups
        .into_iter()
        .flat_map(|groups| groups.keys().cloned())
        .collect()
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{what} is not a JSON object."))
}

/// What is missing or null is an empty list.
fn list<'a>(value: Option<&'a Value>, what: &str) -> Result<&'a [Value], String> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(all)) => Ok(all),
        Some(_) => Err(format!("{what} is not a list.")),
    }
}

/// Ids are numbers or texts.
fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

/// A slot's type: a word, several with commas, or a list of choices.
fn kind(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(_)) => "COMBO".to_owned(),
        // What connects to anything.
        _ => "*".to_owned(),
    }
}
