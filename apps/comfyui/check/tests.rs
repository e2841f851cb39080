use serde_json::{Value, json};

use super::graph;
use crate::comfyui::notes::Note;
use crate::comfyui::schema;
use crate::comfyui::tests::small_server;

fn faults(value: &Value) -> Vec<Note> {
    graph(
        value,
        &schema::read(&small_server()).unwrap(),
        false,
        Vec::new(),
    )
}

fn told(value: &Value) -> Vec<(String, Option<String>, &'static str)> {
    let all = faults(value);
    all.into_iter()
        .map(|note| (note.node, note.input, note.code))
        .collect()
}

fn sampler(changed: &Value) -> Value {
    let mut graph = json!({
        "1": {"class_type": "Loader", "inputs": {"model": "turbo.safetensors"}},
        "2": {"class_type": "Prompt", "inputs": {"text": "a cat", "clip": ["1", 1]}},
        "3": {"class_type": "Sampler", "inputs": {
            "model": ["1", 0], "seed": 1, "steps": 20, "cfg": 7.5, "sampler": "euler", "positive": ["2", 0],
        }},
        "4": {"class_type": "Save", "inputs": {"images": ["3", 0], "prefix": "x"}},
    });
    for (id, inputs) in changed.as_object().unwrap() {
        for (name, value) in inputs.as_object().unwrap() {
            if value.is_null() {
                graph[id]["inputs"].as_object_mut().unwrap().remove(name);
            } else {
                graph[id]["inputs"][name] = value.clone();
            }
        }
    }
    graph
}

fn one(changed: &Value) -> Note {
    let all = faults(&sampler(changed));
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

#[test]
fn what_is_right_has_no_faults() {
    assert_eq!(faults(&sampler(&json!({}))), []);
}

#[test]
fn each_fault_names_node_input_and_what_is_allowed() {
    for (changed, code, wanted) in [
        (
            json!({"3": {"steps": 200}}),
            "out_of_range",
            "`steps` of `Sampler` is 200; allowed is from 1 to 100.",
        ),
        (
            json!({"3": {"steps": "many"}}),
            "wrong_type",
            "`steps` of `Sampler` is `many`, not a whole number.",
        ),
        (
            json!({"3": {"cfg": null}}),
            "missing_input",
            "`cfg` of `Sampler` has no value; it needs FLOAT.",
        ),
        (
            json!({"3": {"positive": null}}),
            "missing_input",
            "`positive` of `Sampler` is not linked; it needs CONDITIONING.",
        ),
        (
            json!({"3": {"sampler": "eular"}}),
            "not_in_list",
            "`sampler` of `Sampler` is `eular`; allowed: `euler`, `heun`. Did you mean `euler`?",
        ),
        (
            json!({"3": {"positive": ["1", 0]}}),
            "wrong_type",
            "`positive` of `Sampler` takes CONDITIONING, and MODEL is linked to it.",
        ),
        (
            json!({"3": {"positive": ["9", 0]}}),
            "dangling_link",
            "`positive` is linked to node 9, which is not in the workflow.",
        ),
        (
            json!({"2": {"clip": ["1", 7]}}),
            "dangling_link",
            "`clip` is linked to output 7 of node 1 (`Loader`), which has 2 outputs, counted from 0.",
        ),
        (
            json!({"3": {"tiled": "yes"}}),
            "wrong_type",
            "`tiled` of `Sampler` is `yes`, not true or false.",
        ),
        (
            json!({"3": {"positive": "a cat"}}),
            "wrong_type",
            "`positive` of `Sampler` is `a cat`; only a link can fill it.",
        ),
        (
            json!({"1": {"model": "sd\\base.safetensors"}}),
            "missing_model",
            "`model` of `Loader` is `sd\\base.safetensors`, which the server has as `sd/base.safetensors`; write it so.",
        ),
        (
            json!({"1": {"model": "base.safetensors"}}),
            "missing_model",
            "`model` of `Loader` is `base.safetensors`, which the server does not have. Did you mean `sd/base.safetensors`?",
        ),
        (
            json!({"1": {"model": "turbi.safetensors"}}),
            "missing_model",
            "`model` of `Loader` is `turbi.safetensors`, which the server does not have. Did you mean `turbo.safetensors`?",
        ),
    ] {
        let fault = one(&changed);
        assert_eq!(
            (fault.code, fault.message.as_str()),
            (code, wanted),
            "{changed}"
        );
        assert!(fault.input.is_some(), "{changed}");
    }
}

#[test]
fn all_faults_come_in_one_answer() {
    let changed = json!({"1": {"model": "none.ckpt"}, "3": {"steps": 0, "cfg": "x"}, "4": {"images": ["3", 4]}});
    let wanted: Vec<(String, Option<String>, &str)> = [
        ("1", "model", "missing_model"),
        ("3", "steps", "out_of_range"),
        ("3", "cfg", "wrong_type"),
        ("4", "images", "dangling_link"),
    ]
    .map(|(node, input, code)| (node.to_owned(), Some(input.to_owned()), code))
    .into();
    assert_eq!(told(&sampler(&changed)), wanted);
}

#[test]
fn files_are_looked_for_where_the_list_tells() {
    let load = |name: &str| {
        json!({
            "1": {"class_type": "Picture", "inputs": {"image": name}},
            "2": {"class_type": "Save", "inputs": {"images": ["1", 0], "prefix": "x"}},
        })
    };
    assert_eq!(told(&load("a.png")), []);
    assert_eq!(
        told(&load("b.png")),
        [("1".to_owned(), Some("image".to_owned()), "missing_file")]
    );
    // The list does not hold what lies in other folders.
    assert_eq!(told(&load("old/b.png [output]")), []);
}

#[test]
fn classes_that_are_missing_or_cost_money_are_told_wherever_they_stand() {
    let graph = json!({
        "1": {"class_type": "Pictures", "inputs": {}},
        "2": {"class_type": "Film", "inputs": {"prompt": "x"}},
        "3": {"class_type": "Picture", "inputs": {"image": "a.png"}},
        "4": {"class_type": "Save", "inputs": {"images": ["3", 0], "prefix": "x"}},
    });
    let all = faults(&graph);
    let codes: Vec<&str> = all.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["missing_node_class", "costs_money"]);
    assert!(
        all[0].message.contains("Did you mean `Picture`"),
        "{}",
        all[0].message
    );
    let schema = schema::read(&small_server()).unwrap();
    let allowed = super::graph(&graph, &schema, true, Vec::new());
    assert_eq!(allowed.len(), 1, "{allowed:?}");
}

#[test]
fn circles_and_no_result_are_told_once() {
    let circle = json!({
        "1": {"class_type": "Blend", "inputs": {"first": ["2", 0], "second": ["2", 0]}},
        "2": {"class_type": "Scale", "inputs": {"image": ["1", 0], "width": 64}},
        "3": {"class_type": "Save", "inputs": {"images": ["1", 0], "prefix": "x"}},
    });
    assert_eq!(told(&circle), [("1".to_owned(), None, "link_circle")]);
    let nothing = json!({"1": {"class_type": "Picture", "inputs": {"image": "a.png"}}});
    assert_eq!(told(&nothing), [(String::new(), None, "no_result")]);
}

#[test]
fn a_long_chain_uses_up_no_stack() {
    let mut graph = json!({"0": {"class_type": "Picture", "inputs": {"image": "a.png"}}});
    for id in 1..50_000 {
        let node = json!({"class_type": "Scale", "inputs": {"image": [(id - 1).to_string(), 0], "width": 64}});
        graph[id.to_string()] = node;
    }
    graph["end"] = json!({"class_type": "Save", "inputs": {"images": ["49999", 0], "prefix": "x"}});
    assert_eq!(faults(&graph), []);
}

#[test]
fn only_what_leads_to_a_result_is_looked_at_closely() {
    let mut graph = sampler(&json!({}));
    graph["9"] = json!({"class_type": "Blend", "inputs": {}});
    assert_eq!(faults(&graph), []);
}

#[test]
fn choices_ask_for_what_is_theirs_and_growing_ones_for_the_least() {
    let graph = |how: &str, images: Value| {
        json!({
            "1": {"class_type": "Picture", "inputs": {"image": "a.png"}},
            "2": {"class_type": "Resize", "inputs": {"image": ["1", 0], "how": how, "how.by": 2, "method": "area"}},
            "3": {"class_type": "Batch", "inputs": images},
            "4": {"class_type": "Save", "inputs": {"images": ["3", 0], "prefix": "x"}},
        })
    };
    let images = json!({"images.image0": ["2", 0]});
    assert_eq!(told(&graph("factor", images.clone())), []);
    let size = told(&graph("size", images.clone()));
    let inputs: Vec<_> = size
        .iter()
        .map(|(_, input, code)| (input.clone().unwrap(), *code))
        .collect();
    assert_eq!(
        inputs,
        [
            ("how.width".to_owned(), "missing_input"),
            ("how.seed".to_owned(), "missing_input")
        ]
    );
    assert_eq!(told(&graph("faktor", images))[0].2, "not_in_list");
    let none = told(&graph("factor", json!({})));
    assert_eq!(
        none,
        [(
            "3".to_owned(),
            Some("images.image0".to_owned()),
            "missing_input"
        )]
    );
}
