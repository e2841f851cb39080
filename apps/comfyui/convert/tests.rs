//! Each form that a workflow can have, alone: those that no published workflow has as well.

use serde_json::{Value, json};

use super::{Converted, convert};
use crate::comfyui::schema;
use crate::comfyui::tests::small_server;
use crate::comfyui::workflow::read;

fn converted(workflow: &Value) -> Converted {
    let schema = schema::read(&small_server()).unwrap();
    convert(&read(workflow).unwrap(), &schema)
}

/// The graph, which there must be, without titles.
fn graph(workflow: &Value) -> Value {
    let converted = converted(workflow);
    assert!(converted.refusals.is_empty(), "{:?}", converted.refusals);
    let mut graph = Value::Object(converted.graph);
    for node in graph.as_object_mut().unwrap().values_mut() {
        node.as_object_mut().unwrap().remove("_meta");
    }
    graph
}

/// Codes with nodes.
fn refusals(workflow: &Value) -> Vec<(String, &'static str)> {
    let all = converted(workflow).refusals.into_vec();
    all.into_iter().map(|note| (note.node, note.code)).collect()
}

fn warnings(workflow: &Value) -> Vec<(String, &'static str)> {
    let all = converted(workflow).warnings.into_vec();
    all.into_iter().map(|note| (note.node, note.code)).collect()
}

fn slot(name: &str, kind: &str, link: impl Into<Value>) -> Value {
    json!({"name": name, "type": kind, "link": link.into()})
}

fn widget(name: &str, kind: &str, link: impl Into<Value>) -> Value {
    json!({"name": name, "type": kind, "link": link.into(), "widget": {"name": name}})
}

fn node(id: u64, class: &str, inputs: &[Value], values: Value) -> Value {
    json!({"id": id, "type": class, "mode": 0, "inputs": inputs, "outputs": [], "widgets_values": values})
}

fn given(mut node: Value, kinds: &[&str]) -> Value {
    let outputs = kinds
        .iter()
        .map(|kind| json!({"name": kind, "type": kind, "links": [1]}));
    node["outputs"] = outputs.collect();
    node
}

fn with_mode(mut node: Value, mode: u64) -> Value {
    node["mode"] = mode.into();
    node
}

fn picture(id: u64) -> Value {
    given(
        node(id, "Picture", &[], json!(["a.png", "image"])),
        &["IMAGE", "MASK"],
    )
}

fn save(id: u64, link: u64) -> Value {
    node(id, "Save", &[slot("images", "IMAGE", link)], json!(["x"]))
}

#[test]
fn values_find_their_inputs_past_what_the_editor_keeps_beside_a_seed() {
    let workflow = json!({
        "nodes": [
            given(node(1, "Loader", &[], json!(["turbo.safetensors"])), &["MODEL", "CLIP"]),
            given(node(2, "Prompt", &[slot("clip", "CLIP", 11)], json!(["a cat"])), &["CONDITIONING"]),
            given(node(3, "Sampler", &[slot("model", "MODEL", 10), slot("positive", "CONDITIONING", 12)],
                json!([7, "randomize", 30, 4.5, "heun", true])), &["IMAGE"]),
            save(4, 13),
        ],
        "links": [[10, 1, 0, 3, 0, "MODEL"], [11, 1, 1, 2, 0, "CLIP"], [12, 2, 0, 3, 1, "CONDITIONING"], [13, 3, 0, 4, 0, "IMAGE"]],
    });
    assert_eq!(
        graph(&workflow)["3"]["inputs"],
        json!({
            "seed": 7, "steps": 30, "cfg": 4.5, "sampler": "heun", "tiled": true,
            "model": ["1", 0], "positive": ["2", 0],
        })
    );
    assert_eq!(warnings(&workflow), []);
    assert_eq!(converted(&workflow).graph["3"]["_meta"]["title"], "Sampler");
}

#[test]
fn links_may_be_objects_and_may_run_over_points_on_the_canvas() {
    let workflow = json!({
        "version": 1,
        "nodes": [picture(1), save(2, 5)],
        "links": [{"id": 5, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "IMAGE", "parentId": 9}],
        "reroutes": [{"id": 8, "pos": [0, 0], "linkIds": [5]}, {"id": 9, "parentId": 8, "pos": [5, 5], "linkIds": [5]}],
        "floatingLinks": [{"id": 6, "origin_id": 1, "origin_slot": 0, "target_id": -1, "target_slot": -1, "type": "IMAGE"}],
    });
    assert_eq!(
        graph(&workflow)["2"]["inputs"],
        json!({"prefix": "x", "images": ["1", 0]})
    );
    let older = json!({
        "version": 0.4,
        "nodes": [picture(1), save(2, 5)],
        "links": [[5, 1, 0, 2, 0, "IMAGE"], null],
        "extra": {"reroutes": [{"id": 9, "pos": [0, 0], "linkIds": [5]}], "linkExtensions": [{"id": 5, "parentId": 9}]},
    });
    assert_eq!(graph(&older), graph(&workflow));
}

#[test]
fn reroutes_lead_on() {
    let workflow = json!({
        "nodes": [
            picture(1),
            given(node(2, "Reroute", &[slot("", "*", 1)], Value::Null), &["IMAGE"]),
            given(node(3, "Reroute (rgthree)", &[slot("", "*", 2)], Value::Null), &["IMAGE"]),
            save(4, 3),
        ],
        "links": [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"], [3, 3, 0, 4, 0, "IMAGE"]],
    });
    assert_eq!(graph(&workflow)["4"]["inputs"]["images"], json!(["1", 0]));
    assert_eq!(graph(&workflow).as_object().unwrap().len(), 2);
}

#[test]
fn reroutes_in_a_circle_are_refused() {
    let workflow = json!({
        "nodes": [
            given(node(2, "Reroute", &[slot("", "*", 2)], Value::Null), &["IMAGE"]),
            given(node(3, "Reroute", &[slot("", "*", 1)], Value::Null), &["IMAGE"]),
            save(4, 3),
        ],
        "links": [[1, 2, 0, 3, 0, "*"], [2, 3, 0, 2, 0, "*"], [3, 3, 0, 4, 0, "IMAGE"]],
    });
    assert_eq!(refusals(&workflow), [("4".to_owned(), "link_circle")]);
}

#[test]
fn named_links_lead_to_what_was_named_also_from_further_out() {
    let inner = json!({
        "id": "sub", "name": "Sub",
        "inputs": [], "outputs": [{"name": "IMAGE", "type": "IMAGE", "linkIds": [1]}],
        "nodes": [given(node(1, "GetNode", &[], json!(["mine"])), &["IMAGE"])],
        "links": [{"id": 1, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"}],
    });
    let workflow = json!({
        "nodes": [
            picture(1),
            given(node(2, "SetNode", &[slot("IMAGE", "IMAGE", 1)], json!(["mine"])), &["*"]),
            given(node(3, "GetNode", &[], json!(["mine"])), &["IMAGE"]),
            save(4, 2),
            given(node(5, "sub", &[], json!([])), &["IMAGE"]),
            save(6, 3),
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 3, 0, 4, 0, "IMAGE"], [3, 5, 0, 6, 0, "IMAGE"]],
        "definitions": {"subgraphs": [inner]},
    });
    let graph = graph(&workflow);
    assert_eq!(graph["4"]["inputs"]["images"], json!(["1", 0]));
    assert_eq!(graph["6"]["inputs"]["images"], json!(["1", 0]));
    let mut unnamed = workflow;
    unnamed["nodes"][1]["widgets_values"] = json!(["other"]);
    let wanted = [
        ("4".to_owned(), "name_not_set"),
        ("6".to_owned(), "name_not_set"),
    ];
    let told: Vec<_> = refusals(&unnamed)
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert_eq!(told, wanted.map(|(_, code)| code));
}

#[test]
fn a_primitive_gives_its_value_to_direct_neighbours_alone() {
    let workflow = json!({
        "nodes": [
            picture(1),
            given(node(2, "PrimitiveNode", &[], json!([640, "fixed"])), &["INT"]),
            given(node(3, "Scale", &[slot("image", "IMAGE", 1), widget("width", "INT", 2)], json!([512])), &["IMAGE"]),
            given(node(4, "Reroute", &[slot("", "*", 3)], Value::Null), &["INT"]),
            given(node(5, "Scale", &[slot("image", "IMAGE", 4), widget("width", "INT", 5)], json!([100])), &["IMAGE"]),
            save(6, 6),
        ],
        "links": [
            [1, 1, 0, 3, 0, "IMAGE"], [2, 2, 0, 3, 1, "INT"], [3, 2, 0, 4, 0, "*"],
            [4, 3, 0, 5, 0, "IMAGE"], [5, 4, 0, 5, 1, "INT"], [6, 5, 0, 6, 0, "IMAGE"],
        ],
    });
    let graph = graph(&workflow);
    assert_eq!(
        graph["3"]["inputs"],
        json!({"width": 640, "image": ["1", 0]})
    );
    assert_eq!(
        graph["5"]["inputs"],
        json!({"width": 100, "image": ["3", 0]})
    );
    assert_eq!(warnings(&workflow), [("5".to_owned(), "value_not_passed")]);
}

#[test]
fn a_bypassed_node_gives_out_what_comes_in_and_a_muted_one_nothing() {
    let blend = |mode| {
        let inputs = [slot("first", "IMAGE", 1), slot("second", "IMAGE", 2)];
        let blend = given(node(3, "Blend", &inputs, json!([])), &["IMAGE"]);
        json!({
            "nodes": [picture(1), picture(2), with_mode(blend, mode), save(4, 3)],
            "links": [[1, 1, 0, 3, 0, "IMAGE"], [2, 2, 0, 3, 1, "IMAGE"], [3, 3, 0, 4, 0, "IMAGE"]],
        })
    };
    assert_eq!(graph(&blend(0))["4"]["inputs"]["images"], json!(["3", 0]));
    let bypassed = graph(&blend(4));
    assert_eq!(
        bypassed["4"]["inputs"],
        json!({"prefix": "x", "images": ["1", 0]})
    );
    assert!(bypassed.get("3").is_none());
    assert_eq!(graph(&blend(2))["4"]["inputs"], json!({"prefix": "x"}));
}

#[test]
fn a_bypassed_node_is_passed_by_type() {
    // Its second output is a mask, which no input of it takes.
    let workflow = |output: u64, kind: &str| {
        json!({
            "nodes": [
                picture(1),
                with_mode(given(node(2, "Resize", &[slot("image", "IMAGE", 1)], json!(["size", 1, 2, "area"])), &["IMAGE", "MASK"]), 4),
                given(node(3, "Sampler", &[slot("mask", kind, 2)], json!([1, "fixed", 2, 3, "euler", false])), &["IMAGE"]),
                save(4, 3),
            ],
            "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, output, 3, 0, kind], [3, 3, 0, 4, 0, "IMAGE"]],
        })
    };
    assert_eq!(graph(&workflow(1, "MASK"))["3"]["inputs"].get("mask"), None);
    assert_eq!(
        graph(&workflow(0, "IMAGE"))["3"]["inputs"]["mask"],
        json!(["1", 0])
    );
}

#[test]
fn choices_carry_their_inputs_and_growing_ones_their_links() {
    let inputs = [slot("image", "IMAGE", 1)];
    let workflow = |values: Value| {
        json!({
            "nodes": [
                picture(1),
                given(node(2, "Resize", &inputs, values), &["IMAGE"]),
                given(node(3, "Batch", &[slot("images.image0", "IMAGE", 2), slot("images.image1", "IMAGE", null())], json!([])), &["IMAGE"]),
                save(4, 3),
            ],
            "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 3, 0, 4, 0, "IMAGE"]],
        })
    };
    // Within a choice a seed has no control beside it.
    let size = graph(&workflow(json!(["size", 96, 5, "lanczos"])));
    assert_eq!(
        size["2"]["inputs"],
        json!({
            "how": "size", "how.width": 96, "how.seed": 5, "method": "lanczos", "image": ["1", 0],
        })
    );
    assert_eq!(size["3"]["inputs"], json!({"images.image0": ["2", 0]}));
    let factor = graph(&workflow(json!(["factor", 0.5, "area"])));
    assert_eq!(
        factor["2"]["inputs"],
        json!({
            "how": "factor", "how.by": 0.5, "method": "area", "image": ["1", 0],
        })
    );
}

fn null() -> Value {
    Value::Null
}

/// `Scale` in a subgraph, its width shown; inside another one if asked for.
fn subgraphs(proxies: Value, values: Value, link: Option<u64>) -> Value {
    let inner = json!({
        "id": "inner", "name": "Inner",
        "inputs": [{"name": "picture", "type": "IMAGE", "linkIds": [1]}, {"name": "width", "type": "INT", "linkIds": [2]}],
        "outputs": [{"name": "IMAGE", "type": "IMAGE", "linkIds": [3]}],
        "nodes": [given(node(7, "Scale", &[slot("image", "IMAGE", 1), widget("width", "INT", 2)], json!([200])), &["IMAGE"])],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 7, "target_slot": 0, "type": "IMAGE"},
            {"id": 2, "origin_id": -10, "origin_slot": 1, "target_id": 7, "target_slot": 1, "type": "INT"},
            {"id": 3, "origin_id": 7, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"},
        ],
    });
    let outer = json!({
        "id": "outer", "name": "Outer",
        "inputs": [{"name": "in", "type": "IMAGE", "linkIds": [1]}],
        "outputs": [{"name": "out", "type": "IMAGE", "linkIds": [2]}],
        "nodes": [given(node(8, "inner", &[slot("picture", "IMAGE", 1)], json!([null])), &["IMAGE"])],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 8, "target_slot": 0, "type": "IMAGE"},
            {"id": 2, "origin_id": 8, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"},
        ],
    });
    let mut host = given(
        node(
            3,
            "inner",
            &[
                slot("picture", "IMAGE", 1),
                widget("width", "INT", link.map_or(Value::Null, Value::from)),
            ],
            values,
        ),
        &["IMAGE"],
    );
    host["properties"] = json!({"proxyWidgets": proxies});
    json!({
        "nodes": [
            picture(1),
            given(node(2, "Number", &[], json!([77, "fixed"])), &["INT"]),
            host,
            given(node(4, "outer", &[slot("in", "IMAGE", 3)], json!([])), &["IMAGE"]),
            save(5, 4),
        ],
        "links": [[1, 1, 0, 3, 0, "IMAGE"], [2, 2, 0, 3, 1, "INT"], [3, 3, 0, 4, 0, "IMAGE"], [4, 4, 0, 5, 0, "IMAGE"]],
        "definitions": {"subgraphs": [inner, outer]},
    })
}

#[test]
fn subgraphs_are_unfolded_with_the_values_that_their_nodes_show() {
    let own = graph(&subgraphs(json!([["-1", "width"]]), json!([null]), None));
    assert_eq!(
        own["3:7"]["inputs"],
        json!({"width": 200, "image": ["1", 0]})
    );
    assert_eq!(
        own["4:8:7"]["inputs"],
        json!({"width": 200, "image": ["3:7", 0]})
    );
    assert_eq!(own["5"]["inputs"]["images"], json!(["4:8:7", 0]));
    for proxies in [json!([["-1", "width"]]), json!([["7", "width"]])] {
        let shown = graph(&subgraphs(proxies, json!([300]), None));
        assert_eq!(shown["3:7"]["inputs"]["width"], 300);
        assert_eq!(
            shown["4:8:7"]["inputs"]["width"], 200,
            "the other one keeps its own"
        );
    }
    let linked = graph(&subgraphs(json!([["-1", "width"]]), json!([300]), Some(2)));
    assert_eq!(linked["3:7"]["inputs"]["width"], json!(["2", 0]));
}

#[test]
fn all_that_one_input_of_a_subgraph_leads_to_gets_its_first_widget_s_value() {
    let mut workflow = subgraphs(json!([]), json!([]), None);
    let inner = &mut workflow["definitions"]["subgraphs"][0];
    inner["inputs"][1]["linkIds"] = json!([2, 9]);
    let show = node(
        9,
        "Show",
        &[slot("source", "*", 9)],
        json!([null, null, null]),
    );
    inner["nodes"].as_array_mut().unwrap().push(show);
    let link = json!({"id": 9, "origin_id": -10, "origin_slot": 1, "target_id": 9, "target_slot": 0, "type": "INT"});
    inner["links"].as_array_mut().unwrap().push(link);
    assert_eq!(graph(&workflow)["3:9"]["inputs"]["source"], 200);
}

#[test]
fn a_muted_subgraph_is_left_out_and_a_bypassed_one_passed() {
    let mut workflow = subgraphs(json!([]), json!([]), None);
    workflow["nodes"][3]["mode"] = 4.into();
    let bypassed = graph(&workflow);
    assert_eq!(bypassed["5"]["inputs"]["images"], json!(["3:7", 0]));
    assert!(bypassed.get("4:8:7").is_none());
    workflow["nodes"][3]["mode"] = 2.into();
    assert_eq!(graph(&workflow)["5"]["inputs"].get("images"), None);
}

#[test]
fn what_a_bypassed_subgraph_within_another_saves_is_saved_and_told() {
    let mut workflow = subgraphs(json!([]), json!([]), None);
    let subgraphs = workflow["definitions"]["subgraphs"].as_array_mut().unwrap();
    subgraphs[0]["nodes"]
        .as_array_mut()
        .unwrap()
        .push(save(10, 11));
    let link = json!({"id": 11, "origin_id": 7, "origin_slot": 0, "target_id": 10, "target_slot": 0, "type": "IMAGE"});
    subgraphs[0]["links"].as_array_mut().unwrap().push(link);
    subgraphs[1]["nodes"][0]["mode"] = 4.into();
    assert!(graph(&workflow).get("4:8:10").is_some());
    assert_eq!(warnings(&workflow), [("4:8:10".to_owned(), "still_runs")]);
}

#[test]
fn subgraphs_within_themselves_and_too_many_are_refused() {
    let mut workflow = subgraphs(json!([]), json!([]), None);
    workflow["definitions"]["subgraphs"][1]["nodes"][0]["type"] = "outer".into();
    let refused = refusals(&workflow);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].1, "too_large");
    // Eight of eight of eight … come to millions.
    let level = |at: usize| {
        let nodes: Vec<Value> = (0..8)
            .map(|id| node(id, &format!("s{}", at + 1), &[], json!([])))
            .collect();
        json!({"id": format!("s{at}"), "name": "s", "inputs": [], "outputs": [], "nodes": nodes, "links": []})
    };
    let bomb = json!({
        "nodes": [node(1, "s0", &[], json!([]))], "links": [],
        "definitions": {"subgraphs": (0..9).map(level).collect::<Vec<Value>>()},
    });
    assert_eq!(refusals(&bomb)[0].1, "too_large");
}

#[test]
fn group_nodes_are_refused_with_what_to_do() {
    let workflow = json!({
        "nodes": [picture(1), given(node(2, "workflow>Mine", &[slot("image", "IMAGE", 1)], json!([1])), &["IMAGE"]), save(3, 2)],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
        "extra": {"groupNodes": {"Mine": {"nodes": [], "links": [], "external": []}}},
    });
    assert_eq!(refusals(&workflow), [("2".to_owned(), "group_node")]);
}

#[test]
fn unknown_classes_are_refused_all_at_once_with_their_pack() {
    let mut unknown = given(
        node(2, "Foreign", &[slot("image", "IMAGE", 1)], json!([1])),
        &["IMAGE"],
    );
    unknown["properties"] = json!({"cnr_id": "foreign-pack"});
    let workflow = json!({
        "nodes": [picture(1), unknown, save(3, 2), given(node(4, "Anything Everywhere", &[slot("anything", "IMAGE", 3)], json!([])), &[])],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 1, 0, 4, 0, "IMAGE"]],
    });
    let wanted = [
        ("2".to_owned(), "missing_node_class"),
        ("4".to_owned(), "editor_only"),
    ];
    assert_eq!(refusals(&workflow), wanted);
    let told = converted(&workflow).refusals.into_vec();
    assert!(
        told[0].message.contains("`foreign-pack`"),
        "{}",
        told[0].message
    );
}

#[test]
fn what_stands_alone_and_is_unknown_is_left_out_and_told() {
    let workflow = json!({
        "nodes": [picture(1), node(2, "Sticker", &[], json!(["hello"])), node(3, "MarkdownNote", &[], json!(["hi"])), save(4, 1)],
        "links": [[1, 1, 0, 4, 0, "IMAGE"]],
    });
    assert_eq!(graph(&workflow).as_object().unwrap().len(), 2);
    assert_eq!(warnings(&workflow), [("2".to_owned(), "left_out")]);
}

#[test]
fn what_is_made_in_the_browser_is_refused() {
    let workflow = json!({
        "nodes": [given(node(1, "Webcam", &[], json!(["", 64])), &["IMAGE"]), save(2, 1)],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    });
    assert_eq!(refusals(&workflow), [("1".to_owned(), "made_in_browser")]);
}

#[test]
fn values_that_cannot_be_told_apart_are_refused() {
    let odd = |values: Value| {
        json!({
            "nodes": [given(node(1, "Odd", &[], values), &["IMAGE"]), save(2, 1)],
            "links": [[1, 1, 0, 2, 0, "IMAGE"]],
        })
    };
    assert_eq!(graph(&odd(json!([64])))["1"]["inputs"], json!({"size": 64}));
    assert_eq!(
        refusals(&odd(json!([{"points": []}, 64]))),
        [("1".to_owned(), "values_ambiguous")]
    );
    let shifted = json!({
        "nodes": [picture(1), given(node(2, "Scale", &[slot("image", "IMAGE", 1)], json!(["area", 512])), &["IMAGE"]), save(3, 2)],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
    });
    assert_eq!(refusals(&shifted), [("2".to_owned(), "values_shifted")]);
}

#[test]
fn values_may_have_names() {
    let workflow = json!({
        "nodes": [picture(1), given(node(2, "Scale", &[slot("image", "IMAGE", 1)], json!({"width": 99, "preview": {}})), &["IMAGE"]), save(3, 2)],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
    });
    assert_eq!(
        graph(&workflow)["2"]["inputs"],
        json!({"width": 99, "image": ["1", 0]})
    );
}

#[test]
fn a_list_is_wrapped_so_that_it_is_no_link() {
    let workflow = json!({
        "nodes": [picture(1), given(node(2, "Boxes", &[slot("image", "IMAGE", 1)], json!([["1", 0]])), &["IMAGE"]), save(3, 2)],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
    });
    assert_eq!(
        graph(&workflow)["2"]["inputs"]["boxes"],
        json!({"__value__": ["1", 0]})
    );
}

#[test]
fn a_link_that_is_not_there_is_told() {
    let workflow = json!({"nodes": [save(3, 99)], "links": []});
    assert_eq!(graph(&workflow)["3"]["inputs"], json!({"prefix": "x"}));
    assert_eq!(warnings(&workflow), [("3".to_owned(), "dangling_link")]);
}

#[test]
fn prompts_with_choices_give_the_first_and_say_so() {
    use super::chosen::resolve;
    let first = |text: &str| resolve(text).0;
    assert_eq!(first("a {red|blue} car"), "a red car");
    assert_eq!(first("{a {x|y}|b} {c|d"), "a x c");
    assert_eq!(
        first(r"kept \{a\|b\} /* gone */here// and this"),
        "kept {a|b} here"
    );
    assert_eq!(resolve("a {word} b"), ("a word b".to_owned(), None));
    assert_eq!(resolve("{x|y}").1.as_deref(), Some("x"));
    let deep = "{".repeat(200_000);
    assert_eq!(first(&deep), "");
    let workflow = json!({
        "nodes": [given(node(1, "Prompt", &[], json!(["{red|blue}"])), &["CONDITIONING"]), node(2, "Show", &[slot("source", "*", 1)], json!([]))],
        "links": [[1, 1, 0, 2, 0, "*"]],
    });
    assert_eq!(graph(&workflow)["1"]["inputs"]["text"], "red");
    assert_eq!(
        warnings(&workflow),
        [("1".to_owned(), "first_choice_taken")]
    );
}
