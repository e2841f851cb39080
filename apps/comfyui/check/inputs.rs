//! The inputs of one node: which are missing, what is linked to them, what their values are.

use serde_json::Value;

use super::{Check, values};
use crate::comfyui::graph::link;
use crate::comfyui::notes::Note;
use crate::comfyui::schema::{Class, Input, Kind, fits};

/// A type that takes part in the type of another input of its node: which, only the server works out.
const MATCHED: &str = "COMFY_MATCHTYPE_V3";

impl<'a> Check<'a> {
    pub(super) fn inputs(&mut self, id: &str) {
        let node = self.nodes[id];
        let Some(class) = self.schema.classes.get(node.class) else {
            return;
        };
        for (name, input) in wanted(class, node.inputs) {
            match (&input.kind, node.inputs.get(&name)) {
                (Kind::Grow(growth), _) => {
                    self.grown(
                        id,
                        &name,
                        &growth.of,
                        &growth.names,
                        growth.min,
                        input.required,
                    );
                }
                (_, None) if input.required => self.missing(id, &name, input),
                (_, None) => {}
                (_, Some(value)) => self.value(id, &name, input, value),
            }
        }
    }

    fn grown(
        &mut self,
        id: &str,
        name: &str,
        of: &'a Input,
        names: &[String],
        min: usize,
        required: bool,
    ) {
        let node = self.nodes[id];
        for (place, last) in names.iter().enumerate() {
            let name = format!("{name}.{last}");
            match node.inputs.get(&name) {
                None if required && of.required && place < min => self.missing(id, &name, of),
                None => {}
                Some(value) => self.value(id, &name, of, value),
            }
        }
    }

    fn missing(&mut self, id: &str, name: &str, input: &Input) {
        let node = self.nodes[id];
        let what = if input.is_widget() {
            "has no value"
        } else {
            "is not linked"
        };
        let wanted = readable(&input.type_name);
        self.faults.push(Note::of_input(
            id,
            name,
            "missing_input",
            format!("`{name}` of `{}` {what}; it needs {wanted}.", node.class),
        ));
    }

    fn value(&mut self, id: &str, name: &str, input: &Input, value: &'a Value) {
        let node = self.nodes[id];
        if link(value).is_none() {
            if let Some(fault) = values::fault(node, name, input, value, &mut self.names) {
                self.faults.push(fault);
            }
            return;
        }
        let Some(given) = self.linked(node, name, value) else {
            return;
        };
        if given == MATCHED || input.type_name == MATCHED || fits(given, &input.type_name) {
            return;
        }
        self.faults.push(Note::of_input(
            id,
            name,
            "wrong_type",
            format!(
                "`{name}` of `{}` takes {}, and {} is linked to it.",
                node.class,
                readable(&input.type_name),
                readable(given)
            ),
        ));
    }
}

/// All inputs that count with these values.
fn wanted<'s>(
    class: &'s Class,
    values: &serde_json::Map<String, Value>,
) -> Vec<(String, &'s Input)> {
    let mut all = Vec::new();
    class.walk(&mut |name, input| {
        all.push((name.to_owned(), input));
        values.get(name).cloned()
    });
    all
}

/// `IMAGE`, or `IMAGE or MASK`.
fn readable(type_name: &str) -> String {
    let words: Vec<&str> = type_name.split(',').map(str::trim).collect();
    match words.as_slice() {
        ["*" | "" | "COMFY_MATCHTYPE_V3"] => "a link".to_owned(),
        ["COMBO"] => "one of a list".to_owned(),
        words => words.join(" or "),
    }
}
