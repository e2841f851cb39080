//! Which nodes lead to a result, and whether links run in a circle.

use std::collections::{HashMap, HashSet};

use crate::comfyui::graph::{GraphNode, link};
use crate::comfyui::notes::{Note, Notes};

/// Nodes of one circle that are named.
const NAMED_MAX: usize = 12;

/// All nodes that these need, themselves included. A circle on the way is told once.
pub(super) fn reached<'a>(
    nodes: &HashMap<&'a str, GraphNode<'a>>,
    ends: &[&'a str],
    faults: &mut Notes,
) -> HashSet<&'a str> {
    let mut done = HashSet::new();
    // The way to where it is: each node with those that it still has to look at. No recursion, as chains may be long.
    let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut on_way = HashSet::new();
    for end in ends {
        if done.contains(end) {
            continue;
        }
        way.push((end, needed(nodes, end)));
        on_way.insert(*end);
        while let Some((node, left)) = way.last_mut() {
            let node = *node;
            match left.pop() {
                None => {
                    on_way.remove(node);
                    done.insert(node);
                    way.pop();
                }
                Some(next) if on_way.contains(next) => faults.push(circle(&way, next)),
                Some(next) if done.contains(next) => {}
                Some(next) => {
                    on_way.insert(next);
                    way.push((next, needed(nodes, next)));
                }
            }
        }
    }
    done
}

fn needed<'a>(nodes: &HashMap<&'a str, GraphNode<'a>>, id: &str) -> Vec<&'a str> {
    let Some(node) = nodes.get(id) else {
        return Vec::new();
    };
    let links = node.inputs.values().filter_map(link);
    links
        .filter_map(|(from, _)| nodes.get_key_value(from).map(|(id, _)| *id))
        .collect()
}

fn circle(way: &[(&str, Vec<&str>)], from: &str) -> Note {
    let ids = way.iter().map(|(id, _)| *id).skip_while(|id| *id != from);
    let ids: Vec<&str> = ids.collect();
    let named = &ids[..ids.len().min(NAMED_MAX)];
    let more = if ids.len() > NAMED_MAX { ", …" } else { "" };
    Note::of_node(
        from,
        "link_circle",
        format!(
            "Its links run in a circle: each of the nodes {}{more} needs another of them.",
            named.join(", ")
        ),
    )
}
