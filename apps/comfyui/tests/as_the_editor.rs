//! The converter against what ComfyUI's own editor makes of 432 published workflows (`fixtures/README.md`).
//!
//! Harmless is what the server does not see: inputs that its classes do not declare, other ids, the order of members. What
//! is neither equal nor harmless must be refused with its node.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read as _};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::comfyui::convert::convert;
use crate::comfyui::graph::link;
use crate::comfyui::schema::{self, Schema};
use crate::comfyui::workflow;
use crate::comfyui::{check, notes::Note};

const TRUTH: &[u8] = include_bytes!("fixtures/editor_0.28.1.zip");
/// The package of the workflows, where `scripts/test` puts it.
const WHEEL: &str = "comfyui_workflow_templates_json-0.1.8-py3-none-any.whl";

/// How one workflow came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Equal,
    /// Equal but for ids, which the editor gives anew where subgraphs share some.
    Renumbered,
    /// Equal but for inputs that the server does not declare.
    Harmless,
    Refused,
    Different,
}

#[test]
#[expect(clippy::disallowed_macros, reason = "for who runs the tests")]
fn every_published_workflow_is_converted_as_the_editor_does_or_refused() {
    let Some(templates) = templates() else { return };
    let (schema, truth) = truth();
    let mut report: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut told = Vec::new();
    for (name, wanted) in &truth {
        let file = format!("comfyui_workflow_templates_json/templates/{name}.json");
        let text = templates
            .get(&file)
            .unwrap_or_else(|| panic!("the wheel lacks {file}"));
        let (verdict, why) = verdict(text, wanted, &schema);
        if verdict >= Verdict::Refused {
            told.push(format!("{verdict:?}: {name}: {why}"));
        }
        *report.entry(verdict).or_default() += 1;
    }
    let counts: Vec<String> = report
        .iter()
        .map(|(verdict, count)| format!("{verdict:?} {count}"))
        .collect();
    let text = format!("{}\n{}", counts.join(", "), told.join("\n"));
    eprintln!("{text}");
    assert_eq!(report.get(&Verdict::Different), None, "{text}");
    // Four with `Load3D`, whose picture is made in the browser, and one whose class no server here has.
    assert_eq!(report.get(&Verdict::Refused), Some(&5), "{text}");
    assert_eq!(truth.len(), 432);
}

#[test]
fn published_workflows_that_the_editor_converts_pass_the_check() {
    let Some(templates) = templates() else { return };
    let (schema, truth) = truth();
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for name in truth.keys() {
        let file = format!("comfyui_workflow_templates_json/templates/{name}.json");
        let value = serde_json::from_str(&templates[&file]).unwrap();
        let converted = convert(&workflow::read(&value).unwrap(), &schema);
        let refusals = converted.refusals.into_vec();
        for Note {
            node,
            code,
            message,
            ..
        } in check::graph(&Value::Object(converted.graph), &schema, true, refusals)
        {
            found
                .entry(code)
                .or_default()
                .push(format!("{name}: {node}: {message}"));
        }
    }
    // The server of the recording had no models and no pictures.
    found.remove("missing_model");
    found.remove("missing_file");
    let counts: Vec<(&str, usize)> = found.iter().map(|(code, all)| (*code, all.len())).collect();
    // What the editor converts and the server refuses: a workflow whose ends are all muted, one with an end that is
    // linked to a muted node, and what the converter refuses.
    let wanted = [
        ("made_in_browser", 4),
        ("missing_input", 1),
        ("missing_node_class", 1),
        ("no_result", 1),
    ];
    assert_eq!(counts, wanted, "{found:#?}");
}

/// Texts by their path in the package. Nothing where it was not fetched, unless this is CI.
#[expect(clippy::disallowed_macros, reason = "for who runs the tests")]
fn templates() -> Option<HashMap<String, String>> {
    let told = std::env::var_os("KAPELLE_TEST_COMFYUI_TEMPLATES").map(PathBuf::from);
    let usual = || {
        Some(
            std::env::home_dir()?
                .join(".cache/kapelle/comfyui")
                .join(WHEEL),
        )
    };
    let path = told.or_else(usual)?;
    let Ok(bytes) = std::fs::read(&path) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no {}",
            path.display()
        );
        eprintln!(
            "NOT tried, as there is no {} (scripts/test fetches it)",
            path.display()
        );
        return None;
    };
    Some(unpacked(&bytes))
}

fn truth() -> (Schema, BTreeMap<String, Value>) {
    let files = unpacked(TRUTH);
    let info = serde_json::from_str(&files["object_info.json"]).unwrap();
    let graphs = serde_json::from_str(&files["graphs.json"]).unwrap();
    (schema::read(&info).unwrap(), graphs)
}

fn unpacked(bytes: &[u8]) -> HashMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = HashMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        if name.ends_with(".json") {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            files.insert(name, text);
        }
    }
    files
}

fn verdict(text: &str, wanted: &Value, schema: &Schema) -> (Verdict, String) {
    let workflow = workflow::read(&serde_json::from_str(text).unwrap()).unwrap();
    let converted = convert(&workflow, schema);
    if !converted.refusals.is_empty() {
        let refusals = converted.refusals.into_vec();
        assert!(
            refusals.iter().all(|one| !one.node.is_empty()),
            "{refusals:?}"
        );
        let told = refusals
            .iter()
            .map(|one| format!("{} {}", one.node, one.message));
        return (Verdict::Refused, told.collect::<Vec<_>>().join("; "));
    }
    let (ours, theirs) = (plain(&converted.graph), plain(wanted.as_object().unwrap()));
    if ours == theirs {
        return (Verdict::Equal, String::new());
    }
    let theirs = declared(&theirs, schema);
    let ours = declared(&ours, schema);
    if ours == theirs {
        return (Verdict::Harmless, String::new());
    }
    if shapes(&ours) == shapes(&theirs) {
        return (Verdict::Renumbered, String::new());
    }
    let differs = theirs.iter().find(|(id, node)| ours.get(*id) != Some(node));
    (Verdict::Different, format!("{differs:?}"))
}

type Plain = BTreeMap<String, (String, BTreeMap<String, Value>)>;

/// Without titles; a number is a number, however it is written.
fn plain(graph: &Map<String, Value>) -> Plain {
    let node = |(id, node): (&String, &Value)| {
        let class = node["class_type"].as_str().unwrap_or_default().to_owned();
        let inputs = node["inputs"].as_object().unwrap().iter();
        let inputs = inputs.map(|(name, value)| (name.clone(), number(value)));
        (id.clone(), (class, inputs.collect()))
    };
    graph.iter().map(node).collect()
}

fn number(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        other if link(other).is_none() && other.is_array() => {
            other.as_array().unwrap().iter().map(number).collect()
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), number(value)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// Without values for inputs that the class does not declare, which the server does not look at.
fn declared(graph: &Plain, schema: &Schema) -> Plain {
    let mut graph = graph.clone();
    for (class, inputs) in graph.values_mut() {
        let Some(class) = schema.classes.get(class.as_str()) else {
            continue;
        };
        inputs.retain(|name, value| {
            let first = name.split('.').next().unwrap_or(name);
            link(value).is_some() || class.inputs.iter().any(|input| input.name == first)
        });
    }
    graph
}

/// Each node with all that leads to it, without ids.
fn shapes(graph: &Plain) -> Vec<String> {
    let mut known = HashMap::new();
    let mut all: Vec<String> = graph
        .keys()
        .map(|id| shape(graph, id, &mut known))
        .collect();
    all.sort();
    all
}

fn shape(graph: &Plain, id: &str, known: &mut HashMap<String, String>) -> String {
    use sha2::{Digest as _, Sha256};
    if let Some(shape) = known.get(id) {
        return shape.clone();
    }
    let (class, inputs) = &graph[id];
    let mut text = class.clone();
    for (name, value) in inputs {
        let value = match link(value) {
            Some((from, slot)) if graph.contains_key(from) => {
                format!("{} {slot}", shape(graph, from, known))
            }
            _ => value.to_string(),
        };
        text.push_str(&format!("\n{name} {value}"));
    }
    let shape = hex::encode(Sha256::digest(text.as_bytes()));
    known.insert(id.to_owned(), shape.clone());
    shape
}
