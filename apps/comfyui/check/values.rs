//! Whether a value that is typed in can be one of its input.

use serde_json::Value;

use super::near::{self, Names};
use crate::comfyui::bounds::LISTED_MAX;
use crate::comfyui::graph::GraphNode;
use crate::comfyui::notes::{Note, quoted, shortened};
use crate::comfyui::schema::{Branch, Input, Kind, Range};

/// Endings of model files.
const MODELS: [&str; 12] = [
    "safetensors",
    "sft",
    "ckpt",
    "pt",
    "pt2",
    "pth",
    "bin",
    "gguf",
    "onnx",
    "pkl",
    "vae",
    "yaml",
];
/// Endings of what a server loads from its folder of inputs.
const FILES: [&str; 22] = [
    "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "exr", "mp4", "webm", "mov", "mkv",
    "wav", "mp3", "flac", "ogg", "opus", "glb", "gltf", "obj", "latent",
];
/// Its choices are made in the workflow itself.
const LIST_OF_ONE_S_OWN: &str = "CustomCombo";

/// What is wrong with it.
pub(super) fn fault(
    node: GraphNode<'_>,
    name: &str,
    input: &Input,
    value: &Value,
    names: &mut Names,
) -> Option<Note> {
    // So a list is written that is no link.
    let value = value.get("__value__").unwrap_or(value);
    let Fault { code, what, hint } = match &input.kind {
        Kind::Integer(range) | Kind::Number(range) => number(value, input, *range)?,
        Kind::Boolean => boolean(value)?,
        Kind::Text { .. } => text(value)?,
        Kind::Combo { open: true, .. } => return None,
        Kind::Combo { .. } if node.class == LIST_OF_ONE_S_OWN => return None,
        Kind::Combo { options, .. } => combo(value, input, options, names)?,
        Kind::Choice(branches) => choice(value, branches, names)?,
        Kind::Socket => socket(value, input)?,
        Kind::Grow(_) | Kind::Drawn | Kind::Taken => return None,
    };
    let message = format!("`{name}` of `{}` {what}.{hint}", shortened(node.class));
    Some(Note::of_input(node.id, name, code, message))
}

/// What a value is instead of what it should be.
struct Fault {
    code: &'static str,
    /// The rest of a sentence that begins with the input.
    what: String,
    /// A sentence with a blank before it, or nothing.
    hint: String,
}

impl Fault {
    fn new(code: &'static str, what: String) -> Self {
        Self {
            code,
            what,
            hint: String::new(),
        }
    }

    fn hint(mut self, hint: String) -> Self {
        self.hint = hint;
        self
    }
}

/// The server takes a value instead of a link where the type is that of a value.
fn socket(value: &Value, input: &Input) -> Option<Fault> {
    const OF_VALUES: [&str; 7] = [
        "*",
        "",
        "COMFY_MATCHTYPE_V3",
        "INT",
        "FLOAT",
        "STRING",
        "BOOLEAN",
    ];
    let mut words = input.type_name.split(',').map(str::trim);
    if words.any(|word| OF_VALUES.contains(&word)) {
        return None;
    }
    let what = format!("is `{}`; only a link can fill it", quoted(value));
    Some(Fault::new("wrong_type", what))
}

fn number(value: &Value, input: &Input, range: Range) -> Option<Fault> {
    let is_whole = matches!(input.kind, Kind::Integer(_));
    let wanted = if is_whole {
        "a whole number"
    } else {
        "a number"
    };
    let read = value
        .as_f64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
        .filter(|number: &f64| number.is_finite() && (!is_whole || number.fract() == 0.0));
    let Some(number) = read else {
        let what = format!("is `{}`, not {wanted}", quoted(value));
        return Some(Fault::new("wrong_type", what));
    };
    let allowed = match (range.min, range.max) {
        (Some(min), _) if number < min => true,
        (_, Some(max)) if number > max => true,
        _ => return None,
    };
    allowed.then(|| {
        let range = match (range.min, range.max) {
            (Some(min), Some(max)) => format!("from {} to {}", plain(min), plain(max)),
            (Some(min), None) => format!("at least {}", plain(min)),
            (_, max) => format!("at most {}", plain(max.unwrap_or_default())),
        };
        let what = format!("is {}; allowed is {range}", quoted(value));
        Fault::new("out_of_range", what)
    })
}

fn boolean(value: &Value) -> Option<Fault> {
    let is_one = value.is_boolean() || matches!(value.as_f64(), Some(0.0 | 1.0));
    let what = || format!("is `{}`, not true or false", quoted(value));
    (!is_one).then(|| Fault::new("wrong_type", what()))
}

fn text(value: &Value) -> Option<Fault> {
    let is_one = value.is_string() || value.is_number();
    let what = || format!("is `{}`, not a text", quoted(value));
    (!is_one).then(|| Fault::new("wrong_type", what()))
}

fn combo(value: &Value, input: &Input, options: &[Value], names: &mut Names) -> Option<Fault> {
    let is_several = matches!(input.kind, Kind::Combo { several: true, .. });
    if let (true, Value::Array(all)) = (is_several, value) {
        return all.iter().find_map(|one| combo(one, input, options, names));
    }
    if options.contains(value) {
        return None;
    }
    let Some(text) = value.as_str() else {
        return Some(Fault::new("not_in_list", not_in_list(value, options)));
    };
    let near = names.near(text, options.iter().filter_map(Value::as_str));
    let lists = |endings: &[&str]| {
        let mut all = options.iter().filter_map(Value::as_str);
        ends_in(text, endings) || all.any(|option| ends_in(option, endings))
    };
    let (code, what) = if lists(&MODELS) {
        let none = if options.is_empty() {
            "; it has none of this kind"
        } else {
            ""
        };
        let what = format!(
            "is `{}`, which the server does not have{none}",
            shortened(text)
        );
        ("missing_model", what)
    } else if lists(&FILES) {
        // Where a file lies elsewhere than in the folder of inputs, the list does not tell.
        if text.contains('/') || text.ends_with(']') {
            return None;
        }
        let what = format!(
            "is `{}`, which is not in the server's folder of inputs",
            shortened(text)
        );
        ("missing_file", what)
    } else if options.is_empty() {
        // A list that the server fills by itself, or a node of somebody's own.
        return None;
    } else {
        ("not_in_list", not_in_list(value, options))
    };
    let same = near
        .first()
        .filter(|near| near::is_same_but_for_spelling(near, text));
    Some(match same {
        Some(same) => {
            let (text, same) = (shortened(text), shortened(same));
            Fault::new(
                code,
                format!("is `{text}`, which the server has as `{same}`; write it so"),
            )
        }
        None => Fault::new(code, what).hint(near::did_you_mean(&near)),
    })
}

fn choice(value: &Value, branches: &[Branch], names: &mut Names) -> Option<Fault> {
    if branches.iter().any(|branch| branch.key == *value) {
        return None;
    }
    let keys: Vec<Value> = branches.iter().map(|branch| branch.key.clone()).collect();
    let near = names.near(
        value.as_str().unwrap_or_default(),
        keys.iter().filter_map(Value::as_str),
    );
    let fault = Fault::new("not_in_list", not_in_list(value, &keys));
    Some(fault.hint(near::did_you_mean(&near)))
}

fn not_in_list(value: &Value, options: &[Value]) -> String {
    let listed: Vec<String> = options
        .iter()
        .take(LISTED_MAX)
        .map(|option| format!("`{}`", quoted(option)))
        .collect();
    let more = match options.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "is `{}`; allowed: {}{more}",
        quoted(value),
        listed.join(", ")
    )
}

fn ends_in(name: &str, endings: &[&str]) -> bool {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// Without `.0` and without an exponent where whole.
fn plain(number: f64) -> String {
    format!("{number}")
}
