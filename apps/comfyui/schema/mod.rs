//! What the nodes of a server take and give, from its `/object_info`.
//!
//! In comes that answer of any version since 0.3, whole or in part; out come classes with their inputs in the order in
//! which the editor lays them out. What has an unknown form is a socket, which only a link can fill. It knows nothing of
//! workflows.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

mod read;

pub(super) use read::read;

/// The classes of one server.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) classes: HashMap<String, Class>,
    /// Every type that some class gives.
    pub(super) given: HashSet<String>,
}

#[derive(Debug)]
pub(super) struct Class {
    /// The name that people read.
    pub(super) title: String,
    pub(super) inputs: Vec<Input>,
    /// The types of what it gives.
    pub(super) outputs: Vec<String>,
    /// Whether a run ends in it: it saves or shows something.
    pub(super) is_end: bool,
    /// Whether each run is paid for.
    pub(super) costs: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) kind: Kind,
    /// As the server names it: a word, or several with commas.
    pub(super) type_name: String,
    pub(super) default: Option<Value>,
    /// The editor keeps beside it what becomes of it after a run.
    pub(super) has_control: bool,
    /// Widgets that the editor adds for it behind all others: a button to load a file, a player.
    pub(super) buttons: usize,
    /// Once typed in, since then only linked.
    pub(super) is_forced: bool,
}

/// How an input is filled.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// By a link alone.
    Socket,
    Integer(Range),
    Number(Range),
    Boolean,
    /// `chosen`: the editor replaces `{a|b}` by one of them.
    Text {
        chosen: bool,
    },
    /// One of a list; `open`: the list is not whole, the server knows more.
    Combo {
        options: Vec<Value>,
        open: bool,
        several: bool,
    },
    /// One of a list, each with inputs of its own.
    Choice(Vec<Branch>),
    /// As many as are linked.
    Grow(Box<Growth>),
    /// A widget that only the editor draws: a colour, a curve, a box.
    Drawn,
    /// A picture that is taken in the browser when the workflow is queued.
    Taken,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

/// One key of a choice, with what it asks for.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) key: Value,
    pub(super) inputs: Vec<Input>,
}

#[derive(Clone, Debug)]
pub(super) struct Growth {
    pub(super) of: Input,
    pub(super) names: Vec<String>,
    /// So many of them are required.
    pub(super) min: usize,
}

impl Input {
    /// Whether the editor keeps a value for it.
    pub(super) fn is_widget(&self) -> bool {
        !matches!(self.kind, Kind::Socket | Kind::Grow(_))
    }
}

impl Class {
    /// Goes through all inputs in their order, those within choices with their whole names. `chosen` is asked for each
    /// and says, for a choice, which key counts.
    pub(super) fn walk<'s>(&'s self, chosen: &mut dyn FnMut(&str, &'s Input) -> Option<Value>) {
        walk(&self.inputs, "", chosen);
    }
}

fn walk<'s>(
    inputs: &'s [Input],
    prefix: &str,
    chosen: &mut dyn FnMut(&str, &'s Input) -> Option<Value>,
) {
    for input in inputs {
        let name = format!("{prefix}{}", input.name);
        let key = chosen(&name, input);
        if let (Kind::Choice(branches), Some(key)) = (&input.kind, key)
            && let Some(branch) = branches.iter().find(|branch| branch.key == key)
        {
            walk(&branch.inputs, &format!("{name}."), chosen);
        }
    }
}

/// Whether what has the one type may go where the other is wanted: a common word, or anything on one side.
pub(super) fn fits(given: &str, wanted: &str) -> bool {
    let any = |kind: &str| kind.is_empty() || kind == "*" || kind == "0";
    if any(given) || any(wanted) {
        return true;
    }
    given.split(',').any(|one| {
        wanted
            .split(',')
            .any(|other| one.trim().eq_ignore_ascii_case(other.trim()))
    })
}

#[cfg(test)]
mod tests;
