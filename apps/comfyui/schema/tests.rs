use serde_json::json;

use super::{Kind, fits, read};

#[test]
fn both_ways_of_writing_lists_are_read_and_the_told_order_counts() {
    let schema = read(&json!({"A": {
        "input": {
            "optional": {"z": ["INT", {"default": 3}]},
            "required": {"b": [["x", "y"], {}], "a": ["COMBO", {"options": ["x", "y"]}], "c": ["IMAGE,MASK", {}]},
        },
        "input_order": {"required": ["a", "b"], "optional": ["z"]},
        "output": ["IMAGE", ["x", "y"]],
    }}))
    .unwrap();
    let class = &schema.classes["A"];
    let names: Vec<&str> = class
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c", "z"]);
    for input in &class.inputs[..2] {
        let Kind::Combo { options, .. } = &input.kind else {
            panic!("{input:?}");
        };
        assert_eq!(options, &[json!("x"), json!("y")]);
    }
    assert_eq!(class.outputs, ["IMAGE", "COMBO"]);
    assert!(!class.inputs[3].required);
}

#[test]
fn what_is_no_object_info_is_refused() {
    assert!(read(&json!([])).is_err());
    let why = read(&json!({"1": {"class_type": "A", "inputs": {}}})).unwrap_err();
    assert!(why.contains("`1`"), "{why}");
}

#[test]
fn choices_within_choices_end() {
    let mut inner = json!({"required": {"a": ["INT", {}]}});
    for _ in 0..200 {
        inner = json!({"required": {"c": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "k", "inputs": inner}]}]}});
    }
    let schema = read(&json!({"A": {"input": inner}})).unwrap();
    let mut depth = 0;
    schema.classes["A"].walk(&mut |_, _| {
        depth += 1;
        Some(json!("k"))
    });
    assert!(depth < 20, "{depth}");
}

#[test]
fn types_fit_by_a_common_word() {
    assert!(fits("IMAGE", "IMAGE,MASK") && fits("*", "IMAGE") && fits("INT,FLOAT", "FLOAT"));
    assert!(!fits("IMAGE", "MASK"));
}
