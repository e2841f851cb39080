//! Which saved value belongs to which input of a node.
//!
//! The editor saves the values of a node's widgets in their order and without names, so the order is made again from the
//! class: one place for each input that is a widget, one more where the editor keeps beside it what becomes of it after
//! a run, those of a choice right behind it. What is left over belongs to widgets that only the editor has.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::comfyui::notes::{Note, quoted};
use crate::comfyui::schema::{Class, Growth, Input, Kind, Schema};
use crate::comfyui::workflow::{Node, Values};

/// What the widgets of a node have.
#[derive(Debug)]
pub(super) struct Laid<'s> {
    pub(super) filled: Vec<Filled<'s>>,
    pub(super) notes: Vec<Note>,
}

#[derive(Debug)]
pub(super) struct Filled<'s> {
    /// The whole name: `mode.distance` within the choice `mode`.
    pub(super) name: String,
    pub(super) kind: &'s Kind,
    /// Nothing where there is no value to send.
    pub(super) value: Option<Value>,
}

/// What the editor puts beside a seed: what becomes of it after a run.
const CONTROLS: [&str; 5] = [
    "fixed",
    "increment",
    "decrement",
    "randomize",
    "increment-wrap",
];

/// Values that the editor keeps for itself behind those of the class: buttons for files, and previews.
fn kept_behind(name: &str, class: &Class) -> usize {
    let previews = match name {
        "Preview3D" | "SaveGLB" => 1,
        "PreviewAny" => 3,
        _ => 0,
    };
    let files: usize = class.inputs.iter().map(|input| input.buttons).sum();
    previews + files
}

/// Two pictures side by side: the editor keeps where they lie, and sends nothing of it.
const COMPARED: &str = "IMAGECOMPARE";

/// The class whose widgets the editor adds by itself: a list of one's own to choose from.
const LIST_OF_ONE_S_OWN: &str = "CustomCombo";

/// `shown`: values from outside, for the node of a subgraph that shows them.
///
/// # Errors
/// Where the saved values cannot be told apart, or one is made in the browser.
pub(super) fn lay<'s>(
    node: &Node,
    class: &'s Class,
    schema: &Schema,
    shown: Option<&HashMap<String, Value>>,
    id: &str,
) -> Result<Laid<'s>, Note> {
    let mut laying = Laying {
        node,
        id,
        shown,
        values: without_forced(node, class),
        next: 0,
        laid: Laid {
            filled: Vec::new(),
            notes: Vec::new(),
        },
        unsaved: Vec::new(),
        misfits: 0,
        refusal: None,
    };
    class.walk(&mut |name, input| laying.input(name, input));
    laying.end(class, schema)
}

struct Laying<'n, 's> {
    node: &'n Node,
    id: &'n str,
    shown: Option<&'n HashMap<String, Value>>,
    /// In their order; nothing where they have names.
    values: Option<Vec<Value>>,
    next: usize,
    laid: Laid<'s>,
    /// Inputs that the file has no value for.
    unsaved: Vec<String>,
    misfits: usize,
    refusal: Option<Note>,
}

impl<'s> Laying<'_, 's> {
    /// Gives an input its value; for a choice, the key that counts.
    fn input(&mut self, name: &str, input: &'s Input) -> Option<Value> {
        match &input.kind {
            Kind::Socket => None,
            Kind::Grow(growth) => {
                self.grown(name, growth);
                None
            }
            kind => {
                let own = self.take(name, input);
                let mut value = self.outer_value(name).or_else(|| own.clone());
                if input.type_name == COMPARED {
                    value = beginning(input);
                }
                if matches!(kind, Kind::Choice(_)) && value != own && self.refusal.is_none() {
                    self.refusal = Some(Note::of_input(
                        self.id,
                        name,
                        "choice_from_outside",
                        format!(
                            "The subgraph sets `{name}` to another choice than the one whose inputs were saved. Open the workflow in ComfyUI, choose it there again and save."
                        ),
                    ));
                }
                self.fill(name, kind, value.clone());
                value
            }
        }
    }

    /// The saved value, else what the editor would begin with.
    fn take(&mut self, name: &str, input: &'s Input) -> Option<Value> {
        let saved = match &self.values {
            Some(values) => {
                let value = values.get(self.next).cloned();
                self.next += 1;
                if input.has_control {
                    self.control(name);
                    // A list has a filter beside its control.
                    let skipped = if matches!(input.kind, Kind::Combo { .. }) {
                        2
                    } else {
                        1
                    };
                    self.next += skipped;
                }
                value
            }
            None => self.node.value(0, name).cloned(),
        };
        match saved {
            Some(value) => {
                if !may_be(&value, &input.kind) {
                    self.misfits += 1;
                    self.laid.notes.push(Note::of_input(
                        self.id,
                        name,
                        "wrong_type",
                        format!(
                            "The saved value `{}` is not {}.",
                            quoted(&value),
                            wanted(&input.kind)
                        ),
                    ));
                }
                Some(value)
            }
            None => {
                self.unsaved.push(name.to_owned());
                beginning(input)
            }
        }
    }

    /// What stands in the place of a seed's control must be one.
    fn control(&mut self, name: &str) {
        let values = self.values.as_deref().unwrap_or_default();
        let found = values.get(self.next);
        let is_one = match found {
            None | Some(Value::Bool(_) | Value::Null) => true,
            Some(value) => value.as_str().is_some_and(|text| CONTROLS.contains(&text)),
        };
        if let (false, Some(found)) = (is_one, found) {
            self.misfits += 1;
            self.laid.notes.push(Note::of_input(
                self.id,
                name,
                "values_shifted",
                format!(
                    "Behind `{name}` the editor saves what becomes of it after a run; the file has `{}` there. It was saved by another version of the node.",
                    quoted(found)
                ),
            ));
        }
    }

    /// Those that grow are linked, but for what the file says to be a widget.
    fn grown(&mut self, name: &str, growth: &'s Growth) {
        if !growth.of.is_widget() {
            return;
        }
        let prefix = format!("{name}.");
        let names: Vec<String> = self
            .node
            .inputs
            .iter()
            .filter(|slot| slot.widget.is_some() && slot.name.starts_with(&prefix))
            .map(|slot| slot.name.clone())
            .collect();
        for name in names {
            let own = self.take(&name, &growth.of);
            let value = self.outer_value(&name).or(own);
            self.fill(&name, &growth.of.kind, value);
        }
    }

    fn fill(&mut self, name: &str, kind: &'s Kind, value: Option<Value>) {
        if matches!(kind, Kind::Taken) && self.refusal.is_none() {
            self.refusal = Some(Note::of_input(
                self.id,
                name,
                "made_in_browser",
                format!(
                    "`{name}` of `{}` is made in the browser when the workflow is queued there. Save the picture or sound as a file and load it with a node for files.",
                    self.node.class
                ),
            ));
        }
        self.laid.filled.push(Filled {
            name: name.to_owned(),
            kind,
            value,
        });
    }

    fn outer_value(&self, name: &str) -> Option<Value> {
        self.shown.and_then(|shown| shown.get(name)).cloned()
    }

    fn end(mut self, class: &'s Class, schema: &Schema) -> Result<Laid<'s>, Note> {
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        if self.node.class == LIST_OF_ONE_S_OWN {
            self.own_list();
            return Ok(self.laid);
        }
        let values = self.values.as_deref().unwrap_or_default();
        let left = values.get(self.next..).unwrap_or_default();
        let unknown = left.iter().skip(kept_behind(&self.node.class, class));
        let unknown = unknown.filter(|value| !value.is_null()).count();
        if unknown > 0 {
            if let Some(input) = self.maybe_a_widget(class, schema) {
                return Err(Note::of_input(
                    self.id,
                    &input.name,
                    "values_ambiguous",
                    format!(
                        "The file has {} values for `{}`, which has {} widgets. `{}` of type {} may be one that only its own editor part knows, so the values cannot be told apart. Export the workflow from ComfyUI in API format.",
                        values.len(),
                        self.node.class,
                        self.next,
                        input.name,
                        input.type_name
                    ),
                ));
            }
            if self.misfits > 0 {
                return Err(self.shifted(values.len()));
            }
            self.laid.notes.push(Note::of_node(
                self.id,
                "values_left_over",
                format!(
                    "The last {unknown} saved values belong to no input of `{}` and are left out.",
                    self.node.class
                ),
            ));
        }
        if !self.unsaved.is_empty() && self.values.is_some() && !values.is_empty() {
            self.laid.notes.push(Note::of_node(
                self.id,
                "value_not_saved",
                format!(
                    "The file has no value for `{}`; the node's own beginning is taken.",
                    self.unsaved.join("`, `")
                ),
            ));
        }
        Ok(self.laid)
    }

    fn shifted(&self, count: usize) -> Note {
        let why = self.laid.notes.first().map_or("", |note| &note.message);
        Note::of_node(
            self.id,
            "values_shifted",
            format!(
                "The {count} saved values do not fit `{}` as this server has it: {why} Open the workflow in ComfyUI, check the node and save it again, or export it in API format.",
                self.node.class
            ),
        )
    }

    /// A socket of a type that no class gives, with nothing linked to it: perhaps a widget of somebody's own making.
    fn maybe_a_widget<'c>(&self, class: &'c Class, schema: &Schema) -> Option<&'c Input> {
        class.inputs.iter().find(|input| {
            let slot = self.node.inputs.iter().find(|slot| slot.name == input.name);
            matches!(input.kind, Kind::Socket)
                && !input.is_forced
                && slot.is_none_or(|slot| slot.link.is_none())
                && input.type_name != "*"
                && !input
                    .type_name
                    .split(',')
                    .any(|kind| schema.given.contains(kind.trim()))
        })
    }

    /// Behind the choice: its number, then the list.
    fn own_list(&mut self) {
        const TEXT: &Kind = &Kind::Text { chosen: false };
        let values = self.values.take().unwrap_or_default();
        let chosen = self
            .laid
            .filled
            .first()
            .and_then(|filled| filled.value.clone());
        let mut rest = values.into_iter().skip(self.next);
        let saved = rest.next();
        let options: Vec<Value> = rest.collect();
        let number = options
            .iter()
            .position(|option| Some(option) == chosen.as_ref());
        let number = number.map(|at| json!(at)).or(saved);
        let names = (1..=options.len()).map(|at| format!("option{at}"));
        let all = std::iter::once(("index".to_owned(), number))
            .chain(names.zip(options.into_iter().map(Some)));
        for (name, value) in all {
            self.fill(&name, TEXT, value);
        }
    }
}

/// Old files have values for inputs that have become sockets since.
fn without_forced(node: &Node, class: &Class) -> Option<Vec<Value>> {
    let Values::InOrder(values) = &node.values else {
        return matches!(node.values, Values::None).then(Vec::new);
    };
    let places: Vec<bool> = class
        .inputs
        .iter()
        .filter(|input| input.is_widget() || input.is_forced)
        .flat_map(|input| {
            let control = input.has_control.then_some(false);
            std::iter::once(input.is_forced).chain(control)
        })
        .collect();
    if places.len() != values.len() || !places.contains(&true) {
        return Some(values.clone());
    }
    let kept = values.iter().zip(places).filter(|(_, forced)| !forced);
    Some(kept.map(|(value, _)| value.clone()).collect())
}

/// What the editor begins with where nothing was saved.
fn beginning(input: &Input) -> Option<Value> {
    let usual = match &input.kind {
        Kind::Integer(_) | Kind::Number(_) => Some(json!(0)),
        Kind::Boolean => Some(json!(false)),
        Kind::Text { .. } => Some(json!("")),
        Kind::Combo { options, .. } => options.first().cloned(),
        Kind::Choice(branches) => branches.first().map(|branch| branch.key.clone()),
        Kind::Drawn if input.type_name == COMPARED => Some(json!(["", ""])),
        Kind::Drawn | Kind::Taken | Kind::Socket | Kind::Grow(_) => None,
    };
    input.default.clone().or(usual)
}

/// Whether a saved value can be one of such a widget at all. Lists may have changed since, so that any word is one.
fn may_be(value: &Value, kind: &Kind) -> bool {
    match kind {
        _ if value.is_null() => true,
        Kind::Integer(_) | Kind::Number(_) => {
            value.is_number()
                || value
                    .as_str()
                    .is_some_and(|text| text.trim().parse::<f64>().is_ok())
        }
        Kind::Boolean => value.is_boolean() || matches!(value.as_u64(), Some(0 | 1)),
        Kind::Text { .. } => !value.is_boolean(),
        Kind::Combo { several, .. } => !value.is_object() && (*several || !value.is_array()),
        Kind::Choice(_) => !value.is_object() && !value.is_array(),
        Kind::Drawn | Kind::Taken | Kind::Socket | Kind::Grow(_) => true,
    }
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Integer(_) => "a whole number",
        Kind::Number(_) => "a number",
        Kind::Boolean => "true or false",
        Kind::Text { .. } => "a text",
        _ => "one of a list",
    }
}
