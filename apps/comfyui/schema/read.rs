//! Reads `/object_info`: both ways in which it writes choices, both ways in which it orders inputs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Branch, Class, Growth, Input, Kind, Range, Schema};
use crate::comfyui::bounds::{INPUT_DEPTH_MAX, INPUTS_MAX};

/// Types that the editor draws itself.
const DRAWN: [&str; 8] = [
    "COLOR",
    "COLORS",
    "BOUNDING_BOX",
    "BOUNDING_BOXES",
    "CURVE",
    "RANGE",
    "IMAGECOMPARE",
    "MARKDOWN",
];
/// Types whose value is made in the browser when the workflow is queued.
const TAKEN: [&str; 3] = ["WEBCAM", "AUDIO_RECORD", "LOAD_3D"];

/// # Errors
/// A sentence when it is not the answer of `/object_info`.
pub(in crate::comfyui) fn read(value: &Value) -> Result<Schema, String> {
    let all = value
        .as_object()
        .ok_or("`object_info` is not a JSON object of node classes.")?;
    let mut schema = Schema::default();
    for (name, value) in all {
        let members = value
            .as_object()
            .filter(|members| members.contains_key("input"))
            .ok_or_else(|| {
                format!("`object_info` says nothing of the inputs of `{name}`: it is not the answer of /object_info.")
            })?;
        let class = class(name, members);
        schema.given.extend(class.outputs.iter().flat_map(|kinds| {
            let words = kinds.split(',').map(str::trim);
            words.map(str::to_owned).collect::<Vec<_>>()
        }));
        schema.classes.insert(name.clone(), class);
    }
    Ok(schema)
}

fn class(name: &str, members: &Map<String, Value>) -> Class {
    let title = members.get("display_name").and_then(Value::as_str);
    let module = members.get("python_module").and_then(Value::as_str);
    let says = |key: &str| members.get(key).and_then(Value::as_bool) == Some(true);
    let outputs = members.get("output").and_then(Value::as_array);
    let mut left = INPUTS_MAX;
    Class {
        title: title
            .filter(|title| !title.is_empty())
            .unwrap_or(name)
            .to_owned(),
        inputs: inputs(
            members.get("input"),
            members.get("input_order"),
            0,
            &mut left,
        ),
        outputs: outputs.into_iter().flatten().map(type_name).collect(),
        is_end: says("output_node"),
        costs: says("api_node")
            || module.is_some_and(|module| module.starts_with("comfy_api_nodes")),
    }
}

/// Required ones first, each group in its told order; what the order leaves out comes last.
fn inputs(
    groups: Option<&Value>,
    order: Option<&Value>,
    depth: usize,
    left: &mut usize,
) -> Vec<Input> {
    let mut all = Vec::new();
    for (group, required) in [("required", true), ("optional", false)] {
        let Some(specs) = groups.and_then(|groups| groups.get(group)?.as_object()) else {
            continue;
        };
        let told = order.and_then(|order| order.get(group)?.as_array());
        let place: HashMap<&str, usize> = told
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .enumerate()
            .map(|(at, name)| (name, at))
            .collect();
        let mut names: Vec<&String> = specs.keys().collect();
        names.sort_by_key(|name| place.get(name.as_str()).copied().unwrap_or(usize::MAX));
        for name in names {
            if *left == 0 {
                return all;
            }
            *left -= 1;
            all.push(input(name, &specs[name], required, depth, left));
        }
    }
    all
}

fn input(name: &str, spec: &Value, required: bool, depth: usize, left: &mut usize) -> Input {
    let empty = Map::new();
    let options = spec.get(1).and_then(Value::as_object).unwrap_or(&empty);
    let type_value = spec.get(0).unwrap_or(&Value::Null);
    let type_name = type_name(type_value);
    let says = |key: &str| options.get(key).and_then(Value::as_bool) == Some(true);
    let is_forced = says("forceInput");
    let drawn_as = options
        .get("widgetType")
        .and_then(Value::as_str)
        .unwrap_or(&type_name);
    let kind = if is_forced {
        Kind::Socket
    } else {
        kind(drawn_as, type_value, options, depth, left)
    };
    // Within a choice its whole name is another one.
    let is_seed =
        depth == 0 && matches!(kind, Kind::Integer(_)) && matches!(name, "seed" | "noise_seed");
    let asks_control = match options.get("control_after_generate") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(_) => matches!(
            kind,
            Kind::Integer(_) | Kind::Number(_) | Kind::Combo { .. }
        ),
    };
    Input {
        name: name.to_owned(),
        required,
        has_control: asks_control || is_seed,
        buttons: buttons(options),
        default: options.get("default").filter(|it| !it.is_null()).cloned(),
        kind,
        type_name,
        is_forced,
    }
}

fn kind(
    drawn_as: &str,
    type_value: &Value,
    options: &Map<String, Value>,
    depth: usize,
    left: &mut usize,
) -> Kind {
    let says = |key: &str| options.get(key).and_then(Value::as_bool) == Some(true);
    let range = || {
        let bound = |key: &str| options.get(key).and_then(Value::as_f64);
        Range {
            min: bound("min"),
            max: bound("max"),
        }
    };
    match drawn_as {
        "INT" => Kind::Integer(range()),
        "FLOAT" => Kind::Number(range()),
        "BOOLEAN" => Kind::Boolean,
        "STRING" => Kind::Text {
            chosen: says("dynamicPrompts"),
        },
        "COMBO" => Kind::Combo {
            options: match type_value {
                Value::Array(list) => list.clone(),
                _ => list(options.get("options")),
            },
            open: options.contains_key("remote"),
            several: says("multiselect") || options.contains_key("multi_select"),
        },
        "COMFY_DYNAMICCOMBO_V3" if depth < INPUT_DEPTH_MAX => {
            let branches = list(options.get("options"));
            let branch = |value: &Value| Branch {
                key: value.get("key").cloned().unwrap_or_default(),
                inputs: inputs(value.get("inputs"), None, depth + 1, left),
            };
            Kind::Choice(branches.iter().map(branch).collect())
        }
        "COMFY_AUTOGROW_V3" if depth < INPUT_DEPTH_MAX => {
            growth(options.get("template"), depth, left)
                .map_or(Kind::Socket, |growth| Kind::Grow(Box::new(growth)))
        }
        "PAINTER" => Kind::Drawn,
        drawn if DRAWN.contains(&drawn) => Kind::Drawn,
        taken if TAKEN.contains(&taken) => Kind::Taken,
        _ => Kind::Socket,
    }
}

fn buttons(options: &Map<String, Value>) -> usize {
    let says = |key: &str| options.get(key).and_then(Value::as_bool) == Some(true);
    if says("audio_upload") {
        return 2;
    }
    let keys = [
        "image_upload",
        "animated_image_upload",
        "video_upload",
        "file_upload",
    ];
    usize::from(keys.into_iter().any(says))
}

fn growth(template: Option<&Value>, depth: usize, left: &mut usize) -> Option<Growth> {
    let template = template?;
    let of = inputs(template.get("input"), None, depth + 1, left);
    let count = |key: &str| {
        let told = template.get(key).and_then(Value::as_u64);
        told.and_then(|count| usize::try_from(count).ok())
    };
    let names = match template.get("names").and_then(Value::as_array) {
        Some(names) => names
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        None => {
            let prefix = template.get("prefix").and_then(Value::as_str)?;
            let max = count("max").unwrap_or(INPUTS_MAX).min(INPUTS_MAX);
            (0..max).map(|at| format!("{prefix}{at}")).collect()
        }
    };
    Some(Growth {
        of: of.into_iter().next()?,
        names,
        min: count("min").unwrap_or(0),
    })
}

/// A list of choices is a `COMBO`.
fn type_name(value: &Value) -> String {
    match value {
        Value::String(name) => name.clone(),
        Value::Array(_) => "COMBO".to_owned(),
        _ => "*".to_owned(),
    }
}

fn list(value: Option<&Value>) -> Vec<Value> {
    value.and_then(Value::as_array).cloned().unwrap_or_default()
}
