//! What is said about a node: a warning of the converter, a fault of the check, a reason to refuse.
//!
//! Each names its node, the input where there is one, a code for programs and a sentence for people.

use serde::Serialize;

use super::bounds::{NOTES_MAX, QUOTED_CHARS_MAX};

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Note {
    /// The node's id in the graph, `host:inner` inside a subgraph; empty for the workflow as a whole.
    pub(super) node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Note {
    pub(super) fn of_node(node: &str, code: &'static str, message: String) -> Self {
        Self {
            node: node.to_owned(),
            input: None,
            code,
            message,
        }
    }

    pub(super) fn of_input(node: &str, input: &str, code: &'static str, message: String) -> Self {
        Self {
            input: Some(input.to_owned()),
            ..Self::of_node(node, code, message)
        }
    }
}

/// Remarks in bounds, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Notes {
    kept: Vec<Note>,
    left_out: usize,
}

impl Notes {
    pub(super) fn push(&mut self, note: Note) {
        if self.kept.len() < NOTES_MAX {
            self.kept.push(note);
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The nodes that are named.
    pub(super) fn nodes(&self) -> impl Iterator<Item = String> {
        self.kept.iter().map(|note| note.node.clone())
    }

    /// All of them, and a last one that counts what was left out.
    pub(super) fn into_vec(self) -> Vec<Note> {
        let mut all = self.kept;
        if self.left_out > 0 {
            all.push(Note::of_node(
                "",
                "left_out",
                format!("{} more are left out.", self.left_out),
            ));
        }
        all
    }
}

/// A value as it is quoted in a message.
pub(super) fn quoted(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    shortened(&text)
}

/// A stranger's text in bounds.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
