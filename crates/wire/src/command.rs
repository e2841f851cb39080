//! What an app can do: one description of each command.
//!
//! In comes either a `commands/<noun>.toml` (our apps; the form is in
//! `docs/reference/command-format.md`) or a [`CommandSpec`] as JSON (announced by a bridge). Out goes a
//! [`CommandSpec`] whose arguments are a JSON Schema: HTTP, OpenAPI, the terminal's help and the
//! reference pages are made from it. Arguments are not checked here; the hub's catalog does that.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

mod lower;
pub mod role;

pub use lower::{DescriptionError, schema_of_args};

/// What a command may do. Later ones include what the earlier ones may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Looks, changes nothing.
    Read,
    /// Changes things in a way that can be undone.
    Write,
    /// Loses things: deletes, overwrites, closes.
    Destructive,
    /// Runs anybody's code.
    Code,
}

impl Effect {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::Code => "code",
        }
    }
}

/// Whether a command may run twice with the same arguments: it leaves then what once would have left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Repeatable {
    /// Whatever its arguments are.
    Flat(bool),
    /// When these arguments have these values; a list stands for any of its values.
    When(Map<String, Value>),
}

impl Default for Repeatable {
    fn default() -> Self {
        Self::Flat(false)
    }
}

impl Repeatable {
    /// `args`: with their defaults filled in.
    #[must_use]
    pub fn with(&self, args: &Map<String, Value>) -> bool {
        let fits = |(name, wanted): (&String, &Value)| match (args.get(name), wanted) {
            (Some(value), Value::Array(any)) => any.contains(value),
            (value, wanted) => value == Some(wanted),
        };
        match self {
            Self::Flat(may) => *may,
            Self::When(wanted) => wanted.iter().all(fits),
        }
    }
}

/// Who runs a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// An instance of the app.
    #[default]
    Instance,
    /// The hub's side of the app; it needs no instance, and may start some.
    Hub,
}

impl Runs {
    #[must_use]
    pub fn is_instance(&self) -> bool {
        *self == Self::Instance
    }
}

/// A described, checked action of an app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// `noun.verb`
    pub name: String,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    pub effect: Effect,
    /// A JSON Schema (2020-12) of an object.
    pub args: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Map<String, Value>>,
    /// How long it may run when the caller does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Does not wait for the calls before it.
    #[serde(default)]
    pub concurrent: bool,
    /// Whether it may run twice: after a crash nobody may know how far it came.
    #[serde(default)]
    pub repeatable: Repeatable,
    #[serde(default, skip_serializing_if = "Runs::is_instance")]
    pub runs: Runs,
    /// What the command is for, in every app that has such a command: doors ask for a [`role`], never for a command's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Words that people use for it and that its name and summary lack; for finding it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
}

impl CommandSpec {
    #[must_use]
    pub fn noun(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// The properties of the argument schema, in their described order.
    pub fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.args
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }

    #[must_use]
    pub fn is_required(&self, argument: &str) -> bool {
        self.args
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|name| name == argument))
    }

    #[must_use]
    pub fn takes(&self, argument: &str) -> bool {
        self.properties().any(|(name, _)| name == argument)
    }

    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.role.as_deref() == Some(role)
    }

    /// The schema of a command that takes nothing.
    #[must_use]
    pub fn no_args() -> Value {
        json!({"type": "object", "properties": {}, "additionalProperties": false})
    }
}
