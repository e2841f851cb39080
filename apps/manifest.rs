//! `app.toml`: what an app is, as its folder says it. Written once, read here and by its tests.

use serde::Deserialize;
use serde_json::Value;

/// The members that are needed at run time; the rest is for people and for tests.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    /// As callers write it, for example `toy`.
    pub(crate) id: String,
    /// As people write it, for example `Toy`.
    pub(crate) title: String,
    /// Nothing for an app that the hub reaches without code inside it.
    pub(crate) bridge: Option<Bridge>,
    #[serde(default)]
    pub(crate) launch: Launch,
}

/// How a copy is started.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Launch {
    /// What only this app understands, in the form of a command's arguments.
    #[serde(default)]
    options: toml::map::Map<String, toml::Value>,
}

impl Launch {
    /// The JSON Schema of the options.
    ///
    /// # Panics
    /// When they cannot be used, which a test of the app would have seen.
    #[must_use]
    pub(crate) fn options(&self) -> Value {
        wire::command::schema_of_args("app.toml: launch", self.options.clone())
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The code inside the app.
#[derive(Debug, Deserialize)]
pub(crate) struct Bridge {
    /// The name of its Python package at run time.
    pub(crate) package: String,
}

impl Manifest {
    /// Reads the text that was embedded.
    ///
    /// # Panics
    /// When it is no manifest, which a test of the app would have seen.
    #[must_use]
    pub(crate) fn read(text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("app.toml: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_whatever_else_stands_in_it() {
        let manifest = Manifest::read(
            "id = \"toy\"\ntitle = \"Toy\"\nsummary = \"none\"\n[bridge]\npackage = \"kapelle_toy\"\nversion = \"1.2.3\"\ndials = true\n[quality]\nundo = { state = \"done\" }\n",
        );
        assert_eq!(
            (manifest.id.as_str(), manifest.title.as_str()),
            ("toy", "Toy")
        );
        assert_eq!(manifest.bridge.unwrap().package, "kapelle_toy");
    }
}
