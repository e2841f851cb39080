//! What is converted, and above all what is not.

use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["kind"],
        "properties": {
            "kind": {"type": "string", "enum": ["cube", "uv_sphere"]},
            "name": {"type": "string"},
            "at": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
            "size": {"type": "number"},
            "segments": {"type": "integer", "minimum": 3},
            "smooth": {"type": "boolean"},
            "parent": {"type": ["string", "null"]},
            "names": {"type": "array", "items": {"type": "string"}},
            "wait": {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0}]},
            "place": {"oneOf": [
                {"enum": ["first", "last"]},
                {"type": "object", "required": ["before"], "additionalProperties": false,
                 "properties": {"before": {"type": "string"}, "by": {"type": "integer"}}},
            ]},
            "points": {"type": "array", "items": {"$ref": "#/$defs/point"}},
            "any": {},
            "tree": {"$ref": "#/$defs/tree"},
        },
        "$defs": {
            "point": {"type": "object", "required": ["co"], "properties": {
                "co": {"type": "array", "items": {"type": "number"}}, "weight": {"type": "number"}}},
            "tree": {"type": "object", "properties": {
                "value": {"type": "integer"}, "of": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
        },
    })
}

/// One member as it comes out of the whole.
fn one(name: &str, value: Value) -> Value {
    let schema = schema();
    let mut given = json!({"kind": "cube"});
    given[name] = value;
    let fitted = fit(&schema, given);
    fitted
        .get(name)
        .cloned()
        .unwrap_or_else(|| json!("left out"))
}

#[test]
fn what_models_send_becomes_what_is_wanted() {
    for (name, sent, wanted) in [
        ("at", json!("[1, 2, 3]"), json!([1, 2, 3])),
        ("at", json!("1, 2, 3"), json!([1, 2, 3])),
        ("at", json!("(1, 2.5, 3)"), json!([1, 2.5, 3])),
        ("at", json!("\"[1, 2, 3]\""), json!([1, 2, 3])),
        ("at", json!(["1", "2", "-3e-1"]), json!([1, 2, -0.3])),
        ("at", json!({"z": 3, "x": 1, "y": 2}), json!([1, 2, 3])),
        ("size", json!("1.5"), json!(1.5)),
        ("size", json!(" 2 "), json!(2)),
        ("segments", json!("16"), json!(16)),
        ("smooth", json!("true"), json!(true)),
        ("smooth", json!("False"), json!(false)),
        ("smooth", json!(1), json!(true)),
        ("names", json!("Cube"), json!(["Cube"])),
        ("names", json!("[\"a\", \"b\"]"), json!(["a", "b"])),
        ("names", json!("['a', 'b']"), json!(["a", "b"])),
        ("parent", json!(["Cube"]), json!("Cube")),
        ("name", json!(["Cube"]), json!("Cube")),
        ("wait", json!("true"), json!(true)),
        ("wait", json!("1"), json!(1)),
        ("wait", json!("250"), json!(250)),
        ("place", json!("FIRST"), json!("first")),
        (
            "place",
            json!("{\"before\": \"call_1\"}"),
            json!({"before": "call_1"}),
        ),
        (
            "place",
            json!({"before": "7", "by": "2"}),
            json!({"before": "7", "by": 2}),
        ),
        (
            "points",
            json!("[{\"co\": [1, 2], \"weight\": null}]"),
            json!([{"co": [1, 2]}]),
        ),
        (
            "points",
            json!([{"co": "[1, 2]", "weight": "3"}, "{\"co\": [0, 0]}"]),
            json!([{"co": [1, 2], "weight": 3}, {"co": [0, 0]}]),
        ),
        (
            "tree",
            json!({"of": [{"of": "[{\"value\": \"1\"}]"}]}),
            json!({"of": [{"of": [{"value": 1}]}]}),
        ),
    ] {
        assert_eq!(one(name, sent.clone()), wanted, "{name}: {sent}");
    }
    let kind = fit(&schema(), json!({"kind": "UV_Sphere"}));
    assert_eq!(kind["kind"], "uv_sphere");
}

#[test]
fn nothing_is_left_out_where_it_may_be() {
    for nothing in [json!(null), json!(""), json!("null"), json!("None")] {
        for name in [
            "at", "size", "segments", "smooth", "points", "place", "wait",
        ] {
            assert_eq!(one(name, nothing.clone()), "left out", "{name}: {nothing}");
        }
    }
    assert_eq!(one("name", json!(null)), "left out");
    assert_eq!(
        one("parent", json!(null)),
        json!(null),
        "a null that is wanted stays"
    );
    assert_eq!(one("any", json!(null)), json!(null));
    assert_eq!(
        one("nmae", json!(null)),
        "left out",
        "unknown, and says nothing"
    );
    assert_eq!(
        fit(&schema(), json!({"kind": null})),
        json!({"kind": null}),
        "required"
    );
}

#[test]
fn a_text_that_is_wanted_stays_a_text() {
    for text in [
        "5",
        "true",
        "null",
        "None",
        "[1, 2, 3]",
        "{\"a\": 1}",
        "",
        " a ",
        "\"x\"",
        "1e3",
    ] {
        assert_eq!(one("name", json!(text)), json!(text));
        assert_eq!(one("parent", json!(text)), json!(text));
        assert_eq!(one("any", json!(text)), json!(text));
        assert_eq!(one("names", json!([text])), json!([text]));
    }
}

#[test]
fn what_cannot_be_meant_stays_as_it_is() {
    for (name, value) in [
        ("size", json!("big")),
        ("size", json!("1,5 m")),
        ("segments", json!("2")),
        ("segments", json!("1.5")),
        ("smooth", json!("yes")),
        ("smooth", json!(2)),
        ("name", json!(true)),
        ("name", json!(5)),
        ("names", json!([1, "b"])),
        ("name", json!({"a": 1})),
        ("name", json!(["a", "b"])),
        ("place", json!("middle")),
        ("nmae", json!("x")),
    ] {
        assert_eq!(one(name, value.clone()), value, "{name}");
    }
    assert_eq!(
        one("at", json!("[1, 2]")),
        json!([1, 2]),
        "read, so that the refusal says what is wrong"
    );
}

#[test]
fn whole_numbers_are_whole_where_they_must_be() {
    let schema = schema();
    let mut value =
        json!({"segments": 16.0, "size": 2.0, "wait": 3.0, "tree": {"of": [{"value": 4.0}]}});
    whole_numbers(&schema, &schema, &mut value);
    assert_eq!(
        value.to_string(),
        r#"{"segments":16,"size":2.0,"wait":3.0,"tree":{"of":[{"value":4}]}}"#
    );
}

#[test]
fn what_is_large_or_deep_ends() {
    let many: Value = (0..200_000).map(|_| json!("x")).collect();
    assert!(
        one("at", many)
            .as_array()
            .is_some_and(|all| all.len() == 200_000)
    );
    let mut deep = json!({"value": "1"});
    for _ in 0..100 {
        deep = json!({ "of": [deep] });
    }
    assert!(one("tree", deep).is_object());
}
