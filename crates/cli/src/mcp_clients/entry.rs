//! What is written into a client's file: the entry of this Kapelle, in the client's form.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::table::Form;

/// The name under which clients know us.
pub(crate) const NAME: &str = "kapelle";

/// The variable that an entry sets, and that is taken out again when it is not needed.
pub(crate) const HOME_VARIABLE: &str = "KAPELLE_HOME";

/// How the server is started.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    /// The home folder, when it is not the usual one.
    pub(crate) home: Option<String>,
}

impl Entry {
    pub(crate) fn new(command: &Path, app: Option<&str>, home: Option<&Path>) -> Self {
        let mut args = vec!["mcp".to_owned()];
        if let Some(app) = app {
            args.extend(["--app".to_owned(), app.to_owned()]);
        }
        Self {
            command: command.display().to_string(),
            args,
            home: home.map(|home| home.display().to_string()),
        }
    }

    /// The members that are ours, in the order in which they are written.
    pub(crate) fn members(&self, form: Form) -> Map<String, Value> {
        let mut members = Map::new();
        if form == Form::Opencode {
            let whole: Vec<&String> = std::iter::once(&self.command).chain(&self.args).collect();
            members.insert("type".into(), "local".into());
            members.insert("command".into(), json!(whole));
            members.insert("enabled".into(), true.into());
        } else {
            if matches!(form, Form::TypedJson(_)) {
                members.insert("type".into(), "stdio".into());
            }
            members.insert("command".into(), self.command.clone().into());
            members.insert("args".into(), json!(self.args));
        }
        if let Some(home) = &self.home {
            members.insert(env_member(form).into(), json!({ HOME_VARIABLE: home }));
        }
        members
    }
}

/// Where a form keeps the environment.
pub(crate) fn env_member(form: Form) -> &'static str {
    if form == Form::Opencode {
        "environment"
    } else {
        "env"
    }
}
